"""How a command runs and ends: its exit status, and the one line of a Failure, of an error or of a signal."""

import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from lib.problem import Problem
from lib.report import Failure, Report, say


def run(verb: str, main: Callable[[], None]) -> NoReturn:
    """Run MAIN as the command VERB and exit: 0 only if it returned. A Failure becomes its sentence."""
    stop_as(verb)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    code = 1
    try:
        main()
        code = 0
    except Failure as failure:
        say(f"{verb}: {failure}")
    except BrokenPipeError:
        pass  # the reader went away (`make list | head`): nothing is left to say, and to nobody
    except OSError as error:
        say(f"{verb}: {_system_sentence(error)}")
    with suppress(BrokenPipeError):
        sys.stdout.flush()
    os._exit(code)  # a transfer in another thread is not waited for: what it leaves is what a kill leaves


def run_reported(verb: str, main: Callable[[Report], tuple[str, str]]) -> NoReturn:
    """Run MAIN as the command VERB with a Report, which also tells of a Failure that ended it early.

    MAIN returns the sentences that close the report: one if there was no problem, one if there was.
    """

    def reported() -> None:
        said = Report(verb)
        try:
            sentences = main(said)
        except Failure as failure:
            said.problems.append(Problem("", "command", "failed", detail=str(failure)))
            sentences = ("", str(failure))
        said.close(*sentences)

    run(verb, reported)


def stop_as(verb: str) -> None:
    """From now on SIGINT and SIGTERM end this process at once, with one line of the command VERB."""

    def stop(*_: object) -> NoReturn:
        for number in (signal.SIGINT, signal.SIGTERM):  # the second of two, as from a group and from a parent's end
            signal.signal(number, signal.SIG_IGN)
        bar = "\r\x1b[K" if sys.stderr.isatty() else ""
        os.write(2, f"{bar}{verb}: stopped; run the same command again to go on\n".encode())
        os._exit(1)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def _end_with_parent(parent: int) -> None:
    # A shell that is killed while it waits for this does not end it, and the clone's turn is over with the shell.
    while os.getppid() == parent:
        time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGTERM)


def _system_sentence(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "no space is left on the disk; free some, then run the same command again to go on"
    where = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or error}{where}; nothing that was there is lost, run the same command again to go on"

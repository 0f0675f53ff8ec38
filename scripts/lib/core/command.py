"""How a command runs and ends: its exit status, and the one line for a `Failure`, a system error or a signal."""

import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from lib.core import arguments
from lib.core.console import remark
from lib.core.errors import Failure
from lib.core.finding import Finding
from lib.core.report import Report


def run(verb: str, main: Callable[[], None], judges: bool = False) -> NoReturn:
    """Run `main` as the command `verb` and exit: with 0 only if it returned. A `Failure` becomes its sentence."""
    _stop_on_signals(verb)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    code = 1
    try:
        arguments.timeout()  # raises `Failure`
        main()
        code = 0
    except Failure as failure:
        remark(str(failure))
    except BrokenPipeError:
        code = int(judges)  # the reader has what it wanted (`make list | head`)
    except OSError as error:
        remark(_system_sentence(error))
    with suppress(OSError):
        sys.stdout.flush()
    os._exit(code)  # transfers in other threads are not waited for; they leave what a kill would leave


def run_reported(verb: str, main: Callable[[Report], tuple[str, str]], judges: bool) -> NoReturn:
    """Run `main` as the command `verb` with a Report, which also holds a `Failure` that ended it early.

    One that `judges` fails where its reader leaves early: what was not said may have been a finding.

    `main` returns the two sentences that may close the report: for a run without findings, and for one with some.
    """

    def reported() -> None:
        report = Report(verb)  # raises `Failure` for a FORMAT or REPORT that cannot be
        try:
            sentences = main(report)
        except BrokenPipeError:
            raise
        except (Failure, OSError) as error:
            sentences = ("", _system_sentence(error) if isinstance(error, OSError) else str(error))
            report.findings.append(Finding("", "command", "failed", detail=sentences[1]))
        report.close(*sentences)

    run(verb, reported, judges)


def _stop_on_signals(verb: str) -> None:
    # SIGINT and SIGTERM end this process at once, with one line.
    def stop(*_: object) -> NoReturn:
        for number in (signal.SIGINT, signal.SIGTERM):  # a second one may come from the group or the parent's end
            signal.signal(number, signal.SIG_IGN)
        bar = "\r\x1b[K" if sys.stderr.isatty() else ""
        os.write(2, f"{bar}{verb}: stopped; run the same command again to go on\n".encode())
        os._exit(1)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def _end_with_parent(parent: int) -> None:
    # A make that is killed does not end the command it was waiting for.
    while os.getppid() == parent:
        time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGTERM)


def _system_sentence(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "no space left on the disk; free some, then run the same command again to go on"
    where = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or error}{where}; fix that, then run the same command again to go on"

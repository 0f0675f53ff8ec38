"""How a command runs and ends: its exit status, and the one line for a `Failure`, a system error or a signal."""

import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from lib.core import arguments, console, text
from lib.core.errors import FULL, Failure
from lib.core.report import Report

STOPS = (signal.SIGINT, signal.SIGTERM)

warnings.simplefilter("ignore")  # those of libraries, as of Google's about an older Python: a fault is a `Failure`


def run(load: Callable[[], Callable], needs_reader: bool) -> NoReturn:
    """Run the function that `load` returns, with a Report if it takes one, and exit: with 0 only if it returned.

    A `Failure` is printed as its sentence. With `needs_reader`, a closed pipe is an error too: a finding may be missed.
    """
    _open_streams()
    for number in STOPS:
        signal.signal(number, _stop)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    code = 1
    try:
        arguments.timeout()  # refuses a bad TIMEOUT before anything runs
        main = load()
        if main.__code__.co_argcount:
            _reported(main)
        else:
            main()
        code = 0
    except Failure as failure:
        console.remark(str(failure))
    except BrokenPipeError:
        code = int(needs_reader)
        if needs_reader:
            with suppress(OSError):  # standard error may be that pipe, too
                console.remark("stopped, since nobody reads its output any more; run the same command again")
    except (OSError, ModuleNotFoundError) as error:
        console.remark(_system_sentence(error))
    with suppress(OSError):
        sys.stdout.flush()
    os._exit(code)  # does not wait for transfers in other threads; they end as in a kill


def _open_streams() -> None:
    """Lead each standard stream that was closed, as by `>&-`, nowhere, also for Git; a file would get its number."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            os.set_inheritable(handle := os.open(os.devnull, os.O_RDWR), True)
            setattr(sys, name, os.fdopen(handle, "w"))


def _reported(main: Callable[[Report], tuple[str, str]]) -> None:
    """Run `main` with a Report, and close that with the sentences `main` returns: for no findings, and for some.

    A `Failure` or OSError that ends `main` early becomes a finding.
    """
    report = Report(console.VERB)  # refuses a bad FORMAT or REPORT
    try:
        sentences = main(report)
    except BrokenPipeError:
        raise
    except (Failure, OSError) as error:
        sentences = ("", _system_sentence(error) if isinstance(error, OSError) else str(error))
        report.ended(sentences[1])
    report.close(*sentences)


def _stop(*_: object) -> NoReturn:
    for number in STOPS:  # a second signal may come from the process group, or as make ends
        signal.signal(number, signal.SIG_IGN)
    bar = "\r\x1b[K" if sys.stderr.isatty() else ""
    os.write(2, f"{bar}{console.VERB}: stopped; run the same command again to continue\n".encode())
    os._exit(1)


def _end_with_parent(parent: int) -> None:
    # Killing make does not end the command that it waits for.
    while os.getppid() == parent:
        time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGTERM)


def _system_sentence(error: OSError | ModuleNotFoundError) -> str:
    if isinstance(error, ImportError):  # an upgrade of the system may have put a newer Python where that of .venv was
        return f"{error} in .venv, which may be of another Python; type: make clean, then run the same command again"
    if error.errno in FULL:
        return "no space left on the disk; free some, then run the same command again to continue"
    return f"{text.fault(error)}; fix that, then run the same command again to continue"

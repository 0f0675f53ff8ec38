"""How a result is said. The one module under lib/ that prints, and the one place where a Failure ends."""

import os
import sys
from collections.abc import Callable
from contextlib import contextmanager
from typing import NoReturn


class Failure(Exception):
    """What is wrong, and what to type, as one finished sentence: `what is wrong: 'value'; what to type`."""


def run(verb: str, main: Callable[[], int | None]) -> NoReturn:
    """Run MAIN as the command VERB and exit: 0 only if it returned 0 or None. A Failure becomes its sentence."""
    try:
        sys.exit(main())
    except Failure as failure:
        say(f"{verb}: {failure}")
    except BrokenPipeError:
        # The reader went away (`make list | head`): nothing is left to say, and to nobody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        say(f"{verb}: stopped; run the same command again to go on")
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        say(f"{verb}: {error.strerror or error}{where}")
    sys.exit(1)


def say(line: str) -> None:
    """One line for the person who watches, on standard error."""
    print(line, file=sys.stderr, flush=True)


def note(line: str | None) -> None:
    """Say LINE if there is one."""
    if line:
        say(line)


def result(line: str) -> None:
    """One line of what was asked for, on standard output."""
    print(line, flush=True)


def size(count: int) -> str:
    """COUNT bytes for a person: 855 B, 24.4 GB (powers of 1000, as disks and the Hub count)."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if round(amount, 1) < 1000:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def plural(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def tally(models: int, files: int, total: int) -> str:
    """`3 models, 41 files, 24.4 GB`. TOTAL in bytes."""
    return f"{plural(models, 'model')}, {plural(files, 'file')}, {size(total)}"


@contextmanager
def progress(label: str, total: int):
    """Yield a function that takes the number of bytes just done; a bar of TOTAL bytes on a terminal, else nothing."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from tqdm import tqdm

    with tqdm(desc=label, total=total, unit="B", unit_scale=True, leave=False, dynamic_ncols=True) as bar:
        yield bar.update

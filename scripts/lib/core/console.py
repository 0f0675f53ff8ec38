"""How a command speaks: results on standard output, everything else on standard error."""

import sys
from contextlib import contextmanager

from lib.core import arguments

_speaker = [""]


def speak_as(verb: str) -> None:
    """From now on this process is the command `verb`."""
    _speaker[0] = verb


def verb() -> str:
    """The command that this process is."""
    return _speaker[0]


def remark(line: str) -> None:
    """One line of this command for the person who watches."""
    say(f"{verb()}: {line}")


def say(line: str) -> None:
    """One line for the person who watches."""
    sys.stderr.write(f"{line}\n")  # print() writes the line break separately: another process may come between
    sys.stderr.flush()


def note(line: str | None) -> None:
    """Say `line`, if there is one."""
    if line:
        say(line)


def result(line: str) -> None:
    """One line of what was asked for; for the person who watches if standard output is asked to be a document."""
    print(line, flush=True, file=sys.stderr if arguments.value("FORMAT") else sys.stdout)


def document(text: str) -> None:
    """What a program reads from standard output."""
    print(text, flush=True)


@contextmanager
def progress(label: str, total: int):
    """Yield a function that takes the number of bytes just done; on a terminal it moves a bar of `total` bytes."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from tqdm import tqdm

    with tqdm(desc=label, total=total, unit="B", unit_scale=True, leave=False, dynamic_ncols=True) as bar:
        yield bar.update

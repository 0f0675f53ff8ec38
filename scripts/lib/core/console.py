"""How a command speaks: results on standard output, everything else on standard error."""

import os
import sys
import threading
import time
from contextlib import contextmanager
from functools import lru_cache

from lib.core import arguments, text

EVERY = float(os.environ.get("PROGRESS_SECONDS", "30"))  # between two lines of progress
_started = time.monotonic()
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


@lru_cache
def note(line: str | None) -> None:
    """Say `line`, if there is one, once."""
    if line:
        say(line)


def result(line: str) -> None:
    """One line of what was asked for; for the person who watches if standard output is asked to be a document."""
    print(line, flush=True, file=sys.stderr if arguments.value("FORMAT") else sys.stdout)


def document(text: str) -> None:
    """What a program reads from standard output."""
    print(text, flush=True)


def took() -> str:
    """How long this command has been at work, to follow what it did; nothing within the first minute."""
    seconds = time.monotonic() - _started
    return f" in {text.duration(seconds)}" if seconds > 60 else ""


class _Lines:
    """Progress where no bar can be drawn, as in CI: a line now and then."""

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total, self.done = label, total, 0
        self.started = self.said = time.monotonic()
        self.lock = threading.Lock()  # files are brought side by side

    def update(self, count: int) -> None:
        with self.lock:
            self.done += count
            now = time.monotonic()
            if now - self.said < EVERY or not self.total:
                return
            self.said, rate = now, self.done / (now - self.started)
        left = text.duration(max(0, self.total - self.done) / rate) if rate else "unknown"
        amounts = f"{text.size(self.done)} of {text.size(self.total)}, {text.size(int(rate))}/s"
        remark(f"{self.label}: {amounts}, {left} left")


@contextmanager
def progress(label: str, total: int):
    """Yield a function that takes the number of bytes just done of `total`, which it shows: as a bar on a terminal."""
    environment = os.environ.get
    if not sys.stderr.isatty() or environment("TERM") in ("dumb", ""):
        yield _Lines(label, total).update
        return
    from tqdm import tqdm

    locale = environment("LC_ALL") or environment("LC_CTYPE") or environment("LANG") or ""
    style = {"leave": False, "dynamic_ncols": True, "ascii": "UTF" not in locale.upper()}
    with tqdm(desc=label, total=total, unit="B", unit_scale=True, **style) as bar:
        yield bar.update

"""How a command speaks: results on standard output, everything else on standard error."""

import os
import sys
import threading
import time
from contextlib import contextmanager

from lib.core import arguments, text

EVERY = float(os.environ.get("PROGRESS_SECONDS", "30"))  # between two lines of progress
VERB = sys.argv[-1]  # the command that this process is
LONG = 100_000_000  # bytes; work on fewer ends before a reader wonders
NUMBERS = 70  # columns of a bar and its figures
_on_their_way: list[str] = []
_noted: set[str] = set()
_noting = threading.Lock()
_started = time.monotonic()


def remark(line: str) -> None:
    say(f"{VERB}: {line}")


def say(line: str) -> None:
    """One line for the person who watches; `remark` names the command before it."""
    # By itself print() writes the line break separately: another process may come between.
    print(f"{text.visible(line)}\n", end="", file=sys.stderr, flush=True)


def note(line: str | None) -> None:
    """Say `line`, if there is one, once, however many threads ask for it."""
    with _noting:
        if line and line not in _noted:
            _noted.add(line)
            say(line)


def result(line: str) -> None:
    """One line of what was asked for; for the person who watches if standard output is asked to be a document."""
    print(text.visible(line), flush=True, file=sys.stderr if arguments.value("FORMAT") else sys.stdout)


def document(said: str) -> None:
    """What a program reads from standard output."""
    print(said, flush=True)


def took() -> str:
    """How long this command has been at work, to follow what it did; nothing within the first second."""
    seconds = time.monotonic() - _started
    return f", {text.duration(seconds)}" if seconds >= 1 else ""


@contextmanager
def on_its_way(file: str):
    """As long as this lasts, a bar names `file`, if there is room."""
    _on_their_way.append(file)
    try:
        yield
    finally:
        _on_their_way.remove(file)


def _named(room: int) -> str:
    """As many names of the files on their way as fit in `room` columns, and how many more there are."""
    names = [file.rpartition("/")[2] for file in _on_their_way.copy()]
    for count in range(len(names), 0, -1):
        more = f" and {len(names) - count} more" if count < len(names) else ""
        if len(line := ", ".join(names[:count]) + more) <= room:
            return line
    return ""


class _Lines:
    """Progress where no bar can be drawn, as in CI: a line as long work begins, then one now and then."""

    said = float("-inf")  # when the last line was said, of whatever work
    lock = threading.Lock()  # files are brought side by side

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total, self.done, self.started = label, total, 0, time.monotonic()
        if total >= LONG and self.started - _Lines.said >= EVERY:
            _Lines.said = self.started
            remark(f"{label}: {text.size(total)}")

    def update(self, count: int) -> None:
        with self.lock:
            self.done += count
            now = time.monotonic()
            if not self.total or now - max(_Lines.said, _started) < EVERY:
                return
            _Lines.said = now
            rate = self.done / (now - self.started)
        left = text.duration(max(0, self.total - self.done) / rate) if rate else "unknown"
        amounts = f"{text.size(self.done)} of {text.size(self.total)}, {text.size(int(rate))}/s"
        remark(f"{self.label}: {amounts}, {left} left")


@contextmanager
def progress(label: str, total: int):
    """Yield a function that takes the number of bytes just done of `total`, which it shows: as a bar on a terminal."""
    if not total or not sys.stderr.isatty() or os.environ.get("TERM") in ("dumb", ""):
        yield _Lines(label, total).update
        return
    from tqdm import tqdm

    locale = arguments.value("LC_ALL") or arguments.value("LC_CTYPE") or arguments.value("LANG")
    style = {"leave": False, "dynamic_ncols": True, "ascii": "UTF" not in locale.upper()}
    with tqdm(desc=label, total=total, unit="B", unit_scale=True, **style) as bar:

        def update(count: int) -> None:
            bar.set_postfix_str(_named((bar.ncols or 0) - len(label) - NUMBERS), refresh=False)
            bar.update(count)

        yield update

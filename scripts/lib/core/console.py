"""The output of a command: results on standard output, everything else on standard error."""

import os
import sys
import threading
import time
from contextlib import contextmanager

from lib.core import arguments, text

INTERVAL = float(os.environ.get("PROGRESS_SECONDS", "30"))  # seconds between two lines of progress
VERB = sys.argv[-1]  # the command that this process runs
LONG = 100_000_000  # bytes; less work than this is done before anyone waits for a line
BAR = 70  # columns of a bar and its figures
_on_their_way: list[str] = []
_noted: set[str] = set()
_noting = threading.Lock()
_started = time.monotonic()


def remark(line: str) -> None:
    say(f"{VERB}: {line}")


def say(line: str) -> None:
    """Print `line` on standard error; `remark` puts the command's name in front."""
    # print() would write its own line break separately, and output of another process could come in between.
    print(f"{text.visible(line)}\n", end="", file=sys.stderr, flush=True)


def note(line: str | None) -> None:
    """`say` this line, if there is one, but only the first time that any thread asks for it."""
    with _noting:
        if line and line not in _noted:
            _noted.add(line)
            say(line)


def result(line: str) -> None:
    """Print a line of the results: on standard output or, if FORMAT puts a document there, on standard error."""
    print(text.visible(line), flush=True, file=sys.stderr if arguments.value("FORMAT") else sys.stdout)


def took() -> str:
    """`, 42 s`: how long this command has run, to end a sentence with; empty in the first second."""
    seconds = time.monotonic() - _started
    return f", {text.duration(seconds)}" if seconds >= 1 else ""


@contextmanager
def on_its_way(file: str):
    """Name `file` in the progress bar for the duration of the block, if there is room."""
    _on_their_way.append(file)
    try:
        yield
    finally:
        _on_their_way.remove(file)


def _named(room: int) -> str:
    """Names of the files in transfer, as many as fit in `room` columns, and how many more there are; or empty."""
    names = [file.rpartition("/")[2] for file in _on_their_way.copy()]
    for count in range(len(names), 0, -1):
        more = f" and {len(names) - count} more" if count < len(names) else ""
        if len(line := ", ".join(names[:count]) + more) <= room:
            return line
    return ""


class _Lines:
    """Progress where no bar can be drawn, as in CI: a line when long work begins, then one every `INTERVAL` seconds."""

    said = float("-inf")  # when the last line was printed, for any work
    lock = threading.Lock()  # files are transferred in parallel; else an older line could come last

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total, self.done, self.started = label, total, 0, time.monotonic()
        if total >= LONG and self.started - _Lines.said >= INTERVAL:
            _Lines.said = self.started
            remark(f"{label}: {text.size(total)}")

    def update(self, count: int) -> None:
        with self.lock:
            self.done += count
            now = time.monotonic()
            if not self.total or now - max(_Lines.said, _started) < INTERVAL:
                return
            _Lines.said = now
            rate = self.done / (now - self.started)
            left = text.duration(max(0, self.total - self.done) / rate) if rate else "unknown"
            amounts = f"{text.size(self.done)} of {text.size(self.total)}, {text.size(int(rate))}/s"
            remark(f"{self.label}: {amounts}, {left} left")


@contextmanager
def progress(label: str, total: int):
    """Yield a function to call with the number of bytes just done, of `total`; on a terminal it draws a bar."""
    if not total or not sys.stderr.isatty() or os.environ.get("TERM") in ("dumb", ""):
        yield _Lines(label, total).update
        return
    from tqdm import tqdm

    locale = arguments.value("LC_ALL") or arguments.value("LC_CTYPE") or arguments.value("LANG")
    style = {"leave": False, "dynamic_ncols": True, "ascii": "UTF" not in locale.upper()}
    with tqdm(desc=label, total=total, unit="B", unit_scale=True, **style) as bar:

        def update(count: int) -> None:
            bar.set_postfix_str(_named((bar.ncols or 0) - len(label) - BAR), refresh=False)
            bar.update(count)

        yield update

"""The one road of bytes: wherever a file comes from, it is hashed as it arrives, resumed, retried and stopped alike."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lib.core.console import remark
from lib.core.digest import BLOCK, File, Hasher, Progress, Sink, buffer, of_file, read_into
from lib.core.text import size
from lib.transfer.retry import Broken, Retry

LATEST = 1.0  # seconds until bytes that have arrived are hashed and written, few as they may be


class Source(Protocol):
    """Where the bytes of one file come from; `title` is its name in a sentence."""

    title: str

    def stream(self, start: int) -> Iterator[bytes | memoryview]:
        """The file's bytes from the offset `start` on; each piece may be used until the next is asked for.

        Raises `Broken`, or anything else where no other try can help.
        """


@dataclass(frozen=True)
class Wanted:
    """One file to bring: `label` names it in a sentence, `size` is in bytes, `hashes` are fields of File."""

    label: str
    size: int
    hashes: tuple[str, ...]


@dataclass(frozen=True)
class Copy:
    """A file on this machine, as a `Source`."""

    path: Path
    title: str = "the copy on this machine"

    def stream(self, start: int) -> Iterator[memoryview]:
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(start)
                view = buffer(BLOCK)
                while count := file.readinto(view):
                    yield view[:count]
        except OSError as error:
            raise Broken(str(error)) from error


def bring(
    sources: Sequence[Source], want: Wanted, part: Path | None, progress: Progress, stop: threading.Event | None = None
) -> File:
    """The digests of `want`, from the first of `sources` that serves; it is kept at `part`, if there is one.

    What `part` holds already stays and is hashed. A source that fails hands over to the next at the same offset; the
    last is tried again. `stop` ends it early, and `part` stays for the next run. Raises `Failure`, OSError.
    """
    hasher, stop = Hasher(want.size, want.hashes), stop or threading.Event()
    if not part:
        _fill(hasher, sources, want, None, progress, stop)
        return hasher.digest()
    part.parent.mkdir(parents=True, exist_ok=True)
    if part.exists() and part.stat().st_size >= want.size:
        return of_file(part, want.hashes, progress)
    with part.open("a+b") as out:
        out.seek(0)
        read_into(hasher, out, progress)
        _fill(hasher, sources, want, out.write, progress, stop)
    return hasher.digest()


def _fill(
    hasher: Hasher,
    sources: Sequence[Source],
    want: Wanted,
    sink: Sink | None,
    progress: Progress,
    stop: threading.Event,
) -> None:
    """Feed `hasher` with the rest of the file, which goes to `sink` too if there is one. Raises `Failure`, OSError."""
    retry, left = Retry(want.label), list(sources)
    while hasher.size < want.size and not stop.is_set():
        try:
            with closing(_gathered(_exactly(left[0], hasher.size, want.size))) as chunks:
                for chunk in chunks:
                    hasher.update(chunk, sink)
                    progress(len(chunk))
                    retry.progress()
                    if stop.is_set():
                        break
        except Broken as fault:
            if len(left) == 1:
                retry.wait(fault)
                continue
            gone = left.pop(0)
            remark(f"{want.label}: {gone.title}: {fault}; continuing at {size(hasher.size)} from {left[0].title}")


def _exactly(source: Source, at: int, stop: int) -> Iterator[bytes | memoryview]:
    """What `source` gives from the offset `at` on, which must end at `stop`. Raises `Broken` if it does not."""
    with closing(source.stream(at)) as stream:
        for chunk in stream:
            at += len(chunk)
            if at > stop:
                raise Broken("sent more bytes than the file has")
            yield chunk
    if at < stop:
        raise Broken("ended before the last byte")


def _gathered(chunks: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """What `chunks` gives, small ones together, for the digests of a large one are computed side by side."""
    held, since = bytearray(), 0.0
    with closing(chunks):
        try:
            for chunk in chunks:
                if not held:
                    if len(chunk) >= BLOCK:
                        yield chunk
                        continue
                    since = time.monotonic()
                held += chunk
                if len(held) >= BLOCK or time.monotonic() - since > LATEST:
                    yield held
                    held = bytearray()
        except Broken:
            if held:
                yield held
            raise
        if held:
            yield held

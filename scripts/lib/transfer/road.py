"""The one road of bytes: a file from any source is hashed as it arrives, resumed, retried and stopped the same way."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Protocol

from lib.core.console import remark
from lib.core.digest import BLOCK, File, Hasher, Progress, Sink, buffer, of_file, read_into
from lib.core.text import size
from lib.transfer.retry import Broken, Retry


class Source(Protocol):
    """Where the bytes of one file come from; `title` names it in messages."""

    title: str

    def stream(self, start: int) -> Iterator[bytes | memoryview]:
        """Yield the file's bytes from offset `start` on, in chunks that are valid until the next one is requested.

        Raises `Broken` if another try may help, something else if not.
        """


@dataclass(frozen=True)
class Wanted:
    """One file to transfer: `label` names it in messages, `size` is in bytes, `hashes` are fields of `File`."""

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
    sources: Sequence[Source], want: Wanted, part: Path | None, progress: Progress, stop: Event | None = None
) -> File:
    """Transfer the file `want` from the first of `sources`, to `part` if given; returns the digests of what arrived.

    Bytes already in `part` are kept and hashed. If a source breaks, the next one continues at the same offset; the last
    one is retried. `stop` ends the transfer early; `part` then stays for the next run. Raises `Failure`, OSError.
    """
    hasher, stop = Hasher(want.size, want.hashes), stop or Event()
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
    hasher: Hasher, sources: Sequence[Source], want: Wanted, sink: Sink | None, progress: Progress, stop: Event
) -> None:
    """Feed the rest of the file to `hasher` and, if given, to `sink`. Raises `Failure`, OSError."""
    retry, left = Retry(want.label), list(sources)
    while hasher.size < want.size and not stop.is_set():
        try:
            with closing(left[0].stream(hasher.size)) as chunks:
                for chunk in chunks:
                    if hasher.size + len(chunk) > want.size:
                        raise Broken("sent more bytes than the file has")
                    hasher.update(chunk, sink)
                    progress(len(chunk))
                    retry.progress()
                    if stop.is_set():
                        return
            if hasher.size < want.size:
                raise Broken("ended before the last byte")
        except Broken as fault:
            if len(left) == 1:
                retry.wait(fault)
                continue
            gone = left.pop(0)
            remark(f"{want.label}: {gone.title}: {fault}; continuing at {size(hasher.size)} from {left[0].title}")

"""Bytes to md5, sha256 and git blob id, in one read."""

import hashlib
import mmap
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

BLOCK = 1 << 20  # bytes a read; a larger block was no faster
WORKERS = os.cpu_count() or 1
SPLIT = 1 << 17  # bytes; below this handing work to another thread takes longer than the work
HELPERS = ThreadPoolExecutor(WORKERS)

Progress = Callable[[int], object]
Sink = Callable[[bytes | memoryview], object]  # takes all that it is given, as a buffered file's write does


def unwatched(_: int) -> None:
    """A progress that nobody looks at."""


@dataclass(frozen=True)
class Digest:
    """What was found out about some bytes: how many, and hex digests; None where it was not asked for."""

    size: int
    md5: str | None = None  # DVC's address
    sha256: str | None = None  # what is trusted
    blob: str | None = None  # Git's id of them


@dataclass(frozen=True)
class File:
    """One file of a model: SIZE in bytes, hex digests. SHA256 is None where only DVC's listing is known."""

    size: int | None
    md5: str
    sha256: str | None = None

    @property
    def hash_name(self) -> str:
        """The kind of digest to compare: sha256 where it is known."""
        return "sha256" if self.sha256 else "md5"

    def flaw(self, found: Digest) -> str | None:
        """How FOUND differs from this, or None."""
        if self.size is not None and found.size != self.size:
            return f"pinned {self.size} bytes, found {found.size}"
        pinned, actual = getattr(self, self.hash_name), getattr(found, self.hash_name)
        return None if pinned == actual else f"pinned {self.hash_name} {pinned}, found {actual}"


class Hasher:
    """Takes bytes as they come; WANT names fields of Digest. SIZE is how many will come: Git puts it before them."""

    def __init__(self, size: int, want: tuple[str, ...] = ("md5", "sha256")) -> None:
        # md5 and sha1 are addresses here, not security, which a FIPS build of Python wants to be told.
        make = {
            "md5": lambda: hashlib.md5(usedforsecurity=False),
            "sha256": hashlib.sha256,
            "blob": lambda: hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False),
        }
        self.size = 0
        self._hashes = {name: make[name]() for name in want}

    def update(self, chunk: bytes | memoryview, sink: Sink | None = None) -> None:
        """Take CHUNK, which goes to SINK too if there is one; what is to be done with a large one is done at once."""
        work = [algorithm.update for algorithm in self._hashes.values()]
        if sink:
            work.insert(0, sink)
        here = 1 if len(chunk) >= SPLIT else len(work)
        jobs = [HELPERS.submit(each, chunk) for each in work[here:]]
        for each in work[:here]:
            each(chunk)
        for job in jobs:
            job.result()
        self.size += len(chunk)

    def digest(self) -> Digest:
        return Digest(self.size, **{name: algorithm.hexdigest() for name, algorithm in self._hashes.items()})


class _Buffer(threading.local):
    """BLOCK bytes for each thread, which begin where a page begins.

    malloc puts as many 16 bytes further on, and there the kernel's copy is five times slower on some processors
    (1.15 GB from memory by readinto: 0.51 s, and 0.11 s here).
    """

    def __init__(self) -> None:
        self.view = memoryview(mmap.mmap(-1, BLOCK))


_OWN = _Buffer()


def read_into(hasher: Hasher, source: BinaryIO, progress: Progress = unwatched, sink: Sink | None = None) -> Hasher:
    """HASHER, fed with what is left of SOURCE, which goes to SINK too if there is one. Raises OSError."""
    buffer = _OWN.view
    while count := source.readinto(buffer):
        hasher.update(buffer[:count], sink)
        progress(count)
    return hasher


def of_file(
    path: Path | str, want: tuple[str, ...] = ("sha256",), progress: Progress = unwatched, size: int | None = None
) -> Digest:
    """The digests WANT of the file at PATH; none, unread, where it has other than SIZE bytes. Raises OSError."""
    with open(path, "rb", buffering=0) as file:
        found = os.fstat(file.fileno()).st_size
        if size not in (None, found):
            return Digest(found)
        return read_into(Hasher(found, want), file, progress).digest()


def of_bytes(data: bytes, want: tuple[str, ...] = ("md5",)) -> Digest:
    """The digests WANT of DATA."""
    hasher = Hasher(len(data), want)
    hasher.update(data)
    return hasher.digest()


def copy(source: Path, target: Path, want: tuple[str, ...], progress: Progress = unwatched) -> Digest:
    """The digests WANT of the file at SOURCE, copied to TARGET in the same read. Raises OSError."""
    # What writes is buffered, since a write of its own may take a part of the bytes alone, and not say why.
    with source.open("rb", buffering=0) as reader, target.open("wb") as writer:
        return read_into(Hasher(os.fstat(reader.fileno()).st_size, want), reader, progress, writer.write).digest()

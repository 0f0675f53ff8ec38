"""The md5, sha256, CRC-64/NVME and Git blob id of bytes, in one read."""

import hashlib
import mmap
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from lib.core.workers import CORES

BLOCK = 1 << 20  # bytes per read; a larger block was no faster
LARGE = 8 << 20  # bytes; larger files are uploaded in parts, and then the store has no md5 of the whole
SPLIT = 1 << 17  # bytes; hashing a smaller block takes less time than handing it to a thread
_FREE = threading.Semaphore(CORES)  # cores that hash no large chunk now; more threads than cores slow each other down
_OWN = threading.local()  # a buffer per thread: with a new one for each file, small files took twice the time

Progress = Callable[[int], object]
Sink = Callable[[bytes | memoryview], object]  # must take all it is given, as a buffered file's write does


def unwatched(_: int) -> None:
    """A `Progress` that shows nothing."""


@dataclass(frozen=True)
class File:
    """Size in bytes and hex digests of a file or an object; None for each that is not known."""

    size: int | None
    md5: str | None = None  # DVC's address
    sha256: str | None = None  # the trusted one; None if only DVC's listing is known
    crc64nvme: str | None = None  # published by S3 for an object that was uploaded in parts
    blob: str | None = None  # Git's id, published by the Hub for a small file; never in a pin

    @property
    def hash_name(self) -> str:
        """The digest to compare: sha256 if it is known, or else md5."""
        return "sha256" if self.sha256 else "md5"

    def mismatch(self, found: "File") -> str | None:
        """How `found` differs from this file, or None."""
        if self.size is not None and found.size != self.size:
            return f"pinned {self.size} bytes, found {found.size}"
        pinned, actual = getattr(self, self.hash_name), getattr(found, self.hash_name)
        return None if pinned == actual else f"pinned {self.hash_name} {pinned}, found {actual}"


def for_pin(size: int) -> tuple[str, ...]:
    """Which digests a pin holds for a file of `size` bytes: fields of `File`."""
    return ("md5", "sha256", "crc64nvme") if size > LARGE else ("md5", "sha256")


@lru_cache(maxsize=1)
def _hashers():
    """Threads for the algorithms of one block, not for files."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(CORES)


class _Crc64:
    """CRC-64/NVME from AWS's own library, with the methods of a hashlib object."""

    def __init__(self) -> None:
        from awscrt.checksums import crc64nvme  # slow to import, and only for large files

        self._of, self._value = crc64nvme, 0

    def update(self, chunk: bytes | memoryview) -> None:
        self._value = self._of(chunk, self._value)

    def hexdigest(self) -> str:
        return f"{self._value:016x}"


class Hasher:
    """Hashes bytes as they arrive. `want` names fields of `File`; `size` is how many will come: a blob id needs it."""

    def __init__(self, size: int, want: tuple[str, ...]) -> None:
        # A FIPS build of Python must be told that md5 and sha1 are addresses here, not security.
        make = {
            "md5": lambda: hashlib.md5(usedforsecurity=False),
            "sha256": hashlib.sha256,
            "crc64nvme": _Crc64,
            "blob": lambda: hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False),
        }
        self.size = 0
        self._hashes = {name: make[name]() for name in want}

    def update(self, chunk: bytes | memoryview, sink: Sink | None = None) -> None:
        """Hash `chunk`, and pass it to `sink` if there is one; algorithms run in parallel as far as cores are free."""
        work = [algorithm.update for algorithm in self._hashes.values()] + ([sink] if sink else [])
        taken = sum(_FREE.acquire(blocking=False) for _ in self._hashes) if len(chunk) >= SPLIT else 0
        try:
            jobs = [_hashers().submit(each, chunk) for each in work[: max(0, taken - 1)]]  # this thread takes one, too
            for each in work[len(jobs) :]:
                each(chunk)
            for job in jobs:
                job.result()
        finally:
            if taken:
                _FREE.release(taken)
        self.size += len(chunk)

    def digest(self) -> File:
        return File(self.size, **{name: algorithm.hexdigest() for name, algorithm in self._hashes.items()})


def buffer(size: int) -> memoryview:
    """A page-aligned buffer of `size` bytes, at least one."""
    # malloc's begin 16 bytes into a page, where some processors copy five times slower (1.15 GB in 0.51 s, not 0.11 s).
    return memoryview(mmap.mmap(-1, size))


def read_into(hasher: Hasher, source: BinaryIO, progress: Progress, sink: Sink | None = None) -> Hasher:
    """Feed the rest of `source` to `hasher`, which is returned, and to `sink` if there is one. Raises OSError."""
    if not hasattr(_OWN, "view"):
        _OWN.view = buffer(BLOCK)
    while count := source.readinto(_OWN.view):
        hasher.update(_OWN.view[:count], sink)
        progress(count)
    return hasher


def of_file(path: Path | str, want: tuple[str, ...], progress: Progress = unwatched, size: int | None = None) -> File:
    """Size and digests `want` of the file at `path`; without digests if its size is not `size`. Raises OSError."""
    with open(path, "rb", buffering=0) as file:
        found = os.fstat(file.fileno()).st_size
        if size not in (None, found):
            return File(found)
        return read_into(Hasher(found, want), file, progress).digest()


def mismatch(path: Path | str, want: File, progress: Progress = unwatched) -> str | None:
    """How the file at `path` differs from `want`, or None. If its size differs, it is not read. Raises OSError."""
    return want.mismatch(of_file(path, (want.hash_name,), progress, want.size))


def of_bytes(data: bytes, want: tuple[str, ...] = ("md5",)) -> File:
    hasher = Hasher(len(data), want)
    hasher.update(data)
    return hasher.digest()


def copy(source: Path, target: Path, want: tuple[str, ...], progress: Progress) -> File:
    """Copy `source` to `target`; returns its size and the digests `want`, from the same read. Raises OSError."""
    # The writer is buffered: an unbuffered write may write only some of the bytes, without an error.
    with source.open("rb", buffering=0) as reader, target.open("wb") as writer:
        return read_into(Hasher(os.fstat(reader.fileno()).st_size, want), reader, progress, writer.write).digest()

"""Bytes to md5, sha256 and Git's blob id, in one read."""

import hashlib
import mmap
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lib.core.workers import CORES

BLOCK = 1 << 20  # bytes per read; a larger block was no faster
LARGE = 8 << 20  # bytes; what is larger is uploaded in parts, whose store has no md5 of the whole
SPLIT = 1 << 17  # bytes of a block; to hash fewer takes less time than to hand the block to a thread
HASHERS = ThreadPoolExecutor(CORES)  # for the algorithms of one block, not for files
_OWN = threading.local()  # holds a thread's buffer: with a new one for each file small files take twice the time

Progress = Callable[[int], object]
Sink = Callable[[bytes | memoryview], object]  # takes all it is given, as a buffered file's write does


def unwatched(_: int) -> None:
    """A `Progress` that nobody looks at."""


@dataclass(frozen=True)
class File:
    """One file of a model, or what is known of some bytes: `size`, and hex digests; None where one is not known."""

    size: int | None
    md5: str | None = None  # DVC's address
    sha256: str | None = None  # what is trusted; without it only DVC's listing knows the file
    crc64nvme: str | None = None  # what S3 publishes of an object that was uploaded in parts
    blob: str | None = None  # Git's id, which the Hub publishes of a small file; no pin holds it

    @property
    def hash_name(self) -> str:
        """The digest to compare: sha256 where it is known."""
        return "sha256" if self.sha256 else "md5"

    def mismatch(self, found: "File") -> str | None:
        """How `found` differs from this file, or None."""
        if self.size is not None and found.size != self.size:
            return f"pinned {self.size} bytes, found {found.size}"
        pinned, actual = getattr(self, self.hash_name), getattr(found, self.hash_name)
        return None if pinned == actual else f"pinned {self.hash_name} {pinned}, found {actual}"


def for_pin(size: int) -> tuple[str, ...]:
    """The digests that a pin holds of a file of `size` bytes."""
    return ("md5", "sha256", "crc64nvme") if size > LARGE else ("md5", "sha256")


class _Crc64:
    """AWS's CRC-64/NVME, by its own library, with the methods of hashlib's."""

    def __init__(self) -> None:
        from awscrt.checksums import crc64nvme  # slow to import, and only for large files

        self._of, self._value = crc64nvme, 0

    def update(self, chunk: bytes | memoryview) -> None:
        self._value = self._of(chunk, self._value)

    def hexdigest(self) -> str:
        return f"{self._value:016x}"


class Hasher:
    """Takes bytes as they come. `want` names fields of File; `size` is how many will come, which a blob id needs."""

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
        """Hash `chunk`, and hand it to `sink` if there is one; for a large chunk all of that happens at once."""
        work = ([sink] if sink else []) + [algorithm.update for algorithm in self._hashes.values()]
        here = 1 if len(chunk) >= SPLIT else len(work)
        jobs = [HASHERS.submit(each, chunk) for each in work[here:]]
        for each in work[:here]:
            each(chunk)
        for job in jobs:
            job.result()
        self.size += len(chunk)

    def digest(self) -> File:
        return File(self.size, **{name: algorithm.hexdigest() for name, algorithm in self._hashes.items()})


def buffer(size: int) -> memoryview:
    """`size` bytes, at least one, aligned to a page."""
    # malloc's start 16 bytes into one, where some processors copy five times slower (0.51 s for 1.15 GB, here 0.11 s).
    return memoryview(mmap.mmap(-1, size))


def read_into(hasher: Hasher, source: BinaryIO, progress: Progress, sink: Sink | None = None) -> Hasher:
    """`hasher`, fed with the rest of `source`, which goes to `sink` too if there is one. Raises OSError."""
    if not hasattr(_OWN, "view"):
        _OWN.view = buffer(BLOCK)
    while count := source.readinto(_OWN.view):
        hasher.update(_OWN.view[:count], sink)
        progress(count)
    return hasher


def of_file(path: Path | str, want: tuple[str, ...], progress: Progress = unwatched, size: int | None = None) -> File:
    """The digests `want` of the file at `path`, which is not read if it has other than `size` bytes. Raises OSError."""
    with open(path, "rb", buffering=0) as file:
        found = os.fstat(file.fileno()).st_size
        if size not in (None, found):
            return File(found)
        return read_into(Hasher(found, want), file, progress).digest()


def mismatch(path: Path | str, want: File, progress: Progress = unwatched) -> str | None:
    """How the bytes at `path` differ from `want`, or None. A file of another size is not read. Raises OSError."""
    return want.mismatch(of_file(path, (want.hash_name,), progress, want.size))


def of_bytes(data: bytes, want: tuple[str, ...] = ("md5",)) -> File:
    hasher = Hasher(len(data), want)
    hasher.update(data)
    return hasher.digest()


def copy(source: Path, target: Path, want: tuple[str, ...], progress: Progress) -> File:
    """The digests `want` of the file at `source`, copied to `target` in the same read. Raises OSError."""
    # The writer is buffered: a bare write may take only some of the bytes, without saying why.
    with source.open("rb", buffering=0) as reader, target.open("wb") as writer:
        return read_into(Hasher(os.fstat(reader.fileno()).st_size, want), reader, progress, writer.write).digest()

"""Checks the header of a GGUF file (docs/gguf.md of ggml) for consistency and against its size. Nothing is loaded."""

import math
import mmap
from pathlib import Path

SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # value type -> bytes
STRING, ARRAY, ALIGNMENT = 8, 9, 32
MOST = 1 << 24  # reads per header; a vocabulary takes a million
# Tensor type -> elements and bytes per block; for types that are not here only the bounds are checked.
BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36)}
BLOCKS |= {10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292)}
BLOCKS |= {24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 30: (1, 2)}


class _Reader:
    def __init__(self, data: mmap.mmap) -> None:
        self.data, self.at, self.left = data, 4, MOST  # after the magic number

    def skip(self, size: int) -> None:
        self.left -= 1  # else zeros would be read as empty strings, without end
        if size > len(self.data) - self.at or not self.left:
            raise ValueError(size)
        self.at += size

    def take(self, size: int) -> bytes:
        self.skip(size)
        return self.data[self.at - size : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def text(self) -> bytes:
        return self.take(self.number(8))

    def values(self, kind: int, count: int) -> None:
        if kind not in (STRING, ARRAY):
            self.skip(count * SCALARS[kind])
            return
        for _ in range(count):  # each takes bytes, so a false count fails at the end of the file
            if kind == STRING:
                self.skip(self.number(8))
            else:
                self.values(self.number(4), self.number(8))

    def place(self) -> tuple[int, int, bytes]:
        """Offset, size in bytes and name of the next tensor."""
        name, dimensions = self.text(), self.number(4)
        if dimensions > 4:
            raise ValueError(dimensions)
        count = math.prod(self.number(8) for _ in range(dimensions))
        elements, size = BLOCKS.get(self.number(4), (1, 0))
        return self.number(8), -(-count // elements) * size, name


def fault(path: Path) -> str | None:
    """Why the file at `path` is not a valid GGUF file, or None if it is. Raises OSError."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _fault(_Reader(data))
    except (KeyError, ValueError, ZeroDivisionError, RecursionError):
        return "its header is cut short or invalid"


def _fault(read: _Reader) -> str | None:
    if read.data[:4] != b"GGUF":
        return "it does not start like a GGUF file"
    if (version := read.number(4)) not in (2, 3):  # a big-endian file has another number here
        return f"unsupported version {version}"
    tensors, pairs, alignment = read.number(8), read.number(8), ALIGNMENT
    for _ in range(pairs):
        key, kind, start = read.text(), read.number(4), read.at
        read.values(kind, 1)
        if key == b"general.alignment":
            alignment = int.from_bytes(read.data[start : start + 4], "little")
    places = [read.place() for _ in range(tensors)]
    if len({name for *_, name in places}) < tensors:
        return "its header repeats a name"
    at, room = 0, len(read.data) - -(-read.at // alignment) * alignment
    for start, size, name in sorted(places):
        if start < at or start + size > room:
            return f"the bytes of {name.decode(errors='replace')!r} overlap others or lie beyond the end of the file"
        at = start + size
    return None

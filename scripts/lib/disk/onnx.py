"""External weights of an ONNX file: the files that hold them, from its protobuf encoding. Nothing is loaded."""

import mmap
from collections.abc import Iterator
from pathlib import Path

# Message -> field number -> message in that field, on every path to a tensor's external_data (onnx.proto).
FIELDS = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
    "entry": {},
}


def locations(path: Path) -> list[str]:
    """The external files that the ONNX file at `path` names, sorted. Raises ValueError or KeyError if it is invalid."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return sorted(set(_locations("model", data, 0, len(data))))


def _locations(kind: str, data: mmap.mmap, at: int, end: int) -> Iterator[str]:
    entry: dict[int, bytes] = {}
    for field, start, stop in _fields(data, at, end):
        if inner := FIELDS[kind].get(field):
            yield from _locations(inner, data, start, stop)
        elif kind == "entry":
            entry[field] = data[start:stop]
    if entry.get(1) == b"location":
        yield entry.get(2, b"").decode()


def _fields(data: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of each length-delimited field between `at` and `end`."""
    while at < end:
        tag, start = _varint(data, at, end)
        kind, size = tag & 7, 0
        if kind in (0, 2):  # a varint: the value itself, or the length of what follows
            size, start = _varint(data, start, end)
        at = start + {0: 0, 1: 8, 2: size, 5: 4}[kind]
        if at > end:
            raise ValueError(at)
        if kind == 2:
            yield tag >> 3, start, at


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data[at : min(at + 10, end)]):  # the longest varint
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, at + index + 1
    raise ValueError(at)

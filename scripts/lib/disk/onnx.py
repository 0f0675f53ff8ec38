"""Where an ONNX file keeps weights outside of itself, from its protobuf encoding alone. Nothing is loaded."""

import mmap
from collections.abc import Iterator
from pathlib import Path

# message -> field -> the message that it holds, on the ways that lead to a tensor's external_data (onnx.proto)
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
    """The files that the tensors of the ONNX file at `path` lie in. Raises ValueError if it is none, OSError."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return sorted(set(_in("model", data, 0, len(data))))


def _in(kind: str, data: mmap.mmap, at: int, end: int) -> Iterator[str]:
    entry: dict[int, bytes] = {}
    for field, start, stop in _fields(data, at, end):
        if inner := FIELDS[kind].get(field):
            yield from _in(inner, data, start, stop)
        elif kind == "entry":
            entry[field] = data[start:stop]
    if entry.get(1) == b"location":
        yield entry.get(2, b"").decode()


def _fields(data: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The number of each field that has a length, and where its bytes begin and end."""
    while at < end:
        tag, at = _varint(data, at, end)
        kind, start = tag & 7, at
        if kind == 0:
            _, at = _varint(data, at, end)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        elif kind == 2:
            size, start = _varint(data, at, end)
            at = start + size
        else:
            raise ValueError(kind)
        if at > end:
            raise ValueError(at)
        if kind == 2:
            yield tag >> 3, start, at


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value, at
    raise ValueError(at)

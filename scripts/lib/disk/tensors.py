"""The tensors of a safetensors file, from its header alone: no weight is read, nothing is loaded."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MOST = 100 << 20  # bytes of a header, the format's own limit


@dataclass(frozen=True, order=True)
class Tensor:
    dtype: str
    shape: tuple[int, ...]
    elements: int

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


# Bits per element; for dtypes that are not here only the bounds are checked.
BITS = {"BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6}
BITS |= {"I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32}
BITS |= {"I64": 64, "U64": 64, "F64": 64, "C64": 64}


def _header(path: Path) -> tuple[bytes, int]:
    """The header of the file at `path`, empty if it has none, and how many bytes follow it. Raises OSError."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length) if 2 <= length <= min(MOST, size - 8) else b""
    return header, size - 8 - length


def _naturals(said: object) -> tuple[int, ...]:
    """`said` as a tuple. Raises ValueError unless it is a list of non-negative integers."""
    if not isinstance(said, list) or not all(type(each) is int and each >= 0 for each in said):
        raise ValueError(said)
    return tuple(said)


def _count(shape: tuple[int, ...]) -> int:
    """How many elements a tensor of `shape` has. Raises ValueError if no file could hold them."""
    count = 1
    for each in shape:
        if (count := count * each) >> 63:  # checked at each step: a shape may have a million dimensions
            raise ValueError(shape)
    return count


def fault(path: Path) -> str | None:
    """Why the file at `path` is not a valid safetensors file, or None if it is. Raises OSError."""
    header, rest = _header(path)
    if not header:
        return "its header is missing, or longer than the file"
    try:
        pairs = [(name, dict(each or ())) for name, each in json.loads(header.decode(), object_pairs_hook=list)]
        found = dict(pairs)
        if len(found) < len(pairs):
            return "its header repeats a name"
        if header[:1] != b"{" or not all(isinstance(each, str) for each in found.pop("__metadata__", {}).values()):
            return "its header is invalid"
        places = sorted((*_naturals(each["data_offsets"]), name, each) for name, each in found.items())
        at = 0
        for start, end, name, each in places:
            elements = _count(_naturals(each["shape"]))
            if start != at or end < start:
                return f"the bytes of {name!r} overlap others or leave a gap"
            if (bits := BITS.get(each["dtype"])) and elements * bits != 8 * (end - start):
                return f"the shape of {name!r} does not match its bytes"
            at = end
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "its header is invalid"
    return None if at == rest else "its size does not match its header"


def of_file(path: Path) -> dict[str, Tensor] | None:
    """The tensors of the file at `path` by name; None if it is not a safetensors file. Raises OSError."""
    try:
        said = {name: each for name, each in json.loads(_header(path)[0]).items() if name != "__metadata__"}
        shapes = {name: _naturals(each["shape"]) for name, each in said.items()}
        return {name: Tensor(str(said[name]["dtype"]), shape, _count(shape)) for name, shape in shapes.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def of_files(paths: Iterable[Path]) -> Counter:
    """How many of the safetensors files at `paths` that exist have each tensor, as (name, `Tensor`). Raises OSError."""
    return Counter(each for path in paths if path.is_file() for each in (of_file(path) or {}).items())

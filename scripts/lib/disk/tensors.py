"""The tensors of a safetensors file, from its header alone: no weight is read, nothing is loaded."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

MOST = 100 << 20  # bytes of a header, as the format has it


@dataclass(frozen=True)
class Tensor:
    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


def of_file(path: Path) -> dict[str, Tensor] | None:
    """The tensors of the file at `path` by name; None if it is no safetensors file. Raises OSError."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(MOST, path.stat().st_size - 8):
            return None
        header = file.read(length)
    try:
        said = {name: each for name, each in json.loads(header).items() if name != "__metadata__"}
        return {name: Tensor(str(each["dtype"]), tuple(map(int, each["shape"]))) for name, each in said.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def of_files(paths: Iterable[Path]) -> dict[str, Tensor]:
    """The tensors of those of `paths` that are safetensors files."""
    return {name: each for path in paths for name, each in (of_file(path) or {}).items()}


def parameters(found: Mapping[str, Tensor]) -> Counter:
    """How many numbers `found` holds, by dtype."""
    counts: Counter = Counter()
    for each in found.values():
        counts[each.dtype] += math.prod(each.shape)
    return counts

"""Formats of a model's files by content, not by name, and whether the files are valid. Nothing is loaded."""

import json
import posixpath
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from lib.disk import gguf, onnx, tensors
from lib.model.policy import INDEX, Policy, format_of, title, unwanted

BROKEN = "format:broken"  # the exception that allows an invalid file
MAGIC = {  # the first bytes of a file; torch.save writes an archive that contains a pickle
    "hdf5": (b"\x89HDF\r\n\x1a\n",),
    "archive": (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"\x28\xb5\x2f\xfd", b"Rar!"),
    # NumPy's files may contain a pickle; the other four are pickle protocols 2 to 5.
    "pickle": (b"\x93NUMPY", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"),
}


def findings(
    top: Path,
    paths: Collection[str],
    policy: Policy,
    left_out: Collection[str] = (),
    only: Collection[str] | None = None,
) -> dict[str, str]:
    """Faults of the model's files `paths` in `top`, or of `only` some: exception that would allow it -> sentence.

    `left_out` are the files of the model that the policy left out.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(paths if only is None else only) if policy.formats is not None else ():
        for word, said in _of_file(top, path, paths, policy, left_out):
            found.setdefault(word, []).append(f"{path} {said}")
    return {word: said[0] + (f" ({len(said) - 1} more)" if said[1:] else "") for word, said in found.items()}


def _of_file(
    top: Path, path: str, paths: Collection[str], policy: Policy, left_out: Collection[str]
) -> Iterator[tuple[str, str]]:
    kind, at = format_of(path), top / path
    with at.open("rb") as file:
        head = file.read(8)
    fault = {"safetensors": tensors.fault, "gguf": gguf.fault}.get(kind, lambda at: None)(at)
    looks = next((each for each, starts in MAGIC.items() if head.startswith(starts)), kind)
    is_sound = kind == "safetensors" and not fault  # it starts with a length, which may look like a pickle
    if looks != kind and not is_sound and policy.takes(kind) and not policy.takes(looks):
        yield f"format:{looks}", f"is in fact {title(looks)}"
    elif fault:
        yield BROKEN, f"is not a valid {kind} file: {fault}"
    elif kind == "onnx" and path.lower().endswith(".onnx"):
        yield from _external(at, path, paths, unwanted(left_out, policy))
    elif INDEX.search(path):
        yield from ((BROKEN, said) for said in _index(at, path, paths))


def _external(
    at: Path, path: str, paths: Collection[str], left_out: Mapping[str, Collection[str]]
) -> Iterator[tuple[str, str]]:
    try:
        places = onnx.locations(at)
    except (ValueError, KeyError, RecursionError):
        yield BROKEN, "is not a valid onnx file"
        return
    for place in places:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), place))
        if place.startswith("/") or target.startswith("../"):
            yield BROKEN, f"reads weights from outside its folder: {place!r}"
        elif word := next((word for word, out in left_out.items() if target in out), None):
            yield word, f"reads weights from {place!r}, which is {title(format_of(target))}"
        elif target not in paths:
            yield BROKEN, f"reads weights from {place!r}, which is missing"


def _index(at: Path, path: str, paths: Collection[str]) -> Iterator[str]:
    try:
        named = set(json.loads(at.read_bytes())["weight_map"].values())
        wanted = {posixpath.normpath(posixpath.join(posixpath.dirname(path), each)) for each in named}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return  # another kind of index
    gone = sorted(wanted - set(paths))
    if gone and len(gone) < len(wanted):  # if all are gone, these weights were not chosen
        yield f"names {gone[0]!r}, which is missing"

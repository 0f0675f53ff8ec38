"""The objects of a pin: one for each file, and DVC's listing of the files (its `.dir` object)."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from lib.core import digest, workers
from lib.core.errors import Failure
from lib.core.report import Finding
from lib.model import fields, names
from lib.model.pin import Pin

# `dvc add` never lists these, on which Git, DVC or Mercurial act; it does list .gitattributes.
CONTROL = re.compile(r"(.*/)?\.(git|dvc|hg)(/.*)?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Item:
    """One object: its id `oid`, its expected size and digests `file`, and the `model` and `path` that it is for."""

    oid: str
    file: digest.File
    model: str
    path: str
    data: bytes | None = None  # of a listing: rebuilt from the pin, or checked against the pin's md5

    def finding(self, place: str, kind: str, detail: str = "") -> Finding:
        """A finding about this object in `place`."""
        return Finding(self.model, place, kind, self.path, detail, self.oid)


def of_pin(held: Pin, data: bytes) -> list[Item]:
    """The objects of `held`, the listing last: where it is, plain DVC assumes all the others are. Raises `Failure`.

    `data` is the listing; a pin made by plain `dvc add` does not name its files, so they are read from there.
    """
    oid, files = f"{held.md5}.dir", held.files
    if files is None:
        if digest.of_bytes(data).md5 != held.md5:
            how = f"make track NAME={held.name}, where its weights are, pins them anew"
            raise Failure(f"the listing {oid} is not what models/{held.name}.dvc pins; {how}")
        files = _listed(oid, data)
    listing = digest.File(len(data), held.md5, digest.of_bytes(data, ("sha256",)).sha256)
    items = [Item(file.md5, file, held.name, path) for path, file in files.items()]
    return [*items, Item(oid, listing, held.name, "(listing)", data)]


def _listed(oid: str, data: bytes) -> dict[str, digest.File]:
    """The files in the listing `oid`, by path; `data` comes from a store, so it may hold anything. Raises `Failure`."""
    try:
        files = {entry["relpath"]: digest.File(None, entry["md5"]) for entry in json.loads(data)}
        fault = names.unusable(files)
        if not all(fields.MD5.fullmatch(file.md5) for file in files.values()):
            fault = "an object by no md5"
        if control := list(filter(CONTROL.fullmatch, files)):
            fault = f"a file of Git, DVC or Mercurial: {control[0]!r}"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        fault = "no files, so it is not one of DVC's"
    if fault:
        raise Failure(f"the listing {oid} names {fault}; none of its files was looked at")
    return files


def unique(items: Iterable[Item]) -> list[Item]:
    """`items` without duplicate objects: models may share files."""
    first: dict[str, Item] = {}
    for item in items:
        first.setdefault(item.oid, item)
    return list(first.values())


def transfer(work: Callable[[Item], workers.U], items: Iterable[Item], large: int) -> list[workers.U]:
    """What `work`, which transfers an object, returns for each of `items`; at most `large` large ones at a time."""

    def size(item: Item) -> int:
        return workers.LIGHT if item.file.size is None else item.file.size

    return workers.side_by_side(work, items, large, size, transfers=True)


def for_each(items: Iterable[Item], found: Mapping[str, Finding]) -> list[Finding]:
    """The findings in `found`, by object id, for each of `items` that they concern: models may share files."""
    return [replace(found[item.oid], model=item.model, file=item.path) for item in items if item.oid in found]

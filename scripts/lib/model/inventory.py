"""Which objects a pin stands for: one for each file, and DVC's listing of them."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from lib.core import digest
from lib.core.errors import Failure
from lib.core.report import Finding
from lib.model import fields, names
from lib.model.pin import Pin

# `dvc add` takes .gitattributes along, which a clone has beside the weights, but never these, on which Git acts.
OWN = re.compile(r"(.*/)?\.(git|dvc|hg)(/.*)?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Item:
    """One object: its address `oid`, what it must be, and the `model` and `path` it is for."""

    oid: str
    file: digest.File
    model: str
    path: str
    data: bytes | None = None  # of a listing: always made from the pin, never taken from a store

    def finding(self, place: str, kind: str, detail: str = "") -> Finding:
        """What was found of it in `place`, as the fields of a Finding."""
        return Finding(self.model, place, kind, self.path, detail, self.oid)


def of_pin(held: Pin, data: bytes) -> list[Item]:
    """The objects of `held`; the listing last, since to plain DVC it stands for all the others. Raises `Failure`.

    `data` is that listing, which alone names the files of a pin that plain `dvc add` made.
    """
    oid, files = f"{held.md5}.dir", held.files
    if files is None:
        if digest.of_bytes(data).md5 != held.md5:
            raise Failure(f"the listing {oid} is not what models/{held.name}.dvc pins")
        files = _listed(oid, data)
    listing = digest.File(len(data), held.md5, digest.of_bytes(data, ("sha256",)).sha256)
    items = [Item(file.md5, file, held.name, path) for path, file in files.items()]
    return [*items, Item(oid, listing, held.name, "(listing)", data)]


def _listed(oid: str, data: bytes) -> dict[str, digest.File]:
    """The files that DVC's listing `oid` names; it comes from a store, so it may hold anything. Raises `Failure`."""
    try:
        files = {entry["relpath"]: digest.File(None, entry["md5"]) for entry in json.loads(data)}
        fault = names.unusable(files)
        if not all(fields.MD5.fullmatch(file.md5) for file in files.values()):
            fault = "an object by no md5"
        if own := list(filter(OWN.fullmatch, files)):
            fault = f"a file of Git, DVC or Mercurial: {own[0]!r}"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        fault = "no files, so it is none of DVC's"
    if fault:
        raise Failure(f"the listing {oid} names {fault}; none of its files was looked at")
    return files


def unique(items: Iterable[Item]) -> list[Item]:
    """`items`, each object once: models share files."""
    first: dict[str, Item] = {}
    for item in items:
        first.setdefault(item.oid, item)
    return list(first.values())

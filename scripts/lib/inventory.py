"""Which objects a pin stands for: one for each file, and DVC's listing of them."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from lib import digest, names, pin
from lib.digest import File
from lib.pin import Pin
from lib.report import Failure


@dataclass(frozen=True)
class Item:
    """One object: its address OID, what it must be, and the model and PATH in it that it is for.

    A listing has its bytes as DATA: they are always made from the pin, never taken from a store.
    """

    oid: str
    file: File
    model: str
    path: str
    data: bytes | None = None

    @property
    def title(self) -> str:
        return f"{self.model}/{self.path}"


def parse_listing(held: Pin, data: bytes) -> dict[str, File]:
    """The files that DVC's listing DATA names, by md5 alone. Raises Failure if it is not the one that HELD pins."""
    if digest.of_bytes(data).md5 != held.md5:
        raise Failure(f"the listing {held.md5}.dir is not what models/{held.name}.dvc pins")
    files = {entry["relpath"]: File(None, entry["md5"]) for entry in json.loads(data)}
    if flaw := names.flaw_of(files):
        raise Failure(f"the listing {held.md5}.dir names {flaw}; no file of it was looked at")
    return files


def files_of(held: Pin, fetch: Callable[[str], bytes]) -> Mapping[str, File]:
    """The files of HELD: as pinned, or, for a pin that plain `dvc add` made, as DVC's listing names them.

    FETCH gives the bytes of an object. Raises Failure.
    """
    if held.files is not None:
        return held.files
    return parse_listing(held, fetch(f"{held.md5}.dir"))


def of_pin(held: Pin, files: Mapping[str, File]) -> list[Item]:
    """The objects of HELD, whose files are FILES; the listing last, since to plain DVC it stands for all the others."""
    data = pin.listing(files)
    listing = File(len(data), held.md5, digest.of_bytes(data, ("sha256",)).sha256)
    items = [Item(file.md5, file, held.name, path) for path, file in files.items()]
    return [*items, Item(f"{held.md5}.dir", listing, held.name, "(listing)", data)]


def unique(items: Iterable[Item]) -> list[Item]:
    """ITEMS without those whose object came before: models share files."""
    first: dict[str, Item] = {}
    for item in items:
        first.setdefault(item.oid, item)
    return list(first.values())

"""What is known of the objects on the remote, and how."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lib.core import digest, workers
from lib.core.console import on_its_way, progress
from lib.core.finding import Finding
from lib.core.text import plural
from lib.disk import cache, weights
from lib.model.inventory import Item
from lib.remote import etag
from lib.remote.base import ObjectInfo, Remote

READERS = 2 * workers.CORES  # one waits for the network while another hashes
PROVEN = ("read", "by hash")
SIZE_ONLY = "by size only"


@dataclass(frozen=True)
class Assessment:
    """What was found out about one object. `status` is one of

    - `read`: it was read, every byte, and is right;
    - `by hash`: the hash of its content that the store publishes is the pin's;
    - `by size only`: its size is right, and nothing more is known;
    - `suspect`: its published hash differs; it is damaged, or was uploaded in a way that changes that hash;
    - `missing` or `changed`.
    """

    status: str
    detail: str = ""

    @property
    def is_bad(self) -> bool:
        return self.status in ("missing", "changed")

    def finding(self, item: Item) -> Finding:
        return Finding(item.model, "remote", self.status, item.path, self.detail, item.oid)


Found = dict[str, Assessment]  # by oid


def assess(
    remote: Remote,
    items: list[Item],
    deep: bool = False,
    at_hand: Mapping[str, Path] | None = None,  # files that were found right: they give the ETag of an object in parts
    watch: digest.Progress = digest.unwatched,
    infos: Mapping[str, ObjectInfo] | None = None,  # what the store said already
) -> Found:
    """How `items` are on `remote`, from what the store says; `deep` reads the objects too. Raises `Failure`."""

    def judged(items: list[Item], said: Mapping[str, ObjectInfo]) -> Found:
        return {item.oid: _by_info(said.get(item.oid), item, (at_hand or {}).get(item.oid)) for item in items}

    found = judged(items, remote.infos(item.oid for item in items) if infos is None else infos)
    if deep:
        return found | _by_reading(remote, [item for item in items if not found[item.oid].is_bad], watch)
    unsure = [item for item in items if found[item.oid].status == "suspect"]
    unsure += [item for item in items if found[item.oid].status == SIZE_ONLY and item.file.crc64nvme]
    found |= judged(unsure, remote.infos((item.oid for item in unsure), closely=True))
    return found | _by_reading(remote, [item for item in unsure if found[item.oid].status == "suspect"], watch)


def examine(remote: Remote, items: list[Item], folder: Path | None, deep: bool = False) -> tuple[list[Finding], Found]:
    """How `folder`, if given, differs from `items` of one model, and how they are on `remote`. Raises `Failure`."""
    files = {item.path: item.file for item in items if item.data is None}
    remote.check()
    with progress(f"check {items[0].model}", sum(file.size or 0 for file in files.values())) as watch:
        wrong = weights.compare(items[0].model, folder, files, cache.location, watch) if folder else []
        right = weights.right(files, wrong) if folder else ()
        at_hand = {item.oid: folder / item.path for item in items if item.path in right}
        return wrong, assess(remote, items, deep, at_hand, watch)


def _by_reading(remote: Remote, items: list[Item], watch: digest.Progress) -> Found:
    def read(item: Item) -> Assessment:
        try:
            with on_its_way(item.path):
                mismatch = remote.read(item.oid, item.file, watch)
        except FileNotFoundError:  # it went after it was listed
            return Assessment("missing")
        return Assessment("changed", mismatch) if mismatch else Assessment("read")

    return dict(zip((item.oid for item in items), workers.side_by_side(read, items, READERS), strict=True))


def _by_info(info: ObjectInfo | None, item: Item, at_hand: Path | None) -> Assessment:
    if info is None:
        return Assessment("missing")
    size, here = item.file.size, at_hand or cache.object_path(item.oid)
    if size is None and here.is_file():  # a pin of plain `dvc add` tells none, a copy that is here does
        size = here.stat().st_size
    if size not in (None, info.size):
        return Assessment("changed", f"pinned {size} bytes, found {info.size}")
    if info.md5 and info.md5 != item.file.md5:
        return Assessment("changed", f"pinned md5 {item.file.md5}, the store says {info.md5}")
    if item.file.md5 in (info.md5, info.etag):
        return Assessment("by hash")
    if info.crc64nvme and item.file.crc64nvme:
        return Assessment("by hash" if info.crc64nvme == item.file.crc64nvme else "suspect")
    _, dash, parts = (info.etag or "").partition("-")
    if not dash:
        return Assessment("suspect" if info.etag else SIZE_ONLY)
    if at_hand and parts.isdigit() and (made := etag.of_file(at_hand, int(parts))):
        return Assessment("by hash" if made == info.etag else "suspect")
    return Assessment(SIZE_ONLY)


def size_only(count: int, total: int) -> str:
    """What is said of `count` of `total` objects, whose store publishes nothing of their content."""
    return f"remote: {count} of {plural(total, 'object')}: size only (DEEP=1 reads them)"

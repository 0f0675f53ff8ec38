"""What the objects on the remote are worth: proven, unchecked, suspect, missing or changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lib.core import digest, workers
from lib.core.finding import Finding
from lib.core.text import plural
from lib.model.inventory import Item
from lib.remote import etag
from lib.remote.base import ObjectInfo, Remote

READERS = 2 * workers.CORES  # one waits for the network while another hashes


@dataclass(frozen=True)
class Assessment:
    """What was found out about one object: `status` is proven, unchecked, suspect, missing or changed.

    - `unchecked`: its size is right, and nothing more is known;
    - `suspect`: its published hash differs; it is damaged, or was uploaded in a way that changes that hash.
    """

    status: str
    detail: str = ""

    @property
    def is_bad(self) -> bool:
        return self.status in ("missing", "changed")

    def finding(self, item: Item) -> Finding:
        return Finding(item.model, "remote", self.status, item.path, self.detail, item.oid)


def assess(
    remote: Remote,
    items: Iterable[Item],
    deep: bool = False,
    at_hand: Mapping[str, Path] | None = None,
    progress: digest.Progress = digest.unwatched,
) -> dict[str, Assessment]:
    """An Assessment of each of `items`, by oid, from what the store of `remote` says; `deep` reads the objects too.

    `at_hand` are files that were found right, by oid: they give the ETag of an object in parts. Raises `Failure`.
    """
    items = list(items)
    infos = remote.infos(item.oid for item in items)
    found = {item.oid: _by_info(infos.get(item.oid), item, (at_hand or {}).get(item.oid)) for item in items}
    suspects = [item for item in items if found[item.oid].status == "suspect"]
    if deep:
        suspects = [item for item in items if not found[item.oid].is_bad]
    elif suspects:
        first = suspects.pop()
        found |= _by_reading(remote, [first], progress)
        if found[first.oid].status == "proven":  # this store's hashes are not of the content, so they tell nothing
            found |= {item.oid: Assessment("unchecked") for item in suspects}
            suspects = []
    return found | _by_reading(remote, suspects, progress)


def _by_reading(remote: Remote, items: list[Item], progress: digest.Progress) -> dict[str, Assessment]:
    found = workers.side_by_side(lambda item: remote.read(item, progress), items, READERS)
    return {
        item.oid: Assessment("changed", mismatch) if mismatch else Assessment("proven")
        for item, mismatch in zip(items, found, strict=True)
    }


def _by_info(info: ObjectInfo | None, item: Item, at_hand: Path | None) -> Assessment:
    if info is None:
        return Assessment("missing")
    if item.file.size not in (None, info.size):
        return Assessment("changed", f"pinned {item.file.size} bytes, found {info.size}")
    if info.md5 and info.md5 != item.file.md5:
        return Assessment("changed", f"pinned md5 {item.file.md5}, the store says {info.md5}")
    if item.file.md5 in (info.md5, info.etag):
        return Assessment("proven")
    _, dash, parts = (info.etag or "").partition("-")
    if not dash:
        return Assessment("suspect" if info.etag else "unchecked")
    if at_hand and parts.isdigit() and (made := etag.of_file(at_hand, int(parts))):
        return Assessment("proven" if made == info.etag else "suspect")
    return Assessment("unchecked")


def size_only(unchecked: int, total: int) -> str:
    """What is said of `unchecked` of `total` objects, whose store publishes nothing of their content."""
    return f"remote: {unchecked} of {plural(total, 'object')}: size only (DEEP=1 reads them)"

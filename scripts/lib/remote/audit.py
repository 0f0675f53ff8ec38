"""The state of objects on the remote, and how it was established."""

import re
from collections.abc import Mapping
from pathlib import Path

from lib.core import console, digest, text, workers
from lib.core.report import Finding
from lib.disk import cache, weights
from lib.model.inventory import Item, for_each, transfer
from lib.remote import etag
from lib.remote.base import ObjectInfo, Remote

# Of large objects: one waits for the network while another hashes; not more, since each has buffers of some 16 MB.
READERS = min(2 * workers.CORES, workers.REQUESTS)
# The kinds of findings about an object, besides `missing` and `changed`.
PROVEN = ("read", "by hash")  # every byte was read; the store publishes the pinned hash
SIZE_ONLY = "by size only"  # the size is right; nothing more is known
SUSPECT = "suspect"  # its published hash differs: it is damaged, or was uploaded in a way that changes that hash

Found = dict[str, Finding]  # by oid


def bad(items: list[Item], found: Found) -> list[Finding]:
    """The findings in `found` about `items` that are missing or damaged."""
    return for_each(items, {oid: each for oid, each in found.items() if each.kind in ("missing", "changed")})


def assess(
    remote: Remote,
    items: list[Item],
    deep: bool,
    local: Mapping[str, Path] | None = None,  # intact files by oid: they give the ETag of a multipart object
    infos: Mapping[str, ObjectInfo] | None = None,  # what the store already said
    seen: Found | None = None,  # gets what `deep` establishes, as it does: all that is known after a `Failure`
) -> Found:
    """A finding for each of `items` on `remote`, from what the store says; `deep` also reads them. Raises `Failure`."""

    def judged(items: list[Item], said: Mapping[str, ObjectInfo]) -> Found:
        return {item.oid: _by_info(said.get(item.oid), item, (local or {}).get(item.oid)) for item in items}

    found = judged(items, remote.infos(item.oid for item in items) if infos is None else infos)
    if deep:
        seen = {} if seen is None else seen
        seen |= {each.object: each for each in bad(items, found)}
        return found | _by_reading(remote, [item for item in items if item.oid not in seen], seen)
    # Asked `closely`, S3 also tells the checksum of a multipart object, and whether the ETag is a hash of the content.
    unsure = [item for item in items if found[item.oid].kind == SUSPECT]
    unsure += [item for item in items if found[item.oid].kind == SIZE_ONLY and item.file.crc64nvme]
    found |= judged(unsure, remote.infos((item.oid for item in unsure), closely=True))
    return found | _by_reading(remote, [item for item in unsure if found[item.oid].kind == SUSPECT], {})


def examine(remote: Remote, items: list[Item], folder: Path | None, deep: bool = False) -> tuple[list[Finding], Found]:
    """How `folder`, if given, differs from the `items` of one model, and what `assess` finds. Raises `Failure`."""
    files = {item.path: item.file for item in items if item.data is None} if folder else {}
    remote.check()
    with console.progress(f"check {items[0].model}", sum(file.size or 0 for file in files.values())) as watch:
        wrong = weights.compare(items[0].model, folder, files, watch) if folder else []
    right = weights.right(files, wrong)
    local = {item.oid: folder / item.path for item in items if item.path in right}
    return wrong, assess(remote, items, deep, local)


def _by_reading(remote: Remote, items: list[Item], seen: Found) -> Found:
    """Read `items`, and add a finding for each to `seen`. Raises `Failure`."""

    def read(item: Item) -> None:
        try:
            with console.on_its_way(item.path):
                mismatch = remote.read(item.oid, item.file, watch)
        except FileNotFoundError:  # deleted after it was listed
            seen[item.oid] = item.finding("remote", "missing")
        else:
            seen[item.oid] = item.finding("remote", "changed" if mismatch else "read", mismatch or "")

    with console.progress("read remote", sum(item.file.size or 0 for item in items)) as watch:
        transfer(read, items, READERS)
    return seen


def _by_info(info: ObjectInfo | None, item: Item, local: Path | None) -> Finding:
    if info is None:
        return item.finding("remote", "missing")
    size, here = item.file.size, local or cache.object_path(item.oid)
    if size is None and here.is_file():  # a pin made by plain `dvc add` has no sizes, but a local copy does
        size = here.stat().st_size
    if mismatch := digest.File(size).mismatch(digest.File(info.size)):
        return item.finding("remote", "changed", mismatch)
    if info.md5 and info.md5 != item.file.md5:
        return item.finding("remote", "changed", f"pinned md5 {item.file.md5}, the store says {info.md5}")
    if info.hash == item.file.md5:
        return item.finding("remote", "by hash")
    if info.crc64nvme and item.file.crc64nvme:
        return item.finding("remote", "by hash" if info.crc64nvme == item.file.crc64nvme else SUSPECT)
    _, dash, parts = (info.etag or "").partition("-")
    if not dash:
        return item.finding("remote", SUSPECT if info.etag else SIZE_ONLY)
    if local and re.fullmatch("[0-9]{1,5}", parts) and (made := etag.of_file(local, int(parts))):
        return item.finding("remote", "by hash" if made == info.etag else SUSPECT)
    return item.finding("remote", SIZE_ONLY)


def size_only(count: int, total: int) -> str:
    """The note that `count` of `total` objects were checked by size only: the store publishes no usable hash."""
    return f"remote: {count} of {text.plural(total, 'object')}: size only (DEEP=1 reads them)"

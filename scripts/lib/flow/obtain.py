"""Bringing objects from the remote into the cache, which takes only what is right."""

from pathlib import Path

from lib.core import workers
from lib.core.console import progress
from lib.core.digest import Progress
from lib.core.finding import Finding
from lib.disk import cache
from lib.model.inventory import Item
from lib.remote import factory

DOWNLOADS = 8  # objects side by side


def fetch(item: Item, part: Path, watch: Progress) -> Finding | None:
    """Bring `item` from the remote into the cache by way of `part`; why not, or None.

    One that arrives changed is tried once more.
    """
    for _ in range(2):
        try:
            mismatch = factory.default().get(item.oid, item.file, part, watch)
        except FileNotFoundError:
            return Finding(item.model, "remote", "missing", item.path, object=item.oid)
        if not mismatch:
            cache.keep(part, item.oid)
            return None
        part.write_bytes(b"")
    return Finding(item.model, "remote", "changed", item.path, mismatch, item.oid)


def obtain(item: Item, watch: Progress) -> Finding | None:
    """Make sure that the cache holds `item`, which it does only if it is right; why not, or None."""
    if cache.object_path(item.oid).is_file():
        return None
    if item.data is not None:
        cache.keep_bytes(item.data, item.oid)
        return None
    with cache.incoming(item.oid) as part:
        held = cache.object_path(item.oid).is_file()  # another command may have brought it meanwhile
        return None if held else fetch(item, part, watch)


def obtain_all(items: list[Item]) -> list[Finding]:
    """Make sure that the cache holds `items`, side by side; what is wrong with those that it does not hold."""
    with progress(f"pull {items[0].model}", sum(item.file.size or 0 for item in items)) as watch:
        return [why for why in workers.side_by_side(lambda item: obtain(item, watch), items, DOWNLOADS) if why]

"""Bringing objects from a remote into the cache, which takes only what is right."""

from lib.core import digest, workers
from lib.core.console import on_its_way, progress
from lib.core.finding import Finding
from lib.disk import cache
from lib.model.inventory import Item
from lib.remote import fallback

DOWNLOADS = 8  # objects side by side
brought: list[int] = []  # bytes of each object that this run took from a remote


def obtain(item: Item, watch: digest.Progress) -> Finding | None:
    """Make sure that the cache holds `item`, which it does only if it is right; why not, or None."""
    if cache.object_path(item.oid).is_file():
        return None
    if item.data is not None:
        cache.keep_bytes(item.data, item.oid)
        return None
    with cache.incoming(item.oid) as part:
        if cache.object_path(item.oid).is_file():  # another command may have brought it meanwhile
            return None
        with on_its_way(item.path):
            why = fallback.get(item, part, watch)
        if not why:
            brought.append(part.stat().st_size)
            cache.keep(part, item.oid)
        return why


def obtain_all(items: list[Item]) -> list[Finding]:
    """Make sure that the cache holds `items`, side by side; what is wrong with those that it does not hold."""
    with progress(f"download {items[0].model}", sum(item.file.size or 0 for item in items)) as watch:
        return [why for why in workers.side_by_side(lambda item: obtain(item, watch), items, DOWNLOADS) if why]

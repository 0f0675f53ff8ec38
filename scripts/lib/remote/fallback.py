"""Downloads objects into the cache, from the chosen remote and, if that fails, from the other configured ones."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from shlex import quote

from lib.core import console, digest
from lib.core.errors import Failure
from lib.core.report import Finding
from lib.disk import cache
from lib.model.inventory import Item, transfer, unique
from lib.remote import base, factory

DOWNLOADS = 8  # large objects in parallel
brought: list[int] = []  # bytes of each object that this run downloaded
_failed: dict[tuple[str, str], Failure] = {}  # by (remote, model); the model is "" if the remote is unreachable
_lock = threading.Lock()


def remotes(model: str = "") -> Iterator[base.Remote]:
    """The reachable remotes that have not failed for `model`, the preferred first. Raises `Failure` if none is left."""
    left = False
    for name in factory.names():
        with _lock:
            why = _failed.get((name, "")) or _failed.get((name, model)) or _unreachable(name, model)
        if not why:
            left = True
            yield factory.named(name)
    if not left:
        raise why


@lru_cache
def _unreachable(name: str, model: str) -> Failure | None:
    """Why the remote `name` is skipped from now on, if so; looks anew for each `model`. `_lock` must be held."""
    try:
        factory.named(name).check()
    except Failure as failure:
        _fail(name, "", failure)
    return _failed.get((name, ""))


def _fail(name: str, model: str, why: Failure) -> None:
    """Skip the remote `name` for `model` (all if empty) from now on, and say so once. `_lock` must be held."""
    if (name, model) not in _failed and len(factory.names()) > 1:
        console.remark(f"{str(why).partition('; ')[0]}; it is left out")
    _failed[name, model] = why


def holds(sizes: Mapping[str, int]) -> set[str]:
    """The objects of `sizes` (oid -> bytes) that the first reachable remote holds. Raises `Failure`."""
    return next(remotes()).holds(sizes)


def _from_any(item: Item, part: Path, watch: digest.Progress) -> Finding | None:
    """Download `item` to `part` from the first remote that has it intact; why it failed, or None. Raises `Failure`."""
    lacking = finding = failure = None
    for remote in remotes(item.model):
        try:
            why = _get(remote, item, part, watch)
        except Failure as error:
            failure = error
            with _lock:
                _fail(remote.name, item.model, error)
            continue
        if not why:
            console.note(lacking and _detour(item.model, lacking, remote))
            return None
        lacking, finding = lacking or remote, finding or why
    if not finding:
        raise failure
    return finding


def _detour(model: str, lacking: base.Remote, gave: base.Remote) -> str:
    mend = f"make push MODEL={model} REMOTE={quote(lacking.name)} DEEP=1 mends what models/{model}.dvc pins"
    what = f"objects missing or changed on {lacking.title}, taken from {gave.title}"
    return f"{console.VERB}: {model}: {what}; {mend}"


def _get(remote: base.Remote, item: Item, part: Path, watch: digest.Progress) -> Finding | None:
    """Download `item` from `remote` to `part`, once more if it arrives changed; why that failed, or None."""
    for _ in range(2):
        try:
            if not (mismatch := remote.read(item.oid, item.file, watch, part)):
                return None
        except FileNotFoundError:
            return item.finding("remote", "missing")
        part.write_bytes(b"")
    return item.finding("remote", "changed", mismatch)


def obtain(item: Item, watch: digest.Progress) -> Finding | None:
    """Make sure that the cache holds `item`, and add only intact bytes; why that failed, or None. Raises `Failure`."""
    if cache.object_path(item.oid).is_file():
        return None
    if item.data is not None:
        cache.keep_bytes(item.data, item.oid)
        return None
    with cache.incoming(item.oid) as part:
        if cache.object_path(item.oid).is_file():  # another command may have brought it meanwhile
            return None
        with console.on_its_way(item.path):
            why = _from_any(item, part, watch)
        if not why:
            brought.append(part.stat().st_size)
            cache.keep(part, item.oid)
        return why


def obtain_all(items: Iterable[Item]) -> list[Finding]:
    """Make sure that the cache holds the `items` of one model; findings for those that it lacks. Raises `Failure`."""
    items = unique(items)
    with console.progress(f"download {items[0].model}", sum(item.file.size or 0 for item in items)) as watch:
        return [why for why in transfer(lambda item: obtain(item, watch), items, DOWNLOADS) if why]

"""Downloads objects into the cache, from the chosen remote and, if that fails, from the other configured ones."""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from shlex import quote

from lib.core import console, digest, text
from lib.core.errors import Failure
from lib.core.report import Finding
from lib.disk import cache
from lib.model.inventory import Item, transfer, unique
from lib.remote import base, factory

DOWNLOADS = 8  # large objects in parallel
brought: list[int] = []  # bytes of each object that this run downloaded
_failed: dict[tuple[str, str], Failure] = {}  # by (remote, model); the model is "" if the remote is unreachable
_detours: Counter = Counter()  # number of objects by (model, remote without them, remote with them)
_lock = threading.Lock()


def remotes(model: str = "") -> Iterator[base.Remote]:
    """The reachable remotes that have not failed for `model`, the preferred first. Raises `Failure` if none is left."""
    left = False
    for name in factory.names():
        with _lock:
            if (name, "") not in _failed:
                _check(name, model)
            why = _failed.get((name, "")) or _failed.get((name, model))
        if not why:
            left = True
            yield factory.named(name)
    if not left:
        raise why


@lru_cache
def _check(name: str, model: str) -> None:
    """Skip the remote `name` from now on if it is unreachable; looks anew for each `model`: it may go meanwhile."""
    try:
        factory.named(name).check()
    except Failure as failure:
        _fail(name, "", failure)


def _fail(name: str, model: str, why: Failure) -> None:
    """Skip the remote `name` for `model` (all if empty) from now on, and say so once. `_lock` must be held."""
    known = factory.names()
    if (name, model) not in _failed and name != known[-1]:
        console.remark(f"{str(why).partition('; ')[0]}; continuing with remote {known[known.index(name) + 1]!r}")
    _failed[name, model] = why


def holds(sizes: Mapping[str, int]) -> set[str]:
    """The objects of `sizes` (oid -> bytes) that the first reachable remote holds. Raises `Failure`."""
    return next(remotes()).holds(sizes)


def _from_any(item: Item, part: Path, watch: digest.Progress) -> Finding | None:
    """Download `item` to `part` from the first remote that has it intact; why it failed, or None. Raises `Failure`."""
    lacking = finding = failure = None
    for remote in remotes(item.model):
        console.note(remote.note)
        try:
            why = _get(remote, item, part, watch)
        except Failure as error:
            failure = error
            with _lock:
                _fail(remote.name, item.model, error)
            continue
        if not why:
            with _lock:
                _detours[item.model, lacking, remote] += bool(lacking)
            return None
        lacking, finding = lacking or remote, finding or why
    if not finding:
        raise failure
    last = factory.names()[-1]  # why an earlier one was left out was said when the next one took its place
    why = _failed.get((last, "")) or _failed.get((last, item.model))
    console.note(why and f"{console.VERB}: {str(why).partition('; ')[0]}; it was not asked for what others lack")
    return finding


def _get(remote: base.Remote, item: Item, part: Path, watch: digest.Progress) -> Finding | None:
    """Download `item` from `remote` to `part`, once more if it arrives changed; why that failed, or None."""
    counted: list[int] = []  # by one attempt
    for _ in range(2):
        try:
            mismatch = remote.read(item.oid, item.file, lambda count: counted.append(count) or watch(count), part)
            if not mismatch:
                counted.clear()
                return None
        except FileNotFoundError:
            return item.finding("remote", "missing")
        finally:
            watch(-sum(counted))  # of one that failed, since the next one counts `part` again
            counted.clear()
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


def detours(model: str, is_here: bool) -> Iterator[str]:
    """A sentence for each remote that supplied objects of `model` because another one lacked them.

    Only a pin that `is_here`, in models/, is one that `make push` mends.
    """
    for (name, lacking, gave), count in _detours.items():
        if name == model and count:
            what = f"{text.plural(count, 'object')} missing or changed on {lacking.title}"
            mend = f"; next: make push MODEL={model} REMOTE={quote(lacking.name)} DEEP=1" if is_here else ""
            yield f"{model}: {what}, taken from {gave.title}{mend}"

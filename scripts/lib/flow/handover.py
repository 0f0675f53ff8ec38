"""Hands weights over to a folder outside the clone: exactly the pinned bytes, the whole model or nothing."""

import os
import shutil
import threading
from collections.abc import KeysView, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from lib.core import arguments, atomic, console, digest, lock, paths, text
from lib.core.errors import Failure
from lib.core.report import Finding, Report
from lib.disk import cache, destination, quarantine, settings, weights
from lib.model import inventory, pin, reachable
from lib.remote import factory, fallback
from lib.remote.base import MARKER

_turn = threading.Lock()  # excludes other threads: the clone's lock excludes only other processes


def folder(typed: str) -> Path:
    """The folder that was typed as TO. Raises `Failure` if it is a file or in this clone."""
    found = paths.typed(typed).resolve()
    if found.exists() and not found.is_dir():
        raise Failure(f"TO={typed} is a file; name a folder")
    if found.is_relative_to(paths.ROOT):
        raise Failure(f"TO={typed} lies in this clone; name a folder outside")
    return found


def hand_over(held: pin.Pin, to: Path, report: Report) -> bool:
    """Make `to`/NAME what `held` pins; whether that changed it. Findings go to `report`. Raises `Failure`, OSError.

    The old folder stays until the new one is complete; if killed between the two renames, it is left as `.NAME.old`.
    """
    target = to / held.name
    part, old, own = (target.with_name(f".{target.name}.{kind}") for kind in ("part", "old", "lock"))
    _check_outside(target)
    with lock.part(own), ExitStack() as after:
        after.callback(own.unlink)
        if os.path.lexists(old) and not os.path.lexists(target):
            old.replace(target)
        left = quarantine.only_here(old, weights.entries(old), _elsewhere)
        quarantine.clear(old, held.name, dict.fromkeys(left, "extra"), report.say)
        items = [item for item in factory.objects_of(held) if item.data is None]
        files = {item.path: item.file for item in items}
        with console.progress(f"check {held.name}", held.size if os.path.lexists(target) else 0) as watch:
            wrong = weights.compare(held.name, target, files, watch)
        only = _check_ours(target, wrong, files.keys())
        new = bool(wrong) and _assemble(held, part, items, report)
        if new:
            if os.path.lexists(target):
                paths.move(target, old)
            part.replace(target)
            atomic.sync(target.parent)
            quarantine.clear(old, held.name, only, report.say)
    return new


def _check_outside(target: Path) -> None:
    """Raise `Failure` if `target` contains this clone, its cache or a remote, or is where one keeps its objects."""
    urls, own = [each.get("url", "") for each in settings.read()["remote"].values()], target.resolve()
    stores = [cache.location(), *(Path(url) for url in urls if url and "://" not in url)]
    # Markers reveal those that no setting names: an export, a remote of other clones.
    stores += [path.parent for path in own.rglob(MARKER)] + [each for each in own.parents if (each / MARKER).exists()]
    for place in (paths.ROOT, *stores):
        if place.resolve().is_relative_to(own):
            raise Failure(f"{place} would be replaced by what goes to {target}; name another folder: TO=…")
    for store in stores:
        if own.is_relative_to((store / cache.LAYOUT).parent.resolve()):  # if the model is called `files`
            raise Failure(f"{target} is where {store} keeps its objects; name another folder: TO=…")


def _check_ours(target: Path, wrong: list[Finding], files: KeysView[str]) -> dict[str, str]:
    """Path -> kind in `wrong`, for the files in `target` that exist nowhere else.

    Raises `Failure` for a Git repository, and for a folder with no known content and no file named as in `files`.
    """
    if target.is_symlink():
        return {}
    kinds = {each.file: each.kind for each in wrong if each.kind != "missing"}
    only = quarantine.only_here(target, kinds, _elsewhere)
    there = weights.entries(target)
    if (only and len(only) == len(there) and files.isdisjoint(there)) or os.path.lexists(target / ".git"):
        raise Failure(f"{target} exists, and nothing in it is this repository's; move it away, or name another TO=…")
    return {file: kinds[file] for file in only}


def _elsewhere(sizes: Mapping[str, int]) -> set[str]:
    """The objects of `sizes` (id -> bytes) that Git's history pins or the remote holds, so copies may be replaced."""
    known = sizes.keys() & reachable.named().keys()
    left = {oid: size for oid, size in sizes.items() if oid not in known}
    return known | (fallback.holds(left) if left else set())


def _assemble(held: pin.Pin, part: Path, items: list[inventory.Item], report: Report) -> bool:
    """Fill the folder `part` with `items`. Returns False, with findings in `report`, if one cannot be had."""
    console.remark(f"{held.name} goes to {part.parent}: {text.amount(held.nfiles, held.size)}")
    paths.remove(part)
    _check_space(held, items, part)
    with console.progress(f"copy {held.name}", held.size) as watch:
        found = inventory.transfer(lambda item: _place(item, part / item.path, watch), items, fallback.DOWNLOADS)
    if failed := list(filter(None, found)):
        report.found(*failed)
        shutil.rmtree(part)
    return not failed


def _check_space(held: pin.Pin, items: list[inventory.Item], part: Path) -> None:
    """Before the first byte, refuse what the disks of the cache and of `part` cannot hold. Raises `Failure`."""
    missing = [item for item in inventory.unique(items) if not cache.object_path(item.oid).is_file()]
    fetch = sum((item.file.size or 0) - cache.arrived(item.oid) for item in missing)
    store, what = cache.location(), f"{held.name} needs"
    same = paths.same_disk(store, part)
    linked = same and arguments.is_on("LINK")
    advice = "link it to the cache: LINK=1" if same and not linked else "name another folder"
    destination.check_space(fetch, store, what, "pull fewer models: MODEL=NAME")
    destination.check_space(same * fetch + (0 if linked else held.size), part.parent, what, advice)


def _place(item: inventory.Item, path: Path, watch: digest.Progress) -> Finding | None:
    """Make `path` a verified copy of the object `item`, or a link to it. Returns why that failed, or None."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(2):
        if why := fallback.obtain(item, digest.unwatched):
            return why
        held = cache.object_path(item.oid)
        if arguments.is_on("LINK"):
            mismatch = digest.mismatch(held, item.file, watch)
            with suppress(OSError):  # another file system, or one without links
                os.link(held, path)
        if not path.exists():
            mismatch = item.file.mismatch(digest.copy(held, path, (item.file.hash_name,), watch))
            atomic.sync(path)
        if not mismatch:
            return None
        path.unlink()
        with _turn, lock.clone():
            quarantine.keep_object(item.oid, item.model, item.path)
    return item.finding("cache", "changed", mismatch)

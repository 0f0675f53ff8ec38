"""Handing weights over to a folder outside the clone: exactly the pinned bytes, the whole model or nothing new."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from lib.core import arguments, atomic, digest, lock, paths, text, workers
from lib.core.console import note, progress, remark
from lib.core.digest import Progress
from lib.core.errors import Failure
from lib.core.finding import Finding
from lib.core.report import Report
from lib.disk import cache, destination, weights
from lib.flow.obtain import DOWNLOADS, obtain
from lib.model.inventory import Item
from lib.model.pin import Pin
from lib.remote import factory, fallback


def folder(typed: str) -> Path:
    """The folder that was typed as TO. Raises `Failure` if it lies in this clone."""
    found = paths.typed(typed).resolve()
    if found.is_relative_to(paths.ROOT):
        raise Failure(f"TO={typed} lies in this clone; name a folder outside")
    return found


def hand_over(held: Pin, to: Path, report: Report) -> bool:
    """Make `to`/NAME what `held` pins, and report it; False if it already was. Raises `Failure`, OSError.

    What is there stays until the new one is whole. A kill between the two renames leaves it beside, as `.NAME.old`.
    """
    target = to / held.name
    part, old, own = (target.with_name(f".{target.name}.{kind}") for kind in ("part", "old", "lock"))
    with lock.part(own):
        if old.exists() and not target.exists():
            old.replace(target)
        items = [item for item in factory.objects_of(held) if item.data is None]
        new = not _is_there(held, target, items) and _assemble(held, part, items, report)
        if new:
            if target.exists() or target.is_symlink():
                target.replace(old)
            part.replace(target)
            atomic.sync(target.parent)
        shutil.rmtree(old, ignore_errors=True)
        own.unlink()
    return new


def _is_there(held: Pin, target: Path, items: list[Item]) -> bool:
    files = {item.path: item.file for item in items}
    with progress(f"check {held.name}", held.size) as watch:
        return target.exists() and not weights.compare(held.name, target, files, cache.location, watch)


def _assemble(held: Pin, part: Path, items: list[Item], report: Report) -> bool:
    """Make the folder `part` of `items`; False, and a report of why, if that cannot be."""
    remark(f"{held.name} goes to {part.parent}: {text.amount(held.nfiles, held.size)}")
    note(next(fallback.remotes()).note)
    shutil.rmtree(part, ignore_errors=True)
    destination.check_space(held.size, part, f"{held.name} needs", "name another folder")
    with progress(f"copy {held.name}", held.size) as watch:
        found = workers.side_by_side(lambda item: _place(item, part / item.path, watch), items, DOWNLOADS)
    if failed := list(filter(None, found)):
        report.found(*failed)
        shutil.rmtree(part)
    return not failed


def _place(item: Item, path: Path, watch: Progress) -> Finding | None:
    """Make `path` a copy of the object `item`, or a link to it; why not, or None. The bytes were read and are right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mismatch = None
    for _ in range(2):
        if why := obtain(item, digest.unwatched):
            return why
        held = cache.object_path(item.oid)
        if arguments.is_on("LINK"):
            mismatch = weights.mismatch(held, item.file, watch)
            with suppress(OSError):  # another file system, or one without links
                os.link(held, path)
        if not path.exists():
            mismatch = item.file.mismatch(digest.copy(held, path, (item.file.hash_name,), watch))
            atomic.sync(path)
        if not mismatch:
            return None
        path.unlink()
        with lock.clone():
            cache.drop(item.oid)
    return Finding(item.model, "cache", "changed", item.path, mismatch or "", item.oid)

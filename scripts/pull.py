"""Bring the pinned weights to models/, each model whole and right or not at all."""

import os
from pathlib import Path

from lib.core import arguments, command, lock, text, workers
from lib.core.console import note, progress
from lib.core.digest import Progress
from lib.core.errors import Failure
from lib.core.finding import Finding
from lib.core.report import NO_MODEL, Report
from lib.disk import cache, cleanup, destination, staging, weights
from lib.model import inventory, names, pin, selection
from lib.model.inventory import Item
from lib.model.pin import Pin
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


def assemble(new: Path, held: Path, items: list[Item], good: set[str]) -> None:
    """Make the folder `new` of `items`: those of `good` are in the folder `held` already, the others in the cache."""
    for item in items:
        target = new / item.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if item.path in good:
            os.link(held / item.path, target, follow_symlinks=False)
        else:
            cache.link(cache.object_path(item.oid), target)


def check_space(chosen: list[str]) -> None:
    """Refuse what the disk cannot hold before the first byte: what neither the cache nor models/ has, by sizes."""
    pins = [held for name in chosen if (held := pin.read(name, broken_is_none=True))]
    left = {}
    for held in pins:
        folder = names.weights_dir(held.name)
        if held.files is None:  # its listing may be on the remote, and is asked for later
            left[held.name] = 0 if folder.is_dir() else held.size
        for path, file in (held.files or {}).items():
            here = (cache.object_path(file.md5), folder / path)
            if not any(each.is_file() and each.stat().st_size == file.size for each in here):
                left[file.md5] = file.size
    # Weights are links to the cache, or else copies of what it holds.
    needed = sum(left.values()) * (1 if cache.links() else 2)
    what = f"{text.plural(len(pins), 'model')} need{'s' if len(pins) == 1 else ''}"
    destination.check_space(needed, cache.location(), what, "pull fewer models: MODEL=NAME")


def pull(held: Pin, report: Report) -> bool:
    """Make models/NAME what `held` pins, and report it; False if it already was. Raises `Failure`.

    What is there stays as it is until all that is needed is at hand and right.
    """
    staging.recover(held.name)
    items = factory.objects_of(held)
    files = {item.path: item.file for item in items if item.data is None}
    folder = names.weights_dir(held.name)
    with progress(f"check {held.name}", held.size) as watch:
        wrong = weights.compare(held.name, folder, files, cache.location, watch)
        good = set() if folder.is_symlink() else files.keys() - {finding.file for finding in wrong}
        corrupt = cache.check(items, folder, good, watch)
    for finding in corrupt:
        with lock.clone():
            cache.drop(finding.object)
        report.note(f"pull: {finding}: dropped")
    if folder.is_dir() and not wrong and not corrupt:
        return False
    note(factory.default().note)
    factory.default().check()
    needed = {finding.object for finding in corrupt}
    if failed := obtain_all(inventory.unique(item for item in items if item.path not in good or item.oid in needed)):
        report.found(*failed)
        return False
    if wrong or not folder.is_dir():
        assemble(staging.new(held.name), folder, [item for item in items if item.data is None], good)
        staging.swap(held.name, staging.new(held.name))
        note(cache.note())
        for line in staging.settle(held.name, wrong, factory.default().infos):
            report.note(f"pull: {line}")
    return True


def main(report: Report) -> tuple[str, str]:
    cleanup.clear()
    chosen = selection.select(arguments.value("MODEL"))
    if not chosen:
        return NO_MODEL, ""
    check_space(chosen)
    for name in chosen:
        try:
            with lock.model(name):
                held = selection.checked(name)
                new = pull(held, report)
            report.model(name, held.nfiles, held.size)
            if report.is_good(name):
                size = text.amount(held.nfiles, held.size)
                report.note(f"pulled {name}: {size}" if new else f"{name}: up to date, {size}")
        except Failure as failure:
            report.found(Finding(name, "model", "not pulled", detail=f"{name}: {failure}"))
    good = [name for name in chosen if report.is_good(name)]
    bad = text.plural(len(chosen) - len(good), "model")
    return f"{text.plural(len(good), 'model')} good", f"{bad} not good, {len(good)} good; see the lines above"


if __name__ == "__main__":
    command.run_reported("pull", main)

"""Bring the pinned weights to models/, each model whole and right or not at all.

Usage: make pull [MODEL=NAME or ORG/NAME]
"""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lib import aside, cache, inventory, models, names, remote, report, staging, weights
from lib.digest import Progress
from lib.inventory import Item
from lib.pin import Pin
from lib.report import Failure

WORKERS = 8  # objects side by side


def fetch(item: Item, progress: Progress) -> str | None:
    """Bring ITEM from the remote into the cache; why not, or None. One that arrives changed is tried once more."""
    part = cache.incoming(item.oid)
    for _ in range(2):
        try:
            remote.default().get(item.oid, part, progress)
        except FileNotFoundError:
            return f"missing from the remote (object {item.oid})"
        flaw = weights.flaw(part, item.file)
        if not flaw:
            cache.keep(part, item.oid)
            return None
        part.unlink()
    return f"changed on the remote (object {item.oid}: {flaw})"


def obtain(item: Item, progress: Progress) -> str | None:
    """Make sure that the cache holds ITEM, read and right; why not, or None."""
    held = cache.object_path(item.oid)
    if held.is_file():
        flaw = weights.flaw(held, item.file, progress)
        if not flaw:
            return None
        cache.drop(item.oid)
        report.result(
            f"pull: {item.title}: changed in the cache (object {item.oid}: {flaw}); taken from the remote again"
        )
    if item.data is not None:
        cache.keep_bytes(item.data, item.oid)
        return None
    return fetch(item, progress)


def obtain_all(items: list[Item]) -> list[str]:
    """Make sure that the cache holds ITEMS, side by side; a finished sentence for each that it could not."""
    total = sum(item.file.size or 0 for item in items)
    with report.progress(items[0].model, total) as progress, ThreadPoolExecutor(WORKERS) as pool:
        whys = pool.map(lambda item: obtain(item, progress), items)
        return [f"{item.title}: {why}" for item, why in zip(items, whys, strict=True) if why]


def assemble(new: Path, held: Path, items: list[Item], good: set[str]) -> None:
    """Make the folder NEW of ITEMS: those of GOOD are in the folder HELD already, the others in the cache."""
    shutil.rmtree(new, ignore_errors=True)
    for item in items:
        target = new / item.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if item.path in good:
            os.link(held / item.path, target, follow_symlinks=False)
        else:
            cache.link(cache.object_path(item.oid), target)


def pull(held: Pin) -> list[str]:
    """Make models/NAME what HELD pins; what is wrong, or nothing. What is there stays as it is until all is at hand."""
    work = aside.recover(held.name)
    files = inventory.files_of(held, remote.listing)
    folder = names.weights_dir(held.name)
    with report.progress(held.name, held.size) as progress:
        differences = weights.compare(folder, files, cache.folder, progress)
    if folder.is_dir() and not differences:
        report.result(f"{held.name}: up to date, {report.tally(1, held.nfiles, held.size).partition(', ')[2]}")
        return []
    report.note(remote.default().note)
    remote.default().check()
    good = (
        files.keys() - {difference.path for difference in differences}
        if folder.is_dir() and not folder.is_symlink()
        else set()
    )
    items = inventory.of_pin(held, files)
    if problems := obtain_all([item for item in items if item.path not in good]):
        return problems
    weights_items = [item for item in items if item.data is None]
    assemble(work / "new", folder, weights_items, good)
    staging.swap(work / "new", folder, work / "old")
    cache.remember((folder / item.path, item.file.md5) for item in weights_items)
    for line in aside.settle(held.name, differences):
        report.result(f"pull: {line}")
    report.result(f"pulled {held.name}: {report.tally(1, held.nfiles, held.size).partition(', ')[2]}")
    return []


def main() -> None:
    chosen = models.select(names.value("MODEL"))
    if not chosen:
        report.result("no model yet; add one: make add MODEL=ORG/NAME")
        return
    bad = 0
    for name in chosen:
        try:
            problems = pull(models.checked(name))
        except Failure as failure:
            problems = [str(failure)]
        for problem in problems:
            report.result(f"pull: {problem}")
        bad += bool(problems)
    if bad:
        good = len(chosen) - bad
        raise Failure(
            f"{report.plural(bad, 'model')} not pulled, {report.plural(good, 'model')} good; see the lines above"
        )


if __name__ == "__main__":
    report.run("pull", main)

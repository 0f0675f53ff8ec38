"""Bring the pinned weights to models/, each model whole and right or not at all.

Usage: make pull [MODEL=NAME or ORG/NAME]
"""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lib import aside, cache, command, inventory, models, names, remote, report, staging, weights
from lib.digest import Progress
from lib.inventory import Item
from lib.pin import Pin
from lib.problem import Problem
from lib.report import Failure, Report

WORKERS = 8  # objects side by side


def fetch(item: Item, progress: Progress) -> Problem | None:
    """Bring ITEM from the remote into the cache; why not, or None. One that arrives changed is tried once more."""
    part = cache.incoming(item.oid)
    for _ in range(2):
        try:
            flaw = remote.default().get(item.oid, item.file, part, progress)
        except FileNotFoundError:
            return Problem(item.model, "remote", "missing", item.path, object=item.oid)
        if not flaw:
            cache.keep(part, item.oid)
            return None
        part.unlink(missing_ok=True)
    return Problem(item.model, "remote", "changed", item.path, flaw, item.oid)


def obtain(item: Item, progress: Progress) -> Problem | None:
    """Make sure that the cache holds ITEM, which it does only if it is right; why not, or None."""
    if cache.object_path(item.oid).is_file():
        return None
    if item.data is not None:
        cache.keep_bytes(item.data, item.oid)
        return None
    return fetch(item, progress)


def obtain_all(items: list[Item]) -> list[Problem]:
    """Make sure that the cache holds ITEMS, side by side; what is wrong with those that it could not."""
    total = sum(item.file.size or 0 for item in items)
    with report.progress(f"pull {items[0].model}", total) as progress, ThreadPoolExecutor(WORKERS) as pool:
        return [problem for problem in pool.map(lambda item: obtain(item, progress), items) if problem]


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


def pull(held: Pin, said: Report) -> bool:
    """Make models/NAME what HELD pins, and say so; False if it already was. Raises Failure.

    What is there stays as it is until all that is needed is at hand and right.
    """
    work = aside.recover(held.name)
    items = inventory.of_pin(held, inventory.files_of(held, remote.listing))
    files = {item.path: item.file for item in items if item.data is None}
    folder = names.weights_dir(held.name)
    with report.progress(f"check {held.name}", held.size) as progress:
        wrong = weights.compare(held.name, folder, files, cache.location, progress)
        good = set() if folder.is_symlink() else files.keys() - {problem.file for problem in wrong}
        corrupt = cache.check(items, folder, good, progress)
    for problem in corrupt:
        cache.drop(problem.object)
        said.note(f"pull: {problem}: dropped")
    if folder.is_dir() and not wrong and not corrupt:
        return False
    report.note(remote.default().note)
    remote.default().check()
    needed = {problem.object for problem in corrupt}
    if problems := obtain_all(inventory.unique(item for item in items if item.path not in good or item.oid in needed)):
        said.found(*problems)
        return False
    if wrong or not folder.is_dir():
        replace(held, [item for item in items if item.data is None], good, wrong, work, said)
    return True


def replace(held: Pin, items: list[Item], good: set[str], wrong: list[Problem], work: Path, said: Report) -> None:
    """Swap models/NAME for a folder of ITEMS; what was WRONG with it and exists nowhere else is kept aside."""
    folder = names.weights_dir(held.name)
    assemble(work / "new", folder, items, good)
    staging.swap(work / "new", folder, work / "old")
    report.note(cache.note())
    for line in aside.settle(held.name, wrong):
        said.note(f"pull: {line}")


def main(said: Report) -> tuple[str, str]:
    chosen = models.select(names.value("MODEL"))
    if not chosen:
        return report.NO_MODEL, ""
    for name in chosen:
        try:
            held = models.checked(name)
            new = pull(held, said)
            said.model(name, held.nfiles, held.size)
            if said.is_good(name):
                size = report.amount(held.nfiles, held.size)
                said.note(f"pulled {name}: {size}" if new else f"{name}: up to date, {size}")
        except Failure as failure:
            said.found(Problem(name, "model", "not pulled", detail=f"{name}: {failure}"))
    good = [name for name in chosen if said.is_good(name)]
    bad = report.plural(len(chosen) - len(good), "model")
    return f"{report.plural(len(good), 'model')} good", f"{bad} not good, {len(good)} good; see the lines above"


if __name__ == "__main__":
    command.run_reported("pull", main)

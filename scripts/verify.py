"""Prove that the pins, the weights on disk and in the cache, and the objects on the remote are what they should be.

Usage: make verify [MODEL=NAME or ORG/NAME] [DEEP=1] [OFFLINE=1] [REPORT=file.json]
"""

from pathlib import Path

from lib import cache, command, inventory, models, names, remote, report, verdict, weights
from lib.inventory import Item
from lib.pin import Pin
from lib.problem import Problem
from lib.report import Failure, Report


def read_pin(name: str, said: Report) -> tuple[Pin, list[Item]] | None:
    """The pin of NAME and its objects, if it agrees with itself."""
    try:
        held = models.checked(name)
        if held.files is None:
            said.note(f"{name}: pinned by plain dvc add, so checked by md5 (make track NAME={name} pins sha256 too)")
        return held, inventory.of_pin(held, inventory.files_of(held, remote.listing))
    except Failure as failure:
        said.found(Problem(name, "pin", "broken", detail=str(failure)))
        return None


def check_disk(held: Pin, items: list[Item], said: Report) -> dict[str, Path]:
    """Every byte of models/NAME, and of the cache's copies of it; the files that are right, by oid."""
    folder = names.weights_dir(held.name)
    files = [item for item in items if item.data is None]
    looked = folder.exists() or folder.is_symlink()
    bad: list[Problem] = []
    with report.progress(held.name, held.size) as progress:
        wanted = {item.path: item.file for item in files} if looked else {}
        if looked:
            bad = weights.compare(held.name, folder, wanted, cache.location, progress)
        else:
            said.note(f"{held.name}: not on disk, so its weights were not looked at (make pull MODEL={held.name})")
        said.found(*bad, *cache.check(items, folder, wanted))
    said.model(held.name, held.nfiles, held.size, disk="checked" if looked else "absent")
    wrong = {problem.file for problem in bad}
    return {item.oid: folder / item.path for item in files if item.path not in wrong} if looked else {}


def check_remote(items: list[Item], at_hand: dict[str, Path], deep: bool, said: Report) -> None:
    """Every object of ITEMS on the remote; says how it was looked at."""
    try:
        store = remote.default()
        report.note(store.note)
        store.check()
        with report.progress("remote", sum(item.file.size or 0 for item in items) if deep else 0) as progress:
            found = verdict.inspect(store, items, deep, at_hand, progress)
    except Failure as failure:
        said.found(Problem("", "remote", "unreachable", detail=f"{failure}; the remote was not looked at"))
        return
    said.found(*(found[item.oid].problem(item) for item in items if found[item.oid].is_bad))
    if unread := sum(each.kind == "unread" for each in found.values()):
        said.note(verdict.size_only(unread, len(items)))


def main(said: Report) -> tuple[str, str]:
    chosen = models.select(names.value("MODEL"))
    if not chosen:
        return report.NO_MODEL, ""
    sound = [pair for pair in (read_pin(name, said) for name in chosen) if pair]
    at_hand: dict[str, Path] = {}
    for held, items in sound:
        at_hand |= check_disk(held, items, said)
    if names.value("OFFLINE") == "1":
        said.note("remote: not looked at (OFFLINE=1)")
    elif sound:
        items = inventory.unique(item for _, items in sound for item in items)
        check_remote(items, at_hand, names.value("DEEP") == "1", said)
    total = report.tally(len(sound), sum(held.nfiles for held, _ in sound), sum(held.size for held, _ in sound))
    problems, looked = report.plural(len(said.problems), "problem"), report.plural(len(chosen), "model")
    return f"verified {total}", f"{problems} in {looked}; see the lines above"


if __name__ == "__main__":
    command.run_reported("verify", main)

"""Prove that the pins, the weights on disk and the objects on the remote are what they should be.

Usage: make verify [MODEL=NAME or ORG/NAME] [DEEP=1] [OFFLINE=1]
"""

from lib import cache, inventory, models, names, remote, report, verdict, weights
from lib.inventory import Item
from lib.pin import Pin
from lib.report import Failure


def read_pins(chosen: list[str]) -> tuple[list[tuple[Pin, list[Item]]], list[str]]:
    """The pins of CHOSEN that are sound, each with its objects; and a problem for each that is not."""
    sound, problems = [], []
    for name in chosen:
        try:
            held = models.checked(name)
            sound.append((held, inventory.of_pin(held, inventory.files_of(held, remote.listing))))
        except Failure as failure:
            problems.append(str(failure))
    return sound, problems


def check_disk(held: Pin, items: list[Item]) -> list[str]:
    """Every byte of models/NAME against HELD; what is wrong."""
    files = {item.path: item.file for item in items if item.data is None}
    with report.progress(held.name, held.size) as progress:
        found = weights.compare(names.weights_dir(held.name), files, cache.folder, progress)
    return [f"{held.name}/{each.path}: {each.kind}{f' ({each.detail})' if each.detail else ''}" for each in found]


def check_remote(items: list[Item], deep: bool) -> list[str]:
    """Every object of ITEMS on the remote; what is wrong. Says how it was looked at."""
    store = remote.default()
    report.note(store.note)
    store.check()
    total = sum(item.file.size or 0 for item in items) if deep else 0
    with report.progress("remote", total) as progress:
        verdicts = verdict.inspect(store, items, deep, progress)
    unread = sum(verdict.kind == "unread" for verdict in verdicts.values())
    if unread:
        report.result(f"remote: {unread} of {report.plural(len(items), 'object')}: size only (DEEP=1 reads them)")
    return [f"{item.title}: {verdicts[item.oid]}" for item in items if verdicts[item.oid].is_bad]


def main() -> None:
    chosen = models.select(names.value("MODEL"))
    if not chosen:
        report.result("no model yet; add one: make add MODEL=ORG/NAME")
        return
    sound, problems = read_pins(chosen)
    for held, items in sound:
        if names.weights_dir(held.name).exists():
            problems += check_disk(held, items)
        else:
            report.result(f"{held.name}: not on disk, so its weights were not looked at (make pull MODEL={held.name})")
    if names.value("OFFLINE") == "1":
        report.result("remote: not looked at (OFFLINE=1)")
    elif sound:
        items = inventory.unique(item for _, items in sound for item in items)
        problems += check_remote(items, names.value("DEEP") == "1")
    for problem in problems:
        report.result(f"verify: {problem}")
    if problems:
        raise Failure(
            f"{report.plural(len(problems), 'problem')} in {report.plural(len(chosen), 'model')}; see the lines above"
        )
    report.result(
        f"verified {report.tally(len(sound), sum(h.nfiles for h, _ in sound), sum(h.size for h, _ in sound))}"
    )


if __name__ == "__main__":
    report.run("verify", main)

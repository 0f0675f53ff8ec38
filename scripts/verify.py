"""Prove that the pins, the weights on disk and in the cache, and the objects on the remote are what they should be."""

from pathlib import Path

from lib.core import arguments, command, text
from lib.core.console import note, progress
from lib.core.errors import Failure
from lib.core.finding import Finding
from lib.core.report import NO_MODEL, Report
from lib.disk import cache, weights
from lib.model import catalog, history, inventory, names, selection
from lib.model.inventory import Item
from lib.model.pin import Pin
from lib.remote import audit, factory


def check_pin(name: str, report: Report) -> tuple[Pin, list[Item]] | None:
    """The pin of `name` and its objects, if it is consistent."""
    try:
        held = selection.checked(name)
        if held.files is None:
            report.note(f"{name}: pinned by plain dvc add, so checked by md5 (make track NAME={name} pins sha256 too)")
        return held, factory.objects_of(held)
    except Failure as failure:
        report.found(Finding(name, "pin", "broken", detail=str(failure)))
        return None


def check_disk(held: Pin, items: list[Item], report: Report) -> dict[str, Path]:
    """Every byte of models/NAME, and of the cache's copies of it; the files that are right, by oid."""
    folder = names.weights_dir(held.name)
    files = [item for item in items if item.data is None]
    looked = folder.exists() or folder.is_symlink()
    bad: list[Finding] = []
    with progress(held.name, held.size) as watch:
        wanted = {item.path: item.file for item in files} if looked else {}
        if looked:
            bad = weights.compare(held.name, folder, wanted, cache.location, watch)
        else:
            report.note(f"{held.name}: not on disk, so its weights were not looked at (make pull MODEL={held.name})")
        report.found(*bad, *cache.check(items, folder, wanted))
    report.model(held.name, held.nfiles, held.size, disk="checked" if looked else "absent")
    wrong = {finding.file for finding in bad}
    return {item.oid: folder / item.path for item in files if item.path not in wrong} if looked else {}


def check_remote(items: list[Item], at_hand: dict[str, Path], report: Report) -> None:
    """Every object of `items` on the remote; reports how it was looked at. `at_hand` are right files, by oid."""
    deep = arguments.is_on("DEEP")
    try:
        remote = factory.default()
        note(remote.note)
        remote.check()
        with progress("remote", sum(item.file.size or 0 for item in items) if deep else 0) as watch:
            found = audit.assess(remote, items, deep, at_hand, watch)
    except Failure as failure:
        report.found(Finding("", "remote", "unreachable", detail=f"{failure}; the remote was not looked at"))
        return
    report.found(*(found[item.oid].finding(item) for item in items if found[item.oid].is_bad))
    if unchecked := sum(each.status == "unchecked" for each in found.values()):
        report.note(audit.size_only(unchecked, len(items)))


def check_catalog(report: Report) -> None:
    """The rows of models/README.md against the pins in Git's index."""
    if why := history.unreadable():
        report.note(f"Git was not asked which pins there are: {why}")
        return
    try:
        for name, difference in catalog.differences():
            line = f"models/README.md: {name} {difference}; renew it: make catalog"
            report.found(Finding(name, "catalog", "differs", detail=line))
    except Failure as failure:
        report.found(Finding("", "catalog", "broken", detail=str(failure)))


def main(report: Report) -> tuple[str, str]:
    chosen = selection.select(arguments.value("MODEL"))
    if not arguments.value("MODEL"):
        check_catalog(report)
    if not chosen and not report.findings:
        return NO_MODEL, ""
    pins = [pair for pair in (check_pin(name, report) for name in chosen) if pair]
    at_hand: dict[str, Path] = {}
    for held, items in pins:
        at_hand |= check_disk(held, items, report)
    if arguments.is_on("OFFLINE"):
        report.note("remote: not looked at (OFFLINE=1)")
    elif pins:
        check_remote(inventory.unique(item for _, items in pins for item in items), at_hand, report)
    total = text.tally(len(pins), sum(held.nfiles for held, _ in pins), sum(held.size for held, _ in pins))
    problems, looked = text.plural(len(report.findings), "problem"), text.plural(len(chosen), "model")
    advice = "; make pull restores weights" if any(each.place in ("disk", "cache") for each in report.findings) else ""
    return f"verified {total}", f"{problems} in {looked}; see the lines above{advice}"


if __name__ == "__main__":
    command.run_reported("verify", main)

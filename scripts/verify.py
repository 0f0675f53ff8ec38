"""Prove that the pins, the weights on disk and in the cache, and the objects on the remote are what they should be."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from lib.core import arguments, console, lock, text
from lib.core.errors import Failure
from lib.core.report import NO_MODEL, Finding, Report
from lib.disk import cache, staging, weights
from lib.flow.looked import NOT_ASKED, Looked, check_required, requirements, share
from lib.model import catalog, history, inventory, names, pin, policy, selection, signatures
from lib.remote import audit, factory, repair

Items = list[inventory.Item]


def check_pin(name: str, report: Report) -> tuple[pin.Pin, Items] | None:
    """The pin of `name` and its objects; None, and a finding, if it is broken."""
    with report.failing(name, "pin", "broken"):
        held, items = selection.checked(name), []
        if held.files is None:
            report.note(f"{name}: pinned by plain dvc add, so checked by md5 (make track NAME={name} pins sha256 too)")
        if held.files is None and arguments.is_on("OFFLINE") and not cache.object_path(f"{held.md5}.dir").is_file():
            report.note(f"{name}: its listing is not in the cache, so its files are not known (OFFLINE=1)")
        else:
            items = factory.objects_of(held)
        with report.failing(name, "pin", "forbidden"):
            files = held.files or {item.path: item.file for item in items if item.data is None}
            if found := policy.findings(replace(held, files=files), policy.read()):
                first = "" if held.source or names.weights_dir(name).is_dir() else f"make pull MODEL={name} && "
                policy.check(found, held, first + pin.command(held))
        return held, items
    return None


def check_disk(held: pin.Pin, items: Items, report: Report, looked: Looked) -> dict[str, Path]:
    """Check every byte of models/NAME and of its objects in the cache; returns the paths of good files, by oid."""
    folder = names.weights_dir(held.name)
    files = [item for item in items if item.data is None]
    is_there = bool(items) and (folder.exists() or folder.is_symlink())
    wanted = {item.path: item.file for item in files} if is_there else {}
    bad: list[Finding] = []
    with console.progress(f"check {held.name}", held.size) as watch:
        if is_there:
            bad = weights.compare(held.name, folder, wanted, watch)
        elif items:
            report.note(f"{held.name}: not on disk, so its weights were not looked at (make pull MODEL={held.name})")
        report.found(*bad, *cache.check(items, folder, wanted))
    report.model(held.name, held.nfiles, held.size, disk="checked" if is_there else "absent")
    right = weights.right(wanted, bad)
    looked.files += len(right)
    looked.bytes += sum((folder / path).stat().st_size for path in right)
    return {item.oid: folder / item.path for item in files if item.path in right}


def check_model(name: str, report: Report, looked: Looked) -> tuple[pin.Pin, Items, dict[str, Path]] | None:
    """Check the model `name`; returns its pin, the objects to ask for, and the paths of its good files, by oid.

    None if its pin is broken, or was written by a command that was stopped.
    """
    with lock.model(name, wait=False) as busy:
        if not (found := check_pin(name, report)):
            return None
        held, items = found
        if not busy and not lock.STARTED_BY and (why := staging.stopped(held)):
            report.found(Finding(name, "pin", "stopped", detail=why))
            return None
        looked.pins += 1
        looked.pinned_files += held.nfiles
        looked.pinned_bytes += held.size
        if arguments.is_on("SIGNED"):
            if why := signatures.missing(held):
                report.found(Finding(name, "pin", "not signed", detail=f"{name}: not signed: {why}"))
            looked.signed += not why
        if busy:
            report.note(f"{name}: {busy} is working on it, so it was not looked at; verify it again when that ends")
            report.model(name, held.nfiles, held.size, disk="busy")
            looked.objects[NOT_ASKED] += len(items)
            return held, [], {}
        return held, items, check_disk(held, items, report, looked)


def check_remote(items: Items, every: Items, local: dict[str, Path], report: Report) -> Counter:
    """Check `items` on the remote; returns how many were checked in which way.

    What is bad is reported for each of `every` that needs it; `local` are good files, by oid.
    """
    if arguments.is_on("OFFLINE"):
        report.note("remote: not looked at (OFFLINE=1)")
        return Counter({NOT_ASKED: len(items)})
    seen: audit.Found = {}
    try:
        remote = factory.default()
        remote.check()
        seen |= audit.assess(remote, items, arguments.is_on("DEEP"), local, seen=seen)
        if strays := remote.strays:
            report.note(f"remote: {text.plural(len(strays), 'file')} beside the objects ignored, such as {strays[0]!r}")
    except Failure as failure:
        said = f"{failure}; the {'rest of the ' if seen else ''}remote was not looked at"
        report.found(Finding("", "remote", "unreachable", detail=said))
    report.found(*audit.bad(every, seen))
    if unread := sum(each.kind == audit.SIZE_ONLY for each in seen.values()):
        report.note(audit.size_only(unread, len(items)))
    return Counter(each.kind for each in seen.values()) + Counter({NOT_ASKED: len(items) - len(seen)})


def check_catalog(everyone: list[str], held: list[pin.Pin], report: Report) -> None:
    """Compare the rows of models/README.md, and the names of `everyone` with a pin, with the pins in Git's index.

    Notes what has no pin. `held` are the valid pins in the working tree.
    """
    for path in selection.unpinned(everyone):
        report.note(f"models/{path}: no pin, so it was not looked at (make track pins a folder; rm -rf deletes it)")
    if why := history.unreadable():
        report.note(f"Git could not be asked for the pins: {why}")
        return
    for name in staging.outside_git(everyone):
        report.note(f"{name}: its pin is not in Git, so nobody else has it (git add models/{name}.dvc, then commit it)")
    for line in history.odd_pins():
        report.found(Finding("", "pin", "broken", detail=line))
    with report.failing("", "catalog", "broken"):
        for name, difference in catalog.differences(held):
            line = f"models/README.md: {name} {difference}; fix it: make catalog"
            report.found(Finding(name, "catalog", "differs", detail=line))


def check_typed() -> list[str]:
    """Refuse bad values before anything is checked; returns the words of REQUIRE. Raises `Failure`."""
    policy.read()
    share([])
    factory.asked()
    return requirements()


def summary(findings: list[Finding]) -> str:
    """How many `findings` there are, and what to type to fix them."""
    models = {each.model for each in findings if each.model}
    places = {each.place for each in findings if each.object or each.place == "disk"}
    pull = "; make pull restores weights" if places & {"disk", "cache"} else ""
    said = text.plural(len(findings), "problem") + (f" in {text.plural(len(models), 'model')}" if models else "")
    return f"{said}; see the lines above{pull}{repair.advice(findings)}"


def main(report: Report) -> tuple[str, str]:
    required, looked = check_typed(), Looked()
    if arguments.is_on("SIGNED"):
        signatures.check_ready()
        looked.signed = 0
    chosen = selection.select(arguments.value("MODEL"))
    found = [each for name in chosen if (each := check_model(name, report, looked))]
    if not arguments.value("MODEL"):
        check_catalog(chosen, [held for held, *_ in found], report)
    if not chosen and not report.findings:
        return NO_MODEL, ""
    every = [item for _, objects, _ in found for item in objects]
    once = inventory.unique(every)
    local = {oid: path for *_, right in found for oid, path in right.items()}
    items = share(once)
    looked.other_shares = len(once) - len(items) if arguments.value("SHARD") else None
    if items:
        looked.objects += check_remote(items, every, local, report)
    check_required(required, looked, report)
    report.facts["looked"] = {key: value for key, value in vars(looked).items() if value is not None}
    if report.findings:
        report.note(str(looked))
    return f"{looked}{console.took()}", summary(report.findings)

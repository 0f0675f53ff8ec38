"""Get pinned weights into models/, or a release into another folder: each model complete and checked, or not at all."""

import os
import shutil
from pathlib import Path

from lib.core import arguments, console, lock, paths, text
from lib.core.errors import Failure
from lib.core.report import NO_MODEL, Finding, Report
from lib.disk import cache, cleanup, destination, quarantine, staging, weights
from lib.flow import handover
from lib.model import history, inventory, names, pin, releases, selection
from lib.remote import factory, fallback, repair


def assemble(new: Path, held: Path, items: list[inventory.Item], good: set[str]) -> None:
    """Fill the folder `new` with `items`: paths in `good` from the folder `held`, all others from the cache."""
    for item in items:
        target = new / item.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if item.path in good:
            try:
                os.link(held / item.path, target, follow_symlinks=False)
            except OSError:  # a file system without links
                shutil.copy2(held / item.path, target, follow_symlinks=False)
        else:
            cache.link(cache.object_path(item.oid), target)


def to_fetch(pins: list[pin.Pin]) -> dict[str, int]:
    """Objects of `pins` that are neither in the cache nor in models/, judged by size: bytes by object id."""
    left = {}
    for held in pins:
        folder = names.weights_dir(held.name)
        if held.files is None:  # by plain dvc add: its listing may be on the remote, and is read later
            left[held.name] = 0 if folder.is_dir() else held.size
        for path, file in (held.files or {}).items():
            here = (cache.object_path(file.md5), folder / path)
            if not any(each.is_file() and each.stat().st_size == file.size for each in here):
                left[file.md5] = file.size
    return left


def check_space(pins: list[pin.Pin]) -> None:
    """Before the first byte, refuse what the disk cannot hold. Raises `Failure`."""
    left = to_fetch(pins)
    needed = sum(left.values()) * (1 if cache.links() else 2)  # links to the cache, or copies beside it
    needed -= sum(map(cache.arrived, left))
    what = f"{text.plural(len(pins), 'model')} need{'s' if len(pins) == 1 else ''}"
    destination.check_space(needed, cache.location(), what, "pull fewer models: MODEL=NAME")


def drop(corrupt: list[Finding], report: Report) -> None:
    """Remove the `corrupt` objects from the cache, and report each."""
    for finding in corrupt:
        with lock.clone():
            kept = quarantine.keep_object(finding.object, finding.model, finding.file)
        report.say(f"{finding}: {f'moved to {kept.relative_to(paths.ROOT)}' if kept else 'dropped'}")


def pull(held: pin.Pin, report: Report) -> bool:
    """Make models/NAME what `held` pins; returns False if it already was, or on findings. Raises `Failure`.

    models/NAME stays as it is until every object that it needs is on this machine and checked.
    """
    staging.recover(held.name)
    items = factory.objects_of(held)
    files = {item.path: item.file for item in items if item.data is None}
    folder = names.weights_dir(held.name)
    there = weights.entries(folder)
    with console.progress(f"check {held.name}", held.size) as watch:
        wrong = weights.compare(held.name, folder, files, watch)
        good = weights.right(files, wrong)
        corrupt = cache.check(items, folder, good, watch)
    drop(corrupt, report)
    if folder.is_dir() and not wrong and not corrupt:
        return False
    selection.check_writable()
    needed = {finding.object for finding in corrupt}
    if failed := fallback.obtain_all(item for item in items if item.path not in good or item.oid in needed):
        report.found(*failed)
        return False
    if wrong or not folder.is_dir():
        assemble(staging.new(held.name), folder, [item for item in items if item.data is None], good)
        staging.swap(held.name, staging.new(held.name))
        console.note(cache.note())
        known = {path: there[path] for path in good & there.keys()}
        staging.settle(held.name, known, wrong, fallback.holds, report.say)
    return True


def asked() -> list[tuple[str, pin.Pin | None]]:
    """The NAME of each model to pull, with the pin of the requested release, or None. Raises `Failure`."""
    stage, found = arguments.value("STAGE"), []
    words = arguments.value("MODEL").split() or (releases.staged(stage) if stage else [])
    if stage and not words:
        raise Failure(f"no release of any model is in the stage {stage!r} here; {releases.FETCH}")
    if stage and not arguments.value("MODEL") and history.is_shallow():
        why = f"pull: this clone is shallow, so models in {stage} whose tags it lacks are left out"
        console.note(f"{why} ({releases.UNSHALLOW})")
    for word in words:
        name, _, version = word.partition("@")
        version = version.removeprefix("v")
        if name and releases.VERSION.fullmatch(version):
            if stage:
                raise Failure(f"two versions: {word!r} in MODEL and STAGE={stage!r}; give one")
            chosen = selection.of_release(name, f"{name}@v{version}" in history.tags())
            found += [(each, selection.at(releases.at_version(each, version), each)) for each in chosen]
        elif stage:
            chosen = selection.of_release(word, stage in releases.stages(word))
            found += [(each, selection.at(releases.at_stage(each, stage), each)) for each in chosen]
        else:
            found += [(each, None) for each in selection.select(word)]
    return _apart(found) if words else [(name, None) for name in selection.select("")]


def _apart(found: list[tuple[str, pin.Pin | None]]) -> list[tuple[str, pin.Pin | None]]:
    """`found` without duplicates. Raises `Failure` for two versions of a model, or a model in the folder of another."""
    chosen, how = dict(found), "pull them one by one, each to a folder of its own: TO=…"
    for name, released in found:
        if released != chosen[name]:
            raise Failure(f"two versions of {name}; {how}")
        if (group := name.partition("/")[0]) != name and group in chosen:
            raise Failure(f"{name} lies in the folder of {group}; {how}")
    return list(chosen.items())


def check_here(name: str, released: pin.Pin | None) -> None:
    """Refuse to pull a release to models/ whose pin is not the one there. Raises `Failure`."""
    if released and released != pin.read(name, broken_is_none=True):
        found = (commit for commit, each in selection.versions(name, at="--all") if each == released)
        how = f"or check its pin out first: git checkout {next(found, 'COMMIT')[:7]} -- models/{name}.dvc"
        raise Failure(f"this release is not the pin in models/; pull it to a folder of its own: TO=/srv/models; {how}")


def bring(name: str, released: pin.Pin | None, to: Path | None, report: Report) -> None:
    """Pull the model `name` into models/ or, if `to` is given, into that folder. Raises `Failure`."""
    with lock.model(name):
        held = released or selection.checked(name)
        report.model(name, held.nfiles, held.size)
        if to:
            new, done = handover.hand_over(held, to, report), "handed over"
        else:
            check_here(name, released)
            new, done = pull(held, report), "pulled"
        if new and not released:
            pin.check_current(held)
    if report.is_good(name):
        size = text.amount(held.nfiles, held.size)
        report.note(f"{done} {name}: {size}" if new else f"{name}: up to date, {size}")


def preview(chosen: list[tuple[str, pin.Pin | None]], to: Path | None, report: Report) -> None:
    """Report where each of the `chosen` models would go, and how much would be fetched."""
    where = to or names.MODELS
    for name, released in chosen:
        with report.failing(name, "model", "not pulled", f"{name}: "):
            held = released or selection.checked(name)
            if not to:
                check_here(name, released)
            fetch = text.size(sum(to_fetch([held]).values()))
            report.note(f"would pull {name} to {where}: {text.amount(held.nfiles, held.size)}, {fetch} to fetch")


def main(report: Report) -> tuple[str, str]:
    cleanup.clear()
    factory.asked()
    chosen = asked()
    to = handover.folder(typed) if (typed := arguments.value("TO")) else None
    if arguments.is_on("LINK") and not to:
        raise Failure("LINK=1 needs a folder to hand over to: TO=/srv/models")
    if not chosen:
        return NO_MODEL, ""
    if arguments.is_on("DRY"):
        preview(chosen, to, report)
        return "nothing was changed (DRY=1)", "nothing was changed (DRY=1), see the lines above"
    if not to:
        check_space([each for name, released in chosen if (each := released or pin.read(name, broken_is_none=True))])
    for name, released in chosen:
        with report.failing(name, "model", "not pulled", f"{name}: "):
            bring(name, released, to, report)
    good = [model for model in report.models if report.is_good(model["name"])]
    files, size = (sum(model[key] for model in good) for key in ("files", "size"))
    bad, whole = text.plural(len(chosen) - len(good), "model"), text.plural(len(good), "model")
    came = f"; {text.amount(len(fallback.brought), sum(fallback.brought))} from the remote" if fallback.brought else ""
    amount = f"{text.amount(files, size)}{came}{console.took()}"
    mend = "" if to else repair.advice(report.findings)  # push uploads what is checked out, no release
    return f"{whole} good: {amount}", f"{bad} not good, {len(good)} good; see the lines above{mend}"

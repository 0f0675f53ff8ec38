"""Bring the pinned weights to models/, or a release of them to a folder, each model whole and right or not at all."""

import os
import shutil
from pathlib import Path

from lib.core import arguments, lock, text
from lib.core.console import note, progress, took
from lib.core.errors import Failure
from lib.core.paths import ROOT
from lib.core.report import NO_MODEL, Finding, Report
from lib.disk import cache, cleanup, destination, quarantine, staging, weights
from lib.flow import handover
from lib.model import history, inventory, names, pin, releases, selection
from lib.remote import factory, fallback


def assemble(new: Path, held: Path, items: list[inventory.Item], good: set[str]) -> None:
    """Make the folder `new` of `items`: those of `good` are in the folder `held` already, the others in the cache."""
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
    """What neither the cache nor models/ has of `pins`, by sizes: bytes by object."""
    left = {}
    for held in pins:
        folder = names.weights_dir(held.name)
        if held.files is None:  # its listing may be on the remote, and is asked for later
            left[held.name] = 0 if folder.is_dir() else held.size
        for path, file in (held.files or {}).items():
            here = (cache.object_path(file.md5), folder / path)
            if not any(each.is_file() and each.stat().st_size == file.size for each in here):
                left[file.md5] = file.size
    return left


def check_space(pins: list[pin.Pin]) -> None:
    """Refuse what the disk cannot hold before the first byte. Raises `Failure`."""
    needed = sum(to_fetch(pins).values()) * (1 if cache.links() else 2)  # links to the cache, or copies beside it
    what = f"{text.plural(len(pins), 'model')} need{'s' if len(pins) == 1 else ''}"
    destination.check_space(needed, cache.location(), what, "pull fewer models: MODEL=NAME")


def drop(corrupt: list[Finding], report: Report) -> None:
    """Remove what is `corrupt` from the cache, and say so."""
    for finding in corrupt:
        with lock.clone():
            kept = quarantine.keep_object(finding.object, finding.model, finding.file)
        report.say(f"{finding}: {f'moved to {kept.relative_to(ROOT)}' if kept else 'dropped'}")


def pull(held: pin.Pin, report: Report) -> bool:
    """Make models/NAME what `held` pins, and report it; False if it already was. Raises `Failure`.

    What is there stays as it is until all that is needed is at hand and right.
    """
    staging.recover(held.name)
    items = factory.objects_of(held)
    files = {item.path: item.file for item in items if item.data is None}
    folder = names.weights_dir(held.name)
    there = weights.entries(folder)
    with progress(f"check {held.name}", held.size) as watch:
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
        note(cache.note())
        known = {path: there[path] for path in good & there.keys()}
        staging.settle(held.name, known, wrong, fallback.holds, report.say)
    return True


def asked() -> list[tuple[str, pin.Pin | None]]:
    """The models to pull, by NAME, each with the pin of the release that was asked for, or None. Raises `Failure`."""
    stage, found = arguments.value("STAGE"), []
    words = arguments.value("MODEL").split() or (releases.staged(stage) if stage else [])
    if stage and not words:
        raise Failure(f"no release of any model is in the stage {stage!r} here; {releases.FETCH}")
    for word in words:
        name, _, version = word.partition("@")
        version = version.removeprefix("v")
        if name and releases.VERSION.fullmatch(version):
            if stage:
                raise Failure(f"two versions: {word!r} in MODEL and STAGE={stage!r}; give one")
            chosen = [name] if f"{name}@v{version}" in history.tags() else selection.select(name)
            found += [(each, selection.at(releases.at_version(each, version), each)) for each in chosen]
        elif stage:
            chosen = [word] if stage in releases.stages(word) else selection.select(word)
            found += [(each, selection.at(releases.at_stage(each, stage), each)) for each in chosen]
        else:
            found += [(each, None) for each in selection.select(word)]
    return _apart(found) if words else [(name, None) for name in selection.select("")]


def _apart(found: list[tuple[str, pin.Pin | None]]) -> list[tuple[str, pin.Pin | None]]:
    """`found`, each model once. Raises `Failure` for two versions of one, or one in the folder of another."""
    chosen = dict(found)
    for name, released in found:
        if released != chosen[name]:
            raise Failure(f"two versions of {name}; pull them one by one, each to a folder of its own: TO=…")
        if (group := name.partition("/")[0]) != name and group in chosen:
            raise Failure(
                f"{name} lies in the folder of {group}; pull them one by one, each to a folder of its own: TO=…"
            )
    return list(chosen.items())


def check_here(name: str, released: pin.Pin | None) -> None:
    """Refuse to bring another version than that of the pin that lies here to models/. Raises `Failure`."""
    if released and released != pin.read(name, broken_is_none=True):
        raise Failure(
            "this release is not the pin that lies here; bring it to a folder of its own: TO=/srv/models; or check its "
            f"pin out first: git checkout COMMIT -- models/{name}.dvc"
        )


def bring(name: str, released: pin.Pin | None, to: str, report: Report) -> None:
    """Pull the model `name`, or hand it over to the folder `to`. Raises `Failure`."""
    with lock.model(name):
        held = released or selection.checked(name)
        if to:
            new, done = handover.hand_over(held, handover.folder(to), report), "handed over"
        else:
            check_here(name, released)
            new, done = pull(held, report), "pulled"
        for line in fallback.detours(name):
            report.say(line)
        if new and not released:
            pin.check_current(held)
    report.model(name, held.nfiles, held.size)
    if report.is_good(name):
        size = text.amount(held.nfiles, held.size)
        report.note(f"{done} {name}: {size}" if new else f"{name}: up to date, {size}")


def foresee(chosen: list[tuple[str, pin.Pin | None]], to: str, report: Report) -> None:
    """Say of each that is `chosen` where it would come, and how much would be fetched. Raises `Failure`."""
    where = handover.folder(to) if to else names.MODELS
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
    chosen, to = asked(), arguments.value("TO")
    if arguments.is_on("LINK") and not to:
        raise Failure("LINK=1 applies only to a folder that is handed over; name it: TO=/srv/models")
    if not chosen:
        return NO_MODEL, ""
    if arguments.is_on("DRY"):
        foresee(chosen, to, report)
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
    amount = f"{text.amount(files, size)}{came}{took()}"
    return f"{whole} good: {amount}", f"{bad} not good, {len(good)} good; see the lines above"

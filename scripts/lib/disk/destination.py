"""Whether models/NAME may be taken by a model, so that nothing is overwritten that exists nowhere else."""

import os
import shutil
import stat
from pathlib import Path

from lib.core import paths, text
from lib.core.errors import Failure
from lib.disk import quarantine, weights
from lib.model import names, pin, selection


def check_free(name: str, but_weights: bool = False) -> None:
    """Refuse a `name` without a pin whose place in models/ is taken; with `but_weights`, weights may lie there."""
    target, everyone = names.weights_dir(name), selection.all_names()
    if name in everyone:
        selection.head(name)  # says so if it is in Git and not here
        raise Failure(f"{name!r} is already a model; choose another NAME")
    group = name.partition("/")[0]
    near = {name.casefold(), group.casefold()}
    others = {part for each in everyone for part in (each, each.partition("/")[0])} - {name, group}
    if twin := min((part for part in others if part.casefold() in near), default=None):
        raise Failure(f"{name!r} and {twin!r} differ only in case, which some disks ignore; choose another NAME")
    if group != name and pin.path_of(group).exists():
        raise Failure(f"{group!r} is a model, so it cannot contain {name!r}; choose another NAME")
    selection.check_group(name)
    if inner := next(target.glob("?*.dvc"), None):
        raise Failure(f"{name!r} is a group, which contains {inner.name!r}; choose another NAME")
    if (target.exists() or target.is_symlink()) and not but_weights:
        keep, drop = f"make track NAME={name}", f"rm -r models/{name}"
        raise Failure(f"models/{name} has no pin; keep it: {keep}; or drop it: {drop}")


def check_replaceable(name: str, elsewhere: quarantine.Elsewhere, *pins: pin.Pin | None) -> pin.Pin | None:
    """The first of `pins` that models/NAME is; None if it may be replaced all the same, since it is not there, or the
    cache or, by `elsewhere`, the remote holds every byte of it. Refuses anything else."""
    target, findings = names.weights_dir(name), []
    for held in pins:
        if held and held.files and not (findings := weights.compare(name, target, held.files)):
            return held
    files = ["."] if target.is_symlink() else [each.file for each in findings if each.kind != "missing"]
    if only := quarantine.only_here(target, files, elsewhere):
        keep, drop = f"make track NAME=OTHER DIR=models/{name}", f"rm -r models/{name}"
        raise Failure(
            f"models/{name} differs from its pin, and {only[0]} exists nowhere else; keep it: {keep}; "
            f"or drop it: {drop}; then run the same command again"
        )
    return None


def on_disk(held: pin.Pin) -> str:
    """Whether the weights of `held` are `present`, `absent` or `changed`, by names and sizes; nothing is read."""
    target = names.weights_dir(held.name)
    if not target.is_dir():
        return "absent"
    sizes = {path: _size(target / path, status) for path, status in weights.walk(target).items()}
    if held.files is None:
        is_same = (len(sizes), sum(sizes.values())) == (held.nfiles, held.size)
    else:
        is_same = sizes == {path: file.size for path, file in held.files.items()}
    return "present" if is_same else "changed"


def _size(path: Path, status: os.stat_result) -> int:
    """The bytes of the file at `path`, or of what a link there, as DVC makes them, leads to; -1 for anything else."""
    if stat.S_ISREG(status.st_mode):
        return status.st_size
    return os.path.getsize(path) if os.path.isfile(path) else -1


def check_space(needed: int, at: Path, what: str, advice: str) -> None:
    """Refuse to bring `what` where `needed` bytes are more than are free at `at`. Raises `Failure`."""
    free = shutil.disk_usage(paths.nearest(at)).free
    if needed > free:
        raise Failure(
            f"not enough disk: {what} {text.size(needed)}, {text.size(free)} are free at {at}; free some, or {advice}"
        )

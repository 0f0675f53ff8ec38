"""Whether a model may be placed at models/NAME: files that exist nowhere else are never overwritten."""

import os
import shutil
import stat
from pathlib import Path

from lib.core import paths, text
from lib.core.errors import Failure
from lib.disk import dvc, quarantine, weights
from lib.model import names, pin, selection


def check_free(name: str, but_weights: bool = False) -> None:
    """Refuse a `name` that no new model can have; `but_weights` allows that models/NAME exists. Raises `Failure`."""
    target, everyone = names.weights_dir(name), selection.all_names()
    if name in everyone:
        selection.head(name)  # raises if the pin is missing here or unreadable
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
    if os.path.lexists(target) and not but_weights:
        raise Failure(f"models/{name} has no pin; {aside(name, f'make track NAME={name}')}")


def check_replaceable(name: str, elsewhere: quarantine.Elsewhere, *pins: pin.Pin | None) -> pin.Pin | None:
    """The first of `pins` that models/NAME matches; None if it may be replaced, as it is absent or each file in it is
    also in the cache or, according to `elsewhere`, on a remote. Otherwise raises `Failure`.

    A file that DVC's state shows unchanged is not read: by inode, mtime and size, as `dvc add` itself goes by them.
    """
    target, findings = names.weights_dir(name), []
    for held in [each for each in pins if each and each.files]:
        if not (findings := weights.compare(name, target, held.files, known=dvc.unchanged(held))):
            return held
    files = ["."] if target.is_symlink() else [each.file for each in findings if each.kind != "missing"]
    if only := quarantine.only_here(target, files, elsewhere):
        what, how = "it" if only[0] == "." else only[0], aside(name, f"make track NAME=OTHER DIR=models/{name}")
        said = f"models/{name} differs from its pin, and {what} exists nowhere else"
        raise Failure(f"{said}; {how}; then run the same command again")
    return None


def aside(name: str, keep: str) -> str:
    """What to type where models/NAME is in the way: `keep` suits a folder alone, neither a file nor a link."""
    target = names.weights_dir(name)
    if target.is_dir() and not target.is_symlink():
        return f"keep it: {keep}; or drop it: rm -r models/{name}"
    return f"it is a file or a link, and a model is a folder; move it away, or drop it: rm models/{name}"


def on_disk(held: pin.Pin) -> str:
    """`present`, `absent` or `changed`: the weights of `held` on disk, by the names and sizes of the files alone."""
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
    """Size in bytes of the file at `path`, or of the file that it links to, as DVC's links do; -1 for anything else."""
    if stat.S_ISREG(status.st_mode):
        return status.st_size
    return os.path.getsize(path) if os.path.isfile(path) else -1


def check_space(needed: int, at: Path, what: str, advice: str) -> None:
    """Raise `Failure`, worded by `what` ("NAME needs") and `advice`, unless `needed` bytes are free at `at`."""
    there = shutil.disk_usage(paths.nearest(at))
    if needed > there.free and there.total:  # some mounted stores, of which nobody knows the size, say 0
        said = f"{what} {text.size(needed)}, {text.size(there.free)} free at {at}"
        raise Failure(f"not enough disk space: {said}; free some, or {advice}")

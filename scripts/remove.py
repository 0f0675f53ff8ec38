"""Remove models: pin, weights and catalog row, in one Git commit each; their objects stay on the remote."""

from lib.core import arguments, console, lock, text
from lib.core.errors import Failure
from lib.disk import destination, quarantine, staging, weights
from lib.flow import record
from lib.model import history, names, pin, reachable, releases, selection
from lib.remote import factory

STAY = "its objects stay on the remote"


def check(name: str) -> staging.Known:
    """The files in models/NAME. Raises `Failure` if one of them exists nowhere else, whatever the pin says."""
    folder = names.weights_dir(name)
    files = weights.walk(folder) if folder.is_dir() and not folder.is_symlink() else {}
    if only := quarantine.only_here(folder, files, factory.default().holds):
        how = destination.aside(name, f"make track NAME=OTHER DIR=models/{name}")
        raise Failure(f"models/{name}/{only[0]} exists nowhere else; {how}")
    return files


def loss(held: pin.Pin, lost: int, objects: str) -> str:
    """Why `held` cannot be removed: `lost` of its `objects` (`13 objects`) would then be neither stored nor named."""
    path = f"models/{held.name}"
    staged = f"; git rm --quiet --cached {path}.dvc" if held.name in history.in_index() else ""
    said = f"{lost} of the {objects} of {held.name} are neither on the remote nor in any Git commit"
    return f"{said}; keep them: {pin.command(held)}; or drop them for good: rm -rf {path} {path}.dvc{staged}"


def kept(held: pin.Pin | None) -> str:
    """Where the objects of `held` will be after its removal, as part of a sentence.

    Raises `Failure` if some are neither on the remote nor named by a Git commit, so that `make gc` would delete them.
    """
    if not held:
        return "its objects stay where they are"
    alone: set[str] = set()
    try:
        sizes = {item.oid: item.file.size for item in factory.objects_of(held)}
        named = reachable.named()
        alone = set() if f"{held.md5}.dir" in named else sizes.keys() - named.keys()
        remote = factory.default()
        remote.check()
        left = remote.lacks(sizes)
    except Failure as failure:
        if alone:
            raise
        return f"the remote could not be asked for its objects: {str(failure).partition('; ')[0]}"
    said = text.plural(len(sizes), "object")
    if lost := len(alone & left):
        raise Failure(loss(held, lost, said))
    if not left:
        return STAY
    others = ", the others stay there" if len(left) < len(sizes) else ""
    return f"{len(left)} of its {said} not on the remote{others}"


def remove(name: str) -> str:
    """Remove the model `name`; returns what was done, as a sentence. Raises `Failure`.

    The pin is deleted last, so that after a kill the same command can continue.
    """
    selection.check_group(name)
    staging.recover(name)
    files, folder = check(name), names.weights_dir(name)
    held = pin.read(name, broken_is_none=True)
    size = text.amount(held.nfiles, held.size) if held else "a pin that is broken or not here"
    where = kept(held)
    if arguments.is_on("DRY"):
        return f"would remove {name}: {size}; nothing was changed (DRY=1)"
    console.remark(f"removing {name}: {size}")
    with lock.clone():
        message = arguments.value("MESSAGE") or f"Remove {name} model"
        record.commit(f"{message}\n\n{size}; {where}.", None, name)
        if folder.is_symlink():
            folder.unlink()
        staging.retire(name, files)
        staging.discard(name)
        pin.drop(name)
        path = f"models/{name}.dvc"
        removal = history.lines("log", "-1", "--diff-filter=D", "--no-show-signature", "--format=%h", "--", path)
    if not removal:
        return f"removed {name}: {size}; {where}; no Git commit has its pin"
    how = f"git revert --no-edit {removal[0]}, then make pull MODEL={name}"
    back = f", and this brings it back: {how}" if where == STAY else f"; its pin: {how}"
    return f"removed {name}: {size}; {where}{back}{releases.left_in_stages(name)}; next: {record.next_step()}"


def main() -> None:
    record.prepare()
    for name in selection.select(arguments.value("MODEL")):
        with lock.model(name):
            said = remove(name)
        (console.remark if arguments.is_on("DRY") else console.result)(said)

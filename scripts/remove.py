"""Remove models: pin, weights and row of the catalog, in one Git commit each; their objects stay on the remote."""

import shutil

from lib.core import arguments, command, lock, text
from lib.core.console import remark, result
from lib.core.errors import Failure
from lib.disk import quarantine, staging, weights
from lib.flow import record
from lib.model import catalog, history, names, pin, selection
from lib.remote import factory


def check(name: str) -> None:
    """Refuse to remove weights that exist nowhere else, whatever the pin says. Raises `Failure`."""
    folder = names.weights_dir(name)
    files = weights.walk(folder) if folder.is_dir() and not folder.is_symlink() else ()
    if only := quarantine.only_here(folder, files, factory.default().infos):
        raise Failure(
            f"models/{name}/{only[0]} exists nowhere else; keep it: make track NAME=OTHER DIR=models/{name}; "
            f"or drop it: rm -r models/{name}"
        )


def remove(name: str) -> str:
    """Remove the model `name`; what was done, as a sentence. Raises `Failure`.

    The pin goes last, so that the same command goes on after a kill.
    """
    check(name)
    held, before = pin.read(name, broken_is_none=True), history.log(name)
    size = text.amount(held.nfiles, held.size) if held else "a broken pin"
    if arguments.is_on("DRY"):
        return f"would remove {name}: {size}; nothing was changed (DRY=1)"
    remark(f"{name} goes: {size}")
    with lock.clone():
        message = arguments.value("MESSAGE") or f"Remove {name} model"
        record.commit(f"{message}\n\n{size}. Its objects stay on the remote.", None, name)
        if names.weights_dir(name).is_symlink():
            names.weights_dir(name).unlink()
        shutil.rmtree(names.weights_dir(name), ignore_errors=True)
        staging.discard(name)
        pin.path_of(name).unlink(missing_ok=True)
    last = next((each.commit[:7] for each in before if history.text(each.commit, f"models/{name}.dvc")), "COMMIT")
    return (
        f"removed {name}: {size}; its objects stay on the remote, and this brings it back: "
        f"git checkout {last} -- models/{name}.dvc, then make pull MODEL={name}; next: {record.next_step()}"
    )


def main() -> None:
    record.prepare()
    catalog.check()
    for name in selection.select(arguments.value("MODEL")):
        with lock.model(name):
            said = remove(name)
        (remark if arguments.is_on("DRY") else result)(said)


if __name__ == "__main__":
    command.run("remove", main)

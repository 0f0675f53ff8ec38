"""Free the disk: drop weights and cached objects of models that the remote holds; make pull brings them back."""

import os
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from lib.core import arguments, console, lock, text
from lib.core.errors import Failure
from lib.core.report import NO_MODEL, Report
from lib.disk import cache, cleanup, staging, weights
from lib.model import inventory, names, pin, selection
from lib.remote import audit, factory


def check(name: str, items: list[inventory.Item]) -> None:
    """Refuse to free what was changed here, or is not proven to be on the remote, byte for byte. Raises `Failure`."""
    folder, remote = names.weights_dir(name), factory.default()
    deep = remote.is_folder or arguments.is_on("DEEP")  # a folder publishes no hashes
    wrong, found = audit.examine(remote, items, folder if folder.exists() else None, deep)
    if changed := [each for each in wrong if each.kind != "missing"]:
        raise Failure(f"{changed[0]}; nothing was freed; get the weights right first: make pull MODEL={name}")
    if bad := audit.bad(items, found):
        raise Failure(f"{bad[0]}; nothing was freed; upload it first: make push MODEL={name} DEEP=1")
    if unread := sum(each.kind not in audit.PROVEN for each in found.values()):
        raise Failure(f"{audit.size_only(unread, len(items))}; nothing was freed")


def on_disk() -> set[str]:
    return {name for name in selection.here() if names.weights_dir(name).exists()}


def uses(there: Iterable[str]) -> Counter:
    """How many of the models `there` contain each object, by object id."""
    found: Counter = Counter()
    for name in there:
        with suppress(Failure):  # a broken pin, or one of plain DVC whose listing is lost
            if held := pin.read(name):
                found.update({item.oid for item in factory.objects_of(held) if item.data is None})
    return found


def freed(paths: Iterable[Path], links: Counter) -> int:
    """The bytes that deleting `paths` frees: none for a file with a link elsewhere; `links` counts the deleted ones."""
    total = 0
    for status in map(os.lstat, (path for path in paths if not path.is_symlink())):
        links[status.st_dev, status.st_ino] += 1
        total += status.st_size if links[status.st_dev, status.st_ino] == status.st_nlink else 0
    return total


def free(name: str, there: set[str], used: Counter, links: Counter) -> int | None:
    """Delete the weights of `name`, and its objects that no other model on disk uses. Raises `Failure`.

    Returns the bytes freed, or None if nothing of it was here. `there` are the models that were on disk when this
    command began, `used` counts them by object; `links` is for `freed`.
    """
    held, folder = selection.checked(name), names.weights_dir(name)
    staging.check_committed(held)
    items = factory.objects_of(held)
    own = Counter({item.oid for item in items if item.data is None} if folder.exists() else ())
    alone = [item.oid for item in items if cache.is_own() and item.data is None and used[item.oid] <= own[item.oid]]
    cached = [oid for oid in set(alone) if cache.object_path(oid).is_file()]
    if not folder.exists() and not cached:
        return None
    files = weights.entries(folder)
    console.remark(f"{name} will be dropped once it is found on the remote: {text.amount(held.nfiles, held.size)}")
    check(name, items)
    is_dry = arguments.is_on("DRY")
    gone = [*(folder / path for path in files), *map(cache.object_path, cached)]
    found = freed(gone, links if is_dry else Counter())
    used.subtract(own)
    if not is_dry:
        staging.retire(name, files)
        there.discard(name)
        with lock.clone():
            late = uses(on_disk() - there)  # pulled meanwhile
            for oid in cached:
                if not late[oid]:
                    cache.drop(oid)
    return found


def main(report: Report) -> tuple[str, str]:
    cleanup.clear()
    chosen, there, sizes = selection.select(arguments.value("MODEL")), on_disk(), []
    if not chosen:
        return NO_MODEL, ""
    used, links = uses(there), Counter()
    console.note(factory.default().note)
    done = "would free" if arguments.is_on("DRY") else "freed"
    for name in chosen:
        with report.failing(name, "model", "not freed", f"{name}: "), lock.model(name):
            staging.recover(name)
            found = free(name, there, used, links)
            sizes += [] if found is None else [found]
            why = "" if found else "; its objects stay, since other models or clones may use them"
            report.note(f"{name}: not here" if found is None else f"{done} {name}: {text.size(found)}{why}")
    if arguments.is_on("DRY"):
        console.remark("nothing was changed (DRY=1)")
    done = f"{done} {text.size(sum(sizes))}"
    if report.findings:
        models = text.plural(len(chosen), "model")
        return "", f"{len(report.findings)} of {models} not freed, see the lines above; {done}"
    if not sizes:
        return "nothing to free", ""
    return f"{done} of {text.plural(len(sizes), 'model')}{console.took()}; make pull brings it back", ""

"""Free the disk: drop weights and cached objects of models that the remote holds; make pull brings them back."""

from collections import Counter

from lib.core import arguments, lock, text
from lib.core.console import remark, took
from lib.core.errors import Failure
from lib.core.report import NO_MODEL, Report
from lib.disk import cache, cleanup, staging, weights
from lib.model import history, names, pin, selection
from lib.model.inventory import Item
from lib.remote import audit, factory


def check(name: str, items: list[Item]) -> None:
    """Refuse to free what is changed here, or what the remote was not found to hold byte for byte. Raises `Failure`."""
    folder, remote = names.weights_dir(name), factory.default()
    deep = remote.is_folder or arguments.is_on("DEEP")  # a folder says nothing of the content
    wrong, found = audit.examine(remote, items, folder if folder.exists() else None, deep)
    if changed := [each for each in wrong if each.kind != "missing"]:
        raise Failure(f"{changed[0]}; nothing was freed; get the weights right first: make pull MODEL={name}")
    if bad := [found[item.oid].finding(item) for item in items if found[item.oid].is_bad]:
        raise Failure(f"{bad[0]}; nothing was freed; put it there first: make push MODEL={name}")
    if unread := sum(each.status not in audit.PROVEN for each in found.values()):
        raise Failure(
            f"{text.plural(unread, 'object')} on the remote known by size only; nothing was freed; DEEP=1 reads them"
        )


def uses() -> Counter:
    """How many models whose weights are on disk are made of each object."""
    there = [name for name in selection.here() if names.weights_dir(name).exists()]
    pins = [held for name in there if (held := pin.read(name, broken_is_none=True))]
    return Counter(oid for held in pins for oid in {file.md5 for file in (held.files or {}).values()})


def free(name: str, used: Counter) -> int:
    """Free the model `name`; the bytes of it that were here. `used` counts the models on disk by object.

    Raises `Failure`.
    """
    held, folder = selection.checked(name), names.weights_dir(name)
    history.check_holds(name)
    items = factory.objects_of(held)
    own = Counter({item.oid for item in items if item.data is None} if folder.exists() else ())
    alone = [item.oid for item in items if cache.is_own() and item.data is None and used[item.oid] <= own[item.oid]]
    cached = [oid for oid in set(alone) if cache.object_path(oid).is_file()]
    if not folder.exists() and not cached:
        return 0
    there = weights.entries(folder)
    remark(f"{name} goes from this machine once it is found on the remote: {text.amount(held.nfiles, held.size)}")
    check(name, items)
    if not arguments.is_on("DRY"):
        staging.retire(name, there)
        used.subtract(own)
        with lock.clone():
            for oid in cached:
                cache.drop(oid)
    return held.size


def main(report: Report) -> tuple[str, str]:
    cleanup.clear()
    chosen, used, total = selection.select(arguments.value("MODEL")), uses(), 0
    if not chosen:
        return NO_MODEL, ""
    dry = arguments.is_on("DRY")
    for name in chosen:
        with report.failing(name, "model", "not freed", f"{name}: "):
            with lock.model(name):
                staging.recover(name)
                freed = free(name, used)
            total += freed
            report.note(
                f"{'would free' if dry else 'freed'} {name}: {text.size(freed)}" if freed else f"{name}: not here"
            )
    if dry:
        remark("nothing was changed (DRY=1)")
    done, models = f"{'would free' if dry else 'freed'} {text.size(total)}", text.plural(len(chosen), "model")
    if report.findings:
        return "", f"{len(report.findings)} of {models} not freed, see the lines above; {done}"
    return f"{done} of {models}{took()}; make pull brings it back", ""

"""Free the disk: drop weights and cached objects of models that the remote holds; make pull brings them back."""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

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


def free(name: str, there: set[str], used: Counter, report: Report) -> None:
    """Delete the weights of `name`, and its objects that no other model on disk uses; with DRY=1, only report them.

    `there` are the models that were on disk when this command began, `used` counts them by object. Raises `Failure`.
    """
    staging.recover(name)
    held, folder = selection.checked(name), names.weights_dir(name)
    staging.check_committed(held)
    items = factory.objects_of(held)
    own, is_there = {item.oid for item in items if item.data is None}, folder.exists()
    alone = {oid for oid in own if cache.is_own() and used[oid] <= is_there}
    cached = [oid for oid in alone if cache.object_path(oid).is_file()]
    if not is_there and not cached:
        report.note(f"{name}: not here")
        return
    files, amount = weights.entries(folder), text.amount(held.nfiles, held.size)
    console.remark(f"{name} will be dropped once it is found on the remote: {amount}")
    check(name, items)
    used.subtract(own if is_there else ())
    if not arguments.is_on("DRY"):
        staging.retire(name, files)
        there.discard(name)
        with lock.clone():
            late = uses(on_disk() - there)  # pulled meanwhile
            for oid in cached:
                if not late[oid]:
                    cache.drop(oid)
    report.model(**pin.facts(held))
    kept = "" if alone == own else "; objects that other models or clones may use stay in the cache"
    report.note(f"{'would drop' if arguments.is_on('DRY') else 'dropped'} {name}: {amount}{kept}")


def main(report: Report) -> tuple[str, str]:
    cleanup.clear()
    chosen, there = selection.select(arguments.value("MODEL")), on_disk()
    if not chosen:
        return NO_MODEL, ""
    used = uses(there)
    for name in chosen:
        with report.failing(name, "model", "not freed", f"{name}: "), lock.model(name):
            free(name, there, used, report)
    done = f"dropped {report.tally()}{console.took()}; make pull brings the weights back"
    if arguments.is_on("DRY"):
        done = f"would drop {report.tally()}; nothing was changed (DRY=1)"
    bad = f"{len(report.findings)} of {text.plural(len(chosen), 'model')} not freed, see the lines above"
    return (done, f"{bad}; {done}") if report.models else ("nothing to free", bad)

"""Uploads missing objects and replaces damaged ones on the remote: only verified bytes leave this machine."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from lib.core import arguments, console, digest, text
from lib.core.report import Finding, Report
from lib.disk import cache
from lib.model import inventory, names, pin, reachable
from lib.remote import audit, base, factory

OLD = 24 * 3600  # seconds; well below the age (DAYS) at which `make gc` deletes objects
UPLOADS = 4  # large objects in parallel; the parts of a large one are sent in parallel, too


@dataclass(frozen=True)
class Outcome:
    mended: list[Finding]  # what was missing or damaged, and was uploaded
    failed: list[Finding]  # one for each object that is still missing or damaged
    unchecked: int  # objects that were compared by size only


def advice(findings: list[Finding]) -> str:
    """What to type to repair the objects that `findings` name on the remote; empty if there are none."""
    if not (lost := [each for each in findings if each.object and each.place == "remote"]):
        return ""
    where = f" REMOTE={quote(arguments.value('REMOTE'))}" if arguments.value("REMOTE") else ""
    deep = " DEEP=1" if any(each.kind == "changed" for each in lost) else ""
    return f"; make push{where}{deep} on a machine with the weights repairs the remote"


def _sources(item: inventory.Item) -> Iterator[Path]:
    """The paths where this machine may have the bytes of `item`."""
    if item.data is not None:
        cache.keep_bytes(item.data, item.oid)
    yield cache.object_path(item.oid)
    yield names.weights_dir(item.model) / item.path


def is_at_hand(item: inventory.Item) -> bool:
    """Whether this machine has a file where the bytes of `item` should be; it is not read."""
    return item.data is not None or any(source.is_file() for source in _sources(item))


def _upload(item: inventory.Item, remote: base.Remote, watch: digest.Progress) -> Finding | None:
    """Upload `item` from the first intact source; why that failed, or None."""
    why = item.finding("cache", "not on this machine")
    for source in filter(Path.is_file, _sources(item)):
        with console.on_its_way(item.path):
            mismatch = remote.put(source, item, watch)
        if not mismatch:
            return None
        if source == cache.object_path(item.oid):  # models/ may legitimately have another version
            why = item.finding("cache", "changed", f"{mismatch}; not uploaded")
    return why


def _upload_all(items: list[inventory.Item], remote: base.Remote, lost: set[str]) -> dict[str, Finding]:
    """Upload `items`, listings after the files that they name, unless one of those is still in `lost`, the oids that
    `remote` lacks or holds damaged; findings by oid for those that failed."""
    failed: dict[str, Finding] = {}

    def put(item: inventory.Item) -> Finding | None:
        if item.data and any(oid.encode() in item.data for oid in lost & failed.keys()):
            return item.finding("cache", "not uploaded before the files that it names")
        return _upload(item, remote, watch)

    files, listings = [item for item in items if item.data is None], [item for item in items if item.data is not None]
    with console.progress("upload", sum(item.file.size or 0 for item in items if is_at_hand(item))) as watch:
        for wave in (files, listings):
            failed |= {why.object: why for why in inventory.transfer(put, wave, UPLOADS) if why}
    return failed


def repair(items: list[inventory.Item], remote: base.Remote, deep: bool = False) -> Outcome:
    """Upload the `items` missing on `remote` and replace damaged ones; `deep` first reads what is there."""
    infos = remote.infos(item.oid for item in items)
    found = audit.assess(remote, items, deep, infos=infos)
    bad = audit.bad(items, found)
    missing = {each.object for each in bad if each.kind == "missing"}
    new = [item for item in items if item.oid in missing and is_at_hand(item)]
    remote.check_space({item.oid: item.file.size or 0 for item in new})
    # Old objects that no branch or tag pins yet go up again: as new ones, they survive `make gc HISTORY=0` elsewhere.
    unnamed = infos.keys() - reachable.named(walk=False).keys() if infos else set()
    before = remote.now() - OLD if unnamed else 0  # the clock of this machine may be wrong by days
    old = {oid for oid in unnamed if infos[oid].modified < before}
    lost = {each.object for each in bad}
    why = _upload_all([item for item in items if item.oid in old | lost], remote, lost)
    mended = [each for each in bad if each.object not in why]
    failed = [why[each.object] for each in bad if each.object in why]
    return Outcome(mended, failed, sum(each.kind == audit.SIZE_ONLY for each in found.values()))


def objects(pins: list[pin.Pin], report: Report) -> list[inventory.Item]:
    """The objects of `pins`; a pin whose listing is lost becomes a finding of `report`."""
    known: list[inventory.Item] = []
    for held in pins:
        with report.failing(held.name, "remote", "missing", f"{held.name}: "):
            known += factory.objects_of(held)
    return known


def distinct(items: list[inventory.Item]) -> list[inventory.Item]:
    """`items` without duplicate objects; of a file that models share, the one that is on this machine."""
    return inventory.unique(sorted(items, key=is_at_hand, reverse=True))


def upload(pins: list[pin.Pin], remote: base.Remote, report: Report) -> None:
    """Repair the objects of `pins` on `remote`, and report what was done. Raises `Failure`."""
    every = objects(pins, report)
    items = distinct(every)
    outcome = repair(items, remote, arguments.is_on("DEEP"))
    for each in outcome.mended:
        if each.kind == "changed":
            report.say(f"{each}: replaced")
    report.found(*inventory.for_each(every, {each.object: each for each in outcome.failed}))
    if outcome.unchecked:
        report.note(audit.size_only(outcome.unchecked, len(items)))
    sizes = {item.oid: item.file.size or 0 for item in items}
    for held in pins:
        put = [sizes[each.object] for each in outcome.mended if each.model == held.name]
        report.model(held.name, held.nfiles, held.size, put=len(put))
        if put:
            report.note(f"{report.verb}ed {held.name}: {text.plural(len(put), 'object')}, {text.size(sum(put))}")

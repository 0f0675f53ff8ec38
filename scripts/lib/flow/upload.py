"""Making the objects of pins whole on a remote, and reporting how that went, for push and export alike."""

from lib.core import arguments, text
from lib.core.report import Report
from lib.model import inventory, pin
from lib.remote import audit, base, factory, repair


def objects(pins: list[pin.Pin], report: Report) -> list[inventory.Item]:
    """The objects of `pins`, each once; one whose listing is lost is a finding, and stops no other."""
    known: list[inventory.Item] = []
    for held in pins:
        with report.failing(held.name, "remote", "missing", f"{held.name}: "):
            known += factory.objects_of(held)
    return inventory.unique(known)


def upload(pins: list[pin.Pin], remote: base.Remote, report: Report) -> None:
    """Make the objects of `pins` whole on `remote`, and report that. Raises `Failure`."""
    items = objects(pins, report)
    outcome = repair.repair(items, remote, arguments.is_on("DEEP"))
    for line in outcome.replaced:
        report.say(line)
    report.found(*outcome.failed)
    if outcome.unchecked:
        report.note(audit.size_only(outcome.unchecked, len(items)))
    for held in pins:
        put = outcome.uploaded[held.name]
        report.model(held.name, held.nfiles, held.size, put=put)
        if put:
            report.note(f"{report.verb}ed {held.name}: {text.plural(put, 'object')}")

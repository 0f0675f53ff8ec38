"""Upload what the remote lacks and replace what is damaged there, object by object, from bytes that are right."""

from lib.core import arguments, text
from lib.core.console import note, took
from lib.core.report import NO_MODEL, Report
from lib.disk import cleanup
from lib.flow.upload import objects, upload
from lib.model import selection
from lib.model.pin import Pin
from lib.remote import audit, factory, repair


def push(pins: list[Pin], report: Report) -> None:
    """Make the objects of `pins` whole on the remote, and report how that went."""
    remote = factory.default()
    note(remote.note)
    dry = arguments.is_on("DRY")
    remote.check(write=not dry)
    if dry:
        items = objects(pins, report)
        found = audit.assess(remote, items, arguments.is_on("DEEP"))
        for held in pins:
            bad = [item for item in items if item.model == held.name and found[item.oid].is_bad]
            size = text.size(sum(item.file.size or 0 for item in bad))
            report.note(f"would push {held.name}: {text.plural(len(bad), 'object')}, {size}")
            if lost := sum(not repair.is_at_hand(item) for item in bad):
                report.note(f"{held.name}: {lost} of them not on this machine")
        return
    upload(pins, remote, report)


def main(report: Report) -> tuple[str, str]:
    cleanup.clear()
    chosen = selection.select(arguments.value("MODEL"))
    if not chosen:
        return NO_MODEL, ""
    if pins := selection.consistent(chosen, report):
        push(pins, report)
    if arguments.is_on("DRY"):
        return "nothing was changed (DRY=1)", "nothing was changed (DRY=1), see the lines above"
    count = text.plural(len(report.findings), "problem")
    whole = text.tally(len(pins), sum(held.nfiles for held in pins), sum(held.size for held in pins))
    advice = "get the weights right with make pull or make add, then push again"
    return f"the remote holds {whole}{took()}", f"{count}; {advice}"

"""Upload missing objects to the remote and replace damaged ones, each from bytes that were checked first."""

from lib.core import arguments, console, text
from lib.core.report import NO_MODEL, Report
from lib.disk import cleanup
from lib.model import pin, selection
from lib.remote import audit, base, factory, repair


def preview(pins: list[pin.Pin], remote: base.Remote, report: Report) -> None:
    """Report which objects of `pins` would be uploaded to `remote`, and how many of them are not on this machine."""
    items = repair.distinct(repair.objects(pins, report))
    found = audit.assess(remote, items, arguments.is_on("DEEP"))
    lost = {each.object for each in audit.bad(items, found)}
    for held in pins:
        bad = [item for item in items if item.model == held.name and item.oid in lost]
        size = text.size(sum(item.file.size or 0 for item in bad))
        report.note(f"would push {held.name}: {text.plural(len(bad), 'object')}, {size}")
        if absent := sum(not repair.is_at_hand(item) for item in bad):
            report.note(f"{held.name}: {absent} of them not on this machine")


def main(report: Report) -> tuple[str, str]:
    cleanup.clear()
    chosen, dry = selection.select(arguments.value("MODEL")), arguments.is_on("DRY")
    if not chosen:
        return NO_MODEL, ""
    if pins := selection.consistent(chosen, report):
        remote = factory.default()
        remote.check(write=not dry)
        (preview if dry else repair.upload)(pins, remote, report)
    if dry:
        return "nothing was changed (DRY=1)", "nothing was changed (DRY=1), see the lines above"
    count = text.plural(len(report.findings), "problem")
    advice = "get the weights right with make pull or make add, then push again"
    return f"the remote holds {report.tally()}{console.took()}", f"{count}; {advice}"

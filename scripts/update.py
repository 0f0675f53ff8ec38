"""Move pins to the current commit of the branch or tag they follow, or to REVISION: one Git commit for each model."""

from dataclasses import replace

from lib.core import arguments, console, lock, text
from lib.core.errors import Failure
from lib.core.report import NO_MODEL, Report
from lib.disk import staging
from lib.flow import adopt, record, upstream
from lib.model import history, names, pin, selection


def update(state: upstream.State, report: Report) -> bool:
    """Bring a model up to date; returns whether its pin was changed. Raises `Failure`."""
    held, name = state.held, state.held.name
    if not state.shot:
        raise Failure(state.detail)
    report.note(str(state))
    # An update that was killed may have changed the pin already; then it is finished first.
    is_whole = history.holds(name) and not staging.finished(name)
    made, facts, dry = held, state.facts(), arguments.is_on("DRY")
    with lock.model(name):
        if selection.checked(name) != held:
            raise Failure(pin.CHANGED)
        if state.status != upstream.UP_TO_DATE or not is_whole:
            asked = adopt.Request(held.source, state.revision, name, held.include, held.exclude)
            said = adopt.add(asked, "updated")
            if not dry:
                report.note(said)
                made, facts = pin.read(name), facts | {"status": "updated"}
        elif (now := replace(held, source=state.shot.source, revision=state.revision)) != held:
            if not dry:
                made = now
                record.change(made, held)
            does = "would follow" if dry else "now follows"
            report.note(f"{name}: {does} {now.revision} of {now.source}, before {held.revision} of {held.source}")
    report.model(**pin.facts(made), **facts)
    return made is not held


def main(report: Report) -> tuple[str, str]:
    record.prepare()
    chosen, moved = selection.select(arguments.value("MODEL")), 0
    revision = arguments.value("REVISION") and names.revision(arguments.value("REVISION"))
    if not chosen:
        return NO_MODEL, ""
    pins = selection.consistent(chosen, report)
    if arguments.value("MODEL") and (own := [held.name for held in pins if not held.source]):
        raise Failure(f"not from the Hub, so there is nothing to follow: {', '.join(own)}; pin it anew with make track")
    for state in upstream.ask_all([held for held in pins if held.source], revision):
        with report.failing(state.held.name, "hub", "not updated", f"{state.held.name}: "):
            moved += update(state, report)
    if arguments.is_on("DRY"):
        return "nothing was changed (DRY=1)", "nothing was changed (DRY=1), see the lines above"
    summary = f"{moved} of {text.plural(len(chosen), 'model')} updated"
    return f"{summary}{console.took()}", f"{summary}; {len(report.findings)} could not be updated, see the lines above"

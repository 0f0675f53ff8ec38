"""Move pins to what the branch or tag that they follow is now, or to REVISION: one Git commit for each model."""

from dataclasses import replace

from lib.core import arguments, lock, text
from lib.core.console import took
from lib.core.errors import Failure
from lib.core.report import NO_MODEL, Report
from lib.disk import staging
from lib.flow import adopt, record, upstream
from lib.model import catalog, history, names, pin, selection


def update(state: upstream.State, report: Report) -> bool:
    """Bring a model up to date; whether that changed it. Raises `Failure`."""
    held = state.held
    if not state.shot:
        raise Failure(state.detail)
    report.note(str(state))
    # An update that was killed has changed the pin already; it is finished first.
    is_whole = history.holds(held.name) and not staging.finished(held.name)
    if state.status == upstream.UP_TO_DATE and is_whole:
        made = replace(held, source=state.shot.source, revision=state.revision)
        if is_new := made != held and not arguments.is_on("DRY"):
            with lock.model(held.name), lock.clone():
                record.rewrite(made, held)
            report.note(
                f"{held.name}: follows {made.revision} of {made.source} now, before {held.revision} of {held.source}"
            )
        report.model(**pin.facts(made if is_new else held), **state.facts())
        return is_new
    asked = adopt.Request(held.source, state.revision, held.name, held.include, held.exclude)
    said = adopt.add(asked, "updated")
    if arguments.is_on("DRY"):
        report.model(**pin.facts(held), **state.facts())
        return False
    report.note(said)
    report.model(**pin.facts(pin.read(held.name)), **state.facts() | {"status": "updated"})
    return True


def main(report: Report) -> tuple[str, str]:
    record.prepare()
    catalog.check()
    chosen, moved = selection.select(arguments.value("MODEL")), 0
    revision = arguments.value("REVISION") and names.revision(arguments.value("REVISION"))
    if not chosen:
        return NO_MODEL, ""
    pins = selection.consistent(chosen, report)
    ours = [held.name for held in pins if not held.source]
    if ours and arguments.value("MODEL"):
        raise Failure(
            f"not from the Hub, so there is nothing to follow: {', '.join(ours)}; pin it anew with make track"
        )
    asked = [held for held in pins if held.source]
    for held, state in zip(asked, upstream.ask_all(asked, revision), strict=True):
        with report.failing(held.name, "hub", "not updated", f"{held.name}: "):
            if isinstance(state, Failure):
                raise state
            moved += update(state, report)
    if arguments.is_on("DRY"):
        return "nothing was changed (DRY=1)", "nothing was changed (DRY=1), see the lines above"
    summary = f"{moved} of {text.plural(len(chosen), 'model')} updated"
    return f"{summary}{took()}", f"{summary}; {len(report.findings)} could not be, see the lines above"

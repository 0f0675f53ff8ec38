"""Ask the Hub what is newer than the pins; nothing is downloaded, and nothing changes."""

from collections import Counter

from lib.core import arguments, text
from lib.core.report import NO_MODEL, Finding, Report
from lib.flow import upstream
from lib.model import pin, selection

FIXED, OURS = "at a fixed commit", "not from the Hub"


def main(report: Report) -> tuple[str, str]:
    chosen = selection.select(arguments.value("MODEL"))
    if not chosen:
        return NO_MODEL, ""
    pins = selection.consistent(chosen, report)
    for state in upstream.ask_all([held for held in pins if held.source]):
        held = state.held
        if state.status == upstream.NOT_ASKED:
            report.found(Finding(held.name, "hub", state.status, detail=f"{held.name}: {state.detail}"))
            continue
        is_fixed = held.revision == held.commit and state.status == upstream.UP_TO_DATE
        report.model(**pin.facts(held), **state.facts() | {"status": FIXED if is_fixed else state.status})
        report.note(str(state))
    for held in pins:
        if not held.source:
            report.model(**pin.facts(held), status=OURS)
    counts = Counter(model["status"] for model in report.models)
    unasked = {upstream.NOT_ASKED: len(report.findings)} if report.findings else {}
    said = ", ".join(f"{count} {status}" for status, count in [*sorted(counts.items()), *unasked.items()])
    summary = f"{text.plural(len(chosen), 'model')}: {said}"
    return summary, f"{summary}; see the lines above"

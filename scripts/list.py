"""Print a table of all models: what they are, where they come from, and whether their weights are on disk."""

from lib.core import console, text
from lib.core.errors import Failure
from lib.core.report import NO_MODEL, Finding, Report
from lib.disk import destination
from lib.model import history, names, pin, releases, selection

COLUMNS = ("NAME", "source", "commit", "license", "files", "size", "on disk", "releases", "allowed")
MAY_BE_EMPTY = COLUMNS[-2:]  # left out if no model has any


def cells(held: pin.Pin, disk: str, titles: list[str]) -> tuple[str, ...]:
    """A row of the table, in the order of `COLUMNS`."""
    commit, here = held.commit[:7] if held.commit else "-", {"present": "yes", "absent": "no"}.get(disk, disk)
    known = (held.name, held.source or "-", commit, held.terms or "-")
    return (*known, str(held.nfiles), text.size(held.size), here, " ".join(titles) or "-", " ".join(held.allow) or "-")


def main(report: Report) -> tuple[str, str]:
    rows, titles = [COLUMNS], {} if history.unreadable() else releases.titles()
    for name in selection.all_names():  # only a comparison with the disk needs the files of a pin
        read = selection.checked if names.weights_dir(name).is_dir() else selection.head
        try:
            held = read(name)
            disk = destination.on_disk(held)
        except Failure as failure:
            rows.append((name, *["-"] * (len(COLUMNS) - 4), "broken pin", "-", "-"))
            report.findings.append(Finding(name, "pin", "broken", detail=str(failure)))
            continue
        report.model(**pin.facts(held), disk=disk, releases=titles.get(name))
        rows.append(cells(held, disk, titles.get(name, [])))
    if len(rows) == 1:
        return NO_MODEL, ""
    columns = [each for each in zip(*rows, strict=True) if each[0] not in MAY_BE_EMPTY or set(each[1:]) != {"-"}]
    widths = [max(map(len, column)) for column in columns]
    for row in zip(*columns, strict=True):
        console.result("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for finding in report.findings[:-1]:
        console.result(f"list: {finding}")
    here = sum(model["disk"] == "present" for model in report.models)
    total = f"{report.tally()}; {here} on disk, by names and sizes"
    return total, str(report.findings[-1]) if report.findings else ""

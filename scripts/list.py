"""A table of all models: what they are, where from, and whether their weights are on disk."""

from lib.core import command, text
from lib.core.console import result, say
from lib.core.errors import Failure
from lib.core.report import NO_MODEL
from lib.model import names, pin, selection

COLUMNS = ("NAME", "source", "commit", "license", "files", "size", "on disk")


def row(held: pin.Pin) -> tuple[str, ...]:
    """The cells of a model, in the order of `COLUMNS`."""
    commit = held.commit[:7] if held.commit else "-"
    on_disk = "yes" if names.weights_dir(held.name).is_dir() else "no"
    size = text.size(held.size)
    return (held.name, held.source or "-", commit, held.license or "-", str(held.nfiles), size, on_disk)


def main() -> None:
    rows, broken = [COLUMNS], []
    for name in selection.all_names():
        try:
            rows.append(row(selection.head(name)))
        except Failure as failure:
            broken.append(failure)
    if len(rows) == 1 and not broken:
        result(NO_MODEL)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for cells in rows if len(rows) > 1 else []:
        result("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
    for failure in broken[:-1]:
        say(f"list: {failure}")
    if broken:
        raise broken[-1]


if __name__ == "__main__":
    command.run("list", main)

"""A table of all models: what they are, where from, and whether their weights are on disk."""

from lib.core import command
from lib.core.console import result
from lib.core.report import NO_MODEL
from lib.model import catalog, names, pin, selection


def main() -> None:
    rows = [(*catalog.COLUMNS, "on disk")]
    for name in selection.all_names():
        rows.append((*catalog.row(pin.read_head(name)), "yes" if names.weights_dir(name).is_dir() else "no"))
    if len(rows) == 1:
        result(NO_MODEL)
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        result("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    command.run("list", main)

"""A table of all models: what they are, where from, and whether their weights are on disk."""

from lib.core import command, text
from lib.core.console import result, say
from lib.core.errors import Failure
from lib.core.report import NO_MODEL
from lib.disk import destination
from lib.model import names, selection

COLUMNS = ("NAME", "source", "commit", "license", "files", "size", "on disk")


def row(name: str) -> tuple[str, ...]:
    """The cells of a model, in the order of `COLUMNS`. Raises `Failure` if its pin is broken."""
    is_there = names.weights_dir(name).is_dir()
    held = (selection.checked if is_there else selection.head)(name)  # a pin's files are needed to compare with
    on_disk = ("changed" if destination.differs_by_size(held) else "yes") if is_there else "no"
    commit = held.commit[:7] if held.commit else "-"
    return (name, held.source or "-", commit, held.license or "-", str(held.nfiles), text.size(held.size), on_disk)


def main() -> None:
    rows, broken = [COLUMNS], []
    for name in selection.all_names():
        try:
            rows.append(row(name))
        except Failure as failure:
            rows.append((name, *["-"] * (len(COLUMNS) - 2), "broken pin"))
            broken.append(failure)
    if len(rows) == 1:
        result(NO_MODEL)
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for cells in rows:
        result("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
    for failure in broken[:-1]:
        say(f"list: {failure}")
    if broken:
        raise broken[-1]


if __name__ == "__main__":
    command.run("list", main)

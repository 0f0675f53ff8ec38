"""The catalog: the table of all models in models/README.md, between two markers; the text around it is the team's."""

from lib.core import atomic, text
from lib.model import names, pin, selection
from lib.model.pin import Pin

PATH = names.MODELS / "README.md"
BEGIN = "<!-- catalog: written by make add and make track; changes between these two lines are lost -->"
END = "<!-- end of catalog -->"
COLUMNS = ("NAME", "source", "commit", "license", "files", "size")


def row(held: Pin) -> tuple[str, ...]:
    """The cells of a model, in the order of `COLUMNS`."""
    commit = held.commit[:7] if held.commit else "-"
    return (held.name, held.source or "-", commit, held.license or "-", str(held.nfiles), text.size(held.size))


def table(pins: list[Pin]) -> str:
    """`pins` as a Markdown table."""
    rows = [COLUMNS, ("---",) * len(COLUMNS), *(tuple(cell.replace("|", "\\|") for cell in row(held)) for held in pins)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def update() -> None:
    """Write the table again from the pins; a file without the markers gets them at its end."""
    page = PATH.read_text(encoding="utf-8") if PATH.exists() else ""
    before, begin, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    if not begin:
        before = before.rstrip("\n") + "\n\n"
    pins = [pin.read_head(name) for name in selection.all_names()]
    atomic.write(PATH, f"{before}{BEGIN}\n{table(pins)}{END}{after or chr(10)}")

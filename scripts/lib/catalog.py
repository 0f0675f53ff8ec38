"""The catalog: the table of all models in models/README.md, between two markers; the text around it is the team's."""

from lib import atomic, models, names, pin, report
from lib.pin import Pin

PATH = names.MODELS / "README.md"
BEGIN = "<!-- catalog: written by make add and make track; changes between these two lines are lost -->"
END = "<!-- end of catalog -->"
COLUMNS = ("NAME", "source", "commit", "licence", "files", "size")


def row(held: Pin) -> tuple[str, ...]:
    """What a table says of a model, as COLUMNS."""
    commit = held.commit[:7] if held.commit else "-"
    return (held.name, held.source or "-", commit, held.license or "-", str(held.nfiles), report.size(held.size))


def table(pins: list[Pin]) -> str:
    """PINS as a Markdown table."""
    rows = [COLUMNS, ("---",) * len(COLUMNS), *(tuple(cell.replace("|", "\\|") for cell in row(held)) for held in pins)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def update() -> None:
    """Write the table anew from the pins; a file without the markers gets them at its end."""
    text = PATH.read_text(encoding="utf-8") if PATH.exists() else ""
    before, begin, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    if not begin:
        before = before.rstrip("\n") + "\n\n"
    pins = [pin.read_head(name) for name in models.all_names()]
    atomic.write(PATH, f"{before}{BEGIN}\n{table(pins)}{END}{after or chr(10)}")

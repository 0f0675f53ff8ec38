"""The catalog: a table between two markers in models/README.md, a row per pin; the text around it is the team's.

- A row holds what rarely changes (model, source, license), so updates leave it alone and branches rarely conflict.
- The last cell is for the team's notes, which are kept. Rows are sorted by name.
"""

import re
from collections import Counter
from collections.abc import Iterable

from lib.core.errors import Failure
from lib.model import history, names, pin

PATH = names.MODELS / "README.md"
BEGIN = (
    "<!-- catalog: a row for each pin, written by make add, make track and make catalog; "
    "the notes are yours and are kept -->"
)
END = "<!-- end of catalog -->"
TABLE = re.compile(r"<!-- catalog: [^\n]*?-->\s(.*?)" + re.escape(END), re.DOTALL)
HEAD = "| model | source | license | note |\n| --- | --- | --- | --- |\n"
ROW = re.compile(r"\|[ *_~]*\[([^\]]+)\]\([^)]*\)[ *_~]*\|.*")  # its first cell is the NAME, as a link
NO_TEXT = ("|", "<<<<<<<", "=======", ">>>>>>>")  # how a row, or a line that a merge leaves, begins


def _cell(text: str | None) -> str:
    return (text or "-").replace("|", "\\|").replace("<", "&lt;").replace("[", "\\[")


def _link(repo: str) -> str:
    return f"[{repo}](https://huggingface.co/{repo})"


def _cells(held: pin.Pin) -> tuple[str, str]:
    """The cells source and license of the row for `held`."""
    bases = [f"tuned from {_link(word.partition('@')[0])}" for word in (held.base or "").split()]
    cells = [held.source and _link(held.source), *bases, held.origin and _cell(held.origin)]
    return ", ".join(filter(None, cells)) or "-", _cell(held.terms)


def _row(held: pin.Pin, note: str) -> str:
    return f"| [{held.name}]({held.name}.dvc) | {' | '.join((*_cells(held), note))} |\n"


def _rows(page: str) -> list[tuple[str, tuple[str, ...], str]]:
    """(NAME, cells source and license, note) of each row of `page`, in order. Raises `Failure` if it has no catalog."""
    found = TABLE.search(page)
    if not found:
        how = f"put these two lines where it should be, then run the same command again: {BEGIN} {END}"
        raise Failure(f"models/README.md has no catalog; {how}")
    rows = []
    for row in filter(None, map(ROW.fullmatch, map(str.strip, found[1].split("\n")))):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row[0].removesuffix("|"), maxsplit=4)[2:]]
        *said, note = cells if len(cells) == 3 else [""]
        rows.append((row[1], tuple(said), note))
    return rows


def update(page: str, pins: Iterable[pin.Pin], moved: tuple[str, str] = ("", "")) -> str:
    """`page` with one row for each of `pins`, and the old notes, also of a model that `moved` (old NAME, new NAME).

    Raises `Failure` if the page has no catalog.
    """
    notes: dict[str, str] = {}
    for name, _, note in _rows(page):
        name = moved[1] if name == moved[0] else name
        both = filter(None, (notes.get(name), note))  # a merge may leave two rows for one model
        notes[name] = "; ".join(dict.fromkeys(both))
    rows = "".join(_row(held, notes.get(held.name, "")) for held in sorted(pins, key=lambda held: held.name))
    lines = TABLE.search(page)[1].splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith(NO_TEXT)).strip()  # what people wrote below the table
    text = text and f"\n{text}\n"
    return TABLE.sub(lambda _: f"{BEGIN}\n{HEAD}{rows}{text}{END}", page, count=1)


def page() -> str:
    """models/README.md in the working tree, else in Git's index, else a new one; bytes that are not UTF-8 are kept."""
    if PATH.exists():
        return PATH.read_text(encoding="utf-8", errors="surrogateescape")
    return history.text("") or f"# Models\n\n{BEGIN}\n{HEAD}{END}\n"


def check() -> None:
    """Raise `Failure` if a page (here, in HEAD, in the index) has no catalog, or a pin in HEAD or index is broken."""
    index, path = history.in_index(), "models/README.md"
    _rows(page())
    _pins(index)
    try:
        for text in filter(None, (history.text("HEAD"), history.text(""))):
            _rows(text)
        for name, blob in history.in_head().items() - index.items():
            path = f"models/{name}.dvc"
            _pins({name: blob})
    except Failure:
        raise Failure(f"{path} is broken in Git, but not here; commit it: git commit -- {path}") from None


def _pins(blobs: dict[str, str]) -> list[pin.Pin]:
    """The pins in `blobs` (NAME -> blob id), without their files. Raises `Failure` for a broken one."""
    texts = zip(blobs, history.blobs(blobs.values()), strict=True)
    return [pin.parse(name, text, with_files=False) for name, text in texts]


def written() -> str:
    """The page with a row for each pin in Git's index. Raises `Failure`."""
    return update(page(), _pins(history.in_index()))


def pages(new: pin.Pin | None, gone: str) -> tuple[str, str, str]:
    """The page with a row for `new` and none for `gone`, as text for the Git commit, the index and the working tree.

    Edits that people made in the page, staged or not, are neither committed nor lost. Raises `Failure`.
    """
    here, index, head = page(), history.in_index(), history.in_head()
    moved, added = (gone, new.name if new else ""), [new] if new else []
    staged = [held for held in _pins(index) if held.name not in moved]
    committed = staged if head == index else [held for held in _pins(head) if held.name not in moved]
    texts = ((history.text("HEAD") or here, committed), (history.text("") or here, staged), (here, staged))
    return tuple(update(each, [*pins, *added], moved) for each, pins in texts)


def differences(held: Iterable[pin.Pin]) -> list[tuple[str, str]]:
    """Where the page disagrees with the pins in Git's index: (NAME, what is wrong) pairs. Raises `Failure`.

    A row is compared with its pin in the index only if it differs from the one in `held`, the pins in the working tree.
    """
    rows, pins = _rows(page()), history.in_index()
    counts = Counter(name for name, *_ in rows)
    found = [(name, f"has {count} rows") for name, count in counts.items() if count > 1]
    found += [(name, "has a row but no pin in Git") for name in counts if name not in pins]
    found += [(name, "has no row") for name in pins if name not in counts]
    said = {name: cells for name, cells, _ in rows if cells and counts[name] == 1}
    odd = [each.name for each in held if said.get(each.name, _cells(each)) != _cells(each)]
    known = _pins({name: pins[name] for name in odd if name in pins})
    wrong = [each.name for each in known if said[each.name] != _cells(each)]
    return [*found, *((name, "has a row that its pin contradicts") for name in wrong)]

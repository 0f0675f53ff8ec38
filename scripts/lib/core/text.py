"""Numbers and untrusted text, in a form for people."""

import re
from collections.abc import Iterable
from unicodedata import category


def size(count: int) -> str:
    """`count` bytes: 855 B, 24.4 GB (powers of 1000, as disks and the Hub count)."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if round(amount, 1) < 1000:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def plural(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def amount(files: int, total: int) -> str:
    """`41 files, 24.4 GB`; `total` in bytes."""
    return f"{plural(files, 'file')}, {size(total)}"


def duration(seconds: float) -> str:
    """`42 s`, `4 min 12 s`, `2 h 5 min`."""
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def fault(error: OSError) -> str:
    """The system's message for `error`, and the file that it concerns, if known."""
    return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"


def nearest(word: str, known: Iterable[str], otherwise: str) -> str:
    """`did you mean …?` for the one of `known` that is most like `word`; `otherwise` if none is."""
    from difflib import get_close_matches  # slow to import, and seldom needed

    near = get_close_matches(word, known, n=1)
    return f"did you mean {near[0]}?" if near else otherwise


def visible(line: str) -> str:
    """`line` with ? for each character that a terminal may act on, including line breaks."""
    # Some languages need other spaces, and the characters that join letters or keep them apart.
    return "".join(c if c.isprintable() or c in "\u200c\u200d" or category(c) == "Zs" else "?" for c in line)


def one_line(said: object) -> str:
    """The first line of `said`, cut at 300 characters, without control characters or a password in a URL."""
    line = str(said).strip().partition("\n")[0][:300] or type(said).__name__
    return re.sub(r"//[^/@\s]*@", "//", visible(line))

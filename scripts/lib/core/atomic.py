"""Files that are whole whatever happens: either the old content or the new, on stable storage."""

import os
from pathlib import Path


def no_link(path: str, flags: int) -> int:
    """An `opener` that follows no link: in a folder that others write to, one may lead anywhere. Raises OSError."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def write(path: Path, text: str) -> None:
    """Make `text` the content of `path`; a crash leaves what was there before, never a part. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.tmp")
    with open(part, "w", encoding="utf-8", errors="surrogateescape", newline="\n", opener=no_link) as file:
        file.write(text)
    sync(part)
    part.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Flush a file, or the names in a folder, to stable storage: a rename lasts only once its folder is flushed."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

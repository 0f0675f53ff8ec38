"""Files that are whole whatever happens: either the old content or the new, on stable storage."""

import os
from pathlib import Path


def write(path: Path, text: str) -> None:
    """Make `text` the content of `path`; a crash leaves what was there before, never a part. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.tmp")
    part.write_text(text, encoding="utf-8", newline="\n")
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

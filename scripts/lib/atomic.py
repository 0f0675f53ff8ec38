"""Files that are whole, whatever happens: the old content or the new one, on stable storage."""

import os
from pathlib import Path


def write(path: Path, text: str) -> None:
    """Make TEXT the content of PATH; a crash leaves what was there before, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.tmp")
    with part.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Put a file, or the names in a folder, on stable storage: a rename is not there before its folder is."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

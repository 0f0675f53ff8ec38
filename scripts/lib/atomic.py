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
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put the names in FOLDER on stable storage: a rename is not there before its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

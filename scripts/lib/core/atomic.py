"""Atomic writes: whatever happens, a file on stable storage has all of its old content or all of the new."""

import os
from pathlib import Path


def no_link(path: str, flags: int) -> int:
    """An `opener` that refuses a symbolic link: where others can write, it may lead anywhere. Raises OSError."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def write(path: Path, text: str) -> None:
    """Replace the content of `path` with `text`; a crash leaves the old content or the new. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.tmp")
    with open(part, "w", encoding="utf-8", errors="surrogateescape", newline="\n", opener=no_link) as file:
        file.write(text)
    sync(part)
    part.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Flush a file, or a folder's entries, to stable storage: only then is a rename in it durable. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

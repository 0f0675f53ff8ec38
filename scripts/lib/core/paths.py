"""Where this clone lies, and what a path that was typed is relative to."""

import shutil
from pathlib import Path

from lib.core import arguments
from lib.core.errors import Failure

ROOT = Path(__file__).resolve().parents[3]
TMP = ROOT / ".dvc" / "tmp"  # DVC keeps Git out of it


def nearest(path: Path) -> Path:
    """`path`, or the nearest folder above it that is there."""
    return next(each for each in (path, *path.parents) if each.exists())


def remove(path: Path) -> None:
    """Remove what is at `path`, if anything: a file, a link, or a folder with all in it. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def typed(text: str) -> Path:
    """The path `text`, relative to the folder it was typed in. Raises `Failure` where make does not tell which."""
    typed_in = Path(arguments.value("CALLER") or ROOT)
    moved = typed_in.is_dir() and not typed_in.samefile(ROOT)
    if moved and not arguments.value("MOVED") and not Path(text).is_absolute():
        raise Failure(f"not clear which folder {text!r} is relative to; type an absolute path")
    return (typed_in if moved else ROOT) / text

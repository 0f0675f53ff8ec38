"""The folder of this clone, and paths that were typed."""

import errno
import os
import re
import shutil
from pathlib import Path

from lib.core import arguments
from lib.core.errors import Failure

ROOT = Path(__file__).resolve().parents[3]
TMP = ROOT / ".dvc" / "tmp"  # in DVC's .gitignore


def nearest(path: Path) -> Path:
    """`path`, or the nearest folder above it that exists."""
    return next(each for each in (path, *path.parents) if each.exists())


def same_disk(one: Path, other: Path) -> bool:
    """Whether both paths are on one file system; of a path that does not exist, the nearest folder counts."""
    return nearest(one).stat().st_dev == nearest(other).stat().st_dev


def remove(path: Path) -> None:
    """Remove whatever is at `path`, if anything: a file, a link, or a folder and its content. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def move(source: Path, target: Path) -> None:
    """Rename `source` to `target`; copies a folder of an older layer of a container, which cannot be renamed there.

    After a kill, at least one of them is whole. Raises OSError.
    """
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV or not source.is_dir():
            raise
        part = target.with_name(f".{target.name}.part")
        remove(part)
        shutil.copytree(source, part, symlinks=True)
        part.replace(target)
        os.sync()
        remove(source)


def typed(text: str) -> Path:
    """`text` as an absolute path, from the folder where it was typed. Raises `Failure` if that is not certain."""
    text = os.path.expanduser(text)  # zsh passes on the ~ in DIR=~/run, which bash replaces
    typed_in = Path(arguments.value("CALLER") or ROOT)
    moved = typed_in.is_dir() and not typed_in.samefile(ROOT)
    if moved and not Path(text).is_absolute() and not _has_moved():
        raise Failure(f"not clear which folder {text!r} is relative to; type an absolute path")
    return (typed_in if moved else ROOT) / text


def _has_moved() -> bool:
    """Whether make, which started this process, was called with -C; its variables tell that only before 4.4."""
    from psutil import Process  # slow to import, and rarely needed

    return any(re.match("-[A-Za-z]*C|--dir", word) for word in Process(os.getppid()).cmdline())

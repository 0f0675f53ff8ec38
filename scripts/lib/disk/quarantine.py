"""Files that commands take out of models/ and that exist nowhere else: kept in `.dvc/tmp/quarantine/NAME/`."""

import stat
from pathlib import Path

from lib.core import digest
from lib.core.paths import TMP
from lib.disk import cache

ROOT = TMP / "quarantine"


def keep(path: Path, name: str, file: str) -> Path | None:
    """Move `path`, once `file` of the model `name`, to the quarantine; None, unmoved, if the cache has its bytes."""
    if not (path.exists() or path.is_symlink()) or _in_cache(path):
        return None
    kept = _free(ROOT / name / file)
    kept.parent.mkdir(parents=True, exist_ok=True)
    path.replace(kept)
    return kept


def _free(path: Path) -> Path:
    """`path`, or `path` with a number if there is a file already."""
    number = 0
    free = path
    while free.exists() or free.is_symlink():
        number += 1
        free = path.with_name(f"{path.name}.{number}")
    return free


def _in_cache(path: Path) -> bool:
    """Whether the bytes at `path` are an object of the cache, so that nothing is lost with them."""
    if path.is_symlink():
        return path.readlink().is_relative_to(cache.location())
    if not stat.S_ISREG(path.stat().st_mode):
        return False
    held = cache.object_path(digest.of_file(path, ("md5",)).md5)
    return held.is_file() and held.stat().st_size == path.stat().st_size

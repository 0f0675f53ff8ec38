"""Files that commands take out of models/ and that exist nowhere else: kept in `.dvc/tmp/quarantine/NAME/`."""

import shutil
from collections.abc import Callable, Container, Iterable, Mapping
from pathlib import Path

from lib.core import digest
from lib.core.paths import TMP
from lib.disk import cache

ROOT = TMP / "quarantine"


Elsewhere = Callable[[Mapping[str, int]], Container[str]]  # which of some objects, bytes by id, a remote holds


def nowhere(_: Mapping[str, int]) -> Container[str]:
    """An `Elsewhere` without a remote."""
    return ()


def only_here(folder: Path, files: Iterable[str], elsewhere: Elsewhere = nowhere) -> list[str]:
    """Those of `files` in `folder` whose bytes are neither in the cache nor, by `elsewhere`, on a remote."""
    oids = {file: _oid(folder / file) for file in files}
    unknown = {file: oid for file, oid in oids.items() if not (oid and _is_cached(folder / file, oid))}
    wanted = {oid: (folder / file).stat().st_size for file, oid in unknown.items() if oid}
    held = elsewhere(wanted) if wanted else ()
    return sorted(file for file, oid in unknown.items() if oid not in held)


def keep(path: Path, name: str, file: str) -> Path:
    """Move `path`, once `file` of the model `name`, to the quarantine; where it is then."""
    kept = _free(ROOT / name / file)
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, kept)  # perhaps from another file system
    return kept


def _free(path: Path) -> Path:
    """`path`, or `path` with a number if there is a file already."""
    number = 0
    free = path
    while free.exists() or free.is_symlink():
        number += 1
        free = path.with_name(f"{path.name}.{number}")
    return free


def _oid(path: Path) -> str | None:
    """The object that the bytes at `path` would be; None for what is no regular file and no link into the cache."""
    if path.is_symlink() and not path.readlink().is_relative_to(cache.location()):
        return None
    return digest.of_file(path, ("md5",)).md5 if path.is_file() else None


def _is_cached(path: Path, oid: str) -> bool:
    held = cache.object_path(oid)
    return held.is_file() and (held.samefile(path) or digest.of_file(held, ("md5",)).md5 == oid)

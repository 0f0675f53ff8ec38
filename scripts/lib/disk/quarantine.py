"""Quarantine, `.dvc/tmp/quarantine/NAME/`: files taken out of models/ that exist nowhere else."""

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from pathlib import Path

from lib.core import digest, paths
from lib.disk import cache
from lib.model.names import weights_dir

ROOT = paths.TMP / "quarantine"
Elsewhere = Callable[[Mapping[str, int]], set[str]]  # size in bytes by object id -> the ids that a remote holds


def only_here(folder: Path, files: Iterable[str], elsewhere: Elsewhere | None) -> list[str]:
    """The `files` in `folder`, sorted, whose bytes are neither in the cache nor, as `elsewhere` says, on a remote."""
    read = {file: _read(folder / file) for file in files if not _is_empty(folder / file)}
    unknown = {file: each for file, each in read.items() if not (each and cache.is_right(each, folder / file))}
    wanted = {each.md5: each.size for each in unknown.values() if each}
    held = elsewhere(wanted) if elsewhere and wanted else ()
    return sorted(file for file, each in unknown.items() if not each or each.md5 not in held)


def clear(folder: Path, name: str, kinds: Mapping[str, str], say: Callable[[str], object]) -> None:
    """Remove `folder`, if it exists. Its files in `kinds` (path -> kind of finding) are moved to the quarantine of the
    model `name` first, each with a line to `say`. Raises OSError."""
    for file, kind in kinds.items():
        kept = keep(folder / file, name, file)
        say(f"{name}/{file}: {kind}, moved to {kept.relative_to(paths.ROOT)}")
    paths.remove(folder)


def keep(path: Path, name: str, file: str) -> Path:
    """Move `path`, which was `file` of the model `name`, to the quarantine; returns its new path. Raises OSError.

    That is below the first of NAME, NAME.1, NAME.2, … where the path is free and no file blocks one of its folders.
    """
    places = (ROOT / (f"{name}.{number}" if number else name) / file for number in count())
    kept = next(each for each in places if not (os.path.lexists(each) or any(map(_blocks, each.parents))))
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, kept)  # also works across file systems
    return kept


def keep_object(oid: str, name: str, file: str) -> Path | None:
    """Drop the object `oid` from the cache, or move it to the quarantine if `file` of the model `name` is a symbolic
    link, through which somebody may have edited it. Returns its new path, or None if it was dropped."""
    if (weights_dir(name) / file).is_symlink() and cache.object_path(oid).is_file():
        return keep(cache.object_path(oid), name, file)
    cache.drop(oid)
    return None


def _blocks(path: Path) -> bool:
    return ROOT in path.parents and os.path.lexists(path) and (path.is_symlink() or not path.is_dir())


def _is_ours(path: Path) -> bool:
    return not path.is_symlink() or path.readlink().is_relative_to(cache.location())


def _is_empty(path: Path) -> bool:
    """Whether `path` is a link into the cache to an object that is no longer there."""
    return path.is_symlink() and _is_ours(path) and not path.exists()


def _read(path: Path) -> digest.File | None:
    """Size and md5 of the file at `path`; None if it is neither a regular file nor a link into the cache."""
    return digest.of_file(path, ("md5",)) if _is_ours(path) and path.is_file() else None

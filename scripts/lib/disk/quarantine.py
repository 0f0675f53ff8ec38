"""Files that commands take out of models/ and that exist nowhere else: kept in `.dvc/tmp/quarantine/NAME/`."""

import os
import shutil
from collections.abc import Callable, Container, Iterable, Mapping
from itertools import count
from pathlib import Path

from lib.core import digest, paths
from lib.disk import cache
from lib.model.names import weights_dir

ROOT = paths.TMP / "quarantine"
Elsewhere = Callable[[Mapping[str, int]], Container[str]]  # which of some objects, bytes by id, a remote holds


def only_here(folder: Path, files: Iterable[str], elsewhere: Elsewhere | None) -> list[str]:
    """Those of `files` in `folder` whose bytes are neither in the cache nor, by `elsewhere`, on a remote."""
    read = {file: _read(folder / file) for file in files}
    unknown = {file: each for file, each in read.items() if not (each and cache.is_right(each, folder / file))}
    wanted = {each.md5: each.size for each in unknown.values() if each}
    held = elsewhere(wanted) if elsewhere and wanted else ()
    return sorted(file for file, each in unknown.items() if not each or each.md5 not in held)


def clear(folder: Path, name: str, kinds: Mapping[str, str], say: Callable[[str], object]) -> None:
    """Remove what lies at `folder`, if anything, but for the files of `kinds`: they go to the quarantine of the model
    `name`, and a line with the kind is said of each. Raises OSError."""
    for file, kind in kinds.items():
        kept = keep(folder / file, name, file)
        say(f"{name}/{file}: {kind}, moved to {kept.relative_to(paths.ROOT)}")
    paths.remove(folder)


def keep(path: Path, name: str, file: str) -> Path:
    """Move `path`, once `file` of the model `name`, to the quarantine; where it is then.

    That is below the first of NAME, NAME.1 … where nothing lies at that path, nor a file in the place of a folder.
    """
    places = (ROOT / (f"{name}.{number}" if number else name) / file for number in count())
    kept = next(each for each in places if not (os.path.lexists(each) or any(map(_is_file, each.parents))))
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, kept)  # perhaps from another file system
    return kept


def keep_object(oid: str, name: str, file: str) -> Path | None:
    """Drop the object `oid` from the cache, or move it to the quarantine if models/NAME has it by a symbolic link, so
    that somebody may have written to it; where it is then."""
    if (weights_dir(name) / file).is_symlink() and cache.object_path(oid).is_file():
        return keep(cache.object_path(oid), name, file)
    cache.drop(oid)
    return None


def _is_file(path: Path) -> bool:
    return path.is_relative_to(ROOT) and os.path.lexists(path) and (path.is_symlink() or not path.is_dir())


def _read(path: Path) -> digest.File | None:
    """Size and md5 of the file at `path`; None for what is no regular file and no link into the cache."""
    is_ours = not path.is_symlink() or path.readlink().is_relative_to(cache.location())
    return digest.of_file(path, ("md5",)) if is_ours and path.is_file() else None

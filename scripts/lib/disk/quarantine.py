"""Files that commands take out of models/ and that exist nowhere else: kept in `.dvc/tmp/quarantine/NAME/`."""

import os
import shutil
from collections.abc import Callable, Container, Iterable, Mapping
from itertools import count
from pathlib import Path

from lib.core import digest, paths
from lib.disk import cache
from lib.model.names import MODELS

ROOT = paths.TMP / "quarantine"


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


def clear(folder: Path, name: str, kinds: Mapping[str, str], say: Callable[[str], object]) -> None:
    """Remove what lies at `folder`, if anything, but for the files of `kinds`: they go to the quarantine of the model
    `name`, and a line with the kind is said of each. Raises OSError."""
    for file, kind in kinds.items():
        kept = keep(folder / file, name, file)
        say(f"{name}/{file}: {kind}, moved to {kept.relative_to(paths.ROOT)}")
    paths.remove(folder)


def keep(path: Path, name: str, file: str) -> Path:
    """Move `path`, once `file` of the model `name`, to the quarantine; where it is then."""
    kept = _free(name, file)
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, kept)  # perhaps from another file system
    return kept


def keep_object(oid: str, name: str, file: str) -> Path | None:
    """Drop the object `oid` from the cache, or move it to the quarantine if models/NAME has it by a symbolic link, so
    that somebody may have written to it; where it is then."""
    if (MODELS / name / file).is_symlink() and cache.object_path(oid).is_file():
        return keep(cache.object_path(oid), name, file)
    cache.drop(oid)
    return None


def _free(name: str, file: str) -> Path:
    """Where `file` of `name` can be kept: with a number if there is one already, or a file in the place of a folder."""
    tops = (ROOT / (f"{name}.{number}" if number else name) for number in count())
    path = next(top / file for top in tops if not any(map(_is_file, (top / file).parents)))
    free = (path.with_name(f"{path.name}.{number}" if number else path.name) for number in count())
    return next(each for each in free if not os.path.lexists(each))


def _is_file(path: Path) -> bool:
    return path.is_relative_to(ROOT) and os.path.lexists(path) and (path.is_symlink() or not path.is_dir())


def _oid(path: Path) -> str | None:
    """The object that the bytes at `path` would be; None for what is no regular file and no link into the cache."""
    if path.is_symlink() and not path.readlink().is_relative_to(cache.location()):
        return None
    return digest.of_file(path, ("md5",)).md5 if path.is_file() else None


def _is_cached(path: Path, oid: str) -> bool:
    held = cache.object_path(oid)
    return held.is_file() and (held.samefile(path) or digest.of_file(held, ("md5",)).md5 == oid)

"""The weights of a model on disk, `models/NAME/`: which files lie there, and whether they are what the pin says."""

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from lib import digest
from lib.digest import File, Progress
from lib.problem import Problem

LARGE = 1 << 20  # bytes; below this a thread costs more than the hash
T, U = TypeVar("T"), TypeVar("U")


def walk(folder: Path) -> dict[str, os.stat_result]:
    """Every entry under FOLDER that is no directory, by its path with `/`; links are not followed. Raises OSError."""
    found = {}
    stack = [""]
    while stack:
        inner = stack.pop()
        with os.scandir(f"{folder}/{inner}") as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    stack.append(f"{inner}{entry.name}/")
                else:
                    found[inner + entry.name] = entry.stat(follow_symlinks=False)
    return found


def side_by_side(look: Callable[[T], U], sized: Iterable[tuple[T, int]]) -> list[tuple[T, U]]:
    """What LOOK finds out about each thing of SIZED, (thing, bytes to read), on every core where that pays."""
    sized = sorted(sized, key=lambda pair: -pair[1])  # the longest first
    large = [thing for thing, size in sized if size >= LARGE]
    found = [(thing, look(thing)) for thing, size in sized if size < LARGE]
    if len(large) == 1:
        return [(large[0], look(large[0])), *found]
    if large:
        with ThreadPoolExecutor(digest.WORKERS) as pool:
            found += zip(large, pool.map(look, large), strict=True)
    return found


def _kind_of(path: str, status: os.stat_result, cache: Callable[[], Path] | None) -> str | None:
    """What PATH is if it is not a regular file, or a link that DVC made to its own cache; None if it is."""
    if stat.S_ISREG(status.st_mode):
        return None
    if stat.S_ISLNK(status.st_mode):
        target = Path(os.readlink(path))
        return None if cache and target.is_absolute() and target.is_relative_to(cache()) else f"a link to {target}"
    return "not a regular file"


def _check(
    path: str, status: os.stat_result, want: File, cache: Callable[[], Path] | None, progress: Progress
) -> str | None:
    """How the file at PATH differs from WANT, or None. Reads every byte."""
    if odd := _kind_of(path, status, cache):
        return odd
    try:
        return flaw(path, want, progress)
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def flaw(path: Path | str, want: File, progress: Progress = digest.unwatched) -> str | None:
    """How the bytes at PATH differ from WANT, or None. A wrong size is told without reading. Raises OSError."""
    return want.flaw(digest.of_file(path, (want.hash_name,), progress, want.size))


def compare(
    name: str,
    folder: Path,
    files: Mapping[str, File],
    cache: Callable[[], Path] | None = None,
    progress: Progress = digest.unwatched,
) -> list[Problem]:
    """How FOLDER differs from FILES of the model NAME, sorted by path. Raises OSError.

    Every byte is read, on every core. CACHE tells where links may point to: DVC's cache on another file system.
    """
    if folder.is_symlink():
        return [Problem(name, "disk", "changed", ".", f"a link to {os.readlink(folder)}")]
    found = walk(folder) if folder.is_dir() else {}

    def look(path: str) -> str | None:
        return _check(f"{folder}/{path}", found[path], files[path], cache, progress)

    looked = side_by_side(look, [(path, found[path].st_size) for path in files.keys() & found.keys()])
    problems = [Problem(name, "disk", "changed", path, flaw) for path, flaw in looked if flaw]
    problems += [Problem(name, "disk", "missing", path) for path in files.keys() - found.keys()]
    problems += [Problem(name, "disk", "extra", path) for path in found.keys() - files.keys()]
    return sorted(problems, key=lambda problem: problem.file)

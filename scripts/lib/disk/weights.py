"""The weights of a model on disk, `models/NAME/`: which files are there, and whether they match the pin."""

import os
import stat
from collections.abc import Collection, Container, Iterable, Mapping
from pathlib import Path

from lib.core import workers
from lib.core.digest import File, Progress, mismatch, unwatched
from lib.core.report import Finding
from lib.disk import cache

POINTER = b"version https://git-lfs.github.com/spec/v1"


def walk(folder: Path) -> dict[str, os.stat_result]:
    """Status of each non-folder below `folder`, by relative path with `/`; follows no links. Raises OSError."""
    found, folders = {}, [""]
    for inner in folders:  # grows while subfolders are found
        with os.scandir(f"{folder}/{inner}") as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{inner}{entry.name}/")
                else:
                    found[inner + entry.name] = entry.stat(follow_symlinks=False)
    return found


def entries(folder: Path) -> dict[str, os.stat_result]:
    """As `walk`, but `.` alone if `folder` is a link or a file, and nothing if it does not exist. Raises OSError."""
    if folder.is_dir() and not folder.is_symlink():
        return walk(folder)
    return {".": folder.lstat()} if os.path.lexists(folder) else {}


def right(files: Collection[str], findings: Iterable[Finding]) -> set[str]:
    """The `files` that none of the `findings` of `compare` names; empty if one is about the whole folder."""
    wrong = {finding.file for finding in findings}
    return set() if "." in wrong else set(files) - wrong


def is_same(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether two statuses show the same, unchanged file: equal inode, mtime and size."""
    return (one.st_ino, one.st_mtime_ns, one.st_size) == (other.st_ino, other.st_mtime_ns, other.st_size)


def is_as_before(path: Path, status: os.stat_result) -> bool:
    """Whether the file at `path` still exists and is unchanged since its `status` was taken. Raises OSError."""
    try:
        return is_same(status, path.stat())
    except FileNotFoundError:
        return False


def foreign(path: str, status: os.stat_result) -> str | None:
    """What is at `path`, in words, if it is neither a regular file nor a link into the cache; else None."""
    if stat.S_ISREG(status.st_mode):
        return None
    if stat.S_ISLNK(status.st_mode):
        target = Path(os.readlink(path))
        return None if target.is_relative_to(cache.location()) else f"a link to {target}"
    return "not a regular file"


def is_pointer(path: Path) -> bool:
    """Whether the file at `path` is a Git LFS pointer, which stands for a file that was not downloaded."""
    return path.stat().st_size < 1024 and path.read_bytes().startswith(POINTER)


def compare(
    name: str, folder: Path, files: Mapping[str, File], progress: Progress = unwatched, known: Container[str] = ()
) -> list[Finding]:
    """Findings for how `folder` differs from `files`, the pinned files of the model `name`, sorted by path.

    Reads every byte, on all cores, but not of the `known` files. Raises OSError.
    """
    if folder.is_symlink():
        return [Finding(name, "disk", "changed", ".", f"a link to {os.readlink(folder)}")]
    if folder.exists() and not folder.is_dir():
        return [Finding(name, "disk", "changed", ".", "not a folder")]
    found = walk(folder) if folder.exists() else {}

    def look(path: str) -> Finding | None:
        at = f"{folder}/{path}"
        try:
            why = foreign(at, found[path]) or (path not in known and mismatch(at, files[path], progress))
        except OSError as error:
            return Finding(name, "disk", "changed", path, f"cannot be read: {error.strerror}")
        return Finding(name, "disk", "changed", path, why) if why else None

    both, alone = files.keys() & found.keys(), files.keys() ^ found.keys()
    changed = workers.side_by_side(look, both, size=lambda path: found[path].st_size, small=workers.SMALL)
    findings = [Finding(name, "disk", "missing" if path in files else "extra", path) for path in alone]
    return sorted([*filter(None, changed), *findings], key=lambda finding: finding.file)

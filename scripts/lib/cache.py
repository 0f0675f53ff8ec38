"""DVC's cache of this clone: where an object lies, how one gets in and out, and sparing DVC a second hash."""

import os
import shutil
from collections.abc import Container, Iterable
from functools import lru_cache
from pathlib import Path

from lib import weights
from lib.digest import File, Progress, unwatched
from lib.inventory import Item
from lib.names import MODELS, ROOT
from lib.problem import Problem
from lib.report import Failure

LAYOUT = "files/md5"
READ_ONLY = 0o444  # DVC's mode for objects, which other commands of DVC take as a sign that the bytes are right


@lru_cache(maxsize=1)
def repository():
    """DVC's own view of this clone; no command of `dvc` tells where the cache or a remote is, and of what type."""
    from dvc.repo import Repo

    return Repo(str(ROOT))


@lru_cache(maxsize=1)
def settings() -> dict:
    """DVC's settings, by section, relative paths made absolute. Raises Failure."""
    # A third of the time that DVC's whole view of the clone takes, and all that most commands need of it.
    from dvc.config import Config, ConfigError

    try:
        return Config(str(ROOT / ".dvc"))
    except ConfigError as error:
        raise Failure(f"DVC's settings cannot be read ({error}); see .dvc/config and .dvc/config.local") from error


@lru_cache(maxsize=1)
def location() -> Path:
    """The folder of the cache, by DVC's setting of `cache.dir`."""
    return Path(settings()["cache"].get("dir") or ROOT / ".dvc" / "cache")


def path_in(top: str | Path, oid: str) -> str:
    """Where DVC puts the object OID (md5, with `.dir` for a listing) under TOP, a cache or a remote."""
    return f"{top}/{LAYOUT}/{oid[:2]}/{oid[2:]}"


def note() -> str | None:
    """What a user must know whose cache cannot be hard-linked into models/."""
    if MODELS.stat().st_dev == location().stat().st_dev:
        return None
    return f"note: the cache ({location()}) is on another file system than models/, so weights are links into it"


def object_path(oid: str) -> Path:
    """Where the object OID lies or would lie."""
    return Path(path_in(location(), oid))


def incoming(oid: str) -> Path:
    """Where the object OID is put together: on the cache's file system, out of DVC's sight until it is right."""
    path = location() / "incoming" / oid
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def keep(path: Path, oid: str) -> None:
    """Make the file at PATH, which must be right and on the cache's file system, the object OID. PATH is gone then."""
    target = object_path(oid)
    target.parent.mkdir(parents=True, exist_ok=True)
    path.chmod(READ_ONLY)
    path.replace(target)


def keep_bytes(data: bytes, oid: str) -> None:
    """Make DATA the object OID."""
    part = incoming(oid)
    part.write_bytes(data)
    keep(part, oid)


def drop(oid: str) -> None:
    """Forget the object OID."""
    object_path(oid).unlink(missing_ok=True)


def link(source: Path, target: Path) -> None:
    """Make TARGET the same file as SOURCE, in the first way of DVC's setting `cache.type` that works here."""
    for way in settings()["cache"].get("type") or ("reflink", "copy"):
        try:
            if way == "hardlink":
                os.link(source, target)
            elif way == "symlink":
                target.symlink_to(source)
            else:
                continue  # a reflink is what a copy becomes where the file system can do it
            return
        except OSError:
            continue  # another file system, too many links, or a file system without them
    shutil.copyfile(source, target)


def share(path: Path, file: File, part: Path) -> None:
    """Make what is at PATH, which is FILE, the same file as its object, where the cache has one: `dvc add` would not.

    An object that is not right is dropped. PART is a path on PATH's file system, for the moment in between.
    """
    held = object_path(file.md5)
    if not held.is_file() or held.samefile(path):
        return
    if not is_right(file):
        drop(file.md5)
        return
    part.unlink(missing_ok=True)
    link(held, part)
    part.replace(path)


def remember(digests: Iterable[tuple[Path, str]]) -> None:
    """Tell DVC the md5 of files, so that `dvc add` and `dvc status` do not read them again; no command can."""
    from dvc_data.hashfile.hash_info import HashInfo

    repo = repository()
    with repo.lock:
        repo.state.save_many(((str(path), HashInfo("md5", md5), None) for path, md5 in digests), repo.fs)


def is_right(file: File, seen: Path | None = None) -> bool:
    """Whether the cache holds FILE, every byte read; those at SEEN were, and found to be FILE."""
    path = object_path(file.md5)
    return path.is_file() and bool((seen and path.samefile(seen)) or not weights.flaw(path, file))


def check(
    items: Iterable[Item], folder: Path, looked_at: Container[str], progress: Progress = unwatched
) -> list[Problem]:
    """The objects of ITEMS that are in the cache with other bytes.

    The files LOOKED_AT in FOLDER, models/NAME, were read already: a hard link to one of them is not read again.
    """

    def look(item: Item) -> str | None:
        path = path_in(location(), item.oid)
        try:
            held = os.stat(path)
            if item.path in looked_at and os.path.samestat(held, os.stat(f"{folder}/{item.path}")):
                return None
            return weights.flaw(path, item.file, progress)
        except FileNotFoundError:
            return None

    found = weights.side_by_side(look, [(item, item.file.size or 0) for item in items])
    return [Problem(item.model, "cache", "changed", item.path, flaw, item.oid) for item, flaw in found if flaw]

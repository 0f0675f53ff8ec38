"""DVC's cache of this clone: where an object lies, how one gets in and out."""

import os
import re
import shutil
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory

from lib.core import lock, paths, workers
from lib.core.digest import File, Progress, mismatch, unwatched
from lib.core.report import Finding
from lib.disk import settings
from lib.model.inventory import Item
from lib.model.names import MODELS

LAYOUT = "files/md5"
OBJECT = re.compile(r"[0-9a-f]{2}/[0-9a-f]{30}(\.dir)?")  # its path below the layout
INCOMING = "incoming"
LINKS = {"hardlink": os.link, "symlink": os.symlink}  # by their names in DVC's setting `cache.type`


@lru_cache(maxsize=1)
def location() -> Path:
    """The folder of the cache, as DVC's setting `cache.dir` says."""
    return Path(settings.read()["cache"].get("dir") or paths.ROOT / ".dvc" / "cache")


def key(oid: str) -> str:
    """Where DVC puts the object `oid` (an md5, with `.dir` for a listing) in a cache or a remote."""
    return f"{LAYOUT}/{oid[:2]}/{oid[2:]}"


def note() -> str | None:
    """What to tell a user whose cache cannot be hard-linked into models/."""
    if not links():
        return None
    if not _takes_links():
        return "note: this file system has no links, so weights are copies of the cache and take twice the space"
    if MODELS.stat().st_dev == paths.nearest(location()).stat().st_dev:
        return None
    return f"note: the cache ({location()}) is on another file system than models/, so pulled weights are links into it"


def _takes_links() -> bool:
    """Whether a file beside the weights can be a link, hard or symbolic."""
    with TemporaryDirectory(dir=paths.TMP) as folder:
        (source := Path(folder, "source")).touch()
        link(source, Path(folder, "target"))
        return source.samefile(Path(folder, "target"))


def object_path(oid: str) -> Path:
    """Where the object `oid` lies or would lie."""
    return location() / key(oid)


@contextmanager
def incoming(oid: str) -> Iterator[Path]:
    """Where one command at a time puts `oid` together, out of DVC's sight; what a kill leaves is there next time."""
    path = location() / INCOMING / oid
    with lock.part(path):
        yield path
        path.unlink(missing_ok=True)


def keep(path: Path, oid: str) -> None:
    """Move the file at `path`, which must be right and on the cache's file system, to its place as the object `oid`."""
    target = object_path(oid)
    target.parent.mkdir(parents=True, exist_ok=True)
    path.chmod(0o444)  # other commands of DVC take this mode as a sign that the bytes are right
    path.replace(target)


def keep_bytes(data: bytes, oid: str) -> None:
    with incoming(oid) as part:
        part.write_bytes(data)
        keep(part, oid)


def is_own() -> bool:
    """Whether the cache lies in this clone; another may be that of other clones too."""
    return location().resolve().is_relative_to(paths.ROOT)


def listed(top: str | Path) -> dict[str, os.stat_result]:
    """Every file two folders below the layout in the folder `top`, by its path there: objects, and perhaps others."""
    found = {}
    for path in Path(top, LAYOUT).glob("??/*"):
        with suppress(FileNotFoundError):  # it went meanwhile, or is a link that leads nowhere
            found[f"{path.parent.name}/{path.name}"] = path.stat()
    return found


def all_objects() -> dict[str, int]:
    """Every object and its size in bytes."""
    return {path.replace("/", ""): each.st_size for path, each in listed(location()).items() if OBJECT.fullmatch(path)}


def drop(oid: str) -> None:
    object_path(oid).unlink(missing_ok=True)


def _ways() -> list[str]:
    """DVC's `cache.type` as far as `copy`, which works everywhere."""
    types = settings.read()["cache"].get("type") or ["reflink"]
    return list(takewhile(lambda way: way != "copy", types))


def link(source: Path, target: Path) -> None:
    """Make `target` a link to `source`, or a copy, by the first of DVC's `cache.type` that works here."""
    for way in _ways():
        if way == "reflink" and reflink(source, target):
            return
        if way in LINKS:
            try:
                return LINKS[way](source, target)
            except FileNotFoundError:
                raise  # a symbolic link would lead nowhere
            except OSError:
                continue  # another file system, too many links, or a file system without links
    shutil.copyfile(source, target)


def reflink(source: Path, target: Path) -> bool:
    """Make `target`, if it is not there, share its blocks with `source`; False where the file system cannot."""
    from dvc_objects.fs import system

    if target.exists():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):
        system.reflink(str(source), str(target))  # on failure it leaves nothing behind
        return True
    return False


def links() -> bool:
    """Whether weights are links to the cache, so that they take no space of their own."""
    return not LINKS.keys().isdisjoint(_ways())


def share(path: Path, file: File, part: Path) -> None:
    """Make `path`, which holds `file`, a link to its object, if there is one; one that is wrong is dropped.

    `part` is a path on the same file system, used for a moment.
    """
    if has(path, file):
        return
    if is_right(file):
        part.unlink(missing_ok=True)
        link(object_path(file.md5), part)
        part.replace(path)
    else:
        drop(file.md5)


def has(path: Path | str, file: File) -> bool:
    """Whether what lies at `path` is the cache's own object of `file`, by a link."""
    with suppress(OSError):
        return os.path.samefile(path, f"{location()}/{key(file.md5)}")
    return False


def is_right(file: File, seen: Path | None = None) -> bool:
    """Whether the cache holds `file`. Every byte is read, unless the object is `seen`, which was found right."""
    path = object_path(file.md5)
    return path.is_file() and bool((seen and path.samefile(seen)) or not mismatch(path, file))


def check(items: Iterable[Item], folder: Path, read: Container[str], progress: Progress = unwatched) -> list[Finding]:
    """Findings for the objects of `items` with other bytes; links to the files `read` in `folder` were read already."""

    def look(item: Item) -> Finding | None:
        why = None
        with suppress(FileNotFoundError):  # it went meanwhile
            if not (item.path in read and has(f"{folder}/{item.path}", item.file)):
                why = mismatch(f"{location()}/{key(item.oid)}", item.file, progress)
        return item.finding("cache", "changed", why) if why else None

    there = (item for item in items if os.access(f"{location()}/{key(item.oid)}", os.F_OK))
    found = workers.side_by_side(look, there, size=lambda item: item.file.size or 0, small=workers.SMALL)
    return list(filter(None, found))

"""The DVC cache of this clone: where its objects are, and how they are stored, linked, checked and dropped."""

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
OBJECT = re.compile(r"[0-9a-f]{2}/[0-9a-f]{30}(\.dir)?")  # path of an object below LAYOUT
INCOMING = "incoming"
LINKS = {"hardlink": os.link, "symlink": os.symlink}  # keys: words of DVC's setting `cache.type`


@lru_cache(maxsize=1)
def location() -> Path:
    """The folder of the cache: DVC's setting `cache.dir`, or `.dvc/cache`. Raises `Failure`."""
    return Path(settings.read()["cache"].get("dir") or paths.ROOT / ".dvc" / "cache")


def key(oid: str) -> str:
    """Path of the object `oid` (an md5, ending in `.dir` for a listing) below the top of a cache or remote."""
    return f"{LAYOUT}/{oid[:2]}/{oid[2:]}"


def note() -> str | None:
    """A note for the user if weights are meant to be links but cannot be hard links to the cache; else None."""
    if is_far():
        return f"note: the cache ({location()}) is on another file system, so weights are symbolic links into it"
    if links() and not _takes_links():
        return "note: this file system has no links, so weights are copies of the cache and take twice the space"
    return None


def is_far() -> bool:
    """Whether weights are symbolic links, as the cache is on another file system."""
    return links() and not paths.same_disk(MODELS, location()) and _takes_links()


def _takes_links() -> bool:
    """Whether the clone's file system supports one of the links that `cache.type` names, reflinks among them."""
    with TemporaryDirectory(dir=paths.TMP) as folder:
        (source := Path(folder, "source")).touch()
        link(source, target := Path(folder, "target"))
        return source.samefile(target) or ("reflink" in _link_types() and reflink(source, Path(folder, "again")))


def object_path(oid: str) -> Path:
    """Path of the object `oid` in the cache, whether or not it exists."""
    return location() / key(oid)


@contextmanager
def incoming(oid: str) -> Iterator[Path]:
    """Lock and yield the path to write the object `oid` to, outside DVC's layout; a partial file survives a kill."""
    path = location() / INCOMING / oid
    with lock.part(path):
        yield path
        path.unlink(missing_ok=True)


def arrived(oid: str) -> int:
    """Bytes of the object `oid` that a stopped command left for the next one."""
    return sum(path.stat().st_size for path in (location() / INCOMING).glob(oid))


def keep(path: Path, oid: str) -> None:
    """Move the file at `path`, already checked and on the cache's file system, into the cache as the object `oid`."""
    target = object_path(oid)
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)
    target.chmod(0o444)  # DVC trusts this mode; set before the move, a kill would leave what only root can go on with


def keep_bytes(data: bytes, oid: str) -> None:
    with incoming(oid) as part:
        part.write_bytes(data)
        keep(part, oid)


def is_own() -> bool:
    """Whether the cache is inside this clone; one outside may be shared with other clones."""
    return location().resolve().is_relative_to(paths.ROOT)


def listed(top: str | Path) -> dict[str, os.stat_result]:
    """Status of everything in `files/md5/??/` of `top`, by path below `files/md5`; that need not be objects alone."""
    found = {}
    for path in Path(top, LAYOUT).glob("??/*"):
        with suppress(FileNotFoundError):  # removed meanwhile, or a dangling link
            found[f"{path.parent.name}/{path.name}"] = path.stat()
    return found


def all_objects() -> dict[str, int]:
    """The size in bytes of every object in the cache, by id."""
    return {path.replace("/", ""): each.st_size for path, each in listed(location()).items() if OBJECT.fullmatch(path)}


def drop(oid: str) -> None:
    object_path(oid).unlink(missing_ok=True)


def _link_types() -> list[str]:
    """The words of DVC's `cache.type` before `copy`, which works everywhere."""
    types = settings.read()["cache"].get("type") or ["reflink"]
    return list(takewhile(lambda way: way != "copy", types))


def link(source: Path, target: Path) -> None:
    """Link `target` to `source` in the first way of DVC's `cache.type` that works here, else copy. Raises OSError."""
    for way in _link_types():
        if way == "reflink" and reflink(source, target):
            return
        if way in LINKS:
            try:
                return LINKS[way](source, target)
            except FileNotFoundError:
                raise  # `source` is missing; the next way, a symbolic link, would succeed and dangle
            except OSError:
                continue  # another file system, too many links, or a file system without links
    shutil.copyfile(source, target)


def reflink(source: Path, target: Path) -> bool:
    """Make `target` a reflink (copy-on-write clone) of `source`; False if it exists or no reflink can be made here."""
    from dvc_objects.fs import system

    if target.exists():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):
        system.reflink(str(source), str(target))  # removes a partial `target` if it fails
        return True
    return False


def links() -> bool:
    """Whether `cache.type` asks for links, or for reflinks that work here, so that weights take no extra space."""
    types = set(_link_types())
    return bool(LINKS.keys() & types) or ("reflink" in types and paths.same_disk(MODELS, location()) and _takes_links())


def share(path: Path, file: File, part: Path) -> None:
    """Replace `path`, which must hold `file`, with a link to its cached object; drop that object if it is damaged.

    If links are to be hard, a new one is a link to `path`. `part` is a temporary path on the same file system.
    """
    if has(path, file):
        return
    part.unlink(missing_ok=True)
    if is_right(file):
        link(object_path(file.md5), part)
        part.replace(path)
        return
    drop(file.md5)
    if _link_types()[:1] == ["hardlink"]:  # `dvc add` makes reflinks all the same, of which each has to be read
        with suppress(OSError):  # the cache is on another file system, or this one has no links: left to `dvc add`
            os.link(path, part)
            keep(part, file.md5)


def has(path: Path | str, file: File) -> bool:
    """Whether `path` is a link, hard or symbolic, to the cached object of `file`."""
    with suppress(OSError):
        return os.path.samefile(path, f"{location()}/{key(file.md5)}")
    return False


def is_right(file: File, seen: Path | None = None) -> bool:
    """Whether the cached object of `file` is intact. Reads it, unless it is the same file as `seen`, known to be so."""
    path = object_path(file.md5)
    return path.is_file() and bool((seen and path.samefile(seen)) or not mismatch(path, file))


def check(items: Iterable[Item], folder: Path, read: Container[str], progress: Progress = unwatched) -> list[Finding]:
    """Findings for damaged objects of `items`; skips one if its file in `folder` is a link to it and already `read`."""

    def look(item: Item) -> Finding | None:
        why = None
        with suppress(FileNotFoundError):  # removed meanwhile
            if not (item.path in read and has(f"{folder}/{item.path}", item.file)):
                why = mismatch(f"{location()}/{key(item.oid)}", item.file, progress)
        return item.finding("cache", "changed", why) if why else None

    # An exception for each object that is not in the cache would take three times as long.
    there = (item for item in items if os.access(f"{location()}/{key(item.oid)}", os.F_OK))
    found = workers.side_by_side(look, there, size=lambda item: item.file.size or 0, small=workers.SMALL)
    return list(filter(None, found))

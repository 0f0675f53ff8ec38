"""The objects on DVC's remote, one by one: there? right size? right hash? fetch it, put it back.

Plain `dvc push`, `pull` and `status` take a directory's listing for all that it names, never compare a size, and
call a remote that lost an object up to date; so DVC gives the file system and the layout here, and no more.
"""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from lib import atomic, cache, digest, store, weights
from lib.inventory import Item
from lib.names import ROOT
from lib.report import Failure
from lib.store import Fact

NAME = "storage"
DEFAULT = ROOT / ".dvc" / "storage"
MARKER = ".model-weights"
MARKER_TEXT = "A remote of model weights. Without this file nothing is written here, since a disk may not be mounted.\n"
CLONE = digest.of_bytes(str(ROOT).encode()).md5[:8]  # two clones may put the same object at once
REQUESTS, LIST_ABOVE = 16, 64  # asked side by side; for more objects a listing of 1,000 a page is cheaper


def _watched(progress: digest.Progress):
    from fsspec.callbacks import Callback  # slow to import, and most commands need no remote

    class Watched(Callback):
        def relative_update(self, inc: int = 1) -> None:
            progress(inc)

    return Watched()


class Remote:
    """DVC's default remote. Every method raises Failure with a sentence that names it."""

    def __init__(self, name: str, url: str, odb) -> None:
        self.name, self.url, self._odb, self._fs = name, url, odb, odb.fs
        self.is_folder = self._fs.protocol == "local"
        self.config, self._endpoint = self._fs.config, self._fs.config.get("endpointurl")
        store.bound(self._fs)

    @property
    def is_default(self) -> bool:
        return self.is_folder and Path(self.url) == DEFAULT

    @property
    def note(self) -> str | None:
        """What a user of the default remote must know."""
        if not self.is_default:
            return None
        return f"note: {self.title} is on this machine only; set one for the team: make remote URL=s3://bucket/path"

    @property
    def title(self) -> str:
        return f"remote {self.name!r} ({self.url})"

    @contextmanager
    def _said(self, step: str, after: str = "run the same command again to go on") -> Iterator[None]:
        try:
            yield
        except (Failure, FileNotFoundError):
            raise
        except Exception as error:  # each store has its own tree of errors, with nothing in common
            raise Failure(f"{self.title} {store.sentence(error, step, self._endpoint)}; {after}") from error

    def check(self, write: bool = False, probe: bool = False) -> None:
        """Refuse a remote that is out of reach, that is a folder without its marker, or (WRITE) that takes nothing.

        PROBE asks of a bucket that it takes an object, gives it back and deletes it.
        """
        if not self.is_folder:
            top = self._odb.path.removesuffix("/files/md5")
            from fsspec.asyn import sync

            with self._said("list", "nothing was changed"):
                fs = self._fs.fs
                trial = (f"{top}/{MARKER}" if write else None, MARKER_TEXT.encode(), probe, self._endpoint)
                return sync(fs.loop, store.prove, fs, top, *trial, timeout=store.ANSWER)
        folder = Path(self.url)
        if self.is_default and not folder.exists():
            mark(folder)
        if not (folder / MARKER).is_file():
            raise Failure(
                f"{self.title} is not there, or its disk is not mounted; to make it a remote: make remote URL={folder}"
            )
        if write and not os.access(folder, os.W_OK):
            raise Failure(f"{self.title} cannot be written to; nothing was changed")

    def path(self, oid: str) -> str:
        return self._odb.oid_to_path(oid)

    def facts(self, oids: Iterable[str]) -> dict[str, Fact]:
        """What the store says of OIDS; one that is not there is left out."""
        wanted = set(oids)
        with self._said("list"):
            if self.is_folder:
                return {oid: fact for oid in wanted if (fact := self._ask(oid))}
            self._fs.fs.invalidate_cache()
            if len(wanted) > LIST_ABOVE:
                listed = self._fs.fs.find(self._odb.path, detail=True)
                found = {self._odb.path_to_oid(path): info for path, info in listed.items()}
                return {oid: store.fact(found[oid]) for oid in wanted & found.keys()}
            with ThreadPoolExecutor(REQUESTS) as pool:
                return {oid: fact for oid, fact in zip(wanted, pool.map(self._ask, wanted), strict=True) if fact}

    def _ask(self, oid: str) -> Fact | None:
        with suppress(FileNotFoundError):
            path = self.path(oid)
            return Fact(os.stat(path).st_size) if self.is_folder else store.fact(self._fs.info(path))

    def get(self, oid: str, path: Path, progress: digest.Progress = digest.unwatched) -> None:
        """Bring the object OID to PATH, unchecked. Raises FileNotFoundError where the remote lacks it."""
        with self._said("read"):
            options = {} if self._fs.protocol != "s3" else {"chunksize": 8 << 20, "max_concurrency": 4}  # memory
            self._fs.get_file(self.path(oid), str(path), callback=_watched(progress), **options)

    def put(self, path: Path, item: Item, progress: digest.Progress = digest.unwatched) -> str | None:
        """Make the file at PATH the object ITEM; nobody sees a part of it under that name, nor other bytes.

        Returns how the file differs from ITEM, None if it does not; where it does, nothing is put. Raises Failure.
        """
        with self._said("write"):
            if self.is_folder:
                return self._put_into_folder(path, item, progress)
            if not (flaw := weights.flaw(path, item.file)):
                self._fs.put_file(str(path), self.path(item.oid), callback=_watched(progress))
            return flaw

    def _put_into_folder(self, path: Path, item: Item, progress: digest.Progress) -> str | None:
        target = Path(self.path(item.oid))
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{item.oid}.{CLONE}.tmp")  # the next push from here takes its place
        flaw = item.file.flaw(digest.copy(path, part, (item.file.hash_name,), progress))
        if flaw:
            part.unlink()
            return flaw
        part.replace(target)
        atomic.sync(target.parent)
        return None

    def read(self, item: Item, progress: digest.Progress = digest.unwatched) -> str | None:
        """How the bytes of the object ITEM differ from what it must be, or None. Nothing touches the disk."""
        with self._said("read"), self._fs.open(self.path(item.oid), "rb") as stream:
            hasher = digest.Hasher(item.file.size or 0, (item.file.hash_name,))
            return item.file.flaw(digest.read_into(hasher, stream, progress).digest())


def mark(folder: Path) -> None:
    """Make FOLDER, created if need be, a remote of weights."""
    atomic.write(folder / MARKER, MARKER_TEXT)


def listing(oid: str) -> bytes:
    """DVC's listing OID, unchecked, from the cache or else from the remote. Raises Failure."""
    part = cache.incoming(oid)
    if cache.object_path(oid).is_file():
        return cache.object_path(oid).read_bytes()
    try:
        default().get(oid, part)
        return part.read_bytes()
    except FileNotFoundError:
        raise Failure(
            f"the listing {oid} is neither in the cache nor on the remote; run make add or make track again"
        ) from None
    finally:
        part.unlink(missing_ok=True)


@lru_cache(maxsize=1)
def default() -> Remote:
    """The remote that DVC's setting `core.remote` names. Raises Failure where there is none."""
    return _of(cache.repository())


def candidate(settings: dict[str, str]) -> Remote:
    """The default remote as it would be with SETTINGS in .dvc/config. Raises Failure."""
    from dvc.repo import Repo

    repo = Repo(str(ROOT))
    machine = repo.config.load_config_to_level("repo").get("remote", {}).get(NAME, {})
    clone = repo.config.load_one("local")["remote"].get(NAME, {})  # .dvc/config.local, which Git ignores
    repo.config["core"]["remote"] = NAME
    repo.config["remote"][NAME] = machine | settings | clone
    return _of(repo)


def _of(repo) -> Remote:
    from dvc.exceptions import DvcException

    try:
        found = repo.cloud.get_remote()
    except DvcException as error:
        raise Failure(f"no usable remote: {store.line(error)}; set one: make remote URL=s3://bucket/path") from error
    is_folder = found.fs.protocol == "local"
    return Remote(found.name, found.path if is_folder else found.fs.unstrip_protocol(found.path), found.odb)

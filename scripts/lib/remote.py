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

from fsspec.callbacks import Callback

from lib import atomic, cache, digest, store, weights
from lib.inventory import Item
from lib.names import ROOT
from lib.report import Failure
from lib.store import Fact

# gcsfs asks a second service for the bucket's type first, and waits without end where that is out of reach.
os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")

DEFAULT = ROOT / ".dvc" / "storage"
MARKER = ".model-weights"
MARKER_TEXT = "A remote of model weights. Without this file nothing is written here, since a disk may not be mounted.\n"
CLONE = digest.of_bytes(str(ROOT).encode()).md5[:8]  # two clones may put the same object at once
REQUESTS = 16  # side by side; these wait for the network, not for a core
LIST_ABOVE = 64  # objects; from here on one listing of 1,000 a page is cheaper than to ask for each


class _Watched(Callback):
    def __init__(self, progress: digest.Progress) -> None:
        super().__init__()
        self.progress = progress

    def relative_update(self, inc: int = 1) -> None:
        self.progress(inc)


class Remote:
    """DVC's default remote. Every method raises Failure with a sentence that names it."""

    def __init__(self, name: str, url: str, odb) -> None:
        self.name, self.url, self._odb, self._fs = name, url, odb, odb.fs
        self.is_folder = self._fs.protocol == "local"

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
    def _said(self) -> Iterator[None]:
        try:
            yield
        except (Failure, FileNotFoundError):
            raise
        except Exception as error:  # each store has its own tree of errors, with nothing in common
            raise Failure(f"{self.title}: {store.sentence(error)}") from error

    def check(self, write: bool = False) -> None:
        """Refuse a remote that is out of reach, that is a folder without its marker, or (WRITE) that takes nothing."""
        if not self.is_folder:
            return self._check_bucket(write)
        folder = Path(self.url)
        if self.is_default and not folder.exists():
            mark(folder)
        if not (folder / MARKER).is_file():
            raise Failure(
                f"{self.title} is not there, or its disk is not mounted; to make it a remote: make remote URL={folder}"
            )
        if write and not os.access(folder, os.W_OK):
            raise Failure(f"{self.title} cannot be written to; nothing was changed")

    def _check_bucket(self, write: bool) -> None:
        marker = f"{self.url.rstrip('/')}/{MARKER}"
        with self._said():
            if write:
                self._fs.fs.pipe_file(marker, MARKER_TEXT.encode())
            else:
                self._fs.fs.find(self._odb.path, maxdepth=1)

    def path(self, oid: str) -> str:
        return self._odb.oid_to_path(oid)

    def facts(self, oids: Iterable[str]) -> dict[str, Fact]:
        """What the store says of OIDS; one that is not there is left out."""
        wanted = set(oids)
        with self._said():
            self._fs.fs.invalidate_cache()
            if len(wanted) > LIST_ABOVE and not self.is_folder:
                listed = self._fs.fs.find(self._odb.path, detail=True)
                found = {self._odb.path_to_oid(path): info for path, info in listed.items()}
                return {oid: store.fact(found[oid]) for oid in wanted & found.keys()}
            with ThreadPoolExecutor(REQUESTS) as pool:
                return {oid: fact for oid, fact in zip(wanted, pool.map(self._ask, wanted), strict=True) if fact}

    def _ask(self, oid: str) -> Fact | None:
        with suppress(FileNotFoundError):
            return store.fact(self._fs.info(self.path(oid)))

    def get(self, oid: str, path: Path, progress: digest.Progress = digest.unwatched) -> None:
        """Bring the object OID to PATH, unchecked. Raises FileNotFoundError where the remote lacks it."""
        with self._said():
            self._fs.get_file(self.path(oid), str(path), callback=_Watched(progress))

    def put(self, path: Path, item: Item, progress: digest.Progress = digest.unwatched) -> str | None:
        """Make the file at PATH the object ITEM; nobody sees a part of it under that name, nor other bytes.

        Returns how the file differs from ITEM, None if it does not; where it does, nothing is put. Raises Failure.
        """
        with self._said():
            if self.is_folder:
                return self._put_into_folder(path, item, progress)
            if not (flaw := weights.flaw(path, item.file)):
                self._fs.put_file(str(path), self.path(item.oid), callback=_Watched(progress))
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
        with self._said(), self._fs.open(self.path(item.oid), "rb") as stream:
            hasher = digest.Hasher(item.file.size or 0, (item.file.hash_name,))
            return item.file.flaw(digest.read_into(hasher, stream, progress).digest())


def mark(folder: Path) -> None:
    """Make FOLDER, created if need be, a remote of weights."""
    atomic.write(folder / MARKER, MARKER_TEXT)


def listing(oid: str) -> bytes:
    """DVC's listing OID, unchecked, from the cache or else from the remote. Raises Failure."""
    held, part = cache.object_path(oid), cache.incoming(oid)
    if held.is_file():
        return held.read_bytes()
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


def candidate(url: str) -> Remote:
    """The default remote as it would be at URL. Raises Failure."""
    from dvc.repo import Repo

    name = "storage"
    return _of(Repo(str(ROOT), config={"core": {"remote": name}, "remote": {name: {"url": url}}}))


def _of(repo) -> Remote:
    from dvc.exceptions import DvcException

    try:
        found = repo.cloud.get_remote()
    except DvcException as error:
        raise Failure(
            f"no usable remote: {store.sentence(error)}; set one: make remote URL=s3://bucket/path"
        ) from error
    is_folder = found.fs.protocol == "local"
    return Remote(found.name, found.path if is_folder else found.fs.unstrip_protocol(found.path), found.odb)

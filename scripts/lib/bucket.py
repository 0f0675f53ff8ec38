"""DVC's remote as a bucket, in S3 or what speaks it, or in Google Cloud Storage, by DVC's own file system for it."""

from asyncio import run_coroutine_threadsafe
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from pathlib import Path

from fsspec.asyn import sync
from fsspec.callbacks import Callback

from lib import cache, store, weights
from lib.digest import Digest, File, Hasher, Progress, unwatched
from lib.inventory import Item
from lib.remote import MARKER, MARKER_TEXT, Remote
from lib.store import Fact

REQUESTS, LIST_ABOVE = 16, 64  # asked side by side; for more objects a listing of 1,000 a page is cheaper


class _Watched(Callback):
    """Tells PROGRESS of the bytes that a transfer moves."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def relative_update(self, inc: int = 1) -> None:
        self._progress(inc)


class Bucket(Remote):
    """ODB is DVC's object database of it."""

    def __init__(self, name: str, url: str, odb) -> None:
        self._odb, self._fs = odb, odb.fs
        super().__init__(name, url, self._fs.config.get("endpointurl"))
        self.config = self._fs.config
        store.bound(self._fs)

    def check(self, write: bool = False, probe: bool = False) -> None:
        top = self._odb.path.removesuffix(f"/{cache.LAYOUT}")
        with self._said("list", "nothing was changed"):
            fs = self._fs.fs
            trial = (f"{top}/{MARKER}" if write else None, MARKER_TEXT.encode(), probe, self.endpoint)
            sync(fs.loop, store.prove, fs, top, *trial, timeout=store.ANSWER)

    def _path(self, oid: str) -> str:
        return self._odb.oid_to_path(oid)

    def facts(self, oids: Iterable[str]) -> dict[str, Fact]:
        wanted = set(oids)
        with self._said("list"):
            self._fs.fs.invalidate_cache()
            if len(wanted) > LIST_ABOVE:
                listed = self._fs.fs.find(self._odb.path, detail=True)
                found = {self._odb.path_to_oid(path): info for path, info in listed.items()}
                return {oid: store.fact(found[oid]) for oid in wanted & found.keys()}
            with ThreadPoolExecutor(REQUESTS) as pool:
                return {oid: fact for oid, fact in zip(wanted, pool.map(self._ask, wanted), strict=True) if fact}

    def _ask(self, oid: str) -> Fact | None:
        with suppress(FileNotFoundError):
            return store.fact(self._fs.info(self._path(oid)))

    def get(self, oid: str, want: File, path: Path, progress: Progress = unwatched) -> str | None:
        with self._said("read"):
            return self._look(oid, want, progress, path)

    def put(self, path: Path, item: Item, progress: Progress = unwatched) -> str | None:
        with self._said("write"):
            if not (flaw := weights.flaw(path, item.file)):
                size = path.stat().st_size
                # s3fs sends PARTS of these side by side, gcsfs one after the other.
                part = store.part_size(size) if self._fs.protocol == "s3" else store.PARTS * store.PART
                self._fs.put_file(str(path), self._path(item.oid), callback=_Watched(progress), chunksize=part)
            return flaw

    def read(self, item: Item, progress: Progress = unwatched) -> str | None:
        with self._said("read"):
            return self._look(item.oid, item.file, progress)

    def _look(self, oid: str, want: File, progress: Progress, path: Path | None = None) -> str | None:
        """How the object OID differs from WANT, looked at while it arrives, at PATH if there is one."""
        size = self._fs.info(self._path(oid))["size"]
        if want.size not in (None, size):
            return want.flaw(Digest(size))
        hasher = Hasher(size, (want.hash_name,))
        with path.open("wb") if path else nullcontext() as out:
            for piece in self._pieces(oid, size):
                hasher.update(piece, out and out.write)
                progress(len(piece))
        return want.flaw(hasher.digest())

    def _pieces(self, oid: str, size: int) -> Iterator[bytes]:
        """The bytes of the object OID, of which there are SIZE, from first to last."""
        fs, path, ahead = self._fs.fs, self._path(oid), deque()
        for start in range(0, size, store.PART):
            piece = fs._cat_file(path, start=start, end=min(start + store.PART, size))
            ahead.append(run_coroutine_threadsafe(piece, fs.loop))
            if len(ahead) == store.PARTS:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()

"""DVC's remote as a folder, on a local or mounted disk."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from shlex import quote
from tempfile import TemporaryFile

from lib.core import atomic, console, lock, paths
from lib.core.digest import File, Progress, copy, mismatch, unwatched
from lib.core.errors import Failure
from lib.disk import cache, destination, settings
from lib.model.inventory import Item
from lib.remote.base import MARKER, NAME, ObjectInfo, Remote, mark
from lib.transfer import road

DEFAULT = paths.ROOT / ".dvc" / "storage"


class Folder(Remote):
    """A remote whose URL is a path. An object is synced to disk before it gets its name."""

    is_folder = True

    def check(self, write: bool = False, probe: bool = False) -> None:
        folder = Path(self.url)
        if folder == DEFAULT:
            how = "set one for the team: make remote URL=s3://bucket/path"
            console.note(f"note: {self.title} is on this machine only; {how}")
            if not folder.exists():
                mark(folder)
        if not (folder / MARKER).is_file():
            is_default = self.name == NAME == settings.read()["core"].get("remote")
            which = "" if is_default else f"REMOTE={quote(self.name)} "
            how = f"to begin a new remote there: make remote {which}URL={quote(self.url)}"
            raise Failure(f"{self.title} is not there, or its disk is not mounted; {how}")
        if write and not os.access(folder, os.W_OK):
            raise Failure(f"{self.title} cannot be written to; nothing was changed")

    def holds(self, sizes: Mapping[str, int]) -> set[str]:
        return {oid for oid in super().holds(sizes) if not self.read(oid, File(None, oid.removesuffix(".dir")))}

    def now(self) -> float:
        with self._explained("write"), TemporaryFile(dir=self.url) as file:
            return os.fstat(file.fileno()).st_mtime

    def read(self, oid: str, want: File, progress: Progress = unwatched, path: Path | None = None) -> str | None:
        with self._explained("read"):
            source = Path(self._object(oid))
            if not path:
                return mismatch(source, want, progress)
            with source.open("rb"):  # one that may not be read would be tried again until TIMEOUT
                wanted = road.Wanted(self.title, source.stat().st_size, (want.hash_name,))
            return want.mismatch(road.bring([road.Copy(source)], wanted, path, progress))

    def _part(self, oid: str) -> Path:
        return Path(self._object(oid)).with_name(f".{oid}.tmp")  # the next push overwrites what a killed one left

    def check_space(self, sizes: Mapping[str, int]) -> None:
        with self._explained("write"):
            left = sum(part.stat().st_size for part in map(self._part, sizes) if part.exists())
            needed, advice = sum(sizes.values()) - left, "take a larger disk"
            destination.check_space(needed, Path(self.url), f"{self.title} needs", advice)

    def put(self, path: Path, item: Item, progress: Progress) -> str | None:
        with self._explained("write"):
            self.check(write=True)  # the disk may have been unmounted meanwhile
            target, part = Path(self._object(item.oid)), self._part(item.oid)
            with lock.part(part):
                if mismatch := item.file.mismatch(copy(path, part, (item.file.hash_name,), progress)):
                    part.unlink()
                    return mismatch
                atomic.sync(part)
                part.replace(target)
            atomic.sync(target.parent)
            return None

    def _list(self, prefix: str) -> Iterator[tuple[str, ObjectInfo]]:
        for path, status in cache.listed(self.url).items():  # callers pass no other `prefix` than the layout's
            yield prefix + path, ObjectInfo(status.st_size, status.st_mtime)

    def _info(self, key: str, closely: bool = False) -> ObjectInfo | None:
        with suppress(FileNotFoundError):
            status = os.stat(key)
            return ObjectInfo(status.st_size, status.st_mtime)
        return None

    def _delete(self, key: str) -> None:
        Path(key).unlink(missing_ok=True)

"""DVC's remote as a folder, on a disk of this machine or one that is mounted here."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from lib import atomic, cache, digest
from lib.digest import File, Progress, unwatched
from lib.inventory import Item
from lib.names import ROOT
from lib.remote import DEFAULT, MARKER, Remote, mark
from lib.report import Failure
from lib.store import Fact

CLONE = digest.of_bytes(str(ROOT).encode()).md5[:8]  # two clones may put the same object at once


class Folder(Remote):
    """A remote whose URL is a path. What is put there is on stable storage before it has its name."""

    is_folder = True

    @property
    def is_default(self) -> bool:
        return Path(self.url) == DEFAULT

    @property
    def note(self) -> str | None:
        if not self.is_default:
            return None
        return f"note: {self.title} is on this machine only; set one for the team: make remote URL=s3://bucket/path"

    def check(self, write: bool = False, probe: bool = False) -> None:
        folder = Path(self.url)
        if self.is_default and not folder.exists():
            mark(folder)
        if not (folder / MARKER).is_file():
            raise Failure(
                f"{self.title} is not there, or its disk is not mounted; to make it a remote: make remote URL={folder}"
            )
        if write and not os.access(folder, os.W_OK):
            raise Failure(f"{self.title} cannot be written to; nothing was changed")

    def _path(self, oid: str) -> Path:
        return Path(cache.path_in(self.url, oid))

    def facts(self, oids: Iterable[str]) -> dict[str, Fact]:
        found = {}
        with self._said("list"):
            for oid in oids:
                with suppress(FileNotFoundError):
                    found[oid] = Fact(os.stat(cache.path_in(self.url, oid)).st_size)
        return found

    def get(self, oid: str, want: File, path: Path, progress: Progress = unwatched) -> str | None:
        with self._said("read"):
            return want.flaw(digest.copy(self._path(oid), path, (want.hash_name,), progress))

    def put(self, path: Path, item: Item, progress: Progress = unwatched) -> str | None:
        with self._said("write"):
            target = self._path(item.oid)
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f".{item.oid}.{CLONE}.tmp")  # the next push from here takes its place
            if flaw := item.file.flaw(digest.copy(path, part, (item.file.hash_name,), progress)):
                part.unlink()
                return flaw
            atomic.sync(part)
            part.replace(target)
            atomic.sync(target.parent)
            return None

    def read(self, item: Item, progress: Progress = unwatched) -> str | None:
        with self._said("read"):
            return item.file.flaw(digest.of_file(self._path(item.oid), (item.file.hash_name,), progress))

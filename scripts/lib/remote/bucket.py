"""DVC's remote as a bucket: what S3 and Google Cloud Storage have in common."""

import ssl
import threading
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.request import Request
from uuid import uuid4

from lib.core import arguments, digest, workers
from lib.core.digest import File, Progress, unwatched
from lib.disk import cache, weights
from lib.model.inventory import Item
from lib.remote.base import MARKER, MARKER_TEXT, ObjectInfo, Remote
from lib.remote.errors import Unable
from lib.transfer import road
from lib.transfer.http import Client, Ranges, Refused

REQUESTS = 16  # side by side
FEW = 8  # objects that are asked for one by one, whatever a listing takes
PAGE = 1000  # objects
TRIES = 2  # of a request; one of them alone may take half of TIMEOUT


def patience() -> tuple[float, float]:
    """Seconds for a connection, and without a byte on one."""
    return max(1.0, arguments.timeout() / 3), max(1.0, arguments.timeout() / TRIES)


def _trust(bundle: str | bool | None) -> ssl.SSLContext:
    """The certificates in the file `bundle`; without it those of this machine, and if it is False any."""
    made = ssl.create_default_context(cafile=bundle or None)
    if bundle is False:
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


class _WrittenTo(Exception):
    """A file changed while it was uploaded."""


class Bucket(Remote):
    """A bucket at `url`, by the settings that DVC has of it, and by its own library's client, which threads share."""

    _takes_checksums = False  # crc64nvme, with an upload

    def __init__(self, name: str, url: str, config: dict) -> None:
        super().__init__(name, url, config)
        self.bucket, _, self._prefix = url.partition("://")[2].strip("/").partition("/")
        with self._explained("list", "nothing was changed"):
            bundle = self._connect()
        self._http = Client(patience()[1], lambda: _trust(bundle))

    def check(self, write: bool = False, probe: bool = False) -> None:
        data, trial = MARKER_TEXT.encode(), self._key(f".probe-{uuid4().hex}")
        steps = [("list", lambda: next(self._list(self._key(""), 1), None))]
        if write:
            steps += [("write", lambda: self._write(self._key(MARKER), data))]
        if probe:
            steps += [("write", lambda: self._write(trial, data)), ("read", lambda: self._compare(trial, data))]
            steps += [("delete", lambda: self._delete(trial))]
        for step, do in steps:
            with self._explained(step, f"{trial} stays there" if step == "delete" else "nothing was changed"):
                do()

    def _compare(self, key: str, data: bytes) -> None:
        if self._arrived(key, len(data), "md5", unwatched).md5 != digest.of_bytes(data).md5:
            raise Unable("gave back other bytes than it was given")

    def _key(self, path: str) -> str:
        return f"{self._prefix}/{path}".lstrip("/")

    def _object(self, oid: str) -> str:
        return cache.path_in(self._prefix, oid).lstrip("/")

    def infos(self, oids: Iterable[str], closely: bool = False) -> dict[str, ObjectInfo]:
        oids = set(oids)
        with self._explained("read" if closely else "list"):
            if not closely and len(oids) > FEW and len(oids) > self._pages():
                return {oid: info for oid, info in self.all().items() if oid in oids}
            said = workers.side_by_side(lambda oid: self._info(self._object(oid), closely), oids, REQUESTS)
            return {oid: info for oid, info in zip(oids, said, strict=True) if info}

    def all(self) -> dict[str, ObjectInfo]:
        with self._explained("list"):
            top = self._key(f"{cache.LAYOUT}/")
            listed = {key[len(top) :]: info for key, info in self._list(top)}
        return self._objects(listed)

    def now(self) -> float:
        with self._explained("write"):
            self._write(self._key(MARKER), MARKER_TEXT.encode())
            return self._info(self._key(MARKER)).modified

    def drop(self, oid: str, before: float) -> None:
        key = self._object(oid)
        with self._explained("delete"):
            if (info := self._info(key)) and info.modified < before:
                self._delete(key)

    def _pages(self) -> float:
        """How many requests a listing of all objects takes, from how many of them have names that begin with 000."""
        return 2 + sum(1 for _ in self._list(self._key(f"{cache.LAYOUT}/00/0"))) * 16**3 / PAGE

    def read(self, oid: str, want: File, progress: Progress = unwatched, path: Path | None = None) -> str | None:
        key = self._object(oid)
        with self._explained("read"):
            if not (info := self._info(key)):
                raise FileNotFoundError(oid)
            if want.size not in (None, info.size):
                return want.mismatch(File(info.size))
            try:
                return want.mismatch(self._arrived(key, info.size, want.hash_name, progress, path))
            except Refused as refused:
                if refused.status == 404:
                    raise FileNotFoundError(oid) from refused
                raise

    def _arrived(self, key: str, size: int, hashed: str, progress: Progress, path: Path | None = None) -> File:
        """The digest `hashed` of the `size` bytes at `key`, taken as they arrive; kept at `path`, if there is one."""
        source, wanted = Ranges(self._http, lambda: self._request(key), size), road.Wanted(self.title, size, (hashed,))
        if path:
            return road.bring([source], wanted, path, progress, threading.Event())
        return road.look(source, wanted, progress)

    def put(self, path: Path, item: Item, progress: Progress = unwatched) -> str | None:
        with self._explained("write"):
            before = path.stat()
            checks = ["crc64nvme"] if self._takes_checksums and before.st_size > digest.LARGE else []
            found = digest.of_file(path, (item.file.hash_name, *checks), size=item.file.size)
            if mismatch := item.file.mismatch(found):
                return mismatch

            def sent(count: int) -> None:
                if not weights.is_as_before(path, before):  # these bytes are perhaps not those that were hashed
                    raise _WrittenTo
                progress(count)

            try:
                self._upload(path, item.oid, found, sent)
            except _WrittenTo:
                return "written to while it was uploaded"
            return None

    @abstractmethod
    def _connect(self) -> str | bool | None:
        """Make the client, which asks nothing of the store yet; returns the certificates, in the form of `_trust`."""

    @abstractmethod
    def _list(self, prefix: str, most: int | None = None) -> Iterator[tuple[str, ObjectInfo]]:
        """The keys that begin with `prefix`, and what the store says of each; `most` of them."""

    @abstractmethod
    def _info(self, key: str, closely: bool = False) -> ObjectInfo | None:
        """What the store says of the object at `key`; None without it. Some stores tell more if asked `closely`."""

    @abstractmethod
    def _request(self, key: str) -> Request:
        """How a range of the object at `key` is asked for, now."""

    @abstractmethod
    def _write(self, key: str, data: bytes) -> None:
        """Make `data` the object at `key`."""

    @abstractmethod
    def _delete(self, key: str) -> None:
        """Delete the object at `key`."""

    @abstractmethod
    def _upload(self, path: Path, oid: str, found: File, progress: Progress) -> None:
        """Make the file at `path`, whose digests are `found`, the object `oid`; unless `progress` raises, which is told
        of all bytes before the object is complete.
        """

"""DVC's remote as a bucket: what S3 and Google Cloud Storage have in common."""

import os
import ssl
import time
from abc import abstractmethod
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from urllib.request import Request
from uuid import uuid4

import certifi

from lib.core import arguments, workers
from lib.core.digest import LARGE, File, Progress, of_bytes, of_file, unwatched
from lib.core.errors import Failure
from lib.disk import cache, weights
from lib.model.inventory import Item
from lib.remote.base import MARKER, MARKER_TEXT, ObjectInfo, Remote
from lib.remote.errors import Unable
from lib.transfer import road
from lib.transfer.http import Client, Ranges, Refused

GOOD = 60  # seconds for which a check holds, good or bad: a command may handle many models
FEW = 8  # up to this many objects are asked for one by one, without estimating a listing
TRIES = 2  # attempts at a request; each may take half of TIMEOUT


def patience() -> tuple[float, float]:
    """Timeouts in seconds: to connect, and between two bytes."""
    return max(1.0, arguments.timeout() / 3), max(1.0, arguments.timeout() / TRIES)


class _WrittenTo(Exception):
    """A file changed while it was uploaded."""


class Bucket(Remote):
    """A bucket at `url`, with DVC's settings; the client of the store's own library is shared by all threads."""

    _takes_checksums = False  # whether uploads may carry a crc64nvme
    _bundle: str | bool | None = None  # file or folder of certificates to trust; None: certifi's, False: trust any

    def __init__(self, name: str, url: str, config: dict) -> None:
        super().__init__(name, url, config)
        self.bucket, _, prefix = url.partition("://")[2].strip("/").partition("/")
        self._top = f"{prefix}/" if prefix else ""
        with self._explained("list", "nothing was changed"):
            self._connect()
        self._http = Client(patience()[1], self._trust)
        self._checked: dict[bool, tuple[float, Failure | None]] = {}  # by `write`: when to check again, and what failed

    def _trust(self) -> ssl.SSLContext:
        bundle = self._bundle or certifi.where()  # as the store's own client does, which asks for sizes
        made = ssl.create_default_context(**{"capath" if os.path.isdir(bundle) else "cafile": bundle})
        if self._bundle is False:
            made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
        return made

    def check(self, write: bool = False, probe: bool = False) -> None:
        until, failure = self._checked.get(write, (0.0, None))
        if probe or time.monotonic() >= until:
            failure = None
            try:
                self._prove(write, probe)
            except Failure as found:
                failure = found
            self._checked[write] = (time.monotonic() + GOOD, failure)
        if failure:
            raise failure

    def _prove(self, write: bool, probe: bool) -> None:
        """As `check`, but always asks the store."""
        data, trial = MARKER_TEXT.encode(), f"{self._top}.probe-{uuid4().hex}"
        with self._explained("list", "nothing was changed"):
            next(self._list(self._top + MARKER), None)
        with self._explained("write", "nothing was changed"):
            if write:
                self._write(self._top + MARKER, data)
            if probe:
                self._write(trial, data)
        if probe:
            try:
                with self._explained("read", "nothing was changed"):
                    if self._arrived(trial, len(data), "md5", unwatched).md5 != of_bytes(data).md5:
                        raise Unable("returned different bytes from those it was given")
            finally:
                with self._explained("delete", f"{trial} stays there"):
                    self._delete(trial)

    def infos(self, oids: Iterable[str], closely: bool = False) -> dict[str, ObjectInfo]:
        oids = set(oids)
        with self._explained("read"):  # which both stores take such a question for
            if not closely and len(oids) > FEW and len(oids) > self._pages:
                return {oid: info for oid, info in self.all().items() if oid in oids}
            said = workers.side_by_side(lambda oid: self._info(self._object(oid), closely), oids, workers.REQUESTS)
            return {oid: info for oid, info in zip(oids, said, strict=True) if info}

    def now(self) -> float:
        with self._explained("write"):
            for _ in range(5):  # some stores lack an object for a moment while another client replaces it
                self._write(self._top + MARKER, MARKER_TEXT.encode())
                if info := self._info(self._top + MARKER):
                    return info.modified
            raise Unable("does not have what was just written to it")

    @cached_property
    def _pages(self) -> float:
        """How many requests a listing takes (1,000 objects each), estimated from the objects that begin with 000."""
        return 2 + sum(1 for _ in self._list(f"{self._top}{cache.LAYOUT}/00/0")) * 16**3 / 1000

    def read(self, oid: str, want: File, progress: Progress = unwatched, path: Path | None = None) -> str | None:
        key = self._object(oid)
        with self._explained("read"):
            try:  # a pinned size saves a question
                size = want.size or self._size(key)
                if want.size in (None, size):
                    return want.mismatch(self._arrived(key, size, want.hash_name, progress, path))
                return want.mismatch(File(size))
            except Refused as refused:
                if refused.status == 404 or (refused.status == 403 and not self._info(key)):
                    raise FileNotFoundError(oid) from refused
                if refused.status == 416 and (size := self._size(key)) != want.size:
                    return want.mismatch(File(size))
                if refused.code == "InvalidObjectState":
                    raise Unable(f"has {key} in an archive such as Glacier: restore it there first") from refused
                raise

    def _size(self, key: str) -> int:
        if info := self._info(key):
            return info.size
        raise FileNotFoundError(key)

    def _arrived(self, key: str, size: int, hashed: str, progress: Progress, path: Path | None = None) -> File:
        """Download the `size` bytes at `key`, to `path` if given; their digest `hashed`, computed as they arrive."""
        source = Ranges(self._http, lambda: self._request(key), size)
        wanted = road.Wanted(f"{self.title}: {key}", size, (hashed,))
        return road.bring([source], wanted, path, progress)

    def put(self, path: Path, item: Item, progress: Progress) -> str | None:
        with self._explained("write"):
            before = path.stat()
            checks = ["crc64nvme"] if self._takes_checksums and before.st_size > LARGE else []
            found = of_file(path, (item.file.hash_name, *checks), size=item.file.size)
            if mismatch := item.file.mismatch(found):
                return mismatch

            def sent(count: int) -> None:
                if not weights.is_as_before(path, before):  # these may not be the bytes that were hashed
                    raise _WrittenTo
                progress(count)

            try:
                self._upload(path, item.oid, found, sent)
            except _WrittenTo:
                return "written to while it was uploaded"
            return None

    @abstractmethod
    def _connect(self) -> None:
        """Create the client from DVC's settings, without contacting the store."""

    @abstractmethod
    def _request(self, key: str) -> Request:
        """An authenticated request for the object at `key`, to be sent soon; the caller adds the range."""

    @abstractmethod
    def _write(self, key: str, data: bytes) -> None: ...

    @abstractmethod
    def _upload(self, path: Path, oid: str, found: File, progress: Progress) -> None:
        """Upload the file at `path`, with the digests `found`, as the object `oid`.

        `progress` is called for all bytes before the object is completed; if it raises, no object is created.
        """

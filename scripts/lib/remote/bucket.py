"""DVC's remote as a bucket, in S3 or what speaks it, or in Google Cloud Storage, by DVC's own file system for it."""

import base64
import re
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from fsspec.asyn import sync
from fsspec.callbacks import Callback

from lib.core import digest, workers
from lib.core.digest import LARGE, Digest, File, Progress, unwatched
from lib.core.errors import Failure
from lib.disk import cache
from lib.model.inventory import Item
from lib.remote import client, errors, etag, upload
from lib.remote.base import MARKER, MARKER_TEXT, Details, ObjectInfo, Remote
from lib.remote.errors import Unable
from lib.transfer import road
from lib.transfer.http import Client, Ranges, Refused, Request

REQUESTS = 16  # side by side
FEW = 8  # objects that are asked for one by one, whatever a listing takes
PAGE = 1000  # objects
SIGNED = 3600  # seconds that a signed address is good for
OBJECT = re.compile(r"[0-9a-f]{2}/[0-9a-f]{30}(\.dir)?")


class _Watched(Callback):
    """Tells `progress` of the bytes that a transfer moves."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def relative_update(self, inc: int = 1) -> None:
        self._progress(inc)


class Bucket(Remote):
    """`odb` is DVC's object database of it."""

    def __init__(self, name: str, url: str, odb) -> None:
        self._odb, self._fs = odb, odb.fs
        super().__init__(name, url, self._fs.config.get("endpointurl"))
        self.config = self._fs.config
        if self.config.get("sse_customer_key"):
            raise Failure(
                f"{self.title}: DVC's setting sse_customer_key is not supported; use a key of the store (sse)"
            )
        client.limit(self._fs)
        self._knows_checksums = True
        self._client = Client(client.silence(), lambda: client.trust(self._fs))

    def check(self, write: bool = False, probe: bool = False) -> None:
        top = self._odb.path.removesuffix(f"/{cache.LAYOUT}")
        with self._explained("list", "nothing was changed"):
            fs = self._fs.fs
            trial = (f"{top}/{MARKER}" if write else None, MARKER_TEXT.encode(), probe, self.endpoint)
            sync(fs.loop, client.prove, fs, top, *trial, timeout=client.answer())

    def _path(self, oid: str) -> str:
        return self._odb.oid_to_path(oid)

    def infos(self, oids: Iterable[str]) -> dict[str, ObjectInfo]:
        wanted = {self._path(oid): oid for oid in oids}
        with self._explained("list"):
            self._fs.fs.invalidate_cache()
            if len(wanted) > FEW and len(wanted) > self._pages():
                listed = self._fs.fs.find(self._odb.path, detail=True)
                top = len(self._odb.path) + 1
                self.strays = tuple(path[top:] for path in listed if not OBJECT.fullmatch(path[top:]))
                return {wanted[path]: _info(listed[path]) for path in wanted.keys() & listed.keys()}
            answers = workers.side_by_side(self._ask, wanted.values(), REQUESTS)
            return {oid: info for oid, info in zip(wanted.values(), answers, strict=True) if info}

    def _pages(self) -> float:
        """How many requests a listing of all objects takes, from how many of them have names that begin with 000."""
        sample = len(self._fs.fs.find(f"{self._odb.path}/00", prefix="0"))
        return 2 + sample * 16**3 / PAGE

    def details(self, oid: str) -> Details:
        if self._fs.protocol != "s3":
            return Details()
        with self._explained("read"):
            bucket, _, key = self._path(oid).partition("/")
            said = self._fs.fs.call_s3("head_object", Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        crc = said.get("ChecksumCRC64NVME", "")
        hides = "SSECustomerAlgorithm" in said or said.get("ServerSideEncryption", "AES256") != "AES256"
        # A checksum of the parts' checksums ends in their number.
        return Details(base64.b64decode(crc).hex() if crc and "-" not in crc else None, hides)

    def _ask(self, oid: str) -> ObjectInfo | None:
        with suppress(FileNotFoundError):
            return _info(self._fs.info(self._path(oid)))

    def get(self, oid: str, want: File, path: Path, progress: Progress = unwatched) -> str | None:
        with self._explained("read"):
            return self._look(oid, want, progress, path)

    def put(self, path: Path, item: Item, progress: Progress = unwatched) -> str | None:
        with self._explained("write"):
            size = path.stat().st_size
            checks = self._fs.protocol == "s3" and size > LARGE and self._knows_checksums
            found = digest.of_file(path, (item.file.hash_name, *(["crc64nvme"] if checks else [])), size=item.file.size)
            if mismatch := item.file.mismatch(found):
                return mismatch
            if not (checks and self._put_checked(path, item.oid, found.crc64nvme, progress)):
                # s3fs sends PARTS of these side by side, gcsfs one after the other.
                part = etag.part_size(size) if self._fs.protocol == "s3" else client.PARTS * etag.PART
                self._fs.put_file(str(path), self._path(item.oid), callback=_Watched(progress), chunksize=part)
            return None

    def _put_checked(self, path: Path, oid: str, crc64nvme: str, progress: Progress) -> bool:
        """Upload the file at `path` with its checksum; False if this store knows no such checksums."""
        try:
            upload.checked(self._fs.fs, self._path(oid), path, crc64nvme, progress)
        except Exception as error:
            if not errors.has_mark(error, upload.UNKNOWN):
                raise
            self._knows_checksums = False
            return False
        if (said := self.details(oid).crc64nvme) and said != crc64nvme:  # a store may not look at what it is told
            raise Unable("holds other bytes than it was sent, by its own checksum")
        return True

    def read(self, item: Item, progress: Progress = unwatched) -> str | None:
        with self._explained("read"):
            return self._look(item.oid, item.file, progress)

    def _look(self, oid: str, want: File, progress: Progress, path: Path | None = None) -> str | None:
        """How the object `oid` differs from `want`, hashed as it arrives, and kept at `path` if there is one."""
        size = self._fs.info(self._path(oid))["size"]
        if want.size not in (None, size):
            return want.mismatch(Digest(size))
        source = Ranges(self._client, lambda: self._located(oid), size)
        wanted = road.Wanted(self.title, size, (want.hash_name,))
        try:
            if path:
                return want.mismatch(road.bring([source], wanted, path, progress, threading.Event()))
            return want.mismatch(road.look(source, wanted, progress))
        except Refused as refused:
            if refused.status == 404:
                raise FileNotFoundError(oid) from refused
            raise

    def _located(self, oid: str) -> Request:
        """How the object `oid` is asked for, by what DVC's file system knows of credentials and endpoint."""
        fs, headers = self._fs.fs, {}
        if self._fs.protocol == "s3":
            return Request(fs.sign(self._path(oid), expiration=SIGNED))
        fs.credentials.apply(headers)
        return Request(fs.url(self._path(oid)), headers)


def _info(said: dict) -> ObjectInfo:
    """What an fsspec file system `said` of an object."""
    md5 = base64.b64decode(said["md5Hash"]).hex() if "md5Hash" in said else None
    return ObjectInfo(said["size"], md5, str(said.get("ETag", "")).strip('"') or None)

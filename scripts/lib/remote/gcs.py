"""A bucket in Google Cloud Storage, through Google's own client library."""

import os
from base64 import b64decode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import Request

import google.auth
from google.api_core.exceptions import NotFound
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.environment_vars import CREDENTIALS
from google.auth.exceptions import DefaultCredentialsError
from google.auth.transport.requests import Request as Renewal
from google.cloud.storage import Blob, Client
from google.cloud.storage.retry import DEFAULT_RETRY
from tqdm.utils import CallbackIOWrapper

from lib.core import arguments
from lib.core.digest import File, Progress
from lib.remote.base import ObjectInfo
from lib.remote.bucket import Bucket, patience

SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
CHUNK = 24 << 20  # bytes of an upload held in memory
FIELDS = "items(name,size,updated,md5Hash),nextPageToken"


class Gcs(Bucket):
    """`config` holds DVC's settings, with the meaning that dvc-gs gives them."""

    def _connect(self) -> None:
        self._credentials = self._login()
        where = {"api_endpoint": self.endpoint}
        self._client = Client(self.config.get("projectname"), self._credentials, client_options=where)
        self._bucket = self._client.bucket(self.bucket)
        self._limits = {"timeout": patience(), "retry": DEFAULT_RETRY.with_timeout(patience()[0] / 2)}
        self._bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")

    def _login(self) -> Credentials:
        """As in dvc-gs: from `credentialpath`, else anonymous if the endpoint is not Google's or there is no login."""
        named, at = self.config.get("credentialpath"), self.endpoint or os.environ.get("STORAGE_EMULATOR_HOST")
        if named:
            return google.auth.load_credentials_from_file(named, [SCOPE])[0]
        if not self.config.get("allow_anonymous_login") and (not at or "google" in at):
            with suppress(*(() if os.environ.get(CREDENTIALS) else (DefaultCredentialsError,))):
                return google.auth.default([SCOPE])[0]
        return AnonymousCredentials()

    def infos(self, oids: Iterable[str], closely: bool = False) -> dict[str, ObjectInfo]:
        found = super().infos(oids, closely)
        # A listing leaves out the md5 of what is encrypted with a customer's key.
        return found | super().infos((oid for oid, info in found.items() if not info.md5), closely=True)

    def _list(self, prefix: str) -> Iterator[tuple[str, ObjectInfo]]:
        for blob in self._client.list_blobs(self._bucket, prefix=prefix, fields=FIELDS, **self._limits):
            yield blob.name, _as_info(blob)

    def _info(self, key: str, closely: bool = False) -> ObjectInfo | None:
        blob = self._bucket.get_blob(key, **self._limits)
        return _as_info(blob) if blob else None

    def _request(self, key: str) -> Request:
        headers: dict[str, str] = {}
        url = f"{self._client.api_endpoint}/download/storage/v1{self._bucket.blob(key).path}?alt=media"
        self._credentials.before_request(Renewal(), "GET", url, headers)
        return Request(url, headers=headers)

    def _write(self, key: str, data: bytes) -> None:
        self._bucket.blob(key).upload_from_string(data, **self._limits)

    def _delete(self, key: str) -> None:
        with suppress(NotFound):  # another command deleted it meanwhile
            self._bucket.blob(key).delete(**self._limits)

    def _upload(self, path: Path, oid: str, found: File, progress: Progress) -> None:
        with path.open("rb") as file:
            watched = CallbackIOWrapper(progress, file, "read")
            blob = self._bucket.blob(self._object(oid), chunk_size=CHUNK)
            lasting = {"retry": DEFAULT_RETRY.with_timeout(arguments.timeout())}  # what was sent would be lost
            blob.upload_from_file(watched, size=found.size, **self._limits | lasting)


def _as_info(blob: Blob) -> ObjectInfo:
    return ObjectInfo(blob.size, blob.updated.timestamp(), b64decode(blob.md5_hash).hex() if blob.md5_hash else None)

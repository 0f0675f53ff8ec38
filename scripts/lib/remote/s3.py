"""A bucket in S3 or a compatible store, through botocore, which finds credentials of every kind and signs requests."""

import os
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import Request

import botocore
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, SSLError
from botocore.session import Session

from lib.core import arguments, digest, workers
from lib.core.errors import Failure
from lib.remote import errors, etag
from lib.remote.base import ObjectInfo
from lib.remote.bucket import TRIES, Bucket, patience
from lib.transfer import retry

PARTS = 4  # parts in memory and in transit at once, of all objects together
IN_FLIGHT = threading.BoundedSemaphore(PARTS)
LOST = (ConnectionClosedError, EndpointConnectionError, SSLError)  # botocore's; one that is silent is none of these
# Error codes of stores that do not support checksums of whole objects.
UNKNOWN = {"NotImplemented", "XNotImplemented", "InvalidRequest", "InvalidArgument", "MalformedXML", "400", "501"}
# DVC's settings for files of credentials, the environment variables that take precedence, and botocore's names.
FILES = [("credentialpath", "AWS_SHARED_CREDENTIALS_FILE", "credentials_file")]
FILES += [("configpath", "AWS_CONFIG_FILE", "config_file")]
# DVC's settings for uploads, and S3's names for them.
WRITTEN = {"sse": "ServerSideEncryption", "sse_kms_key_id": "SSEKMSKeyId", "acl": "ACL"}
WRITTEN |= {"grant_full_control": "GrantFullControl", "grant_read": "GrantRead"}
WRITTEN |= {"grant_read_acp": "GrantReadACP", "grant_write_acp": "GrantWriteACP"}


class S3(Bucket):
    """`config` holds DVC's settings, with the meaning that dvc-s3 gives them."""

    _takes_checksums = True  # until this store rejects one, or refuses to be asked for them, as Backblaze does

    def _connect(self) -> None:
        config = self.config
        if config.get("sse_customer_key"):
            raise Failure(f"{self.title}: DVC's setting sse_customer_key is not supported; use the store's key (sse)")
        session = Session(profile=config.get("profile"))
        for setting, variable, name in FILES:
            if config.get(setting) and variable not in os.environ:
                session.set_config_variable(name, config[setting])
        named = session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
        self._bundle = named if config.get("ssl_verify") in (None, True) else config["ssl_verify"]
        region = session.get_config_variable("region") or os.environ.get("AWS_REGION")  # as the AWS CLI reads it, too
        self._written = {name: config[setting] for setting, name in WRITTEN.items() if config.get(setting)}
        self._client = session.create_client(
            "s3",
            region_name=config.get("region") or region or "us-east-1",
            endpoint_url=self.endpoint,
            use_ssl=config.get("use_ssl", True),
            verify=self._bundle,
            aws_access_key_id=config.get("access_key_id"),
            aws_secret_access_key=config.get("secret_access_key"),
            aws_session_token=config.get("session_token"),
            config=self._behaviour(),
        )
        self._client.meta.events.register_first("needs-retry.s3", _pause)
        self._client.meta.events.register("request-created.s3.PutObject", _at_once)
        self._client.meta.events.register_last("before-endpoint-resolution.s3", self._in_its_region)

    def _behaviour(self) -> Config:
        connect, read = patience()
        return Config(
            # By default, presigned URLs have an older signature.
            signature_version=botocore.UNSIGNED if self.config.get("allow_anonymous_login") else "s3v4",
            connect_timeout=self.config.get("connect_timeout") or connect,
            read_timeout=self.config.get("read_timeout") or read,
            # In botocore's older mode, nobody else could ask for a further try.
            retries={"mode": "standard"} | ({} if "AWS_MAX_ATTEMPTS" in os.environ else {"total_max_attempts": TRIES}),
            max_pool_connections=2 * workers.REQUESTS,
            # By default, botocore adds checksums that older stores reject; `_upload` adds the ones that matter.
            request_checksum_calculation="when_required",
        )

    def _in_its_region(self, builtins: dict, context: dict, **_: object) -> None:
        """Make a URL, too, for the region that botocore found or that is set: the global address lacks new buckets."""
        if builtins["AWS::Region"] == "aws-global":
            builtins["AWS::Region"] = self._client.meta.region_name
        context.setdefault("signing", {})["region"] = builtins["AWS::Region"]

    def _list(self, prefix: str) -> Iterator[tuple[str, ObjectInfo]]:
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            yield from ((said["Key"], _as_info(said, said["Size"])) for said in page.get("Contents", []))

    def _info(self, key: str, closely: bool = False) -> ObjectInfo | None:
        more = {"ChecksumMode": "ENABLED"} if closely and self._takes_checksums else {}
        try:
            said = self._client.head_object(Bucket=self.bucket, Key=key, **more)
            return _as_info(said, said["ContentLength"])
        except ClientError as error:
            code = error.response["Error"]["Code"]
            # Ceph of before May 2026 says 403, not 404, to those who may list a prefix alone (see REMOTES.md).
            if code == "404" or (code == "403" and all(listed != key for listed, _ in self._list(key))):
                return None
            if not (more and code in UNKNOWN):
                raise
        self._takes_checksums = False
        return self._info(key)

    def _request(self, key: str) -> Request:
        where = {"Bucket": self.bucket, "Key": key}
        return Request(self._client.generate_presigned_url("get_object", where))

    def _write(self, key: str, data: bytes) -> None:
        md5 = b64encode(bytes.fromhex(digest.of_bytes(data).md5)).decode()  # the store rejects other bytes
        self._client.put_object(Bucket=self.bucket, Key=key, Body=data, ContentMD5=md5, **self._written)

    def _delete(self, key: str) -> None:
        self._client.delete_object(Bucket=self.bucket, Key=key)

    def _upload(self, path: Path, oid: str, found: digest.File, progress: digest.Progress) -> None:
        key = self._object(oid)
        if found.size <= etag.PART:
            data = path.read_bytes()
            progress(found.size)
            self._write(key, data)
            return
        checked = self._takes_checksums  # a copy, since the upload of another object may clear it meanwhile
        try:
            self._send(path, key, found, progress, checked)
        except ClientError as error:
            if not (checked and error.response["Error"]["Code"] in UNKNOWN):
                raise
            self._takes_checksums = False
            self._send(path, key, found, progress, False)
        # A store may ignore the checksums that it is sent.
        held = self.infos([oid], closely=True).get(oid) if self._takes_checksums else None
        if held and held.crc64nvme not in (None, found.crc64nvme):
            raise errors.Unable("stored different bytes, according to its checksum")

    def _send(self, path: Path, key: str, found: digest.File, progress: digest.Progress, checked: bool) -> None:
        """Upload the file at `path` in parts; if `checked`, the store rejects bytes that were damaged in transit."""
        size = etag.part_size(found.size)
        kind = {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "FULL_OBJECT"} if checked else {}
        where = {"Bucket": self.bucket, "Key": key}
        where["UploadId"] = self._client.create_multipart_upload(**where, **self._written, **kind)["UploadId"]

        def send(number: int) -> dict:
            with IN_FLIGHT, path.open("rb") as file:
                file.seek((number - 1) * size)
                data = file.read(size)
                crc = _crc(digest.of_bytes(data, ("crc64nvme",))) if checked else {}
                said = self._client.upload_part(PartNumber=number, Body=data, **where, **crc)
            progress(len(data))
            return {"PartNumber": number, "ETag": said["ETag"], **crc}

        try:
            parts = {"Parts": workers.side_by_side(send, range(1, 1 + -(-found.size // size)), PARTS)}
            whole = {"ChecksumType": "FULL_OBJECT", **_crc(found)} if checked else {}
            self._client.complete_multipart_upload(MultipartUpload=parts, **where, **whole)
        except BaseException:
            with suppress(ClientError):  # the first error is the one to raise
                self._client.abort_multipart_upload(**where)
            raise


def _pause(attempts: int, response: tuple | None, **event: object) -> float | None:
    """Seconds to wait before another try, if a busy store said no, or an upload was lost or damaged; else None.

    botocore allows few tries, since each may time out on a silent store; rejections come at once, so more fit in.
    """
    since = event["request_dict"]["context"].setdefault("since", time.monotonic())
    seconds, error = retry.pause(attempts), response and response[1].get("Error", {}).get("Code")
    is_busy = response and response[0].status_code in retry.TRANSIENT
    is_upload = event["operation"].name in ("PutObject", "UploadPart")  # botocore gives one up too soon
    is_lost = is_upload and (error == "BadDigest" or isinstance(event["caught_exception"], LOST))
    # botocore takes a page for an answer that broke off, and says 500.
    if is_busy and response[0].raw.status == 200 and "text/html" in response[0].headers.get("Content-Type", ""):
        raise errors.Unable("answered with a web page; ENDPOINT must be the address of its S3 API, not of a console")
    return seconds if (is_busy or is_lost) and time.monotonic() + seconds - since < arguments.timeout() else None


def _at_once(request: AWSRequest, **_: object) -> None:
    """Send a small body along with its request, not a round trip later, once the store has asked for it."""
    if request.data.getbuffer().nbytes < workers.LIGHT:
        del request.headers["Expect"]


def _crc(found: digest.File) -> dict[str, str]:
    """The checksum of `found` as a parameter for S3."""
    return {"ChecksumCRC64NVME": b64encode(bytes.fromhex(found.crc64nvme)).decode()}


def _as_info(said: dict, size: int) -> ObjectInfo:
    """What S3 `said` about an object of `size` bytes."""
    has_key = "SSECustomerAlgorithm" in said or said.get("ServerSideEncryption", "AES256") != "AES256"
    shown = None if has_key else said.get("ETag", "").strip('"') or None
    crc = said.get("ChecksumCRC64NVME", "")
    known = b64decode(crc).hex() if crc and "-" not in crc else None  # `-N` marks a checksum of the parts' checksums
    return ObjectInfo(size, said["LastModified"].timestamp(), None, shown, known)

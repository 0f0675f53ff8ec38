"""Uploads to S3 with a checksum of the whole object, so that the store refuses bytes that changed on the way."""

import threading
from base64 import b64encode
from pathlib import Path

from lib.core import workers
from lib.core.digest import Progress, of_bytes
from lib.remote import client, etag

IN_FLIGHT = threading.BoundedSemaphore(4)  # parts at once, of all objects; each is in memory several times over

# What stores answer that do not know such a checksum.
UNKNOWN = "NotImplemented|XNotImplemented|InvalidRequest|InvalidArgument|MalformedXML|400|501"


def checked(fs, target: str, path: Path, crc64nvme: str, progress: Progress) -> None:
    """Make the file at `path` the object `target` of the bucket of `fs`, in parts. Raises what its client raises."""
    bucket, _, key = target.partition("/")
    where, size = {"Bucket": bucket, "Key": key}, path.stat().st_size
    part = etag.part_size(size)
    whole = {"ChecksumCRC64NVME": _encoded(crc64nvme)}
    kind = {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "FULL_OBJECT"}
    where["UploadId"] = fs.call_s3("create_multipart_upload", **where, **kind)["UploadId"]

    def send(number: int) -> dict:
        with IN_FLIGHT, path.open("rb") as file:
            file.seek((number - 1) * part)
            data = file.read(part)
            crc = _encoded(of_bytes(data, ("crc64nvme",)).crc64nvme)
            said = fs.call_s3("upload_part", PartNumber=number, Body=data, ChecksumCRC64NVME=crc, **where)
        progress(len(data))
        return {"PartNumber": number, "ETag": said["ETag"], "ChecksumCRC64NVME": crc}

    try:
        sent = workers.side_by_side(send, range(1, 1 + -(-size // part)), client.PARTS)
        done = {"Parts": sent}
        fs.call_s3("complete_multipart_upload", MultipartUpload=done, ChecksumType="FULL_OBJECT", **where, **whole)
    except BaseException:
        fs.call_s3("abort_multipart_upload", **where)
        raise


def _encoded(crc64nvme: str) -> str:
    """The hex digest as S3 writes it."""
    return b64encode(bytes.fromhex(crc64nvme)).decode()

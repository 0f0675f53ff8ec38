"""Bringing an object from S3 by boto3's transfers: parts side by side, each tried again, handed over in order.

DVC's own way to S3 is asynchronous, so one core receives, decrypts and writes everything.
"""

from pathlib import Path

import boto3
from boto3.s3.transfer import S3Transfer, TransferConfig
from botocore import UNSIGNED
from botocore.config import Config

from lib.digest import Digest, Hasher, Progress, Tee

PART = 16 << 20  # bytes of one request
PARTS = 4  # of one object side by side, all in memory
OBJECTS = 4  # that pull asks for side by side
TRANSFER = TransferConfig(
    multipart_threshold=PART,
    multipart_chunksize=PART,
    max_concurrency=PARTS,
    num_download_attempts=2,
    io_chunksize=1 << 20,
    max_io_queue=PARTS,
)
TRANSFER.max_in_memory_download_chunks = PARTS  # what may wait for a part before it; boto3 has no argument for it


class Client:
    """S3 as ARGS, which DVC made for s3fs of its settings, say."""

    def __init__(self, args: dict) -> None:
        settings = {key: value for key, value in args.get("config_kwargs", {}).items() if key != "connector_args"}
        if args.get("anon"):
            settings["signature_version"] = UNSIGNED
        keys = [args.get(key) for key in ("key", "secret", "token")]
        session = boto3.Session(*keys, profile_name=args.get("profile"))
        config = Config(max_pool_connections=PARTS * OBJECTS, **settings)
        wanted = args.get("client_kwargs", {})
        self._client = session.client("s3", use_ssl=args.get("use_ssl", True), config=config, **wanted)
        extra = args.get("s3_additional_kwargs", {})
        self._extra = {key: extra[key] for key in S3Transfer.ALLOWED_DOWNLOAD_ARGS if key in extra}

    def get(self, location: str, path: Path, size: int | None, want: tuple[str, ...], progress: Progress) -> Digest:
        """Bring the object at LOCATION (BUCKET/KEY) of SIZE bytes to PATH; its digests WANT, taken as it arrives.

        Raises FileNotFoundError, and what boto3 raises.
        """
        bucket, _, key = location.partition("/")
        with path.open("wb") as file:
            tee = Tee(file, Hasher(size or 0, want), progress)
            try:
                self._client.download_fileobj(bucket, key, tee, ExtraArgs=self._extra, Config=TRANSFER)
            except self._client.exceptions.ClientError as error:
                if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                    raise FileNotFoundError(location) from error
                raise
        return tee.hasher.digest()

"""What object stores say, of an object and of an error, in our words: S3, Google Cloud Storage, a folder."""

import base64
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """What the store says of an object without being read: its SIZE in bytes, and its MD5 (hex) if it publishes one."""

    size: int
    md5: str | None


def fact(info: dict) -> Fact:
    """INFO of an fsspec file system as a Fact."""
    if "md5Hash" in info:  # Google Cloud Storage, for every object that was not composed of others
        return Fact(info["size"], base64.b64decode(info["md5Hash"]).hex())
    # S3: the md5, for an object that was uploaded in one part and not encrypted with a key of the user's
    etag = str(info.get("ETag", "")).strip('"')
    return Fact(info["size"], etag if re.fullmatch(r"[0-9a-f]{32}", etag) else None)


def sentence(error: Exception) -> str:
    """ERROR of a store as one line."""
    return str(error).strip().partition("\n")[0] or type(error).__name__

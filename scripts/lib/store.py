"""What object stores say, of an object and of an error, in our words: S3, Google Cloud Storage, a folder."""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Fact:
    """What a store says of an object without reading it: SIZE in bytes, and one digest of the content, if it has any.

    MD5 (hex) is Google's, for every object that was not composed of others. ETAG is S3's: the md5 of an object that
    was uploaded in one part, md5-of-md5s and `-N` for N parts, and neither where a key of the user's encrypts it.
    """

    size: int
    md5: str | None = None
    etag: str | None = None


def fact(info: dict) -> Fact:
    """INFO of an fsspec file system as a Fact."""
    md5 = base64.b64decode(info["md5Hash"]).hex() if "md5Hash" in info else None
    return Fact(info["size"], md5, str(info.get("ETag", "")).strip('"') or None)


PART = 50 << 20  # bytes; s3fs uploads so, and what DVC uploaded is the same


def etag_of(path: Path, parts: int) -> str:
    """The ETag that S3 gives the file at PATH, uploaded in PARTS parts of PART bytes. Raises OSError."""
    with path.open("rb") as file:
        digests = [hashlib.md5(file.read(PART), usedforsecurity=False).digest() for _ in range(parts)]
    return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{parts}"


def sentence(error: Exception) -> str:
    """ERROR of a store as one line."""
    return str(error).strip().partition("\n")[0] or type(error).__name__

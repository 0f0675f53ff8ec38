"""S3's ETag of an object in parts, which depends on the size of the parts that it was uploaded in."""

import hashlib
from pathlib import Path

from lib.core.digest import LARGE

PART = LARGE  # bytes, as the AWS CLI uploads; each part on its way is in memory
DVC_PART = 50 << 20  # bytes, as plain DVC uploads
MOST = 10_000  # parts of an object that S3 takes


def part_size(size: int) -> int:
    """The bytes of each part in which an object of `size` bytes is uploaded to S3."""
    return max(PART, -(-size // MOST))


def of_file(path: Path, parts: int) -> str | None:
    """The ETag of the file at `path` in `parts` parts; None if neither we nor DVC make that many. Raises OSError."""
    size = path.stat().st_size
    for part in (part_size(size), DVC_PART):
        if -(-size // part) == parts:
            with path.open("rb") as file:
                digests = [hashlib.md5(file.read(part), usedforsecurity=False).digest() for _ in range(parts)]
            return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{parts}"
    return None

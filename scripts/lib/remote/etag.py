"""S3's ETag of a multipart object, which depends on the size of the parts that were uploaded."""

import hashlib
from pathlib import Path

from lib.core.digest import LARGE

PART = LARGE  # bytes, as in the AWS CLI; parts in transit are held in memory
DVC_PART = 50 << 20  # bytes, as in plain DVC
MOST = 10_000  # parts of an object that S3 allows


def part_size(size: int) -> int:
    """The size in bytes of the parts in which we upload an object of `size` bytes to S3."""
    return max(PART, -(-size // MOST))


def of_file(path: Path, parts: int) -> str | None:
    """The ETag of the file at `path` in `parts` parts; None if neither we nor DVC use that many. Raises OSError."""
    size = path.stat().st_size
    for part in (part_size(size), DVC_PART):
        if -(-size // part) == parts:
            with path.open("rb") as file:
                digests = [hashlib.md5(file.read(part), usedforsecurity=False).digest() for _ in range(parts)]
            return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{parts}"
    return None

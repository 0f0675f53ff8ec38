"""What a killed command leaves behind, and what of it is safe to remove before the next command in this clone."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lib.core.paths import ROOT, TMP
from lib.model import names

# DVC copies and probes under such names, and never looks at them again.
DVC_TEMPORARY = re.compile(r".*\.[A-Za-z0-9_-]{22}\.tmp")
OURS = re.compile(r"\..+\.(dvc|md)\.tmp")


def clear() -> None:
    """Remove what a killed command left. Only the command that holds the clone's lock may call this."""
    _drop_stale_lock(TMP / "rwlock")
    for path in _temporary(ROOT / ".dvc" / "cache"):
        path.unlink(missing_ok=True)


def _drop_stale_lock(path: Path) -> None:
    with suppress(FileNotFoundError):
        if not _is_held(path.read_bytes()):
            path.unlink()


def _is_held(lock: bytes) -> bool:
    # Empty or cut short, this file makes every DVC command fail, for ever. So does one of a process that was killed
    # and that its parent has not waited for: DVC takes it for alive, and in a container that may never change.
    try:
        json.loads(lock)
    except ValueError:
        return False
    holders = [int(pid) for pid in re.findall(rb'"pid": (\d+)', lock)]
    return not holders or any(map(_is_alive, holders))


def _is_alive(pid: int) -> bool:
    from psutil import STATUS_ZOMBIE, NoSuchProcess, Process  # slow to import, and hardly ever needed

    try:
        return Process(pid).status() != STATUS_ZOMBIE
    except NoSuchProcess:
        return False


def _temporary(cache: Path) -> Iterator[Path]:
    yield from (path for path in cache.glob("files/md5/*/*.tmp") if DVC_TEMPORARY.fullmatch(path.name))
    yield from cache.glob("incoming/*")
    for folder in [names.MODELS, *names.MODELS.glob("*/")]:
        yield from (path for path in folder.glob(".*.tmp") if OURS.fullmatch(path.name))

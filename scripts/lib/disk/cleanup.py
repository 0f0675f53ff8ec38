"""What a killed command leaves behind, and what of it is safe to remove before the next command in this clone."""

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lib.core import lock, paths
from lib.disk import cache, dvc
from lib.model import names

# DVC copies and probes under such names, and never looks at them again.
DVC_TEMPORARY = re.compile(r".*\.[A-Za-z0-9_-]{22}\.tmp")
LONG_AGO = 24 * 3600  # seconds; a file that is being written is newer


def clear() -> None:
    """Remove what a killed command left, unless a command of this clone or a `dvc` command is at work."""
    if not os.access(paths.nearest(paths.TMP), os.W_OK):  # nor does a command write there that only tells
        return
    with lock.clone(wait=False) as busy, dvc.is_idle() as idle:
        if busy or not idle:
            return
        rwlock = paths.TMP / "rwlock"  # DVC's
        with suppress(FileNotFoundError):
            if not _is_held(rwlock.read_bytes()):
                rwlock.unlink()
        for path in _temporary():
            path.unlink(missing_ok=True)
    for path in (cache.location() / cache.INCOMING).glob("*"):
        with suppress(OSError), lock.part(path, wait=False) as ours:
            if ours and not _is_recent(path):  # else the next pull goes on with it
                path.unlink(missing_ok=True)


def _is_held(text: bytes) -> bool:
    # Empty or cut short, this file makes every DVC command fail, for ever. So does one of a process that was killed
    # and that its parent has not waited for: DVC takes it for alive, and in a container that may never change.
    try:
        json.loads(text)
    except ValueError:
        return False
    holders = [int(pid) for pid in re.findall(rb'"pid": (\d+)', text)]
    return not holders or any(map(_is_alive, holders))


def _is_alive(pid: int) -> bool:
    from psutil import STATUS_ZOMBIE, NoSuchProcess, Process  # slow to import, and hardly ever needed

    with suppress(NoSuchProcess):
        return Process(pid).status() != STATUS_ZOMBIE
    return False


def _temporary() -> Iterator[Path]:
    for path in cache.location().glob(f"{cache.LAYOUT}/*/*.tmp"):
        if DVC_TEMPORARY.fullmatch(path.name) and (cache.is_own() or not _is_recent(path)):  # others may write to it
            yield path
    for folder in {names.MODELS, *(path.parent for path in names.MODELS.glob("*/*.dvc"))}:  # weights are no groups
        yield from (*folder.glob(".*.dvc.tmp"), *folder.glob(".*.md.tmp"))  # as core/atomic.py names them


def _is_recent(path: Path) -> bool:
    with suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime < LONG_AGO
    return True

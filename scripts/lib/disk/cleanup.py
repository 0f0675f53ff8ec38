"""Removes what killed commands left in this clone, as far as no running command can still need it."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lib.core import lock, paths
from lib.disk import cache, dvc
from lib.model import names

# DVC's temporary files, from copies and link probes; it never cleans up those of a killed command.
DVC_TEMPORARY = re.compile(r".*\.[A-Za-z0-9_-]{22}\.tmp")
LONG_AGO = 24 * 3600  # seconds; a file that is still being written has changed since then


def clear() -> None:
    """Remove what killed commands left, unless another command of ours or of DVC is running in this clone."""
    if not os.access(paths.nearest(paths.TMP), os.W_OK):  # read-only: commands that only report still work here
        return
    with lock.clone(wait=False) as busy, dvc.is_idle() as idle:
        if busy or not idle:
            return
        rwlock = paths.TMP / "rwlock"  # where DVC records which process reads or writes which path
        with suppress(FileNotFoundError):
            if not _is_held(rwlock.read_bytes()):
                rwlock.unlink()
        for path in _temporary():
            path.unlink(missing_ok=True)
    for path in (cache.location() / cache.INCOMING).glob("*"):
        with suppress(OSError), lock.part(path, wait=False) as ours:
            if ours and not _is_recent(path):  # the next pull resumes a recent one
                path.unlink(missing_ok=True)


def _is_held(text: bytes) -> bool:
    # An empty or truncated rwlock makes every DVC command fail, forever. So does one held by a zombie: DVC takes that
    # for a running process, and in a container it may never be reaped.
    if not (holders := set(map(int, re.findall(rb'"pid": (\d+)', text)))):
        return False
    from psutil import STATUS_ZOMBIE, process_iter  # slow to import, and rarely needed

    return any(each.pid in holders and each.info["status"] != STATUS_ZOMBIE for each in process_iter(["status"]))


def _temporary() -> Iterator[Path]:
    for path in cache.location().glob(f"{cache.LAYOUT}/*/*.tmp"):
        if DVC_TEMPORARY.fullmatch(path.name) and (cache.is_own() or not _is_recent(path)):  # may be another clone's
            yield path
    for folder in {names.MODELS, *(path.parent for path in names.MODELS.glob("*/*.dvc"))}:  # folders of pins
        yield from (*folder.glob(".*.dvc.tmp"), *folder.glob(".*.md.tmp"))  # as core/atomic.py names them


def _is_recent(path: Path) -> bool:
    with suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime < LONG_AGO
    return True

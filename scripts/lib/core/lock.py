"""Locks, so that commands in one clone do not get in each other's way.

- A model's lock: one command at a time fetches, places or records it.
- The clone's lock: one command at a time changes what models share (DVC's state, the cache's content, Git's index).

Whoever wants both takes the model's first. What a command starts, such as a hook of Git, has that command's turn.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from lib.core import arguments, console
from lib.core.paths import TMP

FOLDER = TMP / "locks"
STARTED_BY = arguments.value("AT_WORK").split()  # processes of commands that hold locks and wait for this one
LINE = 40  # bytes of a lock, the same for each command: to cut a file short takes longer than all else here
_held: set[str] = set()


def clone(wait: bool = True) -> AbstractContextManager[str | None]:
    """Hold the clone's lock; without `wait` only if it is free, else yield who holds it."""
    return _hold("clone", "this clone", wait)


def model(name: str, wait: bool = True) -> AbstractContextManager[str | None]:
    """Hold the lock of the model `name`; without `wait` only if it is free, else yield who holds it."""
    return _hold(f"model {name.replace('/', '%')}", name, wait)


@contextmanager
def _hold(file: str, what: str, wait: bool) -> Iterator[str | None]:
    if file in _held:
        yield None
        return
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        handle = os.open(FOLDER / file, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES):
            raise
        yield None  # who cannot write here changes nothing either
        return
    # A POSIX lock belongs to this process alone: children do not inherit it (a `git gc` in the background would keep
    # a flock), and it goes when the process ends, however that happens.
    try:
        if holder := _take(handle, what, wait):
            yield holder
            return
        _held.add(file)
        yield None
    finally:
        _held.discard(file)
        os.close(handle)


@contextmanager
def part(path: Path, wait: bool = True) -> Iterator[bool]:
    """Be the only one, in any clone, who writes the file at `path`, made if need be, until it is moved or removed.

    Without `wait` yields False if somebody else writes it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            # Not a POSIX lock: the path is opened and closed by others here, which would release that.
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(handle)
            yield False
            return
        if _is(path, handle):
            break
        os.close(handle)  # whoever had it has moved it
    try:
        yield True
    finally:
        os.close(handle)


def _is(path: Path, handle: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(handle), path.stat())
    return False


def _take(handle: int, what: str, wait: bool) -> str | None:
    """Lock `handle`; who holds it instead, or None."""
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        verb, _, process = os.pread(handle, LINE, 0).decode(errors="replace").strip().partition(" ")
        if process and process in STARTED_BY:
            return None
        holder = f"{verb} (process {process})" if process else "another command"
        if not wait:
            return holder
        console.remark(f"waiting for {holder}, which is at work on {what}")
        fcntl.lockf(handle, fcntl.LOCK_EX)
    os.pwrite(handle, f"{console.verb()} {os.getpid()}".ljust(LINE).encode(), 0)
    os.environ["AT_WORK"] = " ".join([*STARTED_BY, str(os.getpid())])
    return None

"""Locks between the commands in one clone. A command that needs both takes the model's first.

- A model's lock: one command at a time fetches, replaces or commits that model.
- The clone's lock: one command at a time changes what models share (DVC's state, the cache's content, Git's index).
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from lib.core import arguments, atomic, console, paths

FOLDER = paths.TMP / "locks"
STARTED_BY = arguments.value("AT_WORK").split()  # processes that hold locks and wait for us, as in a Git hook
LINE = 40  # bytes in a lock file, the same for every command: truncating it would take longer than all else here
_held: set[str] = set()  # locks of this process: opening and closing such a file again would release its lock


def clone(wait: bool = True) -> AbstractContextManager[str | None]:
    """Hold the clone's lock, and yield None; without `wait`, yield who holds it if it is not free."""
    return _hold("clone", "this clone", wait)


def model(name: str, wait: bool = True) -> AbstractContextManager[str | None]:
    """Hold the lock of the model `name`, and yield None; without `wait`, yield who holds it if it is not free."""
    return _hold(f"model {name.replace('/', '%')}", name, wait)


@contextmanager
def _hold(file: str, what: str, wait: bool) -> Iterator[str | None]:
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        handle = None if file in _held else os.open(FOLDER / file, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise
        handle = None  # a user who cannot write here cannot change anything either
    if handle is None:
        yield None
        return
    # A POSIX lock belongs to this process alone: children do not inherit it (a `git gc` in the background would keep
    # a flock), and it goes when the process ends, however that happens.
    try:
        holder = _take(handle, what, wait)
        if not holder:
            _held.add(file)
        yield holder
    finally:
        _held.discard(file)
        os.close(handle)


@contextmanager
def part(path: Path, wait: bool = True) -> Iterator[bool]:
    """Lock the file at `path` against writers in any clone, until it is moved or removed, or the block ends.

    Creates the file and its folder if needed. Yields True; or False, if another process has the lock and `wait` is off.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with open(path, "ab", opener=atomic.no_link) as file:
            try:
                # Not a POSIX lock: other code in this process opens and closes the file, which would release it.
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
                is_ours = os.path.samefile(path, file.fileno())
            except FileNotFoundError:
                is_ours = False  # its last holder has moved it: create a new one
            except BlockingIOError:
                yield False
                return
            if is_ours:
                yield True
                return


def _take(handle: int, what: str, wait: bool) -> str | None:
    """Lock `handle`, and return None; without `wait`, return who holds it if it is not free."""
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        verb, _, process = os.pread(handle, LINE, 0).decode(errors="replace").strip().partition(" ")
        if process in STARTED_BY:
            return None
        holder = f"{verb} (process {process})" if process else "another command"
        if not wait:
            return holder
        console.remark(f"waiting for {holder}, which is working on {what}")
        fcntl.lockf(handle, fcntl.LOCK_EX)
    os.pwrite(handle, f"{console.VERB} {os.getpid()}".ljust(LINE).encode(), 0)
    os.environ["AT_WORK"] = " ".join([*STARTED_BY, str(os.getpid())])
    return None

"""The clone's lock: only one command at a time may change the index, the cache and models/."""

import fcntl
import os

from lib.core.console import say
from lib.core.paths import TMP


def take(verb: str) -> None:
    """Wait until this process alone holds the lock, and hold it until the process ends, also after an exec."""
    path = TMP / "make.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    # A POSIX lock belongs to this process alone: it survives exec, children do not inherit it (a `git gc` in the
    # background would keep a flock), and it goes when the process ends, however that happens.
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(file, 200, 0).decode(errors="replace").strip()
        say(f"{verb}: waiting for {holder or 'another command'}, which is at work in this clone")
        fcntl.lockf(file, fcntl.LOCK_EX)
    os.ftruncate(file, 0)
    os.pwrite(file, f"{verb} (process {os.getpid()})\n".encode(), 0)
    os.set_inheritable(file, True)  # closing it on exec would release the lock

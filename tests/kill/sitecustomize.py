"""Kills its process group at event number KILL_AT; an event is a file change by any Python process of the group.

test_kill.py copies this file into scripts/, which make puts on PYTHONPATH; every Python imports it when it starts, even
one that runs dvc. The file KILL_COUNTER gets one byte per event, so that all processes of a run count together.
"""

import os
import signal
import sys
import threading

CHANGES = {"os.rename", "os.link", "os.symlink", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate"}
WORLD, COUNTER, AT = (os.environ.get(key, "") for key in ("KILL_WORLD", "KILL_COUNTER", "KILL_AT"))
busy = threading.local()


def changes(event: str, args: tuple) -> bool:
    """Whether `event` changes a file of the world under test."""
    writes = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
    if not (writes or event in CHANGES) or not isinstance(args[0], (str, os.PathLike)):
        return False
    path = os.path.abspath(os.fspath(args[0]))
    return path.startswith(WORLD) and path != COUNTER and "/.dvc/tmp/site/" not in path


def hook(event: str, args: tuple) -> None:
    if (event not in CHANGES and event != "open") or getattr(busy, "counting", False):
        return
    busy.counting = True  # the counter is a file too
    try:
        if changes(event, args):
            handle = os.open(COUNTER, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            os.write(handle, b".")
            count = os.lseek(handle, 0, os.SEEK_CUR)  # the offset just after this byte
            os.close(handle)
            if AT and count == int(AT):
                os.killpg(0, signal.SIGKILL)
    finally:
        busy.counting = False


if COUNTER:
    sys.addaudithook(hook)

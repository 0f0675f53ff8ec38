"""Wait for this clone's turn, then become a command: only one at a time may change the index, the cache, models/.

Usage: turn.py COMMAND   (the Makefile puts it before every command that needs a turn)
"""

import fcntl
import os
import runpy
import sys
from pathlib import Path

from lib import leftovers
from lib.command import stop_as
from lib.names import ROOT
from lib.report import say


def take(verb: str) -> None:
    path = ROOT / ".dvc" / "tmp" / "turn"
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    # A POSIX lock belongs to this process alone: it outlives exec, is not handed to children
    # (a `git gc` in the background would keep a flock), and dies with the process however that ends.
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(file, 200, 0).decode(errors="replace").strip()
        say(f"{verb}: waiting for its turn: {holder or 'another command'} is at work in this clone")
        fcntl.lockf(file, fcntl.LOCK_EX)
    os.ftruncate(file, 0)
    os.pwrite(file, f"{verb} (process {os.getpid()})\n".encode(), 0)
    os.set_inheritable(file, True)  # closing it would give the lock back


def main(command: str) -> None:
    verb = Path(command).stem
    stop_as(verb)
    take(verb)
    leftovers.clear()
    if command.endswith(".py"):
        runpy.run_path(command, run_name="__main__")  # this Python will do: another takes a while to start
    os.execv(command, [command])


if __name__ == "__main__":
    main(sys.argv[1])

"""Take the clone's lock, remove what a killed command left, then become a command.

Usage: locked.py COMMAND   (the Makefile puts it before every command that changes something or reads models/)
"""

import os
import runpy
import sys
from pathlib import Path

from lib.core import command, lock
from lib.disk import cleanup


def main(script: str) -> None:
    verb = Path(script).stem
    command.stop_as(verb)
    lock.take(verb)
    cleanup.clear()
    if script.endswith(".py"):
        runpy.run_path(script, run_name="__main__")  # in this process: starting Python again takes a while
    os.execv(script, [script])


if __name__ == "__main__":
    main(sys.argv[1])

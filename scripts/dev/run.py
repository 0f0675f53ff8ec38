"""Run a command: `main` of scripts/VERB.py.

Usage: run.py VERB   (what was typed is in the environment)
"""

import runpy
import shutil
import sys

# Python 3.11, among others, keeps half of a compiled file where the disk fills up: no command would start any more.
sys.dont_write_bytecode |= shutil.disk_usage(".").free < 16 << 20

from lib.core import command, console  # noqa: E402

PRINT_ONLY = ("list", "show", "diff", "sbom")  # a reader that leaves early, as in `make list | head`, misses no problem

# Not `import`, since Python has a module gc of its own.
command.run(lambda: runpy.run_path(f"scripts/{console.VERB}.py")["main"], needs_reader=console.VERB not in PRINT_ONLY)

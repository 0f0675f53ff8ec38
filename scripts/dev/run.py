"""Run a command: `main` of scripts/VERB.py.

Usage: run.py VERB   (what was typed is in the environment)
"""

import os
import runpy
import shutil
import sys

# Python 3.11, among others, keeps half of a compiled file where the disk fills up: no command would start any more.
sys.dont_write_bytecode |= shutil.disk_usage(".").free < 16 << 20

PRINT_ONLY = ("list", "show", "diff", "sbom")  # a reader that leaves early, as in `make list | head`, misses no problem

try:
    from lib.core import command, console

    # Not `import`, since Python has a module gc of its own.
    verb = console.VERB
    command.run(lambda: runpy.run_path(f"scripts/{verb}.py")["main"], needs_reader=verb not in PRINT_ONLY)
except SyntaxError as error:  # of a merge of a newer version? No module of ours is asked for words: each may be broken
    where = f"{sys.argv[1]}: line {error.lineno} of {os.path.relpath(error.filename)}"
    sys.exit(f"{where} is not valid Python; if it is part of a merge conflict, resolve that: see git status")

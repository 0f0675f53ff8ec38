"""Runs a command: `main` of scripts/VERB.py.

Usage: run.py VERB   (what was typed is in the environment)
"""

import runpy
import sys

from lib.core import command

ONLY_TELL = ("list", "show", "diff", "sbom")  # where a reader that leaves early misses nothing that went wrong

verb = sys.argv[1]
main = runpy.run_path(f"scripts/{verb}.py")["main"]  # not imported, since gc is a module of Python's
command.run(main, judges=verb not in ONLY_TELL)

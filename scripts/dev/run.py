"""Runs a command: `main` of scripts/VERB.py.

Usage: run.py VERB   (what was typed is in the environment)
"""

import runpy

from lib.core import command, console

ONLY_TELL = ("list", "show", "diff", "sbom")  # where a reader that leaves early misses nothing that went wrong

# Not imported, since gc is a module of Python's.
command.run(lambda: runpy.run_path(f"scripts/{console.VERB}.py")["main"], judges=console.VERB not in ONLY_TELL)

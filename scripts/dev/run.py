"""Runs a command: `main` of scripts/VERB.py.

Usage: run.py VERB   (what was typed is in the environment)
"""

import runpy
import sys

from lib.core import command

ONLY_TELL = ("list", "show", "diff")  # where a reader that leaves early misses no finding

verb = sys.argv[1]
main = runpy.run_path(f"scripts/{verb}.py")["main"]  # not imported, since gc is a module of Python's
if main.__code__.co_argcount:
    command.run_reported(verb, main, judges=verb not in ONLY_TELL)
command.run(verb, main)

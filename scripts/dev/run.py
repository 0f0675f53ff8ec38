"""Run a command: `main` of scripts/VERB.py.

Usage: run.py VERB   (what was typed is in the environment)
"""

import runpy

from lib.core import command, console

PRINT_ONLY = ("list", "show", "diff", "sbom")  # a reader that leaves early, as in `make list | head`, misses no problem

# Not `import`, since Python has a module gc of its own.
command.run(lambda: runpy.run_path(f"scripts/{console.VERB}.py")["main"], needs_reader=console.VERB not in PRINT_ONLY)

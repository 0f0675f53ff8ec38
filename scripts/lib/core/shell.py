"""Calls to the functions of scripts/lib/shell/git.sh, which are sequences of Git commands."""

import subprocess

from lib.core.errors import Failure
from lib.core.paths import ROOT


def git(function: str, *words: str) -> str:
    """What `function` of git.sh prints, called with `words`. Raises `Failure` with its sentence if it refuses."""
    script = ROOT / "scripts" / "lib" / "shell" / "git.sh"
    done = subprocess.run(["bash", script, function, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise Failure(done.stdout.strip() or "Git failed (see above); fix that and run the same command again")
    return done.stdout.strip()

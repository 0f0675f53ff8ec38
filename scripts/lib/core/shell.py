"""Calls a function of scripts/lib/shell/: what is a sequence of Git commands is written there."""

import subprocess

from lib.core.errors import Failure
from lib.core.paths import ROOT


def git(function: str, *words: str) -> str:
    """What `function` of git.sh answers, given `words`. Raises `Failure` with its sentence where it refuses."""
    script = ROOT / "scripts" / "lib" / "shell" / "git.sh"
    done = subprocess.run(["bash", script, function, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise Failure(done.stdout.strip() or "Git failed (see above); fix that and run the same command again")
    return done.stdout.strip()

"""Check that this clone has what the commands need: one line per check, good or with the command that fixes it."""

import platform
import shutil
import time
from importlib.metadata import version
from shlex import quote

from lib.core import console, lock, paths, shell, text
from lib.core.errors import Failure
from lib.disk import cache, quarantine, settings, staging
from lib.flow import upstream
from lib.hub import repo
from lib.model import catalog, history, names, pin, policy, selection
from lib.remote import factory

SKEW = 5 * 60  # seconds; S3 refuses signatures from a clock that is 15 minutes off
LOW = 10 << 30  # bytes free; a typical model does not fit in less


def programs() -> str:
    return f"Python {platform.python_version()}, DVC {version('dvc')}, huggingface_hub {version('huggingface_hub')}"


def git() -> str:
    with lock.clone():
        shell.git("ready")
    hooks, depth = history.hooks(), "not the whole history" if history.is_shallow() else "the whole history"
    return f"knows who you are; {depth}; hooks: {', '.join(hooks) or 'none'}"


def models() -> str:
    settings.read()
    catalog.check()
    policy.read()
    selection.check_writable()
    pins = [selection.checked(name) for name in selection.all_names()]
    return text.plural(len(pins), "model")


def disk() -> str:
    free, at = min((shutil.disk_usage(paths.nearest(at)).free, at) for at in (paths.ROOT, cache.location()))
    if free < LOW:
        how = "drop weights that the remote holds: make free" if cache.is_own() else "free some"
        raise Failure(f"{text.size(free)} free at {at}; {how}")
    if not cache.links():
        fix = ".venv/bin/dvc config --local cache.type hardlink,symlink,copy; to link those here: make free, make pull"
        raise Failure(f"weights are copies of the cache, so they take twice the space; type: {fix}")
    return f"{text.size(free)} free; {cache.note() or 'new weights are linked to the cache'}"


def remote() -> str:
    found = factory.default()
    found.check(write=True, probe=True)
    if (skew := abs(found.now() - time.time())) > SKEW:
        raise Failure(f"this machine's clock and that of {found.title} differ by {text.duration(skew)}; set this one")
    did = "can be written to" if found.is_folder else "took an object, gave it back and deleted it"
    return f"{found.title} {did}"


def hub() -> str:
    pins = [held for name in selection.here() if (held := pin.read(name, broken_is_none=True)) and held.source]
    who, states = repo.who(), upstream.ask_all(pins)
    if unasked := [state for state in states if state.status == upstream.NOT_ASKED]:
        raise Failure(unasked[0].detail)
    if refused := {state.held.source: state.detail for state in states if state.status == "gated"}:
        raise Failure("; ".join(refused.values()))
    count = text.plural(len({held.source for held in pins}), "repo")
    lost = ", ".join(sorted({state.held.source for state in states if state.status == "gone"}))
    more = f"; gone, or private (then log in: .venv/bin/hf auth login): {lost}" if lost else ""
    return f"{who}; {count} pinned, none gated for you{more}"


def is_busy(name: str) -> bool:
    with lock.model(name, wait=False) as holder:
        return holder is not None


def may_be_placed(name: str) -> bool:
    """Whether models/NAME may hold what a stopped command staged, for which no Git commit has a pin."""
    is_ready = (staging.folder(name) / "pin").exists()
    return is_ready and names.weights_dir(name).exists() and not history.holds(name)


def leftovers() -> str:
    staged = [path.name.replace("%", "/") for path in staging.ROOT.glob("*")]
    held = [name for name in staged if staging.is_stopped(name) or staging.files(name).exists()]
    if stopped := sorted(name for name in held if not is_busy(name)):
        tops = [staging.folder(name) for name in stopped if not may_be_placed(name)]
        parts = [quote(str((top / part).relative_to(paths.ROOT))) for top in tops for part in ("plan", "pin", "files")]
        drop = f", or drop what came of it: rm -rf {' '.join(parts)}" if parts else ""
        how = f"run the same make add, track or update again{drop}"
        raise Failure(f"unfinished: {', '.join(stopped)}; {how}")
    kept = sum(1 for path in quarantine.ROOT.rglob("*") if path.is_file())
    return f"no stopped command; {text.plural(kept, 'file')} in {quarantine.ROOT.relative_to(paths.ROOT)}"


CHECKS = {"programs": programs, "Git": git, "models": models, "disk": disk, "remote": remote}
CHECKS |= {"Hub": hub, "leftovers": leftovers}


def main() -> None:
    wrong = 0
    for title, check in CHECKS.items():
        try:
            line = f"good   {title}: {check()}"
        except (Failure, OSError) as failure:
            wrong += 1
            said = text.fault(failure) if isinstance(failure, OSError) else str(failure)
            line = f"WRONG  {title}: {said.removesuffix('; nothing was changed')}"
        console.result(line)
    if wrong:
        raise Failure(f"{text.plural(wrong, 'thing')} wrong; see the lines above")

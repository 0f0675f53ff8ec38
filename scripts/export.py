"""Write models to a folder that serves as a remote, and a Git bundle of this repository, for use without a network."""

from pathlib import Path
from shlex import quote

from lib.core import arguments, atomic, console, lock, shell, text
from lib.core.errors import Failure
from lib.core.paths import ROOT
from lib.core.report import NO_MODEL, Report
from lib.disk import cleanup, settings, staging
from lib.flow import handover
from lib.model import history, pin, selection
from lib.remote import base, repair
from lib.remote.folder import Folder


def is_behind(bundle: Path) -> bool:
    """Whether a branch of `bundle` has commits that no ref or reflog here has. Raises `Failure` for a broken bundle."""
    is_whole, said = history.tried("bundle", "list-heads", str(bundle))
    tips = [line.split()[0] for line in said.split("\n")[:-1] if " refs/tags/" not in line]  # a fork has the same tags
    if not is_whole:
        raise Failure(f"{bundle} is not a readable Git bundle; remove it: rm {quote(str(bundle))}")
    is_known, more = history.tried("rev-list", "--max-count=1", *tips, "--not", "--all", "--reflog", "HEAD")
    return not is_known or bool(more)


def check(pins: list[pin.Pin], remote: Folder, file: Path) -> None:
    """Before the first byte, refuse what the receiver could not use. Raises `Failure`."""
    settings.check_url(remote.url)
    if history.is_shallow():
        raise Failure("this clone is shallow, so it cannot be exported; type: git fetch --unshallow")
    if file.exists() and is_behind(file):
        how = f"merge them if they are of this repository: git pull --no-rebase {quote(str(file))} BRANCH"
        raise Failure(f"{file} has commits that are not here; {how}; or name another folder: TO=…")
    for held in pins:
        staging.check_committed(held)


def bundle(to: Path, pinned: dict[str, str]) -> None:
    """Write all branches and tags of this repository to the Git bundle `to`, in one step.

    Raises `Failure` if HEAD no longer has the pins `pinned`, whose weights were written.
    """
    part = to.with_name(f".{to.name}.part")
    with lock.part(part):
        shell.git("bundle", str(part))
        if history.in_head() != pinned:
            raise Failure("a Git commit changed pins while weights were written; run the same command again")
        atomic.sync(part)
        part.replace(to)
    atomic.sync(to.parent)


def main(report: Report) -> tuple[str, str]:
    cleanup.clear()
    typed, to = arguments.value("MODEL"), handover.folder(arguments.value("TO"))
    pinned = history.in_head()
    if not (chosen := selection.select(typed)):
        return NO_MODEL, ""
    pins, remote, file = selection.consistent(chosen, report), Folder("export", str(to)), to / f"{ROOT.name}.bundle"
    check(pins, remote, file)
    base.mark(to)
    remote.check(write=True)
    repair.upload(pins, remote, report)
    if not report.findings:
        bundle(file, pinned)
    pull = "make pull" + (f" MODEL='{' '.join(chosen)}'" if typed else "")
    how = f"git clone {quote(str(file))}, and in it make remote URL={quote(str(to))} && {pull}"
    bad = f"{text.plural(len(report.findings), 'problem')}; get the weights right with make pull, then export again"
    return f"{to} holds {report.tally()}{console.took()}; next, over there: {how}", bad

"""From weights that are staged to one Git commit: models/ -> dvc add -> remote -> commit, for add and track alike."""

from lib.core import arguments, atomic, lock, shell, text
from lib.core.console import note
from lib.core.errors import Failure
from lib.disk import cache, cleanup, dvc, staging
from lib.model import catalog, compare, history, inventory, pin
from lib.remote import factory, repair

MOST = 30  # changed files that a commit's message names
TRIES = 3  # of a Git commit, where somebody else makes one meanwhile


def prepare() -> None:
    """Remove what a killed command left, and refuse to begin where no Git commit can be made. Raises `Failure`."""
    cleanup.clear()
    history.branch_at_start()
    with lock.clone():
        shell.git("ready")


def record(name: str, scan: str = "") -> None:
    """Place, pin, upload and commit the model `name`, whose weights are staged. Raises `Failure`.

    `scan` is what the Hub's scan says of it today.

    Safe to run again from any point. The clone's lock is held for what clones share, not for the upload.
    """
    wanted = staging.finished(name)
    with lock.clone():
        staging.place(wanted, factory.default().holds)
        dvc.add(name)
        _check_outs(pin.read_head(name), wanted)
        atomic.write(pin.path_of(name), pin.dump(wanted))
    remote = factory.default()
    note(remote.note)
    note(cache.note())
    outcome = repair.repair(inventory.unique(factory.objects_of(wanted)), remote)
    if outcome.failed:
        raise Failure(f"{outcome.failed[0]}; nothing was committed; run the same command again")
    with lock.clone():
        if (before := history.branch_at_start()) != (now := history.branch()):
            raise Failure(f"nothing was committed, since HEAD was on {before} and is on {now} now; run it again there")
        atomic.write(pin.path_of(name), pin.dump(wanted))  # a checkout or a stash may have taken it away
        old = history.committed(name)
        commit(message(wanted, pin.parse(name, old) if old else None, scan), wanted)
    staging.discard(name)


def _check_outs(recorded: pin.Pin, wanted: pin.Pin) -> None:
    """Refuse what DVC recorded if it is not what was staged: DVC silently drops files that it takes for its own."""
    for key in ("md5", "size", "nfiles"):
        if getattr(recorded, key) != getattr(wanted, key):
            raise Failure(
                f"DVC recorded {key} {getattr(recorded, key)}, not {getattr(wanted, key)}: models/{wanted.name} "
                "changed meanwhile, or .dvcignore hides a file of it; run the same command again"
            )


def rewrite(made: pin.Pin, old: pin.Pin, scan: str = "") -> None:
    """Put the pin `made` in the place of `old`, of the same weights, in a Git commit; the clone's lock must be held."""
    atomic.write(pin.path_of(made.name), pin.dump(made))
    commit(message(made, old, scan), made)


def next_step() -> str:
    """What to type after a Git commit. `git diff`, which tells, may lock Git's index to renew it."""
    with lock.clone():
        return shell.git("next")


def commit(message: str, new: pin.Pin | None, gone: str = "") -> None:
    """One Git commit of the pin `new`, of the removal of the pin of `gone`, or of both, and of the catalog.

    The clone's lock must be held. Raises `Failure`.
    """
    name = new.name if new else ""
    for _ in range(TRIES):
        history.forget()  # another command may have made a commit meanwhile
        head, folder = history.head(), staging.folder(name or gone)
        commit_page, index_page, here = catalog.pages(new, gone)
        atomic.write(folder / "page.commit", commit_page)
        atomic.write(folder / "page.index", index_page)
        if new:
            atomic.write(folder / "page.pin", pin.dump(new))
        atomic.write(catalog.PATH, here)
        try:
            shell.git("commit", str(folder), message, name, gone)
            break
        except Failure:
            if history.head() == head:
                raise
    else:
        raise Failure(f"{TRIES} other Git commits came in between; run the same command again")
    if (new and history.committed(name) != pin.dump(new)) or (gone and history.committed(gone) is not None):
        raise Failure(f"the Git commit does not have {name or gone} as it should, perhaps by a hook; see: git show")


def message(new: pin.Pin, old: pin.Pin | None, scan: str) -> str:
    """The Git commit's message: subject, what changed, and trailers that a machine can read."""
    lines = [arguments.value("MESSAGE") or f"{'Update' if old else 'Add'} {new.name} model", ""]
    if old:
        if old.commit and new.commit and old.commit != new.commit:
            lines += [f"From {old.commit} to {new.commit}.", ""]
        elif old.revision != new.revision:
            lines += [f"Follows {new.revision} now, before {old.revision}.", ""]
        changes = compare.pins(old, new).lines()
        lines += [*filter(None, [compare.license_change(old.terms, new.terms)]), *changes[:MOST]]
        lines += [f"and {text.plural(len(changes) - MOST, 'more file')}"] if len(changes) > MOST else []
        lines += [""] if lines[-1] else []
    lines.append(text.amount(new.nfiles, new.size) + ".")
    trailers = {"Source": new.source, "Commit": new.commit, "Scan": scan, "Allow": " ".join(new.allow)}
    trailers["Reason"] = new.reason
    lines += ["", *(f"{key}: {value}" for key, value in trailers.items() if value)]
    return "\n".join(lines).rstrip()

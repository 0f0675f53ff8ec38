"""From staged weights to one Git commit: models/ -> dvc add -> remote -> commit, for add, update and track."""

from lib.core import arguments, atomic, console, lock, shell, text
from lib.core.errors import Failure
from lib.disk import cache, cleanup, dvc, settings, staging
from lib.model import catalog, compare, history, inventory, pin
from lib.remote import factory, repair

MOST = 30  # changed files listed in a commit message
TRIES = 3  # attempts at a Git commit, if others are made meanwhile


def prepare() -> None:
    """Remove what a killed command left. Raises `Failure` if no Git commit can be made here."""
    cleanup.clear()
    history.branch_at_start()
    with lock.clone():
        shell.git("ready")
    catalog.check()


def record(name: str, before: str | None, scan: str = "") -> None:
    """Move the staged weights of the model `name` to models/, pin, upload and commit them. Raises `Failure`.

    `before` is the text of the committed pin when the command began, `scan` the result of the Hub's scan today. Safe to
    run again from any point. The clone's lock is not held during the upload.
    """
    wanted, remote = staging.finished(name), factory.default()
    with lock.clone():
        shell.git("settled")
        _check_unmoved(wanted, before)
        staging.place(wanted, remote.holds)
        dvc.add(name)
        if (recorded := pin.read_head(name).md5) != wanted.md5:  # DVC silently drops files that it takes for its own
            why = f"models/{name} or .dvcignore changed meanwhile"
            raise Failure(f"DVC recorded md5 {recorded}, not {wanted.md5}: {why}; run the same command again")
        atomic.write(pin.path_of(name), pin.dump(wanted))
    console.note(cache.note())
    outcome = repair.repair(inventory.unique(factory.objects_of(wanted)), remote)
    if outcome.failed:
        raise Failure(f"{outcome.failed[0]}; nothing was committed; run the same command again")
    with lock.clone():
        _check_unmoved(wanted, before)
        old = history.committed(name)
        _rewrite(wanted, pin.parse(name, old) if old else None, scan)
    staging.discard(name)


def _check_unmoved(wanted: pin.Pin, before: str | None) -> None:
    """Raise `Failure` if the branch, DVC's settings or the committed pin changed since the command began."""
    if (start := history.branch_at_start()) != (now := history.branch()):
        raise Failure(f"nothing was committed, since HEAD moved from {start} to {now}; switch back, then run it again")
    if not settings.is_current():  # the remote may be another one, without what was uploaded
        raise Failure("nothing was committed, since DVC's settings changed meanwhile; run the same command again")
    if history.committed(wanted.name) not in (before, pin.dump(wanted)):
        why = f"Git has another pin of {wanted.name} now"
        raise Failure(f"nothing was committed, since {why}; run the same command again")


def change(made: pin.Pin, old: pin.Pin, scan: str = "") -> None:
    """Replace the pin `old` with `made`, which has the same files, in one Git commit. Raises `Failure`."""
    with lock.clone():
        pin.check_current(old)
        _rewrite(made, old, scan)


def _rewrite(made: pin.Pin, old: pin.Pin | None, scan: str) -> None:
    atomic.write(pin.path_of(made.name), pin.dump(made))  # a checkout or a stash may have removed it
    commit(message(made, old, scan), made)


def next_step() -> str:
    """What to type after a Git commit. Takes the lock since `git diff`, which it runs, may refresh Git's index."""
    with lock.clone():
        return shell.git("next")


def commit(message: str, new: pin.Pin | None, gone: str = "") -> None:
    """Make one Git commit: add the pin `new`, remove the pin of the model `gone`, or both, and update the catalog.

    The clone's lock must be held. Raises `Failure`.
    """
    name = new.name if new else ""
    for _ in range(TRIES):
        shell.git("settled")  # our commit would conclude a merge begun meanwhile, and lose its changes
        history.forget()  # another command may have made a commit meanwhile
        head, folder = history.head(), staging.folder(name or gone)
        if new:
            atomic.write(folder / "page.pin", pin.dump(new))
        places = (folder / "page.commit", folder / "page.index", catalog.PATH)
        for path, page in zip(places, catalog.pages(new, gone), strict=True):
            atomic.write(path, page)
        try:
            shell.git("commit", str(folder), message, name, gone)
            break
        except Failure:
            if history.head() == head:
                raise
    else:
        raise Failure(f"{TRIES} other Git commits came in between; run the same command again")
    if (new and history.committed(name) != pin.dump(new)) or (gone and history.committed(gone) is not None):
        raise Failure(f"the Git commit does not have {name or gone} as it should, perhaps due to a hook; see: git show")
    _check_alone(head, {"models/README.md", *(f"models/{each}.dvc" for each in (name, gone))})


def _check_alone(head: str, ours: set[str]) -> None:
    """Raise `Failure` if our Git commit, made of `head` and the files `ours`, undid another made in between."""
    tip, before = history.object_ids(["HEAD", "HEAD^"])
    if not head or not before or head in (before, tip):
        return
    pairs = ((head, before), (head, tip), (before, tip))
    changed = [set(history.lines("diff", "--name-only", "--no-renames", "-z", *pair)) for pair in pairs]
    if changed[0] - changed[1] or changed[0] & ours & changed[2]:
        what = f"what the Git commit {before[:7]} changed meanwhile"
        raise Failure(f"committed, but that undid {what}; commit it again; see: git show {before[:7]}, git status")


def message(new: pin.Pin, old: pin.Pin | None, scan: str) -> str:
    """The message of the Git commit: subject, what changed, and machine-readable trailers."""
    parts = [arguments.value("MESSAGE") or f"{'Update' if old else 'Add'} {new.name} model"]
    if old:
        if old.commit and new.commit and old.commit != new.commit:
            parts.append(f"From {old.commit} to {new.commit}.")
        elif old.revision != new.revision:
            parts.append(f"Now follows {new.revision}, before {old.revision}.")
        license, changes = compare.license_change(old.terms, new.terms), compare.pins(old, new).lines()
        more = f"and {text.plural(len(changes) - MOST, 'more file')}" if len(changes) > MOST else None
        parts.append("\n".join(filter(None, [license, *changes[:MOST], more])))
    trailers = {"Source": new.source, "Commit": new.commit, "Scan": scan, "Allow": " ".join(new.allow)}
    trailers["Reason"] = new.reason
    parts.append(text.amount(new.nfiles, new.size) + ".")
    parts.append("\n".join(f"{key}: {value}" for key, value in trailers.items() if value))
    return "\n\n".join(filter(None, parts))

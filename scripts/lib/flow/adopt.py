"""From a commit of the Hub to a committed pin, for `add` and `update`: resolve the request, download, record."""

from dataclasses import dataclass, replace
from functools import partial

from lib.core import arguments, lock, text
from lib.core.console import remark, took
from lib.core.errors import Failure
from lib.disk import destination, staging
from lib.flow import admission, bring, record, upstream
from lib.hub import repo
from lib.model import history, names, pin, selection
from lib.remote import factory


@dataclass(frozen=True)
class Request:
    """What was asked for; `include` and `exclude` are patterns, or a string as typed, which `complete` splits."""

    source: str
    revision: str
    name: str
    include: str | tuple[str, ...]
    exclude: str | tuple[str, ...]


def complete(request: Request, shot: repo.Snapshot, old: pin.Pin | None) -> Request:
    """`request` with the repo's current name, and `include` and `exclude` split into patterns by its file names.

    Raises `Failure` if the name is taken by a model from elsewhere, pinned as `old`.
    """
    paths, name = [file.path for file in shot.files], request.name
    typed = (request.include, request.exclude)
    include, exclude = (each if isinstance(each, tuple) else names.words(each, paths) for each in typed)
    if shot.source != request.source:
        remark(f"{request.source} is now {shot.source} on the Hub")
        if not old and not arguments.value("NAME"):
            name = names.model_name(shot.source.partition("/")[2])
    if old and old.source not in (request.source, shot.source):
        owner, base = old.source or "weights that are not from the Hub", name.rpartition("/")[2]
        raise Failure(f"the name {name!r} is taken by {owner}; choose another: NAME=FOLDER/{base}")
    return Request(shot.source, request.revision, name, include, exclude)


def is_pinned(old: pin.Pin | None, request: Request, shot: repo.Snapshot) -> bool:
    """Whether `old` already pins this commit and this choice of files."""
    wanted = (request.source, shot.commit, request.include, request.exclude)
    return bool(old and old.files and (old.source, old.commit, old.include, old.exclude) == wanted)


def unchanged(held: pin.Pin) -> str:
    """The message for a model that is already pinned as requested. Raises `Failure` if its pin is not committed."""
    name = held.name
    staging.check_committed(held)
    if destination.on_disk(held) == "changed":
        return f"{name} is already pinned at this commit; models/{name} holds other weights: make pull MODEL={name}"
    return f"{name} is already pinned at this commit; nothing to do"


def add(request: Request, done: str) -> str:
    """Carry out `request` under the lock of its model; returns a summary that begins with `done`. Raises `Failure`."""
    with lock.model(request.name):
        before = history.committed(request.name)
        staged, old = _known(request.name)
        held = staged or old
        shot = repo.snapshot(request.source, request.revision, may_download=True)
        wanted = complete(request, shot, held)
        if wanted.name != request.name:
            return add(wanted, done)
        is_same = is_pinned(old, wanted, shot) and not staged
        draft = _draft(wanted, shot, held, old.revision if is_same else shot.revision)
        is_kept = is_same and old.left_out == draft.left_out and not _is_lost(old)
        if is_kept and not arguments.value("ALLOW"):
            return unchanged(old)
        scan, found = upstream.scan(shot, draft.files)
        admit = partial(admission.admit, more=found, old=held, revision=shot.revision)
        draft = admit(draft, None)
        if is_kept:
            folder = names.weights_dir(old.name) if destination.on_disk(old) == "present" else None
            same = replace(draft, md5=old.md5, size=old.size, nfiles=old.nfiles, files=old.files)
            return _except(admit(same, folder), old, scan)
        reused = "" if _is_ready(staged, old, wanted, shot) else bring.bring(draft, shot, admit, staged, old)
        if arguments.is_on("DRY"):
            return "nothing was changed (DRY=1)"
        record.record(wanted.name, before, scan)
    return f"{done} {wanted.name}: {text.amount(draft.nfiles, draft.size)}{reused}{took()}; next: {record.next_step()}"


def _known(name: str) -> tuple[pin.Pin | None, pin.Pin | None]:
    """The pin of `name` that an earlier run staged, and the current one. Raises `Failure` if it cannot be pinned."""
    staging.recover(name)
    staged = staging.finished(name)
    selection.check_writable()
    old = pin.read(name, broken_is_none=staged is not None)
    if not (staged or old):
        destination.check_free(name)
    return staged, old


def _draft(request: Request, shot: repo.Snapshot, held: pin.Pin | None, revision: str) -> pin.Pin:
    """The pin before the download, without digests; ALLOW, or else `held`, gives the exceptions. Raises `Failure`."""
    meta = admission.exceptions(held) | {"include": request.include, "exclude": request.exclude, "revision": revision}
    files = repo.choose(shot.files, request.include, request.exclude)
    if not files:
        how = pin.command(admission.draft(request.name, {}, **shot.meta | meta), shot.revision)
        raise Failure(f"no file of {request.source} is left to add; change INCLUDE or EXCLUDE in: {how}")
    if fault := names.unusable(file.path for file in files):
        raise Failure(f"refused {fault}; leave it out with EXCLUDE")
    for key, words in (("INCLUDE", request.include), ("EXCLUDE", request.exclude)):
        for word in words if arguments.value(key) else ():  # a slip there leaves out a file, or brings one
            if not repo.choose(shot.files, [word], []):
                remark(f"no file of {shot.source} to add matches {word!r} in {key}")
    files, meta["left_out"] = upstream.leave_out(files, meta["allow"])
    return admission.draft(request.name, {file.path: file.size for file in files}, **shot.meta | meta)


def _is_ready(staged: pin.Pin | None, old: pin.Pin | None, request: Request, shot: repo.Snapshot) -> bool:
    """Whether an earlier run downloaded it all. Raises `Failure` if models/NAME has files that exist nowhere else."""
    if not is_pinned(staged, request, shot):
        return False
    there = destination.check_replaceable(staged.name, factory.default().holds, staged, old)
    return staging.files(staged.name).is_dir() or there is staged


def _is_lost(held: pin.Pin) -> bool:
    """Whether the weights of `held` are neither on disk nor complete on the remote; the Hub may still have them."""
    if names.weights_dir(held.name).exists():
        return False
    return bool(factory.default().lacks({item.oid: item.file.size for item in factory.objects_of(held)}))


def _except(made: pin.Pin, old: pin.Pin, scan: str) -> str:
    """Replace the pin `old` with `made`, which has other exceptions; returns a summary. Raises `Failure`."""
    if made == old and history.holds(old.name):
        return unchanged(old)
    if arguments.is_on("DRY"):
        return "nothing was changed (DRY=1)"
    record.change(made, old, scan)
    done = f"excepted {' '.join(made.allow)} in the pin of {old.name}"
    return f"{done}, whose weights are the same; next: {record.next_step()}"

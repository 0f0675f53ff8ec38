"""Pin weights that are not on the Hub: models/NAME as it is, or a copy of DIR -> remote -> one Git commit."""

import os
from collections.abc import Collection
from pathlib import Path
from shlex import quote

from lib.core import arguments, atomic, console, digest, lock, paths, text, workers
from lib.core.errors import Failure
from lib.disk import cache, destination, dvc, staging, weights
from lib.flow import admission, record
from lib.model import fields, history, names, pin, policy, selection
from lib.remote import factory

NONE = "-"  # typed to clear a value that the pin has
ORIGIN = {"base": "BASE", "origin": "SOURCE", "license": "LICENSE"}


def listed(folder: Path, copies: bool) -> dict[str, os.stat_result]:
    """The files in `folder`, by path in it; if they are copied, without the control files that a clone or `hf download`
    leaves. Raises `Failure` if it is no folder."""
    if (folder.is_symlink() and not copies) or not folder.is_dir():
        how = "put the weights there (make pull brings pinned ones), or name where they are: DIR=FOLDER"
        raise Failure(f"no such folder: {str(folder)!r}; {how}")
    found = weights.walk(folder)
    if copies and (control := sorted(filter(names.is_control_file, found))):
        console.remark(f"left out control files of Git, DVC or the Hub client, such as {control[0]}")
        found = {path: found[path] for path in found.keys() - control}
    return found


def inspect(folder: Path, found: dict[str, os.stat_result]) -> dict[str, os.stat_result]:
    """The `found` files as they are now. Raises `Failure` for what DVC would follow, hang on, drop or act on."""
    for path, status in sorted(found.items()):
        at = str(folder / path)
        if weights.foreign(at, status) or not os.path.isfile(at):
            instead = f"put a regular file in its place, or name a copy as DIR: cp -rL {quote(str(folder))} COPY"
            raise Failure(f"refused a link or special file: {at!r}; {instead}")
        if names.is_control_file(path):
            raise Failure(f"refused a control file of Git, DVC or the Hub client: {at!r}; move it away")
        if not arguments.is_on("POINTERS") and weights.is_pointer(folder / path):
            how = "bring them with git lfs pull, or take it as it is: POINTERS=1"
            raise Failure(f"refused a Git LFS pointer in place of weights: {at!r}; {how}")
    if fault := names.unusable(found):
        raise Failure(f"refused {fault}; give it another name, or move it away")
    if not found:
        raise Failure(f"no file in {str(folder)!r}; put the weights there first")
    return {path: (folder / path).stat() for path in found}


def check_name(name: str, copies: bool) -> None:
    """Refuse a `name` that a model from the Hub has, or whose folder would be overwritten. Raises `Failure`."""
    staged = staging.finished(name)
    old = pin.read(name, broken_is_none=staged is not None)
    if old and old.source:
        raise Failure(f"the name {name!r} is taken by {old.source}; choose another NAME")
    if copies and (staged or old):
        destination.check_replaceable(name, factory.default().holds, staged, old)
    elif not staged and not old:
        destination.check_free(name, but_weights=not copies)


def base() -> str | None:
    """BASE as ORG/NAME@COMMIT, or as typed if the Hub cannot be asked. Raises `Failure` if the Hub does not have it."""
    if (typed := arguments.value("BASE")) in ("", NONE):
        return typed or None
    from lib.hub import repo  # slow to import

    source, revision, _ = names.from_address(typed)
    source, revision = names.repo_id(source), names.revision(revision or "main")
    asked = f"{source}@{revision}"
    if fields.COMMIT.fullmatch(revision):
        return asked
    try:
        shot = repo.snapshot(source, revision)
        return f"{shot.source}@{shot.commit}"
    except repo.Refusal:
        raise
    except Failure as failure:
        why = str(failure).partition("; ")[0]
        console.remark(f"the Hub could not be asked for BASE, so it is recorded as typed: {why}")
        return asked


def origin(old: pin.Pin | None) -> tuple[dict[str, str | None], list[str]]:
    """Where the weights come from, as typed or else as in `old`; and the values kept from `old`. Raises `Failure`."""
    typed = {"base": base(), "origin": names.line("SOURCE"), "license": names.line("LICENSE")}
    meta = {key: value or (getattr(old, key) if old else None) for key, value in typed.items()}
    kept = [f"{word}={meta[key]}" for key, word in ORIGIN.items() if meta[key] and not typed[key]]
    return {key: None if value == NONE else value for key, value in meta.items()}, kept


def left_out(paths: Collection[str], allow: Collection[str], copies: bool, old: pin.Pin | None) -> tuple[str, ...]:
    """The `paths` to leave out by the policy; in place, where all are pinned, what was left out for the pin `old`."""
    if copies:
        return policy.left_out(paths, policy.read(), allow)
    return tuple(path for path in (old.left_out if old else ()) if path not in paths)


def source(name: str) -> Path:
    """The folder that DIR names; models/NAME, always as that path, if there is no DIR or it names the same folder."""
    own, typed = names.weights_dir(name), arguments.value("DIR")
    folder = paths.typed(typed) if typed else own
    is_own = own.is_dir() and not own.is_symlink() and folder.is_dir() and folder.samefile(own)
    return own if is_own else folder


def read_all(name: str, folder: Path, there: dict[str, os.stat_result]) -> dict[str, digest.File]:
    """Digests of the files `there`, by path; copied to staging if `folder` is not models/NAME. Raises `Failure`."""
    total, copies = sum(status.st_size for status in there.values()), folder != names.weights_dir(name)
    if copies:
        destination.check_space(total, paths.ROOT, f"{name} needs", "copy fewer files: DIR=FOLDER")

    def read(path: str) -> digest.File:
        source, target, want = folder / path, staging.files(name) / path, digest.for_pin(there[path].st_size)
        if not copies:
            return digest.of_file(source, want, watch)
        target.parent.mkdir(parents=True, exist_ok=True)
        found = digest.copy(source, target, want, watch)
        atomic.sync(target)
        return found

    with console.progress(f"read {name}", total) as watch:
        found = workers.side_by_side(read, there, size=lambda path: there[path].st_size)
    if written := [path for path, status in there.items() if not weights.is_as_before(folder / path, status)]:
        raise Failure(f"{folder / written[0]} was written to while it was read; run the same command again afterwards")
    if not paths.same_disk(cache.location(), paths.ROOT):
        new = {each.md5: each.size for each in found if not cache.object_path(each.md5).is_file()}
        destination.check_space(sum(new.values()), cache.location(), f"{name} needs", "pin fewer files: DIR=FOLDER")
    return dict(zip(there, found, strict=True))


def collect(name: str) -> None:
    """Stage the weights of the model `name` and their pin. Raises `Failure`."""
    staging.recover(name)
    folder = source(name)
    copies = folder != names.weights_dir(name)
    check_name(name, copies)
    old = pin.read(name, broken_is_none=True)
    meta, kept = origin(old)
    found, exceptions = listed(folder, copies), admission.exceptions(old)
    meta["left_out"] = left_out(found, exceptions["allow"], copies, old)
    there = inspect(folder, {path: status for path, status in found.items() if path not in meta["left_out"]})
    sizes = {path: status.st_size for path, status in there.items()}
    draft = admission.draft(name, sizes, **meta, **exceptions)
    admitted = admission.admit(draft, folder, {}, old)
    if copies:
        admission.say_left_out(draft)
    factory.default().check(write=True)
    dvc.check_seen(name, there)
    staging.discard(name)
    files = read_all(name, folder, there)
    for path, known in (old and old.files or {}).items():  # an unchanged file stays as it was pinned
        if path in files and files[path].sha256 == known.sha256:
            files[path] = known
    made = pin.build(name, files, **meta, allow=admitted.allow, reason=admitted.reason)
    if kept and made.md5 != old.md5:
        console.remark(f"{name} keeps {', '.join(kept)} of the previous version; type a new value, or - for none")
    staging.finish(made)


def main() -> None:
    record.prepare()
    name = names.model_name(arguments.value("NAME"))
    selection.check_writable()
    with lock.model(name):
        before = history.committed(name)
        collect(name)
        record.record(name, before)
    if before == history.committed(name):
        console.result(f"{name} is already pinned as it is; nothing to do")
    else:
        held = pin.read(name)
        done = f"tracked {name}: {text.amount(held.nfiles, held.size)}{console.took()}"
        console.result(f"{done}; next: {record.next_step()}")

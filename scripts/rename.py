"""Rename a model: pin, weights and catalog row, in one Git commit; no weights are copied or read."""

from dataclasses import replace

from lib.core import arguments, atomic, console, lock, paths, text
from lib.core.errors import Failure
from lib.disk import destination, staging
from lib.flow import record
from lib.model import history, names, pin, releases, selection


def check(held: pin.Pin, made: pin.Pin) -> None:
    """Refuse to replace the pin `held` with `made`, whose name may be taken only by a stopped run. Raises `Failure`."""
    old, new = held.name, made.name
    if held.files is None:
        raise Failure(f"{old}: pinned by plain dvc add, so without sha256; type: make track NAME={old}")
    is_twin = history.committed(old) and history.committed(new)
    if is_twin or pin.read(new, broken_is_none=True) != made:
        destination.check_free(new)
        staging.check_committed(held)
    if staging.finished(old):
        raise Failure(f"{old}: an add or track of it was stopped; run that again first")


def rename(old: str, new: str) -> None:
    """Rename the model `old` to `new`. The old pin goes last, so that after a kill the same command can continue."""
    held = selection.checked(old)
    made = replace(held, name=new)
    check(held, made)
    if arguments.is_on("DRY"):
        console.remark(f"would rename {old} to {new}; nothing was changed (DRY=1)")
        return
    console.remark(f"{old} becomes {new}: {text.amount(held.nfiles, held.size)}")
    with lock.clone():
        pin.check_current(held)
        atomic.write(pin.path_of(new), pin.dump(made))
        source, target = names.weights_dir(old), names.weights_dir(new)
        if source.exists() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            paths.move(source, target)
        record.commit(arguments.value("MESSAGE") or f"Rename {old} model to {new}", made, old)
        staging.discard(new)
        staging.retire(old, {})  # there only if another command restored it after this one was stopped
        pin.drop(old)
    kept = len(releases.versions(old))
    tags = f"; its {text.plural(kept, 'release')} {'keeps' if kept == 1 else 'keep'} the old name" if kept else ""
    console.result(f"renamed {old} to {new}{tags}{releases.left_in_stages(old)}; next: {record.next_step()}")


def main() -> None:
    record.prepare()
    chosen, new = selection.select(arguments.value("MODEL")), names.model_name(arguments.value("NAME"))
    if len(chosen) != 1 or chosen == [new]:
        count = text.plural(len(chosen), "model")
        raise Failure(f"{count} chosen, to be called {new!r}; rename one: MODEL=OLD NAME=NEW")
    first, second = sorted((*chosen, new))  # always in this order, or two renames could wait for each other
    with lock.model(first), lock.model(second):
        staging.recover(first)
        staging.recover(second)
        rename(chosen[0], new)

"""Where a model is put together before models/ sees it: `.dvc/tmp/staging/NAME/`, on the file system of the clone.

- `plan`: JSON, each file's path to what it must be, so that the next run knows which files are still wanted.
- `files/`: the weights that add or track brings, in part or whole.
- `pin`: their pin; there only once every file is whole and right.
- `part`: a file on its way into `files/`, for a moment.
- `new/`: the weights that pull puts together.
- `old/`: what models/NAME held before the swap, until that is settled.

The folder stays until the pin is committed, so that a run that finds it goes on where the last one was stopped.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from lib.core import atomic, paths
from lib.core.console import remark
from lib.core.errors import Failure
from lib.core.report import Finding
from lib.disk import cache, dvc, quarantine, weights
from lib.model import history, names, pin

ROOT = paths.TMP / "staging"
Known = Mapping[str, os.stat_result]  # files of models/NAME as they were when they were looked at


def folder(name: str) -> Path:
    return ROOT / name.replace("/", "%")


def files(name: str) -> Path:
    return folder(name) / "files"


def new(name: str) -> Path:
    return folder(name) / "new"


def _old(name: str) -> Path:
    return folder(name) / "old"


def finished(name: str) -> pin.Pin | None:
    """The pin of weights that are ready, or in models/NAME already but not committed."""
    path = folder(name) / "pin"
    return pin.parse(name, path.read_text(encoding="utf-8")) if path.exists() else None


def is_stopped(name: str) -> bool:
    """Whether an add or track of `name` was stopped, so that the same command goes on with what is here."""
    return any((folder(name) / file).exists() for file in ("plan", "pin"))


def stopped(held: pin.Pin) -> str | None:
    """How to go on with the add or track that was stopped after it wrote the pin `held`; None if there was none."""
    staged = finished(held.name)
    if not staged or (staged.md5, staged.commit) != (held.md5, held.commit) or history.holds(held.name):
        return None
    return f"{held.name}: its add was stopped before the Git commit; to continue: {pin.command(held)}"


def check_committed(held: pin.Pin) -> None:
    """Refuse a pin that the last Git commit does not have as it lies here. Raises `Failure`."""
    if not history.holds(held.name):
        raise Failure(stopped(held) or f"models/{held.name}.dvc is not in Git as it is; commit it first")


def start(name: str, plan: dict[str, str]) -> None:
    """Make room for `plan`; what an earlier run left is kept where its plan was the same, and removed elsewhere."""
    path = folder(name) / "plan"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    (folder(name) / "pin").unlink(missing_ok=True)
    same = dict(plan.items() & before.items())
    for left in weights.entries(files(name)).keys() - same.keys():
        (files(name) / left).unlink()
    for inner, _, _ in os.walk(files(name), topdown=False):
        if not os.listdir(inner):  # it may stand where a file is to come
            os.rmdir(inner)
    files(name).mkdir(parents=True, exist_ok=True)
    atomic.write(path, json.dumps(plan))


def finish(made: pin.Pin) -> None:
    """Record that the files are whole and right, and that `made` is their pin."""
    atomic.write(folder(made.name) / "pin", pin.dump(made))


def place(staged: pin.Pin, elsewhere: quarantine.Elsewhere) -> None:
    """Swap the finished files of `staged` into models/NAME and write that pin. Safe to repeat from any point."""
    name, before = staged.name, pin.read(staged.name, broken_is_none=True)
    top = files(name) if files(name).is_dir() else names.weights_dir(name)
    for path, file in staged.files.items():
        cache.share(top / path, file, folder(name) / "part")  # else `dvc add` would keep two copies
    if files(name).is_dir():
        swap(name, files(name))
        pinned, there = (before and before.files) or {}, weights.entries(_old(name))
        known = {path: there[path] for path in pinned.keys() & there if cache.has(_old(name) / path, pinned[path])}
        settle(name, known, elsewhere=elsewhere)
    # Before `dvc add`, which keeps its `meta`: a kill in between leaves no pin that lies.
    atomic.write(pin.path_of(name), pin.dump(staged))
    dvc.remember(staged)


def swap(name: str, made: Path) -> None:
    """Put the folder `made` in the place of models/NAME, whole; `recover` or `settle` deals with what was there."""
    target, old = names.weights_dir(name), _old(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() or target.is_symlink():
        target.replace(old)
    made.replace(target)
    atomic.sync(target.parent)


def recover(name: str) -> None:
    """Undo a swap that was killed half-way, or settle one that was killed after it."""
    if os.path.lexists(_old(name)) and not names.weights_dir(name).exists():
        names.weights_dir(name).parent.mkdir(parents=True, exist_ok=True)
        _old(name).replace(names.weights_dir(name))
    settle(name, {})
    shutil.rmtree(new(name) if is_stopped(name) else folder(name), ignore_errors=True)


def discard(name: str) -> None:
    """Remove the folder of `name`, the plan first: without it and the pin, what a kill leaves is of no use."""
    (folder(name) / "plan").unlink(missing_ok=True)
    shutil.rmtree(folder(name), ignore_errors=True)


def settle(
    name: str,
    known: Known,
    findings: Iterable[Finding] = (),
    elsewhere: quarantine.Elsewhere | None = None,
    say: Callable[[str], object] = remark,
) -> None:
    """Remove what models/NAME was before the swap. Raises OSError, `Failure`.

    A file that is not as it was when it was `known` to exist elsewhere, and whose bytes are neither in the cache nor,
    by `elsewhere`, on a remote, goes to the quarantine with a line, which says what the `findings` say of it.
    """
    old, kinds = _old(name), {finding.file: finding.kind for finding in findings}
    there = weights.entries(old).items()
    left = [path for path, now in there if not (path in known and weights.is_same(known[path], now))]
    only = quarantine.only_here(old, left, elsewhere)
    quarantine.clear(old, name, {file: kinds.get(file, "extra") for file in only}, say)
    with suppress(OSError):  # a stopped add of this model has files there
        folder(name).rmdir()


def retire(name: str, known: Known) -> None:
    """Remove models/NAME, if it is there, whose files `known` exist elsewhere; as `settle`. Raises OSError."""
    if names.weights_dir(name).exists():
        folder(name).mkdir(parents=True, exist_ok=True)
        names.weights_dir(name).replace(_old(name))
        settle(name, known)

"""Staging area, `.dvc/tmp/staging/NAME/`: where a model is assembled before it is renamed to models/NAME.

- `plan`: JSON, path -> identity on the Hub of each file to add, so that the next run knows which files to keep.
- `files/`: the weights that add or track brings, possibly incomplete.
- `pin`: their pin, written once every file is complete and checked.
- `part`: a temporary link or copy, which then replaces one of the files.
- `new/`: the weights that pull assembles.
- `old/`: the previous models/NAME, from the swap until `settle` has dealt with it.

The folder stays until the pin is committed, so that the next run continues where an interrupted one stopped.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from lib.core import atomic, console, paths, shell
from lib.core.errors import Failure
from lib.core.report import Finding
from lib.disk import cache, dvc, quarantine, weights
from lib.model import advice, history, names, pin

ROOT = paths.TMP / "staging"
Known = Mapping[str, os.stat_result]  # path -> status when it was checked, of files in models/NAME


def folder(name: str) -> Path:
    return ROOT / name.replace("/", "%")


def files(name: str) -> Path:
    return folder(name) / "files"


def new(name: str) -> Path:
    return folder(name) / "new"


def _old(name: str) -> Path:
    return folder(name) / "old"


def finished(name: str) -> pin.Pin | None:
    """The staged pin, whose weights are ready, here or already in models/NAME; None without one. Raises `Failure`."""
    path = folder(name) / "pin"
    return pin.parse(name, path.read_text(encoding="utf-8")) if path.exists() else None


def is_stopped(name: str) -> bool:
    """Whether an add or track of `name` was interrupted, so that the same command would continue it."""
    return any((folder(name) / file).exists() for file in ("plan", "pin"))


def outside_git(everyone: Iterable[str]) -> list[str]:
    """The models of `everyone` with a pin outside Git's index; not those whose add or track was interrupted."""
    return [name for name in everyone if name not in history.in_index() and not is_stopped(name)]


def stopped(held: pin.Pin) -> str | None:
    """How to continue the add or track that was interrupted after it wrote the pin `held`; None if none was."""
    staged = finished(held.name)
    if not staged or (staged.md5, staged.commit) != (held.md5, held.commit) or history.holds(held.name):
        return None
    return f"{held.name}: its add was stopped before the Git commit; to continue: {pin.command(held)}"


def check_committed(held: pin.Pin) -> None:
    """Refuse a pin that is not committed to Git, or was changed since. Raises `Failure`."""
    if history.holds(held.name):
        return
    if why := stopped(held):
        raise Failure(why)
    shell.git("settled")  # during a merge, Git commits no path alone
    undo = f"; or undo them: git checkout HEAD -- models/{held.name}.dvc" if history.committed(held.name) else ""
    how = f"commit them first: {advice.commit(held.name)}{undo}"
    raise Failure(f"models/{held.name}.dvc has uncommitted changes; {how}")


def start(name: str, plan: dict[str, str]) -> None:
    """Prepare for `plan`: keep the files of an earlier run whose identity is still the same, remove its other files."""
    path = folder(name) / "plan"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    (folder(name) / "pin").unlink(missing_ok=True)
    same = dict(plan.items() & before.items())
    for left in weights.entries(files(name)).keys() - same.keys():
        (files(name) / left).unlink()
    for inner, _, _ in os.walk(files(name), topdown=False):
        if not os.listdir(inner):  # an empty folder could block the path of a new file
            os.rmdir(inner)
    files(name).mkdir(parents=True, exist_ok=True)
    atomic.write(path, json.dumps(plan))


def finish(made: pin.Pin) -> None:
    """Record `made` as the pin of the staged files, which are complete and checked."""
    atomic.write(folder(made.name) / "pin", pin.dump(made))


def place(staged: pin.Pin, elsewhere: quarantine.Elsewhere) -> None:
    """Swap the staged files into models/NAME and write their pin, `staged`. Safe to repeat after a kill anywhere."""
    name, before = staged.name, pin.read(staged.name, broken_is_none=True)
    top = files(name) if files(name).is_dir() else names.weights_dir(name)
    for path, file in staged.files.items():
        cache.share(top / path, file, folder(name) / "part")  # else `dvc add` would keep two copies
    if files(name).is_dir():
        swap(name, files(name))
        pinned, there = (before and before.files) or {}, weights.entries(_old(name))
        known = {path: there[path] for path in pinned.keys() & there if cache.has(_old(name) / path, pinned[path])}
        ours = {file.md5 for file in staged.files.values()}  # an earlier run that was killed may have placed them too
        settle(name, known, elsewhere=lambda wanted: ours.union(elsewhere(wanted)))
    # Written before `dvc add`, which keeps its `meta`, so a kill in between leaves a pin that is correct.
    atomic.write(pin.path_of(name), pin.dump(staged))
    dvc.remember(staged)


def swap(name: str, made: Path) -> None:
    """Replace models/NAME with the folder `made`; the previous one becomes `old/`, for `settle` or `recover`."""
    target, old = names.weights_dir(name), _old(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(target):
        paths.move(target, old)
    made.replace(target)
    atomic.sync(target.parent)


def recover(name: str) -> None:
    """Undo a swap that was killed halfway, or settle one that was killed later; keep what add or track can continue."""
    if os.path.lexists(_old(name)) and not names.weights_dir(name).exists():
        names.weights_dir(name).parent.mkdir(parents=True, exist_ok=True)
        _old(name).replace(names.weights_dir(name))
    settle(name, {})
    shutil.rmtree(new(name) if is_stopped(name) else folder(name), ignore_errors=True)


def discard(name: str) -> None:
    """Remove the folder of `name`, plan and pin first: after a kill, `recover` removes one that has neither."""
    for file in ("plan", "pin"):
        (folder(name) / file).unlink(missing_ok=True)
    shutil.rmtree(folder(name), ignore_errors=True)


def settle(
    name: str,
    known: Known,
    findings: Iterable[Finding] = (),
    elsewhere: quarantine.Elsewhere | None = None,
    say: Callable[[str], object] = console.remark,
) -> None:
    """Remove `old/`, the models/NAME from before the swap. Raises OSError, `Failure`.

    Files that exist nowhere else go to the quarantine, each with a line to `say` that gives its kind in `findings`. A
    file exists elsewhere if it is unchanged since it was `known` to, or in the cache or, by `elsewhere`, on a remote.
    """
    old, kinds = _old(name), {finding.file: finding.kind for finding in findings}
    there = weights.entries(old).items()
    left = [path for path, now in there if not (path in known and weights.is_same(known[path], now))]
    only = quarantine.only_here(old, left, elsewhere)
    quarantine.clear(old, name, {file: kinds.get(file, "extra") for file in only}, say)
    with suppress(OSError):  # not empty if an interrupted add left files
        folder(name).rmdir()


def retire(name: str, known: Known) -> None:
    """Remove models/NAME, if it exists, as `settle` removes `old/`. Raises OSError, `Failure`."""
    if names.weights_dir(name).exists():
        folder(name).mkdir(parents=True, exist_ok=True)
        paths.move(names.weights_dir(name), _old(name))
        settle(name, known)

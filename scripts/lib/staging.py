"""Where a model is put together before models/ sees it: `.dvc/tmp/staging/NAME/`, on the file system of the clone.

- `plan`: JSON, each file's path to what it must be; so that the next run knows which files here are still wanted.
- `files/`: the weights, in part or whole; gone once they are in models/.
- `pin`: the finished pin; there only when every file was whole and right.
- `part`: a file on its way into `files/`, for an instant.
- `old/`: the weights that models/NAME held before, until they are removed.

It is there until the pin is committed, so a run that finds it goes on where the last one was stopped.
"""

import json
import os
import shutil
from pathlib import Path

from lib import atomic, cache, names, pin, weights
from lib.pin import Pin
from lib.report import Failure

ROOT = names.ROOT / ".dvc" / "tmp" / "staging"


def folder(name: str) -> Path:
    return ROOT / name.replace("/", "%")


def files(name: str) -> Path:
    return folder(name) / "files"


def finished(name: str) -> Pin | None:
    """The pin of weights that are ready, or in models/NAME already but not committed."""
    path = folder(name) / "pin"
    return pin.parse(name, path.read_text(encoding="utf-8")) if path.exists() else None


def clear(name: str) -> None:
    """Forget what an earlier run left for NAME."""
    shutil.rmtree(folder(name), ignore_errors=True)


def start(name: str, plan: dict[str, str]) -> None:
    """Make room for PLAN: what an earlier run left is kept where the plan is the same, and removed elsewhere."""
    path = folder(name) / "plan"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    (folder(name) / "pin").unlink(missing_ok=True)
    if files(name).is_dir():
        for left in weights.walk(files(name)):
            if left not in plan or before.get(left) != plan[left]:
                (files(name) / left).unlink()
    files(name).mkdir(parents=True, exist_ok=True)
    atomic.write(path, json.dumps(plan))


def finish(made: Pin) -> None:
    """The files are whole and right, and MADE is their pin."""
    if files(made.name).is_dir():
        _drop_empty_folders(files(made.name))
    atomic.write(folder(made.name) / "pin", pin.dump(made))


def _drop_empty_folders(top: Path) -> None:
    for path, _, _ in os.walk(top, topdown=False):
        if path != str(top) and not os.listdir(path):
            os.rmdir(path)


def place(name: str) -> None:
    """Swap the finished files into models/NAME, whole, and write their pin. Safe to repeat from any point.

    What models/NAME was is removed. The pin is whole before `dvc add` too, which keeps its `meta`, so that a kill in
    between leaves nothing that looks finished and is not.
    """
    staged, target, old = finished(name), names.weights_dir(name), folder(name) / "old"
    if files(name).is_dir():
        for path, file in staged.files.items():
            cache.share(files(name) / path, file, folder(name) / "part")
        shutil.rmtree(old, ignore_errors=True)
        swap(files(name), target, old)
    shutil.rmtree(old, ignore_errors=True)
    atomic.write(pin.path_of(name), pin.dump(staged))
    cache.remember((target / path, file.md5) for path, file in staged.files.items())


def swap(new: Path, target: Path, old: Path) -> None:
    """Make the folder NEW the folder TARGET, whole; what TARGET was becomes OLD, which must not be there yet."""
    target.parent.mkdir(parents=True, exist_ok=True)
    old.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() or target.is_symlink():
        target.replace(old)
    new.replace(target)
    atomic.sync(target.parent)


def check_free(name: str, but_weights: bool = False) -> None:
    """Refuse a NAME without a pin whose place in models/ is not free; BUT_WEIGHTS may lie there already."""
    target = names.weights_dir(name)
    group = name.partition("/")[0]
    if group != name and pin.path_of(group).exists():
        raise Failure(f"{group!r} is a model, so nothing can lie in it: {name!r}; choose another NAME")
    if any(target.glob("?*.dvc")):
        raise Failure(f"{name!r} is a folder of models; choose another NAME")
    if (target.exists() or target.is_symlink()) and not but_weights:
        keep, drop = f"make track NAME={name}", f"rm -r models/{name}"
        raise Failure(f"models/{name} is there without a pin; keep it: {keep}; or drop it: {drop}")


def check_clean(name: str, *pins: Pin | None, by_size: bool = False) -> Pin | None:
    """The first of PINS that models/NAME is; None where it is not there, or no pin says what it must be.

    Refuses to go on where it is something else, since it exists nowhere else then. BY_SIZE looks at names and sizes
    alone, where nothing is going to be replaced.
    """
    odd = None
    for held in pins:
        if held and held.files and not (odd := _dirty(name, held, by_size)):
            return held
    if odd and names.weights_dir(name).exists():
        keep, drop = f"make track NAME=OTHER DIR=models/{name}", f"rm -r models/{name}, then make pull MODEL={name}"
        raise Failure(f"models/{name} is not what its pin says ({odd}); keep it: {keep}; or drop it: {drop}")
    return None


def _dirty(name: str, held: Pin, by_size: bool) -> str | None:
    target = names.weights_dir(name)
    if not by_size or not target.is_dir():
        problems = weights.compare(name, target, held.files, cache.location)
        return problems[0].file if problems else None
    sizes = {path: status.st_size for path, status in weights.walk(target).items()}
    wanted = {path: file.size for path, file in held.files.items()}
    return min((path for path, _ in sizes.items() ^ wanted.items()), default=None)

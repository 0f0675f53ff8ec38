"""What `make pull` takes out of models/NAME: dropped if the cache has it, else kept in `.dvc/tmp/aside/NAME/`."""

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from lib import cache, digest, names, staging, weights
from lib.problem import Problem

ROOT = names.ROOT / ".dvc" / "tmp" / "aside"


def work(name: str) -> Path:
    """Where a pull of the model NAME puts `new` together, and leaves what was there as `old`."""
    return staging.ROOT / (name.replace("/", "%") + "%pull")


def recover(name: str) -> Path:
    """The folder `work(name)`, after a pull that was killed in it: if models/NAME is gone, it is put back."""
    old, target = work(name) / "old", names.weights_dir(name)
    if old.exists():
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            old.replace(target)
        else:
            for _ in settle(name, [Problem(name, "disk", "extra", path) for path in weights.walk(old)]):
                pass
    shutil.rmtree(work(name), ignore_errors=True)
    return work(name)


def settle(name: str, problems: list[Problem]) -> Iterator[str]:
    """Go through `old`: what exists nowhere else is kept, and a line yielded for it; the rest is removed."""
    old = work(name) / "old"
    for problem in problems:
        path = old / problem.file
        if problem.kind != "missing" and (path.exists() or path.is_symlink()) and not _in_cache(path):
            kept = _free(ROOT / name / problem.file)
            kept.parent.mkdir(parents=True, exist_ok=True)
            path.replace(kept)
            yield f"{name}/{problem.file}: {problem.kind}, moved to {kept.relative_to(names.ROOT)}"
    shutil.rmtree(work(name), ignore_errors=True)


def _free(path: Path) -> Path:
    """PATH, or PATH with a number where something lies already."""
    number = 0
    free = path
    while free.exists() or free.is_symlink():
        number += 1
        free = path.with_name(f"{path.name}.{number}")
    return free


def _in_cache(path: Path) -> bool:
    """Whether the bytes at PATH are an object of the cache, so that nothing is lost with them."""
    if path.is_symlink():
        return path.readlink().is_relative_to(cache.location())
    if not stat.S_ISREG(path.stat().st_mode):
        return False
    held = cache.object_path(digest.of_file(path, ("md5",)).md5)
    return held.is_file() and held.stat().st_size == path.stat().st_size

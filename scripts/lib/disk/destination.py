"""Whether models/NAME may be taken by a model, so that nothing is overwritten that exists nowhere else."""

from lib.core.errors import Failure
from lib.disk import cache, weights
from lib.model import names, pin
from lib.model.pin import Pin


def check_free(name: str, but_weights: bool = False) -> None:
    """Refuse a `name` without a pin whose place in models/ is taken; with `but_weights`, weights may lie there."""
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
    """The first of `pins` that models/NAME is; None if it is not there, or if no pin says what it must be.

    Refuses anything else, which may exist nowhere else. `by_size` compares names and sizes alone, which is enough
    where nothing is going to be replaced.
    """
    odd = None
    for held in pins:
        if held and held.files and not (odd := _difference(name, held, by_size)):
            return held
    if odd and names.weights_dir(name).exists():
        keep, drop = f"make track NAME=OTHER DIR=models/{name}", f"rm -r models/{name}, then make pull MODEL={name}"
        raise Failure(f"models/{name} is not what its pin says ({odd}); keep it: {keep}; or drop it: {drop}")
    return None


def _difference(name: str, held: Pin, by_size: bool) -> str | None:
    target = names.weights_dir(name)
    if not by_size or not target.is_dir():
        findings = weights.compare(name, target, held.files, cache.location)
        return findings[0].file if findings else None
    sizes = {path: status.st_size for path, status in weights.walk(target).items()}
    wanted = {path: file.size for path, file in held.files.items()}
    return min((path for path, _ in sizes.items() ^ wanted.items()), default=None)

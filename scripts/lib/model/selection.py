"""The models of this clone: which pins there are, which of them were asked for, and whether a pin is consistent."""

import os
from difflib import get_close_matches

from lib.core.errors import Failure
from lib.model import names, pin
from lib.model.pin import Pin


def all_names() -> list[str]:
    """The NAME of every model that has a pin, sorted."""
    found = [*names.MODELS.glob("*.dvc"), *names.MODELS.glob("*/*.dvc")]
    return sorted(path.relative_to(names.MODELS).as_posix().removesuffix(".dvc") for path in found if path.is_file())


def check_all(but: str | None) -> None:
    """Refuse to change anything while a pin, but for one, is broken or models/ is read-only: DVC would stop midway."""
    for name in all_names():
        if name != but:
            pin.read_head(name)
    if not os.access(names.MODELS, os.W_OK):
        raise Failure(f"models/ cannot be written to: {names.MODELS}; nothing was changed")


def select(wanted: str) -> list[str]:
    """The models that `wanted` names, each by its NAME or by the Hub repo it came from; all if it is empty."""
    everyone = all_names()
    chosen = [name for word in wanted.split() for name in _meant(word, everyone)]
    return list(dict.fromkeys(chosen)) if wanted.split() else everyone


def _meant(word: str, everyone: list[str]) -> list[str]:
    if word in everyone:
        return [word]
    sources = {name: pin.read_head(name).source for name in everyone}
    if chosen := [name for name in everyone if sources[name] == word]:
        return chosen
    near = get_close_matches(word, [*everyone, *filter(None, sources.values())], n=1)
    raise Failure(f"no such model: {word!r}; {f'did you mean {near[0]}?' if near else 'make list shows what there is'}")


def checked(name: str) -> Pin:
    """The pin of the model `name`, found consistent. Raises `Failure`, which says what happened to it."""
    held = pin.read(name)
    if held is None:
        raise Failure(f"models/{name}.dvc is gone; take it back from Git: git checkout -- models/{name}.dvc")
    if fault := inconsistency(held):
        raise Failure(f"models/{name}.dvc {fault}")
    return held


def inconsistency(held: Pin) -> str | None:
    """How `held` contradicts itself, and what that looks like, or None. A pin without `files` cannot."""
    if held.files is None:
        return None
    made = pin.build(held.name, held.files)
    wrong = [key for key in ("md5", "size", "nfiles") if getattr(made, key) != getattr(held, key)]
    if not wrong:
        return None
    said = f"{', '.join(wrong)} not that of its files; take it back: git checkout -- models/{held.name}.dvc"
    if "md5" not in wrong:
        return f"was edited by hand: {said}"
    if wrong == ["md5"]:
        return f"was edited by hand, or a bare dvc add changed it: {said}"
    return f"is stale, as after a bare dvc add, or of two versions, as after a merge: {said}"

"""The models of this clone: which pins there are, which of them the user means, and whether one agrees with itself."""

from difflib import get_close_matches

from lib import names, pin
from lib.pin import Pin
from lib.report import Failure


def all_names() -> list[str]:
    """The NAME of every model that has a pin, sorted."""
    found = [*names.MODELS.glob("*.dvc"), *names.MODELS.glob("*/*.dvc")]
    return sorted(path.relative_to(names.MODELS).as_posix().removesuffix(".dvc") for path in found if path.is_file())


def select(wanted: str) -> list[str]:
    """The models that WANTED means: a NAME, or the Hub id that they came from; all for an empty one. Raises Failure."""
    everyone = all_names()
    if not wanted or wanted in everyone:
        return [wanted] if wanted else everyone
    sources = {name: pin.read_head(name).source for name in everyone}
    if chosen := [name for name in everyone if sources[name] == wanted]:
        return chosen
    near = get_close_matches(wanted, [*everyone, *filter(None, sources.values())], n=1)
    hint = f"did you mean {near[0]}?" if near else "make list shows what there is"
    raise Failure(f"no such model: {wanted!r}; {hint}")


def checked(name: str) -> Pin:
    """The pin of the model NAME, which agrees with itself. Raises Failure, which says what happened to it."""
    held = pin.read(name)
    if held is None:
        raise Failure(f"models/{name}.dvc is gone; take it back from Git: git checkout -- models/{name}.dvc")
    if flaw := contradiction(held):
        raise Failure(f"models/{name}.dvc {flaw}")
    return held


def contradiction(held: Pin) -> str | None:
    """How HELD contradicts itself, and what that looks like, or None. A pin without `files` cannot."""
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

"""The models of this clone: which pins there are, which ones MODEL selects, and whether a pin is consistent."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from lib.core import paths, text
from lib.core.errors import Failure
from lib.core.report import Report
from lib.model import advice, history, names, pin, releases

PAGES = (".dvc", ".md", ".yaml")  # files in models/ that are no weights


def here() -> list[str]:
    """The NAME of every model with a pin in the working tree, sorted."""
    groups = [path for path in names.MODELS.glob("*/") if not path.is_symlink()]  # a link may lead anywhere
    pins = (path for folder in (names.MODELS, *groups) for path in folder.glob("*.dvc") if path.is_file())
    found = (path.relative_to(names.MODELS).as_posix().removesuffix(".dvc") for path in pins)
    return sorted(filter(names.is_model_name, found))


def all_names() -> list[str]:
    """The NAME of every model with a pin in the working tree or in Git's index, sorted."""
    return sorted({*here(), *history.in_index()})


def unpinned(everyone: list[str]) -> list[str]:
    """What in models/ is of no model in `everyone`, sorted: folders with files, and files that are no pages."""
    groups = {name.partition("/")[0] for name in everyone if "/" in name}
    there = (path for top in ("", *groups) for path in (names.MODELS / top).glob("*"))
    named = {path.relative_to(names.MODELS).as_posix(): path for path in there}
    return sorted(name for name in named.keys() - {*everyone, *groups} if _is_weights(named[name]))


def _is_weights(path: Path) -> bool:
    if path.is_dir():
        return any(path.iterdir())
    return path.suffix not in PAGES and not path.name.startswith(".")


def check_writable() -> None:
    """Raise `Failure` if models/ is missing, read-only or on a disk of its own: a command would stop midway."""
    if not names.MODELS.exists():
        raise Failure("models/ is not in this checkout; bring it: git sparse-checkout add models .dvc")
    if not os.access(names.MODELS, os.W_OK):
        raise Failure(f"models/ cannot be written to: {names.MODELS}; nothing was changed")
    if not paths.same_disk(names.MODELS, paths.ROOT):
        raise Failure("models/ is its own disk, so no model can be moved there in one step; put the whole clone there")


def select(wanted: str) -> list[str]:
    """The NAMEs that the words of `wanted` select, all if it is empty. Raises `Failure` for a word that selects none.

    A word is a NAME, the path of a model's folder or pin, a group, a glob, a Hub repo or the URL of its page.
    """
    everyone = all_names()
    chosen = [name for word in wanted.split() for name in _meant(word, everyone)]
    return list(dict.fromkeys(chosen)) if wanted.split() else everyone


def of_release(word: str, is_known: bool) -> list[str]:
    """The models that `word` selects for a release: itself, pin or not, if one `is_known`. Raises `Failure`."""
    try:
        return [word] if is_known else select(word)
    except Failure as failure:
        raise Failure(f"no release of {word!r} here ({releases.FETCH}), and {failure}") from None


def _meant(word: str, everyone: list[str]) -> list[str]:
    name = names.from_path(word)
    if name in everyone:
        return [name]
    if chosen := [each for each in everyone if each.startswith(f"{name}/") or fnmatchcase(each, name)]:
        return chosen
    sources = {each: pin.read_head(each).source for each in everyone if pin.path_of(each).exists()}
    repo = names.from_address(word)[0]
    if chosen := [each for each, source in sources.items() if source == repo]:
        return chosen
    if (model := word.partition("@")[0]) in everyone:
        how = f"the model is {model}; make pull also takes a release of it, typed like {model}@v1.2.0"
        raise Failure(f"no such model: {word!r}; {how}")
    known = [*everyone, *filter(None, sources.values()), *(each.partition("/")[0] for each in everyone)]
    meant = next((each for each in everyone if each.endswith(f"/{name}")), word)
    raise Failure(f"no such model: {word!r}; {text.nearest(meant, known, 'make list shows what there is')}")


def check_group(name: str) -> None:
    """Raise `Failure` if the group of the model `name` is a symbolic link, which may lead anywhere."""
    group = name.partition("/")[0]
    if group != name and names.weights_dir(group).is_symlink():
        raise Failure(f"models/{group} is a link, so it cannot contain {name!r}; a group must be a folder")


def _check_here(name: str) -> None:
    check_group(name)
    group, _, inner = name.partition("/")
    inner = inner or next((path.stem for path in names.weights_dir(name).glob("?*.dvc")), "")
    if inner and pin.path_of(group).exists():
        moved = advice.out(group, inner)
        raise Failure(f"{group!r} is a model, so it cannot contain '{group}/{inner}'; move that pin away: {moved}")
    if not pin.path_of(name).exists():
        history.forget()
        if name not in history.in_index():  # it was, before this command waited for a lock
            raise Failure(f"no model {name!r} any more: another command removed or renamed it")
        raise Failure(advice.absent(name))


def head(name: str) -> pin.Pin:
    """The pin of the model `name` without its files. Raises `Failure` if it is broken or gone, and says why."""
    _check_here(name)
    return pin.read_head(name)


def checked(name: str) -> pin.Pin:
    """The pin of the model `name`. Raises `Failure` if it is inconsistent, broken or gone, and says why."""
    _check_here(name)
    held = pin.read(name)
    if fault := inconsistency(held):
        raise Failure(f"models/{name}.dvc {fault}")
    return held


def at(commit: str, name: str) -> pin.Pin:
    """The pin of the model `name` in the Git commit `commit`, where the model may have had an older name.

    Raises `Failure` if it is broken or not there.
    """
    how = f"git log -- models/{name}.dvc shows which Git commits"
    there = ((was, history.text(commit, f"models/{was}.dvc")) for was in history.called(name))
    if not (found := next((each for each in there if each[1] is not None), None)):
        raise Failure(f"{commit[:7]} has no models/{name}.dvc; {how} do")
    try:
        return replace(pin.parse(*found), name=name)
    except Failure as failure:  # its advice is for the pin in the working tree
        raise Failure(f"in {commit[:7]}, {str(failure).partition('; ')[0]}; {how} changed it") from None


def versions(name: str, at: str = "HEAD") -> Iterator[tuple[str, pin.Pin]]:
    """(Git commit, pin) for the versions of the pin of `name` up to the Git commit `at` (--all: any), newest first.

    An older name becomes `name`. Commits that have no pin or a broken one are left out. Raises `Failure`.
    """
    log = history.log(name, at)
    ids = history.object_ids(f"{each['commit']}:models/{each['name']}.dvc" for each in log)
    there = [(each, oid) for each, oid in zip(log, ids, strict=True) if oid]
    for (each, _), found in zip(there, history.blobs(oid for _, oid in there), strict=True):
        with suppress(Failure):
            yield each["commit"], replace(pin.parse(each["name"], found), name=name)


def consistent(chosen: list[str], report: Report) -> list[pin.Pin]:
    """The consistent pins of the models `chosen`; the others become findings of `report`."""
    pins = []
    for name in chosen:
        with report.failing(name, "pin", "broken"):
            pins.append(checked(name))
    return pins


def inconsistency(held: pin.Pin) -> str | None:
    """How `held` contradicts itself and the likely cause; None if it does not, as a pin without `files` never does."""
    if held.files is None:
        return None
    wrong = [key for key, value in pin.totals(held).items() if value != getattr(held, key)]
    if not wrong:
        return None
    said = f"{', '.join(wrong)} {'does' if len(wrong) == 1 else 'do'} not match its files; {advice.restore(held.name)}"
    if "md5" not in wrong:
        return f"was edited by hand: {said}"
    if not held.source:
        said += f"; or pin what models/{held.name} holds now: make track NAME={held.name}"
    if wrong == ["md5"]:
        return f"was edited by hand, or a bare dvc add changed it: {said}"
    return f"is stale (a bare dvc add?) or mixes two versions (a merge?): {said}"

"""Releases of a model, as annotated Git tags in GTO's grammar: `NAME@v1.2.0` a version, `NAME#prod#3` what a stage has.

The number of a stage's tag counts all such tags of the model; the highest says which Git commit the stage has now, and
`NAME#prod!#4` that it has none.
"""

import re
from functools import lru_cache

from lib.core.errors import Failure
from lib.model import history

NUMBER = "(?:0|[1-9][0-9]*)"
VERSION = re.compile(rf"{NUMBER}\.{NUMBER}\.{NUMBER}(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?")
STAGE = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?")
GIVEN = re.compile(r"#([a-zA-Z0-9-]+)(!?)#([0-9]+)")  # what follows the NAME in the tag of a stage
FETCH = "fetch the tags: git fetch --tags"


def version(text: str) -> str:
    """`text`, if it is a version such as 1.2.0, without the `v` that may stand before it. Raises `Failure`."""
    if found := VERSION.fullmatch(text.removeprefix("v")):
        return found[0]
    raise Failure(f"not a version: {text!r} (want MAJOR.MINOR.PATCH, such as 1.2.0)")


def stage(text: str) -> str:
    """`text`, if it may be the name of a stage. Raises `Failure`."""
    if STAGE.fullmatch(text):
        return text
    raise Failure(f"not a name for a stage: {text!r} (want letters, digits and '-', such as prod)")


@lru_cache(maxsize=1)
def _tags() -> dict[str, dict[str, str]]:
    """By the NAME of each model, what follows it in its tags, such as `@v1.2.0`, and the Git commit of each."""
    found: dict[str, dict[str, str]] = {}
    for tag, commit in history.tags().items():
        if parts := re.fullmatch(r"([^@#]+)([@#].+)", tag):
            found.setdefault(parts[1], {})[parts[2]] = commit
    return found


def versions(name: str) -> dict[str, str]:
    """The versions of the model `name` and the Git commit of each, in the order of their numbers."""
    tags = _tags().get(name, {})
    found = {rest.removeprefix("@v"): commit for rest, commit in tags.items() if rest.startswith("@v")}
    return {each: found[each] for each in sorted(filter(VERSION.fullmatch, found), key=_order)}


def _order(text: str) -> tuple:
    numbers, dash, rest = text.partition("-")
    parts = [(not each.isdigit(), int(each) if each.isdigit() else 0, each) for each in rest.split(".")]
    return [int(each) for each in numbers.split(".")], not dash, parts


def _assigned(name: str) -> list[tuple[int, str, str | None]]:
    """The number, the stage and the Git commit of every tag of a stage of the model `name`, in the order of numbers."""
    found = ((GIVEN.fullmatch(rest), commit) for rest, commit in _tags().get(name, {}).items())
    tags = ((int(tag[3]), tag[1], None if tag[2] else commit) for tag, commit in found if tag)
    return sorted(tags, key=lambda each: (each[0], each[2] or ""))  # two clones may have given the same number


def stages(name: str) -> dict[str, str]:
    """The Git commit that each stage of the model `name` has now."""
    return {stage: commit for stage, commit in {each[1]: each[2] for each in _assigned(name)}.items() if commit}


def staged(stage: str) -> list[str]:
    """The NAME of every model that has a version in `stage`, also of one that has no pin any more."""
    return [name for name in sorted(_tags()) if stage in stages(name)]


def next_tag(name: str, stage: str, remove: bool) -> str:
    """The tag that gives `stage` another Git commit, or takes it away."""
    return f"{name}#{stage}{'!' if remove else ''}#{max((each[0] for each in _assigned(name)), default=0) + 1}"


def at_version(name: str, text: str) -> str:
    """The Git commit of a version of the model `name`. Raises `Failure`."""
    known = versions(name)
    if (wanted := version(text)) in known:
        return known[wanted]
    raise Failure(f"no release {name}@v{wanted} here; there is {', '.join(known) or 'none'}; {FETCH}")


def at_stage(name: str, text: str) -> str:
    """The Git commit that a stage of the model `name` has. Raises `Failure`."""
    known = stages(name)
    if stage(text) in known:
        return known[text]
    raise Failure(f"no release of {name} is in the stage {text!r} here; stages: {', '.join(known) or 'none'}; {FETCH}")


def titles() -> dict[str, list[str]]:
    """What the pins in Git's index are called, by NAME: versions that are the same pin, and stages that have it."""
    pins = history.in_index()
    named = _tags().keys() & pins.keys()
    asked = [(name, f"v{each}", at) for name in named for each, at in versions(name).items()]
    asked += [(name, each, at) for name in named for each, at in stages(name).items()]
    blobs = history.object_ids(f"{at}:models/{name}.dvc" for name, _, at in asked)
    found: dict[str, list[str]] = {}
    for (name, title, _), blob in zip(asked, blobs, strict=True):
        if blob == pins[name]:
            found.setdefault(name, []).append(title)
    return found

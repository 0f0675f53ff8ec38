"""Releases of a model, as annotated Git tags in GTO's format: `NAME@v1.2.0` for a version, `NAME#prod#3` for a stage.

The tags for stages of a model share one counter; the highest number says which Git commit is in the stage now.
`NAME#prod!#4` takes the model out of it.
"""

import re
from functools import lru_cache

from lib.core.errors import Failure
from lib.model import history

NUMBER = "(?:0|[1-9][0-9]*)"
VERSION = re.compile(rf"{NUMBER}\.{NUMBER}\.{NUMBER}(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?")
STAGE = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?")
STAGE_TAG = re.compile(r"#([a-zA-Z0-9-]+)(!?)#([0-9]+)")  # the tag of a stage, after the NAME
FETCH = "fetch the tags: git fetch --tags"
UNSHALLOW = "git fetch --unshallow --tags"


def version(text: str) -> str:
    """`text` without a leading `v`, if it is a version such as 1.2.0. Raises `Failure` if not."""
    if found := VERSION.fullmatch(text.removeprefix("v")):
        return found[0]
    raise Failure(f"not a version: {text!r} (want MAJOR.MINOR.PATCH, such as 1.2.0)")


def stage(text: str) -> str:
    """`text`, if it is a valid name for a stage. Raises `Failure` if not."""
    if STAGE.fullmatch(text):
        return text
    raise Failure(f"not a name for a stage: {text!r} (want letters, digits and '-', such as prod)")


@lru_cache(maxsize=1)
def _tags() -> dict[str, dict[str, str]]:
    """NAME -> {rest of a tag of the model, such as `@v1.2.0`: id of its Git commit}."""
    found: dict[str, dict[str, str]] = {}
    for tag, commit in history.tags().items():
        if parts := re.fullmatch(r"([^@#]+)([@#].+)", tag):
            found.setdefault(parts[1], {})[parts[2]] = commit
    return found


def versions(name: str) -> dict[str, str]:
    """Version -> id of its Git commit, for the model `name`, lowest version first."""
    tags = _tags().get(name, {})
    found = {rest.removeprefix("@v"): commit for rest, commit in tags.items() if rest.startswith("@v")}
    return {each: commit for each, commit in found.items() if VERSION.fullmatch(each)}


def _assigned(name: str) -> list[tuple[int, str, str | None]]:
    """(number, stage, Git commit or None if taken out) for each stage tag of the model `name`, sorted by number."""
    found = ((STAGE_TAG.fullmatch(rest), commit) for rest, commit in _tags().get(name, {}).items())
    tags = ((int(tag[3]), tag[1], None if tag[2] else commit) for tag, commit in found if tag)
    return sorted(tags, key=lambda each: (each[0], each[2] or ""))  # two clones may have used the same number


def stages(name: str) -> dict[str, str]:
    """Stage -> id of the Git commit that is in it now, for the model `name`."""
    return {stage: commit for stage, commit in {each[1]: each[2] for each in _assigned(name)}.items() if commit}


def left_in_stages(name: str) -> str:
    """What to say once no pin is called `name`: in which stages it still is, and how to take it out; or empty."""
    how = "; {0} is still in {1}; to take it out: make release MODEL={0} STAGE={1} REMOVE=1"
    return "".join(how.format(name, stage) for stage in stages(name))


def _is_whole(name: str) -> bool:
    """Whether no stage tag of the model `name` is missing because this clone is shallow, as far as its numbers tell."""
    numbers = {each[0] for each in _assigned(name)}
    return len(numbers) == max(numbers, default=0) or not history.is_shallow()


def check_whole(name: str) -> None:
    """Raise `Failure` if stage tags of the model `name` are missing because this clone is shallow."""
    if not _is_whole(name):
        raise Failure(f"this clone is shallow and lacks tags of {name}, so its stages are not known; type: {UNSHALLOW}")


def staged(stage: str) -> list[str]:
    """The NAME of every model that is in `stage`, sorted; some may no longer have a pin."""
    return [name for name in sorted(_tags()) if stage in stages(name)]


def next_tag(name: str, stage: str, remove: bool) -> str:
    """The name of the tag that puts a Git commit of `name` into `stage` or, with `remove`, takes the model out.

    Raises `Failure` in a shallow clone that lacks the newest number.
    """
    check_whole(name)
    return f"{name}#{stage}{'!' if remove else ''}#{max((each[0] for each in _assigned(name)), default=0) + 1}"


def advice(name: str, otherwise: str = "") -> str:
    """What to type for a release of the model `name` that is not here; `otherwise` comes first if it has no older name.

    A release keeps the name that the model then had.
    """
    older = [was for was in history.called(name) if was != name and was in _tags()]
    return ("".join(f"its releases before the rename: MODEL={was}; " for was in older) or otherwise) + FETCH


def at_version(name: str, text: str) -> str:
    """The id of the Git commit of the version `text` of the model `name`. Raises `Failure` if there is none."""
    known = versions(name)
    if (wanted := version(text)) in known:
        return known[wanted]
    raise Failure(f"no release {name}@v{wanted} here; there is {', '.join(known) or 'none'}; {advice(name)}")


def at_stage(name: str, text: str) -> str:
    """The id of the Git commit of the model `name` in the stage `text`. Raises `Failure` if there is none."""
    check_whole(name)
    known = stages(name)
    if stage(text) in known:
        return known[text]
    there = ", ".join(known) or "none"
    raise Failure(f"no release of {name} is in the stage {text!r} here; stages: {there}; {advice(name)}")


def titles() -> dict[str, list[str]]:
    """NAME -> versions (`v1.2.0`) and known stages whose pin is the one in Git's index, if there are any."""
    pins = history.in_index()
    named = _tags().keys() & pins.keys()
    asked = [(name, f"v{each}", at) for name in named for each, at in versions(name).items()]
    asked += [(name, each, at) for name in filter(_is_whole, named) for each, at in stages(name).items()]
    blobs = history.object_ids(f"{at}:models/{name}.dvc" for name, _, at in asked)
    found: dict[str, list[str]] = {}
    for (name, title, _), blob in zip(asked, blobs, strict=True):
        if blob == pins[name]:
            found.setdefault(name, []).append(title)
    return found

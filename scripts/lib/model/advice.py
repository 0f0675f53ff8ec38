"""What to type about a pin that is broken, absent or out of place."""

import re

from lib.model import history, names


def _path(name: str) -> str:
    return f"models/{name}.dvc"


def _is_here(name: str) -> bool:
    return (names.MODELS / f"{name}.dvc").exists()


def move(name: str, new: str) -> str:
    """The command that renames the pin of `name` alone; Git moves only what is in its index."""
    return f"{'git ' if name in history.in_index() else ''}mv {_path(name)} {_path(new)}"


def out(group: str, inner: str) -> str:
    """The command that moves the pin `group`/`inner` out of the model `group`, but not over another pin."""
    first, new = ("mkdir models/OTHER && ", f"OTHER/{inner}") if _is_here(inner) else ("", inner)
    return first + move(f"{group}/{inner}", new)


def _drop(name: str) -> str:
    return f"{'git rm --force' if name in history.in_index() else 'rm'} {_path(name)}"


def commit(name: str) -> str:
    """The command that commits the pin of `name` alone; Git takes no path that is not in its index."""
    first = "" if name in history.in_index() else f"git add {_path(name)} && "
    return f"{first}git commit -- {_path(name)}"


def restore(name: str, text: str | None = None) -> str:
    """How to replace `text`, the broken pin of `name` (None: its file): by the committed one, else an older one."""
    path = _path(name)
    if _is_here(name) and history.head() and history.committed(name) is None:
        return f"drop it, since the last Git commit does not have it: {_drop(name)}"
    if not (history.holds(name) if text is None else history.committed(name) == text):
        return f"restore it: git checkout HEAD -- {path}"
    how = f"git checkout COMMIT -- {path} (git log -- {path} lists them)"
    return f"restore an older one, since it was committed so: {how}"


def absent(name: str) -> str:
    """What to say of the pin of the model `name`, which is in Git's index but not here."""
    path, since = _path(name), "HEAD " if history.committed(name) else ""  # else it was staged, and never committed
    more = f"remove it for good: git rm {path}; in a sparse checkout: git sparse-checkout add models .dvc"
    return f"{path} is in Git but not here; restore it: git checkout {since}-- {path} ({more})"


def conflict(name: str, text: str) -> str:
    """What to say of the pin of the model `name`, whose content `text` holds a merge conflict."""
    path = _path(name)
    said = f"{path} holds a merge conflict"
    if history.committed(name) == text:
        return f"{said}; {restore(name, text)}"
    if "\n<<<<<<<<" not in f"\n{text}":
        return f"{said}; take one side: git checkout --ours -- {path} (or --theirs), then git add {path}"
    # Git writes longer markers if both sides renamed the model; its index then holds them too, for either side.
    # After the marker stands the other branch or, in a rebase, the commit and its subject.
    theirs = re.search("\n>>>>>>>> ([^: ]+)|$", text)[1] or "COMMIT"
    commit = "HEAD" if history.committed(name) else theirs
    how = f"keep this name: git checkout {commit} -- {path}; or drop it for the other: git rm {path}"
    return f"{said}, as both sides renamed the model; {how}"


def moved(name: str, part: str) -> str:
    """What to say of the pin of the model `name`, which pins a model whose NAME ends in `part`."""
    old = "/".join([*name.split("/")[:-1], part])
    said = f"{_path(name)} was renamed by hand, it pins {old!r}"
    if _is_here(old):
        return f"{said}, which has a pin; drop this one: {_drop(name)}"
    more = f"and then all that belongs to it: make rename MODEL={old} NAME={name}"
    return f"{said}; rename it back: {move(name, old)} ({more})"


def single(name: str) -> str:
    """What to say of the pin of the model `name`, which plain `dvc add FILE` made."""
    drop = _drop(name) + (", and commit that" if history.committed(name) else "")
    how = f"drop this pin: {drop}; then pin the folder that the file lies in: make track NAME=OTHER DIR=FOLDER"
    return f"{_path(name)} pins one file, and a model is a folder; {how}"

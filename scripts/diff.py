"""What changed between two versions of a pin: files, license and, as far as the bytes are on this machine, tensors."""

from collections import defaultdict

from lib.core import arguments, console, text
from lib.core.errors import Failure
from lib.core.report import Report
from lib.disk import cache, tensors
from lib.model import compare, history, pin, releases, selection


def before(name: str, new: pin.Pin, at: str) -> tuple[str, pin.Pin | None]:
    """The last version in the history of `at` that differs from `new`: short commit and pin; or `nothing` and None."""
    for commit, old in selection.versions(name, at=at):
        if old != new:
            return commit[:7], old
    return "nothing", None


def commit(revision: str, name: str) -> str:
    """The Git commit of `revision`, or else what is in the stage `revision` of the model `name`. Raises `Failure`."""
    try:
        return history.resolve(revision, name)
    except Failure:
        for was in history.called(name):
            if revision in releases.stages(was):
                return releases.at_stage(was, revision)
        raise


def sides(name: str, start: str, stop: str) -> tuple[str, pin.Pin | None, pin.Pin]:
    """The pins of `name` in the versions `start` (or the one before) and `stop` (or here), after the older one's title.

    Raises `Failure` if one was made by plain `dvc add`, and so does not name its files.
    """
    at = commit(stop, name) if stop else "HEAD"
    new = selection.at(at, name) if stop else selection.checked(name)
    start, old = (start, selection.at(commit(start, name), name)) if start else before(name, new, at)
    if new.md5 != (old and old.md5) and any(each and each.files is None for each in (old, new)):
        how = f"make track NAME={name} makes pins that do"
        raise Failure(f"{name}: {start} -> {stop or 'here'}: a pin of plain dvc add does not name its files; {how}")
    return start, old, new


def tensor_lines(old: pin.Pin | None, new: pin.Pin) -> tuple[list[str], int]:
    """A line for each tensor of `new` that differs from `old`; none if files, counted next, are not on this machine."""
    found, absent = [], 0
    for held in (old, new):
        files = ((held and held.files) or {}).items()
        paths = [cache.object_path(file.md5) for path, file in files if path.endswith(".safetensors")]
        absent += sum(not path.is_file() for path in paths)
        shapes = defaultdict(list)  # by name, which several files may use
        for name, each in sorted(tensors.of_files(paths).elements()):
            shapes[name].append(str(each))
        found.append({name: ", ".join(each) for name, each in shapes.items()})
    if absent or not old:
        return [], absent
    was, now = found
    changed = [f"M {name} {was[name]} -> {each}" for name, each in now.items() if was.get(name, each) != each]
    added = [f"A {name} {each}" for name, each in now.items() if name not in was]
    return [*changed, *added, *(f"D {name} {each}" for name, each in was.items() if name not in now)], 0


def main(report: Report) -> tuple[str, str]:
    chosen = selection.select(arguments.value("MODEL"))
    if len(chosen) != 1:
        raise Failure(f"{text.plural(len(chosen), 'model')} named; diff compares two versions of one: MODEL=NAME")
    (name,), start, stop = chosen, arguments.value("FROM"), arguments.value("TO")
    start, old, new = sides(name, start, stop)
    changes, license = compare.pins(old, new), compare.license_change(old and old.terms, new.terms)
    lines, absent = tensor_lines(old, new)
    if old is None and history.is_shallow():
        report.note(f"{name}: this clone is shallow, so an older version is not known (git fetch --unshallow)")
    for line in (*changes.lines(), license, *(f"tensor {line}" for line in lines)):
        if line:
            console.result(line)
    if absent:
        report.note(f"tensors were not compared: {text.plural(absent, 'file')} not on this machine")
    more = {"old_commit": old and old.commit, "old_license": old and old.terms, "old_size": old and old.size}
    report.model(**pin.facts(new), **more, changes=changes.facts, tensors=lines)
    sizes = f"{text.size(old.size if old else 0)} -> {text.size(new.size)}"
    return f"{name}: {start} -> {stop or 'here'}: {changes}, {sizes}", ""

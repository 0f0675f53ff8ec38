"""The differences between the files of two versions of a model."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from lib.core import text
from lib.model.pin import Pin

Files = Mapping[str, tuple[str, int]]  # path -> (id of the content, size in bytes)

LINES = {  # as in `git status --short`
    "added": "A {path} ({size})",
    "removed": "D {path} ({old_size})",
    "changed": "M {path} ({old_size} -> {size})",
    "renamed": "R {old_path} -> {path}",
}


@dataclass(frozen=True)
class Changes:
    """What happened to each file, under the keys of JSON reports; `size` and `old_size` are in bytes."""

    facts: list[dict[str, str | int]]

    def __str__(self) -> str:
        counts = Counter(each["kind"] for each in self.facts)
        said = (f"{text.plural(counts[kind], 'file')} {kind}" for kind in LINES if counts[kind])
        return ", ".join(said) or "the same files"

    def lines(self) -> list[str]:
        sizes = ({key: text.size(each[key]) for key in ("size", "old_size") if key in each} for each in self.facts)
        return [LINES[each["kind"]].format_map(each | said) for each, said in zip(self.facts, sizes, strict=True)]


def compare(old: Files, new: Files) -> Changes:
    """The changes from `old` to `new`; a removed file whose content reappears under another path counts as renamed."""
    left = {key: path for path, (key, _) in old.items() if path not in new}
    came = {path: left.pop(key, None) for path, (key, _) in new.items() if path not in old}  # path -> old path or None
    gone = old.keys() - new.keys() - set(came.values())
    changed = [path for path, (key, _) in new.items() if path in old and old[path][0] != key]
    facts: list[dict] = [
        *({"kind": "changed", "path": path, "old_size": old[path][1], "size": new[path][1]} for path in changed),
        *({"kind": "added", "path": path, "size": new[path][1]} for path, was in came.items() if not was),
        *({"kind": "removed", "path": path, "old_size": size} for path, (_, size) in old.items() if path in gone),
        *({"kind": "renamed", "path": path, "old_path": was} for path, was in came.items() if was),
    ]
    return Changes(facts)


def pins(old: Pin | None, new: Pin) -> Changes:
    """The changes from the files of `old` (no files if None) to those of `new`; none if plain `dvc add` made one."""
    if old and None in (old.files, new.files):
        return Changes([])
    sides = ((each and each.files or {}).items() for each in (old, new))
    return compare(*({path: (f"{file.md5} {file.sha256}", file.size) for path, file in side} for side in sides))


def license_change(old: str | None, new: str | None) -> str | None:
    """A line such as `license: mit -> gemma`, or None if it is the same."""
    return None if old == new else f"license: {old or 'none'} -> {new or 'none'}"

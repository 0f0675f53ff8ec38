"""What differs between the files of two versions of a model."""

from collections.abc import Mapping
from dataclasses import dataclass

from lib.core import text
from lib.model.pin import Pin

Files = Mapping[str, tuple[str, int]]  # path -> what tells the content from any other, and bytes


@dataclass(frozen=True)
class Changes:
    """Paths and bytes; of a changed file the bytes before and after, of a renamed one the path before."""

    added: Mapping[str, int]
    removed: Mapping[str, int]
    changed: Mapping[str, tuple[int, int]]
    renamed: Mapping[str, str]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.renamed)

    def __str__(self) -> str:
        counts = {kind: len(paths) for kind, paths in vars(self).items() if paths}
        return ", ".join(f"{text.plural(count, 'file')} {kind}" for kind, count in counts.items()) or "the same files"

    def lines(self) -> list[str]:
        """One line for each file, as in `git status --short`."""
        return [
            *(f"M {path} ({text.size(old)} -> {text.size(new)})" for path, (old, new) in self.changed.items()),
            *(f"A {path} ({text.size(size)})" for path, size in self.added.items()),
            *(f"D {path} ({text.size(size)})" for path, size in self.removed.items()),
            *(f"R {old} -> {new}" for new, old in self.renamed.items()),
        ]

    def facts(self) -> list[dict[str, object]]:
        """The same by the keys of JSON reports; `size` and `old_size` in bytes."""
        return [
            *(
                {"kind": "changed", "path": path, "old_size": old, "size": new}
                for path, (old, new) in self.changed.items()
            ),
            *({"kind": "added", "path": path, "size": size} for path, size in self.added.items()),
            *({"kind": "removed", "path": path, "old_size": size} for path, size in self.removed.items()),
            *({"kind": "renamed", "path": new, "old_path": old} for new, old in self.renamed.items()),
        ]


def compare(old: Files, new: Files) -> Changes:
    """What turns the files `old` into `new`; a removed file whose content came under another path was renamed."""
    gone = {key: path for path, (key, _) in old.items() if path not in new}
    renamed = {path: gone.pop(key) for path, (key, _) in new.items() if path not in old and key in gone}
    moved = set(renamed.values())
    return Changes(
        {path: size for path, (_, size) in new.items() if path not in old and path not in renamed},
        {path: size for path, (_, size) in old.items() if path not in new and path not in moved},
        {path: (old[path][1], size) for path, (key, size) in new.items() if path in old and old[path][0] != key},
        renamed,
    )


def pins(old: Pin | None, new: Pin) -> Changes:
    """What turns the files of `old`, if there is one, into those of `new`."""
    return compare(
        *({path: (file.md5, file.size) for path, file in (each and each.files or {}).items()} for each in (old, new))
    )


def license_change(old: str | None, new: str | None) -> str | None:
    """`license: mit -> gemma`, or None if it is the same."""
    return None if old == new else f"license: {old or 'none'} -> {new or 'none'}"

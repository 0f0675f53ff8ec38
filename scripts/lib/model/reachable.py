"""The pins that Git reaches, in its history, its stash and its worktrees: what must not lose its objects."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from lib.core.errors import Failure
from lib.core.paths import ROOT
from lib.model import history, pin
from lib.model.history import PIN, ask
from lib.model.pin import Pin

OID = re.compile(r"\b[0-9a-f]{32}(?:\.dir)?\b")
ALL_REFS = "fetch them: git fetch {0} '+refs/*:refs/{0}/*'"


def _lines(*words: str, data: bytes | None = None) -> list[str]:
    return ask(*words, data=data).decode(errors="surrogateescape").splitlines()


def _foreign() -> set[str]:
    """What the branches, tags and pull requests of every Git remote lead to. Raises `Failure` if one is not here."""
    if history.is_shallow():
        raise Failure("this clone is shallow, so older pins are not known; type: git fetch --unshallow")
    found = set()
    for remote in _lines("remote"):
        tips = dict(line.split("\t") for line in _lines("ls-remote", "--refs", remote))
        known = _lines("cat-file", "--batch-check", data="".join(f"{tip}\n" for tip in tips).encode())
        if gone := [ref for (tip, ref), line in zip(tips.items(), known, strict=True) if line == f"{tip} missing"]:
            raise Failure(f"{gone[0]} of {remote} is not in this clone, with what it pins; {ALL_REFS.format(remote)}")
        found |= set(tips)
    return found


def _stash() -> list[str]:
    """Every entry of the stash, and what was in the index then; `--all` sees the last entry alone."""
    if not _lines("for-each-ref", "refs/stash"):
        return []
    return [each for line in _lines("log", "--walk-reflogs", "--format=%H %P", "refs/stash") for each in line.split()]


def _trees(walk: bool, *revisions: str) -> list[str]:
    """For diff-tree: the Git commits that `revisions` reach, or only their own trees, beside the empty one."""
    if walk:
        return _lines("rev-list", *revisions)
    empty = _lines("hash-object", "-t", "tree", "--stdin", data=b"")[0]
    return _lines("rev-list", "--no-walk", f"--format={empty} %T", *revisions)[1::2]  # a header before each


def _in_commits(trees: list[str]) -> Iterator[tuple[str, str]]:
    """NAME and blob id of every pin that one of `trees` has."""
    said = ask(
        *("diff-tree", "--stdin", "-m", "-r", "--root", "--raw", "-z", "--no-renames", "--no-abbrev"),
        *("--no-commit-id", "--", "models"),
        data="".join(f"{line}\n" for line in trees).encode(),
    )
    parts = said.decode(errors="surrogateescape").split("\0")
    for head, path in zip(parts, parts[1:], strict=False):
        if head.startswith(":") and (found := PIN.fullmatch(path)) and head.split()[3].strip("0"):
            yield found[1], head.split()[3]


def _worktrees() -> Iterator[Path]:
    """The folder of each, this clone first. Raises `Failure` for one that is not there."""
    yield ROOT
    for line in _lines("worktree", "list", "--porcelain"):
        top = Path(line.removeprefix("worktree "))
        if not line.startswith("worktree ") or top == ROOT:
            continue
        if not top.is_dir():
            raise Failure(
                f"no worktree at {top}, so its pins are not known; if it is gone for good: git worktree prune"
            )
        if (top / ".git").exists():  # a bare repository and that of a submodule have no files
            yield top


def _in_files() -> Iterator[tuple[str, str]]:
    """NAME and text of every pin that lies in a worktree."""
    for top in _worktrees():
        for path in [*top.glob("models/*.dvc"), *top.glob("models/*/*.dvc")]:
            yield PIN.fullmatch(path.relative_to(top).as_posix())[1], path.read_text(errors="surrogateescape")


def _in_index() -> Iterator[tuple[str, str]]:
    """NAME and blob id of every pin in the index of a worktree, on all sides of a merge."""
    for top in _worktrees():
        yield from history.pins(ask("-C", str(top), "ls-files", "--stage", "-z", "--", "models"))


def _read(found: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    ordered = sorted(set(found))
    return set(zip((name for name, _ in ordered), history.blobs(blob for _, blob in ordered), strict=True))


def kept(walk: bool = True) -> set[tuple[str, str]]:
    """NAME and text of every pin that must keep its objects. Raises `Failure` where not all that counts is seen.

    That is what any ref here or on a Git remote reaches, every entry of the stash, and the HEAD, index and files of
    every worktree; without `walk` only the refs' own Git commits, not those before them.
    """
    return _read([*_in_commits(_trees(walk, "--all", *_foreign(), *_stash())), *_in_index()]) | set(_in_files())


def objects(text: str) -> set[str]:
    """The ids in the pin `text`, broken or not: of its files and their listing."""
    return set(OID.findall(text))


def without_files(texts: Iterable[tuple[str, str]]) -> Iterator[Pin]:
    """Those of `texts` that plain `dvc add` made, so that their listing has the ids of their files."""
    for name, text in texts:
        if "\n  files:" not in text:
            with suppress(Failure):  # it is no pin, and names no listing
                yield pin.parse(name, text)


def named(undone: bool = False) -> dict[str, str]:
    """The id of each object that this clone's history names, and the NAME of a model that it is of.

    With `undone` also what no ref reaches any more, as far as Git's reflog has it.
    """
    if not history.has_head():
        return {}
    pins = _read(_in_commits(_trees(True, "--all", *(["--reflog"] if undone else []))))
    return {oid: name for name, text in sorted(pins) for oid in objects(text)}

"""What DVC pinned and Git reaches, in its history, its stash and its worktrees: what must not lose its objects.

That is more than the models: a team pins other files of its own, and a pipeline does so in dvc.lock.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from lib.core.errors import Failure
from lib.core.paths import ROOT
from lib.model import history, pin

OID = re.compile(r"\b[0-9a-f]{32}(?:\.dir)?\b")
PATHS = ("--", "*.dvc", "*dvc.lock")  # in any folder: DVC pins what is no model, too
# What a merge, rebase or bisect in progress leads to: what was stashed for it, where it began, what it brings.
IN_PROGRESS = [f"rebase-{kind}/{each}" for kind in ("merge", "apply") for each in ("autostash", "orig-head")]
IN_PROGRESS += ["BISECT_START", "MERGE_AUTOSTASH", "MERGE_HEAD"]
OF_ONE_WORKTREE = ("refs/bisect", "refs/worktree", "refs/rewritten")  # `--all` sees those of this one alone
ALL_REFS = "fetch them: git fetch {0} '+refs/*:refs/{0}/*'"


def _foreign() -> set[str]:
    """What the branches, tags and pull requests of every Git remote lead to. Raises `Failure` if one is not here."""
    if history.is_shallow():
        raise Failure("this clone is shallow, so older pins are not known; type: git fetch --unshallow")
    found = set()
    for remote in history.lines("remote"):
        tips = dict(line.split("\t") for line in history.lines("ls-remote", "--refs", remote))
        if gone := [ref for ref, oid in zip(tips.values(), history.object_ids(tips), strict=True) if not oid]:
            raise Failure(f"{gone[0]} of {remote} is not in this clone, with what it pins; {ALL_REFS.format(remote)}")
        found |= set(tips)
    return found


def _stash() -> list[str]:
    """Every entry of the stash (`--all` sees only the last), what is in progress, and the parents of both."""
    found = history.lines("stash", "list", "--no-show-signature", "--format=%H %P")
    words = [word for each in IN_PROGRESS for word in ("--git-path", each)]
    for top in _worktrees():
        paths = [top / path for path in history.lines("-C", str(top), "rev-parse", *words)]
        for path in filter(Path.is_file, paths):
            found += history.lines("rev-list", "--no-walk", "--parents", *path.read_text().split())
        found += history.lines("-C", str(top), "for-each-ref", "--format=%(objectname)", *OF_ONE_WORKTREE)
    return [each for line in found for each in line.split()]


def _in_commits(walk: bool, *revisions: str) -> Iterator[tuple[str, str]]:
    """Name and blob id of every pin in the Git commits that `revisions` reach, or without `walk` only name."""
    if walk:
        trees = history.lines("rev-list", *revisions)
    else:  # each beside the empty tree, on the line after a header
        empty = history.lines("hash-object", "-t", "tree", "--stdin")[0]
        trees = history.lines("rev-list", "--no-walk", f"--format={empty} %T", *revisions)[1::2]
    parts = history.lines(
        *("diff-tree", "--stdin", "-m", "-r", "--root", "--raw", "-z", "--no-renames", "--no-abbrev"),
        *("--no-commit-id", *PATHS),
        given=trees,
    )
    for head, path in zip(parts[::2], parts[1::2], strict=False):
        _, mode, _, blob, _ = head.rpartition("\n")[2].split()  # a pair of trees has a line of its own before
        if mode.startswith("10"):  # a file, neither deleted nor a submodule
            yield history.name_of(path), blob


def _worktrees() -> Iterator[Path]:
    """The folder of each worktree, this clone first. Raises `Failure` for one that is not there."""
    said = history.lines("worktree", "list", "--porcelain")
    listed = [Path(line.removeprefix("worktree ")) for line in said if line.startswith("worktree ")]
    for top in dict.fromkeys([ROOT, *listed]):
        if not top.is_dir():
            raise Failure(
                f"no worktree at {top}, so its pins are not known; if it is gone for good: git worktree prune"
            )
        if top == ROOT or (top / ".git").exists():  # a bare repository and that of a submodule have no files
            yield top


def _in_files() -> Iterator[tuple[str, str]]:
    """Name and text of every pin that lies in a worktree, in models/ also of one that Git ignores."""
    for top in _worktrees():
        asked = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", *PATHS)
        listed = (top / path for path in history.lines("-C", str(top), *asked))
        for path in {*listed, *top.glob("models/*.dvc"), *top.glob("models/*/*.dvc")}:
            if path.is_file():
                yield history.name_of(path.relative_to(top).as_posix()), path.read_text(errors="surrogateescape")


def _in_index() -> Iterator[tuple[str, str]]:
    """Name and blob id of every pin in the index of a worktree, on all sides of a merge."""
    for top in _worktrees():
        for line in history.lines("-C", str(top), "ls-files", "-z", "--stage", *PATHS):
            head, _, path = line.partition("\t")
            if head.startswith("10"):
                yield history.name_of(path), head.split()[1]


def _read(found: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    ordered = sorted(set(found))
    return set(zip((name for name, _ in ordered), history.blobs(blob for _, blob in ordered), strict=True))


def kept(walk: bool) -> set[tuple[str, str]]:
    """Name and text of every pin that must keep its objects. Raises `Failure` where not all that counts is seen.

    That is what any ref here or on a Git remote reaches, or without `walk` names, every entry of the stash, what is in
    progress, and the HEAD, index and files of every worktree.
    """
    return _read([*_in_commits(walk, "--all", *_foreign(), *_stash()), *_in_index()]) | set(_in_files())


def objects(text: str) -> set[str]:
    """The ids in the pin `text`, broken or not: of its files and their listing."""
    return set(OID.findall(text))


def listings(name: str, text: str) -> set[str]:
    """The listings that the pin `text` called `name` has, but for one of the files that it names itself."""
    found = {oid for oid in objects(text) if oid.endswith(".dir")}
    with suppress(Failure):  # it is no pin of a model
        held = pin.parse(name, text)
        found -= {f"{pin.totals(held)['md5']}.dir"} if held.files is not None else set()
    return found


def is_model(name: str) -> bool:
    """Whether `name` is that of a model, and not the path of what DVC pinned besides."""
    return not name.endswith((".dvc", "dvc.lock"))


def named(walk: bool = True, undone: bool = False) -> dict[str, str]:
    """The id of each object that this clone's history names, and the name of a pin that it is of.

    Without `walk` only what branches, tags and HEAD name now; with `undone` also what Git's reflog alone still reaches.
    """
    pins = _read(_in_commits(walk, "--all", *(["--reflog"] if undone else [])))
    return {oid: name for name, text in sorted(pins) for oid in objects(text)}

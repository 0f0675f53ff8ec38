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
IN_PROGRESS = (
    "BISECT_START",
    "MERGE_AUTOSTASH",
    "MERGE_HEAD",
    *(f"rebase-{kind}/{each}" for kind in ("merge", "apply") for each in ("autostash", "orig-head")),
)
OF_ONE_WORKTREE = ("refs/bisect", "refs/worktree", "refs/rewritten")  # `--all` sees those of this one alone
ALL_REFS = "fetch them: git fetch {0} '+refs/*:refs/{0}/*'"


def _foreign() -> set[str]:
    """What the branches, tags and pull requests of every Git remote lead to. Raises `Failure` if one is not here."""
    if history.is_shallow():
        raise Failure("this clone is shallow, so older pins are not known; type: git fetch --unshallow")
    found = set()
    for remote in history.lines("remote"):
        tips = dict(line.split("\t") for line in history.lines("ls-remote", "--refs", remote))
        known = history.lines("cat-file", "--batch-check", data="".join(f"{tip}\n" for tip in tips).encode())
        if gone := [ref for (tip, ref), line in zip(tips.items(), known, strict=True) if line == f"{tip} missing"]:
            raise Failure(f"{gone[0]} of {remote} is not in this clone, with what it pins; {ALL_REFS.format(remote)}")
        found |= set(tips)
    return found


def _stash() -> list[str]:
    """Every entry of the stash, `--all` sees the last alone; what is in progress; the index of each."""
    has_stash = history.lines("for-each-ref", "refs/stash")
    found = history.lines("log", "--walk-reflogs", "--format=%H %P", "refs/stash") if has_stash else []
    words = [word for each in IN_PROGRESS for word in ("--git-path", each)]
    for top in _worktrees():
        paths = [top / path for path in history.lines("-C", str(top), "rev-parse", *words)]
        for path in filter(Path.is_file, paths):
            found += history.lines("log", "--no-walk", "--format=%H %P", *path.read_text().split())
        found += history.lines("-C", str(top), "for-each-ref", "--format=%(objectname)", *OF_ONE_WORKTREE)
    return [each for line in found for each in line.split()]


def _trees(walk: bool, *revisions: str) -> list[str]:
    """For diff-tree: the Git commits that `revisions` reach, or only their own trees, beside the empty one."""
    if walk:
        return history.lines("rev-list", *revisions)
    empty = history.lines("hash-object", "-t", "tree", "--stdin", data=b"")[0]
    return history.lines("rev-list", "--no-walk", f"--format={empty} %T", *revisions)[1::2]  # a header before each


def _name(path: str) -> str:
    """The NAME of the model whose pin is at `path`, else the path itself."""
    found = history.PIN.fullmatch(path)
    return found[1] if found else path


def _in_commits(trees: list[str]) -> Iterator[tuple[str, str]]:
    """Name and blob id of every pin that one of `trees` has."""
    said = history.ask(
        *("diff-tree", "--stdin", "-m", "-r", "--root", "--raw", "-z", "--no-renames", "--no-abbrev"),
        *("--no-commit-id", *PATHS),
        data="".join(f"{line}\n" for line in trees).encode(),
    )
    parts = said.decode(errors="surrogateescape").split("\0")
    for head, path in zip(parts[::2], parts[1::2], strict=False):
        _, mode, _, blob, _ = head.rpartition("\n")[2].split()  # a pair of trees has a line of its own before
        if mode.startswith("10"):  # a file, neither deleted nor a submodule
            yield _name(path), blob


def _worktrees() -> Iterator[Path]:
    """The folder of each, this clone first. Raises `Failure` for one that is not there."""
    yield ROOT
    for line in history.lines("worktree", "list", "--porcelain"):
        top = Path(line.removeprefix("worktree "))
        if not line.startswith("worktree ") or top == ROOT:
            continue
        if not top.is_dir():
            raise Failure(
                f"no worktree at {top}, so its pins are not known; if it is gone for good: git worktree prune"
            )
        if (top / ".git").exists():  # a bare repository and that of a submodule have no files
            yield top


def _listed(top: Path, *words: str) -> list[str]:
    """What `git ls-files` with `words` says of the pins in the worktree `top`."""
    said = history.ask("-C", str(top), "ls-files", "-z", *words, *PATHS)
    return said.decode(errors="surrogateescape").split("\0")[:-1]


def _in_files() -> Iterator[tuple[str, str]]:
    """Name and text of every pin that lies in a worktree, in models/ also of one that Git ignores."""
    for top in _worktrees():
        listed = [top / path for path in _listed(top, "--cached", "--others", "--exclude-standard")]
        for path in {*listed, *top.glob("models/*.dvc"), *top.glob("models/*/*.dvc")}:
            if path.is_file():
                yield _name(path.relative_to(top).as_posix()), path.read_text(errors="surrogateescape")


def _in_index() -> Iterator[tuple[str, str]]:
    """Name and blob id of every pin in the index of a worktree, on all sides of a merge."""
    for top in _worktrees():
        for head, _, path in (line.partition("\t") for line in _listed(top, "--stage")):
            if head.startswith("10"):
                yield _name(path), head.split()[1]


def _read(found: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    ordered = sorted(set(found))
    return set(zip((name for name, _ in ordered), history.blobs(blob for _, blob in ordered), strict=True))


def kept(walk: bool = True) -> set[tuple[str, str]]:
    """Name and text of every pin that must keep its objects. Raises `Failure` where not all that counts is seen.

    That is what any ref here or on a Git remote reaches, every entry of the stash, what is in progress, and the HEAD,
    index and files of every worktree; without `walk` only the refs' own Git commits, not those before them.
    """
    return _read([*_in_commits(_trees(walk, "--all", *_foreign(), *_stash())), *_in_index()]) | set(_in_files())


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

    Without `walk` only what branches, tags and HEAD name now; with `undone` also what none of them reaches any more, as
    far as Git's reflog has it.
    """
    if not history.head():
        return {}
    pins = _read(_in_commits(_trees(walk, "--all", "HEAD", *(["--reflog"] if undone else []))))
    return {oid: name for name, text in sorted(pins) for oid in objects(text)}

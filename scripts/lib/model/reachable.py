"""All pins that Git can reach, in its history, stash and worktrees: `make gc` must keep their objects.

These are not only models: a team may track other files with DVC, and a pipeline pins its outputs in dvc.lock.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from shlex import quote

from lib.core.errors import Failure
from lib.core.paths import ROOT
from lib.model import history, pin

OID = re.compile(r"\b[0-9a-f]{32}(?:\.dir)?\b")
PATHS = ("--", "*.dvc", "*dvc.lock")  # in any folder: not only models are pinned
# Files that name the commits of a merge, rebase or bisect in progress: the autostash, the start, what is merged.
IN_PROGRESS = [f"rebase-{kind}/{each}" for kind in ("merge", "apply") for each in ("autostash", "orig-head")]
IN_PROGRESS += ["BISECT_START", "MERGE_HEAD"]
PER_WORKTREE = ("refs/bisect", "refs/worktree", "refs/rewritten")  # `--all` sees only those of this worktree
ALL_REFS = "fetch them: git fetch --prune {0} '+refs/*:refs/{0}/*'"


def _remote_refs() -> set[str]:
    """Ids of the branches, tags and pull requests of every Git remote. Raises `Failure` if this clone lacks one."""
    if history.is_shallow():
        raise Failure("this clone is shallow, so older pins are not known; type: git fetch --unshallow")
    found = set()
    for remote in history.lines("remote"):
        try:
            tips = dict(line.split("\t") for line in history.lines("ls-remote", "--refs", remote))
        except Failure as failure:
            how = f"try again, or if your team pushes nothing there: git remote remove {quote(remote)}"
            raise Failure(f"the pins on the Git remote {remote} are not known ({failure}); {how}") from failure
        if gone := [ref for ref, oid in zip(tips.values(), history.object_ids(tips), strict=True) if not oid]:
            raise Failure(f"{gone[0]} of {remote} is not in this clone, with what it pins; {ALL_REFS.format(remote)}")
        found |= set(tips)
    return found


def _missed_by_all() -> list[str]:
    """Ids of commits that `--all` misses: older stash entries, operations in progress, refs of other worktrees."""
    found = history.lines("stash", "list", "--no-show-signature", "--format=%H %P")
    words = [word for each in IN_PROGRESS for word in ("--git-path", each)]
    for top in _worktrees():
        paths = [top / path for path in history.lines("-C", str(top), "rev-parse", *words)]
        for path in filter(Path.is_file, paths):
            found += history.lines("rev-list", "--no-walk", "--parents", *path.read_text().split())
        # The autostash of a merge is a ref, for which Git may have no file.
        is_there, said = history.tried("-C", str(top), "rev-list", "--no-walk", "--parents", "MERGE_AUTOSTASH")
        found += [said] if is_there else []
        found += history.lines("-C", str(top), "for-each-ref", "--format=%(objectname)", *PER_WORKTREE)
    return [each for line in found for each in line.split()]


def _in_commits(walk: bool, *refs: str, ids: Iterable[str] = ()) -> Iterator[tuple[str, str]]:
    """(name, blob id) of all pins in the Git commits reachable from `refs`, options of rev-list, and `ids`.

    Without `walk`, in these alone.
    """
    revisions = ("--stdin", *refs)
    if walk:
        trees = history.lines("rev-list", *revisions, given=ids)
    else:  # pairs: the empty tree and the commit's, each after a header line
        empty = history.lines("hash-object", "-t", "tree", "--stdin")[0]
        trees = history.lines("rev-list", "--no-walk", f"--format={empty} %T", *revisions, given=ids)[1::2]
    ask = "diff-tree --stdin -m -r --root --raw -z --no-renames --no-abbrev --no-commit-id"
    parts = history.lines(*ask.split(), *PATHS, given=trees)
    for head, path in zip(parts[::2], parts[1::2], strict=False):
        _, mode, _, blob, _ = head.rpartition("\n")[2].split()  # for a pair of trees, a line with the pair comes first
        if mode.startswith("10"):  # a file, neither deleted nor a submodule
            yield history.name_of(path), blob


def _worktrees() -> Iterator[Path]:
    """The folder of each worktree, this clone first. Raises `Failure` if one is missing."""
    said = history.lines("worktree", "list", "--porcelain")
    main, *linked = [Path(line.removeprefix("worktree ")) for line in said if line.startswith("worktree ")]
    for top in dict.fromkeys([ROOT, main, *linked]):
        if not top.is_dir() or (top in linked and not (top / ".git").exists()):  # its disk may not be mounted
            first = f"rmdir {quote(str(top))} && " if top.is_dir() else ""
            how = f"{first}git worktree remove --force --force {quote(str(top))}"  # prune would spare a locked one
            raise Failure(f"no worktree at {top}, so its pins are not known; if it is gone for good: {how}")
        if top == ROOT or (top / ".git").exists():  # else a bare repository or a submodule's, without files
            yield top


def _in_files() -> Iterator[tuple[str, str]]:
    """(name, text) of all pins in the files of every worktree; in models/ even those that Git ignores."""
    for top in _worktrees():
        asked = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", *PATHS)
        listed = (top / path for path in history.lines("-C", str(top), *asked))
        for path in {*listed, *top.glob("models/*.dvc"), *top.glob("models/*/*.dvc")}:
            if path.is_file():
                yield history.name_of(path.relative_to(top).as_posix()), path.read_text(errors="surrogateescape")


def _in_index() -> Iterator[tuple[str, str]]:
    """(name, blob id) of all pins in the index of every worktree, both sides of a merge included."""
    for top in _worktrees():
        for line in history.lines("-C", str(top), "ls-files", "-z", "--stage", *PATHS):
            head, _, path = line.partition("\t")
            if head.startswith("10"):
                yield history.name_of(path), head.split()[1]


def _read(found: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    ordered = sorted(set(found))
    return set(zip((name for name, _ in ordered), history.blobs(blob for _, blob in ordered), strict=True))


def kept(walk: bool) -> set[tuple[str, str]]:
    """(name, text) of all pins whose objects must be kept. Raises `Failure` if some cannot be seen from here.

    They are in the history (without `walk`: only the tips) of every ref here or on a Git remote, of the stash and of
    operations in progress, and in the HEAD, index and files of every worktree.
    """
    ids = [*_remote_refs(), *_missed_by_all()]
    return _read([*_in_commits(walk, "--all", ids=ids), *_in_index()]) | set(_in_files())


def objects(text: str) -> set[str]:
    """The ids of all objects that the pin `text` names: files and listings. The pin may be broken."""
    return set(OID.findall(text))


def listings(name: str, text: str) -> set[str]:
    """Ids of the listings in the pin `text` called `name`, except the listing of files that the pin names itself."""
    found = {oid for oid in objects(text) if oid.endswith(".dir")}
    with suppress(Failure):  # not the pin of a model
        held = pin.parse(name, text)
        found -= {f"{pin.totals(held)['md5']}.dir"} if held.files is not None else set()
    return found


def is_model(name: str) -> bool:
    """Whether `name` (from `history.name_of`) is a NAME, not the path of a pin of something else."""
    return not name.endswith((".dvc", "dvc.lock"))


def named(walk: bool = True, undone: bool = False) -> dict[str, str]:
    """Object id -> name of a pin that has it, for all objects pinned in this clone's history.

    Without `walk`, only what the tips of branches and tags and HEAD pin; with `undone`, also what only the reflog has.
    """
    pins = _read(_in_commits(walk, "--all", *(["--reflog"] if undone else [])))
    return {oid: name for name, text in sorted(pins) for oid in objects(text)}

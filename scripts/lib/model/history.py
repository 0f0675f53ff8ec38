"""What Git holds of the pins and their page, in the index and in the last commit; the one module that asks Git."""

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from functools import lru_cache

from lib.core.errors import Failure
from lib.core.paths import ROOT
from lib.core.text import one_line
from lib.model.names import is_model_name

PIN = re.compile(r"models/((?:[^/]+/)?[^/]+)\.dvc")


def _run(words: tuple[str, ...], data: bytes | None = None) -> subprocess.CompletedProcess:
    try:
        return subprocess.run(["git", *words], cwd=ROOT, input=data, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise Failure("git is not installed") from error


def tried(*words: str) -> tuple[bool, str]:
    """Whether `git` with `words` succeeds, and all that it says. Raises `Failure` if there is no Git."""
    done = _run(words)
    return not done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def ask(*words: str, data: bytes | None = None) -> bytes:
    """What `git` with `words` answers, given `data`. Raises `Failure` with Git's own words."""
    done = _run(words, data)
    if done.returncode:
        raise Failure(f"git {words[0]} failed: {one_line(done.stderr.decode(errors='replace'))}")
    return done.stdout


def lines(*words: str, data: bytes | None = None) -> list[str]:
    """The lines that `git` with `words` answers, given `data`, by Git's own ends of a line. Raises `Failure`."""
    return ask(*words, data=data).decode(errors="surrogateescape").split("\n")[:-1]


def _said(*words: str) -> str:
    """What `git` with `words` answers, without what it says besides; empty where it refuses."""
    return _run(words).stdout.decode(errors="surrogateescape").strip()


def _model(path: str) -> str | None:
    """The NAME of the model whose pin is at `path`; None if it is the pin of none."""
    found = PIN.fullmatch(path)
    return found[1] if found and is_model_name(found[1]) else None


def pins(listed: bytes) -> Iterator[tuple[str, str]]:
    """NAME and blob id of the pins in `listed`: lines of MODE [TYPE] BLOB [STAGE] and a path, each ended by a NUL."""
    for line in filter(None, listed.decode(errors="surrogateescape").split("\0")):
        head, _, path = line.partition("\t")
        if name := _model(path):
            yield name, re.search(r"\b[0-9a-f]{40,64}\b", head)[0]


@lru_cache(maxsize=1)
def unreadable() -> str | None:
    """Why Git cannot be asked here, in its own words; None if it can."""
    try:
        ask("rev-parse", "--git-dir")
    except Failure as failure:
        return str(failure)
    return None


def forget() -> None:
    """Ask Git again for what was read before."""
    in_index.cache_clear()


@lru_cache(maxsize=1)
def in_index() -> dict[str, str]:
    """NAME to blob id of every pin in Git's index, unmerged ones too; none if Git cannot be asked. Raises `Failure`."""
    return {} if unreadable() else dict(pins(ask("ls-files", "--stage", "-z", "--", "models")))


def odd_pins() -> list[str]:
    """A sentence for each pin in Git's index of a name that no model may have. Raises `Failure`."""
    listed = ask("ls-files", "-z", "--", "models/*.dvc").decode(errors="surrogateescape").split("\0")[:-1]
    advice = "is a pin of a name that no model may have; give it another one, or remove it with git rm"
    return [f"{path!r} {advice}" for path in listed if not _model(path)]


def in_head() -> dict[str, str]:
    """NAME to blob id of every pin in the last commit; none before the first. Raises `Failure`."""
    return dict(pins(ask("ls-tree", "-r", "-z", "HEAD", "--", "models/"))) if head() else {}


def head() -> str:
    """The last Git commit; empty before the first."""
    return _said("rev-parse", "--verify", "--quiet", "HEAD")


def branch() -> str:
    """What HEAD is on."""
    return _said("symbolic-ref", "--quiet", "--short", "HEAD") or "no branch"


def text(where: str, path: str = "models/README.md") -> str | None:
    """The file at `path` in `where`, HEAD or, empty, the index; None if it is not there."""
    try:
        return ask("cat-file", "blob", f"{where}:{path}").decode(errors="surrogateescape")
    except Failure:
        return None


def committed(name: str) -> str | None:
    """The pin of the model `name` as the last commit has it; None if it has none."""
    return text("HEAD", f"models/{name}.dvc")


def holds(name: str) -> bool:
    """Whether the last commit has the pin of the model `name` as it lies here."""
    path = ROOT / "models" / f"{name}.dvc"
    return path.exists() and committed(name) == path.read_text(encoding="utf-8", errors="surrogateescape")


def log(name: str) -> list[dict[str, str]]:
    """The Git commits that changed the pin of the model `name`, the newest first, as far as this clone has them."""
    if not head():
        return []
    keys = ("commit", "date", "author", "subject")
    form = "--format=%H%x00%as%x00%an%x00%s"
    said = lines("log", "--no-show-signature", form, "--", f"models/{name}.dvc")
    return [dict(zip(keys, line.split("\0"), strict=True)) for line in said]


def last_change(name: str) -> str:
    """The Git commit that made the pin of the model `name` what HEAD has. Raises `Failure`.

    Of a merge that took the pin of one side, it is that side's. In a shallow clone it may be any.
    """
    return ask("rev-list", "-1", "HEAD", "--", f"models/{name}.dvc").decode().strip()


@lru_cache(maxsize=1)
def branch_at_start() -> str:
    """What HEAD was on when this command first asked."""
    return branch()


def trailer(name: str, key: str) -> str:
    """The newest trailer `key` of the Git commits that changed the pin of the model `name`; empty without one."""
    form = f"--format=%(trailers:key={key},valueonly)"
    return _said("log", "--follow", "--no-show-signature", form, "--", f"models/{name}.dvc").partition("\n")[0]


@lru_cache(maxsize=1)
def tags() -> dict[str, str]:
    """Every tag of this clone, and the Git commit that it leads to."""
    form = "--format=%(refname:strip=2)%00%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)"
    return dict(line.split("\0") for line in lines("for-each-ref", form, "refs/tags"))


def blob_ids(paths: Iterable[str]) -> list[str | None]:
    """The blob id of each of `paths`, such as `COMMIT:models/NAME.dvc`; None where there is none. Raises `Failure`."""
    data = "".join(f"{path}\n" for path in paths).encode(errors="surrogateescape")
    said = lines("cat-file", "--batch-check=%(objectname)", data=data)
    return [None if line.endswith(" missing") else line for line in said]


def hooks() -> list[str]:
    """The hooks that Git runs in this clone."""
    folder = ROOT / ask("rev-parse", "--git-path", "hooks").decode().strip()
    return sorted(path.name for path in folder.glob("*") if path.suffix != ".sample" and os.access(path, os.X_OK))


def is_shallow() -> bool:
    return ask("rev-parse", "--is-shallow-repository").strip() == b"true"


def resolve(revision: str, name: str) -> str:
    """The Git commit that `revision` means: a Git revision, or what a release of the model `name` is called.

    Raises `Failure`.
    """
    for word in (f"{name}@{revision}", f"{name}@v{revision}", revision):
        try:
            return ask("rev-parse", "--verify", "--quiet", f"{word}^{{commit}}").decode().strip()
        except Failure:
            continue
    raise Failure(f"no such Git revision: {revision!r}; git log -- models/{name}.dvc shows those of the pin")


def blobs(ids: Iterable[str]) -> list[str]:
    """The texts of the blobs `ids`, in their order. Raises `Failure`."""
    ids = list(ids)
    data, texts, at = ask("cat-file", "--batch", data="".join(f"{each}\n" for each in ids).encode()), [], 0
    for _ in ids:
        line = data.index(b"\n", at)
        size = int(data[at:line].split()[2])
        texts.append(data[line + 1 : line + 1 + size].decode(errors="surrogateescape"))
        at = line + size + 2
    return texts

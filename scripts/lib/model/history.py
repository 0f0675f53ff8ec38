"""Queries to Git: pins and the catalog page in the index and in commits, tags; the only module that asks Git."""

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from functools import lru_cache
from io import BytesIO
from itertools import chain

from lib.core.errors import Failure
from lib.core.paths import ROOT
from lib.core.text import one_line
from lib.model.names import is_model_name

PIN = re.compile(r"models/((?:[^/]+/)?[^/]+)\.dvc")


def _run(words: Iterable[str], given: Iterable[str] = ()) -> subprocess.CompletedProcess:
    data = "".join(f"{line}\n" for line in given).encode(errors="surrogateescape")
    try:
        return subprocess.run(["git", *words], cwd=ROOT, input=data, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise Failure("git is not installed") from error


def tried(*words: str) -> tuple[bool, str]:
    """Whether `git` with `words` succeeds, and its stdout and stderr. Raises `Failure` if Git is not installed."""
    done = _run(words)
    return not done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def ask(*words: str, given: Iterable[str] = ()) -> bytes:
    """The stdout of `git` with `words`, given the lines `given` on stdin. Raises `Failure` with Git's error message."""
    done = _run(words, given)
    if done.returncode:
        raise Failure(f"git {words[0]} failed: {one_line(done.stderr.decode(errors='replace'))}")
    return done.stdout


def lines(*words: str, given: Iterable[str] = ()) -> list[str]:
    """The lines, or with `-z` the NUL-terminated records, that `git` with `words` prints. Raises `Failure`."""
    return ask(*words, given=given).decode(errors="surrogateescape").split("\0" if "-z" in words else "\n")[:-1]


def _output(*words: str) -> str:
    """The stdout of `git` with `words`, stripped; empty if it fails."""
    done = _run(words)
    return "" if done.returncode else done.stdout.decode(errors="surrogateescape").strip()


def name_of(path: str) -> str:
    """The NAME of the model whose pin is at `path`; any other `path` unchanged, which is never a valid NAME."""
    found = PIN.fullmatch(path)
    return found[1] if found else path


def _pins(*words: str) -> dict[str, str]:
    """NAME -> blob id of the pins that `git` with `words` lists, as `MODE [TYPE] BLOB [STAGE]`, a tab and the path."""
    listed = (line.partition("\t") for line in lines(*words, "-z", "--", "models/"))
    named = ((name_of(path), head) for head, _, path in listed if not head.endswith(" 1"))  # 1: the base of a merge
    return {name: re.search(r"\b[0-9a-f]{40,64}\b", head)[0] for name, head in named if is_model_name(name)}


@lru_cache(maxsize=1)
def unreadable() -> str | None:
    """Why Git cannot be queried here, in its own words; None if it can."""
    try:
        ask("rev-parse", "--git-dir")
    except Failure as failure:
        return str(failure)
    return None


@lru_cache(maxsize=1)
def in_index() -> dict[str, str]:
    """NAME -> blob id of all pins in Git's index, unmerged ones too; empty if Git is unreadable. Raises `Failure`."""
    return {} if unreadable() else _pins("ls-files", "--stage")


forget = in_index.cache_clear  # makes the next `in_index` ask Git again


def odd_pins() -> list[str]:
    """A sentence for each pin in Git's index whose name is not a valid NAME. Raises `Failure`."""
    advice = "is a pin whose name is not valid for a model; rename it, or remove it with git rm"
    listed = lines("ls-files", "-z", "--", "models/*.dvc")
    return [f"{path!r} {advice}" for path in listed if not is_model_name(name_of(path))]


def in_head() -> dict[str, str]:
    """NAME -> blob id of all pins in the last commit; empty before the first. Raises `Failure`."""
    return _pins("ls-tree", "-r", "HEAD") if head() else {}


def head() -> str:
    """The id of the last Git commit; empty before the first."""
    return _output("rev-parse", "--verify", "--quiet", "HEAD")


def branch() -> str:
    return _output("symbolic-ref", "--quiet", "--short", "HEAD") or "no branch"


branch_at_start = lru_cache(maxsize=1)(branch)  # the branch when this command first asked


def text(where: str, path: str = "models/README.md") -> str | None:
    """The text of the file `path` in `where` (a Git commit, or '' for the index); None if it is not there."""
    done = _run(("cat-file", "blob", f"{where}:{path}"))
    return None if done.returncode else done.stdout.decode(errors="surrogateescape")


def committed(name: str) -> str | None:
    """The text of the pin of the model `name` in the last commit; None if it has none."""
    return text("HEAD", f"models/{name}.dvc")


def holds(name: str) -> bool:
    """Whether the pin of the model `name` in the working tree is committed as it is."""
    path = ROOT / "models" / f"{name}.dvc"
    return path.exists() and committed(name) == path.read_text(encoding="utf-8", errors="surrogateescape")


def log(name: str, at: str = "HEAD") -> list[dict[str, str]]:
    """The Git commits up to `at` (--all: any) that changed the pin of `name`, also under an older name, newest first.

    Each as commit, date, author, subject, and the name that the model then had.
    """
    if not head():
        return []
    keys, form = ("commit", "date", "author", "subject", "name"), "--format=%x00%H%x00%as%x00%an%x00%s%x00"
    words = ("log", "--follow", "-c", "--no-show-signature", "--name-status", form, at, "--", f"models/{name}.dvc")
    parts, found = ask(*words).decode(errors="surrogateescape").split("\0")[1:], []
    for *said, changed in zip(*[iter(parts)] * 5, strict=True):
        if not changed.strip():  # a merge that took the pin of one side
            continue
        found.append(dict(zip(keys, [*said, name], strict=True)))
        kind, *paths = changed.split()
        if kind.startswith("C"):  # Git would go on with another model, whose pin is similar
            return found + log(name, f"{said[0]}^")
        name = name_of(paths[0]) if kind.startswith("R") else name
    return found


def called(name: str) -> Iterator[str]:
    """`name`, and then the older names of that model, the newest first; Git is asked only for these."""
    yield name
    yield from dict.fromkeys(each["name"] for each in log(name) if each["name"] != name)


def trailer(name: str, key: str) -> str:
    """The newest trailer `key` in the Git commits that changed the pin of the model `name`; empty if there is none."""
    form = f"--format=%(trailers:key={key},valueonly)"
    return _output("log", "--follow", "--no-show-signature", form, "--", f"models/{name}.dvc").partition("\n")[0]


@lru_cache(maxsize=1)
def tags() -> dict[str, str]:
    """Tag -> id of the Git commit that it points to, for every tag of this clone, lower versions first."""
    form = "--format=%(refname:strip=2)%00%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)"
    ask = ("-c", "versionsort.suffix=-", "for-each-ref", "--sort=version:refname", form, "refs/tags")
    return dict(line.split("\0") for line in lines(*ask))


def object_ids(names: Iterable[str]) -> list[str | None]:
    """The object id of each of `names`, such as `COMMIT:models/NAME.dvc`; None if there is none. Raises `Failure`."""
    said = lines("cat-file", "--batch-check=%(objectname)", given=names)
    return [None if line.endswith(" missing") else line for line in said]


def hooks() -> list[str]:
    folder = ROOT / ask("rev-parse", "--git-path", "hooks").decode().strip()
    return sorted(path.name for path in folder.glob("*") if path.suffix != ".sample" and os.access(path, os.X_OK))


def is_shallow() -> bool:
    return ask("rev-parse", "--is-shallow-repository").strip() == b"true"


def resolve(revision: str, name: str) -> str:
    """The id of the Git commit of `revision`, a version of the model `name` or any other. Raises `Failure`."""
    spelled = ((f"{was}@{revision}", f"{was}@v{revision}", revision) for was in called(name))
    for word in chain.from_iterable(spelled):
        if found := _output("rev-parse", "--verify", "--quiet", f"{word}^{{commit}}"):
            return found
    raise Failure(f"no such Git revision: {revision!r}; git log -- models/{name}.dvc shows the commits of the pin")


def blobs(ids: Iterable[str]) -> list[str]:
    """The texts of the blobs `ids`, in the same order. Raises `Failure`."""
    said, texts = BytesIO(ask("cat-file", "--batch", given=ids)), []
    while line := said.readline():  # `ID blob SIZE`, or `ID missing`
        if line.endswith(b" missing\n"):
            raise Failure(f"Git lacks the object {line.decode().split()[0]} of a pin; git fsck lists all that it lacks")
        texts.append(said.read(int(line.split()[2])).decode(errors="surrogateescape"))
        said.readline()  # the line break after the content
    return texts

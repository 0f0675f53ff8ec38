"""What is used of DVC in this clone beyond its settings and its remote."""

import io
from contextlib import AbstractContextManager, redirect_stderr
from functools import lru_cache

from lib.core import lock
from lib.core.console import remark
from lib.core.errors import Failure
from lib.core.paths import ROOT, TMP
from lib.core.text import one_line
from lib.model import history, names, pin


@lru_cache(maxsize=1)
def repository():
    """DVC's own view of this clone, for what no `dvc` command does, or not without loading every pin."""
    from dvc.repo import Repo

    class Sparing(Repo):
        """Loads the one pin to add: 1,000 take DVC's parser 7 s, to look for overlaps that names rule out."""

        def find_outs_by_path(self, path: str, *_: object, **__: object) -> list:
            return self.stage.load_one(f"{path}.dvc").outs

        def check_graph(self, *_: object, **__: object) -> None:
            pass

    # A stage of a pipeline may write to models/, too.
    has_stages = history.ask("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*dvc.yaml")
    # Git is our side: the root .gitignore keeps weights out of it, and DVC need not read its index and ignore rules.
    return (Repo if has_stages else Sparing)(str(ROOT), config={"core": {"no_scm": True}}, _wait_for_lock=True)


def is_idle() -> AbstractContextManager[bool]:
    """Keep `dvc` commands of this clone waiting, if none is at work; yield whether none is."""
    return lock.part(TMP / "lock", wait=False)  # DVC's own lock is a flock of this file, too


def add(name: str) -> None:
    """Do `dvc add models/NAME`, whose pin is there: its files become objects, and links to them. Raises `Failure`."""
    from dvc.exceptions import DvcException

    try:
        with redirect_stderr(io.StringIO()):  # DVC draws bars of its own
            repository().add(str(names.weights_dir(name)))
    except DvcException as error:
        if name not in history.in_index():  # beside a stage that writes there, no dvc command would go on
            pin.path_of(name).unlink()
        why = one_line(" ".join(str(error).split())).rstrip(".")
        raise Failure(
            f"dvc add failed: {why}; nothing was committed; fix that and run the same command again"
        ) from error


def remember(held: pin.Pin) -> None:
    """Tell DVC the md5 of the weights of `held`, so that `dvc add` does not read them again; no `dvc` command can."""
    from dvc_data.hashfile.hash_info import HashInfo

    repo, top = repository(), names.weights_dir(held.name)
    with is_idle() as idle:
        if not idle:
            remark("waiting for a dvc command, which is at work in this clone")
    with redirect_stderr(io.StringIO()), repo.lock:
        known = ((str(top / path), HashInfo("md5", file.md5), None) for path, file in held.files.items())
        repo.state.save_many(known, repo.fs)

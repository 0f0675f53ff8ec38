"""DVC as a library, apart from settings, cache and remotes: its lock, `dvc add` and its record of known md5s."""

import io
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stderr
from functools import lru_cache

from lib.core import console, lock, paths, text
from lib.core.errors import Failure
from lib.disk import cache, weights
from lib.model import history, names, pin


@lru_cache(maxsize=1)
def _repository():
    """DVC's `Repo` of this clone, for what `dvc` commands cannot do, or cannot do without loading every pin."""
    from dvc.repo import Repo

    class OnePin(Repo):
        """Loads only the pin to add. DVC would load all (7 s for 1,000) to find overlaps, which our names rule out."""

        def find_outs_by_path(self, path: str, *_: object, **__: object) -> list:
            return self.stage.load_one(f"{path}.dvc").outs

        def check_graph(self, *_: object, **__: object) -> None:
            pass

    # DVC wants a name of its user, and in a container the user may have none.
    os.environ.setdefault("USERNAME", str(os.getuid()))
    # A pipeline stage may write to models/ too, so then DVC must look for overlaps.
    has_stages = history.ask("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*dvc.yaml")
    # no_scm saves DVC from reading Git's index and ignore rules; the root .gitignore already keeps weights out of Git.
    config: dict = {"core": {"no_scm": True}}
    if cache.is_far():  # with `copy` among the types, `dvc add` would leave copies
        config["cache"] = {"type": ["symlink"]}
    return (Repo if has_stages else OnePin)(str(paths.ROOT), config=config, _wait_for_lock=True)


def is_idle() -> AbstractContextManager[bool]:
    """Take DVC's lock, so that `dvc` commands wait, unless one is running in this clone; yield whether it was taken."""
    return lock.part(paths.TMP / "lock", wait=False)  # the file that DVC locks, also by flock


@contextmanager
def _opened() -> Iterator:
    """Yield `_repository()`. Raises `Failure` if its state, a database, cannot be used; drops a damaged one."""
    from sqlite3 import DatabaseError, OperationalError

    again = "run the same command again"
    try:
        yield _repository()
    except OperationalError as error:  # the disk is full, for example
        raise Failure(f"DVC's state cannot be used ({error}); fix that, then {again}") from error
    except DatabaseError as error:  # as after a power cut; the state only saves reading files again
        shutil.rmtree(paths.TMP / "site")
        raise Failure(f"DVC's state was damaged ({error}), so it was dropped; {again}") from error


def add(name: str) -> None:
    """Run `dvc add models/NAME`, whose pin exists: files become cache objects and links to them. Raises `Failure`."""
    from dvc.exceptions import DvcException

    try:
        with _opened() as repo, redirect_stderr(io.StringIO()):  # DVC draws bars of its own
            repo.add(str(names.weights_dir(name)))
    except DvcException as error:
        if name not in history.in_index():  # if it overlaps a stage, it would make every dvc command fail
            pin.path_of(name).unlink()
        why = text.one_line(" ".join(str(error).split())).rstrip(".")
        how = "fix that and run the same command again"
        raise Failure(f"dvc add failed: {why}; nothing was committed; {how}") from error


def check_seen(name: str, paths: Iterable[str]) -> None:
    """Raise `Failure` if a .dvcignore hides one of `paths` in models/NAME, which `dvc add` would leave out."""
    top = names.weights_dir(name)
    with _opened() as repo:
        if hidden := [path for path in paths if repo.dvcignore.is_ignored_file(str(top / path))]:
            raise Failure(f".dvcignore hides {hidden[0]!r} of {name} from DVC; remove the line that does")


def unchanged(held: pin.Pin) -> set[str]:
    """The files of `held` that DVC's state shows as they are pinned, by inode, mtime and size; reads none of them."""
    top = names.weights_dir(held.name)
    there = held.files.keys() & weights.entries(top).keys()
    with _opened() as repo:
        known = {path: repo.state.get(str(top / path), repo.fs)[1] for path in there}
    return {path for path, found in known.items() if found and found.value == held.files[path].md5}


def remember(held: pin.Pin) -> None:
    """Record the md5s of `held` in DVC's state, as no `dvc` command can, so that `dvc add` need not hash the files."""
    from dvc_data.hashfile.hash_info import HashInfo

    top = names.weights_dir(held.name)
    with is_idle() as idle:
        if not idle:
            console.remark("waiting for a dvc command, which is running in this clone")
    with _opened() as repo, redirect_stderr(io.StringIO()), repo.lock:
        known = ((str(top / path), HashInfo("md5", file.md5), None) for path, file in held.files.items())
        repo.state.save_many(known, repo.fs)

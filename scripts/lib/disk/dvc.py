"""DVC in this clone: its settings, and what of it is used beyond its remote."""

import fcntl
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr
from functools import lru_cache
from pathlib import Path

from lib.core.console import remark
from lib.core.errors import Failure
from lib.core.paths import ROOT, TMP
from lib.core.text import one_line
from lib.model import history, pin
from lib.model.names import MODELS


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


@contextmanager
def is_idle() -> Iterator[bool]:
    """Keep `dvc` commands of this clone waiting, if none is at work; yield whether none is."""
    TMP.mkdir(parents=True, exist_ok=True)
    with (TMP / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as DVC's own lock does
        except BlockingIOError:
            yield False
            return
        yield True


def _say_if_busy() -> None:
    with is_idle() as idle:
        if not idle:
            remark("waiting for a dvc command, which is at work in this clone")


def _without_bars() -> redirect_stderr:
    """DVC draws bars of its own, but only on a terminal."""
    return redirect_stderr(io.StringIO())


def add(name: str) -> None:
    """Do `dvc add models/NAME`, whose pin is there: its files become objects, and links to them. Raises `Failure`."""
    from dvc.exceptions import DvcException

    try:
        with _without_bars():
            repository().add(str(MODELS / name))
    except DvcException as error:
        if name not in history.in_index():  # beside a stage that writes there, no dvc command would go on
            pin.path_of(name).unlink()
        why = one_line(" ".join(str(error).split())).rstrip(".")
        raise Failure(
            f"dvc add failed: {why}; nothing was committed; fix that and run the same command again"
        ) from error


def remember(digests: Iterable[tuple[Path, str]]) -> None:
    """Tell DVC the md5 of files, so that `dvc add` does not read them again; no `dvc` command can."""
    from dvc_data.hashfile.hash_info import HashInfo

    repo = repository()
    _say_if_busy()
    with _without_bars(), repo.lock:
        repo.state.save_many(((str(path), HashInfo("md5", md5), None) for path, md5 in digests), repo.fs)


@lru_cache(maxsize=1)
def settings() -> dict:
    """DVC's settings by section, relative paths made absolute. Raises `Failure`."""
    # `dvc config` does not resolve paths, and costs a process; this takes a third of the time of `repository`.
    from dvc.config import Config, ConfigError

    try:
        found = Config(str(ROOT / ".dvc"))
    except ConfigError as error:
        raise Failure(f"DVC's settings cannot be read ({error}); see {_culprit()}") from error
    if found["core"].get("hardlink_lock"):  # beside a lock of the other kind DVC waits for ever
        raise Failure(
            "DVC's core.hardlink_lock is on; turn it off: .venv/bin/dvc config --local core.hardlink_lock false"
        )
    if found["cache"].get("shared") == "group":
        os.umask(0o002)  # as DVC makes the folders of such a cache
    return found


def set_remote(name: str, found: dict[str, str], is_default: bool) -> None:
    """Make `found` the settings of the remote `name` in .dvc/config, as `dvc remote` does."""
    with settings().edit("repo") as config:
        config["remote"][name] = {**found, "verify": "true"}
        if is_default:
            config["core"]["remote"] = name


def _culprit() -> str:
    """The file of DVC's settings, of this clone, its user or the machine, that cannot be read."""
    from dvc.config import Config, ConfigError

    levels = [Path(Config.get_dir(level)) / "config" for level in ("system", "global")]
    for path in (*levels, ROOT / ".dvc" / "config", ROOT / ".dvc" / "config.local"):
        try:
            if path.exists():
                Config.load_file(str(path))
        except ConfigError:
            return str(path)
    return ".dvc/config.local" if (ROOT / ".dvc" / "config.local").exists() else ".dvc/config"

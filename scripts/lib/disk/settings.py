"""DVC's settings in this clone. DVC takes longer to read them than most commands take, so what it read is kept."""

import json
import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from lib.core import lock
from lib.core.digest import of_bytes
from lib.core.errors import Failure
from lib.core.paths import ROOT, TMP

KEPT = TMP / "settings.json"
PROGRAMS = (ROOT / ".venv" / "runtime", Path(__file__))  # of another time once DVC, or this file, is another one
OURS = (ROOT / ".dvc" / "config", ROOT / ".dvc" / "config.local")


@lru_cache(maxsize=1)
def read() -> dict:
    """The settings by section, relative paths made absolute. Raises `Failure`."""
    found = _kept_or_read()["settings"]
    if found["core"].get("hardlink_lock"):  # beside a lock of the other kind DVC waits for ever
        raise Failure(
            "DVC's core.hardlink_lock is on; turn it off: .venv/bin/dvc config --local core.hardlink_lock false"
        )
    if found["cache"].get("shared") == "group":
        os.umask(0o002)  # as DVC makes the folders of such a cache
    return found


def remotes() -> list[str]:
    """The names of the remotes of this repository and this clone, without those of its user alone. Raises `Failure`."""
    return _kept_or_read()["remotes"]


def is_current() -> bool:
    """Whether what `read` gave would be the same now, as far as can be told."""
    found = _kept_or_read()
    with suppress(OSError):
        return found["of"] == _fingerprint(found["files"])
    return True


def config():
    """The settings as DVC's own object, which can change them. Raises `Failure`."""
    # `dvc config` does not resolve paths, and costs a process.
    from dvc.config import Config, ConfigError

    try:
        return Config(str(ROOT / ".dvc"))
    except ConfigError as error:
        raise Failure(f"DVC's settings cannot be read ({error}); see {_culprit()}") from error


def set_remote(name: str, found: dict[str, str], is_default: bool) -> None:
    """Make `found` the settings of the remote `name` in .dvc/config, as `dvc remote` does."""
    with config().edit("repo") as changed:
        changed["remote"][name] = {**found, "verify": "true"}
        if is_default:
            changed["core"]["remote"] = name


@lru_cache(maxsize=1)
def _kept_or_read() -> dict:
    with suppress(OSError, ValueError, TypeError, LookupError):
        kept = json.loads(KEPT.read_bytes())
        if kept["of"] == _fingerprint(kept["files"]):
            return kept
    files, before = list(map(str, _files())), ""
    with suppress(OSError):
        before = _fingerprint(files)
    found = config()
    names = [name for level in ("repo", "local") for name in found.load_one(level)["remote"]]
    made = json.dumps({"settings": found, "remotes": names, "files": files, "of": before})
    with suppress(OSError), lock.part(KEPT.with_suffix(".part"), wait=False) as ours:
        if ours and before == _fingerprint(files):  # else they changed while they were read
            _keep(made)
    return json.loads(made)


def _keep(made: str) -> None:
    part = KEPT.with_suffix(".part")
    part.chmod(0o600)  # there may be keys
    part.write_text(made)
    part.replace(KEPT)


def _fingerprint(files: list[str]) -> str:
    """All that the settings in `files` depend on, as one digest. Raises OSError."""
    texts = [Path(path).read_bytes() if os.path.exists(path) else None for path in files]
    # What tells where the files of a user lie; DVC_SITE_CACHE_DIR, which make sets, is a path of this clone.
    around = {key: value for key, value in os.environ.items() if key == "HOME" or key.startswith(("DVC_", "XDG_"))}
    times = [path.stat().st_mtime_ns for path in PROGRAMS]
    return of_bytes(repr((texts, sorted(around.items()), times)).encode()).md5


def _files() -> list[Path]:
    """The files of DVC's settings: of the machine, its user, the repository and this clone."""
    from dvc.config import Config

    return [*(Path(Config.get_dir(level)) / "config" for level in ("system", "global")), *OURS]


def _culprit() -> str:
    """The file of DVC's settings that cannot be read."""
    from dvc.config import Config, ConfigError

    for path in filter(Path.exists, _files()):
        try:
            Config.load_file(str(path))
        except ConfigError:
            return str(path)
    return ".dvc/config.local" if OURS[1].exists() else ".dvc/config"

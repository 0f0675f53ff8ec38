"""DVC's settings in this clone, cached in a file, since DVC takes longer to read them than most commands run."""

import json
import os
import re
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from lib.core import digest, lock
from lib.core.errors import Failure
from lib.core.paths import ROOT, TMP

KEPT = TMP / "settings.json"
PROGRAMS = (ROOT / ".venv" / "runtime", Path(__file__))  # their mtimes change when DVC or this file does
OURS = (ROOT / ".dvc" / "config", ROOT / ".dvc" / "config.local")


@lru_cache(maxsize=1)
def read() -> dict:
    """The settings by section, with relative paths made absolute. Raises `Failure`."""
    found = _kept_or_read()["settings"]
    if found["core"].get("hardlink_lock"):  # with locks of that kind, DVC would wait forever for ours
        how = ".venv/bin/dvc config --local core.hardlink_lock false"
        raise Failure(f"DVC's core.hardlink_lock is on; turn it off: {how}")
    if found["cache"].get("shared") == "group":
        os.umask(0o002)  # as DVC itself does for a shared cache
    return found


def remotes() -> list[str]:
    """Names of the remotes set in this repository or clone, not those from the user's own config. Raises `Failure`."""
    return _kept_or_read()["remotes"]


def is_current() -> bool:
    """Whether the settings are still those that `read` returned, as far as can be told. Raises `Failure`."""
    found = _kept_or_read()
    with suppress(OSError):
        return found["of"] == _fingerprint(found["files"])
    return True


def config():
    """DVC's own `Config` object, which can also change the settings. Raises `Failure`."""
    # Not `dvc config`, which does not resolve paths and takes a process.
    from dvc.config import Config, ConfigError

    try:
        return Config(str(ROOT / ".dvc"))
    except ConfigError as error:
        why = " ".join(str(error).split())
        raise Failure(f"DVC's settings cannot be read ({why}); see {_culprit()}") from error


def check_url(url: str) -> None:
    """Refuse a `url` that would empty DVC's settings if it were written there. Raises `Failure`."""
    if not url.isascii() or re.search("[\"']", url):
        raise Failure(f"not a remote: {url!r}; DVC's config takes only ASCII characters, and no quotes")


def set_remote(name: str, found: dict[str, str], is_default: bool) -> None:
    """Write `found` to .dvc/config as the settings of the remote `name`, as `dvc remote` does. Raises `Failure`."""
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
    part = KEPT.with_suffix(".part")
    with suppress(OSError), lock.part(part, wait=False) as ours:
        if ours and before == _fingerprint(files):  # else they changed while they were read
            part.chmod(0o600)  # settings may contain secret keys
            part.write_text(made)
            part.replace(KEPT)
    return json.loads(made)


def _fingerprint(files: list[str]) -> str:
    """One digest of everything that the settings in `files` depend on. Raises OSError."""
    texts = [Path(path).read_bytes() if os.path.exists(path) else None for path in files]
    # These locate the user's files; DVC_SITE_CACHE_DIR, which make sets, changes only if the clone is moved.
    around = {key: value for key, value in os.environ.items() if key == "HOME" or key.startswith(("DVC_", "XDG_"))}
    times = [path.stat().st_mtime_ns for path in PROGRAMS]
    return digest.of_bytes(repr((texts, sorted(around.items()), times)).encode()).md5


def _files() -> list[Path]:
    """DVC's config files: the system's, the user's, the repository's and this clone's."""
    from dvc.config import Config

    return [*(Path(Config.get_dir(level)) / "config" for level in ("system", "global")), *OURS]


def _culprit() -> str:
    """The DVC config file that cannot be read or, if each one can, the last that exists."""
    from dvc.config import Config, ConfigError

    for path in filter(Path.exists, _files()):
        try:
            Config.load_file(str(path))
        except ConfigError:
            return str(path)
    return ".dvc/config.local" if OURS[1].exists() else ".dvc/config"

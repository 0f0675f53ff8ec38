"""DVC's remote, where the objects of all clones lie: which one is set, and what is asked of any kind of it.

Plain `dvc push`, `pull` and `status` take a directory's listing for all that it names, never compare a size, and
call a remote that lost an object up to date; so DVC gives the settings and the layout here, and no more.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from lib import atomic, cache, store
from lib.digest import File, Progress, unwatched
from lib.inventory import Item
from lib.names import ROOT
from lib.report import Failure
from lib.store import Fact

NAME = "storage"
DEFAULT = ROOT / ".dvc" / "storage"
MARKER = ".model-weights"
MARKER_TEXT = "A remote of model weights. Without this file nothing is written here, since a disk may not be mounted.\n"


class Remote(ABC):
    """A remote by its NAME in DVC's settings and its URL. Every method raises Failure with a sentence that names it."""

    is_folder = False
    note: str | None = None  # what a user of this remote must know

    def __init__(self, name: str, url: str, endpoint: str | None = None) -> None:
        self.name, self.url, self.endpoint = name, url, endpoint
        self.config: dict = {}  # DVC's settings of it

    @property
    def title(self) -> str:
        return f"remote {self.name!r} ({self.url})"

    @contextmanager
    def _said(self, step: str, after: str = "run the same command again to go on") -> Iterator[None]:
        try:
            yield
        except (Failure, FileNotFoundError):
            raise
        except Exception as error:  # each store has its own tree of errors, with nothing in common
            raise Failure(f"{self.title} {store.sentence(error, step, self.endpoint)}; {after}") from error

    @abstractmethod
    def check(self, write: bool = False, probe: bool = False) -> None:
        """Refuse a remote that is out of reach, that is a folder without its marker, or (WRITE) that takes nothing.

        PROBE asks of a bucket that it takes an object, gives it back and deletes it.
        """

    @abstractmethod
    def facts(self, oids: Iterable[str]) -> dict[str, Fact]:
        """What the store says of OIDS; one that is not there is left out."""

    @abstractmethod
    def get(self, oid: str, want: File, path: Path, progress: Progress = unwatched) -> str | None:
        """Bring the object OID to PATH; how it differs from WANT, or None. Raises FileNotFoundError without it.

        Nothing need lie at PATH where it differs.
        """

    @abstractmethod
    def put(self, path: Path, item: Item, progress: Progress = unwatched) -> str | None:
        """Make the file at PATH the object ITEM; nobody sees a part of it under that name, nor other bytes.

        Returns how the file differs from ITEM, None if it does not; where it does, nothing is put.
        """

    @abstractmethod
    def read(self, item: Item, progress: Progress = unwatched) -> str | None:
        """How the bytes of the object ITEM differ from what it must be, or None. Nothing touches the disk."""


def mark(folder: Path) -> None:
    """Make FOLDER, created if need be, a remote of weights."""
    atomic.write(folder / MARKER, MARKER_TEXT)


def listing(oid: str) -> bytes:
    """DVC's listing OID, unchecked, from the cache or else from the remote. Raises Failure."""
    part = cache.incoming(oid)
    if cache.object_path(oid).is_file():
        return cache.object_path(oid).read_bytes()
    try:
        default().get(oid, File(None, oid.removesuffix(".dir")), part)
        return part.read_bytes()
    except FileNotFoundError:
        raise Failure(
            f"the listing {oid} is neither in the cache nor on the remote; run make add or make track again"
        ) from None
    finally:
        part.unlink(missing_ok=True)


@lru_cache(maxsize=1)
def default() -> Remote:
    """The remote that DVC's setting `core.remote` names. Raises Failure where there is none."""
    return _of(cache.settings())


def candidate(settings: dict[str, str]) -> Remote:
    """The default remote as it would be with SETTINGS in .dvc/config. Raises Failure."""
    if found := _folder(NAME, settings["url"]):
        return found
    config = cache.settings()
    machine = config.load_config_to_level("repo").get("remote", {}).get(NAME, {})
    clone = config.load_one("local")["remote"].get(NAME, {})  # .dvc/config.local, which Git ignores
    core, remotes = config["core"] | {"remote": NAME}, config["remote"] | {NAME: machine | settings | clone}
    return _of({"core": core, "remote": remotes})


def _folder(name: str, url: str) -> Remote | None:
    """The remote at URL if that is a path: nothing more of DVC is needed, which takes a while to load."""
    from lib.folder import Folder  # a Remote too, which needs this module first

    return None if "://" in url else Folder(name, url)


def _of(settings: dict) -> Remote:
    """The default remote by SETTINGS of DVC. Raises Failure."""
    name = settings["core"].get("remote", "").lower()  # as DVC reads the name of a section
    url = settings["remote"].get(name, {}).get("url")
    if not url:
        raise Failure("no remote is set; set one: make remote URL=s3://bucket/path")
    if found := _folder(name, url):
        return found
    from dvc import data_cloud, fs
    from dvc.exceptions import DvcException

    from lib.bucket import Bucket

    try:
        kind, config, path = fs.get_cloud_fs(settings, name=name)
        found = data_cloud.Remote(name, path, kind(**config), **config)
    except DvcException as error:
        raise Failure(f"no usable remote: {store.line(error)}; set one: make remote URL=s3://bucket/path") from error
    if found.fs.protocol == "local":  # behind a URL of another form
        return _folder(name, path)
    return Bucket(name, found.fs.unstrip_protocol(path), found.odb)

"""DVC's remote, where the objects of all clones lie: what is asked of one, whatever its kind.

Plain `dvc push`, `pull` and `status` take a directory's listing for all that it names, never compare a size, and
call a remote that has lost an object up to date. So DVC gives the settings and the layout here, and no more.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lib.core import atomic
from lib.core.digest import File, Progress, unwatched
from lib.core.errors import Failure
from lib.disk import cache
from lib.model.inventory import Item
from lib.remote.errors import sentence

NAME = "storage"  # of the remote that make remote sets without REMOTE
MARKER = ".model-weights"
MARKER_TEXT = "A remote of model weights. Without this file nothing is written here, since a disk may not be mounted.\n"


@dataclass(frozen=True)
class ObjectInfo:
    """What a store says of an object without reading it: `size` in bytes, when it was `modified`, in seconds since 1970
    by the store's clock, and digests of the content, if it has any.

    `md5` (hex) is Google's, for every object that was not composed of others. `etag` is S3's: the md5 of an object
    uploaded in one part, or the md5 of the parts' md5s and `-N` for N parts. Where a user's key encrypts the object it
    is neither; a listing does not tell that, and elsewhere such an etag is left out.
    `crc64nvme` (hex) of the whole object is told only where it was asked for closely.
    """

    size: int
    modified: float
    md5: str | None = None
    etag: str | None = None
    crc64nvme: str | None = None

    @property
    def hash(self) -> str | None:
        """The hash of the content that the store publishes, if it is one: not of parts."""
        return self.md5 or (self.etag if self.etag and "-" not in self.etag else None)


class Remote(ABC):
    """A remote by its `name`, `url` and `config` in DVC's settings. Every method raises `Failure`, which names it."""

    is_folder = False
    note: str | None = None  # what to tell a user of this remote
    strays: tuple[str, ...] = ()  # what `infos` came across among the objects that is none

    def __init__(self, name: str, url: str, config: dict | None = None) -> None:
        self.name, self.url, self.config = name, url, config or {}
        self.endpoint = self.config.get("endpointurl")

    @property
    def title(self) -> str:
        return f"remote {self.name!r} ({self.url})"

    @contextmanager
    def _explained(self, step: str, after: str = "run the same command again to go on") -> Iterator[None]:
        try:
            yield
        except (Failure, FileNotFoundError):
            raise
        except Exception as error:  # each client has its own tree of errors, with nothing in common
            raise Failure(f"{self.title} {sentence(error, step, self.endpoint)}; {after}") from error

    @abstractmethod
    def check(self, write: bool = False, probe: bool = False) -> None:
        """Refuse a remote that is out of reach, a folder without its marker or, with `write`, one that is read-only.

        With `probe` a bucket must also take an object, give it back and delete it.
        """

    @abstractmethod
    def infos(self, oids: Iterable[str], closely: bool = False) -> dict[str, ObjectInfo]:
        """What the store says of each of `oids`, asked one by one if `closely`; one that is not there is left out."""

    def lacks(self, sizes: Mapping[str, int | None]) -> set[str]:
        """The objects of `sizes`, bytes by id, that are not there with that many bytes; with any where it is None."""
        found = self.infos(sizes).items()
        return sizes.keys() - {oid for oid, info in found if sizes[oid] in (None, info.size)}

    def holds(self, sizes: Mapping[str, int]) -> set[str]:
        """The objects of `sizes`, bytes by id, that are there, as far as can be told without asking for their bytes."""
        found = self.infos(sizes).items()
        return {oid for oid, info in found if info.size == sizes[oid] and info.hash in (None, oid.removesuffix(".dir"))}

    @abstractmethod
    def all(self) -> dict[str, ObjectInfo]:
        """Every object that is there."""

    def _objects(self, listed: Mapping[str, ObjectInfo]) -> dict[str, ObjectInfo]:
        """Those of `listed`, by path below DVC's layout, that are objects; the others are `strays`."""
        self.strays = tuple(path for path in listed if not cache.OBJECT.fullmatch(path))
        return {path.replace("/", ""): info for path, info in listed.items() if cache.OBJECT.fullmatch(path)}

    @abstractmethod
    def now(self) -> float:
        """Seconds since 1970 by the store's clock; it must be one that can be written to."""

    @abstractmethod
    def drop(self, oid: str, before: float) -> None:
        """Delete the object `oid`, unless it was written later than `before`."""

    @abstractmethod
    def read(self, oid: str, want: File, progress: Progress = unwatched, path: Path | None = None) -> str | None:
        """How the bytes of the object `oid` differ from `want`, or None. Raises FileNotFoundError without it.

        They are kept at `path`, whose content is undefined if they differ; without one, nothing touches the disk.
        """

    @abstractmethod
    def put(self, path: Path, item: Item, progress: Progress = unwatched) -> str | None:
        """Make the file at `path` the object `item`; nobody sees a part of it under that name, nor other bytes.

        Returns how the file differs from `item`, or None; if it differs, nothing is put.
        """


def mark(folder: Path) -> None:
    """Make `folder`, created if need be, a remote of weights."""
    atomic.write(folder / MARKER, MARKER_TEXT)

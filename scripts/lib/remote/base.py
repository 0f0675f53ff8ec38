"""DVC's remote, where the objects of all clones lie. DVC gives its settings and layout; .github/FAULTS.md says why."""

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
    """What a store says of an object without reading it; None for a digest (hex) that it does not tell."""

    size: int  # bytes
    modified: float  # when it was written, in seconds since 1970 by the store's clock
    md5: str | None = None  # Google's, of every object that was not composed of others
    # S3's: the md5 of an object uploaded in one part, or the md5 of the N parts' md5s and `-N`. Where a user's key
    # encrypts the object it is neither: only a listing, which cannot tell, has it then.
    etag: str | None = None
    crc64nvme: str | None = None  # S3's, of the whole object; only if it was asked for closely

    @property
    def hash(self) -> str | None:
        """The md5 of the content that the store publishes, if it does."""
        return self.md5 or (self.etag if self.etag and "-" not in self.etag else None)


class Remote(ABC):
    """A remote by its `name`, `url` and `config` in DVC's settings. Every method raises `Failure`, which names it."""

    is_folder = False
    note: str | None = None  # what to tell a user of this remote
    strays: tuple[str, ...] = ()  # files among the objects that are none, once `all` has listed them

    def __init__(self, name: str, url: str, config: dict | None = None) -> None:
        self.name, self.url, self.config = name, url, config or {}
        self.endpoint = self.config.get("endpointurl")
        self._top = f"{url}/"  # how each key begins

    @property
    def title(self) -> str:
        return f"remote {self.name!r} ({self.url})"

    @contextmanager
    def _explained(self, step: str, after: str = "run the same command again to continue") -> Iterator[None]:
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

    def _object(self, oid: str) -> str:
        return self._top + cache.key(oid)

    def infos(self, oids: Iterable[str], closely: bool = False) -> dict[str, ObjectInfo]:
        """What the store says of each of `oids`, of each by itself if `closely`; one that is not there is left out."""
        with self._explained("list"):
            return {oid: info for oid in oids if (info := self._info(self._object(oid), closely))}

    def lacks(self, sizes: Mapping[str, int | None]) -> set[str]:
        """The objects of `sizes`, bytes by id, that are not there with that many bytes; with any where it is None."""
        found = self.infos(sizes).items()
        return sizes.keys() - {oid for oid, info in found if sizes[oid] in (None, info.size)}

    def holds(self, sizes: Mapping[str, int]) -> set[str]:
        """The objects of `sizes`, bytes by id, that are there, as far as can be told without asking for their bytes."""
        found = self.infos(sizes).items()
        return {oid for oid, info in found if info.size == sizes[oid] and info.hash in (None, oid.removesuffix(".dir"))}

    def all(self) -> dict[str, ObjectInfo]:
        """Every object that is there."""
        top = f"{self._top}{cache.LAYOUT}/"
        with self._explained("list"):
            listed = {key.removeprefix(top): info for key, info in self._list(top)}
        self.strays = tuple(path for path in listed if not cache.OBJECT.fullmatch(path))
        return {path.replace("/", ""): info for path, info in listed.items() if cache.OBJECT.fullmatch(path)}

    @abstractmethod
    def now(self) -> float:
        """Seconds since 1970 by the store's clock; it must be one that can be written to."""

    def drop(self, oid: str, before: float) -> None:
        """Delete the object `oid`, unless it was written later than `before`."""
        key = self._object(oid)
        with self._explained("delete"):
            if (info := self._info(key)) and info.modified < before:
                self._delete(key)

    @abstractmethod
    def read(self, oid: str, want: File, progress: Progress = unwatched, path: Path | None = None) -> str | None:
        """How the bytes of the object `oid` differ from `want`, or None. Raises FileNotFoundError without it.

        They are kept at `path`, whose content is undefined if they differ; without one, nothing touches the disk.
        """

    @abstractmethod
    def put(self, path: Path, item: Item, progress: Progress) -> str | None:
        """Make the file at `path` the object `item`, whole and right or not at all; how it differs from it, or None."""

    @abstractmethod
    def _list(self, prefix: str) -> Iterator[tuple[str, ObjectInfo]]:
        """The keys that begin with `prefix`, and what the store says of each."""

    @abstractmethod
    def _info(self, key: str, closely: bool = False) -> ObjectInfo | None:
        """What the store says of the object at `key`; None without it. Some stores tell more if asked `closely`."""

    @abstractmethod
    def _delete(self, key: str) -> None: ...


def mark(folder: Path) -> None:
    """Make `folder`, created if need be, a remote of weights."""
    atomic.write(folder / MARKER, MARKER_TEXT)

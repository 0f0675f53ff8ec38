"""DVC's remote storage, shared by all clones: DVC's settings and layout, our own transfers (see .github/FAULTS.md)."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lib.core import atomic
from lib.core.digest import File, Progress, unwatched
from lib.core.errors import FULL, Failure
from lib.disk import cache
from lib.model.inventory import Item
from lib.remote.errors import sentence

NAME = "storage"  # the remote that `make remote` sets up without REMOTE
MARKER = ".model-weights"
MARKER_TEXT = "A remote of model weights. Without this file nothing is written here, since a disk may not be mounted.\n"


@dataclass(frozen=True)
class ObjectInfo:
    """What a store publishes about an object; digests are hex, and None if it does not publish them."""

    size: int  # bytes
    modified: float  # when it was uploaded: seconds since 1970 by the store's clock
    md5: str | None = None  # from Google, for every object that is not a composite of others
    # From S3: the md5 of an object uploaded in one part, or the md5 of the N parts' md5s and `-N`. For an object
    # encrypted with a user's key it is neither: a listing has it all the same, since it does not show the encryption.
    etag: str | None = None
    crc64nvme: str | None = None  # from S3, for the whole object; only if asked `closely`

    @property
    def hash(self) -> str | None:
        """The md5 of the content, or None if the store does not publish it."""
        return self.md5 or (self.etag if self.etag and "-" not in self.etag else None)


class Remote(ABC):
    """A remote: its `name`, `url` and `config` in DVC's settings. Every method may raise `Failure`, which names it."""

    is_folder = False
    strays: tuple[str, ...] = ()  # files among the objects that are not objects; set by `all`

    def __init__(self, name: str, url: str, config: dict | None = None) -> None:
        self.name, self.url, self.config = name, url, config or {}
        self.endpoint = self.config.get("endpointurl")
        self._top = f"{url}/"  # the prefix of every key

    @property
    def title(self) -> str:
        return f"remote {self.name!r} ({self.url})"

    @contextmanager
    def _explained(self, step: str, after: str = "run the same command again to continue") -> Iterator[None]:
        try:
            yield
        except Failure:
            raise
        except Exception as error:  # the clients' exceptions have no other base class in common
            number = getattr(error, "errno", None)
            if step == "read" and number in FULL:
                raise  # the disk is one of this machine
            # A numbered one of a bucket is about a file of the login, unless it is about the one to upload.
            if isinstance(error, FileNotFoundError) and (self.is_folder or step == "write" or not number):
                raise
            raise Failure(f"{self.title} {sentence(error, step, self.endpoint)}; {after}") from error

    @abstractmethod
    def check(self, write: bool = False, probe: bool = False) -> None:
        """Raise `Failure` if the remote is unreachable, a folder without its marker or, with `write`, read-only.

        With `probe`, an object must also be written to a bucket, read back and deleted.
        """

    def _object(self, oid: str) -> str:
        return self._top + cache.key(oid)

    def infos(self, oids: Iterable[str], closely: bool = False) -> dict[str, ObjectInfo]:
        """oid -> info, for those of `oids` that exist; `closely` asks for each separately, and may tell more."""
        with self._explained("list"):
            return {oid: info for oid in oids if (info := self._info(self._object(oid), closely))}

    def lacks(self, sizes: Mapping[str, int | None]) -> set[str]:
        """The objects of `sizes` (oid -> bytes, None for any size) that are missing or have another size."""
        found = self.infos(sizes).items()
        return sizes.keys() - {oid for oid, info in found if sizes[oid] in (None, info.size)}

    def holds(self, sizes: Mapping[str, int]) -> set[str]:
        """The objects of `sizes` (oid -> bytes) that are there, by size and, if the store publishes it, by md5."""
        found = {oid: info for oid, info in self.infos(sizes).items() if info.size == sizes[oid]}
        odd = [oid for oid, info in found.items() if info.hash not in (None, oid.removesuffix(".dir"))]
        found |= self.infos(odd, closely=True)  # a listing takes any ETag for a hash
        return {oid for oid, info in found.items() if info.hash in (None, oid.removesuffix(".dir"))}

    def all(self) -> dict[str, ObjectInfo]:
        """oid -> info, for every object on the remote."""
        top = f"{self._top}{cache.LAYOUT}/"
        with self._explained("list"):
            listed = {key.removeprefix(top): info for key, info in self._list(top)}
        self.strays = tuple(path for path in listed if not cache.OBJECT.fullmatch(path))
        return {path.replace("/", ""): info for path, info in listed.items() if cache.OBJECT.fullmatch(path)}

    @abstractmethod
    def now(self) -> float:
        """Seconds since 1970 by the store's clock; needs write access."""

    def drop(self, oid: str, before: float) -> None:
        """Delete the object `oid`, unless it was uploaded later than `before`, in seconds since 1970."""
        key = self._object(oid)
        with self._explained("delete"):
            if (info := self._info(key)) and info.modified < before:
                self._delete(key)

    @abstractmethod
    def read(self, oid: str, want: File, progress: Progress = unwatched, path: Path | None = None) -> str | None:
        """Read the object `oid`; how it differs from `want`, or None. Raises FileNotFoundError if it does not exist.

        The bytes are written to `path`, if given; if they differ, its content is undefined.
        """

    def check_space(self, sizes: Mapping[str, int]) -> None:  # noqa: B027  # a bucket has no end
        """Raise `Failure` if the new objects `sizes` (oid -> bytes) do not fit."""

    @abstractmethod
    def put(self, path: Path, item: Item, progress: Progress) -> str | None:
        """Upload the file at `path` as the object `item`, intact or not at all; how it differs from `item`, or None."""

    @abstractmethod
    def _list(self, prefix: str) -> Iterator[tuple[str, ObjectInfo]]:
        """(key, info) for every key that begins with `prefix`."""

    @abstractmethod
    def _info(self, key: str, closely: bool = False) -> ObjectInfo | None:
        """Info about the object at `key`; None if there is none. Some stores tell more if asked `closely`."""

    @abstractmethod
    def _delete(self, key: str) -> None: ...


def mark(folder: Path) -> None:
    """Mark `folder` as a remote of weights, unless it is one; create it if it does not exist."""
    if not (folder / MARKER).is_file():
        atomic.write(folder / MARKER, MARKER_TEXT)

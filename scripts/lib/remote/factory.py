"""Which remote is set, as an object that can be asked; and the objects of a pin, whose listing may be on it."""

from functools import lru_cache

from lib.core.digest import File
from lib.core.errors import Failure
from lib.core.text import one_line
from lib.disk import cache, dvc
from lib.model import inventory
from lib.model.inventory import Item
from lib.model.pin import Pin
from lib.remote.base import Remote
from lib.remote.folder import Folder

NAME = "storage"

HOW = "make remote URL=s3://bucket/path"


@lru_cache(maxsize=1)
def default() -> Remote:
    """The remote that DVC's setting `core.remote` names. Raises `Failure` if there is none."""
    return _of(dvc.settings())


def candidate(settings: dict[str, str]) -> Remote:
    """The default remote as it would be with `settings` in .dvc/config. Raises `Failure`."""
    if "://" not in settings["url"]:
        return Folder(NAME, settings["url"])
    config = dvc.settings()
    machine = config.load_config_to_level("repo").get("remote", {}).get(NAME, {})
    clone = config.load_one("local")["remote"].get(NAME, {})  # .dvc/config.local, which Git ignores
    core, remotes = config["core"] | {"remote": NAME}, config["remote"] | {NAME: machine | settings | clone}
    return _of({"core": core, "remote": remotes})


def _of(settings: dict) -> Remote:
    """The default remote by DVC's `settings`. Raises `Failure`."""
    name = settings["core"].get("remote", "").lower()  # as DVC reads the name of a section
    url = settings["remote"].get(name, {}).get("url")
    if not url:
        raise Failure(f"no remote is set; set one: {HOW}")
    if url.partition("://")[0] not in ("s3", "gs", url):
        return _by_dvc(name, settings)
    return _made(name, url, settings["remote"][name])


def _by_dvc(name: str, settings: dict) -> Remote:
    """The remote `name` whose URL is in one of DVC's other forms, such as one that leads to another remote."""
    from dvc import fs
    from dvc.exceptions import DvcException

    try:
        kind, config, path = fs.get_cloud_fs(settings, name=name)
    except DvcException as error:
        raise Failure(f"no usable remote: {one_line(error)}; set one: {HOW}") from error
    return _made(name, path if kind.protocol == "local" else f"{kind.protocol}://{path}", config)


def _made(name: str, url: str, config: dict) -> Remote:
    """The remote at `url`; each client is slow to import, so only the one that is needed is."""
    kind = url.partition("://")[0]
    if kind == "s3":
        from lib.remote.s3 import S3

        return S3(name, url, config)
    if kind == "gs":
        from lib.remote.gcs import Gcs

        return Gcs(name, url, config)
    if kind != url:
        raise Failure(f"no usable remote: {url} is neither s3://, gs:// nor a folder; set one: {HOW}")
    return Folder(name, url)


def objects_of(held: Pin) -> list[Item]:
    """The objects of `held`; for a pin of plain `dvc add` by its listing, here or on the remote. Raises `Failure`."""
    return inventory.of_pin(held, _listing)


def _listing(oid: str) -> bytes:
    """DVC's listing `oid`, unchecked, from the cache or else from the remote. Raises `Failure`."""
    if cache.object_path(oid).is_file():
        return cache.object_path(oid).read_bytes()
    try:
        with cache.incoming(oid) as part:
            default().get(oid, File(None, oid.removesuffix(".dir")), part)
            return part.read_bytes()
    except FileNotFoundError:
        raise Failure(
            f"the listing {oid} is neither in the cache nor on the remote; run make add or make track again"
        ) from None

"""The configured remotes, as `Remote` objects; and the objects of a pin, whose listing may be on a remote."""

from functools import lru_cache
from shlex import quote

from lib.core import arguments, digest, text
from lib.core.errors import Failure
from lib.disk import cache, settings
from lib.model import history, inventory
from lib.model.pin import Pin
from lib.remote.base import Remote
from lib.remote.folder import Folder


def default() -> Remote:
    """The remote that REMOTE or else `core.remote` names. Raises `Failure` if none is configured."""
    return named(asked())


@lru_cache
def named(name: str) -> Remote:
    """The remote `name` of DVC's settings. Raises `Failure`."""
    return _of(name, settings.read())


@lru_cache(maxsize=1)
def names() -> list[str]:
    """The remotes that this repository or clone configures, not its user alone; the one from `asked` comes first."""
    return list(dict.fromkeys([asked(), *settings.remotes()]))


def asked() -> str:
    """The remote that REMOTE or else DVC's setting `core.remote` names. Raises `Failure` if REMOTE is unknown."""
    found, typed = settings.read(), arguments.value("REMOTE")
    if typed in ("", "1"):
        return found["core"].get("remote", "").lower()  # as DVC does with names of sections
    if typed not in found["remote"]:
        there = text.nearest(typed, found["remote"], f"there is: {', '.join(found['remote']) or 'none'}")
        raise Failure(f"no such remote: {typed!r}; {there}")
    return typed


def candidate(name: str, wanted: dict[str, str]) -> Remote:
    """The remote `name` as it would be with the settings `wanted` in .dvc/config. Raises `Failure`."""
    _check_here()
    config = settings.config()
    machine = config.load_config_to_level("repo").get("remote", {}).get(name, {})
    clone = config.load_one("local")["remote"].get(name, {})  # .dvc/config.local, which Git ignores
    odd = ", ".join(sorted(clone.keys() - {"url"}))
    if odd and "://" not in wanted["url"]:  # DVC would refuse its settings from then on
        how = f".venv/bin/dvc remote remove --local {name}"
        raise Failure(f".dvc/config.local has settings of {name!r} that a folder does not take ({odd}); type: {how}")
    remotes = config["remote"] | {name: machine | clone | wanted}
    return _of(name, {"core": config["core"], "remote": remotes})


def _of(name: str, found: dict) -> Remote:
    """The remote `name` by the settings `found`. Raises `Failure`."""
    config = found["remote"].get(name, {})
    url = config.get("url")
    if not url:
        _check_here()
        raise _unusable("no remote is set", name, found)
    kind = url.partition("://")[0]
    if kind == "s3":  # the clients are slow to import
        from lib.remote.s3 import S3

        return S3(name, url, config)
    if kind == "gs":
        from lib.remote.gcs import Gcs

        return Gcs(name, url, config)
    if kind != url:
        raise _unusable(f"no usable remote: {url} is neither s3://, gs:// nor a folder", name, found)
    return Folder(name, url)


def _check_here() -> None:
    """Raise `Failure` if Git has a .dvc/config, and this checkout does not."""
    if not settings.OURS[0].exists() and history.text("HEAD", ".dvc/config"):
        how = "git checkout HEAD -- .dvc (in a sparse checkout: git sparse-checkout add .dvc)"
        raise Failure(f".dvc/config, which sets the remote, is not here; restore it: {how}")


def _unusable(why: str, name: str, found: dict) -> Failure:
    """Why the remote `name` of the settings `found` cannot be used, with the command that sets another one."""
    which = "" if name in ("", found["core"].get("remote", "").lower()) else f"REMOTE={quote(name)} "
    return Failure(f"{why}; set one: make remote {which}URL=s3://bucket/path")


def objects_of(held: Pin) -> list[inventory.Item]:
    """Objects of `held`; if plain `dvc add` made it, by its listing in the cache or on a remote. Raises `Failure`."""
    return inventory.of_pin(held, listing(f"{held.md5}.dir") if held.files is None else held.listing)


def listing(oid: str) -> bytes:
    """The bytes of DVC's listing `oid`, from the cache or else from a remote. Raises `Failure`."""
    if (data := found_listing(oid)) is None:
        how = "run make add, make track or dvc add again"
        raise Failure(f"the listing {oid} is neither in the cache nor on the remote; {how}")
    return data


def found_listing(oid: str) -> bytes | None:
    """As `listing`, but None if it is nowhere. Raises `Failure` if it was not found and a remote failed."""
    cached, wanted = cache.object_path(oid), digest.File(None, oid.removesuffix(".dir"))
    data = cached.read_bytes() if cached.is_file() else None
    if arguments.is_on("OFFLINE") or (data is not None and digest.of_bytes(data).md5 == wanted.md5):
        return data
    why = None
    with cache.incoming(oid) as part:
        for name in names():
            try:
                named(name).check()  # a disk that is not mounted lacks every file
                is_wrong = named(name).read(oid, wanted, path=part)
                data = part.read_bytes()
                part.unlink()
                if not is_wrong:
                    break
            except FileNotFoundError:
                continue
            except Failure as failure:
                why = failure
    if data is None and why:
        raise why
    return data  # perhaps damaged: callers compare it with the pin's md5

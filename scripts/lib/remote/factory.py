"""Which remotes are set, as objects that can be asked; and the objects of a pin, whose listing may be on one."""

from difflib import get_close_matches
from functools import lru_cache

from lib.core import arguments
from lib.core.digest import File
from lib.core.errors import Failure
from lib.core.text import one_line
from lib.disk import cache, settings
from lib.model import inventory
from lib.model.pin import Pin
from lib.remote.base import Remote
from lib.remote.folder import Folder

HOW = "make remote URL=s3://bucket/path"


def default() -> Remote:
    """The remote that is `asked` for. Raises `Failure` if there is none."""
    return named(asked())


@lru_cache
def named(name: str) -> Remote:
    """The remote `name` of DVC's settings. Raises `Failure`."""
    return _of(name, settings.read())


@lru_cache(maxsize=1)
def names() -> list[str]:
    """The remotes of this repository and this clone, without those of its user alone; the one that is asked first."""
    return list(dict.fromkeys([asked(), *settings.remotes()]))


def asked() -> str:
    """What REMOTE names, or else DVC's setting `core.remote`. Raises `Failure` for a name that is not set."""
    found, typed = settings.read(), arguments.value("REMOTE")
    if typed in ("", "1"):
        return found["core"].get("remote", "").lower()  # as DVC reads the name of a section
    if typed not in found["remote"]:
        near = get_close_matches(typed, found["remote"], n=1)
        there = f"did you mean {near[0]}?" if near else f"there is: {', '.join(found['remote']) or 'none'}"
        raise Failure(f"no such remote: {typed!r}; {there}")
    return typed


def candidate(name: str, wanted: dict[str, str]) -> Remote:
    """The remote `name` as it would be with `wanted` in .dvc/config. Raises `Failure`."""
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
        raise Failure(f"no remote is set; set one: {HOW}")
    if url.partition("://")[0] not in ("s3", "gs", url):  # another of DVC's forms, such as one that leads to a remote
        from dvc import fs
        from dvc.exceptions import DvcException

        try:
            store, config, path = fs.get_cloud_fs(found, name=name)
        except DvcException as error:
            raise Failure(f"no usable remote: {one_line(error)}; set one: {HOW}") from error
        except (KeyError, RecursionError) as error:
            raise Failure(f"no usable remote: {url} leads to none, or to itself; set one: {HOW}") from error
        url = path if store.protocol == "local" else f"{store.protocol}://{path}"
    kind = url.partition("://")[0]
    if kind == "s3":  # each client is slow to import, so only the one that is needed is
        from lib.remote.s3 import S3

        return S3(name, url, config)
    if kind == "gs":
        from lib.remote.gcs import Gcs

        return Gcs(name, url, config)
    if kind != url:
        raise Failure(f"no usable remote: {url} is neither s3://, gs:// nor a folder; set one: {HOW}")
    return Folder(name, url)


def objects_of(held: Pin) -> list[inventory.Item]:
    """The objects of `held`; for a pin of plain `dvc add` by its listing, here or on the remote. Raises `Failure`."""
    return inventory.of_pin(held, listing(f"{held.md5}.dir") if held.files is None else held.listing)


def listing(oid: str) -> bytes:
    """DVC's listing `oid`, from the cache or else from a remote. Raises `Failure`."""
    if (data := found_listing(oid)) is None:
        raise Failure(
            f"the listing {oid} is neither in the cache nor on the remote; run make add, make track or dvc add again"
        )
    return data


def found_listing(oid: str) -> bytes | None:
    """DVC's listing `oid`; None if it is nowhere. Raises `Failure` if a remote cannot be asked."""
    if cache.object_path(oid).is_file():
        return cache.object_path(oid).read_bytes()
    data = why = None
    with cache.incoming(oid) as part:
        for name in names():
            try:
                is_wrong = named(name).read(oid, File(None, oid.removesuffix(".dir")), path=part)
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
    return data  # perhaps another one: who asked compares it with the pin

"""Delete the objects that no pin needs any more, from the cache and, with REMOTE, from a remote."""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import lru_cache

from lib.core import arguments, console, digest, lock, text, workers
from lib.core.errors import Failure
from lib.core.report import Report
from lib.disk import cache, cleanup, staging
from lib.model import reachable
from lib.remote import factory

DAY = 24 * 3600  # seconds
DELETIONS = 16  # in parallel
UNKNOWN = "of no pin in this clone's history"


@lru_cache(maxsize=1)
def names() -> dict[str, str]:
    """By object id, the name of a pin that the object is or was part of."""
    return reachable.named(undone=True)


def days() -> int:
    """The age in days below which objects on the remote are kept. Raises `Failure`."""
    typed = arguments.value("DAYS") or "14"
    if not re.fullmatch("[0-9]{1,4}", typed):
        raise Failure(f"not a number of days: DAYS={typed!r}")
    if arguments.value("DAYS") and not arguments.value("REMOTE"):
        raise Failure("DAYS is the age of objects on a remote; give that as well: REMOTE=1")
    return int(typed)


def needed() -> set[str]:
    """The ids of the objects to keep. Raises `Failure` if they cannot all be known."""
    if (history := arguments.value("HISTORY")) not in ("", "0"):
        raise Failure(f"not a value for HISTORY: {history!r} (want HISTORY=0, or leave it out)")
    pins = reachable.kept(walk=not history)
    models: dict[str, str] = {}  # by id of a listing: a model that needs it, or empty
    for name, said in sorted(pins):
        for oid in reachable.listings(name, said):
            models[oid] = models.get(oid) or (name if reachable.is_model(name) else "")
    staged = (path.read_text(errors="replace") for path in staging.ROOT.glob("*/pin"))  # left by stopped commands
    texts = (*(said for _, said in pins), *staged, *(read(oid, name) for oid, name in models.items()))
    return {oid for said in texts for oid in reachable.objects(said)}


def read(oid: str, model: str) -> str:
    """The text of DVC's listing `oid`. Raises `Failure` if it is damaged, or if `model` needs it and it is nowhere."""
    before = model and f"{model}: "
    try:
        data = (factory.listing if model else factory.found_listing)(oid)
    except Failure as failure:
        raise Failure(f"{before}{failure}") from failure
    if data is None:  # DVC hashes but never stores a folder that a stage reads or does not cache, or an import
        return ""
    if f"{digest.of_bytes(data).md5}.dir" != oid:
        raise Failure(f"{before}the listing {oid} is damaged, so the objects that it names are not known")
    return data.decode(errors="replace")


def sweep(place: str, sizes: Mapping[str, int], drop: Callable[[str], object], report: Report) -> None:
    """Report what to delete from `place`, by model, and with FORCE=1 `drop` it; `sizes` are bytes by object id."""
    found = defaultdict(list)
    for oid, size in sizes.items():
        found[text.one_line(names().get(oid, UNKNOWN))].append(size)
    for name, each in sorted(found.items()):
        report.note(f"{place}: {name}: {text.plural(len(each), 'object')}, {text.size(sum(each))}")
        fact = {"place": place, "model": name if name != UNKNOWN else "", "objects": len(each), "size": sum(each)}
        report.facts.setdefault("unneeded", []).append(fact)
    if arguments.is_on("FORCE"):  # listings first: plain dvc takes one as proof of all it names
        for is_listing in (True, False):
            workers.side_by_side(drop, [oid for oid in sizes if oid.endswith(".dir") == is_listing], DELETIONS)


def sweep_remote(keep: set[str], report: Report) -> dict[str, int]:
    """`sweep` the remote, except for `keep` and what is younger than DAYS; returns the swept bytes by object id."""
    remote, least = factory.default(), days()
    before = (remote.now() if arguments.is_on("FORCE") else time.time()) - least * DAY
    unneeded = {oid: info for oid, info in remote.all().items() if oid not in keep}
    old = {oid: info.size for oid, info in unneeded.items() if info.modified < before}
    sweep("remote", old, lambda oid: remote.drop(oid, before), report)
    if young := len(unneeded) - len(old):
        report.note(f"remote: kept {text.plural(young, 'object')} younger than {text.plural(least, 'day')}")
    if remote.strays:
        report.note(f"remote: {text.plural(len(remote.strays), 'file')} beside the objects left alone")
    return old


def main(report: Report) -> tuple[str, str]:
    cleanup.clear()
    days(), factory.asked()
    if arguments.value("REMOTE"):  # before anything is deleted here
        factory.default().check(write=arguments.is_on("FORCE"))
    with lock.clone():
        keep, gone = needed(), {}
        if cache.is_own():
            gone = {oid: size for oid, size in cache.all_objects().items() if oid not in keep}
            sweep("cache", gone, cache.drop, report)
        else:
            report.note(f"cache: left alone, since it lies outside this clone: {cache.location()}")
    sizes = list(gone.values())
    if arguments.value("REMOTE"):
        sizes += sweep_remote(keep, report).values()
    if not sizes:
        return "nothing to delete", ""
    amount = f"{text.plural(len(sizes), 'object')}, {text.size(sum(sizes))}"
    if arguments.is_on("FORCE"):
        return f"deleted {amount}{console.took()}", ""
    return f"would delete {amount}; nothing was changed; to delete: FORCE=1", ""

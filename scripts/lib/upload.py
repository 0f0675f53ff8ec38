"""Making objects whole on the remote, each from bytes that are right: corrupt bytes never leave this machine."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lib import cache, names, report, verdict
from lib.digest import Progress
from lib.inventory import Item
from lib.problem import Problem
from lib.remote import Remote

WORKERS = 4  # objects side by side; a large one is sent in parts, which go side by side too


@dataclass(frozen=True)
class Outcome:
    """What mend did: a sentence for each object that was broken and now is right, a problem for each that still is not
    on the remote, how many objects of each model were put there, and of how many only the size was looked at."""

    mended: list[str]
    failed: list[Problem]
    put: Counter
    unread: int


def sources(item: Item) -> Iterator[Path]:
    """Where the bytes of ITEM may be on this machine."""
    if item.data is not None:
        cache.keep_bytes(item.data, item.oid)
    yield cache.object_path(item.oid)
    yield names.weights_dir(item.model) / item.path


def put(item: Item, store: Remote, progress: Progress) -> Problem | None:
    """Put ITEM on the remote from the first source that is right; why not, or None."""
    why = Problem(item.model, "cache", "not on this machine", item.path, object=item.oid)
    for source in sources(item):
        if source.is_file():
            flaw = store.put(source, item, progress)
            if not flaw:
                return None
            why = Problem(item.model, "cache", "changed", item.path, f"{flaw}; not put on the remote", item.oid)
    return why


def put_all(items: list[Item], store: Remote) -> dict[str, Problem]:
    """Put ITEMS on the remote, side by side, listings after all that they name; why not, by oid."""
    failed = {}
    with (
        report.progress("push", sum(item.file.size or 0 for item in items)) as progress,
        ThreadPoolExecutor(WORKERS) as pool,
    ):
        for wave in ([item for item in items if item.data is None], [item for item in items if item.data is not None]):
            reasons = pool.map(lambda item: put(item, store, progress), wave)
            failed |= {item.oid: why for item, why in zip(wave, reasons, strict=True) if why}
    return failed


def mend(items: list[Item], store: Remote, deep: bool = False) -> Outcome:
    """Make ITEMS whole on the remote: what it lacks or holds broken is put there. DEEP reads what is there first."""
    with report.progress("read remote", sum(item.file.size or 0 for item in items) if deep else 0) as progress:
        found = verdict.inspect(store, items, deep, progress=progress)
    bad = [item for item in items if found[item.oid].is_bad]
    why = put_all(bad, store)
    done = [item for item in bad if item.oid not in why]
    return Outcome(
        [f"{found[item.oid].problem(item)}: mended" for item in done if found[item.oid].kind == "changed"],
        [why[item.oid] for item in bad if item.oid in why],
        Counter(item.model for item in done),
        sum(found[item.oid].kind == "unread" for item in items),
    )

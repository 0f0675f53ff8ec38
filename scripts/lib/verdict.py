"""What the objects on the remote are worth: right, only seen, missing or changed."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from lib import digest
from lib.inventory import Item
from lib.remote import Remote
from lib.store import Fact


@dataclass(frozen=True)
class Verdict:
    """What was found out about one object: KIND is right, unread (only its size was seen), missing or changed."""

    kind: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind} on the remote{f' ({self.detail})' if self.detail else ''}"

    @property
    def is_bad(self) -> bool:
        return self.kind in ("missing", "changed")


def inspect(
    store: Remote, items: Iterable[Item], deep: bool = False, progress: digest.Progress = digest.unwatched
) -> dict[str, Verdict]:
    """A Verdict on each of ITEMS, by oid, from what the store says; DEEP reads the objects too."""
    items = list(items)
    facts = store.facts(item.oid for item in items)
    verdicts = {item.oid: _verdict(facts.get(item.oid), item) for item in items}
    if deep:
        unread = [item for item in items if not verdicts[item.oid].is_bad]
        with ThreadPoolExecutor(digest.WORKERS * 2) as pool:
            flaws = pool.map(lambda item: store.read(item, progress), unread)
            for item, flaw in zip(unread, flaws, strict=True):
                verdicts[item.oid] = Verdict("changed", flaw) if flaw else Verdict("right")
    return verdicts


def _verdict(fact: Fact | None, item: Item) -> Verdict:
    if fact is None:
        return Verdict("missing")
    if item.file.size not in (None, fact.size):
        return Verdict("changed", f"pinned {item.file.size} bytes, found {fact.size}")
    if fact.md5 is None:
        return Verdict("unread")
    if fact.md5 != item.file.md5:
        return Verdict("changed", f"pinned md5 {item.file.md5}, the store says {fact.md5}")
    return Verdict("right")

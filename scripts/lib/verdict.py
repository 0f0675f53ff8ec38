"""What the objects on the remote are worth: right, only seen, missing or changed."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lib import digest, store
from lib.inventory import Item
from lib.problem import Problem
from lib.remote import Remote
from lib.report import plural
from lib.store import Fact

READERS = 2 * digest.WORKERS  # one waits for the network while another hashes


@dataclass(frozen=True)
class Verdict:
    """What was found out about one object: KIND is right, unread (its size is right), doubtful, missing or changed.

    Doubtful is one whose published hash differs: broken, or uploaded in a way that makes the hash another.
    """

    kind: str
    detail: str = ""

    @property
    def is_bad(self) -> bool:
        return self.kind in ("missing", "changed")

    def problem(self, item: Item) -> Problem:
        return Problem(item.model, "remote", self.kind, item.path, self.detail, item.oid)


def inspect(
    remote: Remote,
    items: Iterable[Item],
    deep: bool = False,
    at_hand: Mapping[str, Path] | None = None,
    progress: digest.Progress = digest.unwatched,
) -> dict[str, Verdict]:
    """A Verdict on each of ITEMS, by oid, from what the store of REMOTE says; DEEP reads the objects too.

    AT_HAND are files that were found right, by oid: from them the hash of an object in parts is known. Raises Failure.
    """
    items = list(items)
    facts = remote.facts(item.oid for item in items)
    found = {item.oid: _from_fact(facts.get(item.oid), item, (at_hand or {}).get(item.oid)) for item in items}
    doubtful = [item for item in items if found[item.oid].kind == "doubtful"]
    if deep:
        doubtful = [item for item in items if not found[item.oid].is_bad]
    elif doubtful:
        first = doubtful.pop()
        found |= _read(remote, [first], progress)
        if found[first.oid].kind == "right":  # the hashes of this store are not of the content, so they say nothing
            found |= {item.oid: Verdict("unread") for item in doubtful}
            doubtful = []
    return found | _read(remote, doubtful, progress)


def _read(remote: Remote, items: list[Item], progress: digest.Progress) -> dict[str, Verdict]:
    with ThreadPoolExecutor(READERS) as pool:
        flaws = pool.map(lambda item: remote.read(item, progress), items)
        return {
            item.oid: Verdict("changed", flaw) if flaw else Verdict("right")
            for item, flaw in zip(items, flaws, strict=True)
        }


def _from_fact(fact: Fact | None, item: Item, at_hand: Path | None) -> Verdict:
    if fact is None:
        return Verdict("missing")
    if item.file.size not in (None, fact.size):
        return Verdict("changed", f"pinned {item.file.size} bytes, found {fact.size}")
    if fact.md5:
        same = fact.md5 == item.file.md5
        return (
            Verdict("right") if same else Verdict("changed", f"pinned md5 {item.file.md5}, the store says {fact.md5}")
        )
    if fact.etag == item.file.md5:
        return Verdict("right")
    _, dash, parts = (fact.etag or "").partition("-")
    if not dash:
        return Verdict("doubtful" if fact.etag else "unread")
    if at_hand and parts.isdigit() and (etag := store.etag_of(at_hand, int(parts))):
        return Verdict("right" if etag == fact.etag else "doubtful")
    return Verdict("unread")


def size_only(unread: int, total: int) -> str:
    """What is said of UNREAD of TOTAL objects, whose store publishes nothing of their content."""
    return f"remote: {unread} of {plural(total, 'object')}: size only (DEEP=1 reads them)"

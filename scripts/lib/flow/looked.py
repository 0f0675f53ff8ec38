"""What `verify` looked at, whether that meets REQUIRE, and which share of the objects SHARD selects."""

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate

from lib.core import arguments, text
from lib.core.errors import Failure
from lib.core.report import MISSED, Finding, Report
from lib.model.inventory import Item
from lib.remote import audit

NOT_ASKED = "not asked"
REQUIREMENTS = {  # word of REQUIRE -> noun and predicate of the message if it is not met
    "disk": ("file", "on disk was not read; make pull brings them"),
    "remote": ("object", "on the remote was not asked for"),
    "content": ("object", "on the remote was neither read nor proven by the store's hash; DEEP=1 reads them"),
}


@dataclass
class Looked:
    """What was looked at: intact files and bytes on disk, out of how many, and objects by how they were checked."""

    pins: int = 0
    files: int = 0
    bytes: int = 0
    pinned_files: int = 0
    pinned_bytes: int = 0
    objects: Counter = field(default_factory=Counter)
    other_shares: int | None = None  # objects in other shares; None without SHARD
    signed: int | None = None  # None without SIGNED

    def __str__(self) -> str:
        pins, objects = text.plural(self.pins, "pin"), sum(self.objects.values())
        proven = sum(self.objects[status] for status in audit.PROVEN)
        how = ", ".join(f"{count} {status}" for status, count in sorted(self.objects.items()))
        others = "" if self.other_shares is None else f", {self.other_shares} in other shares"
        signed = "" if self.signed is None else f", signed: {self.signed} of {pins}"
        disk = f"{self.files} of {text.plural(self.pinned_files, 'file')} on disk ({text.size(self.bytes)})"
        remote = f"{proven} of {text.plural(objects, 'object')} on the remote{how and f' ({how})'}"
        return f"verified {pins}, {disk}, {remote}{others}{signed}"


def requirements() -> list[str]:
    """The words of REQUIRE. Raises `Failure` for an unknown one."""
    words = arguments.value("REQUIRE").split()
    if wrong := [word for word in words if word not in REQUIREMENTS]:
        raise Failure(f"not a requirement: {wrong[0]!r} (want some of: {' '.join(REQUIREMENTS)})")
    return words


def check_required(words: list[str], looked: Looked, report: Report) -> None:
    """Add a finding to `report` for each requirement in `words` that is not met."""
    if report.findings:  # the run fails already, and what is bad was not counted as looked at
        return
    unasked, unread = looked.objects[NOT_ASKED], looked.objects[audit.SIZE_ONLY]
    missing = {"disk": looked.pinned_files - looked.files, "remote": unasked, "content": unasked + unread}
    for word in words:
        if count := missing[word]:
            noun, what = REQUIREMENTS[word]
            detail = f"REQUIRE={word}: {text.plural(count, noun)} {what if count == 1 else what.replace('was', 'were')}"
            report.found(Finding("", word, MISSED, detail=detail))


def share(items: list[Item]) -> list[Item]:
    """The share of `items` that SHARD names: whole objects, split by size, alike on every machine. Raises `Failure`."""
    if not (typed := arguments.value("SHARD")):
        return items
    found = re.fullmatch(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})", typed)
    if not found or int(found[1]) > int(found[2]) or not arguments.is_on("DEEP"):
        raise Failure(f"not a share: SHARD={typed!r} (want one such as 3/16, with DEEP=1)")
    number, of = map(int, found.groups())
    ordered = sorted(items, key=lambda item: item.oid)
    *starts, total = accumulate((item.file.size or 1 for item in ordered), initial=0)  # plain DVC pins no sizes
    numbers = (1 + at * of // total for at in starts)
    return [item for item, each in zip(ordered, numbers, strict=True) if each == number]

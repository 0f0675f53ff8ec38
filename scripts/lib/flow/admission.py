"""What the policy says of weights that are to be pinned: before the first byte by name, later by content."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from lib.core import arguments
from lib.core.errors import Failure
from lib.disk import formats
from lib.model import names, policy
from lib.model.pin import Pin

if TYPE_CHECKING:  # slow to import, and track has no use for it
    from lib.hub.repo import HubFile, Snapshot

SCAN = {None: "not told", False: "not finished", True: "finished"}


def exceptions(old: Pin | None) -> dict[str, object]:
    """The exceptions and their reason, as ALLOW and REASON were typed, or else as `old` has them. Raises `Failure`."""
    allow, reason = tuple(sorted(set(arguments.value("ALLOW").split()))), names.line("REASON")
    if bool(allow) != bool(reason):
        raise Failure("ALLOW and REASON go together: ALLOW='format:pickle' REASON='approved in LEGAL-12'")
    if not allow and old:
        return {"allow": old.allow, "reason": old.reason}
    return {"allow": allow, "reason": reason}


def scan(shot: Snapshot, files: list[HubFile]) -> str:
    """What the Hub's scan says of `files` today, for people."""
    unsafe = sorted({file.path for file in files} & set(shot.unsafe))
    issues = f"issues with {', '.join(unsafe)}" if unsafe else "no issues"
    return SCAN[shot.scanned] if shot.scanned is None else f"{SCAN[shot.scanned]}, {issues}"


def scan_findings(shot: Snapshot, files: list[HubFile]) -> dict[str, str]:
    """What of the Hub's scan the policy does not take."""
    said = f"the Hub's scan is {scan(shot, files)}"
    bad = {file.path for file in files} & set(shot.unsafe) or (policy.read().finished and not shot.scanned)
    return {"scan": said} if bad else {}


def admit(held: Pin, folder: Path | None, more: dict[str, str]) -> Pin:
    """`held` with the exceptions that it needs, if the policy takes it and its files in `folder`. Raises `Failure`.

    `more` are findings besides. Without a `folder` the content is not looked at, so all exceptions stay.
    """
    rules = policy.read()
    found = policy.findings(held, rules) | more
    if folder is not None:
        found |= formats.findings(folder, held.files or (), rules)
    policy.check(found, held)
    return policy.excepted(found, held, bool(arguments.value("ALLOW"))) if folder is not None else held


def leave_out(files: list[HubFile], allow: Collection[str]) -> tuple[list[HubFile], tuple[str, ...]]:
    """`files` without those that the policy leaves out, and the paths of these."""
    out = policy.left_out([file.path for file in files], policy.read(), allow)
    return [file for file in files if file.path not in out], out


def draft(name: str, sizes: dict[str, int], **meta: object) -> Pin:
    """The pin of files of `sizes` before they were read: it holds no digests."""
    return Pin(name, "", sum(sizes.values()), len(sizes), dict.fromkeys(sizes), **meta)

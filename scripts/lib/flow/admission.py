"""What the policy says of weights that are to be pinned: before the first byte by name, later by content."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from lib.core import arguments
from lib.core.errors import Failure
from lib.disk import formats
from lib.model import history, names, pin, policy

if TYPE_CHECKING:  # slow to import, and track has no use for it
    from lib.hub.repo import HubFile, Snapshot

SCAN = {None: "not told", False: "not finished, {}", True: "finished, {}"}


def exceptions(old: pin.Pin | None) -> dict[str, object]:
    """The exceptions and their reason, as ALLOW and REASON were typed, or else as `old` has them. Raises `Failure`."""
    allow, reason = tuple(sorted(set(arguments.value("ALLOW").split()))), names.line("REASON")
    if reason == "…":
        raise Failure("REASON='…' is no reason; give one: REASON='approved in LEGAL-12'")
    if bool(allow) != bool(reason):
        raise Failure("ALLOW and REASON go together: ALLOW='format:pickle' REASON='approved in LEGAL-12'")
    if not allow and old:
        return {"allow": old.allow, "reason": old.reason}
    return {"allow": allow, "reason": reason}


def scan(shot: Snapshot, paths: Collection[str]) -> str:
    """What the Hub's scan says of the files `paths` today, for people."""
    unsafe = sorted(set(paths) & set(shot.unsafe))
    issues = f"issues with {', '.join(unsafe)}" if unsafe else "no issues"
    return SCAN[shot.scanned].format(issues)


def scan_findings(shot: Snapshot, paths: Collection[str]) -> dict[str, str]:
    """What of the Hub's scan of the files `paths` the policy does not take."""
    said = f"the Hub's scan is {scan(shot, paths)}"
    bad = set(paths) & set(shot.unsafe) or (policy.read().finished and not shot.scanned)
    return {"scan": said} if bad else {}


def _check_carried(held: pin.Pin, old: pin.Pin, shot: Snapshot | None, folder: Path | None) -> None:
    """Refuse to carry an exception of `old` to what it was not made for, by name or content. Raises `Failure`."""
    rules, new = policy.read(), [path for path in held.files if path not in (old.files or {})]
    found = {word: f"{paths[0]} is new" for word, paths in policy.unwanted(new, rules).items()}
    if folder:
        found |= formats.findings(folder, held.files, rules, new)
    if shot and scan(shot, held.files) != history.trailer(held.name, "Scan"):
        found |= scan_findings(shot, held.files)
    if word := next(filter(found.get, held.allow), None):
        again = pin.exception(pin.command(held, shot and shot.revision), held.allow)
        raise Failure(f"{found[word]}; that may not be what {word} was excepted for; except it again: {again}")


def admit(
    held: pin.Pin, folder: Path | None, more: dict[str, str], old: pin.Pin | None = None, shot: Snapshot | None = None
) -> pin.Pin:
    """`held` with the exceptions that it needs, if the policy takes it and its files in `folder`, without which the
    content is not looked at and all exceptions stay. `more` are findings besides; `old` is the pin that it replaces,
    `shot` what the Hub has. Raises `Failure`."""
    rules, typed = policy.read(), bool(arguments.value("ALLOW"))
    if old and held.allow and not typed and not (shot and shot.commit == old.commit):
        _check_carried(held, old, shot, folder)
    found = policy.findings(held, rules) | more
    if folder:
        found |= formats.findings(folder, held.files, rules)
    policy.check(found, held, pin.command(held, shot and shot.revision))
    return policy.excepted(found, held, typed) if folder else held


def leave_out(files: list[HubFile], allow: Collection[str]) -> tuple[list[HubFile], tuple[str, ...]]:
    """`files` without those that the policy leaves out, and the paths of these."""
    out = policy.left_out([file.path for file in files], policy.read(), allow)
    return [file for file in files if file.path not in out], out


def draft(name: str, sizes: dict[str, int], **meta: object) -> pin.Pin:
    """The pin of files of `sizes` before they were read: it holds no digests."""
    return pin.Pin(name, "", sum(sizes.values()), len(sizes), dict.fromkeys(sizes), **meta)

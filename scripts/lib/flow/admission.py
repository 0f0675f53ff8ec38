"""Checks weights that are to be pinned against the policy: before the download by name, after it by content."""

from dataclasses import replace
from pathlib import Path

from lib.core import arguments, console
from lib.core.errors import Failure
from lib.disk import formats
from lib.model import history, names, pin, policy


def exceptions(old: pin.Pin | None) -> dict[str, object]:
    """The fields `allow` and `reason` of the new pin: from ALLOW and REASON, or else from `old`. Raises `Failure`."""
    allow, reason = tuple(sorted(set(arguments.value("ALLOW").split()))), names.line("REASON")
    if reason == "…":
        raise Failure("REASON='…' is not a reason; give one: REASON='approved in LEGAL-12'")
    if bool(allow) != bool(reason):
        raise Failure("ALLOW and REASON go together: ALLOW='format:pickle' REASON='approved in LEGAL-12'")
    return {"allow": old.allow, "reason": old.reason} if old and not allow else {"allow": allow, "reason": reason}


def _check_carried(held: pin.Pin, old: pin.Pin, folder: Path | None, more: dict[str, str], command: str) -> None:
    """Raise `Failure` if an exception of `old` would also cover something new, for which it was not made."""
    rules, new = policy.read(), [path for path in held.files if path not in (old.files or {})]
    found = {word: f"{paths[0]} is new" for word, paths in policy.unwanted(new, rules).items()}
    if folder:
        found |= formats.findings(folder, held.files, rules, held.left_out, new)
    if more and more["scan"] != f"the Hub's scan is {history.trailer(held.name, 'Scan')}":
        found |= more
    if word := next(filter(found.get, held.allow), None):
        again = pin.exception(command, held.allow)
        raise Failure(f"{found[word]}; the exception for {word} may not be meant for that; make it again: {again}")


def admit(
    held: pin.Pin, folder: Path | None, more: dict[str, str], old: pin.Pin | None, revision: str | None = None
) -> pin.Pin:
    """`held` with only the exceptions that it needs. Raises `Failure` if the policy forbids it.

    `folder` contains its files; if None, their content is not checked and all exceptions for formats are kept. `more`
    are further findings, `old` is the pin to be replaced, `revision` is what the advice names instead of the commit.
    """
    rules, command = policy.read(), pin.command(held, revision)
    if old and held.allow and not arguments.value("ALLOW") and (not held.commit or held.commit != old.commit):
        _check_carried(held, old, folder, more, command)
    found = policy.findings(held, rules) | more
    if folder:
        found |= formats.findings(folder, held.files, rules, held.left_out)
    policy.check(found, held, command)
    kept = tuple(word for word in held.allow if word in found or (not folder and word.startswith("format:")))
    if vain := " ".join(word for word in held.allow if word not in kept):
        console.remark(f"models/policy.yaml does not forbid {vain}, so the pin of {held.name} does not except it")
    return replace(held, allow=kept, reason=held.reason if kept else None)


def draft(name: str, sizes: dict[str, int], **meta: object) -> pin.Pin:
    """A pin of files that were not read yet, so without digests; `sizes` is path -> bytes."""
    return pin.Pin(name, "", sum(sizes.values()), len(sizes), dict.fromkeys(sizes), **meta)


def say_left_out(draft: pin.Pin) -> None:
    if draft.left_out:
        console.remark(f"{draft.name}: left out by models/policy.yaml: {' '.join(draft.left_out)}")

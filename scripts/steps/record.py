"""Between `dvc add` and the Git commit: check what DVC recorded, complete pin and catalog, upload the objects.

Usage: record.py NAME < OLD-PIN   (the pin as the last Git commit has it; empty for a new model)
Prints the message of the Git commit; leaves the page for it in the staging folder, and the one for Git's index.
"""

import sys

from lib.core import arguments, atomic, command, text
from lib.core.console import note, result
from lib.core.errors import Failure
from lib.disk import cache, staging
from lib.model import catalog, inventory, pin
from lib.model.pin import Pin
from lib.remote import factory, repair


def check_outs(recorded: Pin, wanted: Pin) -> None:
    """Refuse what DVC recorded if it is not what was staged: DVC silently drops files that it takes for its own."""
    for key in ("md5", "size", "nfiles"):
        if getattr(recorded, key) != getattr(wanted, key):
            raise Failure(
                f"DVC recorded {key} {getattr(recorded, key)}, not {getattr(wanted, key)}: models/{wanted.name} "
                "changed meanwhile, or .dvcignore hides a file of it; run the same command again"
            )


def message(new: Pin, old: Pin | None) -> str:
    """The Git commit's message: subject, what changed, and trailers that a machine can read."""
    lines = [arguments.value("MESSAGE") or f"{'Update' if old else 'Add'} {new.name} model", ""]
    if old and old.commit and new.commit and old.commit != new.commit:
        lines += [f"From {old.commit} to {new.commit}.", ""]
    lines.append(text.amount(new.nfiles, new.size) + ".")
    if new.source:
        lines += ["", f"Source: {new.source}", f"Commit: {new.commit}"]
    return "\n".join(lines)


def main() -> None:
    name = sys.argv[1]
    old = sys.stdin.read()
    wanted = staging.finished(name)
    check_outs(pin.read_head(name), wanted)
    atomic.write(pin.path_of(name), pin.dump(wanted))
    commit_page, index_page, here = catalog.pages(wanted)
    atomic.write(staging.folder(name) / "page.commit", commit_page)
    atomic.write(staging.folder(name) / "page.index", index_page)
    atomic.write(catalog.PATH, here)
    remote = factory.default()
    note(remote.note)
    note(cache.note())
    outcome = repair.repair(inventory.unique(factory.objects_of(wanted)), remote)
    if outcome.failed:
        raise Failure(f"{outcome.failed[0]}; nothing was committed; run the same command again")
    result(message(wanted, pin.parse(name, old) if old else None))


if __name__ == "__main__":
    command.run(arguments.value("VERB"), main)

"""Between `dvc add` and the Git commit: check what DVC recorded, finish pin and catalog, put the objects on the remote.

Usage: record.py NAME < OLD-PIN   (the pin as the last Git commit has it; empty for a new model)
Prints the message of the Git commit.
"""

import sys

from lib import atomic, cache, catalog, command, inventory, pin, remote, report, staging, upload
from lib.pin import Pin
from lib.report import Failure


def check_outs(recorded: Pin, wanted: Pin) -> None:
    """Refuse what DVC recorded if it is not what was staged: DVC drops files that it takes for its own, in silence."""
    for key in ("md5", "size", "nfiles"):
        if getattr(recorded, key) != getattr(wanted, key):
            raise Failure(
                f"DVC recorded {key} {getattr(recorded, key)}, not {getattr(wanted, key)}: models/{wanted.name} "
                "changed meanwhile, or .dvcignore hides a file of it; run the same command again"
            )


def message(new: Pin, old: Pin | None) -> str:
    """The Git commit's message: subject, what changed, and trailers that a machine can read."""
    lines = [f"{'Update' if old else 'Add'} {new.name} model", ""]
    if old and old.commit and new.commit and old.commit != new.commit:
        lines += [f"From {old.commit} to {new.commit}.", ""]
    lines.append(report.amount(new.nfiles, new.size) + ".")
    if new.source:
        lines += ["", f"Source: {new.source}", f"Commit: {new.commit}"]
    return "\n".join(lines)


def main() -> None:
    name = sys.argv[1]
    text = sys.stdin.read()
    wanted = staging.finished(name)
    check_outs(pin.read_head(name), wanted)
    atomic.write(pin.path_of(name), pin.dump(wanted))
    catalog.update()
    store = remote.default()
    report.note(store.note)
    report.note(cache.note())
    outcome = upload.mend(inventory.unique(inventory.of_pin(wanted, wanted.files)), store)
    if outcome.failed:
        raise Failure(f"{outcome.failed[0]}; nothing was committed; run the same command again")
    report.result(message(wanted, pin.parse(name, text) if text else None))


if __name__ == "__main__":
    command.run("add", main)

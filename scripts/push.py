"""Put on the remote what it lacks or holds broken, object by object, from bytes that are right.

Usage: make push [MODEL=NAME or ORG/NAME] [DEEP=1] [REPORT=file.json]
"""

from lib import command, inventory, models, names, remote, report, upload, verdict
from lib.pin import Pin
from lib.problem import Problem
from lib.report import Failure, Report


def sound_pins(chosen: list[str], said: Report) -> list[Pin]:
    """The pins of CHOSEN that agree with themselves; the others are problems."""
    sound = []
    for name in chosen:
        try:
            sound.append(models.checked(name))
        except Failure as failure:
            said.found(Problem(name, "pin", "broken", detail=str(failure)))
    return sound


def push(pins: list[Pin], said: Report) -> None:
    """Make the objects of PINS whole on the remote, and say how that went."""
    store = remote.default()
    report.note(store.note)
    store.check(write=True)
    items = inventory.unique(
        item for held in pins for item in inventory.of_pin(held, inventory.files_of(held, remote.listing))
    )
    outcome = upload.mend(items, store, names.value("DEEP") == "1")
    for line in outcome.mended:
        said.note(f"push: {line}")
    said.found(*outcome.failed)
    if outcome.unread:
        said.note(verdict.size_only(outcome.unread, len(items)))
    for held in pins:
        put = outcome.put[held.name]
        said.model(held.name, held.nfiles, held.size, put=put)
        if put:
            said.note(f"pushed {held.name}: {report.plural(put, 'object')}")


def main(said: Report) -> tuple[str, str]:
    chosen = models.select(names.value("MODEL"))
    if not chosen:
        return report.NO_MODEL, ""
    if pins := sound_pins(chosen, said):
        push(pins, said)
    count = report.plural(len(said.problems), "problem")
    total = report.tally(len(pins), sum(held.nfiles for held in pins), sum(held.size for held in pins))
    return f"the remote holds {total}", f"{count}; get the weights right with make pull or make add, then push again"


if __name__ == "__main__":
    command.run_reported("push", main)

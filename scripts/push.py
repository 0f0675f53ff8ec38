"""Put on the remote what it lacks or holds broken, object by object, from bytes that are right.

Usage: make push [MODEL=NAME or ORG/NAME] [DEEP=1] [REPORT=file.json]
"""

from lib import inventory, models, names, remote, report, upload, verdict
from lib.pin import Pin
from lib.problem import Problem
from lib.report import Failure, Report


def sound_pins(said: Report) -> list[Pin]:
    """The pins that MODEL means and that agree with themselves; the others are problems."""
    sound = []
    for name in models.select(names.value("MODEL")):
        try:
            sound.append(models.checked(name))
        except Failure as failure:
            said.found(Problem(name, "pin", "broken", detail=str(failure)))
    return sound


def main(said: Report) -> tuple[str, str]:
    pins = sound_pins(said)
    if pins:
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
            said.model(held.name, held.nfiles, held.size, put=outcome.put[held.name])
            if put := outcome.put[held.name]:
                said.note(f"pushed {held.name}: {report.plural(put, 'object')}")
    elif not said.problems:
        said.note("no model yet; add one: make add MODEL=ORG/NAME")
    count = report.plural(len(said.problems), "problem")
    total = report.tally(len(pins), sum(held.nfiles for held in pins), sum(held.size for held in pins))
    return f"the remote holds {total}", f"{count}; get the weights right with make pull or make add, then push again"


if __name__ == "__main__":
    report.run_reported("push", main)

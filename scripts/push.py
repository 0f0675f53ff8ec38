"""Put on the remote what it lacks or holds broken, object by object, from bytes that are right.

Usage: make push [MODEL=NAME or ORG/NAME] [DEEP=1]
"""

from lib import inventory, models, names, remote, report, upload
from lib.report import Failure


def main() -> None:
    store = remote.default()
    report.note(store.note)
    pins = [models.checked(name) for name in models.select(names.value("MODEL"))]
    if not pins:
        report.result("no model yet; add one: make add MODEL=ORG/NAME")
        return
    store.check(write=True)
    items = inventory.unique(
        item for held in pins for item in inventory.of_pin(held, inventory.files_of(held, remote.listing))
    )
    outcome = upload.mend(items, store, names.value("DEEP") == "1")
    for line in outcome.mended + outcome.failed:
        report.result(f"push: {line}")
    for held in pins:
        put = outcome.put[held.name]
        report.result(f"pushed {held.name}: {report.plural(put, 'object')}" if put else f"{held.name}: nothing to push")
    if outcome.failed:
        count = report.plural(len(outcome.failed), "object")
        raise Failure(f"{count} could not be put on the remote; get the weights with make pull, or add them again")


if __name__ == "__main__":
    report.run("push", main)

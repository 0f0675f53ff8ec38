"""Print a bill of materials of the models in CycloneDX 1.6, from the pins alone, without a network."""

from lib.core import arguments, console
from lib.core.report import NO_MODEL
from lib.model import bill, selection


def main() -> None:
    chosen = selection.select(arguments.value("MODEL"))
    print(bill.write(map(selection.checked, chosen)), flush=True)
    if not chosen:
        console.remark(NO_MODEL)

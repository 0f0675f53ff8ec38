"""Print a bill of materials of the models in CycloneDX 1.6, from the pins alone, without a network."""

from lib.core import arguments
from lib.core.console import remark
from lib.core.report import NO_MODEL
from lib.model import bill, selection


def main() -> None:
    chosen = selection.select(arguments.value("MODEL"))
    print(bill.write(map(selection.checked, chosen)), flush=True)
    if not chosen:
        remark(NO_MODEL)

"""Rewrite the catalog in models/README.md from the pins in Git's index; the notes in its rows are kept."""

from lib.core import atomic, lock
from lib.core.console import result
from lib.model import catalog


def main() -> None:
    with lock.clone():
        before, after = catalog.page(), catalog.written()
        if after == before:
            result("models/README.md has a row for each pin; nothing to do")
            return
        atomic.write(catalog.PATH, after)
    result("updated models/README.md; next: git commit --message 'Renew the catalog' -- models/README.md")

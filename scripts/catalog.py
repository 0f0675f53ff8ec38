"""Rewrite the catalog in models/README.md from the pins in Git's index; the notes in its rows are kept."""

from lib.core import atomic, console, lock, shell
from lib.model import catalog


def main() -> None:
    with lock.clone():
        before, after = catalog.page(), catalog.written()
        if after == before:
            console.result("models/README.md has a row for each pin; nothing to do")
            return
        atomic.write(catalog.PATH, after)
        step = shell.git("commit_of", "models/README.md", "Renew the catalog")
    console.result(f"updated models/README.md{step}")

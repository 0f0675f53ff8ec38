"""The half of `make remote` that looks: what remote is set, or whether the one that is going to be set works.

Usage: [URL=s3://bucket/path, gs://bucket/path or a folder] probe.py
Prints a URL that was given in the form that DVC's config takes.
"""

import re
from pathlib import Path

from lib import names, remote, report
from lib.report import Failure


def canonical(text: str) -> str:
    """The URL typed as TEXT; a folder as an absolute path. Raises Failure."""
    if re.fullmatch(r"(s3|gs)://[A-Za-z0-9][A-Za-z0-9._/=+-]*", text):
        return text.rstrip("/")
    if "://" in text or text.startswith("-") or not text.isprintable():
        raise Failure(f"not a remote: {text!r} (want s3://bucket/path, gs://bucket/path or a folder)")
    return str(names.caller_path(text).resolve())


def main() -> None:
    if not names.value("URL"):
        store = remote.default()
        store.check()
        report.result(f"{store.title} is there")
        report.note(store.note)
        return
    url = canonical(names.value("URL"))
    store = remote.candidate(url)
    if store.is_folder:
        remote.mark(Path(url))
    store.check(write=True)
    report.result(url)


if __name__ == "__main__":
    report.run("remote", main)

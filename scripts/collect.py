"""The first half of `make track`: pin weights that are not on the Hub, as they lie in models/NAME or in DIR.

Usage: NAME=… [DIR=…] collect.py
Prints `placed NAME STAGING-FOLDER`.
"""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lib import atomic, command, digest, models, names, pin, remote, report, staging, weights
from lib.digest import Progress
from lib.report import Failure


def inspect(folder: Path) -> dict[str, int]:
    """The files of FOLDER and their sizes in bytes. Refuses what DVC would follow, hang on, drop or act on."""
    if folder.is_symlink() or not folder.is_dir():
        raise Failure(f"no such folder: {str(folder)!r}; put the weights there, or name where they are: DIR=FOLDER")
    found = weights.walk(folder)
    for path, status in sorted(found.items()):
        if not stat.S_ISREG(status.st_mode):
            raise Failure(f"refused a link or special file: {str(folder / path)!r}; put a regular file in its place")
        if names.is_control_file(path):
            raise Failure(f"refused a control file of Git, DVC or the Hub client: {str(folder / path)!r}; move it away")
    if flaw := names.flaw_of(found):
        raise Failure(f"refused {flaw}; give it another name, or move it away")
    if not found:
        raise Failure(f"no file in {str(folder)!r}; put the weights there first")
    return {path: status.st_size for path, status in found.items()}


def check_name(name: str, copies: bool) -> None:
    """Refuse a NAME that a model of the Hub has, or, where the files come from elsewhere, one whose place is taken."""
    staged = staging.finished(name)
    old = pin.read(name, broken_is_none=staged is not None)
    if old and old.source:
        raise Failure(f"the name {name!r} is taken by {old.source}; choose another NAME")
    if copies and (staged or old):
        staging.check_clean(name, staged, old)
    elif not staged and not old:
        staging.check_free(name, but_weights=not copies)


def read(source: Path, target: Path | None, progress: Progress) -> digest.File:
    """The digests of SOURCE; with TARGET, copied there in the same read."""
    want = ("md5", "sha256")
    if target is None:
        found = digest.of_file(source, want, progress)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        found = digest.copy(source, target, want, progress)
        atomic.sync(target)
    return digest.File(found.size, found.md5, found.sha256)


def main() -> None:
    name = names.model_name(names.value("NAME"))
    models.check_all(but=name)
    copies = bool(names.value("DIR"))
    folder = names.caller_path(names.value("DIR")) if copies else names.weights_dir(name)
    check_name(name, copies)
    sizes = inspect(folder)
    remote.default().check(write=True)
    staging.clear(name)
    with report.progress(name, sum(sizes.values())) as progress, ThreadPoolExecutor(digest.WORKERS) as pool:
        jobs = {
            path: pool.submit(read, folder / path, staging.files(name) / path if copies else None, progress)
            for path in sorted(sizes, key=sizes.get, reverse=True)
        }
        found = {path: job.result() for path, job in jobs.items()}
    staging.finish(pin.build(name, found))
    staging.place(name)
    report.result(f"placed {name} {staging.folder(name)}")


if __name__ == "__main__":
    command.run("track", main)

"""The first half of `make add`: the files of one model from the Hub, checked, into models/.

Usage: MODEL=ORG/NAME[@REVISION] [REVISION=…] [NAME=…] [INCLUDE=…] [EXCLUDE=…] download.py
Prints `placed NAME STAGING-FOLDER` when models/NAME and its pin are new, `pinned NAME` when there is nothing to do.
"""

import shutil
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from lib import cache, command, digest, fetch, hub, models, names, patience, pin, remote, report, staging, weights
from lib.digest import Progress
from lib.report import Failure

WORKERS = 8  # files side by side; past this a link is full and a disk begins to seek


@dataclass(frozen=True)
class Request:
    """What the user asked for."""

    source: str
    revision: str
    name: str
    include: tuple[str, ...]
    exclude: tuple[str, ...]


def typed() -> Request:
    """The request as it was typed. Raises Failure for what is not one."""
    patience.limit()
    source, _, after = names.value("MODEL").partition("@")
    names.repo_id(source)
    before = names.value("REVISION")
    if after and before and after != before:
        raise Failure(f"two revisions: {after!r} in MODEL and REVISION={before!r}; give one")
    revision = names.revision(after or before or "main")
    if "@" in names.value("MODEL") and not after:
        raise Failure(f"no revision after the @: {names.value('MODEL')!r} (want ORG/NAME@REVISION)")
    name = names.model_name(names.value("NAME") or source.partition("/")[2])
    return Request(source, revision, name, names.patterns("INCLUDE"), names.patterns("EXCLUDE"))


def check_name(request: Request, old: pin.Pin | None) -> None:
    """Refuse a NAME that another source has, by its pin OLD, or whose place is not free."""
    if old and old.source != request.source:
        owner, base = old.source or "weights that are not from the Hub", request.name.rpartition("/")[2]
        raise Failure(f"the name {request.name!r} is taken by {owner}; choose another: NAME=FOLDER/{base}")
    if not old:
        staging.check_free(request.name)


def chosen_files(request: Request, shot: hub.Snapshot) -> list[hub.HubFile]:
    """The files to bring: what the user chose, without the control files of Git and DVC. Raises Failure."""
    candidates = tuple(file for file in shot.files if not names.is_control_file(file.path))
    files = hub.choose(candidates, request.include, request.exclude)
    if not files:
        raise Failure(
            f"no file of {request.source} is left to add; INCLUDE and EXCLUDE take patterns such as '*.safetensors'"
        )
    if flaw := names.flaw_of(file.path for file in files):
        raise Failure(f"refused {flaw}; leave it out with EXCLUDE")
    if warned := sorted({file.path for file in files} & set(shot.unsafe)):
        report.say(f"add: the Hub's scan warns of {', '.join(warned)}; leave out what you do not need with EXCLUDE")
    return files


def is_pinned(old: pin.Pin | None, request: Request, shot: hub.Snapshot) -> bool:
    """Whether OLD pins this commit and this choice of files already."""
    wanted = (request.source, shot.commit, request.include, request.exclude)
    return bool(old and old.files and (old.source, old.commit, old.include, old.exclude) == wanted)


def check_space(name: str, files: list[hub.HubFile], store: remote.Remote) -> None:
    """Refuse what the disk does not hold, before the first byte: what is left to bring, and a folder remote's copy."""
    total = sum(file.size for file in files)
    here = staging.folder(name)
    there = sum(status.st_size for status in weights.walk(here).values()) if here.is_dir() else 0
    same_disk = store.is_folder and Path(store.url).stat().st_dev == names.ROOT.stat().st_dev
    needed = max(0, total - there) + (total if same_disk else 0)
    free = shutil.disk_usage(names.ROOT).free
    if needed > free:
        raise Failure(
            f"not enough disk: {name} needs {report.size(needed)}, {report.size(free)} are free at {names.ROOT}; "
            "free some, or bring fewer files with INCLUDE and EXCLUDE"
        )


def fetch_checked(
    shot: hub.Snapshot, file: hub.HubFile, path: Path, progress: Progress, stop: threading.Event
) -> digest.File:
    """FILE at PATH, right byte for byte. A file that differs is fetched once more. Raises Failure."""
    for attempt in ("first", "second"):
        found = fetch.fetch(shot, file, path, progress, stop)
        if stop.is_set():
            raise Failure("stopped")
        flaw = file.flaw(found)
        if not flaw:
            return digest.File(found.size, found.md5, found.sha256)
        path.unlink()
        report.say(f"add: {shot.source}/{file.path}: the {attempt} download differs: {flaw}")
    raise Failure(f"{shot.source}/{file.path} differs from what the Hub publishes, twice; nothing was changed")


def reuse(held: pin.Pin | None, is_there: bool, files: list[hub.HubFile], folder: Path) -> dict[str, digest.File]:
    """Link into FOLDER what of FILES the pin HELD has too, so that it is not fetched again; their digests.

    The cache gives them. IS_THERE says that models/NAME was found to be HELD, so what it shares is not read again.
    """
    old = {file.sha256: (path, file) for path, file in held.files.items()} if held and held.files else {}
    found = {}
    for file in files:
        if file.sha256 not in old or (folder / file.path).exists():
            continue
        path, known = old[file.sha256]
        if cache.is_right(known, names.weights_dir(held.name) / path if is_there else None):
            (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
            cache.link(cache.object_path(known.md5), folder / file.path)
            found[file.path] = known
    return found


def fetch_all(request: Request, shot: hub.Snapshot, files: list[hub.HubFile]) -> dict[str, digest.File]:
    """Every file of FILES, side by side, the longest first; the first Failure ends the others too."""
    stop, folder = threading.Event(), staging.files(request.name)
    pool = ThreadPoolExecutor(WORKERS)  # never waited for after a Failure: what a part holds stays for the next run
    with report.progress(request.name, sum(file.size for file in files)) as progress:
        jobs = {
            file.path: pool.submit(fetch_checked, shot, file, folder / file.path, progress, stop)
            for file in sorted(files, key=lambda file: -file.size)
        }
        try:
            for job in wait(jobs.values(), return_when=FIRST_EXCEPTION).done:
                job.result()  # raises what ended the others
            return {path: job.result() for path, job in jobs.items()}
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)


def main() -> None:
    request = typed()
    staged = staging.finished(request.name)
    models.check_all(but=request.name if staged else None)
    old = pin.read(request.name, broken_is_none=staged is not None)
    check_name(request, staged or old)
    shot = hub.snapshot(request.source, request.revision)
    files = chosen_files(request, shot)
    if is_pinned(old, request, shot) and not staged:
        staging.check_clean(request.name, old, by_size=True)
        report.result(f"pinned {request.name}")
        return
    if not is_pinned(staged, request, shot):
        store = remote.default()
        store.check(write=True)
        there = staging.check_clean(request.name, staged, old)
        staging.start(request.name, {file.path: file.identity for file in files})
        check_space(request.name, files, store)
        found = reuse(there or old, there is not None, files, staging.files(request.name))
        found |= fetch_all(request, shot, [file for file in files if file.path not in found])
        meta = {"source": shot.source, "revision": shot.revision, "commit": shot.commit, "license": shot.license}
        staging.finish(pin.build(request.name, found, **meta, include=request.include, exclude=request.exclude))
    staging.place(request.name)
    report.result(f"placed {request.name} {staging.folder(request.name)}")


if __name__ == "__main__":
    command.run("add", main)

"""The first half of `make add`: the files of one model from the Hub, checked, into models/.

Usage: download.py   (takes the variables of make add)
Prints `placed NAME STAGING-FOLDER` when models/NAME and its pin are new, `pinned NAME` when there is nothing to do,
`others NAME` when there is nothing to do but models/NAME holds other weights.
"""

import shutil
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from lib.core import arguments, command, digest, paths, text, workers
from lib.core.console import progress, result, say
from lib.core.digest import Progress
from lib.core.errors import Failure
from lib.disk import cache, destination, staging, weights
from lib.hub import fetch, repo
from lib.model import catalog, names, pin, selection
from lib.remote import factory
from lib.remote.base import Remote

DOWNLOADS = 8  # files side by side; with more a link is full already, and a disk begins to seek


@dataclass(frozen=True)
class Request:
    """What the user asked for; `include` and `exclude` are one text each, and words once the repo's files are known."""

    source: str
    revision: str
    name: str
    include: tuple[str, ...]
    exclude: tuple[str, ...]


def parse_request() -> Request:
    """The request as it was typed. Raises `Failure` for a bad one."""
    arguments.timeout()
    typed = arguments.value("MODEL")
    path = names.from_path(typed)
    known = pin.read_head(path) if path != typed and path in selection.here() else None
    source, after = (known.source, "") if known and known.source else names.from_address(typed)
    names.repo_id(source)
    before = arguments.value("REVISION")
    if after and before and after != before:
        raise Failure(f"two revisions: {after!r} in MODEL and REVISION={before!r}; give one")
    if typed.startswith(source + "@") and not after:
        raise Failure(f"no revision after the @: {typed!r} (want ORG/NAME@REVISION)")
    default = known.name if known else source.partition("/")[2]
    name = names.model_name(arguments.value("NAME") or default)
    patterns = ((names.patterns(variable),) for variable in ("INCLUDE", "EXCLUDE"))
    return Request(source, names.revision(after or before or "main"), name, *patterns)


def check_name(name: str, old: pin.Pin | None, *sources: str) -> None:
    """Refuse a `name` that another source than `sources` has, by its pin `old`, or whose place is not free."""
    if old and old.source not in sources:
        owner, base = old.source or "weights that are not from the Hub", name.rpartition("/")[2]
        raise Failure(f"the name {name!r} is taken by {owner}; choose another: NAME=FOLDER/{base}")
    if not old:
        destination.check_free(name)


def complete(request: Request, shot: repo.Snapshot, old: pin.Pin | None) -> Request:
    """`request` with what only the Hub knows: the name that the repo has now, and which files the words name."""
    paths = [file.path for file in shot.files]
    include, exclude = (names.words(text, paths) for (text,) in (request.include, request.exclude))
    if shot.source == request.source:
        return replace(request, include=include, exclude=exclude)
    say(f"add: {request.source} is now {shot.source} on the Hub")
    name = request.name if old or arguments.value("NAME") else names.model_name(shot.source.partition("/")[2])
    return Request(names.repo_id(shot.source), request.revision, name, include, exclude)


def chosen_files(request: Request, shot: repo.Snapshot) -> list[repo.HubFile]:
    """The files to bring: what the user chose, without the control files of Git and DVC. Raises `Failure`."""
    candidates = [file for file in shot.files if not names.is_control_file(file.path)]
    files = repo.choose(candidates, request.include, request.exclude)
    if not files:
        raise Failure(
            f"no file of {request.source} is left to add; INCLUDE and EXCLUDE take patterns such as '*.safetensors'"
        )
    if fault := names.unusable(file.path for file in files):
        raise Failure(f"refused {fault}; leave it out with EXCLUDE")
    if warned := sorted({file.path for file in files} & set(shot.unsafe)):
        say(f"add: the Hub's scan warns of {', '.join(warned)}; leave out what you do not need with EXCLUDE")
    return files


def is_pinned(old: pin.Pin | None, request: Request, shot: repo.Snapshot) -> bool:
    """Whether `old` pins this commit and this choice of files already."""
    wanted = (request.source, shot.commit, request.include, request.exclude)
    return bool(old and old.files and (old.source, old.commit, old.include, old.exclude) == wanted)


def check_space(name: str, files: list[repo.HubFile], remote: Remote) -> None:
    """Refuse what the disk cannot hold before the first byte: what is left to fetch, and a folder remote's copy."""
    total = sum(file.size for file in files)
    here = staging.folder(name)
    there = sum(status.st_size for status in weights.walk(here).values()) if here.is_dir() else 0
    same_disk = remote.is_folder and Path(remote.url).stat().st_dev == paths.ROOT.stat().st_dev
    needed = max(0, total - there) + (total if same_disk else 0)
    free = shutil.disk_usage(paths.ROOT).free
    if needed > free:
        raise Failure(
            f"not enough disk: {name} needs {text.size(needed)}, {text.size(free)} are free at {paths.ROOT}; "
            "free some, or bring fewer files with INCLUDE and EXCLUDE"
        )


def fetch_checked(
    shot: repo.Snapshot, file: repo.HubFile, path: Path, watch: Progress, stop: threading.Event
) -> digest.File:
    """`file` at `path`, right byte for byte. A file that differs is fetched once more. Raises `Failure`."""
    for attempt in ("first", "second"):
        found = fetch.fetch(shot, file, path, watch, stop)
        if stop.is_set():
            raise Failure("stopped")
        mismatch = file.mismatch(found)
        if not mismatch:
            return digest.File(found.size, found.md5, found.sha256)
        path.unlink()
        say(f"add: {shot.source}/{file.path}: the {attempt} download differs: {mismatch}")
    raise Failure(f"{shot.source}/{file.path} differs from what the Hub publishes, twice; nothing was changed")


def reuse(held: pin.Pin | None, is_there: bool, files: list[repo.HubFile], folder: Path) -> dict[str, digest.File]:
    """Link those of `files` into `folder` that the pin `held` has too and the cache holds; their digests.

    With `is_there`, models/NAME was found to be what is pinned, so the objects it shares are not read again.
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


def fetch_all(request: Request, shot: repo.Snapshot, files: list[repo.HubFile]) -> dict[str, digest.File]:
    """Every file of `files`, side by side; the first `Failure` stops the others too, whose parts stay."""
    stop, folder = threading.Event(), staging.files(request.name)
    with progress(request.name, sum(file.size for file in files)) as watch:
        found = workers.side_by_side(
            lambda file: fetch_checked(shot, file, folder / file.path, watch, stop),
            files,
            DOWNLOADS,
            size=lambda file: file.size,
            stop=stop.set,
        )
    return {file.path: each for file, each in zip(files, found, strict=True)}


def bring(request: Request, shot: repo.Snapshot, files: list[repo.HubFile], *pins: pin.Pin | None) -> None:
    """Stage `files` and their pin. `pins` are what models/NAME may be now; anything else is not replaced."""
    remote = factory.default()
    remote.check(write=True)
    there = destination.check_replaceable(request.name, remote.infos, *pins)
    staging.start(request.name, {file.path: file.identity for file in files})
    check_space(request.name, files, remote)
    found = reuse(there or pins[-1], there is not None, files, staging.files(request.name))
    found |= fetch_all(request, shot, [file for file in files if file.path not in found])
    meta = {"source": shot.source, "revision": shot.revision, "commit": shot.commit, "license": shot.license}
    staging.finish(pin.build(request.name, found, **meta, include=request.include, exclude=request.exclude))


def main() -> None:
    request = parse_request()
    catalog.check()
    staging.recover(request.name)
    staged = staging.finished(request.name)
    selection.check_all(but=request.name if staged else None)
    old = pin.read(request.name, broken_is_none=staged is not None)
    if not (staged or old):
        destination.check_free(request.name)
    shot = repo.snapshot(request.source, request.revision)
    known = request
    request = complete(request, shot, staged or old)
    if request.name != known.name:
        staging.recover(request.name)
        staged, old = staging.finished(request.name), pin.read(request.name)
    check_name(request.name, staged or old, known.source, request.source)
    files = chosen_files(request, shot)
    if is_pinned(old, request, shot) and not staged:
        result(f"{'others' if destination.differs_by_size(old) else 'pinned'} {request.name}")
        return
    if not is_pinned(staged, request, shot):
        bring(request, shot, files, staged, old)
    staging.place(request.name)
    result(f"placed {request.name} {staging.folder(request.name)}")


if __name__ == "__main__":
    command.run("add", main)

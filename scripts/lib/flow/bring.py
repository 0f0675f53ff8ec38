"""Bringing the files of one model from the Hub into staging: what is here already is reused, the rest is fetched."""

import threading
from pathlib import Path

from lib.core import arguments, digest, paths, workers
from lib.core.console import progress, remark
from lib.core.digest import Progress
from lib.core.errors import Failure
from lib.disk import cache, destination, staging, weights
from lib.hub import fetch, repo
from lib.model import names, pin
from lib.remote import factory
from lib.remote.base import Remote

DOWNLOADS = 8  # files side by side; with more a link is full already, and a disk begins to seek


def bring(name: str, shot: repo.Snapshot, files: list[repo.HubFile], *pins: pin.Pin | None, **meta: object) -> None:
    """Stage `files` of `shot` and their pin, with `meta`, as the model `name`. Raises `Failure`.

    `pins` are what models/NAME may be now; anything else is not replaced.
    """
    remote = factory.default()
    remote.check(write=True)
    there = destination.check_replaceable(name, remote.infos, *pins)
    staging.start(name, {file.path: file.identity for file in files})
    _check_space(name, files, remote)
    found = _reuse(there or pins[-1], there is not None, files, staging.files(name))
    found |= _fetch_all(name, shot, [file for file in files if file.path not in found])
    upstream = {"source": shot.source, "revision": shot.revision, "commit": shot.commit, "license": shot.license}
    staging.finish(pin.build(name, found, **upstream, **meta))


def _check_space(name: str, files: list[repo.HubFile], remote: Remote) -> None:
    """Refuse what the disk cannot hold before the first byte: what is left to fetch, and a folder remote's copy."""
    total = sum(file.size for file in files)
    there = sum(status.st_size for status in weights.walk(staging.folder(name)).values())
    same_disk = remote.is_folder and Path(remote.url).stat().st_dev == paths.ROOT.stat().st_dev
    needed = max(0, total - there) + (total if same_disk else 0)
    destination.check_space(needed, paths.ROOT, f"{name} needs", "bring fewer files with INCLUDE and EXCLUDE")


def _fetch_checked(
    shot: repo.Snapshot, file: repo.HubFile, path: Path, watch: Progress, stop: threading.Event
) -> digest.File:
    """`file` at `path`, right byte for byte. A file that differs is fetched once more. Raises `Failure`."""
    for attempt in ("first", "second"):
        found = fetch.fetch(shot, file, path, watch, stop)
        if stop.is_set():
            raise Failure("stopped")
        mismatch = file.mismatch(found)
        if not mismatch:
            if not file.sha256 and weights.is_pointer(path) and not arguments.is_on("POINTERS"):
                raise Failure(
                    f"{shot.source}/{file.path} is a pointer of Git LFS and no weights; leave it out with EXCLUDE, "
                    "or take it as it is: POINTERS=1"
                )
            return digest.File(found.size, found.md5, found.sha256)
        path.unlink()
        remark(f"{shot.source}/{file.path}: the {attempt} download differs: {mismatch}")
    raise Failure(f"{shot.source}/{file.path} differs from what the Hub publishes, twice; nothing was changed")


def _reuse(held: pin.Pin | None, is_there: bool, files: list[repo.HubFile], folder: Path) -> dict[str, digest.File]:
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


def _fetch_all(name: str, shot: repo.Snapshot, files: list[repo.HubFile]) -> dict[str, digest.File]:
    """Every file of `files`, side by side; the first `Failure` stops the others too, whose parts stay."""
    stop, folder = threading.Event(), staging.files(name)
    with progress(name, sum(file.size for file in files)) as watch:
        found = workers.side_by_side(
            lambda file: _fetch_checked(shot, file, folder / file.path, watch, stop),
            files,
            DOWNLOADS,
            size=lambda file: file.size,
            stop=stop.set,
        )
    return {file.path: each for file, each in zip(files, found, strict=True)}

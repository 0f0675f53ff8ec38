"""Bringing the files of one model from the Hub into staging: what is on this machine is reused, the rest is fetched."""

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from lib.core import arguments, atomic, digest, paths, text, workers
from lib.core.console import on_its_way, progress, remark
from lib.core.errors import Failure
from lib.disk import cache, destination, staging, weights
from lib.flow import upstream
from lib.hub import repo, sources, xet
from lib.model import fields, names, pin
from lib.remote import base, factory
from lib.transfer import road

DOWNLOADS = 8  # files side by side; with more a link is full already, and a disk begins to seek


def bring(draft: pin.Pin, shot: repo.Snapshot, admit: Callable[[pin.Pin, Path], pin.Pin], *pins: pin.Pin | None) -> str:
    """Stage the files of `shot` that `draft` names, and their pin, once `admit` takes both. Raises `Failure`.

    models/NAME must be one of `pins`, or exist elsewhere too. Returns what was on this machine, to end a sentence with.
    """
    name, remote, files = draft.name, factory.default(), [file for file in shot.files if file.path in draft.files]
    remote.check(write=True)
    there = destination.check_replaceable(name, remote.holds, *pins)
    here = upstream.cached(files, there, upstream.named())
    _say_plan(draft, shot, sum(file.size for file in files if file.path not in here), remote)
    if arguments.is_on("DRY"):
        return ""
    staging.start(name, {file.path: file.identity for file in files})
    found = _reuse(name, here, there)
    missing = [file for file in files if file.path not in found]
    _check_space(name, sum(file.size for file in missing), sum(file.size for file in files), remote)
    fetch = _Fetch(name, shot, {file.path: at for file in missing if (at := sources.on_this_machine(file))})
    fetched = fetch.all(missing)
    made = pin.build(name, found | fetched, **{key: getattr(draft, key) for key in (*fields.TEXTS, *fields.WORDS)})
    staging.finish(admit(made, staging.files(name)))
    reused = [file.size for file in files if file.path in found or file.path in fetch.copies]
    return f", of which {text.amount(len(reused), sum(reused))} were on this machine" if reused else ""


def _say_plan(draft: pin.Pin, shot: repo.Snapshot, fetch: int, remote: base.Remote) -> None:
    """What is about to happen, before the first byte; `fetch` are the bytes to download."""
    date = shot.date and f" of {shot.date}"
    remark(f"{shot.source} at {shot.commit[:7]}{date}, {draft.terms or 'no license stated'}")
    amount, free = text.amount(draft.nfiles, draft.size), text.size(shutil.disk_usage(paths.ROOT).free)
    remark(f"{draft.name}: {amount}, {text.size(fetch)} to fetch, {free} free here; to {remote.title}")
    if draft.left_out:
        remark(f"{draft.name}: left out by models/policy.yaml: {' '.join(draft.left_out)}")


def _check_space(name: str, missing: int, total: int, remote: base.Remote) -> None:
    """Refuse what the disk cannot hold before the first byte: what is left to fetch, and a folder remote's copy."""
    there = sum(status.st_size for status in weights.walk(staging.folder(name)).values() if status.st_nlink == 1)
    same_disk = remote.is_folder and Path(remote.url).stat().st_dev == paths.ROOT.stat().st_dev
    needed = max(0, missing - there) + (total if same_disk else 0)
    destination.check_space(needed, paths.ROOT, f"{name} needs", "bring fewer files with INCLUDE and EXCLUDE")


def _reuse(name: str, here: dict[str, digest.File], there: pin.Pin | None) -> dict[str, digest.File]:
    """Link into staging the files `here`, which DVC's cache holds, if they are right and not there yet; their digests.

    `there` is what models/NAME was found to be, so the objects that it shares are not read again.
    """
    folder, own, found = staging.files(name), names.weights_dir(name), {}
    seen = {file.md5: own / path for path, file in there.files.items()} if there else {}
    for path, file in here.items():
        if not (folder / path).exists() and cache.is_right(file, seen.get(file.md5)):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            cache.link(cache.object_path(file.md5), folder / path)
            found[path] = file
    return found


@dataclass(frozen=True)
class _Fetch:
    """The transfer of files of `shot` to the staging folder of `name`; `copies` are files on this machine, by path."""

    name: str
    shot: repo.Snapshot
    copies: dict[str, Path]

    def all(self, files: list[repo.HubFile]) -> dict[str, digest.File]:
        """Every file of `files`, side by side; the first `Failure` stops the others too, whose parts stay."""
        stop, xets = threading.Event(), xet.Xet(self.shot)
        with progress(f"download {self.name}", sum(file.size for file in files)) as watch:
            fetch = partial(self._checked, xets, watch, stop)
            found = workers.side_by_side(fetch, files, DOWNLOADS, lambda file: file.size, stop=stop.set)
        return {file.path: each for file, each in zip(files, found, strict=True)}

    def _checked(self, xets: xet.Xet, watch: digest.Progress, stop: threading.Event, file: repo.HubFile) -> digest.File:
        """`file`, right byte for byte. One that differs comes once more, by a plain download. Raises `Failure`."""
        label, path = f"{self.shot.source}/{file.path}", staging.files(self.name) / file.path
        ways = sources.of(self.shot, file, xets)
        if at := self.copies.get(file.path):
            ways.insert(0, road.Copy(at))
            cache.reflink(at, path)
        for way in (ways, ways[-1:]):  # the last one is the plain download
            with on_its_way(file.path):
                found = road.bring(way, road.Wanted(label, file.size, file.hashes), path, watch, stop)
            if stop.is_set():
                raise Failure("stopped")
            if not (mismatch := file.mismatch(found)):
                atomic.sync(path)
                if weights.is_pointer(path) and not arguments.is_on("POINTERS"):
                    raise Failure(
                        f"{label} is a Git LFS pointer, not weights; leave it out with EXCLUDE, "
                        "or take it as it is: POINTERS=1"
                    )
                return replace(found, blob=None)
            path.unlink()
            self.copies.pop(file.path, None)
            remark(f"{label}: what {way[0].title} sent differs: {mismatch}")
        raise Failure(f"{label} differs from what the Hub publishes, twice; nothing was changed")

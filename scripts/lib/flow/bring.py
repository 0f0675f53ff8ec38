"""Brings the files of one model from the Hub into staging: reuses those on this machine, downloads the rest."""

import shutil
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from lib.core import arguments, atomic, console, digest, paths, text, workers
from lib.core.errors import Failure
from lib.disk import cache, destination, dvc, staging, weights
from lib.flow import admission, upstream
from lib.hub import repo, sources, xet
from lib.model import fields, names, pin
from lib.remote import base, factory
from lib.transfer import road

DOWNLOADS = 8  # large files in parallel; these fill most links, and more would make a disk seek


def bring(draft: pin.Pin, shot: repo.Snapshot, admit: Callable[[pin.Pin, Path], pin.Pin], *pins: pin.Pin | None) -> str:
    """Stage the files of `shot` that `draft` names and, once `admit` accepts them, their pin. Raises `Failure`.

    models/NAME must match one of `pins`, or its files must exist elsewhere. Returns a clause that says what was reused.
    """
    name, remote, files = draft.name, factory.default(), [file for file in shot.files if file.path in draft.files]
    remote.check(write=True)
    there = destination.check_replaceable(name, remote.holds, *pins)
    here = upstream.cached(files, name, there, upstream.names_by_sha256())
    copies = sources.on_this_machine(files)
    _say_plan(draft, shot, sum(file.size for file in files if file.path not in here.keys() | copies), remote)
    if arguments.is_on("DRY"):
        return ""
    dvc.check_seen(name, draft.files)
    staging.start(name, {file.path: file.identity for file in files})
    found = _reuse(name, here, there)
    missing = [file for file in files if file.path not in found]
    _check_space(name, sum(file.size for file in missing), found.values(), remote)
    fetch = _Fetch(name, shot, copies)
    fetched = fetch.all(missing)
    made = pin.build(name, found | fetched, **{key: getattr(draft, key) for key in (*fields.TEXTS, *fields.WORDS)})
    staging.finish(admit(made, staging.files(name)))
    reused = [file.size for file in files if file.path in found or file.path in fetch.copies]
    return f" ({text.amount(len(reused), sum(reused))} already on this machine)" if reused else ""


def _say_plan(draft: pin.Pin, shot: repo.Snapshot, fetch: int, remote: base.Remote) -> None:
    """Print what is about to happen; `fetch` is the number of bytes to download."""
    date = shot.date and f" of {shot.date}"
    console.remark(f"{shot.source} at {shot.commit[:7]}{date}, {draft.terms or 'no license stated'}")
    amount, free = text.amount(draft.nfiles, draft.size), text.size(shutil.disk_usage(paths.ROOT).free)
    console.remark(f"{draft.name}: {amount}, {text.size(fetch)} to fetch, {free} free here; to {remote.title}")
    admission.say_left_out(draft)


def _check_space(name: str, missing: int, found: Collection[digest.File], remote: base.Remote) -> None:
    """Raise `Failure` if a disk lacks space: this one for the `missing` bytes and, with a folder remote on it, a copy
    of those and of what it lacks of `found`; that of the cache, if it is another one, for the `missing` bytes."""
    there = sum(status.st_size for status in weights.walk(staging.folder(name)).values() if status.st_nlink == 1)
    is_copied = remote.is_folder and paths.same_disk(Path(remote.url), paths.ROOT)
    sizes = {file.md5: file.size for file in found} if is_copied else {}
    copied = missing + sum(sizes[oid] for oid in remote.lacks(sizes)) if is_copied else 0
    needed = {paths.ROOT: max(0, missing - there) + copied}
    if not paths.same_disk(cache.location(), paths.ROOT):
        needed[cache.location()] = missing
    advice = "drop weights that the remote holds: make free" if cache.is_own() else "take a larger disk"
    for at, size in needed.items():
        destination.check_space(size, at, f"{name} needs", advice)


def _reuse(name: str, here: dict[str, digest.File], there: pin.Pin | None) -> dict[str, digest.File]:
    """Link the files `here` from the cache into staging, if they are intact and not staged yet; returns those linked.

    models/NAME was just found to match the pin `there`, so cached objects that it links to are not read again.
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
    """Downloads files of `shot` to the staging folder of `name`; `copies` are those already here, by path."""

    name: str
    shot: repo.Snapshot
    copies: dict[str, Path]

    def all(self, files: list[repo.HubFile]) -> dict[str, digest.File]:
        """Download `files` in parallel; digests by path. The first `Failure` stops all; partial files are kept."""
        stop, xets = threading.Event(), xet.Xet(self.shot)
        with console.progress(f"download {self.name}", sum(file.size for file in files)) as watch:
            fetch = partial(self._checked, xets, watch, stop)
            found = workers.side_by_side(fetch, files, DOWNLOADS, lambda file: file.size, stop=stop.set, transfers=True)
        return {file.path: each for file, each in zip(files, found, strict=True)}

    def _checked(self, xets: xet.Xet, watch: digest.Progress, stop: threading.Event, file: repo.HubFile) -> digest.File:
        """Download and verify `file`, once more by the Hub's client if it differs; its digests. Raises `Failure`."""
        label, path = f"{self.shot.source}/{file.path}", staging.files(self.name) / file.path
        ways = sources.of(self.shot, file, xets)
        if at := self.copies.get(file.path):
            ways.insert(0, road.Copy(at))
            cache.reflink(at, path)
        for way in (ways, [sources.Get(self.shot, file, whole=True)]):
            with console.on_its_way(file.path):
                found = road.bring(way, road.Wanted(label, file.size, file.hashes), path, watch, stop)
            if stop.is_set():
                raise Failure("stopped")
            if not (mismatch := file.mismatch(found)):
                atomic.sync(path)
                if weights.is_pointer(path) and not arguments.is_on("POINTERS"):
                    how = "leave it out with EXCLUDE, or take it as it is: POINTERS=1"
                    raise Failure(f"{label} is a Git LFS pointer, not weights; {how}")
                return replace(found, blob=None)
            path.unlink()
            self.copies.pop(file.path, None)
            console.remark(f"{label}: what {way[0].title} sent differs: {mismatch}")
        raise Failure(f"{label} differs from what the Hub publishes, twice; nothing was changed")

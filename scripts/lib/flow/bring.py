"""Bringing the files of one model from the Hub into staging: what is on this machine is reused, the rest is fetched."""

import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from lib.core import arguments, atomic, digest, paths, text, workers
from lib.core.console import on_its_way, progress, remark
from lib.core.errors import Failure
from lib.disk import cache, destination, staging, weights
from lib.flow.upstream import to_fetch
from lib.hub import sources
from lib.hub.repo import HubFile, Snapshot
from lib.hub.xet import Xet
from lib.model import fields, names, pin, selection
from lib.remote import factory
from lib.remote.base import Remote
from lib.transfer import road

Admit = Callable[[pin.Pin, Path | None], pin.Pin]  # takes a pin and the folder of its files, gives the pin or refuses

DOWNLOADS = 8  # files side by side; with more a link is full already, and a disk begins to seek


def bring(draft: pin.Pin, shot: Snapshot, files: list[HubFile], admit: Admit, *pins: pin.Pin | None) -> str:
    """Stage `files` of `shot` and their pin, with the meta of `draft`, once `admit` takes both. Raises `Failure`.

    `pins` are what models/NAME may be now; anything else is not replaced. Returns what was on this machine already, to
    follow the sentence that the model was added.
    """
    name = draft.name
    remote = factory.default()
    remote.check(write=True)
    there = destination.check_replaceable(name, remote.holds, *pins)
    known = list(_pins_with({file.sha256 for file in files if file.sha256}))
    _say_plan(draft, shot, to_fetch(files, known), remote)
    if arguments.is_on("DRY"):
        return ""
    staging.start(name, {file.path: file.identity for file in files})
    found = _reuse(name, files, there, known)
    missing = [file for file in files if file.path not in found]
    _check_space(name, sum(file.size for file in missing), sum(file.size for file in files), remote)
    fetch = _Fetch(name, shot, {file.path: at for file in missing if (at := sources.on_this_machine(file))})
    fetched = fetch.all(missing)
    made = pin.build(name, found | fetched, **{key: getattr(draft, key) for key in (*fields.TEXTS, *fields.WORDS)})
    staging.finish(admit(made, staging.files(name)))
    here = [file.size for file in files if file.path in found or file.path in fetch.copies]
    return f", of which {text.amount(len(here), sum(here))} were on this machine" if here else ""


def _say_plan(draft: pin.Pin, shot: Snapshot, fetch: int, remote: Remote) -> None:
    """What is about to happen, before the first byte; `fetch` are the bytes to download."""
    date = shot.date and f" of {shot.date}"
    remark(f"{shot.source} at {shot.commit[:7]}{date}, {draft.terms or 'no license stated'}")
    free = text.size(shutil.disk_usage(paths.ROOT).free)
    amount = f"{text.amount(draft.nfiles, draft.size)}, {text.size(fetch)} to fetch"
    remark(f"{draft.name}: {amount}, {free} free here; to {remote.title}")
    if draft.left_out:
        remark(f"{draft.name}: left out by models/policy.yaml: {' '.join(draft.left_out)}")


def _check_space(name: str, missing: int, total: int, remote: Remote) -> None:
    """Refuse what the disk cannot hold before the first byte: what is left to fetch, and a folder remote's copy."""
    there = sum(status.st_size for status in weights.walk(staging.folder(name)).values() if status.st_nlink == 1)
    same_disk = remote.is_folder and Path(remote.url).stat().st_dev == paths.ROOT.stat().st_dev
    needed = max(0, missing - there) + (total if same_disk else 0)
    destination.check_space(needed, paths.ROOT, f"{name} needs", "bring fewer files with INCLUDE and EXCLUDE")


def _reuse(name: str, files: list[HubFile], there: pin.Pin | None, known: list[pin.Pin]) -> dict[str, digest.File]:
    """Link into staging those of `files` that DVC's cache holds by `there` or one of `known`; their digests.

    `there` is what models/NAME was found to be, so the objects that it shares are not read again.
    """
    folder = staging.files(name)
    wanted = {file.sha256: file.path for file in files if file.sha256 and not (folder / file.path).exists()}
    found = {}
    for held in [*([there] if there else []), *known]:
        for path, file in (held.files or {}).items():
            target = wanted.get(file.sha256)
            if not target or target in found:
                continue
            if cache.is_right(file, names.weights_dir(name) / path if held is there else None):
                (folder / target).parent.mkdir(parents=True, exist_ok=True)
                cache.link(cache.object_path(file.md5), folder / target)
                found[target] = file
    return found


def _pins_with(digests: Iterable[str]) -> Iterator[pin.Pin]:
    """The pins of this clone that name one of `digests`; a broken one names none."""
    for name in selection.here():
        said = pin.path_of(name).read_text(encoding="utf-8", errors="replace")
        if any(each in said for each in digests) and (held := pin.read(name, broken_is_none=True)):
            yield held


@dataclass(frozen=True)
class _Fetch:
    """The transfer of files of `shot` to the staging folder of `name`; `copies` are files on this machine, by path."""

    name: str
    shot: Snapshot
    copies: dict[str, Path]

    def all(self, files: list[HubFile]) -> dict[str, digest.File]:
        """Every file of `files`, side by side; the first `Failure` stops the others too, whose parts stay."""
        stop, xet = threading.Event(), Xet(self.shot)
        with progress(f"download {self.name}", sum(file.size for file in files)) as watch:
            found = workers.side_by_side(
                lambda file: self._checked(file, xet, watch, stop),
                files,
                DOWNLOADS,
                size=lambda file: file.size,
                stop=stop.set,
            )
        return {file.path: each for file, each in zip(files, found, strict=True)}

    def _checked(self, file: HubFile, xet: Xet, watch: digest.Progress, stop: threading.Event) -> digest.File:
        """`file`, right byte for byte. One that differs comes once more, by a plain download. Raises `Failure`."""
        label, path = f"{self.shot.source}/{file.path}", staging.files(self.name) / file.path
        ways = [sources.of(self.shot, file, xet), [sources.Get(self.shot, file)]]
        if at := self.copies.get(file.path):
            ways[0].insert(0, road.Copy(at))
            cache.clone(at, path)
        for way in ways:
            with on_its_way(file.path):
                found = road.bring(way, road.Wanted(label, file.size, file.hashes), path, watch, stop)
            if stop.is_set():
                raise Failure("stopped")
            if not (mismatch := file.mismatch(found)):
                atomic.sync(path)
                self._check_weights(label, path)
                return replace(found, blob=None)
            path.unlink()
            self.copies.pop(file.path, None)
            remark(f"{label}: what came by {way[0].title} differs: {mismatch}")
        raise Failure(f"{label} differs from what the Hub publishes, twice; nothing was changed")

    def _check_weights(self, label: str, path: Path) -> None:
        if weights.is_pointer(path) and not arguments.is_on("POINTERS"):
            raise Failure(
                f"{label} is a pointer of Git LFS and no weights; leave it out with EXCLUDE, "
                "or take it as it is: POINTERS=1"
            )

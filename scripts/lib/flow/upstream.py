"""What the Hub has now for a pin: whether there is something newer, and what an update would change and fetch."""

import re
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from lib.core import digest, text, workers
from lib.core.errors import Failure
from lib.disk import cache
from lib.hub import repo, sources
from lib.model import compare, fields, pin, policy, selection

SIDE_BY_SIDE = 8  # pins asked at once
SCAN = {None: "not told", False: "not finished, {}", True: "finished, {}"}
UP_TO_DATE, NEWER, GONE_COMMIT, NOT_ASKED = "up to date", "newer", "commit gone", "not asked"


@dataclass(frozen=True)
class State:
    """What the Hub has for the pin `held`; `status` is one of the constants above, or the `kind` of a `Refusal`.

    `shot` is the repo at `revision`; if None, `detail` says why. An update makes `changes` and fetches `fetch` bytes.
    """

    held: pin.Pin
    revision: str
    status: str
    shot: repo.Snapshot | None = None
    changes: compare.Changes = compare.Changes([])
    fetch: int = 0
    detail: str = ""

    def __str__(self) -> str:
        if not self.shot:
            return f"{self.held.name}: {self.status}: {self.detail}"
        where = ", held at this commit" if self.revision == self.shot.commit else f" on {self.revision}"
        at, new = self.held.commit[:7], f"{self.shot.commit[:7]}{where}"
        what = "newer" if self.revision == self.held.revision else "to move"
        said = f"{what}: {at} -> {new}: {self.changes}, {text.size(self.fetch)} to fetch"
        if self.status == UP_TO_DATE:
            said = f"up to date: {new}"
        if self.status == GONE_COMMIT:
            said = f"{_gone(self.held)}; {said}"
        moved = f"the repo is now {self.shot.source}" if self.shot.source != self.held.source else None
        license = compare.license_change(self.held.terms, fields.terms(self.shot))
        return "; ".join(filter(None, [f"{self.held.name}: {said}", moved, license]))

    def facts(self) -> dict[str, object]:
        """The same, under the keys of JSON reports."""
        if not self.shot:
            return {"status": self.status, "detail": self.detail}
        return {
            "status": self.status,
            "new_source": self.shot.source,
            "new_commit": self.shot.commit,
            "new_license": fields.terms(self.shot),
            "new_size": sum(file.size for file in _chosen(self.held, self.shot)),
            "changes": self.changes.facts,
            "fetch": self.fetch,
        }


def _gone(held: pin.Pin) -> str:
    return f"PINNED COMMIT GONE: the Hub has no {held.commit[:7]} any more, the remote may hold the only copy"


def ask_all(pins: list[pin.Pin], revision: str = "") -> list[State]:
    """What the Hub has for each of `pins`, in order: at `revision`, or else at the revision that the pin follows."""
    known = lru_cache(maxsize=1)(names_by_sha256)  # read only if something is newer, and only once
    return workers.side_by_side(lambda held: _ask(held, revision or held.revision, known), pins, SIDE_BY_SIDE)


def _ask(held: pin.Pin, revision: str, known: Callable[[], dict[str, str]]) -> State:
    try:
        shot = repo.snapshot(held.source, revision, may_download=True)
        is_same = shot.commit == held.commit
        return State(held, revision, UP_TO_DATE, shot) if is_same else _newer(held, revision, shot, known())
    except repo.Refusal as refusal:
        is_own = revision == held.commit and refusal.kind == "no such revision"
        return State(held, revision, refusal.kind, detail=_gone(held) if is_own else str(refusal))
    except Failure as failure:
        return State(held, revision, NOT_ASKED, detail=str(failure))


def _newer(held: pin.Pin, revision: str, shot: repo.Snapshot, known: dict[str, str]) -> State:
    try:
        before, status = repo.snapshot(held.source, held.commit).files, NEWER
    except repo.Refusal:
        before, status = (), GONE_COMMIT
    chosen = _chosen(held, shot)
    here = cached(chosen, held.name, held, known).keys() | sources.on_this_machine(chosen)
    new = {file.path: (file.identity, file.size) for file in chosen}
    fetch = sum(file.size for file in chosen if file.path not in here)
    return State(held, revision, status, shot, compare.compare(_old(held, before, new), new), fetch)


def scan(shot: repo.Snapshot, paths: Collection[str]) -> tuple[str, dict[str, str]]:
    """What the Hub's scan says of the files `paths` now, as text; and that as a finding if the policy rejects it."""
    unsafe = sorted(set(paths) & set(shot.unsafe))
    said = SCAN[shot.scanned].format(f"issues with {', '.join(unsafe)}" if unsafe else "no issues")
    is_bad = unsafe or (policy.read().scan and not shot.scanned)
    return said, {"scan": f"the Hub's scan is {said}"} if is_bad else {}


def leave_out(files: list[repo.HubFile], allow: Collection[str]) -> tuple[list[repo.HubFile], tuple[str, ...]]:
    """The `files` to keep by the policy, and the paths that it leaves out."""
    out = policy.left_out([file.path for file in files], policy.read(), allow)
    return [file for file in files if file.path not in out], out


def names_by_sha256() -> dict[str, str]:
    """sha256 -> NAME of a model that has it, for all pins here; parsing them instead would take longer."""
    found: dict[str, str] = {}
    for name in selection.here():
        with suppress(OSError):  # another command removed it meanwhile
            said = pin.path_of(name).read_text(encoding="utf-8", errors="replace")
            found |= dict.fromkeys(re.findall(r"\b[0-9a-f]{64}\b", said), name)
    return found


def cached(files: list[repo.HubFile], name: str, held: pin.Pin | None, known: dict[str, str]) -> dict[str, digest.File]:
    """Path -> digests of the `files` in the cache, by the pin `held`, older pins of `name`, or those in `known`.

    `known` is sha256 -> NAME.
    """
    others = {known[file.sha256] for file in files if file.sha256 in known}
    is_new = any(file.sha256 and file.sha256 not in known for file in files)
    older = (each for _, each in selection.versions(name)) if is_new else ()
    pins = [*older, *(pin.read(other, broken_is_none=True) for other in others), held]
    digests = {file.sha256: file for each in filter(None, pins) for file in (each.files or {}).values()}
    found = {file.path: digests[file.sha256] for file in files if file.sha256 in digests}
    return {path: file for path, file in found.items() if cache.object_path(file.md5).is_file()}


def _chosen(held: pin.Pin, shot: repo.Snapshot) -> list[repo.HubFile]:
    return leave_out(repo.choose(shot.files, held.include, held.exclude), held.allow)[0]


def _old(held: pin.Pin, before: tuple[repo.HubFile, ...], new: compare.Files) -> compare.Files:
    """The files of `held` by the ids that the Hub publishes: sha256, or for small files Git's blob id.

    Blob ids are taken from `before`, the Hub's list at the pinned commit, or else computed from the cache; a file that
    is in neither counts as changed.
    """
    known = {file.path: file.identity for file in before}
    found = {}
    for path, file in (held.files or {}).items():
        at, key = cache.object_path(file.md5), known.get(path) or file.sha256
        if path not in known and not fields.SHA256.fullmatch(new.get(path, (key,))[0]) and at.is_file():
            key = digest.of_file(at, ("blob",)).blob
        found[path] = (key, file.size)
    return found

"""What the Hub has today of the repo of a pin: whether there is something newer, and what it would change and fetch."""

from dataclasses import dataclass, field

from lib.core import digest, text, workers
from lib.core.errors import Failure
from lib.disk import cache
from lib.flow import admission
from lib.hub import repo
from lib.model import compare, fields
from lib.model.pin import Pin

SIDE_BY_SIDE = 8  # pins
UP_TO_DATE, NEWER, GONE_COMMIT = "up to date", "newer", "commit gone"


@dataclass(frozen=True)
class State:
    """`status` is one of the above, or the kind of a `Refusal`, whose sentence is `detail`.

    `shot` is the repo at the revision that the pin follows; `fetch` are the bytes that an update would download.
    """

    held: Pin
    revision: str
    status: str
    shot: repo.Snapshot | None = None
    changes: compare.Changes | None = None
    fetch: int = 0
    detail: str = ""
    more: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        name, at = self.held.name, self.held.commit[:7]
        if not self.shot:
            return f"{name}: {self.status}: {self.detail}"
        new = f"{self.shot.commit[:7]} on {self.revision}"
        if self.status == UP_TO_DATE:
            said = f"up to date: {new}"
        else:
            what = "newer" if self.revision == self.held.revision else "to move"
            said = f"{what}: {at} -> {new}: {self.changes}, {text.size(self.fetch)} to fetch"
        if self.status == GONE_COMMIT:
            said = f"PINNED COMMIT GONE: the Hub has no {at} any more, the remote may hold the only copy; {said}"
        return "; ".join([f"{name}: {said}", *self.more])

    def facts(self) -> dict[str, object]:
        """The same by the keys of JSON reports."""
        if not self.shot:
            return {"status": self.status, "detail": self.detail}
        files = self.changes.facts if self.changes else []
        return {
            "status": self.status,
            "new_source": self.shot.source,
            "new_commit": self.shot.commit,
            "new_license": fields.terms(self.shot),
            "new_size": sum(file.size for file in _chosen(self.held, self.shot)),
            "changes": files,
            "fetch": self.fetch,
        }


def ask_all(pins: list[Pin], revision: str = "") -> list[State | Failure]:
    """What the Hub has of the repo of each of `pins`, at `revision` or what it follows; or why it was not asked."""

    def answer(held: Pin) -> State | Failure:
        try:
            return ask(held, revision or held.revision)
        except Failure as failure:
            return failure

    return workers.side_by_side(answer, pins, SIDE_BY_SIDE)


def ask(held: Pin, revision: str) -> State:
    """What the Hub has of the repo of `held` at `revision`. Raises `Failure` if it does not answer."""
    try:
        shot = repo.snapshot(held.source, revision, may_download=True)
    except repo.Refusal as refusal:
        return State(held, revision, refusal.kind, detail=str(refusal))
    more = [f"the repo is now {shot.source}"] if shot.source != held.source else []
    if changed := compare.license_change(held.terms, fields.terms(shot)):
        more.append(changed)
    if shot.commit == held.commit:
        return State(held, revision, UP_TO_DATE, shot, more=tuple(more))
    try:
        before, status = repo.snapshot(held.source, held.commit), NEWER
    except repo.Refusal:
        before, status = None, GONE_COMMIT
    chosen = _chosen(held, shot)
    fetch = to_fetch(chosen, [held])
    new = {file.path: (file.identity, file.size) for file in chosen}
    return State(held, revision, status, shot, compare.compare(_old(held, before, new), new), fetch, more=tuple(more))


def to_fetch(files: list[repo.HubFile], pins: list[Pin]) -> int:
    """The bytes of `files` that the cache has by none of `pins`."""
    held = (file for known in pins for file in (known.files or {}).values())
    here = {file.sha256 for file in held if cache.object_path(file.md5).is_file()}
    return sum(file.size for file in files if file.sha256 not in here)


def _chosen(held: Pin, shot: repo.Snapshot) -> list[repo.HubFile]:
    return admission.leave_out(repo.choose(shot.files, held.include, held.exclude), held.allow)[0]


def _old(held: Pin, before: repo.Snapshot | None, new: compare.Files) -> compare.Files:
    """The files of `held` as the Hub tells them apart, which publishes no sha256 of small ones.

    Where it does not list them any more, in `before`, the cache tells; what is not there either passes for changed.
    """
    known = {file.path: file.identity for file in before.files} if before else {}
    found = {}
    for path, file in (held.files or {}).items():
        at, key = cache.object_path(file.md5), known.get(path) or file.sha256
        if path not in known and not fields.SHA256.fullmatch(new.get(path, (key,))[0]) and at.is_file():
            key = digest.of_file(at, ("blob",)).blob
        found[path] = (key, file.size)
    return found

"""Hugging Face, or whatever HF_ENDPOINT names: what a repo holds at a commit, and what its refusals mean."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import httpx2
from huggingface_hub import HfApi, RepoFile, errors, get_token
from huggingface_hub.utils import filter_repo_objects

from lib.core import digest, text
from lib.core.errors import Failure
from lib.hub.client import ENDPOINT, reason
from lib.model import fields, names
from lib.transfer.retry import GaveUp

NO_ANSWER = (ValueError, KeyError, TypeError, AttributeError, RecursionError)  # raised where an answer is no Hub's
NO_HUB = f"what answers at {ENDPOINT} is not a Hub; see HF_ENDPOINT"
MOST = (200, 200, 1000)  # characters of a license, its name and its link; the Hub's own ids have a few dozen


@dataclass(frozen=True)
class HubFile:
    """One file as the Hub publishes it."""

    path: str
    size: int  # bytes
    blob: str  # Git's id
    sha256: str | None  # of files in LFS
    xet: str | None  # its hash in Xet, if it is there

    @classmethod
    def of(cls, said: RepoFile) -> "HubFile":
        return cls(said.path, said.size, said.blob_id, said.lfs and said.lfs.sha256, said.xet_hash)

    @property
    def identity(self) -> str:
        return self.sha256 or self.blob

    @property
    def hashes(self) -> tuple[str, ...]:
        """The digests to compute: those for the pin, and the one that the Hub publishes."""
        return digest.for_pin(self.size) + (() if self.sha256 else ("blob",))

    def mismatch(self, found: digest.File) -> str | None:
        """How `found` differs from what the Hub publishes, or None."""
        kind, actual = ("sha256", found.sha256) if self.sha256 else ("git blob", found.blob)
        return None if actual == self.identity else f"the Hub says {kind} {self.identity}, the bytes have {actual}"


@dataclass(frozen=True)
class Snapshot:
    """A repo at one commit; `license`, its name and its link, and `base` are what the model card says."""

    source: str  # the name it has now
    revision: str  # what was asked for
    commit: str
    files: tuple[HubFile, ...]
    date: str  # of the commit, as YYYY-MM-DD
    unsafe: tuple[str, ...]  # the files that the Hub's scan warns of
    scanned: bool | None  # whether the scan is done; None if the Hub does not tell
    license: str | None
    license_name: str | None
    license_link: str | None
    base: str | None

    @property
    def meta(self) -> dict[str, str | None]:
        """What a pin holds of it; None for what is not the Hub's to say."""
        return {key: getattr(self, key, None) for key in fields.TEXTS}


class Refusal(Failure):
    """The Hub's own answer that it gives no repo: `kind` is `gated`, `gone` (or private) or `no such revision`."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


def refusal(error: Exception, source: str, revision: str) -> Failure:
    """`error` of the Hub as a sentence; a gated repo is also one that was not found, so the order matters."""
    login = "log in: .venv/bin/hf auth login, or set HF_TOKEN"
    response = getattr(error, "response", None)
    said = response.headers.get("X-Error-Message") if response else None
    if isinstance(error, errors.GatedRepoError):
        return Refusal("gated", f"{source} is gated: accept its license at {ENDPOINT}/{source}, then {login}")
    if isinstance(error, errors.RevisionNotFoundError):
        return Refusal(
            "no such revision",
            f"no such revision of {source}: {revision!r}; type a commit in full; branches and tags: "
            f"{ENDPOINT}/{source}/tree/main",
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return Refusal("gone", f"no such model on the Hub: {source}; if it is private, {login}")
    words = f": {text.one_line(said).rstrip('.')}" if said else ""
    advice = login if getattr(response, "status_code", 0) in (401, 403) else "nothing was changed"
    return Failure(f"{source}: {reason(error)}{words}; {advice}")


def _card(card: object) -> dict[str, str | None]:
    """What a pin holds of a model card."""
    found = {}
    for key in ("license", "license_name", "license_link", "base_model"):
        said = card.get(key) if card else None
        found[key] = ", ".join(map(str, said)) if isinstance(said, list) else str(said or "").strip() or None
    bases = (found.pop("base_model") or "").split(", ")
    return found | {"base": " ".join(each for each in bases if names.REPO.fullmatch(each)) or None}


def _checked(shot: Snapshot) -> Snapshot:
    """`shot`, if it may go into the pin, the catalog and the terminal. Raises `Failure`, ValueError."""
    names.repo_id(shot.source)
    for said, most in zip((shot.license, shot.license_name, shot.license_link), MOST, strict=True):
        if said and not (said.isprintable() and len(said) <= most):
            raise Failure(f"{shot.source}: the license on the Hub is not a line of text: {said[:60]!r}")
    if len({file.path for file in shot.files}) < len(shot.files):  # both would be written to one place
        raise Failure(f"{shot.source}: the Hub's list names a file twice; run the same command again")
    for file in shot.files:  # their names are checked once it is known which are wanted
        published = fields.SHA256.fullmatch(file.sha256) if file.sha256 else fields.COMMIT.fullmatch(file.blob)
        if (file.xet and not fields.SHA256.fullmatch(file.xet)) or not published or not 0 <= file.size < 1 << 60:
            raise ValueError(file)
    return shot


def snapshot(source: str, revision: str, may_download: bool = False) -> Snapshot:
    """What `source` (ORG/NAME) is at `revision` (branch, tag or commit). Raises `Failure`.

    A gated repo can be looked at by all; with `may_download` it must give us its files too.
    """
    if not (ENDPOINT.startswith(("http://", "https://")) and ENDPOINT.isprintable()):
        raise Failure(f"HF_ENDPOINT is not the address of a Hub: {ENDPOINT!r} (want https://HOST)")
    api = HfApi()
    try:
        info = api.model_info(source, revision=revision, securityStatus=True)
        if not fields.COMMIT.fullmatch(info.sha):
            raise ValueError(info.sha)
        if may_download and info.gated:
            api.auth_check(source)
        tree = api.list_repo_tree(source, recursive=True, revision=info.sha)
        files = tuple(HubFile.of(each) for each in tree if isinstance(each, RepoFile))
        date = str(info.last_modified.date()) if info.last_modified else ""
        scan = info.security_repo_status or {}
        unsafe = tuple(str(each["path"]) for each in scan.get("filesWithIssues") or ())
        scanned = bool(scan.get("scansDone")) if scan else None
        shot = _checked(Snapshot(info.id, revision, info.sha, files, date, unsafe, scanned, **_card(info.card_data)))
    except GaveUp as error:
        raise Failure(f"{source}: {error}") from error
    except httpx2.HTTPError as error:
        raise refusal(error, source, revision) from error
    except NO_ANSWER as error:
        raise Failure(f"{source}: {NO_HUB}") from error
    # A tree that was cut short looks like a smaller repo. The other list is itself cut where files are many.
    if {sibling.rfilename for sibling in info.siblings or ()} - {file.path for file in files}:
        raise Failure(f"{source}: the Hub's list of its files is incomplete; run the same command again")
    return shot


def who() -> str:
    """Who we are to the Hub. Raises `Failure`."""
    if not get_token():
        return "not logged in"
    try:
        return f"logged in as {text.one_line(HfApi().whoami()['name'])}"
    except httpx2.HTTPError as error:
        raise Failure(f"the Hub refused the login ({reason(error)}); log in again: .venv/bin/hf auth login") from error
    except NO_ANSWER as error:
        raise Failure(NO_HUB) from error


def choose(files: Iterable[HubFile], include: Sequence[str], exclude: Sequence[str]) -> list[HubFile]:
    """The `files` that `include` names (all if it is empty) and `exclude` does not; none that steers Git or DVC."""

    def named(words: Sequence[str]) -> set[str]:  # names as they stand, or patterns as `hf download` takes them
        patterns = [word for word in words if word not in paths]
        return paths & {*words, *filter_repo_objects(paths, allow_patterns=patterns)}

    files = [file for file in files if not names.is_control_file(file.path)]
    paths = {file.path for file in files}
    kept = (named(include) if include else paths) - named(exclude)
    return [file for file in files if file.path in kept]

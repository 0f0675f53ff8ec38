"""Repos on Hugging Face, or on the Hub at HF_ENDPOINT: what one holds at a commit, and why the Hub refuses one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import httpx2
from huggingface_hub import HfApi, RepoFile, errors, get_token
from huggingface_hub.utils import filter_repo_objects

from lib.core import digest, text
from lib.core.errors import Failure
from lib.hub.client import ENDPOINT, SHOWN, reason
from lib.model import fields, names
from lib.transfer.retry import GaveUp

MALFORMED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)  # raised by answers that no Hub gives
NO_HUB = f"the server at {SHOWN} is not a Hub; see HF_ENDPOINT"
MOST = 1000  # characters of a license's id, name or link


@dataclass(frozen=True)
class HubFile:
    """One file as the Hub publishes it."""

    path: str
    size: int  # bytes
    blob: str  # Git's blob id; of a file in LFS, that of its pointer
    sha256: str | None  # only for files in LFS
    xet: str | None  # the hash by which Xet knows it; None if it is not in Xet

    @classmethod
    def of(cls, said: RepoFile) -> "HubFile":
        return cls(said.path, said.size, said.blob_id, said.lfs and said.lfs.sha256, said.xet_hash)

    @property
    def identity(self) -> str:
        return self.sha256 or self.blob

    @property
    def hashes(self) -> tuple[str, ...]:
        """The digests to compute: those that a pin holds, and the one that the Hub publishes."""
        return digest.for_pin(self.size) + (() if self.sha256 else ("blob",))

    def mismatch(self, found: digest.File) -> str | None:
        """How the digests `found` differ from what the Hub publishes, or None."""
        kind, actual = ("sha256", found.sha256) if self.sha256 else ("git blob", found.blob)
        return None if actual == self.identity else f"the Hub says {kind} {self.identity}, the bytes have {actual}"


@dataclass(frozen=True)
class Snapshot:
    """A repo at one commit; `license`, `license_name`, `license_link` and `base` are from the model card."""

    source: str  # ORG/NAME, the new one if the repo was renamed
    revision: str  # what was asked for
    commit: str
    files: tuple[HubFile, ...]
    date: str  # of the commit, as YYYY-MM-DD; empty if the Hub does not say
    unsafe: tuple[str, ...]  # paths of files that the Hub's security scan warns of
    scanned: bool | None  # whether that scan is done; None if the Hub does not say
    license: str | None
    license_name: str | None
    license_link: str | None
    base: str | None

    @property
    def meta(self) -> dict[str, str | None]:
        """The text fields of a pin, by key; None for those that do not come from the Hub."""
        return {key: getattr(self, key, None) for key in fields.TEXTS}


class Refusal(Failure):
    """The Hub refuses a repo: `kind` is `gated`, `gone` (also if private or disabled) or `no such revision`."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


def refusal(error: Exception, source: str, revision: str) -> Failure:
    """The `Failure` for an `error` of the Hub. Order matters: GatedRepoError is a kind of RepositoryNotFoundError."""
    login = "log in: .venv/bin/hf auth login, or set HF_TOKEN"
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", 0)
    said = response.headers.get("X-Error-Message") if response else None
    said = said and text.one_line(said).rstrip(".")
    if isinstance(error, errors.GatedRepoError):
        why = f" (the Hub says: {said})" if said else ""  # that a request for access awaits a review, for example
        return Refusal("gated", f"{source} is gated: accept its license at {SHOWN}/{source}, then {login}{why}")
    if isinstance(error, errors.RevisionNotFoundError):
        how = "" if fields.COMMIT.fullmatch(revision) else "type a commit in full; "
        where = f"{how}for branches and tags, see: {SHOWN}/{source}/tree/main"
        return Refusal("no such revision", f"no such revision of {source}: {revision!r}; {where}")
    is_login_bad = status == 401 and "Authorization" in response.request.headers
    if isinstance(error, errors.RepositoryNotFoundError) and not is_login_bad:  # to a good login, the Hub says 404
        return Refusal("gone", f"no such model on the Hub: {source}; if it is private, {login}")
    words = f": {said}" if said else ""
    if isinstance(error, errors.DisabledRepoError):
        return Refusal("gone", f"{source}: {reason(error)}{words}")
    advice = login if status in (401, 403) else "nothing was changed"
    return Failure(f"{source}: {reason(error)}{words}; {advice}")


def _card(card: object) -> dict[str, str | None]:
    """The fields of a pin that come from the model card: the license and `base`, the model's base models."""
    found = {}
    for key in ("license", "license_name", "license_link", "base_model"):
        said = card.get(key) if card else None
        words = said if isinstance(said, list) else [said]
        found[key] = ", ".join(str(each) for each in words if each).strip() or None
    bases = dict.fromkeys((found.pop("base_model") or "").split(", "))  # some cards name one twice
    return found | {"base": " ".join(each for each in bases if names.BASE.fullmatch(each)) or None}


def _checked(shot: Snapshot) -> Snapshot:
    """`shot`, found safe to put into a pin, the catalog and a terminal. Raises `Failure`; ValueError if malformed."""
    names.repo_id(shot.source)
    for said in (shot.license, shot.license_name, shot.license_link):
        if said and not (said.isprintable() and len(said) <= MOST):
            raise Failure(f"{shot.source}: the license on the Hub is not a single line of text: {said[:60]!r}")
    if len({file.path for file in shot.files}) < len(shot.files):  # both would be written to the same path
        raise Failure(f"{shot.source}: the Hub's list names a file twice; run the same command again")
    for file in shot.files:  # paths are checked later, of the chosen files alone
        published = fields.SHA256.fullmatch(file.sha256) if file.sha256 else fields.COMMIT.fullmatch(file.blob)
        if (file.xet and not fields.SHA256.fullmatch(file.xet)) or not published or not 0 <= file.size < 1 << 60:
            raise ValueError(file)
    return shot


@lru_cache(maxsize=1000)
def snapshot(source: str, revision: str, may_download: bool = False) -> Snapshot:
    """The repo `source` (ORG/NAME) at `revision` (branch, tag or commit), as it was when first asked for.

    Anyone may look at a gated repo; `may_download` refuses one that we may not download from. Raises `Failure`.
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
    except MALFORMED as error:
        raise Failure(f"{source}: {NO_HUB}") from error
    # A truncated tree looks like a smaller repo. The other list, `siblings`, is itself truncated for large repos.
    if {sibling.rfilename for sibling in info.siblings or ()} - {file.path for file in files}:
        raise Failure(f"{source}: the Hub's list of its files is incomplete; run the same command again")
    return shot


def who() -> str:
    """Which user we are logged in as on the Hub, in words. Raises `Failure` if it refuses the login."""
    if not get_token():
        return "not logged in"
    try:
        return f"logged in as {text.one_line(HfApi().whoami()['name'])}"
    except httpx2.HTTPError as error:
        raise Failure(f"the Hub refused the login ({reason(error)}); log in again: .venv/bin/hf auth login") from error
    except MALFORMED as error:
        raise Failure(NO_HUB) from error


def choose(files: Iterable[HubFile], include: Sequence[str], exclude: Sequence[str]) -> list[HubFile]:
    """The `files` that match `include` (all if it is empty) but not `exclude`; never those that control Git or DVC."""

    def named(words: Sequence[str]) -> set[str]:  # literal paths, or patterns as for `hf download`
        patterns = [word for word in words if word not in paths]
        return paths & {*words, *filter_repo_objects(paths, allow_patterns=patterns)}

    files = [file for file in files if not names.is_control_file(file.path)]
    paths = {file.path for file in files}
    kept = (named(include) if include else paths) - named(exclude)
    return [file for file in files if file.path in kept]

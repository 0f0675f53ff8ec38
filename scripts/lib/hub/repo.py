"""Hugging Face, or whatever HF_ENDPOINT names: what a repo holds at a commit, and what its refusals mean."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import httpx2
import huggingface_hub
from huggingface_hub import errors
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import filter_repo_objects

from lib.core.digest import File, for_pin
from lib.core.errors import Failure
from lib.core.text import one_line
from lib.hub.client import ENDPOINT, reason
from lib.model import fields, names
from lib.transfer.retry import GaveUp

LICENSE = 200  # characters; the Hub's own ids have a few dozen
LINK = 1000


@dataclass(frozen=True)
class HubFile:
    """One file as the Hub publishes it: `size` in bytes, `blob` Git's id.

    Only files in LFS have a `sha256`, only files in Xet their hash there, `xet`.
    """

    path: str
    size: int
    blob: str
    sha256: str | None
    xet: str | None

    @classmethod
    def of(cls, said: RepoFile) -> "HubFile":
        return cls(said.path, said.size, said.blob_id, said.lfs and said.lfs.sha256, said.xet_hash)

    @property
    def identity(self) -> str:
        return self.sha256 or self.blob

    @property
    def hashes(self) -> tuple[str, ...]:
        """The digests to compute: those for the pin, and the one that the Hub publishes."""
        return for_pin(self.size) if self.sha256 else (*for_pin(self.size), "blob")

    def mismatch(self, found: File) -> str | None:
        """How `found` differs from what the Hub publishes, or None."""
        kind, actual = ("sha256", found.sha256) if self.sha256 else ("git blob", found.blob)
        return None if actual == self.identity else f"the Hub says {kind} {self.identity}, the bytes have {actual}"


@dataclass(frozen=True)
class Snapshot:
    """A repo at one commit: `source` is the name it has now, `revision` what was asked for; `license`, its name and its
    link, and `base` are what the model card says.

    `unsafe` are the files that the Hub's scan warns of; `scanned` whether it is done, None if the Hub does not tell;
    `date` is when the commit was made, as YYYY-MM-DD.
    """

    source: str
    revision: str
    commit: str
    files: tuple[HubFile, ...]
    license: str | None = None
    license_name: str | None = None
    license_link: str | None = None
    base: str | None = None
    unsafe: tuple[str, ...] = ()
    scanned: bool | None = None
    date: str = ""

    @property
    def meta(self) -> dict[str, str | None]:
        """What a pin holds of it."""
        keys = ("source", "revision", "commit", "license", "license_name", "license_link", "base")
        return {key: getattr(self, key) for key in keys}


class Refusal(Failure):
    """The Hub's own answer that it gives no repo: `kind` is `gated`, `gone` (or private) or `no such revision`."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


def refusal(error: Exception, source: str, revision: str) -> Failure:
    """`error` of the Hub as a sentence; a gated repo is also one that was not found, so the order matters."""
    login = "log in: .venv/bin/hf auth login, or set HF_TOKEN"
    response = getattr(error, "response", None)
    said = response.headers.get("X-Error-Message") if response is not None else None
    if isinstance(error, errors.GatedRepoError):
        return Refusal("gated", f"{source} is gated: accept its license at {ENDPOINT}/{source}, then {login}")
    if isinstance(error, errors.RevisionNotFoundError):
        return Refusal(
            "no such revision",
            f"no such revision of {source}: {revision!r}; a commit is typed whole; its branches and tags: "
            f"{ENDPOINT}/{source}/tree/main",
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return Refusal("gone", f"no such model on the Hub: {source}; if it is private, {login}")
    words = f": {one_line(said).rstrip('.')}" if said else ""
    advice = login if getattr(response, "status_code", 0) in (401, 403) else "nothing was changed"
    return Failure(f"{source}: {reason(error)}{words}; {advice}")


def _card(card: object) -> dict[str, str | None]:
    """What a pin holds of a model card."""
    said = {key: card.get(key) if card else None for key in ("license", "license_name", "license_link", "base_model")}
    found = {
        key: ", ".join(map(str, each)) if isinstance(each, list) else str(each or "").strip() or None
        for key, each in said.items()
    }
    bases = (found.pop("base_model") or "").split(", ")
    return found | {"base": " ".join(each for each in bases if names.REPO.fullmatch(each)) or None}


def _scan(status: dict) -> dict[str, object]:
    """What a Snapshot holds of the Hub's scan."""
    unsafe = tuple(str(each["path"]) for each in status.get("filesWithIssues") or ())
    return {"unsafe": unsafe, "scanned": bool(status.get("scansDone")) if status else None}


def _check(shot: Snapshot) -> None:
    """Refuse what a Hub may not say of a repo, since it goes into the pin, the catalog and the terminal.

    The names of files are checked once it is known which of them are wanted. Raises `Failure`.
    """
    names.repo_id(shot.source)
    for said, most in ((shot.license, LICENSE), (shot.license_name, LICENSE), (shot.license_link, LINK)):
        if said and not (said.isprintable() and len(said) <= most):
            raise Failure(f"{shot.source}: the Hub gives a license that is no line of text: {said[:60]!r}")
    for file in shot.files:
        published = fields.SHA256.fullmatch(file.sha256) if file.sha256 else fields.COMMIT.fullmatch(file.blob)
        if (file.xet and not fields.SHA256.fullmatch(file.xet)) or not published or not 0 <= file.size < 1 << 60:
            raise ValueError(file)


def snapshot(source: str, revision: str, may_download: bool = False) -> Snapshot:
    """What `source` (ORG/NAME) is at `revision` (branch, tag or commit). Raises `Failure`.

    A gated repo can be looked at by all; with `may_download` it must give us its files too.
    """
    if not ENDPOINT.startswith(("http://", "https://")):
        raise Failure(f"HF_ENDPOINT is not the address of a Hub: {ENDPOINT!r} (want https://HOST)")
    api = huggingface_hub.HfApi()
    try:
        info = api.model_info(source, revision=revision, securityStatus=True)
        if not fields.COMMIT.fullmatch(info.sha):
            raise ValueError(info.sha)
        if may_download and info.gated:
            api.auth_check(source)
        tree = api.list_repo_tree(source, recursive=True, revision=info.sha)
        files = tuple(HubFile.of(each) for each in tree if isinstance(each, RepoFile))
        date = str(info.last_modified.date()) if info.last_modified else ""
        said = _card(info.card_data) | _scan(info.security_repo_status or {})
        shot = Snapshot(info.id, revision, info.sha, files, **said, date=date)
        _check(shot)
    except GaveUp as error:
        raise Failure(f"{source}: {error}") from error
    except (httpx2.HTTPError, errors.HfHubHTTPError) as error:
        raise refusal(error, source, revision) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(f"{source}: what answers at {ENDPOINT} is not a Hub; see HF_ENDPOINT") from error
    # A tree that was cut short looks like a smaller repo. The other list is itself cut where files are many.
    if {sibling.rfilename for sibling in info.siblings or ()} - {file.path for file in files}:
        raise Failure(f"{source}: the Hub gave a list of its files that is cut short; run the same command again")
    return shot


def who() -> str:
    """Who we are to the Hub. Raises `Failure`."""
    if not huggingface_hub.get_token():
        return "not logged in"
    try:
        return f"logged in as {one_line(huggingface_hub.HfApi().whoami()['name'])}"
    except (httpx2.HTTPError, errors.HfHubHTTPError) as error:
        raise Failure(f"the login is refused ({reason(error)}); log in again: .venv/bin/hf auth login") from error


def choose(files: Iterable[HubFile], include: Sequence[str], exclude: Sequence[str]) -> list[HubFile]:
    """The `files` that a word of `include` names (all, without one) and none of `exclude`; none that steers Git or DVC.

    A word is a file's name as it stands, or a pattern as `hf download` takes it.
    """

    def named(words: Sequence[str]) -> set[str]:
        patterns = [word for word in words if word not in paths]
        return paths & {*words, *filter_repo_objects(paths, allow_patterns=patterns)}

    files = [file for file in files if not names.is_control_file(file.path)]
    paths = {file.path for file in files}
    kept = named(include) if include else paths
    kept = kept - named(exclude) if exclude else kept
    return [file for file in files if file.path in kept]

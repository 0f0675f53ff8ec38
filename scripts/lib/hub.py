"""Hugging Face, or whatever HF_ENDPOINT names: what a repo holds at a commit, and what its errors mean."""

from dataclasses import dataclass

import httpx2
import huggingface_hub as client
from huggingface_hub import errors
from huggingface_hub.utils import (
    build_hf_headers,
    filter_repo_objects,
    get_session,
    hf_raise_for_status,
    logging,
)

from lib.digest import Digest
from lib.patience import Patience, is_transient, limit, reason
from lib.report import Failure

logging.set_verbosity_error()  # a retry that helps needs no words, one that does not ends in a Failure

ENDPOINT = client.constants.ENDPOINT


@dataclass(frozen=True)
class HubFile:
    """One file as the Hub publishes it. SIZE in bytes; SHA256 only for files in LFS or Xet, BLOB is Git's id."""

    path: str
    size: int
    blob: str
    sha256: str | None
    xet: bool

    @property
    def identity(self) -> str:
        return self.sha256 or self.blob

    @property
    def hashes(self) -> tuple[str, ...]:
        """The digests of the file that are needed: those for the pin, and the one that the Hub publishes."""
        return ("md5", "sha256") if self.sha256 else ("md5", "sha256", "blob")

    def flaw(self, found: Digest) -> str | None:
        """How FOUND differs from what the Hub publishes, or None."""
        kind, actual = ("sha256", found.sha256) if self.sha256 else ("git blob", found.blob)
        return None if actual == self.identity else f"the Hub says {kind} {self.identity}, the bytes have {actual}"


@dataclass(frozen=True)
class Snapshot:
    """A repo at one commit. REVISION is what was asked for; UNSAFE are the files that the Hub's scan warns of."""

    source: str
    revision: str
    commit: str
    license: str | None
    files: tuple[HubFile, ...]
    unsafe: tuple[str, ...]


def refusal(error: Exception, source: str, revision: str) -> Failure:
    """ERROR of the Hub as a sentence; the order matters, since a gated repo is also one that was not found."""
    login = "log in: .venv/bin/hf auth login, or set HF_TOKEN"
    if isinstance(error, errors.GatedRepoError):
        return Failure(f"{source} is gated: accept its licence at {ENDPOINT}/{source}, then {login}")
    if isinstance(error, errors.RevisionNotFoundError):
        return Failure(
            f"no such revision of {source}: {revision!r}; its branches and tags: {ENDPOINT}/{source}/tree/main"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return Failure(f"no such model on the Hub: {source}; if it is private, {login}")
    if isinstance(error, httpx2.TransportError | errors.OfflineModeIsEnabled):
        return Failure(f"cannot reach the Hub at {ENDPOINT} ({error or type(error).__name__}); nothing was changed")
    return Failure(f"{source}: {reason(error)}; nothing was changed")


def _ask(source: str, revision: str, call):
    """CALL(), again while the Hub has a passing fault. Raises Failure."""
    patience = Patience(source)
    while True:
        try:
            return call()
        except httpx2.ConnectError as error:
            raise refusal(error, source, revision) from error
        except (httpx2.HTTPError, errors.HfHubHTTPError, errors.OfflineModeIsEnabled) as error:
            if not is_transient(error, ENDPOINT):
                raise refusal(error, source, revision) from error
            patience.bear(error)


def _license(card: object) -> str | None:
    said = card.get("license") if card else None
    return ", ".join(map(str, said)) if isinstance(said, list) else said


def _listing(source: str, commit: str) -> list[dict]:
    """Every file of SOURCE at COMMIT, page by page: the client's own call may wait without end."""
    entries, url = [], f"{ENDPOINT}/api/models/{source}/tree/{commit}?recursive=true"
    while url:
        page = _ask(source, commit, lambda url=url: _get(url))
        entries += [entry for entry in page.json() if entry["type"] == "file"]
        url = page.links.get("next", {}).get("url")
    return entries


def _get(url: str) -> httpx2.Response:
    response = get_session().get(url, headers=build_hf_headers(), timeout=max(1, limit()))
    hf_raise_for_status(response)
    return response


def snapshot(source: str, revision: str) -> Snapshot:
    """What SOURCE (ORG/NAME) is at REVISION (branch, tag or commit). Raises Failure."""
    if not ENDPOINT.startswith(("http://", "https://")):
        raise Failure(f"HF_ENDPOINT is not the address of a Hub: {ENDPOINT!r} (want https://HOST)")
    wanted = {"revision": revision, "securityStatus": True, "timeout": max(1, limit())}
    try:
        info = _ask(source, revision, lambda: client.HfApi().model_info(source, **wanted))
        files = tuple(
            HubFile(each["path"], each["size"], each["oid"], each.get("lfs", {}).get("oid"), bool(each.get("xetHash")))
            for each in _listing(source, info.sha)
        )
        siblings = {sibling.rfilename for sibling in info.siblings or ()}
        unsafe = tuple(each["path"] for each in (info.security_repo_status or {}).get("filesWithIssues") or ())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(f"{source}: what answers at {ENDPOINT} is not a Hub; see HF_ENDPOINT") from error
    # A listing that was cut short looks like a smaller repo, so the two calls must agree.
    if {file.path for file in files} != siblings:
        raise Failure(f"{source}: the Hub gave two different lists of its files; run the same command again")
    return Snapshot(source, revision, info.sha, _license(info.card_data), files, unsafe)


def choose(files: tuple[HubFile, ...], include: tuple[str, ...], exclude: tuple[str, ...]) -> list[HubFile]:
    """FILES that a pattern of INCLUDE names (all, without one) and none of EXCLUDE does, as `hf download` would."""
    return list(filter_repo_objects(files, allow_patterns=include or None, ignore_patterns=exclude, key=_path))


def _path(file: HubFile) -> str:
    return file.path

"""Hugging Face, or whatever HF_ENDPOINT names: what a repo holds at a commit, and the bytes of its files.

The only importer of huggingface_hub. Two ways bring a file, and each file is hashed by us whichever it came:
- Xet, the Hub client's own fast path: many chunks at once, nothing to resume after a crash but whole files;
- a plain ranged GET: goes on inside a file after a crash or a broken connection, from the bytes that are on disk.
"""

import os
import shutil
import threading
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

# The client reads its environment when it is imported.
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

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

from lib import atomic
from lib.digest import Digest, Hasher, Progress, of_file, read_into
from lib.patience import PATIENCE, Patience, is_transient, reason
from lib.report import Failure

logging.set_verbosity_error()  # a retry that helps needs no words, one that does not ends in a Failure

XET = not client.constants.HF_HUB_DISABLE_XET and find_spec("hf_xet") is not None
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


def _refusal(error: Exception, source: str, revision: str) -> Failure:
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
            raise _refusal(error, source, revision) from error
        except (httpx2.HTTPError, errors.HfHubHTTPError, errors.OfflineModeIsEnabled) as error:
            if not is_transient(error, ENDPOINT):
                raise _refusal(error, source, revision) from error
            patience.bear(error)


def _license(card: object) -> str | None:
    said = card.get("license") if card else None
    return ", ".join(map(str, said)) if isinstance(said, list) else said


def snapshot(source: str, revision: str) -> Snapshot:
    """What SOURCE (ORG/NAME) is at REVISION (branch, tag or commit). Raises Failure."""
    api = client.HfApi()
    info = _ask(
        source, revision, lambda: api.model_info(source, revision=revision, securityStatus=True, timeout=PATIENCE)
    )
    tree = _ask(source, revision, lambda: list(api.list_repo_tree(source, revision=info.sha, recursive=True)))
    files = tuple(
        HubFile(entry.path, entry.size, entry.blob_id, entry.lfs.sha256 if entry.lfs else None, bool(entry.xet_hash))
        for entry in tree
        if isinstance(entry, client.RepoFile)
    )
    # A listing that was cut short looks like a smaller repo, so the two calls must agree.
    if {file.path for file in files} != {sibling.rfilename for sibling in info.siblings or ()}:
        raise Failure(f"{source}: the Hub gave two different lists of its files; run the same command again")
    issues = (info.security_repo_status or {}).get("filesWithIssues") or ()
    return Snapshot(
        source, revision, info.sha, _license(info.card_data), files, tuple(issue["path"] for issue in issues)
    )


def choose(files: tuple[HubFile, ...], include: tuple[str, ...], exclude: tuple[str, ...]) -> list[HubFile]:
    """FILES that a pattern of INCLUDE names (all, without one) and none of EXCLUDE does, as `hf download` would."""
    kept = filter_repo_objects(
        files, allow_patterns=list(include) or None, ignore_patterns=list(exclude) or None, key=lambda file: file.path
    )
    return list(kept)


def fetch(shot: Snapshot, file: HubFile, part: Path, progress: Progress, stop: threading.Event) -> Digest:
    """Bring FILE of SHOT to PART, hashed as it arrives, and synced to disk. Raises Failure, OSError.

    What PART already holds is kept, and hashed too. STOP ends the transfer early; PART stays for the next try.
    """
    if file.xet and XET and not part.exists():
        return _fetch_by_xet(shot, file, part, progress)
    part.parent.mkdir(parents=True, exist_ok=True)
    hasher = Hasher(file.size, file.hashes)
    patience = Patience(f"{shot.source}/{file.path}")
    with part.open("a+b", buffering=0) as out:
        out.seek(0)
        read_into(hasher, out, progress)
        while hasher.size < file.size and not stop.is_set():
            try:
                for chunk in _stream(shot, file, hasher.size):
                    out.write(chunk)
                    hasher.update(chunk)
                    progress(len(chunk))
                    patience.progress()
                    if stop.is_set():
                        break
            except (httpx2.HTTPError, errors.HfHubHTTPError) as error:
                if not is_transient(error, ENDPOINT):
                    raise _refusal(error, shot.source, shot.commit) from error
                patience.bear(error)
        os.fsync(out.fileno())
    return hasher.digest()


def _stream(shot: Snapshot, file: HubFile, start: int):
    """Yield the bytes of FILE from START to its end; a body that is too short or too long raises TransportError."""
    url = client.hf_hub_url(shot.source, file.path, revision=shot.commit)
    # Sizes and ranges count the file's own bytes, so no compression on the way.
    headers = build_hf_headers() | {"Accept-Encoding": "identity", "Range": f"bytes={start}-"}
    timeout = httpx2.Timeout(client.constants.HF_HUB_DOWNLOAD_TIMEOUT)
    with get_session().stream("GET", url, headers=headers, timeout=timeout) as response:
        hf_raise_for_status(response)
        # A server may ignore the range and begin at the beginning.
        skip, position = (0, start) if response.status_code == 206 else (start, 0)
        for chunk in response.iter_raw():
            position += len(chunk)
            if position > file.size:
                raise httpx2.RemoteProtocolError("more bytes than the file has")
            if skip < len(chunk):
                yield chunk[skip:]
            skip = max(0, skip - len(chunk))
    if position < file.size:
        raise httpx2.RemoteProtocolError("the body was cut short")


def _fetch_by_xet(shot: Snapshot, file: HubFile, part: Path, progress: Progress) -> Digest:
    folder = part.with_name(part.name + ".xet")
    try:
        found = client.hf_hub_download(shot.source, file.path, revision=shot.commit, local_dir=folder)
    except Exception as error:  # the client raises types of its native part too; the plain way goes on from here
        raise Failure(f"{shot.source}/{file.path}: {error}") from error
    atomic.sync(Path(found))
    os.replace(found, part)
    shutil.rmtree(folder)
    return of_file(part, file.hashes, progress)

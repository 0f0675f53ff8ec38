"""Bringing one file from the Hub, hashed by us whichever way it came:

- Xet, the Hub client's own fast path: many chunks at once, but after a crash the file starts over;
- a plain ranged GET: after a crash or a broken connection it resumes inside the file.
"""

import os
import shutil
import threading
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import httpx2
import huggingface_hub
from huggingface_hub import errors
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

from lib.core import atomic
from lib.core.digest import Digest, Hasher, Progress, of_file, read_into
from lib.core.errors import Failure
from lib.hub.client import session
from lib.hub.repo import HubFile, Snapshot, refusal
from lib.hub.retry import GaveUp, Retry

XET = not huggingface_hub.constants.HF_HUB_DISABLE_XET and find_spec("hf_xet") is not None


def fetch(shot: Snapshot, file: HubFile, part: Path, progress: Progress, stop: threading.Event) -> Digest:
    """Bring `file` of `shot` to `part`, hashed as it arrives, and synced to disk. Raises `Failure`, OSError.

    What `part` already holds is kept and hashed too. `stop` ends the transfer early; `part` stays for the next try.
    """
    if file.xet and XET and not part.exists():
        with suppress(Exception):  # hf_xet has errors of its own; the GET has a sentence for those that stay
            return _fetch_by_xet(shot, file, part, progress)
        shutil.rmtree(_xet_folder(part), ignore_errors=True)
    try:
        return _fetch_by_get(shot, file, part, progress, stop)
    except GaveUp as error:
        raise Failure(f"{shot.source}/{file.path}: {error}") from error
    except (httpx2.HTTPError, errors.HfHubHTTPError) as error:
        raise refusal(error, shot.source, shot.commit) from error


def _fetch_by_get(shot: Snapshot, file: HubFile, part: Path, progress: Progress, stop: threading.Event) -> Digest:
    if part.exists() and part.stat().st_size >= file.size:
        return of_file(part, file.hashes, progress)
    part.parent.mkdir(parents=True, exist_ok=True)
    hasher, retry = Hasher(file.size, file.hashes), Retry()
    with part.open("a+b") as out:
        out.seek(0)
        read_into(hasher, out, progress)
        while hasher.size < file.size and not stop.is_set():
            try:
                for chunk in _stream(shot, file, hasher.size):
                    hasher.update(chunk, out.write)
                    progress(len(chunk))
                    retry.progress()
                    if stop.is_set():
                        break
            except httpx2.TransportError as error:
                retry.wait(error)
    atomic.sync(part)
    return hasher.digest()


def _stream(shot: Snapshot, file: HubFile, start: int):
    """Yield the bytes of `file` from `start` to its end; a body too short or too long raises TransportError."""
    url = huggingface_hub.hf_hub_url(shot.source, file.path, revision=shot.commit)
    # Sizes and ranges count the file's own bytes, so the transfer must not be compressed.
    headers = build_hf_headers() | {"Accept-Encoding": "identity", "Range": f"bytes={start}-"}
    with session().stream("GET", url, headers=headers) as response:
        hf_raise_for_status(response)
        # A server may ignore the range and send the whole file.
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
    folder = _xet_folder(part)
    found = huggingface_hub.hf_hub_download(shot.source, file.path, revision=shot.commit, local_dir=folder)
    atomic.sync(Path(found))
    os.replace(found, part)
    shutil.rmtree(folder)
    return of_file(part, file.hashes, progress)


def _xet_folder(part: Path) -> Path:
    return part.with_name(part.name + ".xet")

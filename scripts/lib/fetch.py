"""Bringing one file from the Hub, hashed by us whichever of two ways it came:

- Xet, the Hub client's own fast path: many chunks at once, and after a crash the file begins anew;
- a plain ranged GET: goes on inside a file after a crash or a broken connection, from the bytes that are on disk.
"""

import os
import shutil
import threading
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import httpx2
import huggingface_hub as client
from huggingface_hub import errors
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

from lib import atomic
from lib.digest import BLOCK, Digest, Hasher, Progress, of_file, read_into
from lib.hub import ENDPOINT, HubFile, Snapshot, refusal
from lib.patience import Patience, is_transient, limit

XET = not client.constants.HF_HUB_DISABLE_XET and find_spec("hf_xet") is not None

if ENDPOINT.startswith("http:"):  # TLS gives 16 KiB at once, a plain connection all that has arrived
    with suppress(ImportError):  # no setting reaches this
        from httpcore2._sync.http11 import HTTP11Connection

        HTTP11Connection.READ_NUM_BYTES = BLOCK


def fetch(shot: Snapshot, file: HubFile, part: Path, progress: Progress, stop: threading.Event) -> Digest:
    """Bring FILE of SHOT to PART, hashed as it arrives, and synced to disk. Raises Failure, OSError.

    What PART already holds is kept, and hashed too. STOP ends the transfer early; PART stays for the next try.
    """
    if file.xet and XET and not part.exists():
        with suppress(Exception):  # its native part has errors of its own; the plain way has a sentence for what stays
            return _fetch_by_xet(shot, file, part, progress)
        shutil.rmtree(_xet_folder(part), ignore_errors=True)
    if part.exists() and part.stat().st_size >= file.size:
        return of_file(part, file.hashes, progress)
    part.parent.mkdir(parents=True, exist_ok=True)
    hasher = Hasher(file.size, file.hashes)
    patience = Patience(f"{shot.source}/{file.path}")
    with part.open("a+b") as out:
        out.seek(0)
        read_into(hasher, out, progress)
        while hasher.size < file.size and not stop.is_set():
            try:
                for chunk in _stream(shot, file, hasher.size):
                    hasher.update(chunk, out.write)
                    progress(len(chunk))
                    patience.progress()
                    if stop.is_set():
                        break
            except (httpx2.HTTPError, errors.HfHubHTTPError) as error:
                if not is_transient(error, ENDPOINT):
                    raise refusal(error, shot.source, shot.commit) from error
                patience.bear(error)
    atomic.sync(part)
    return hasher.digest()


def _stream(shot: Snapshot, file: HubFile, start: int):
    """Yield the bytes of FILE from START to its end; a body that is too short or too long raises TransportError."""
    url = client.hf_hub_url(shot.source, file.path, revision=shot.commit)
    # Sizes and ranges count the file's own bytes, so no compression on the way.
    headers = build_hf_headers() | {"Accept-Encoding": "identity", "Range": f"bytes={start}-"}
    timeout = httpx2.Timeout(min(client.constants.HF_HUB_DOWNLOAD_TIMEOUT, max(1, limit())))
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
    folder = _xet_folder(part)
    found = client.hf_hub_download(shot.source, file.path, revision=shot.commit, local_dir=folder)
    atomic.sync(Path(found))
    os.replace(found, part)
    shutil.rmtree(folder)
    return of_file(part, file.hashes, progress)


def _xet_folder(part: Path) -> Path:
    return part.with_name(part.name + ".xet")

"""Where the bytes of a file on the Hub come from: this machine, Xet or a plain GET."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.request import Request, getproxies

import httpx2
import huggingface_hub
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

from lib.core.digest import buffer
from lib.core.errors import Failure
from lib.core.text import one_line
from lib.hub.client import downloads, reason
from lib.hub.repo import HubFile, Snapshot, refusal
from lib.hub.xet import Xet
from lib.transfer.http import SLICE, Refused
from lib.transfer.retry import Broken, GaveUp
from lib.transfer.road import Source

XET = not huggingface_hub.constants.HF_HUB_DISABLE_XET and find_spec("hf_xet") is not None


@dataclass
class Get:
    """A plain GET of `file` in the repo of `shot`, as a `Source`."""

    shot: Snapshot
    file: HubFile
    title: str = "a plain download"
    whole: bool = False  # whether the Hub's client fetches all of it, not the first slice alone

    def stream(self, start: int) -> Iterator[bytes | memoryview]:
        """As `Source`; the Hub's client fetches the first slice, and so finds the address where the rest is."""
        url = huggingface_hub.hf_hub_url(self.shot.source, self.file.path, revision=self.shot.commit)
        stop = self.file.size if self.whole else min(start + SLICE, self.file.size)
        last = stop - 1 if stop < self.file.size else ""
        # Sizes and ranges count the bytes of the file, so the transfer must not be compressed.
        headers = build_hf_headers() | {"Accept-Encoding": "identity", "Range": f"bytes={start}-{last}"}
        try:
            with get_session().stream("GET", url, headers=headers) as response:
                hf_raise_for_status(response)
                at = start if response.status_code == 206 else 0  # a server may ignore the range
                for chunk in response.iter_raw():
                    yield chunk[max(0, start - at) :]
                    at += len(chunk)
            if at == stop < self.file.size:
                yield from self._rest(response, stop)
        except httpx2.TransportError as error:
            raise Broken(reason(error)) from error
        except GaveUp as error:
            raise Failure(f"{self.shot.source}/{self.file.path}: {error}") from error
        except httpx2.HTTPError as error:
            raise refusal(error, self.shot.source, self.shot.commit) from error

    def _rest(self, first: httpx2.Response, start: int) -> Iterator[memoryview]:
        """The bytes from offset `start` on, from where `first` came: another host than the Hub gets no token here."""
        self.whole = True  # from now on, unless this other client gets through
        url = first.url.copy_with(userinfo=b"", fragment=None)  # a login in it is in the headers, too
        request = Request(str(url), headers=dict(first.request.headers))
        try:
            for chunk in downloads().read(request, start, self.file.size, buffer(SLICE)):
                self.whole = False
                yield chunk
        except (Broken, Refused):  # such as an address that holds once only
            if not self.whole:
                raise
            yield from self.stream(start)


@dataclass(frozen=True)
class XetFile:
    """One file in Xet, as a `Source`."""

    xet: Xet
    file: HubFile
    title: str = "Xet"

    def stream(self, start: int) -> Iterator[bytes]:
        try:
            stream = self.xet.download(self.file, start)
            try:
                yield from stream
            finally:
                stream.cancel()
        except Exception as error:  # hf_xet writes no file here, so every error is about the store
            why = one_line(error)
            if isinstance(error, ConnectionError | TimeoutError):
                self.xet.fault = why
            raise Broken(why) from error


def on_this_machine(files: Iterable[HubFile]) -> dict[str, Path]:
    """Those of `files` that the Hub client's own cache has (used by transformers and `hf download`): path -> where."""
    top = Path(huggingface_hub.constants.HF_HUB_CACHE)
    there = ((file, at) for file in files for at in top.glob(f"models--*/blobs/{file.identity}"))
    return {file.path: at for file, at in there if at.is_file() and at.stat().st_size == file.size}


def of(shot: Snapshot, file: HubFile, xet: Xet) -> list[Source]:
    """The sources of `file` over the network, fastest first."""
    fast = [XetFile(xet, file)] if file.xet and XET else []
    return [*fast, Get(shot, file, whole="all" in getproxies())]  # a proxy that `downloads` does not know

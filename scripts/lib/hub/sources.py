"""Where the bytes of a file of the Hub come from: this machine, Xet, or a plain GET, each as a source of the road."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx2
import huggingface_hub
from huggingface_hub import errors
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

from lib.core.errors import Failure
from lib.hub.client import broken, session
from lib.hub.repo import HubFile, Snapshot, refusal
from lib.hub.xet import Xet, XetFile
from lib.transfer.retry import GaveUp
from lib.transfer.road import Source

XET = not huggingface_hub.constants.HF_HUB_DISABLE_XET and find_spec("hf_xet") is not None


@dataclass(frozen=True)
class Get:
    """A ranged GET of `file` of `shot`, as a `Source`."""

    shot: Snapshot
    file: HubFile
    title: str = "a plain download"

    def stream(self, start: int) -> Iterator[bytes]:
        try:
            yield from self._answer(start)
        except httpx2.TransportError as error:
            raise broken(error) from error
        except GaveUp as error:
            raise Failure(f"{self.shot.source}/{self.file.path}: {error}") from error
        except (httpx2.HTTPError, errors.HfHubHTTPError) as error:
            raise refusal(error, self.shot.source, self.shot.commit) from error

    def _answer(self, start: int) -> Iterator[bytes]:
        url = huggingface_hub.hf_hub_url(self.shot.source, self.file.path, revision=self.shot.commit)
        # Sizes and ranges count the file's own bytes, so the transfer must not be compressed.
        headers = build_hf_headers() | {"Accept-Encoding": "identity", "Range": f"bytes={start}-"}
        with session().stream("GET", url, headers=headers) as response:
            hf_raise_for_status(response)
            # A server may ignore the range and send the whole file.
            skip = 0 if response.status_code == 206 else start
            for chunk in response.iter_raw():
                if skip < len(chunk):
                    yield chunk[skip:]
                skip = max(0, skip - len(chunk))


def on_this_machine(file: HubFile) -> Path | None:
    """Where the Hub client's own cache holds `file`, of whatever repo, as by transformers or `hf download`."""
    top = Path(huggingface_hub.constants.HF_HUB_CACHE)
    found = (each for each in top.glob(f"models--*/blobs/{file.identity}") if each.is_file())
    return next((each for each in found if each.stat().st_size == file.size), None)


def of(shot: Snapshot, file: HubFile, xet: Xet) -> list[Source]:
    """The sources of `file` over the network, the fastest first."""
    fast = [XetFile(xet, file)] if file.xet and XET else []
    return [*fast, Get(shot, file)]

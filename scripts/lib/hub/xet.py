"""Xet, where the Hub keeps large files: their bytes as streams, by hf_xet."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

from huggingface_hub.utils import build_hf_headers

from lib.core import arguments
from lib.core.text import one_line
from lib.hub.client import ENDPOINT
from lib.hub.repo import HubFile, Snapshot
from lib.transfer.retry import Broken

STEP = 8_000_000  # bytes asked for at once; two such steps of a file are on their way, and lost by a kill


class Xet:
    """The files of one commit in Xet. The Hub gives token and address, once; hf_xet renews them when they run out."""

    def __init__(self, shot: Snapshot) -> None:
        self._shot, self._lock, self._group, self._fault = shot, threading.Lock(), None, None

    def group(self):
        """The connection that all streams share. Raises `Broken`, at once if the store was out of reach before."""
        with self._lock:
            if self._fault:
                raise Broken(self._fault)
            if not self._group:
                from hf_xet import XetConfig, XetSession

                self._group = XetSession(XetConfig().with_config(_settings())).new_download_stream_group(
                    token_refresh_url=f"{ENDPOINT}/api/models/{self._shot.source}/xet-read-token/{self._shot.commit}",
                    token_refresh_headers={key: str(value) for key, value in build_hf_headers().items()},
                )
            return self._group

    def broken(self, error: Exception) -> Broken:
        """`error` of hf_xet as a `Broken`; a store out of reach is not asked for other files."""
        if isinstance(error, ConnectionError | TimeoutError):
            self._fault = one_line(error)
        return Broken(one_line(error))


@dataclass(frozen=True)
class XetFile:
    """One file in Xet, as a `Source`."""

    xet: Xet
    file: HubFile
    title: str = "Xet"

    def stream(self, start: int) -> Iterator[bytes]:
        from hf_xet import XetFileInfo

        try:
            stream = self.xet.group().download_stream(XetFileInfo(self.file.xet, self.file.size), start=start)
            try:
                yield from stream
            finally:
                stream.cancel()
        except Broken:
            raise
        except Exception as error:  # it writes nothing here, so whatever it raises is about the store
            raise self.xet.broken(error) from error


def _settings() -> dict[str, object]:
    """What is set of hf_xet: no telemetry, our time limits, and buffers for a small machine."""
    seconds = f"{max(1, round(arguments.timeout()))}s"
    return {
        "telemetry.enabled": False,
        "client.retry_max_attempts": 2,
        "client.retry_base_delay": "500ms",
        "client.retry_max_duration": seconds,
        "client.connect_timeout": seconds,
        "client.read_timeout": seconds,
        "reconstruction.min_reconstruction_fetch_size": STEP,
        "reconstruction.max_reconstruction_fetch_size": STEP,
        "reconstruction.min_prefetch_buffer": STEP,
        "reconstruction.download_buffer_size": STEP,
        "reconstruction.download_buffer_perfile_size": STEP,
        "reconstruction.download_buffer_limit": 16 * STEP,
    }

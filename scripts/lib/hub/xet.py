"""Xet, where the Hub keeps large files: streams of their bytes, by hf_xet."""

import threading

from huggingface_hub.utils import build_hf_headers

from lib.core import arguments
from lib.hub.client import ENDPOINT
from lib.hub.repo import HubFile, Snapshot
from lib.transfer.retry import Broken

STEP = 5_000_000  # bytes per request; two per file are in flight, and lost if it is killed


class Xet:
    """The files of one commit in Xet. hf_xet asks the Hub for token and address once, and again when they expire."""

    def __init__(self, shot: Snapshot) -> None:
        self._shot, self._lock, self._group = shot, threading.Lock(), None
        self.fault = ""  # why the store is unreachable; once set, no other file is requested

    def download(self, file: HubFile, start: int):
        """hf_xet's stream of `file` from offset `start` on; all share one session. Raises `Broken` after a `fault`."""
        from hf_xet import XetConfig, XetFileInfo, XetSession

        with self._lock:
            if self.fault:
                raise Broken(self.fault)
            if not self._group:
                self._group = XetSession(XetConfig().with_config(_settings())).new_download_stream_group(
                    token_refresh_url=f"{ENDPOINT}/api/models/{self._shot.source}/xet-read-token/{self._shot.commit}",
                    token_refresh_headers=build_hf_headers(),
                )
        return self._group.download_stream(XetFileInfo(file.xet, file.size), start=start)


def _settings() -> dict[str, object]:
    """Settings for hf_xet: no telemetry, our timeouts, and buffers for a small machine."""
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
        "reconstruction.download_buffer_size": STEP,
        "reconstruction.download_buffer_perfile_size": STEP,
        "reconstruction.download_buffer_limit": 16 * STEP,
    }

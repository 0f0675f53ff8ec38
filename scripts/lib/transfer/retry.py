"""Retry policy of a transfer: how long to pause between tries, and when to give up."""

import time
from collections.abc import Mapping

from lib.core import arguments
from lib.core.errors import Failure

TRANSIENT = {408, 425, 429, 500, 502, 503, 504}  # statuses of an answer that may be another one the next time
FIRST, LONGEST = 0.5, 8.0  # seconds between tries; each pause is twice the one before


class Broken(Exception):
    """A source failed in passing, as a sentence without its subject; `pause` is the seconds that it asked to wait."""

    def __init__(self, why: str, pause: float = 0) -> None:
        super().__init__(why)
        self.pause = pause


def asked_to_wait(headers: Mapping[str, str]) -> float:
    """The seconds that the `headers` of an answer ask to wait; 0 if they do not."""
    asked = headers.get("Retry-After", "")
    return float(asked) + 0.1 if asked.isascii() and asked.isdigit() else 0


def pause(tries: int) -> float:
    """The seconds to wait after `tries` tries that failed."""
    return min(FIRST * 2 ** (tries - 1), LONGEST)


class GaveUp(Failure):
    """Why no further try was made, as a sentence; it names what was wanted if the `Retry` was told."""


class Retry:
    """Waits between tries, and gives up when nothing has arrived within the time that TIMEOUT sets."""

    def __init__(self, label: str = "") -> None:
        self._label = f"{label}: " if label else ""
        self.progress()

    def progress(self) -> None:
        """Bytes have arrived: the clock and the pauses start again."""
        self._since, self._tries = time.monotonic(), 0

    def wait(self, fault: Broken) -> None:
        """Pause before another try after `fault`. Raises `Failure`."""
        self._tries += 1
        seconds = max(pause(self._tries), fault.pause)
        if time.monotonic() + seconds - self._since > arguments.timeout():
            raise GaveUp(
                f"{self._label}{fault}; gave up after {arguments.timeout():g} s without a byte "
                "(TIMEOUT=seconds sets how long); run the same command again to continue"
            ) from fault
        time.sleep(seconds)

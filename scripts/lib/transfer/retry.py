"""Retry policy of a transfer: how long to pause between tries, and when to give up."""

import random
import re
import time
from collections.abc import Mapping

from lib.core import arguments
from lib.core.errors import Failure

TRANSIENT = {408, 425, 429, 500, 502, 503, 504}  # HTTP statuses that are worth another try
LIMIT = re.compile(r";\s*r=0;\s*t=([0-9]+)")  # the Hub's: for so many seconds, no request is left
FIRST, LONGEST = 0.5, 8.0  # seconds between tries; each pause is twice the last


class Broken(Exception):
    """A transient failure of a source, in words that follow its name; `pause` is the seconds that it asked to wait."""

    def __init__(self, why: str, pause: float = 0) -> None:
        super().__init__(why)
        self.pause = pause


def asked_to_wait(headers: Mapping[str, str]) -> float:
    """Seconds to wait by `RateLimit` or `Retry-After` in the `headers` of a response; 0 without, or with a date."""
    limit = LIMIT.search(headers.get("RateLimit", ""))
    asked = limit[1] if limit else headers.get("Retry-After", "")
    return float(asked) + 0.1 if asked.isascii() and asked.isdigit() else 0


def pause(tries: int) -> float:
    """Seconds to wait after `tries` failed tries."""
    return min(FIRST * 2 ** (tries - 1), LONGEST) * random.uniform(0.5, 1)  # so that clones do not all try at once


class GaveUp(Failure):
    """No byte within TIMEOUT, so there is no further try. The sentence begins with the label of the `Retry`, if any."""


class Retry:
    """Exponential backoff that gives up after TIMEOUT seconds without a byte."""

    def __init__(self, label: str = "") -> None:
        self._label = f"{label}: " if label else ""
        self.progress()

    def progress(self) -> None:
        """Restart the timeout and the backoff, as bytes have arrived."""
        self._since, self._tries = time.monotonic(), 0

    def wait(self, fault: Broken) -> None:
        """Sleep before the next try after `fault`. Raises `GaveUp`."""
        self._tries += 1
        seconds = max(pause(self._tries), fault.pause)
        if time.monotonic() + seconds - self._since <= arguments.timeout():
            time.sleep(seconds)
            return
        why = f"gave up after {arguments.timeout():g} s without a byte"
        if fault.pause > arguments.timeout():
            why = f"it asks to wait {fault.pause + 1:.0f} s"
        how = "(to wait longer: TIMEOUT=seconds); run the same command again to continue"
        raise GaveUp(f"{self._label}{fault}; {why} {how}") from fault

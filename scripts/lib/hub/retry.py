"""Retry policy for the Hub: how long to pause between tries, and when to give up."""

import time

import httpx2

from lib.core import arguments

FIRST, LONGEST = 0.5, 8.0  # seconds between tries; each pause is twice the one before


class GaveUp(Exception):
    """Why no further try was made, as a sentence without its subject."""


class Retry:
    """Waits between tries, and gives up when nothing has arrived within the time that TIMEOUT sets."""

    def __init__(self) -> None:
        self.progress()

    def progress(self) -> None:
        """Bytes have arrived: the clock and the pauses start again."""
        self._since, self._pause = time.monotonic(), FIRST

    def wait(self, error: Exception) -> None:
        """Pause before another try after `error`. Raises `GaveUp`."""
        pause = max(self._pause, _asked_to_wait(error))
        if time.monotonic() + pause - self._since > arguments.timeout():
            raise GaveUp(
                f"{reason(error)}; gave up after {arguments.timeout():g} s without a byte "
                "(TIMEOUT=seconds sets how long); run the same command again to go on"
            ) from error
        time.sleep(pause)
        self._pause = min(self._pause * 2, LONGEST)


def _asked_to_wait(error: Exception) -> float:
    response = getattr(error, "response", None)
    asked = response.headers.get("Retry-After", "") if response is not None else ""
    return float(asked) + 0.1 if asked.isdigit() else 0.0


def reason(error: Exception) -> str:
    """`error` as what the Hub did."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"the Hub answered {response.status_code} {response.reason_phrase}"
    if isinstance(error, httpx2.TimeoutException):
        return "the Hub sent nothing"
    return f"the connection to the Hub broke ({error or type(error).__name__})"

"""How long a Hub that falters is waited for: every pause and every bound is here."""

import time

import httpx2

from lib.names import value
from lib.report import Failure

PATIENCE = float(value("PATIENCE") or 60)  # seconds without a byte before a transfer is given up
TRANSIENT = {408, 425, 429, 500, 502, 503, 504}


class Patience:
    """Waits between tries, longer each time, and gives up when nothing has arrived for PATIENCE seconds."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.progress()

    def progress(self) -> None:
        self.since, self.pause = time.monotonic(), 1.0

    def bear(self, error: Exception) -> None:
        """Wait for another try after ERROR, or raise Failure."""
        pause = max(self.pause, _asked_to_wait(error))
        if time.monotonic() + pause - self.since > PATIENCE:
            raise Failure(
                f"{self.what}: {reason(error)}; gave up after {PATIENCE:.0f} s without a byte "
                "(PATIENCE=seconds sets how long); run the same command again to go on"
            ) from error
        time.sleep(pause)
        self.pause = min(self.pause * 2, 8)


def _asked_to_wait(error: Exception) -> float:
    response = getattr(error, "response", None)
    asked = response.headers.get("Retry-After", "") if response is not None else ""
    return float(asked) + 0.1 if asked.isdigit() else 0.0


def reason(error: Exception) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"the Hub answered {response.status_code} {response.reason_phrase}"
    if isinstance(error, httpx2.TimeoutException):
        return "the Hub sent nothing"
    return f"the connection to the Hub broke ({error or type(error).__name__})"


def is_transient(error: Exception, endpoint: str) -> bool:
    response = getattr(error, "response", None)
    if response is None:
        return isinstance(error, httpx2.TransportError)
    # A store that the Hub redirected to says 403 when its signed link has run out; the next try gets a new one.
    expired = response.status_code == 403 and not str(response.url).startswith(endpoint)
    return response.status_code in TRANSIENT or expired

"""How long a Hub that falters is waited for: every pause and every bound is here."""

import re
import time
from functools import lru_cache

import httpx2

from lib.names import value
from lib.report import Failure

TRANSIENT = {408, 425, 429, 500, 502, 503, 504}


@lru_cache(maxsize=1)
def limit() -> float:
    """Seconds without a byte after which the Hub is given up, as typed in PATIENCE; 0 tries once. Raises Failure."""
    text = value("PATIENCE") or "60"
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text):
        raise Failure(f"not a number of seconds: PATIENCE={text!r}")
    return float(text)


class Patience:
    """Waits between tries, longer each time, and gives up when nothing has arrived within the limit."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.progress()

    def progress(self) -> None:
        self.since, self.pause = time.monotonic(), 1.0

    def bear(self, error: Exception) -> None:
        """Wait for another try after ERROR, or raise Failure."""
        pause = max(self.pause, _asked_to_wait(error))
        if time.monotonic() + pause - self.since > limit():
            raise Failure(
                f"{self.what}: {reason(error)}; gave up after {limit():g} s without a byte "
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

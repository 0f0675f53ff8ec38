"""What was typed on make's command line; the Makefile hands it on in the environment, as plain text."""

import os
import re
from functools import lru_cache

from lib.core.errors import Failure


def value(variable: str) -> str:
    """What was typed as `variable`=…; if the Makefile does not declare it, what the environment has; or empty."""
    return os.environ.get(variable, "")


def is_on(switch: str) -> bool:
    """Whether `switch`=1 was typed; the Makefile has refused every other value."""
    return value(switch) == "1"


@lru_cache(maxsize=1)
def timeout() -> float:
    """Seconds without a byte after which the Hub or a bucket is given up; 0 tries once. Raises `Failure`."""
    text = value("TIMEOUT") or "60"
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text):
        raise Failure(f"not a number of seconds: TIMEOUT={text!r}")
    return float(text)

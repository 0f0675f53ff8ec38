"""What was typed on make's command line; the Makefile passes it on in the environment, as plain text."""

import os
import re

from lib.core.errors import Failure


def value(variable: str) -> str:
    """The value typed for `variable` or, if the Makefile does not declare it, the environment's; empty if unset."""
    return os.environ.get(variable, "")


def is_on(switch: str) -> bool:
    """Whether `switch`=1 was typed; the Makefile has refused every other value."""
    return value(switch) == "1"


def timeout() -> float:
    """How many seconds the Hub or a bucket may send nothing before it is an error; 0: no retries. Raises `Failure`."""
    text = value("TIMEOUT") or "60"
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text):
        raise Failure(f"not a number of seconds: TIMEOUT={text!r}")
    return float(text)

"""The Hub, through its own client. That reads the environment when imported; a bad variable is a `Failure` here."""

from lib.core.errors import Failure

try:
    import huggingface_hub.constants  # noqa: F401
except ValueError as error:
    said = f"the Hub's client rejects an environment variable ({error}); see those that begin with HF_"
    raise Failure(said) from None

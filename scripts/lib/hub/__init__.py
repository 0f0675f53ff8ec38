"""The Hub, by its own client, which reads the environment as it is imported: refused in one sentence, if it must be."""

from lib.core.errors import Failure

try:
    import huggingface_hub.constants  # noqa: F401
except ValueError as error:
    said = f"the Hub's client does not take a variable of the environment ({error}); see those that begin with HF_"
    raise Failure(said) from None

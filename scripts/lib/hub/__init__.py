"""The Hub, by its own client, which reads the environment as it is imported: refused in one sentence, if it must be."""

from lib.core.errors import Failure

try:
    import huggingface_hub.constants  # noqa: F401
except ValueError as error:
    raise Failure(f"the environment has what the Hub's client does not take ({error}); see HF_ENDPOINT, HF_…") from None

"""The HTTP client for every request to the Hub, ours and `huggingface_hub`'s: one timeout, one retry policy."""

from functools import lru_cache
from urllib.parse import urlsplit

import httpx2
import huggingface_hub

from lib.core import arguments, text
from lib.core.errors import Failure
from lib.transfer.http import Client, proxy_for
from lib.transfer.retry import TRANSIENT, Broken, Retry, asked_to_wait

huggingface_hub.logging.set_verbosity_error()  # no warnings of retries: if all fail, a `Failure` says so

ENDPOINT = huggingface_hub.constants.ENDPOINT
SHOWN = text.one_line(ENDPOINT)  # for messages: without a login
READ = huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT  # seconds without a byte until a download is retried


class _Client(httpx2.Client):
    # On its own, huggingface_hub lists a repo without a timeout, and retries some calls by its own rules.
    def send(self, request: httpx2.Request, *, stream: bool = False, **options) -> httpx2.Response:
        """As httpx2 does, with retries. Raises `GaveUp` if a transient fault lasts, `Failure` if no Hub is reached."""
        if huggingface_hub.is_offline_mode():
            raise unreachable("HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set")
        seconds = max(1.0, arguments.timeout())
        request.extensions["timeout"] = httpx2.Timeout(_silence() if stream else seconds).as_dict()
        retry = Retry()
        while True:
            try:
                response = super().send(request, stream=stream, **options)
            except httpx2.TransportError as error:
                if isinstance(error, httpx2.ConnectError) and not stream:
                    raise unreachable(error) from error
                retry.wait(Broken(reason(error)))
                continue
            # A store that the Hub redirects to answers 403 once its link has expired; another try gets a new link.
            expired = response.status_code == 403 and not str(response.url).startswith(ENDPOINT)
            if response.status_code not in TRANSIENT and not expired:
                return response
            response.close()
            retry.wait(Broken(reason(response), asked_to_wait(response.headers)))


def reason(fault: httpx2.Response | Exception) -> str:
    """What went wrong, in words, by a response of the Hub or an exception, which may carry the response."""
    response = getattr(fault, "response", fault)
    if isinstance(response, httpx2.Response):
        is_spent = response.status_code == 429 and not huggingface_hub.get_token()
        more = " (it allows more with a login: .venv/bin/hf auth login, or set HF_TOKEN)" if is_spent else ""
        return f"the Hub answered {response.status_code} {response.reason_phrase}{more}"
    if isinstance(fault, httpx2.TimeoutException):
        return "the Hub sent nothing"
    return f"the connection to the Hub broke ({text.one_line(fault)})"


def unreachable(why: object) -> Failure:
    """The `Failure` for a Hub that is unreachable; it names the proxy from the environment, which may be to blame."""
    address = urlsplit(ENDPOINT)
    proxy = proxy_for(address.scheme, address.netloc)
    through = f" through the proxy {text.one_line(proxy)}" if proxy else ""
    how = "nothing was changed"
    if "CERTIFICATE_VERIFY_FAILED" in str(why):
        how = "if that is of an authority of your own, set SSL_CERT_FILE to the file of its certificate"
    return Failure(f"cannot reach the Hub at {SHOWN}{through} ({text.one_line(why)}); {how}")


@lru_cache(maxsize=1)
def downloads() -> Client:
    """A client for the bytes of large files: it needs a third of the CPU time of httpx2's."""
    return Client(_silence(), httpx2.create_ssl_context)


def _silence() -> float:
    """Seconds without a byte until a download is retried."""
    return min(READ, max(1.0, arguments.timeout()))


def _connected() -> _Client:
    token = huggingface_hub.get_token() or ""
    if not (token.isascii() and token.isprintable()):
        raise Failure("the Hub token contains characters that no token has; see HF_TOKEN, or .venv/bin/hf auth login")
    try:
        return _Client(follow_redirects=True)
    except (ImportError, ValueError) as error:  # the environment names an unsupported kind of proxy, such as SOCKS
        raise unreachable(error) from error


huggingface_hub.set_client_factory(_connected)

"""Downloads of a file over HTTP: parallel range requests over persistent connections, into reused buffers.

The standard library's client needs a quarter less CPU time than botocore's (1.24 instead of 1.60 s/GB).
"""

import ssl
import threading
import time
from base64 import b64encode
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import unquote, urlsplit
from urllib.request import Request, getproxies, proxy_bypass

from lib.core.digest import buffer
from lib.core.workers import ahead
from lib.transfer.retry import TRANSIENT, Broken, asked_to_wait

PIECE = 4 << 20  # bytes per request
PIECES = 4  # in flight at once; a kill loses them all
EXPIRED = {400, 401, 403}  # statuses for a signature or token that has expired
MAX_AGE = 600  # seconds that a request is used for; presigned URLs and tokens last longer


class Refused(Exception):
    """A store refused a request with the HTTP `status`; `code` is the error code in its answer, or else that status."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class Client:
    """Reuses connections. `seconds` is the socket timeout; `trust` makes the TLS context, once it is needed."""

    def __init__(self, seconds: float, trust: Callable[[], ssl.SSLContext]) -> None:
        self._seconds, self._trust, self._context = seconds, trust, None
        self._idle: dict[tuple[str, str], deque] = defaultdict(deque)
        self._lock = threading.Lock()

    def read(self, request: Request, start: int, view: memoryview) -> None:
        """Fill `view` with the bytes of the file from offset `start` on. Raises `Broken`, `Refused`."""
        idle, connection = self._idle[request.type, request.host], None
        with suppress(IndexError):
            connection = idle.pop()
        while True:
            used, connection = connection is not None, connection or self._connect(request.type, request.host)
            try:
                self._ask(connection, request, start, view)
                idle.append(connection)
                return
            except (OSError, HTTPException) as error:
                connection.close()
                if not used:
                    raise Broken(f"the connection broke ({error or type(error).__name__})") from error
                connection = None  # the server may have closed an idle connection: try a new one
            except BaseException:
                connection.close()
                raise

    def _connect(self, scheme: str, host: str) -> HTTPConnection:
        proxy, login = _proxy(scheme, host)
        if scheme == "http":
            return HTTPConnection(proxy or host, timeout=self._seconds)
        with self._lock:
            self._context = self._context or self._trust()
        made = HTTPSConnection(proxy or host, timeout=self._seconds, context=self._context)
        if proxy:
            made.set_tunnel(host, headers=login)
        return made

    def _ask(self, connection: HTTPConnection, request: Request, start: int, view: memoryview) -> None:
        proxy, login = _proxy("http", request.host) if request.type == "http" else ("", {})
        target = request.full_url if proxy else request.selector
        span = {"Range": f"bytes={start}-{start + len(view) - 1}"}
        connection.request("GET", target, headers={"Host": request.host, **request.headers, **login, **span})
        answer = connection.getresponse()
        if answer.status not in (200, 206):
            raise _refusal(answer)
        # A store may ignore the range and send the whole file.
        whole = answer.status == 200 and answer.length != len(view)
        skip, filled = start if whole else 0, 0
        while skip and (count := answer.readinto(view[: min(skip, len(view))])):
            skip -= count
        while filled < len(view) and (count := answer.readinto(view[filled:])):
            filled += count
        if filled < len(view):
            raise Broken("ended before the last byte")
        if answer.read(1):
            connection.close()  # the rest of the file, which was not asked for


def proxy_for(scheme: str, host: str) -> str | None:
    """The proxy for `host` (HOST or HOST:PORT), as the environment spells it; None without one."""
    return None if proxy_bypass(host) else getproxies().get(scheme)


@lru_cache(maxsize=8)
def _proxy(scheme: str, host: str) -> tuple[str, dict[str, str]]:
    """The proxy for `host` as HOST:PORT, empty without one, and the headers that log in to the proxy."""
    named = proxy_for(scheme, host) or ""
    login, _, proxy = urlsplit(named if "//" in named else f"//{named}").netloc.rpartition("@")
    encoded = b64encode(unquote(login).encode()).decode()
    return proxy, {"Proxy-Authorization": f"Basic {encoded}"} if login else {}


def _refusal(answer: HTTPResponse) -> Exception:
    body = answer.read(10_000).decode(errors="replace")
    code = body.partition("<Code>")[2].partition("</Code>")[0] or str(answer.status)
    if answer.status in TRANSIENT:
        return Broken(f"the store answered {answer.status} {answer.reason}", asked_to_wait(answer.headers))
    return Refused(answer.status, code)


@dataclass(frozen=True)
class Ranges:
    """A file of `size` bytes over HTTP, as a `Source`; `locate` makes the request, anew at least every MAX_AGE s."""

    client: Client
    locate: Callable[[], Request]
    size: int
    title: str = "the store"

    def stream(self, start: int) -> Iterator[memoryview]:
        located = [(self.locate(), time.monotonic())]
        buffers = [buffer(min(PIECE, self.size - start)) for _ in range(PIECES)]

        def piece(at: int) -> memoryview:
            if time.monotonic() - located[-1][1] > MAX_AGE:
                located.append((self.locate(), time.monotonic()))
            view = buffers[(at - start) // PIECE % len(buffers)][: min(PIECE, self.size - at)]
            try:
                self.client.read(located[-1][0], at, view)
            except Refused as refused:
                if at == start or refused.status not in EXPIRED:
                    raise
                raise Broken(f"the store no longer takes the credentials ({refused})") from refused  # a retry logs in
            return view

        yield from ahead(piece, range(start, self.size, PIECE), PIECES)

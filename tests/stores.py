"""Object stores on loopback: S3 and Google Cloud Storage, each in its own process, and a proxy that breaks requests.

Every store has `url`, `endpoint`, `env` (what a world needs in its environment to reach it), `objects()`, `put()` and
`delete()`, and `stop()` and `start()`, which keep the port.
"""

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

BIN = Path(sys.executable).parent
KEY, SECRET = "storekey", "storesecret"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Store:
    """A server process on a free port of 127.0.0.1 that runs for the length of a `with` block."""

    scheme = "s3"
    bucket = "weights"

    def __init__(self) -> None:
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.prefix = "team"
        self._folder = tempfile.TemporaryDirectory(prefix="store ", ignore_cleanup_errors=True)
        self.home = Path(self._folder.name)
        (self.home / "empty").touch()  # s3fs needs a regular file, not /dev/null
        self.process: subprocess.Popen | None = None

    @property
    def env(self) -> dict[str, str]:
        empty = str(self.home / "empty")
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_CONFIG_FILE": empty,
            "AWS_SHARED_CREDENTIALS_FILE": empty,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.prefix}"

    @property
    def typed(self) -> list[str]:
        """The words to give to `make remote`."""
        return [f"URL={self.url}", f"ENDPOINT={self.endpoint}"]

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        clean = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ} | {"HOME": str(self.home)}
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen([str(word) for word in self.command()], env=clean, cwd=self.home, **quiet)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise RuntimeError(f"{self.command()[0]} did not start")

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> "Store":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._folder.cleanup()

    def objects(self) -> dict[str, bytes]:
        """The objects under `url`, by their keys relative to it."""
        top = f"{self.prefix}/"
        return {key.removeprefix(top): self.read(key) for key in self.keys() if key.startswith(top)}

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
        """The body of the answer, from a server that checks no signatures."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        assert answer.status < 300, (method, path, answer.status, data)
        return data


class S3Moto(Store):
    """S3 in memory, with ETags like those of AWS; it checks no signatures."""

    def command(self) -> list[str]:
        return [BIN / "moto_server", "-H", "127.0.0.1", "-p", str(self.port)]

    def start(self) -> None:
        super().start()
        self.ask("PUT", f"/{self.bucket}")

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
        signed = (
            f"AWS4-HMAC-SHA256 Credential={KEY}/20000101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
        )
        return super().ask(method, path, body, Authorization=signed, **headers)

    def keys(self) -> list[str]:
        page = self.ask("GET", f"/{self.bucket}?list-type=2&prefix={self.prefix}/").decode()
        return [part.partition("</Key>")[0] for part in page.split("<Key>")[1:]]

    def read(self, key: str) -> bytes:
        return self.ask("GET", f"/{self.bucket}/{key}")

    def put(self, key: str, data: bytes) -> None:
        self.ask("PUT", f"/{self.bucket}/{self.prefix}/{key}", data)

    def delete(self, key: str) -> None:
        self.ask("DELETE", f"/{self.bucket}/{self.prefix}/{key}")


class S3Rclone(Store):
    """S3 over a folder; it checks signatures, and its ETag is always the md5 of the whole object."""

    def command(self) -> list[str]:
        (self.home / "root" / self.bucket).mkdir(parents=True, exist_ok=True)
        options = ["--addr", f"127.0.0.1:{self.port}", "--auth-key", f"{KEY},{SECRET}", "--dir-cache-time", "1ms"]
        return [BIN / "rclone", "serve", "s3", *options, "--config", self.home / "empty", self.home / "root"]

    @property
    def top(self) -> Path:
        return self.home / "root" / self.bucket

    def keys(self) -> list[str]:
        return [path.relative_to(self.top).as_posix() for path in self.top.rglob("*") if path.is_file()]

    def read(self, key: str) -> bytes:
        return (self.top / key).read_bytes()

    def put(self, key: str, data: bytes) -> None:
        path = self.top / self.prefix / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def delete(self, key: str) -> None:
        (self.top / self.prefix / key).unlink()


class Gcs(Store):
    """Google Cloud Storage in memory; it asks for no credentials."""

    scheme = "gs"

    def command(self) -> list[str]:
        options = ["--host=127.0.0.1", f"--port={self.port}", "--in-memory", f"--default-bucket={self.bucket}"]
        return [BIN / "gcp-storage-emulator", "start", *options]

    @property
    def env(self) -> dict[str, str]:
        return {"NO_GCE_CHECK": "true"}

    def keys(self) -> list[str]:
        listed = json.loads(self.ask("GET", f"/storage/v1/b/{self.bucket}/o"))
        return [item["name"] for item in listed.get("items", [])]

    def read(self, key: str) -> bytes:
        return self.ask("GET", f"/storage/v1/b/{self.bucket}/o/{quote(key, safe='')}?alt=media")

    def put(self, key: str, data: bytes) -> None:
        name = quote(f"{self.prefix}/{key}", safe="")
        where = f"/upload/storage/v1/b/{self.bucket}/o?uploadType=media&name={name}"
        self.ask("POST", where, data, **{"Content-Type": "application/octet-stream"})

    def delete(self, key: str) -> None:
        self.ask("DELETE", f"/storage/v1/b/{self.bucket}/o/{quote(f'{self.prefix}/{key}', safe='')}")


@contextlib.contextmanager
def silent() -> Iterator[tuple[str, list[socket.socket]]]:
    """The endpoint of a server that accepts every connection and never answers, and its connections so far."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    held.append(server.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", held
        server.shutdown(socket.SHUT_RDWR)
    for each in held:
        each.close()


PORTION = 1 << 20  # bytes of a body that a `Proxy` sends at once


class _Handler(BaseHTTPRequestHandler):
    """One request to a `Proxy`, which is `self.server.proxy`."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_CONNECT(self) -> None:
        """Open a tunnel to the store; the log has the login that the client gave."""
        self.server.proxy.requests.append(f"CONNECT {self.headers.get('Proxy-Authorization', '')}")
        host, _, port = self.path.partition(":")
        self.send_response(200)
        self.end_headers()
        with socket.create_connection((host, int(port))) as upstream:
            back = threading.Thread(target=shovel, args=(upstream, self.connection), daemon=True)
            back.start()
            shovel(self.connection, upstream)
        self.close_connection = True

    def handle_one(self) -> None:
        request = f"{self.command} {self.path}"
        self.server.proxy.logins.add(self.headers.get("Proxy-Authorization"))
        self.server.proxy.tokens.add(self.headers.get("Authorization"))
        self.server.proxy.requests.append(request)
        spent = self.server.proxy.once and self.server.proxy.struck
        kind = None if spent else self.server.proxy.fault(request)
        if kind:
            self.server.proxy.struck.append(request)
            self.server.proxy.down = kind == "down"
        if self.server.proxy.down:
            self.close_connection = True
        elif isinstance(kind, int):
            self.refuse(kind)
        else:
            self.hand_on(kind)

    def refuse(self, status: int) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def hand_on(self, kind: str | None) -> None:
        upstream = HTTPConnection("127.0.0.1", self.server.proxy.store.port, timeout=60)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if kind == "flip up":
            body = body[:-1] + bytes([body[-1] ^ 1])
        dropped = {"expect", "range"} if kind == "whole" else {"expect"}
        headers = {key: value for key, value in self.headers.items() if key.lower() not in dropped}
        address = urlsplit(self.path)  # whole, if the client uses this as its HTTP proxy
        upstream.request(self.command, urlunsplit(("", "", *address[2:])), body, headers)
        answer = upstream.getresponse()
        data = b"" if self.command == "HEAD" else answer.read()
        if kind == "flip":
            data = data[:-1] + bytes([data[-1] ^ 1])
        self.send_response(answer.status)
        headers = dict(answer.getheaders())
        self.server.proxy.answered(f"{self.command} {self.path}", headers)
        for key, value in headers.items():
            if key.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server"):
                self.send_header(key, value)
        self.send_header("Content-Length", answer.getheader("Content-Length") or str(len(data)))
        self.end_headers()
        upstream.close()
        stop = len(data) // 2 if kind in ("cut", "silence") else len(data)
        for start in range(0, stop, PORTION):
            sent = self.wfile.write(data[start : min(start + PORTION, stop)])
            self.server.proxy.sent += sent
            time.sleep(self.server.proxy.pause)
        if kind == "silence":
            self.server.proxy.ended.wait(60)
        self.close_connection |= kind in ("cut", "silence")

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_one


def shovel(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


class Proxy:
    """Forwards requests to `store`, logs them as `METHOD path`, and breaks the first one that `fault` picks.

    Without `once` it breaks every one that is picked. `fault` takes `METHOD path` and returns None or

    - `flip`, `flip up`: change one bit of the answer, or of the request's body;
    - a number: answer with that status;
    - `cut`, `silence`: send half of the body, then hang up, or send nothing more;
    - `whole`: send the whole object, whatever range was requested;
    - `down`: hang up on this request and on all later ones, until `up()`.

    `answered` may change the headers of any answer. With `tls` it speaks HTTPS. It makes a `pause` of so many seconds
    after each `PORTION` of a body. `at` is where it listens.
    """

    def __init__(
        self,
        store: Store,
        fault: Callable[[str], str | int | None] = lambda request: None,
        answered: Callable[[str, dict[str, str]], object] = lambda request, headers: None,
        tls: ssl.SSLContext | None = None,
        once: bool = True,
        pause: float = 0,
        at: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self.store, self.fault, self.answered, self.once, self.pause = store, fault, answered, once, pause
        self.requests: list[str] = []
        self.logins: set[str | None] = set()  # Proxy-Authorization of each request
        self.tokens: set[str | None] = set()  # Authorization of each request
        self.struck: list[str] = []
        self.sent = 0  # bytes of bodies
        self.down = False
        self.ended = threading.Event()
        self.server = ThreadingHTTPServer(at, _Handler)
        self.server.proxy = self
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a client that hung up
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.endpoint = f"http{'s' if tls else ''}://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def up(self) -> None:
        self.down = False

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()

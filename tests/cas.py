"""Xet's store over HTTP, on loopback: serves to hf_xet what hf_xet itself has put into a store in a folder.

It answers two kinds of request: which chunks of which xorbs (containers of chunks) make up a file, and a byte range of
a xorb. A chunk is a header of 8 bytes (version, length, compression, uncompressed length) and its content. The order of
the xorbs is found by their content, so a file with several of them must consist of random bytes.
"""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass(frozen=True)
class Chunk:
    """`at` and `stop` are offsets in its xorb, `start` is one in the file; `length` is that of its content there."""

    xorb: Path
    index: int
    at: int
    stop: int
    start: int
    length: int


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        self.server.fault(self)
        kind, _, name = self.path[1:].rpartition("/")
        start, stop = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"]).groups())
        if kind == "xorb":
            body = (self.server.folder / name).read_bytes()[start : stop + 1]
            self.server.sent += len(body)
            self.answer(206, body)
        elif kind != "v1/reconstructions":
            self.answer(404)
        elif self.headers["Authorization"] not in [f"Bearer {token}" for token in self.server.tokens[-3:]]:
            self.server.refused += 1
            self.answer(401)
        else:
            self.answer(200, json.dumps(self.server.reconstruction(start, stop + 1)).encode())

    def answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Cas(ThreadingHTTPServer):
    """The store of the one file `source`, whose xorbs are in `store`; `fault` is called with each Answer."""

    daemon_threads, request_queue_size = True, 128

    def __init__(self, store: Path, source: Path, fault: Callable[[Answer], object] = lambda answer: None) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.folder, self.source, self.fault = store / "xet" / "xorbs" / "xorbs", source, fault
        self.tokens, self.requests, self.sent, self.refused = ["a token"], [], 0, 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> "Cas":
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        pass  # a client that was killed

    @cached_property
    def chunks(self) -> list[Chunk]:
        """The chunks of the file, in their order in the file."""
        data, xorbs = self.source.read_bytes(), [path for path in self.folder.iterdir() if path.suffix != ".tagset"]
        found, start = [], 0
        while start < len(data):
            xorb = next(each for each in xorbs if data.startswith(first_content(each), start))
            at, raw = 0, xorb.read_bytes()
            while raw[at + 8 : at + 24] == data[start : start + 16] and start < len(data):
                size, length = (int.from_bytes(raw[at + n : at + n + 3], "little") for n in (1, 5))
                found.append(
                    Chunk(xorb, sum(each.xorb == xorb for each in found[-3000:]), at, at + 8 + size, start, length)
                )
                at, start = at + 8 + size, start + length
        return found

    def reconstruction(self, start: int, stop: int) -> dict:
        """Where the bytes of the file from `start` to `stop` are, as the store answers it."""
        wanted = [each for each in self.chunks if each.start < stop and each.start + each.length > start]
        terms, fetch = [], {}
        for xorb in dict.fromkeys(each.xorb for each in wanted):
            part = [each for each in wanted if each.xorb == xorb]
            name, span = xorb.name.removeprefix("default."), {"start": part[0].index, "end": part[-1].index + 1}
            terms.append({"hash": name, "unpacked_length": sum(each.length for each in part), "range": span})
            where = {"start": part[0].at, "end": part[-1].stop - 1}
            fetch[name] = [{"range": span, "url": f"{self.url}/xorb/{xorb.name}", "url_range": where}]
        return {"offset_into_first_range": start - wanted[0].start, "terms": terms, "fetch_info": fetch}


def first_content(xorb: Path) -> bytes:
    """The first 16 bytes of content in `xorb`."""
    with xorb.open("rb") as file:
        file.seek(8)
        return file.read(16)

"""Range requests: whatever a store answers, the bytes are the ones asked for, and no connection is left in between."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request

import pytest

from lib.transfer import http
from lib.transfer.retry import Broken

DATA = bytes(range(256)) * 40


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def finish(self) -> None:
        self.server.ended.set()
        super().finish()

    def do_GET(self) -> None:
        self.server.requests.append(dict(self.headers))
        first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        self.server.answer(self, DATA[first : last + 1])

    def say(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for key, value in (headers or {"Content-Length": str(len(body))}).items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def store() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.connections, server.requests, server.ended = 0, [], threading.Event()
        server.answer = lambda handler, asked: handler.say(206, asked)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


def request(store: ThreadingHTTPServer) -> Request:
    return Request(f"http://127.0.0.1:{store.server_port}/file")


def client() -> http.Client:
    return http.Client(5, lambda: None)


def read(store: ThreadingHTTPServer, reader: http.Client, start: int, count: int) -> None:
    view = memoryview(bytearray(count))
    reader.read(request(store), start, view)
    assert view == DATA[start : start + count]


def test_an_answer_in_chunks_leaves_its_connection_for_the_next_request(store):
    def answer(handler: Handler, asked: bytes) -> None:
        handler.say(206, b"%x\r\n%b\r\n0\r\n\r\n" % (len(asked), asked), Transfer_Encoding="chunked")

    store.answer, reader = answer, client()

    read(store, reader, 0, 100)
    read(store, reader, 100, 100)

    assert (store.connections, len(store.requests)) == (1, 2)


def test_a_store_that_sends_more_than_was_asked_for_is_not_asked_on_the_same_connection(store):
    store.answer, reader = lambda handler, _: handler.say(200, DATA), client()

    read(store, reader, 0, 100)
    read(store, reader, 200, 100)

    assert (store.connections, len(store.requests)) == (2, 2)


def test_a_store_that_says_200_for_the_range_alone_is_believed(store):
    store.answer = lambda handler, asked: handler.say(200, asked)

    read(store, client(), 300, 100)


def test_an_answer_that_is_too_short_is_no_answer(store):
    store.answer = lambda handler, asked: handler.say(206, asked[:-1])

    with pytest.raises(Broken, match="ended before the last byte"):
        read(store, client(), 0, 100)


def test_a_connection_that_the_store_closed_meanwhile_is_opened_anew(store):
    reader = client()
    read(store, reader, 0, 100)
    (connection,) = reader._idle["http", f"127.0.0.1:{store.server_port}"]
    connection.sock.shutdown(2)

    read(store, reader, 100, 100)

    assert store.connections == 2


def test_a_connection_on_which_a_request_was_refused_is_closed(store):
    store.answer, view = lambda handler, _: handler.say(403, b"<Code>No</Code>"), memoryview(bytearray(9))

    with pytest.raises(http.Refused, match="No") as _held:  # with the frames that know the connection
        client().read(request(store), 0, view)

    assert store.ended.wait(5)


def test_no_store_is_to_compress_what_it_sends(store):
    read(store, client(), 0, 100)

    assert store.requests[0]["Accept-Encoding"] == "identity"


@pytest.mark.slow
def test_bytes_that_are_being_hashed_stay_until_the_next_are_asked_for(store, monkeypatch):
    monkeypatch.setattr(http, "PIECE", 1000)
    answered = threading.Semaphore(0)

    def answer(handler: Handler, asked: bytes) -> None:
        handler.say(206, asked)
        answered.release()

    store.answer = answer
    stream = http.Ranges(client(), lambda: request(store), len(DATA)).stream(0)
    arrived = bytearray()
    for piece in stream:
        while answered.acquire(timeout=0.2):  # until all that are fetched ahead have come
            pass
        arrived += piece

    assert arrived == DATA


def test_a_request_is_made_anew_before_its_signature_can_expire(store, monkeypatch):
    monkeypatch.setattr(http, "PIECE", 1000)
    monkeypatch.setattr(http, "MAX_AGE", -1)
    made = []

    def locate() -> Request:
        made.append(request(store))
        return made[-1]

    assert b"".join(map(bytes, http.Ranges(client(), locate, len(DATA)).stream(0))) == DATA
    assert len(made) > 2


@pytest.mark.parametrize(
    ("taken", "status", "fault"),
    [("none", 403, http.Refused), ("bytes=0-", 403, Broken), ("bytes=0-", 404, http.Refused)],
)
def test_only_credentials_that_were_taken_before_are_tried_again(store, monkeypatch, taken, status, fault):
    monkeypatch.setattr(http, "PIECE", 1000)

    def answer(handler: Handler, asked: bytes) -> None:
        handler.say(206 if handler.headers["Range"].startswith(taken) else status, asked)

    store.answer = answer

    with pytest.raises(fault):
        list(http.Ranges(client(), lambda: request(store), len(DATA)).stream(0))

"""Range requests: whatever a store answers, the bytes are the ones asked for, and no connection is left in between."""

import socket
import ssl
import struct
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request

import pytest
from stores import silent

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
        server.daemon_threads, server.handle_error = True, lambda *_: None  # a client that hung up
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


def request(store: ThreadingHTTPServer) -> Request:
    return Request(f"http://127.0.0.1:{store.server_port}/file")


def client() -> http.Client:
    return http.Client(5, lambda: None)


@pytest.fixture
def small(monkeypatch) -> None:
    """Slices, trials and pieces of a few bytes."""
    for name, size in (("SLICE", 1000), ("LEAST", 1000), ("TRIAL", 1000), ("PIECE", 1500)):
        monkeypatch.setattr(http, name, size)


@pytest.fixture
def pieces(small, monkeypatch) -> None:
    """As `small`, where one connection is never fast enough."""
    monkeypatch.setattr(http, "SLOW", -1)


def read(store: ThreadingHTTPServer, reader: http.Client, start: int, count: int) -> None:
    view = memoryview(bytearray(count))
    assert [bytes(each) for each in reader.read(request(store), start, start + count, view)] == [DATA[start:][:count]]


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
    read(store, reader, 250, 100)

    assert (store.connections, len(store.requests)) == (2, 2)


def test_a_store_that_says_200_for_the_range_alone_is_believed(store):
    store.answer = lambda handler, asked: handler.say(200, asked)

    read(store, client(), 300, 100)


def test_an_answer_that_is_too_short_is_no_answer(store):
    store.answer = lambda handler, asked: handler.say(206, asked[:-1])

    with pytest.raises(Broken, match="ended before the last byte"):
        read(store, client(), 0, 100)


def test_a_file_that_ends_before_the_range_is_no_answer(store):
    store.answer = lambda handler, _: handler.say(200, DATA[:50])

    with pytest.raises(Broken, match="ended before the last byte"):
        read(store, client(), 200, 100)


def test_an_answer_that_is_not_http_is_worth_another_try(store):
    store.answer = lambda handler, _: handler.wfile.write(b"220 a mail server\r\n")

    with pytest.raises(Broken, match="the connection broke .*220 a mail server"):
        read(store, client(), 0, 100)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_store_that_says_nothing_is_given_up_and_its_connection_closed(scheme):
    made, view = [], memoryview(bytearray(9))
    reader = http.Client(0.1, lambda: made.append("a context") or ssl.create_default_context())
    with silent() as (endpoint, connections):
        mute = Request(f"{scheme}{endpoint.removeprefix('http')}/file")
        for _ in range(2):
            with pytest.raises(Broken, match="timed out") as _held:  # with the frames that know the connection
                list(reader.read(mute, 0, len(view), view))

        for each in connections:
            each.settimeout(5)
            while each.recv(10_000):
                pass
    assert made == ["a context"] * (scheme == "https")


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
        list(client().read(request(store), 0, len(view), view))

    assert store.ended.wait(5)


def test_no_store_is_to_compress_what_it_sends(store):
    read(store, client(), 0, 100)

    assert store.requests[0]["Accept-Encoding"] == "identity"


def test_the_store_gets_the_host_that_signatures_count_on_and_every_header_of_the_request(store, monkeypatch):
    """Signatures leave out the scheme's own port, also if the endpoint names it."""
    monkeypatch.setattr(HTTPConnection, "default_port", store.server_port)
    asked = Request(request(store).full_url, headers={"Authorization": "Bearer token"})

    list(client().read(asked, 0, 9, memoryview(bytearray(9))))

    assert store.requests[0]["Host"] == "127.0.0.1"
    assert store.requests[0]["Authorization"] == "Bearer token"


def test_a_connection_that_breaks_in_the_middle_repeats_no_bytes(store):
    def answer(handler: Handler, asked: bytes) -> None:
        handler.say(206, asked[:1500], Content_Length=str(len(asked)))
        arrived.wait(5)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # ends with a reset
        handler.connection.close()
        handler.close_connection = True

    reader, view, arrived = client(), memoryview(bytearray(1000)), threading.Event()
    read(store, reader, 0, 100)  # on a connection that was used before, a request may be repeated
    store.answer = answer
    slices = reader.read(request(store), 0, 3000, view)

    assert next(slices) == DATA[:1000]
    arrived.set()
    with pytest.raises(Broken):
        next(slices)
    assert len(store.requests) == 2


@pytest.mark.parametrize(("broken", "kept"), [("bytes=0-", 700), ("bytes=1000-", 1700)])
def test_bytes_that_arrived_before_a_connection_broke_are_kept(store, pieces, broken, kept):
    def answer(handler: Handler, asked: bytes) -> None:
        handler.close_connection = handler.headers["Range"].startswith(broken)
        sent = asked[:700] if handler.close_connection else asked
        handler.say(206, sent, Content_Length=str(len(asked)))

    store.answer, arrived = answer, bytearray()
    stream = map(arrived.extend, http.Ranges(client(), lambda: request(store), len(DATA)).stream(0))

    with pytest.raises(Broken, match="ended before the last byte"):
        list(stream)

    assert arrived == DATA[:kept]


def test_bytes_that_arrived_before_a_store_fell_silent_are_kept(store, pieces):
    def answer(handler: Handler, asked: bytes) -> None:
        is_first = handler.headers["Range"].startswith("bytes=0-")
        handler.say(206, asked if is_first else asked[:1200], Content_Length=str(len(asked)))

    store.answer, arrived = answer, bytearray()
    reader = http.Client(0.5, lambda: None)
    stream = map(arrived.extend, http.Ranges(reader, lambda: request(store), len(DATA)).stream(0))

    with pytest.raises(Broken, match="timed out"):
        list(stream)

    assert arrived == DATA[:2000]


def test_a_fast_store_is_asked_once_for_the_whole_file_though_its_first_bytes_take_time(store, small, monkeypatch):
    def answer(handler: Handler, asked: bytes) -> None:
        time.sleep(0.5)
        handler.say(206, asked)

    monkeypatch.setattr(http, "TRIAL", 5000)
    store.answer, arrived = answer, bytearray()
    for each in http.Ranges(client(), lambda: request(store), len(DATA)).stream(0):
        arrived += each
        time.sleep(0.02)  # the work on the bytes, while the next ones come

    assert arrived == DATA
    assert [asked["Range"] for asked in store.requests] == [f"bytes=0-{len(DATA) - 1}"]


def slowly(handler: Handler, asked: bytes) -> None:
    handler.say(206, asked[:1000], Content_Length=str(len(asked)))
    with suppress(ConnectionError):  # the rest is not wanted
        for start in range(1000, len(asked), 1000):
            time.sleep(0.002)
            handler.wfile.write(asked[start:][:1000])


def test_what_tls_computes_is_no_wait_for_the_store(store, small, monkeypatch):
    """As if it had been computing all the time until the bytes were there, which more connections do not shorten."""
    monkeypatch.setattr(time, "thread_time", time.monotonic)
    store.answer = slowly

    assert b"".join(map(bytes, http.Ranges(client(), lambda: request(store), len(DATA)).stream(0))) == DATA
    assert len(store.requests) == 1


def test_a_slow_store_is_asked_for_several_pieces_at_a_time(store, small):
    store.answer = slowly

    assert b"".join(map(bytes, http.Ranges(client(), lambda: request(store), len(DATA)).stream(0))) == DATA
    first, *others = (asked["Range"] for asked in store.requests)
    assert first == f"bytes=0-{len(DATA) - 1}"
    assert len(others) >= 5


def test_a_transfer_that_is_stopped_leaves_no_connection(store, small):
    stream = http.Ranges(client(), lambda: request(store), len(DATA)).stream(0)

    next(stream)
    stream.close()

    assert store.ended.wait(5)


@pytest.mark.slow
def test_bytes_that_are_being_hashed_stay_until_the_next_are_asked_for(store, pieces):
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


@pytest.mark.parametrize(
    ("taken", "status", "fault"),
    [
        ("none", 403, http.Refused),
        ("bytes=0-", 403, Broken),
        ("bytes=0-", 400, Broken),
        ("bytes=0-", 404, http.Refused),
    ],
)
def test_only_credentials_that_were_taken_before_are_tried_again(store, pieces, taken, status, fault):
    def answer(handler: Handler, asked: bytes) -> None:
        handler.say(206 if handler.headers["Range"].startswith(taken) else status, asked)

    store.answer = answer

    with pytest.raises(fault):
        list(http.Ranges(client(), lambda: request(store), len(DATA)).stream(0))


def test_a_proxy_may_be_named_without_a_scheme_and_have_a_login_with_any_characters(store, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"team:p%40ss@127.0.0.1:{store.server_port}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    asked = Request("http://store.example/file")

    assert list(client().read(asked, 0, 9, memoryview(bytearray(9)))) == [DATA[:9]]

    assert store.requests[0]["Host"] == "store.example"
    assert store.requests[0]["Proxy-Authorization"] == f"Basic {b64encode(b'team:p@ss').decode()}"


def test_a_refusal_without_an_end_is_read_only_as_far_as_it_may_have_a_code(store):
    def answer(handler: Handler, _: bytes) -> None:
        handler.say(403, b"<Code>No</Code>" + bytes(20_000), Content_Length="1000000000")
        over.wait(10)

    store.answer, over = answer, threading.Event()

    with pytest.raises(http.Refused, match="No"):
        list(http.Client(1, lambda: None).read(request(store), 0, 9, memoryview(bytearray(9))))
    over.set()


def test_a_busy_store_is_asked_again_when_it_says(store):
    store.answer = lambda handler, _: handler.say(503, b"", Retry_After="7", Content_Length="0")

    with pytest.raises(Broken, match="the store answered 503 Service Unavailable") as found:
        read(store, client(), 0, 9)

    assert found.value.pause > 7


def test_a_refusal_without_a_code_is_named_by_its_status(store):
    store.answer = lambda handler, _: handler.say(418, b"")

    with pytest.raises(http.Refused, match="418"):
        read(store, client(), 0, 9)


@pytest.mark.parametrize("status", [200, 206])
@pytest.mark.parametrize("start", [0, 3])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_file_of_another_size_is_refused_before_its_first_byte(store, status, start, more):
    sent = DATA[: 9 + more] if status == 200 else DATA[start : 9 + min(more, 0)]
    told = {"Content_Range": f"bytes {start}-8/{9 + more}"} if status == 206 else {}
    store.answer = lambda handler, _: handler.say(status, sent, Content_Length=str(len(sent)), **told)
    stream = http.Ranges(client(), lambda: request(store), 9).stream(start)

    if more:
        with pytest.raises(http.Refused, match="InvalidRange"):
            next(stream)
    else:
        assert b"".join(map(bytes, stream)) == DATA[start:9]

"""A large file by a plain download: its first slice comes with the address that the rest is then read from."""

import random
from types import SimpleNamespace

import pytest
from conftest import World
from hub import Answer, Fault, Hub
from stores import Proxy

MODEL, BIG = "acme/large", "model.safetensors"
SLICE, SIZE = 1 << 20, 3 << 20
FILES = {BIG: random.Random(7).randbytes(SIZE)}
FILE = f"GET [^ ]*/{MODEL}/resolve/[^?]*/{BIG}"
FIRST, REST = f"bytes=0-{SLICE - 1}", f"bytes={SLICE}-{SIZE - 1}"
pytestmark = [pytest.mark.slow, pytest.mark.marathon]


@pytest.fixture
def large(online, hub) -> World:
    hub.commit(MODEL, FILES, license="apache-2.0")
    return online


def ranges(hub: Hub) -> list[str]:
    return [request.range for request in hub.requests if "/resolve/" in request.path]


def cut_short(answer: Answer) -> None:
    """End the body early, with a Content-Length that matches what is sent."""
    reply = answer.look_up()
    answer.reply = reply._replace(stop=reply.start + SLICE // 2)


def open_ended(answer: Answer) -> None:
    """Send all from where the range begins, as a server that takes no notice of its end."""
    answer.log.range = answer.log.range.partition("-")[0] + "-"


@pytest.mark.parametrize(
    ("fault", "came"),
    [
        (Fault(FILE, lambda answer: answer.reset(), after=SLICE // 2), None),
        (Fault(FILE, Answer.cut, after=SLICE // 2), SLICE // 2),
        (Fault(FILE, lambda answer: answer.stall(600), after=SLICE // 2), None),
        (Fault(FILE, cut_short), SLICE // 2),
        (Fault(FILE, lambda answer: answer.status(503)), 0),
        (Fault(FILE, lambda answer: answer.status(403)), 0),
    ],
    ids=["reset", "hangs up", "stalls", "short body", "503", "403"],
)
def test_the_rest_goes_on_where_it_broke(large, hub, fault, came):
    fault.times = 1
    hub.faults += [Fault(FILE, lambda _: None), fault]  # the first request is left alone

    large.ok("add", f"MODEL={MODEL}", "TIMEOUT=30", HF_HUB_DOWNLOAD_TIMEOUT="1")

    assert large.on_disk("large") == FILES
    first, rest, again, *_ = ranges(hub)
    assert (first, rest) == (FIRST, REST)
    if came is not None:  # how much a reset or a stall takes along varies
        # Where not even one slice came, the Hub's client fetches all that is left.
        assert again == f"bytes={SLICE + came}-{2 * SLICE + came - 1 if came else ''}"


@pytest.mark.parametrize(
    ("fault", "requests"),
    [(cut_short, [FIRST, f"bytes={SLICE // 2}-{SLICE + SLICE // 2 - 1}"]), (open_ended, ["bytes=0-"])],
    ids=["less", "more"],
)
def test_a_first_answer_of_another_length_than_asked_is_taken_for_what_it_is(large, hub, fault, requests):
    hub.faults.append(Fault(FILE, fault))

    said = large.ok("add", f"MODEL={MODEL}").said

    assert large.on_disk("large") == FILES
    assert ranges(hub)[:2] == requests
    assert "differs" not in said


def test_a_range_that_is_ignored_is_read_to_the_end_at_once(large, hub):
    def ignore_range(answer: Answer) -> None:
        answer.log.range = None

    hub.faults.append(Fault(FILE, ignore_range))

    large.ok("add", f"MODEL={MODEL}")

    assert large.on_disk("large") == FILES
    assert [request.status for request in hub.requests if "/resolve/" in request.path] == [200]


def test_the_rest_comes_from_the_host_that_the_hub_redirects_to_which_never_sees_the_token(large, hub):
    hub.gated.add(MODEL)
    with Hub() as cdn:
        cdn.commit(MODEL, FILES, license="apache-2.0")
        host = cdn.url.replace("127.0.0.1", "localhost")
        hub.faults.append(Fault(FILE, lambda answer: answer.redirect(host), times=None))

        large.ok("add", f"MODEL={MODEL}", HF_TOKEN=hub.token)

    assert large.on_disk("large") == FILES
    assert (ranges(hub), ranges(cdn)) == ([FIRST], [FIRST, REST])
    assert {request.token for request in cdn.requests} == {""}


def test_the_rest_is_asked_with_the_token_where_the_hub_itself_has_it(large, hub):
    hub.gated.add(MODEL)

    large.ok("add", f"MODEL={MODEL}", HF_TOKEN=hub.token)

    assert large.on_disk("large") == FILES
    assert ranges(hub) == [FIRST, REST]


def test_a_login_in_the_address_of_the_hub_opens_the_rest_too(large, hub):
    """Through a proxy, as only there an address needs no port here."""
    with Proxy(SimpleNamespace(port=hub.url.rpartition(":")[2])) as proxy:
        endpoint = "http://team:hunter2@hub.example"
        large.ok("add", f"MODEL={MODEL}", HF_ENDPOINT=endpoint, HTTP_PROXY=proxy.endpoint)

        assert large.on_disk("large") == FILES
        assert ranges(hub) == [FIRST, REST]
        assert proxy.tokens == {"Basic dGVhbTpodW50ZXIy"}
        assert not [request for request in proxy.requests if "hunter2" in request]


@pytest.mark.parametrize(("variable", "requests"), [("HTTP_PROXY", 2), ("http_proxy", 2), ("ALL_PROXY", 1)])
def test_the_rest_goes_through_the_proxy_that_the_hub_is_asked_through(large, hub, variable, requests):
    with Proxy(SimpleNamespace(port=hub.url.rpartition(":")[2])) as proxy:
        named = proxy.endpoint.replace("//", "//team:hunter2@")
        large.ok("add", f"MODEL={MODEL}", HF_ENDPOINT="http://hub.example", **{variable: named})

        assert large.on_disk("large") == FILES
        assert len([request for request in proxy.requests if "/resolve/" in request]) == requests
        assert len(proxy.logins) == 1


def test_bytes_that_arrive_slowly_count_even_if_the_connection_breaks(large, hub):
    def trickle(answer: Answer) -> None:
        answer.slow(400_000)
        answer.send(SLICE * 19 // 10)
        answer.reset()

    hub.faults += [Fault(FILE, lambda _: None), Fault(FILE, trickle)]

    large.ok("add", f"MODEL={MODEL}", "TIMEOUT=2")

    assert large.on_disk("large") == FILES


def test_a_file_that_came_wrong_is_fetched_by_the_hubs_client_alone(large, hub):
    def send_first_slice(answer: Answer) -> None:
        """As from an address that was signed for the first range."""
        if answer.log.range == REST:
            answer.log.range = FIRST

    hub.faults.append(Fault(FILE, send_first_slice, times=None))

    assert "what a plain download sent differs" in large.ok("add", f"MODEL={MODEL}").said

    assert large.on_disk("large") == FILES
    assert ranges(hub)[-1] == "bytes=0-"


def test_an_address_that_holds_once_only_needs_no_retry(large, hub):
    hub.faults += [Fault(FILE, lambda _: None), Fault(FILE, lambda answer: answer.status(410))]

    large.ok("add", f"MODEL={MODEL}", "TIMEOUT=0")

    assert large.on_disk("large") == FILES
    assert ranges(hub) == [FIRST, REST, f"bytes={SLICE}-"]


def test_the_hubs_client_fetches_the_rest_where_the_other_one_does_not_get_through(large, hub):
    """Here, as it takes `*.0.0.1` for no name: it asks a proxy that is down."""
    dead = "http://127.0.0.1:9"

    large.ok("add", f"MODEL={MODEL}", HTTP_PROXY=dead, NO_PROXY="*.0.0.1", TIMEOUT="10")

    assert large.on_disk("large") == FILES
    assert ranges(hub) == [FIRST, f"bytes={SLICE}-"]


def test_the_rest_is_read_by_the_certificates_that_the_rest_of_the_hub_is_asked_with(large, hub, authority):
    path, context = authority
    with Proxy(SimpleNamespace(port=hub.url.rpartition(":")[2]), tls=context) as secure:
        large.ok("add", f"MODEL={MODEL}", HF_ENDPOINT=secure.endpoint, SSL_CERT_FILE=str(path))

    assert large.on_disk("large") == FILES
    assert ranges(hub) == [FIRST, REST]

"""make add while the Hub misbehaves: it waits, goes on from where it was, or ends with one sentence in time."""

import json
import os
import signal
import subprocess
import time
from types import SimpleNamespace

import pytest
from conftest import FILES, MODEL, PINNED, PLAN, World
from hub import Answer, Fault, Hub, Reply
from stores import Proxy

BIG = "model.safetensors"
SIZE = len(FILES[BIG])
API = {"details": "GET /api/models/[^?]*/revision/", "listing": "GET /api/models/[^?]*/tree/"}
FILE = f"GET /{MODEL}/resolve/[^?]*/{BIG}"
BOUND = 10  # seconds: far more than TIMEOUT=1 and a start on a busy machine, less than any wait of the Hub's client
pytestmark = [pytest.mark.slow, pytest.mark.marathon]
HOW = "(to wait longer: TIMEOUT=seconds); run the same command again to continue"
LOGIN = " (it allows more with a login: .venv/bin/hf auth login, or set HF_TOKEN)"
GAVE_UP = f"gave up after 1 s without a byte {HOW}"


def always(match: str, action, **more) -> Fault:
    return Fault(match, action, times=None, **more)


def unavailable(answer: Answer) -> None:
    answer.status(503)


def come_back_in_an_hour(answer: Answer) -> None:
    answer.status(429, {"Retry-After": "3600"})


def at_the_limit(answer: Answer) -> None:
    answer.status(429, {"RateLimit": '"api";r=0;t=233', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'})


def silent(answer: Answer) -> None:
    answer.stall(600)


def add_in_time(world: World, **env: str) -> str:
    """Run `make add`, which must fail cleanly within BOUND; returns its lines, without make's own and the plan."""
    process = subprocess.Popen(
        ["make", "add", f"MODEL={MODEL}", "TIMEOUT=1"],
        cwd=world.clone,
        env=world.environment(**env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=BOUND)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        pytest.fail(f"make add TIMEOUT=1 was still waiting after {BOUND} s")
    assert process.returncode == 2, out + err
    assert "Traceback" not in err
    assert out == ""
    return "\n".join(line for line in err.splitlines() if not (line.startswith("make") or PLAN.match(line)))


def ranges(hub: Hub, path: str = BIG) -> list[str]:
    """The ranges of `path` that `hub` was asked for, in order."""
    return [request.range for request in hub.requests if request.path.endswith(path) and "/resolve/" in request.path]


def staged(world: World) -> list[str]:
    """What a run left for the next one."""
    return sorted(path.name for path in world.clone.glob(".dvc/tmp/staging/*"))


@pytest.mark.marathon
@pytest.mark.parametrize(
    "fault",
    [
        lambda answer: answer.status(429, {"Retry-After": "1"}),
        lambda answer: answer.status(500),
        unavailable,
        Answer.cut,
    ],
    ids=["429", "500", "503", "hangs up"],
)
def test_add_outlasts_a_fault_that_passes(online, hub, fault):
    hub.faults += [Fault(match, fault) for match in (*API.values(), FILE)]

    online.ok("add", f"MODEL={MODEL}", "TIMEOUT=30")

    assert online.on_disk() == PINNED
    assert [fault.times for fault in hub.faults] == [0, 0, 0]
    assert ranges(hub) == ["bytes=0-", "bytes=0-"]


@pytest.mark.parametrize("match", [API["listing"], FILE], ids=["listing", "file"])
def test_add_waits_as_long_as_the_hub_asks(online, hub, match):
    asked = []
    hub.faults += [
        Fault(match, lambda answer: (asked.append(time.monotonic()), answer.status(429, {"Retry-After": "1"}))),
        Fault(match, lambda answer: asked.append(time.monotonic())),
    ]

    online.ok("add", f"MODEL={MODEL}", "TIMEOUT=30")

    assert 1 <= asked[1] - asked[0] < 20


@pytest.mark.parametrize("match", API.values(), ids=API)
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (unavailable, f"the Hub answered 503 Service Unavailable; {GAVE_UP}"),
        (come_back_in_an_hour, f"the Hub answered 429 Too Many Requests{LOGIN}; it asks to wait 3601 s {HOW}"),
        (at_the_limit, f"the Hub answered 429 Too Many Requests{LOGIN}; it asks to wait 234 s {HOW}"),
        (silent, f"the Hub sent nothing; {GAVE_UP}"),
        (Answer.cut, f"the connection to the Hub broke (Server disconnected without sending a response.); {GAVE_UP}"),
    ],
    ids=["503", "429 for an hour", "429 by the Hub's own header", "silence", "hangs up"],
)
def test_add_gives_up_on_an_api_that_stays_broken(online, hub, match, fault, said):
    hub.faults.append(always(match, fault))
    before = online.state()

    line = add_in_time(online)

    assert line == f"add: {MODEL}: {said}"
    assert online.state() == before
    assert staged(online) == []


@pytest.mark.marathon
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (unavailable, f"the Hub answered 503 Service Unavailable; {GAVE_UP}"),
        (come_back_in_an_hour, f"the Hub answered 429 Too Many Requests{LOGIN}; it asks to wait 3601 s {HOW}"),
        (silent, f"the Hub sent nothing; {GAVE_UP}"),
    ],
    ids=["503", "429 for an hour", "silence"],
)
def test_add_gives_up_on_a_file_that_never_comes_and_the_next_add_goes_on(online, hub, fault, said):
    hub.faults.append(always(FILE, fault))
    before = online.state()

    line = add_in_time(online)

    assert line == f"add: {MODEL}/{BIG}: {said}"
    assert online.state() == before
    hub.faults.clear()
    online.ok("add", f"MODEL={MODEL}")
    assert online.on_disk() == PINNED
    assert staged(online) == []


@pytest.mark.marathon
def test_add_gives_up_on_a_stream_that_stalls_every_time_and_the_next_add_goes_on(online, hub):
    hub.faults += [Fault(FILE, silent, after=50_000), always(FILE, silent, after=0)]
    before = online.state()

    line = add_in_time(online, HF_HUB_DOWNLOAD_TIMEOUT="1")

    assert line == f"add: {MODEL}/{BIG}: the Hub sent nothing; {GAVE_UP}"
    assert online.state() == before
    hub.faults.clear()
    online.ok("add", f"MODEL={MODEL}")
    assert online.on_disk() == PINNED
    assert set(ranges(hub)) == {"bytes=0-", "bytes=50000-"}
    assert ranges(hub, "config.json") == ["bytes=0-"]


def cut_short(answer: Answer) -> None:
    """End the body early, with a Content-Length that matches what is sent."""
    reply = answer.look_up()
    answer.reply = reply._replace(stop=50_000)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FILE, lambda answer: (answer.stall(0.5), answer.reset()), after=50_000),
        Fault(FILE, Answer.cut, after=50_000),
        Fault(FILE, silent, after=50_000),
        Fault(FILE, cut_short),
    ],
    ids=["reset", "hangs up", "stalls", "short body"],
)
def test_add_goes_on_inside_a_file_whose_transfer_broke(online, hub, fault):
    fault.times = 1
    hub.faults.append(fault)

    online.ok("add", f"MODEL={MODEL}", "TIMEOUT=30", HF_HUB_DOWNLOAD_TIMEOUT="1")

    assert online.on_disk() == PINNED
    assert ranges(hub) == ["bytes=0-", "bytes=50000-"]
    assert sum(request.sent_bytes for request in hub.requests if request.path.endswith(BIG)) == SIZE


def test_add_bears_any_number_of_breaks_as_long_as_bytes_arrive(online, hub):
    hub.faults.append(Fault(FILE, Answer.cut, times=3, after=20_000))

    online.ok("add", f"MODEL={MODEL}", "TIMEOUT=2")

    assert online.on_disk() == PINNED
    assert ranges(hub) == [f"bytes={start}-" for start in range(0, 80_000, 20_000)]


def test_add_gets_the_right_bytes_of_a_server_that_ignores_the_range(online, hub):
    asked = []

    def ignore_range(answer: Answer) -> None:
        asked.append(answer.log.range)
        answer.log.range = None

    hub.faults += [Fault(FILE, Answer.cut, after=50_000), Fault(FILE, ignore_range)]

    result = online.ok("add", f"MODEL={MODEL}")

    assert asked == ["bytes=50000-"]
    assert [request.status for request in hub.requests if request.path.endswith(BIG)] == [206, 200]
    assert online.on_disk() == PINNED
    assert "differs" not in result.err


def test_add_does_not_take_more_bytes_than_the_file_has(online, hub):
    def too_long(answer: Answer) -> None:
        reply = answer.look_up()
        answer.reply = reply._replace(source=reply.source + b"more", stop=reply.stop + 4)

    hub.faults.append(Fault(FILE, too_long))

    assert "differs" not in online.ok("add", f"MODEL={MODEL}").err

    assert hub.faults[0].times == 0
    assert online.on_disk() == PINNED


@pytest.fixture
def cdn(hub):
    """Another host that holds the files, to which the Hub redirects every request for one."""
    with Hub() as other:
        other.commit(MODEL, FILES, license="apache-2.0")
        host = other.url.replace("127.0.0.1", "localhost")
        hub.faults.append(always("GET .*/resolve/", lambda answer: answer.redirect(host)))
        yield other


def test_add_takes_files_from_a_cdn_which_never_sees_the_token(online, hub, cdn):
    hub.gated.add(MODEL)

    online.ok("add", f"MODEL={MODEL}", HF_TOKEN=hub.token)

    assert online.on_disk() == PINNED
    assert [(request.method, request.path) for request in hub.requests if request.token != hub.token] == []
    assert len(cdn.requests) == len(PINNED)
    assert {request.token for request in cdn.requests} == {""}


def test_add_gets_a_new_link_when_that_of_the_cdn_has_run_out(online, hub, cdn):
    cdn.faults += [
        Fault(FILE, Answer.cut, after=50_000),
        Fault(FILE, lambda answer: answer.status(403)),
    ]

    online.ok("add", f"MODEL={MODEL}")

    assert online.on_disk() == PINNED
    assert ranges(hub) == ranges(cdn) == ["bytes=0-", "bytes=50000-", "bytes=50000-"]


def test_add_gives_up_on_a_cdn_that_refuses_every_link(online, cdn):
    cdn.faults.append(always(FILE, lambda answer: answer.status(403)))
    before = online.state()

    line = add_in_time(online)

    assert line == f"add: {MODEL}/{BIG}: the Hub answered 403 Forbidden; {GAVE_UP}"
    assert online.state() == before


@pytest.mark.parametrize("match", [API["listing"], FILE], ids=["before the listing", "before a file"])
def test_add_keeps_to_the_commit_it_began_with_when_the_branch_moves(online, hub, match):
    first = hub.repos[MODEL]["main"].id
    newer = {path: data[::-1] for path, data in FILES.items()} | {"more.json": b"more"}
    hub.faults.append(Fault(match, lambda _: hub.commit(MODEL, newer)))

    online.ok("add", f"MODEL={MODEL}")

    assert hub.repos[MODEL]["main"].id != first
    assert f"\n  revision: main\n  commit: {first}\n" in online.pin().read_text()
    assert online.on_disk() == PINNED


def test_add_says_that_the_commit_is_gone_and_the_next_add_takes_the_new_one(online, hub):
    first = hub.repos[MODEL]["main"].id
    hub.faults += [
        Fault(FILE, Answer.cut, after=50_000),
        Fault(FILE, lambda _: hub.forget(MODEL, first)),
    ]
    before = online.state()

    line = online.refused("add", f"MODEL={MODEL}")

    assert line.startswith(f"add: no such revision of {MODEL}: '{first}'; ")
    assert "\n" not in line
    assert online.state() == before
    changed = {path: data[::-1] for path, data in FILES.items()}
    hub.commit(MODEL, changed)
    online.ok("add", f"MODEL={MODEL}")
    assert online.on_disk() == {path: changed[path] for path in PINNED}
    assert staged(online) == []


def without_the_last(answer: Answer) -> None:
    answer.reply = answer.as_json(json.loads(answer.look_up().source)[:-1])


def without_the_next_page(answer: Answer) -> None:
    answer.server.page_size = 2
    reply = answer.look_up()
    assert reply.headers.pop("Link")
    answer.reply = reply


@pytest.mark.parametrize(
    ("match", "fault"),
    [
        (API["listing"], without_the_last),
        (API["listing"], without_the_next_page),
    ],
)
def test_add_refuses_a_listing_that_was_cut_short(online, hub, match, fault):
    hub.faults.append(Fault(match, fault))
    before = online.state()

    line = online.refused("add", f"MODEL={MODEL}")

    assert line == f"add: {MODEL}: the Hub's list of its files is incomplete; run the same command again"
    assert online.state() == before
    assert ranges(hub) == []
    assert staged(online) == []


def test_add_takes_the_tree_where_the_hub_cuts_its_other_list_of_a_large_repo(online, hub):
    def with_fewer_siblings(answer: Answer) -> None:
        data = json.loads(answer.look_up().source)
        answer.reply = answer.as_json(data | {"siblings": data["siblings"][:-1]})

    hub.faults.append(Fault(API["details"], with_fewer_siblings))

    online.ok("add", f"MODEL={MODEL}")

    assert online.on_disk() == PINNED


SAID = [
    (
        403,
        "Access to this resource is disabled.",
        "the Hub answered 403 Forbidden: Access to this resource is disabled",
    ),
    (401, "Invalid credentials in Authorization header", ": Invalid credentials in Authorization header; log in: "),
    (451, "Unavailable for \x1b[31mlegal reasons", ": Unavailable for ?[31mlegal reasons; nothing was changed"),
    (403, "x" * 5000, "x" * 300 + "; log in: "),
]


@pytest.mark.parametrize(("status", "words", "said"), SAID)
def test_add_hands_on_why_the_hub_refuses(online, hub, status, words, said):
    hub.faults.append(
        always(
            API["details"] if status == 403 else FILE, lambda answer: answer.status(status, {"X-Error-Message": words})
        )
    )

    line = online.refused("add", f"MODEL={MODEL}")

    assert line.startswith(f"add: {MODEL}: the Hub answered {status} ")
    assert said in line
    assert "\x1b" not in line
    assert "\n" not in line


def test_a_login_that_has_expired_is_not_taken_for_a_model_that_is_gone(added, hub, authority):
    """To it, the Hub refuses public models, too, as it does private ones to nobody; its client heeds that over TLS."""
    path, context = authority
    words = 'User Access Token "ci" is expired'
    hub.faults.append(always("GET", lambda answer: answer.status(401, {"X-Error-Message": words})))
    with Proxy(SimpleNamespace(port=hub.url.rpartition(":")[2]), tls=context) as secure:
        added.env |= {"HF_ENDPOINT": secure.endpoint, "SSL_CERT_FILE": str(path)}

        said = [added.make(verb, f"MODEL={MODEL}", HF_TOKEN="hf_old").said for verb in ("add", "outdated")]

        assert all(f"{MODEL}: the Hub answered 401 Unauthorized: {words}; log in: " in each for each in said)
        assert f"no such model on the Hub: {MODEL}; if it is private, log in: " in added.make("outdated").said


def test_one_who_is_logged_in_is_not_told_to_log_in_when_the_hub_wants_a_pause(online, hub):
    hub.faults.append(always(API["details"], come_back_in_an_hour))

    line = online.refused("add", f"MODEL={MODEL}", "TIMEOUT=1", HF_TOKEN=hub.token)

    assert "the Hub answered 429 Too Many Requests; it asks to wait " in line


def test_a_certificate_of_an_authority_of_our_own_is_told_of_with_the_variable_that_the_hubs_client_reads(
    online, hub, authority
):
    path, context = authority
    with Proxy(SimpleNamespace(port=hub.url.rpartition(":")[2]), tls=context) as secure:
        words = ["add", f"MODEL={MODEL}", "DRY=1"]

        line = online.refused(*words, HF_ENDPOINT=secure.endpoint, REQUESTS_CA_BUNDLE=str(path))

        assert line.endswith(
            "; if that is of an authority of your own, set SSL_CERT_FILE to the file of its certificate"
        )
        online.ok(*words, HF_ENDPOINT=secure.endpoint, SSL_CERT_FILE=str(path))


def test_add_hands_on_that_a_request_for_a_gated_repo_is_not_granted_yet(online, hub):
    hub.gated.add(MODEL)
    words = "Your request to access this model is awaiting a review from the repo authors."
    headers = {"X-Error-Code": "GatedRepo", "X-Error-Message": words}
    hub.faults.append(always("GET .*/auth-check", lambda answer: answer.status(403, headers)))

    line = online.refused("add", f"MODEL={MODEL}", HF_TOKEN="hf_waiting")

    assert line.startswith(f"add: {MODEL} is gated: accept its license at ")
    assert line.endswith(f" (the Hub says: {words[:-1]})")


@pytest.mark.parametrize(
    ("match", "body"),
    [
        (API["details"], b"<html>Log in to the hotel's network</html>"),
        (API["details"], b"{}"),
        (API["listing"], b"<html>Log in to the hotel's network</html>"),
        (API["listing"], b"[{}]"),
    ],
)
def test_add_says_that_an_answer_is_not_one_of_a_hub(online, hub, match, body):
    hub.faults.append(always(match, lambda answer: setattr(answer, "reply", Reply(200, {}, body, 0, len(body)))))
    before = online.state()

    line = add_in_time(online)

    assert line.startswith(f"add: {MODEL}: ")
    assert "\n" not in line
    assert online.state() == before
    assert staged(online) == []


@pytest.mark.parametrize("match", [API["details"], FILE], ids=["details", "file"])
def test_add_follows_no_redirect_in_a_circle(online, hub, match):
    hub.faults.append(always(match, lambda answer: answer.redirect(hub.url)))
    before = online.state()

    line = add_in_time(online)

    assert line.startswith(f"add: {MODEL}")
    assert "redirect" in line
    assert "\n" not in line
    assert online.state() == before

"""A Hub and a bucket that are far away: what costs a round trip is done at once, and asked for once."""

import re
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from conftest import FILES, MODEL, World
from hub import Fault, Hub
from stores import Proxy, S3Moto

pytestmark = pytest.mark.slow

SMALL = {f"{number:02}.txt": b"%d" % number for number in range(20)}


class Gate:
    """Holds up the requests that match until 16 of them wait, or for 5 s; `most` is how many have waited."""

    def __init__(self) -> None:
        self.match, self.most, self._now, self._turn = "nothing", 0, 0, threading.Condition()

    def __call__(self, request: str) -> None:
        if not re.search(self.match, request):
            return
        with self._turn:
            self._now += 1
            self.most = max(self.most, self._now)
            self._turn.notify_all()
            self._turn.wait_for(lambda: self.most >= 16, 5)
            self._now -= 1

    def most_of(self, match: str) -> "Gate":
        self.match, self.most = match, 0
        return self


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def far(world, gate) -> Iterator[Proxy]:
    """The door to the bucket of `world`, with `gate` in it."""
    with S3Moto() as store, Proxy(store, gate) as proxy:
        world.env |= store.env
        world.ok("remote", f"URL={store.url}", f"ENDPOINT={proxy.endpoint}")
        yield proxy


def track(world: World, *names: str) -> None:
    """Pin models of SMALL and another file each."""
    for name in names:
        folder = world.path / "own" / name
        folder.mkdir(parents=True)
        for path, content in (SMALL | {"name.txt": name.encode()}).items():
            (folder / path).write_bytes(content)
        world.ok("track", f"NAME={name}", f"DIR={folder}")


def test_many_small_files_are_on_their_way_at_once(world, gate, far):
    with Hub() as hub:
        hub.commit("org/small", SMALL)
        world.env["HF_ENDPOINT"] = hub.url
        hub.faults.append(Fault("/resolve/", lambda answer: gate(f"Hub {answer.path}"), times=None))
        gate.most_of("Hub .*txt")
        world.ok("add", "MODEL=org/small", "DRY=1")
        assert gate.most == 0
        world.ok("add", "MODEL=org/small")
        assert gate.most == 16

    track(world, "one")
    asked = {"push": "PUT .*/files/", "verify": "GET .*/files/md5/../", "pull": "GET .*/files/md5/../"}
    for key in far.store.objects():
        if "files/" in key:
            far.store.delete(key)
    for words in (["push"], ["verify", "DEEP=1"], ["free"], ["pull"]):
        gate.most_of(asked.get(words[0], "nothing"))
        world.ok(*words)
        assert gate.most == 16 * (words[0] in asked), words


def test_an_object_whose_size_is_pinned_is_read_with_one_request(world, far):
    track(world, "one")

    for words in (["verify", "DEEP=1"], ["push", "DEEP=1"], ["free", "DEEP=1"], ["pull"]):
        before = len(far.requests)
        world.ok(*words)
        asked = [line.partition("?")[0] for line in far.requests[before:] if "/files/md5/" in line]
        assert len(asked) == len(set(asked)) == 21 + (words != ["pull"]), words  # the listing is made from the pin
        assert {line.partition(" ")[0] for line in asked} == {"GET"}


def test_many_models_take_one_check_of_the_bucket_and_one_estimate_of_its_size(world, far):
    track(world, "one", "two", "three")

    before = len(far.requests)
    world.ok("free")

    asked = [re.search("prefix=([^&]*)", line)[1].partition("%2F")[2] for line in far.requests[before:]]
    assert asked == [".model-weights", "files%2Fmd5%2F00%2F0", *["files%2Fmd5%2F"] * 3]


def asked_for(hub: Hub, match: str) -> list[str]:
    return [each.path for each in hub.requests if re.search(match, each.path)]


def test_the_hub_is_asked_once_for_each_model_and_by_update_for_several_at_once(world):
    with Hub() as hub:
        world.env["HF_ENDPOINT"] = hub.url
        names, together, met = [f"org/{each}" for each in ("one", "two", "three")], threading.Barrier(3), []
        for name in names:
            hub.commit(name, SMALL)

        def meet(_: object) -> None:
            with suppress(threading.BrokenBarrierError):
                together.wait(5)
                met.append(True)

        said = world.ok("add", f"MODEL={' '.join(names)}").out
        assert len(asked_for(hub, "/revision/main")) == said.count("added ") == 3

        hub.commit(names[0], SMALL | {"00.txt": b"newer"})
        hub.requests.clear()
        hub.faults.append(Fault("/revision/main", meet, times=None))
        assert "1 of 3 models updated" in world.ok("update").out
        assert len(met) == len(asked_for(hub, "/revision/main")) == 3


def test_an_update_goes_to_the_commit_that_it_names_if_the_branch_moves_meanwhile(added_online, hub):
    old = next(iter(hub.repos[MODEL]))
    new = hub.commit(MODEL, FILES | {"config.json": b"{}"})
    hub.faults.append(Fault(f"/revision/{old}", lambda _: hub.commit(MODEL, FILES | {"config.json": b"[]"})))

    said = added_online.ok("update").out

    assert f" -> {new[:7]} on main" in said
    assert f"\n  commit: {new}\n" in added_online.pin().read_text()

"""The whole life of a repository in random order, against a small model of what must hold."""

import hashlib
import os
import shutil
import time
from itertools import count

import pytest
from conftest import World, copy, track
from hub import Hub
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

NAMES = st.sampled_from(["x", "y", "group/z"])
CONTENTS = st.sampled_from([b"%d" % number * 5000 for number in range(9)])  # few, so that models share objects
DAYS_15 = 15 * 24 * 3600


def oid(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


class Life(RuleBasedStateMachine):
    """`pins` are what each model holds now, `releases` what each release does, `ever` what any Git commit pins."""

    template: World
    folders = count()

    def __init__(self) -> None:
        super().__init__()
        self.ours = copy(self.template, World(self.template.path.parent / f"a life {next(self.folders)}"))
        self.theirs = self.ours.second()
        self.hub = Hub().__enter__()
        self.ours.env["HF_ENDPOINT"] = self.hub.url
        self.pins: dict[str, bytes] = {}
        self.releases: dict[str, bytes] = {}
        self.ever: set[bytes] = set()
        self.unneeded: set[str] = set()

    @rule(name=NAMES, data=CONTENTS)
    def add(self, name: str, data: bytes) -> None:
        self.hub.commit(f"acme/{name[-1]}", {"weights.bin": data})
        self.ours.ok("add", f"MODEL=acme/{name[-1]}", f"NAME={name}")
        self.pins[name] = data
        self.ever.add(data)

    @precondition(lambda self: self.pins)
    @rule(data=CONTENTS)
    def update(self, data: bytes) -> None:
        name = max(self.pins)
        self.hub.commit(f"acme/{name[-1]}", {"weights.bin": data})
        self.ours.ok("update", f"MODEL={name}")
        self.pins[name] = data
        self.ever.add(data)

    @precondition(lambda self: self.pins)
    @rule()
    def release(self) -> None:
        name = min(self.pins)
        version = f"1.0.{len(self.releases)}"
        self.ours.ok("release", f"MODEL={name}", f"VERSION={version}")
        self.releases[f"{name}@v{version}"] = self.pins[name]

    @precondition(lambda self: self.pins)
    @rule()
    def remove(self) -> None:
        name = max(self.pins)
        self.ours.ok("remove", f"MODEL={name}")
        del self.pins[name]

    @rule(number=st.integers(0, 9))
    def drop(self, number: int) -> None:
        """Upload what no Git commit will ever pin."""
        before = set(self.ours.objects())
        track(self.ours, "dropped", f"dropped {number}")
        self.ours.git("reset", "--quiet", "--hard", "HEAD~1")
        shutil.rmtree(self.ours.weights("dropped"))
        self.unneeded |= set(self.ours.objects()) - before
        for path in self.ours.clone.glob("scripts/**/*.txt"):  # else make would renew .venv
            os.utime(path, (0, 0))

    @rule()
    def gc(self) -> None:
        for path in self.ours.objects().values():
            os.utime(path, (time.time() - DAYS_15,) * 2)
        self.ours.ok("gc", "REMOTE=1", "FORCE=1")
        assert not self.unneeded & set(self.ours.objects())
        self.unneeded.clear()

    @rule()
    def pull_by_another(self) -> None:
        self.theirs.git("fetch", "--quiet", "--tags", "origin")
        self.theirs.git("switch", "--quiet", "-C", "main", "origin/main")
        self.theirs.ok("pull")
        for name, data in self.pins.items():
            assert self.theirs.on_disk(name) == {"weights.bin": data}
        for word, data in list(self.releases.items())[-2:]:
            self.theirs.ok("pull", f"MODEL={word}", "TO=../handed over")
            assert (self.theirs.path / "handed over" / word.partition("@")[0] / "weights.bin").read_bytes() == data

    @invariant()
    def nothing_that_was_ever_pinned_is_lost(self) -> None:
        objects = self.ours.objects()
        assert {data for data in self.ever if oid(data) not in objects} == set()
        assert all(objects[oid(data)].read_bytes() == data for data in self.ever)
        assert {name: self.ours.on_disk(name) for name in self.pins} == {
            name: {"weights.bin": data} for name, data in self.pins.items()
        }

    def teardown(self) -> None:
        self.pull_by_another()
        for world in (self.ours, self.theirs):
            if self.pins:
                assert (
                    f"verified {len(self.pins)} pin" in world.ok("verify", "DEEP=1", "REQUIRE=disk remote content").out
                )
            assert world.git("status", "--porcelain") == ""
        self.hub.__exit__()


@pytest.mark.slow
@pytest.mark.marathon
@pytest.mark.timeout(900)
def test_a_life_of_fifty_steps(template):
    Life.template = template

    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=1,
            stateful_step_count=50,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # a shorter way to the same fault would take an hour to find
            suppress_health_check=list(HealthCheck),
        ),
    )

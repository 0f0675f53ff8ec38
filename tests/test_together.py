"""Several commands at once: one waits for another only where they would get in each other's way, and says so."""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Thread

import pytest
from conftest import (
    FILES,
    MODEL,
    PINNED,
    PLAN,
    VICTIM,
    World,
    add_hook,
    forget_weights,
    inflict,
    settings,
    start,
    track,
)
from hub import Fault, Hub
from psutil import STATUS_ZOMBIE, Process, pid_exists

from lib.core import lock

pytestmark = pytest.mark.slow


def finish(processes: list[subprocess.Popen]) -> list[str]:
    """What each of `processes` printed; all must succeed."""
    said = [process.communicate(timeout=100)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), said
    return said


def held_add(world: World, hub: Hub, *words: str) -> tuple[subprocess.Popen, Fault]:
    """Start an add of acme/slow, and return it when it waits for the rest of a file; `fault.times = 0` lets it go."""
    hub.commit("acme/slow", {"config.json": b"{}", "model.safetensors": bytes(100_000)})
    held = Fault("GET /acme/slow/resolve/.*/model.safetensors", lambda answer: answer.hold(held.done), after=1000)
    held.done = Event()
    hub.faults.append(held)
    process = start(world, "add", "MODEL=acme/slow", *words)
    assert held.reached.wait(30)
    return process, held


@contextmanager
def held_lock(world: World, name: str):
    """Hold the lock `name` of the clone."""
    path = world.clone / ".dvc" / "tmp" / "locks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield


@pytest.mark.marathon
def test_a_long_add_keeps_nobody_waiting_who_is_at_work_on_other_models(added_online, hub):
    hub.commit("acme/other", {"config.json": b"other"})
    adding, held = held_add(added_online, hub)
    shutil.rmtree(added_online.weights())

    said = finish(
        [start(added_online, *words) for words in (["pull"], ["push"], ["list"], ["add", "MODEL=acme/other"])]
    )
    verified = added_online.ok("verify").out

    assert adding.poll() is None
    assert not [text for text in said if "waiting for" in text and "working on slow" in text]
    assert "verified 2 pins, 4 of 4 files on disk" in verified
    held.done.set()
    finish([adding])
    assert "verified 3 pins, 6 of 6 files on disk" in added_online.ok("verify").out
    assert added_online.git("status", "--porcelain") == ""


@pytest.mark.marathon
def test_verify_says_that_a_command_is_at_work_on_a_model_and_looks_at_the_others(added_online, hub):
    hub.commit("acme/slow", {"config.json": b"older"})
    added_online.ok("add", "MODEL=acme/slow")
    adding, held = held_add(added_online, hub)

    result = added_online.ok("verify")

    assert f"slow: add (process {adding_pid(added_online)}) is working on it, so it was not looked at; " in result.out
    assert "verified 2 pins, 3 of 4 files on disk" in result.out
    assert added_online.make("verify", "REQUIRE=disk").code == 2
    held.done.set()
    finish([adding])


def adding_pid(world: World) -> str:
    return (world.clone / ".dvc" / "tmp" / "locks" / "model slow").read_text().split()[1]


@pytest.mark.marathon
def test_adds_of_four_models_at_once_all_succeed(online, hub):
    names = ["a", "b", "c", "d"]
    for name in names:
        hub.commit(f"acme/{name}", FILES | {"name": name.encode()})

    finish([start(online, "add", f"MODEL=acme/{name}") for name in names])

    assert online.git("rev-list", "--count", "HEAD~4..HEAD") == "4\n"
    assert "verified 4 pins, 16 of 16 files on disk" in online.ok("verify", "DEEP=1").out
    assert online.git("status", "--porcelain") == ""


def test_two_adds_of_the_same_model_make_one_commit(online):
    before = online.head()

    finish([start(online, "add", f"MODEL={MODEL}"), start(online, "add", f"MODEL={MODEL}")])

    assert online.git("rev-list", "--count", f"{before}..HEAD") == "1\n"
    assert online.on_disk() == PINNED


def test_a_second_pull_of_a_model_waits_and_says_for_what(added_online, hub):
    adding, held = held_add(added_online, hub)
    second = start(added_online, "add", "MODEL=acme/slow")
    line = second.stdout.readline()

    assert line == f"add: waiting for add (process {adding_pid(added_online)}), which is working on slow\n"
    held.done.set()
    finish([adding])
    assert "nothing to do" in finish([second])[0]


def test_two_pulls_of_the_same_model_both_succeed(added):
    other = added.second()

    finish([start(other, "pull"), start(other, "pull")])

    assert other.on_disk() == PINNED


def test_two_clones_that_share_a_cache_pull_at_once(added, tmp_path):
    clones = [added.second("one"), added.second("two")]
    for clone in clones:
        settings(clone, f"[cache]\n    dir = {tmp_path / 'shared'}\n", local=True)

    finish([start(clone, "pull") for clone in clones])

    assert [clone.on_disk() for clone in clones] == [PINNED, PINNED]
    assert list((tmp_path / "shared" / "incoming").iterdir()) == []


def test_a_pull_takes_what_another_clone_brought_into_a_shared_cache_meanwhile(added):
    forget_weights(added, cache=True)
    cache, (oid, object_there) = (
        added.clone / ".dvc" / "cache",
        max(added.objects().items(), key=lambda each: each[1].stat().st_size),
    )
    with lock.part(cache / "incoming" / oid):
        pulling = start(added, "pull")
        while len(list(cache.glob("files/md5/*/*"))) < len(PINNED) - 1 and pulling.poll() is None:
            time.sleep(0.05)
        time.sleep(0.3)  # until the pull waits for the last one
        (here := cache / "files" / "md5" / oid[:2] / oid[2:]).parent.mkdir(parents=True, exist_ok=True)
        object_there.replace(here)

    finish([pulling])

    assert added.on_disk() == PINNED


def test_a_hook_of_git_that_runs_make_has_the_turn_of_the_command_that_started_it(online):
    hooks = ["pre-commit", "post-commit"]
    for hook in hooks:
        add_hook(online, f"#!/bin/sh\necho {hook}:; make pull && make list && make verify OFFLINE=1\n", hook)

    result = online.ok("add", f"MODEL={MODEL}")

    for hook in hooks:
        assert re.search(rf"^{hook}:\n.*\ntiny: up to date, 3 files, ", result.err, re.MULTILINE)
    assert "waiting" not in result.said
    assert online.git("status", "--porcelain") == ""


def test_an_add_waits_while_a_command_of_dvc_is_at_work(online):
    of_dvc = online.clone / ".dvc" / "tmp" / "lock"
    of_dvc.parent.mkdir(exist_ok=True)
    with of_dvc.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        adding = start(online, "add", f"MODEL={MODEL}")
        while "waiting for a dvc command" not in adding.stdout.readline():
            assert adding.poll() is None

    finish([adding])
    assert online.on_disk() == PINNED


def test_temporary_files_of_a_dvc_command_that_runs_are_left_alone(added, tmp_path):
    name = "files/md5/ab/.aaaaaaaaaaaaaaaaaaaaaa.tmp"
    own, shared = added.clone / ".dvc" / "cache" / name, tmp_path / "shared" / name
    for path in (own, shared):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"part")
    with (added.clone / ".dvc" / "tmp" / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        added.ok("push")
        assert own.exists()
    settings(added, f"[cache]\n    dir = {tmp_path / 'shared'}\n", local=True)

    added.ok("push", "MODEL=tiny")

    assert shared.exists()
    os.utime(shared, (0, 0))
    added.ok("push", "MODEL=tiny")
    assert not shared.exists()


def test_a_command_whose_make_is_killed_gives_up_its_locks(added_online, hub):
    adding, held = held_add(added_online, hub)
    pid = int(adding_pid(added_online))
    adding.send_signal(signal.SIGKILL)
    adding.wait()

    while pid_exists(pid) and Process(pid).status() != STATUS_ZOMBIE:
        time.sleep(0.05)
    held.done.set()
    finish([start(added_online, "add", "MODEL=acme/slow")])


def test_a_pull_waits_for_the_lock_of_its_model(added):
    with held_lock(added, "model tiny"):
        pulling = start(added, "pull")
        assert pulling.stdout.readline() == "pull: waiting for another command, which is working on tiny\n"

    finish([pulling])


def test_a_hand_over_waits_for_the_lock_of_the_clone_to_drop_a_damaged_object(added):
    inflict(added, "cache", "flipped")
    with held_lock(added, "clone"):
        pulling = start(added, "pull", "TO=../handed")
        line = next((line for line in pulling.stdout if "waiting" in line), "")
        assert line == "pull: waiting for another command, which is working on this clone\n"

    finish([pulling])

    assert (added.path / "handed" / "tiny" / VICTIM).read_bytes() == PINNED[VICTIM]


def test_two_hand_overs_to_the_same_folder_take_turns(added):
    """Else each would remove what the other has copied so far."""
    part = added.path / "handed" / ".tiny.part"
    part.mkdir(parents=True)
    with lock.part(part.with_name(".tiny.lock")):
        pulling = start(added, "pull", "TO=../handed")
        with pytest.raises(subprocess.TimeoutExpired):
            pulling.wait(2)
        assert part.exists()

    finish([pulling])

    assert [path.name for path in part.parent.iterdir()] == ["tiny"]


def test_a_command_that_waited_for_a_removal_says_so(added):
    with held_lock(added, "model tiny"):
        pulling = start(added, "pull")
        assert "waiting for another command" in pulling.stdout.readline()
        added.git("rm", "--quiet", "models/tiny.dvc")

    said = pulling.communicate()[0]

    assert "no model 'tiny' any more: another command removed or renamed it" in said
    assert pulling.returncode == 2


def test_a_pull_says_that_the_pin_is_another_now(tracked):
    track(tracked, "mine", "two")
    shutil.rmtree(tracked.weights("mine"))
    tracked.git("branch", "newer")
    tracked.git("reset", "--quiet", "--hard", "HEAD~1")
    shutil.rmtree(tracked.clone / ".dvc" / "cache")
    (tracked.clone / "scripts" / "sitecustomize.py").write_text(
        "import os, pathlib, subprocess\nreal = pathlib.Path.replace\n\n\ndef replace(self, target):\n"
        "    if self.name == 'new' and os.path.exists('models/mine.dvc'):\n"
        "        subprocess.run(['git', 'merge', '--quiet', 'newer'], check=True)\n"
        "    return real(self, target)\n\n\npathlib.Path.replace = replace\n"
    )

    said = tracked.make("pull", "MODEL=mine")

    assert said.code == 2
    assert "pull: mine: another command changed the pin meanwhile; run the same command again" in said.said
    tracked.ok("pull", "MODEL=mine")
    assert tracked.on_disk("mine") == {"a.bin": b"two"}


def test_a_git_commit_waits_for_that_of_another_command(added_online, hub):
    hub.commit("acme/other", {"config.json": b"other"})
    at_commit, go = added_online.path / "at the commit", added_online.path / "go"
    add_hook(added_online, f"#!/bin/sh\ntouch '{at_commit}'\nwhile [ ! -e '{go}' ]; do sleep 0.05; done\n")
    second, held = held_add(added_online, hub)
    first = start(added_online, "add", "MODEL=acme/other")
    while not at_commit.exists():
        time.sleep(0.05)

    held.done.set()

    line = next(line for line in second.stdout if not PLAN.match(line))
    assert re.fullmatch(r"add: waiting for add \(process \d+\), which is working on this clone\n", line)
    go.touch()
    finish([first, second])


def test_the_commit_of_a_killed_command_has_nothing_of_the_next_one(added):
    """The commit of the first waits in a hook until that of the second is on its way too."""
    folder = added.path / "weights"
    folder.mkdir()
    (folder / "a.bin").write_text("one")
    add_hook(
        added,
        "#!/bin/sh\n"
        "if mkdir ../first 2>/dev/null; then while [ ! -e ../go ]; do sleep 0.05; done; exit; fi\n"
        "touch ../go\n"
        "while ! git log --format=%s | grep -q 'Add a model'; do sleep 0.05; done\n",
    )
    first = start(added, "track", "NAME=a", f"DIR={folder}")
    while not (added.path / "first").exists():
        time.sleep(0.05)
    python = next(each for each in Process(first.pid).children() if "run.py" in " ".join(each.cmdline()))
    python.kill()
    first.wait()

    finish([start(added, "track", "NAME=b", f"DIR={folder}")])

    log = added.git("log", "-2", "--name-only", "--format=%s").split("\n")
    assert [line for line in log if line] == [
        *("Add b model", "models/README.md", "models/b.dvc"),
        *("Add a model", "models/README.md", "models/a.dvc"),
    ]
    assert "verified 3 pins" in added.ok("verify").out


def test_two_who_write_the_same_file_take_turns(tmp_path):
    part, target, holding = tmp_path / "part", tmp_path / "target", Event()

    def write(text: str) -> None:
        with lock.part(part):
            holding.set()
            part.write_text(text)
            with lock.part(part, wait=False) as again:
                assert not again, text
            time.sleep(0.1)
            part.replace(target)

    first = Thread(target=write, args=["first"])
    first.start()
    holding.wait()
    with lock.part(part, wait=False) as ours:
        assert not ours
    write("second")

    assert target.read_text() == "second"
    assert not part.exists()


def test_add_beside_pull(added_online, hub):
    hub.commit("acme/other", FILES)
    other = added_online.second()
    other.env["HF_ENDPOINT"] = hub.url

    finish([start(other, "add", "MODEL=acme/other"), start(other, "pull")])

    other.ok("pull")
    assert other.on_disk() == other.on_disk("other") == PINNED


def test_two_clones_push_the_same_objects_at_once(added):
    other = added.second()
    other.ok("pull")
    objects = {oid: path.read_bytes() for oid, path in added.objects().items()}
    for path in added.objects().values():
        path.unlink()

    finish([start(added, "push"), start(other, "push")])

    assert {oid: path.read_bytes() for oid, path in added.objects().items()} == objects
    assert list(added.remote.rglob("*.tmp")) == []


def test_two_tracks_at_once_on_no_branch_both_make_their_commit(added):
    added.git("switch", "--quiet", "--detach")
    for name in ("a", "b"):
        (added.path / name).mkdir()
        (added.path / name / "w.bin").write_bytes(name.encode() * 1000)

    finish([start(added, "track", f"NAME={name}", f"DIR={added.path / name}", GIT_TRACE="1") for name in ("a", "b")])

    assert set(added.git("log", "-2", "--format=%s").splitlines()) == {"Add a model", "Add b model"}


def test_a_file_that_its_holder_has_moved_is_begun_anew(tmp_path):
    path = tmp_path / "part"

    def second() -> str:
        with lock.part(path):
            return path.read_text()

    with ThreadPoolExecutor(1) as pool:
        with lock.part(path):
            path.write_text("first")
            waits = pool.submit(second)
            time.sleep(0.1)
            path.replace(tmp_path / "done")
        assert waits.result() == ""

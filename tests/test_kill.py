"""After a kill at any instant, the same command run again completes as if nothing had happened."""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import MODEL, PINNED, PLAN, ROOT, World, copy, forget_weights, start, track
from hub import Fault, Hub

MIB = 1 << 20
pytestmark = pytest.mark.slow


def stalled_add(world: World, hub: Hub) -> subprocess.Popen:
    """Start `make add`, as `start` does, and return it when it has some bytes of the weights and waits for the rest."""
    held = Fault("GET .*/resolve/.*/model.safetensors", lambda answer: answer.stall(60), after=1000)
    hub.faults.append(held)
    process = start(world, "add", f"MODEL={MODEL}")
    assert held.reached.wait(30)
    return process


def run_counted(world: World, *words: str, at: str = "") -> tuple[int, int]:
    """Run `make` with `words`, killed at event number `at`; returns its exit status and the number of events."""
    counter, hook = world.path / "events", world.clone / "scripts" / "sitecustomize.py"
    counter.unlink(missing_ok=True)
    shutil.copy(ROOT / "tests" / "kill" / "sitecustomize.py", hook)
    process = start(world, *words, KILL_AT=at, KILL_WORLD=str(world.path), KILL_COUNTER=str(counter))
    process.communicate(timeout=100)
    hook.unlink()
    return process.returncode, counter.stat().st_size


def leftovers(world: World) -> list[str]:
    """What a finished command must not leave behind: staging folders, partial files, locks that nobody holds."""
    found = [*world.clone.rglob("*.tmp"), *world.remote.rglob("*.tmp"), *world.clone.glob(".dvc/tmp/staging/*")]
    found += [*world.clone.glob(".dvc/cache/incoming/*"), *world.clone.glob(".git/*.lock")]
    return [str(path) for path in found if ".dvc/tmp/site" not in str(path)]


def assert_undisturbed(world: World, pin: bytes) -> None:
    """`world` is as after an undisturbed run that made `pin`."""
    assert world.pin().read_bytes() == pin
    assert world.on_disk() == PINNED
    assert world.git("status", "--porcelain") == ""
    assert leftovers(world) == []
    assert "verified 1 pin, 3 of 3 files on disk" in world.ok("verify", "DEEP=1").out


def before(verb: str, world: World, added_template: World) -> World:
    """Bring `world` to the state just before `make` runs `verb`; returns it."""
    if verb != "add":
        shutil.rmtree(world.path)
        copy(added_template, world)
    if verb == "pull":
        shutil.rmtree(world.weights())
        shutil.rmtree(world.clone / ".dvc" / "cache")
    if verb == "push":
        shutil.rmtree(world.remote / "files")
    return world


@pytest.fixture(scope="session")
def events(added_template, template, tmp_path_factory) -> dict[str, int]:
    """How many events each verb has when nobody kills it."""
    return {}


MOMENTS = [("add", part, 6) for part in (1, 5)] + [("pull", 1, 3), ("push", 1, 2)]
MORE = [("add", part, 6) for part in (0, 2, 3, 4)] + [("pull", 0, 3), ("pull", 2, 3), ("push", 0, 2)]
MOMENTS += [pytest.param(*moment, marks=pytest.mark.marathon) for moment in MORE]


@pytest.mark.parametrize(("verb", "part", "parts"), MOMENTS)
def test_killed_at_any_instant_the_same_command_completes(online, added_template, tmp_path, events, verb, part, parts):
    words = [verb, f"MODEL={MODEL}"]
    if verb not in events:
        trial = before(verb, copy(online, World(tmp_path / "a trial", dict(online.env))), added_template)
        code, events[verb] = run_counted(trial, *words)
        assert code == 0
    world = before(verb, online, added_template)
    at = 1 + part * (events[verb] - 1) // parts

    code, _ = run_counted(world, *words, at=str(at))

    assert code == -signal.SIGKILL
    left = [path for path in (world.clone / ".dvc" / "cache" / "incoming").glob("*") if not path.stat().st_mode & 0o200]
    assert left == [], "only root can go on with a file that is read-only"
    kept = {oid: path.stat().st_ino for oid, path in world.objects().items() if path.stat().st_size}
    assert not world.weights().exists() or world.on_disk() in (PINNED, {})
    world.ok(*words)
    assert_undisturbed(world, added_template.pin().read_bytes())
    assert {oid: path.stat().st_ino for oid, path in world.objects().items() if oid in kept} == kept


RETIRED = {"remove": ["MODEL=tiny"], "rename": ["MODEL=tiny", "NAME=other"], "free": ["MODEL=tiny"]}


@pytest.mark.marathon
@pytest.mark.parametrize("moment", [0.0, 0.5, 0.97])
@pytest.mark.parametrize("verb", RETIRED)
def test_a_killed_end_of_a_model_goes_on(added_template, tmp_path, events, verb, moment):
    words, places = [verb, *RETIRED[verb]], [tmp_path / "a trial", tmp_path / "my world"]
    for place in places:
        place.mkdir()
    if verb not in events:
        code, events[verb] = run_counted(copy(added_template, World(places[0])), *words)
        assert code == 0
    world = copy(added_template, World(places[1]))

    code, _ = run_counted(world, *words, at=str(1 + int(moment * events[verb])))

    assert code == -signal.SIGKILL
    if world.pin().exists():  # else all was done but the last line
        world.ok(*words)
    assert leftovers(world) == []
    assert world.git("status", "--porcelain") == ""
    assert not world.weights().exists()
    assert world.pin().exists() == (verb == "free")
    if verb != "remove":
        world.ok("pull")
        assert world.on_disk("other" if verb == "rename" else "tiny") == PINNED


OTHERS = {
    "release": ["MODEL=tiny", "VERSION=1.0.0"],
    "pull": ["MODEL=tiny", "TO=../out"],
    "gc": ["HISTORY=0", "REMOTE=1", "DAYS=0", "FORCE=1"],
}


@pytest.fixture(scope="session")
def removed_template(added_template, tmp_path_factory) -> World:
    """A world whose objects on the remote are for the most part of a model that it removed."""
    world = copy(added_template, World(tmp_path_factory.mktemp("removed")))
    track(world, "kept")
    world.ok("remove", "MODEL=tiny")
    return world


def for_other(verb: str, template: World, path: Path) -> World:
    """A copy of `template` at `path` where `verb` of OTHERS has something to do."""
    path.mkdir()
    world = copy(template, World(path))
    if verb == "pull":
        forget_weights(world, cache=True)
    return world


@pytest.mark.marathon
@pytest.mark.parametrize("moment", [float(each) for each in os.environ.get("MOMENTS", "0.0 0.4 0.7 0.9").split()])
@pytest.mark.parametrize("verb", OTHERS)
def test_a_killed_release_handing_over_or_gc_goes_on(request, tmp_path, events, verb, moment):
    words = [verb, *OTHERS[verb]]
    template = request.getfixturevalue("removed_template" if verb == "gc" else "added_template")
    if f"other {verb}" not in events:
        code, events[f"other {verb}"] = run_counted(for_other(verb, template, tmp_path / "a trial"), *words)
        assert code == 0
    world = for_other(verb, template, tmp_path / "my world")
    objects = set(world.objects())

    code, _ = run_counted(world, *words, at=str(1 + int(moment * events[f"other {verb}"])))

    assert code == -signal.SIGKILL
    gone = objects - set(world.objects())
    assert not gone or any(oid.endswith(".dir") for oid in gone), "a listing goes before what it names"
    world.ok(*words)
    assert leftovers(world) == []
    if verb == "release":
        assert world.git("tag", "--list").split() == ["tiny@v1.0.0"]
    elif verb == "pull":
        handed = world.path / "out" / "tiny"
        assert {path.relative_to(handed).as_posix(): path.read_bytes() for path in handed.rglob("*.*")} == PINNED
        assert [path.name for path in handed.parent.iterdir()] == ["tiny"]
    else:
        assert len(world.objects()) == 2
        assert "verified 1 pin" in world.ok("verify", "DEEP=1").out


def test_a_track_that_was_killed_before_the_cache_had_its_copy_keeps_no_second_one(added, tmp_path):
    weights, of_dvc = tmp_path / "run 17", added.clone / ".dvc" / "tmp" / "lock"
    shutil.copytree(added.weights(), weights, copy_function=shutil.copyfile)
    (weights / "config.json").write_bytes(b"tuned")
    words = ["track", "NAME=mine", f"DIR={weights}"]
    with of_dvc.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        process = start(added, *words)
        while "waiting for a dvc command" not in (line := process.stdout.readline()):
            assert line
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert (added.weights("mine") / "config.json").read_bytes() == b"tuned"

    added.ok(*words)

    assert leftovers(added) == []
    assert not list(added.clone.glob(".dvc/tmp/quarantine/*"))


def test_a_finished_file_is_not_downloaded_again(online, hub):
    small = ["config.json", "nested/tokenizer.json"]
    process = stalled_add(online, hub)
    staged = online.clone / ".dvc" / "tmp" / "staging" / "tiny" / "files"
    while not all((staged / path).exists() and (staged / path).read_bytes() == PINNED[path] for path in small):
        time.sleep(0.05)

    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    online.ok("add", f"MODEL={MODEL}")

    fetched = [request.path.rpartition("/")[2] for request in hub.requests if "/resolve/" in request.path]
    assert sorted(fetched) == ["config.json", "model.safetensors", "model.safetensors", "tokenizer.json"]
    assert online.on_disk() == PINNED


@pytest.mark.marathon
def test_a_killed_download_goes_on_inside_the_file(online, hub, tmp_path):
    big = tmp_path / "big.safetensors"
    block = os.urandom(MIB)
    big.write_bytes(b"".join(block[at:] + block[:at] for at in range(300)))
    hub.commit("acme/big", {"big.safetensors": big})
    held = Fault("GET .*/resolve/", lambda answer: answer.stall(60), after=150 * MIB)
    hub.faults.append(held)
    process = start(online, "add", "MODEL=acme/big")
    assert held.reached.wait(60)

    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    online.ok("add", "MODEL=acme/big")

    sent = sum(request.sent_bytes for request in hub.requests if "/resolve/" in request.path)
    assert sent <= 316 * MIB
    assert (online.weights("big") / "big.safetensors").read_bytes() == big.read_bytes()


@pytest.mark.parametrize(
    ("number", "to_group"), [(signal.SIGINT, True), (signal.SIGTERM, True), (signal.SIGTERM, False)]
)
def test_a_signal_ends_with_one_line_that_says_how_to_go_on(online, hub, number, to_group):
    process = stalled_add(online, hub)

    os.killpg(process.pid, number) if to_group else process.send_signal(number)
    said, _ = process.communicate(timeout=20)

    assert process.returncode != 0
    assert [line for line in said.splitlines() if not (line.startswith(("make", "note:")) or PLAN.match(line))] == [
        "add: stopped; run the same command again to continue"
    ]
    assert "Traceback" not in said
    online.ok("add", f"MODEL={MODEL}")
    assert online.on_disk() == PINNED


def test_signals_one_after_the_other_end_with_one_line_too(online, hub):
    process = stalled_add(online, hub)

    with suppress(ProcessLookupError):
        for _ in range(200):
            os.killpg(process.pid, signal.SIGTERM)
            time.sleep(0.001)
    said, _ = process.communicate(timeout=20)

    assert [line for line in said.splitlines() if line.startswith("add:") and not PLAN.match(line)] == [
        "add: stopped; run the same command again to continue"
    ]
    assert "Traceback" not in said


def test_a_signal_ends_a_command_that_is_still_being_imported_with_one_line_too(world):
    slow = "import os, time\nos.write(2, b'importing\\n')\ntime.sleep(60)\n"
    (world.clone / "scripts" / "httpx2.py").write_text(slow)
    process = start(world, "outdated")
    while "importing" not in (line := process.stdout.readline()):
        assert line

    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=20)

    assert "outdated: stopped; run the same command again to continue" in said.splitlines()
    assert "Traceback" not in said


def test_a_signal_ends_a_command_that_waits_for_its_turn(online, hub):
    first = stalled_add(online, hub)
    second = start(online, "add", f"MODEL={MODEL}")
    while "add: waiting for add (process " not in (line := second.stdout.readline()):
        assert line

    os.killpg(second.pid, signal.SIGINT)
    said, _ = second.communicate(timeout=20)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()

    assert "add: stopped; run the same command again to continue" in said.splitlines()
    assert "Traceback" not in said


def test_a_killed_command_leaves_no_report_of_an_earlier_one(added_online, hub):
    added_online.ok("outdated", "REPORT=r.json")
    held = Fault("GET ", lambda answer: answer.stall(60))
    hub.faults.append(held)
    process = start(added_online, "outdated", "REPORT=r.json")
    assert held.reached.wait(30)

    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()

    assert (added_online.clone / "r.json").read_text() == ""


@pytest.mark.marathon
def test_a_killed_update_keeps_the_old_weights_or_has_the_new(added_online, hub, tmp_path):
    hub.commit(MODEL, {"config.json": b"new"})
    old, new = PINNED, {"config.json": b"new"}
    trial = copy(added_online, World(tmp_path / "a trial", dict(added_online.env)))
    _, total = run_counted(trial, "add", f"MODEL={MODEL}")
    for at in [total // 4, total // 2, *range(total - 4, total)]:  # the last ones clear up
        world = copy(added_online, World(tmp_path / f"at {at}", dict(added_online.env)))

        run_counted(world, "add", f"MODEL={MODEL}", at=str(at))

        assert world.on_disk() in (old, new, {})
        world.ok("add", f"MODEL={MODEL}")
        assert world.on_disk() == new
        assert leftovers(world) == []

"""What a person sees of long work: a bar on a terminal, a line now and then elsewhere."""

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import termios
import threading
import time

import pytest
from conftest import PINNED, forget_weights, start
from hub import MIB, Fault

from lib.core import console, text

LONG = 101_000_000  # bytes, of which a first line is said


def on_a_terminal(world, columns: int, *words: str, **env: str) -> str:
    """What `make` with `words` writes on a terminal that has so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    env = world.environment(TERM="xterm", LC_ALL="C.UTF-8", TQDM_MININTERVAL="0") | env
    process = subprocess.Popen(
        ["make", *words], cwd=world.clone, env=env, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    said = b""
    try:
        while piece := os.read(ours, 1 << 16):
            said += piece
    except OSError:  # Linux says so when the last writer has gone
        pass
    os.close(ours)
    assert process.wait() == 0, said
    return said.decode()


def together(hub, repo: str, count: int) -> None:
    """Make `repo` one of `count` files, each of which stops half-way until all have begun."""
    hub.commit(repo, {f"shards/part-{number}.bin": bytes([number]) * (2 * MIB) for number in range(count)})
    meeting = threading.Barrier(count)
    hub.faults.append(Fault(f"GET /{repo}/", lambda _: meeting.wait(20), times=count, after=MIB))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("columns", "names"),
    [(200, "part-[0-2].bin, part-[0-2].bin, part-[0-2].bin"), (110, "part-[0-2].bin and 2 more"), (80, "")],
)
def test_a_bar_names_the_files_on_their_way_where_there_is_room(online, hub, columns, names):
    together(hub, "acme/three", 3)

    said = on_a_terminal(online, columns, "add", "MODEL=acme/three")

    bars = [line for line in re.split(r"[\r\n]", said) if line.startswith("download three:")]
    assert any(re.search(rf"B/s{names and ', ' + names}\]", line) for line in bars), bars
    assert names or not any("part-" in line for line in bars), bars
    assert max(map(len, bars)) <= columns


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "sign"),
    [({"TERM": "dumb"}, r"\A[^\r]*(\r\n[^\r]*)*\Z"), ({"LC_ALL": "C"}, r"\|#+"), ({"NO_COLOR": "1"}, r"\A[^\x1b]*\Z")],
)
def test_a_terminal_that_cannot_draw_is_asked_for_no_more(online, hub, env, sign):
    together(hub, "acme/plain", 1)

    said = on_a_terminal(online, 100, "add", "MODEL=acme/plain", **env)

    assert re.search(sign, said), said
    assert "read remote" not in said  # nothing had to be read
    assert said.isascii() or "LC_ALL" not in env


@pytest.mark.slow
def test_where_no_bar_can_be_drawn_a_line_now_and_then_says_how_far_it_is(online, hub):
    for number, name in enumerate(("quiet", "said")):
        hub.commit(f"acme/{name}", {"model.safetensors": bytes([number]) * (3 << 20)})

    quiet = online.ok("add", "MODEL=acme/quiet")
    said = online.ok("add", "MODEL=acme/said", PROGRESS_SECONDS="0")

    assert " left" not in quiet.err
    lines = re.findall(r"add: download said: (.*) of 3.1 MB, .*/s, 0 s left\n", said.err)
    assert lines[-1] == "3.1 MB"
    assert "\r" not in said.err


@pytest.mark.slow
def test_what_is_read_on_the_remote_has_progress_of_its_own(online, hub):
    hub.commit("acme/said", {"model.safetensors": b"1" * (3 << 20)})
    online.ok("add", "MODEL=acme/said")

    foreseen = online.ok("push", "DRY=1", "DEEP=1", PROGRESS_SECONDS="0")
    freed = online.ok("free", PROGRESS_SECONDS="0")

    for said in (foreseen.err, freed.err):
        assert re.findall(r"read remote: (.*) of 3.1 MB, ", said)[-1] == "3.1 MB"
    assert re.findall(r"check said: (.*) of 3.1 MB, ", freed.err)[-1] == "3.1 MB"


@pytest.mark.slow
def test_long_work_says_so_as_it_begins_and_at_its_end_how_long_it_took(online):
    folder = online.path / "long"
    folder.mkdir()
    with (folder / "a.bin").open("wb") as file:
        file.truncate(LONG)

    hook = online.clone / "scripts" / "sitecustomize.py"  # every second is a minute
    hook.write_text("import time\nreal = time.monotonic\ntime.monotonic = lambda: real() * 60\n")

    said, _ = start(online, "track", "NAME=long", f"DIR={folder}").communicate(timeout=60)
    hook.unlink()
    verified = online.ok("verify")

    assert said.startswith("track: read long: 101.0 MB\n")
    assert re.search(r"^tracked long: 1 file, 101.0 MB, ([0-9]+ min )?[0-9]+ s; next: ", said, re.MULTILINE)
    assert verified.err == "verify: check long: 101.0 MB\n"


@pytest.mark.slow
def test_an_upload_counts_only_what_is_on_this_machine(world):
    world.weights("long").mkdir()
    with (world.weights("long") / "a.bin").open("wb") as file:
        file.truncate(LONG)
    world.ok("track", "NAME=long")
    world.ok("free")
    shutil.rmtree(world.remote / "files")

    said = world.make("push")

    assert "push: long/a.bin: not on this machine" in said.out
    assert "upload" not in said.err


def test_what_arrived_stays_counted(added):
    forget_weights(added, cache=True)

    said = added.ok("pull", PROGRESS_SECONDS="0").err

    assert re.findall("download tiny: (.+?) of ", said)[-1] == text.size(sum(map(len, PINNED.values())))


def test_a_note_is_said_once_however_many_threads_ask_for_it(monkeypatch):
    said, start = [], threading.Barrier(8)

    def say(line: str) -> None:
        said.append(line)
        for _ in range(100):
            time.sleep(0)  # lets another thread run

    monkeypatch.setattr(console, "say", say)

    def ask() -> None:
        start.wait()
        console.note("note: a test of notes")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert said == ["note: a test of notes"]

"""What exists nowhere else is never lost: not by a command that replaces or removes, nor by one that goes on."""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import FILES, MODEL, PINNED, ROOT, ROOT_ONLY, World, forget_weights, lent, refuse_commits, settings, track
from hub import Fault, Hub

from lib.core import digest, paths
from lib.core.errors import Failure
from lib.disk import cache, destination, dvc, quarantine, staging, weights
from lib.flow import bring
from lib.hub.repo import HubFile, Snapshot
from lib.hub.xet import Xet
from lib.model import history, inventory, names, pin

QUARANTINE = ".dvc/tmp/quarantine"


def edit(path: Path, data: bytes) -> None:
    """Make `data` the content of the file at `path`, and leave other links to it alone, as an editor does."""
    path.unlink()
    path.write_bytes(data)


def quarantined(world: World) -> dict[str, bytes]:
    top = world.clone / QUARANTINE
    return {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def meanwhile(world: World, code: str) -> None:
    """Let `code` run just before a command moves models/tiny away, as another program would after the look at it."""
    (world.clone / "scripts" / "sitecustomize.py").write_text(
        "import os, pathlib\nreal = pathlib.Path.replace\n\n\ndef replace(self, target):\n"
        f"    if str(self) == {str(world.weights())!r}:\n        {code}\n"
        "    return real(self, target)\n\n\npathlib.Path.replace = replace\n"
    )


def newer(hub) -> None:
    hub.commit(MODEL, PINNED | {"config.json": b'{"hidden_size": 8}\n'}, license="apache-2.0")


@pytest.fixture(scope="session")
def stopped_template(added_template, ground, tmp_path_factory) -> World:
    home = tmp_path_factory.mktemp("stopped") / "a stopped world"
    with Hub() as hub, lent(added_template, ground, home) as world:
        hub.commit(MODEL, FILES, license="apache-2.0")
        newer(hub)
        hook = refuse_commits(world)
        assert world.make("update", HF_ENDPOINT=hub.url).code == 2
        hook.unlink()
    return World(home)


@pytest.fixture
def stopped(stopped_template, ground, hub, tmp_path) -> Iterator[World]:
    """A clone whose update to what is newer was stopped before its Git commit."""
    newer(hub)
    with lent(stopped_template, ground, tmp_path / "my world") as world:
        world.env["HF_ENDPOINT"] = hub.url
        yield world


@pytest.mark.slow
@pytest.mark.parametrize("at", ["TO is the parent of the clone", "of the remote", "a folder of somebody's"])
def test_a_hand_over_replaces_no_folder_that_is_none(tracked, at):
    name = {"TO is the parent of the clone": "clone", "of the remote": "remote"}.get(at, "mine")
    target = tracked.path / name
    if name != "mine":
        track(tracked, name)
    else:
        target.mkdir()
        (target / "code.py").write_text("precious\n")
    before = sorted(path for path in target.rglob("*") if ".dvc/tmp" not in str(path) and path.is_file())

    said = tracked.make("pull", f"MODEL={name}", f"TO={tracked.path}").out

    assert ("nothing in it is this repository's" if name == "mine" else "would be replaced by what goes to ") in said
    assert all(path.exists() for path in before)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["files", "files/md5"])
def test_a_hand_over_replaces_no_objects_of_a_model_called_like_their_folder(added, name):
    track(added, name)
    before = added.objects()

    said = added.make("pull", f"MODEL={name}", f"TO={added.remote}").out

    assert f"is where {added.remote} keeps its objects; name another folder: TO=…" in said
    assert added.objects() == before


@pytest.mark.slow
def test_a_hand_over_replaces_no_store_that_the_settings_do_not_name(tracked):
    store = tracked.remote / "mine"
    tracked.ok("export", f"TO={store}")
    before = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}

    said = tracked.make("pull", "MODEL=mine", f"TO={tracked.remote}").out

    assert f"{store} would be replaced by what goes to {store}; name another folder: TO=…" in said
    assert {path: path.read_bytes() for path in store.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_a_hand_over_replaces_no_objects_of_a_store_that_the_settings_do_not_name(added):
    store = added.path / "export"
    added.ok("export", f"TO={store}")
    track(added, "files")
    before = sorted(store.rglob("*"))

    said = added.make("pull", "MODEL=files", f"TO={store}").out

    assert f"is where {store} keeps its objects; name another folder: TO=…" in said
    assert sorted(store.rglob("*")) == before


@pytest.mark.slow
def test_a_hand_over_replaces_an_older_version_that_git_alone_remembers(released):
    target = released.path / "handed"
    released.ok("pull", "MODEL=tiny@v1.0.0", f"TO={target}")
    released.git("tag", "--delete", *released.git("tag").split())
    released.ok("gc", "REMOTE=1", "HISTORY=0", "DAYS=0", "FORCE=1")

    released.ok("pull", f"TO={target}")

    assert (target / "tiny" / "config.json").read_bytes() == b'{"hidden_size": 8}\n'
    assert quarantined(released) == {}


@pytest.mark.slow
def test_a_hand_over_keeps_what_somebody_put_beside_the_older_version(released):
    target = released.path / "handed"
    released.ok("pull", "MODEL=tiny@v1.0.0", f"TO={target}")
    (target / "tiny" / "notes.txt").write_text("mine")

    result = released.ok("pull", f"TO={target}")

    assert f"pull: tiny/notes.txt: extra, moved to {QUARANTINE}/tiny/notes.txt\n" in result.out
    assert quarantined(released) == {"tiny/notes.txt": b"mine"}
    assert sorted(os.listdir(target)) == ["tiny"]


def test_a_hand_over_that_was_killed_between_its_renames_loses_nothing(added_online):
    target = added_online.path / "handed"
    added_online.ok("pull", f"TO={target}")
    (target / "tiny").rename(target / ".tiny.old")
    (target / ".tiny.old" / "notes.txt").write_text("mine")
    added_online.ok("pull", f"TO={added_online.path / 'other'}")
    (added_online.path / "other" / "tiny").rename(target / "tiny")

    added_online.ok("pull", f"TO={target}")

    assert quarantined(added_online) == {"tiny/notes.txt": b"mine"}
    assert sorted(os.listdir(target)) == ["tiny"]


@pytest.mark.slow
def test_a_hand_over_mends_a_copy_that_is_damaged(added):
    target = added.path / "handed"
    added.ok("pull", f"TO={target}")
    (target / "tiny" / "config.json").write_bytes(b"bad")

    result = added.ok("pull", f"TO={target}")

    assert f"pull: tiny/config.json: changed, moved to {QUARANTINE}/tiny/config.json" in result.out
    assert (target / "tiny" / "config.json").read_bytes() == PINNED["config.json"]


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_hand_over_takes_the_place_of_a_link_or_a_known_file_and_goes_on(added, kind):
    target = added.path / "handed"
    target.mkdir()
    if kind == "link":
        (target / "tiny").symlink_to("nowhere")
    else:
        (target / "tiny").write_bytes(PINNED["config.json"])

    added.ok("pull", f"TO={target}")

    assert sorted(os.listdir(target)) == ["tiny"]
    assert added.ok("pull", f"TO={target}").out.startswith("tiny: up to date")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["MODEL=tiny@v1.0.0 tiny@v1.1.0"], "two versions of tiny; pull them one by one"),
        (["MODEL=tiny@v1.0.0", "STAGE=prod"], "two versions: 'tiny@v1.0.0' in MODEL and STAGE='prod'; give one"),
    ],
)
def test_a_pull_that_names_two_versions_of_a_model_is_refused(released, words, said):
    assert said in released.refused("pull", *words, f"TO={released.path / 'handed'}")


@pytest.mark.slow
def test_a_pull_of_a_model_in_the_folder_of_another_is_refused(released):
    released.ok("rename", "MODEL=tiny", "NAME=two")
    track(released, "tiny/inner")

    said = released.refused("pull", "MODEL=tiny@v1.0.0 tiny/inner", f"TO={released.path / 'handed'}")

    assert "pull: tiny/inner lies in the folder of tiny; pull them one by one" in said


@pytest.mark.slow
def test_an_update_that_goes_on_refuses_what_was_made_meanwhile(stopped):
    edit(stopped.weights() / "config.json", b"mine\n")
    (stopped.weights() / "notes.txt").write_text("mine\n")

    said = stopped.make("update").said

    assert "exists nowhere else; keep it" in said
    assert stopped.on_disk()["notes.txt"] == b"mine\n"
    assert stopped.on_disk()["config.json"] == b"mine\n"


@pytest.mark.slow
@pytest.mark.parametrize("meanwhile", ["removed", "edited in the same length", "pulled back"])
def test_an_add_that_goes_on_takes_nothing_for_the_new_weights_that_is_not(stopped, meanwhile):
    if meanwhile == "removed":
        forget_weights(stopped, cache=True)
    elif meanwhile == "edited in the same length":
        edit(stopped.weights() / "config.json", PINNED["config.json"])  # the old version, which the remote has
    else:
        stopped.git("checkout", "--quiet", "HEAD", "--", "models")
        stopped.ok("pull")

    stopped.ok("update")

    assert stopped.on_disk()["config.json"] == b'{"hidden_size": 8}\n'
    stopped.ok("verify", "DEEP=1")
    assert stopped.git("status", "--porcelain") == ""


@pytest.mark.parametrize("words", [["update"], ["pull"], ["free", "DEEP=1"], ["remove", "MODEL=tiny"]])
def test_a_file_made_while_a_command_is_at_work_is_kept(added_online, hub, words):
    newer(hub)
    if words == ["pull"]:
        (added_online.weights() / "config.json").unlink()
    meanwhile(added_online, f"open({str(added_online.weights() / 'notes.txt')!r}, 'w').write('mine')")

    result = added_online.ok(*words)

    assert quarantined(added_online) == {"tiny/notes.txt": b"mine"}
    assert f"tiny/notes.txt: extra, moved to {QUARANTINE}/tiny/notes.txt" in result.said


@pytest.mark.parametrize("bad", [b"", PINNED["config.json"][:-2] + b"!\n"])
def test_a_damaged_object_on_the_remote_is_no_copy(added_online, bad):
    (old,) = {path for path in added_online.objects().values() if path.read_bytes() == PINNED["config.json"]}
    old.chmod(0o644)
    old.write_bytes(bad)
    for path in (added_online.clone / ".dvc" / "cache").rglob("*"):
        if path.is_file():
            path.unlink()

    said = added_online.refused("remove", "MODEL=tiny")

    assert "models/tiny/config.json exists nowhere else" in said
    assert added_online.on_disk() == PINNED


def test_a_damaged_object_in_the_cache_is_no_copy(added):
    path = added.weights() / "config.json"
    data = path.read_bytes()
    edit(path, data)
    (held,) = [
        each
        for each in (added.clone / ".dvc" / "cache" / "files").rglob("*")
        if each.is_file() and each.read_bytes() == data
    ]
    held.chmod(0o644)
    held.write_bytes(data[:-1] + b"!")
    for each in added.objects().values():
        each.unlink()

    assert "config.json exists nowhere else" in added.refused("remove", "MODEL=tiny")


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["track", "rename"])
def test_a_name_that_is_the_path_of_another_is_refused(tracked, verb):
    words = ["NAME=models/mine", "DIR=../weights"] if verb == "track" else ["MODEL=mine", "NAME=models/mine"]

    assert "not a name for a model: 'models/mine'" in tracked.refused(verb, *words)


def test_weights_that_are_called_as_a_temporary_file_are_tracked(world):
    world.weights("mine").mkdir()
    for name in ("w.bin", ".notes.md.tmp", ".w.dvc.tmp"):
        (world.weights("mine") / name).write_text(name)

    world.ok("track", "NAME=mine")

    assert sorted(world.on_disk("mine")) == [".notes.md.tmp", ".w.dvc.tmp", "w.bin"]


@pytest.mark.slow
def test_what_a_kill_leaves_beside_the_pins_of_a_group_is_removed(world):
    track(world, "group/one")
    left = [world.clone / "models" / path for path in (".README.md.tmp", "group/.two.dvc.tmp")]
    for path in left:
        path.write_text("a part")

    world.ok("pull")

    assert not any(path.exists() for path in left)


@pytest.mark.slow
def test_a_pin_of_plain_dvc_is_not_renamed_since_it_has_no_files(world):
    world.weights("plain").mkdir()
    (world.weights("plain") / "a.bin").write_text("1")
    assert world.dvc("add", "models/plain").code == 0
    world.git("add", "models/plain.dvc")
    world.git("commit", "--quiet", "--message", "Plain")
    before = world.state()

    assert "plain: pinned by plain dvc add, so without sha256" in world.refused("rename", "MODEL=plain", "NAME=other")

    assert world.state() == before


@ROOT_ONLY
@pytest.mark.parametrize("verb", ["free", "remove"])
def test_what_cannot_be_removed_is_not_called_removed(added, verb):
    victim = added.weights() / "nested" / "tokenizer.json"
    if subprocess.run(["chattr", "+i", str(victim)], check=False, capture_output=True).returncode:
        pytest.skip("this file system has no file that cannot be removed")
    try:
        said = added.refused(verb, "MODEL=tiny", *(["DEEP=1"] if verb == "free" else []))
    finally:
        moved = added.clone / ".dvc" / "tmp" / "staging" / "tiny" / "old" / "nested" / "tokenizer.json"
        subprocess.run(["chattr", "-i", str(moved if moved.exists() else victim)], check=True)

    assert "Operation not permitted" in said
    added.ok(verb, "MODEL=tiny", *(["DEEP=1"] if verb == "free" else []))
    assert not added.weights().exists()


@pytest.mark.parametrize("words", [["free", "DEEP=1"], ["remove", "MODEL=tiny"]])
def test_a_removal_that_was_killed_goes_on_and_leaves_nothing(added, words):
    old = added.clone / ".dvc" / "tmp" / "staging" / "tiny" / "old"
    old.parent.mkdir(parents=True)
    added.weights().rename(old)
    (old / "notes.txt").write_text("mine")
    assert "notes.txt" in added.make(*words).said
    (added.weights() / "notes.txt").unlink()

    added.ok(*words)

    assert not old.parent.exists()
    assert not added.weights().exists()


def test_remove_says_what_the_remote_lacks(added):
    next(iter(added.objects().values())).unlink()

    said = added.ok("remove", "MODEL=tiny").out

    assert "; 1 of its 4 objects not on the remote, the others stay there; its pin: git revert --no-edit " in said


@pytest.mark.slow
def test_remove_of_a_pin_that_was_never_committed_promises_nothing(online):
    hook = refuse_commits(online)
    assert online.make("add", f"MODEL={MODEL}").code == 2
    hook.unlink()

    assert online.ok("remove", "MODEL=tiny").out.endswith("its objects stay on the remote; no Git commit has its pin\n")


@pytest.mark.slow
def test_a_file_in_the_place_of_weights_is_kept_and_replaced(added):
    forget_weights(added, cache=False)
    added.weights().write_text("only here")
    said = added.make("verify").out
    assert "tiny/.: changed (not a folder)" in said
    assert "0 of 3 files on disk" in said

    added.ok("pull")

    assert added.on_disk() == PINNED
    assert [*quarantined(added).values()] == [b"only here"]
    added.ok("pull")
    added.ok("verify", "DEEP=1")


def test_a_file_in_the_place_of_a_folder_of_weights_is_named(added):
    for path in (added.weights() / "nested").iterdir():
        path.unlink()
    (added.weights() / "nested").rmdir()
    (added.weights() / "nested").write_text("only here")

    said = added.make("verify").out

    assert "tiny/nested: extra" in said
    assert "tiny/nested/tokenizer.json: missing" in said


@pytest.mark.slow
def test_a_pin_in_the_folder_of_another_model_is_named_and_left_alone(tracked):
    track(tracked, "group/two")
    tracked.git("mv", "models/mine.dvc", "models/group.dvc")
    pin = tracked.pin("group")
    pin.write_text(pin.read_text().replace("path: mine", "path: group"))

    for words in (["verify"], ["pull"]):
        said = tracked.make(*words).out
        assert said.count("'group' is a model, so it cannot contain 'group/two'; move that pin away: git mv") == 2

    assert tracked.pin("group/two").exists()


def test_an_object_that_goes_while_it_is_placed_leaves_no_link_to_nowhere(added):
    forget_weights(added, cache=False)
    hook = added.clone / "scripts" / "sitecustomize.py"
    hook.write_text(
        "import os\n\n\ndef link(source, *_, **__):\n    os.unlink(source)\n"
        "    raise FileNotFoundError(2, 'gone', str(source))\n\n\nos.link = link\n"
    )

    assert added.make("pull").code == 2

    assert not added.weights().exists()
    hook.unlink()
    added.ok("pull")
    assert added.on_disk() == PINNED


PRECIOUS = b"precious\n"


@pytest.mark.slow
def test_what_was_written_through_a_link_into_the_cache_is_kept(world):
    settings(world, "[cache]\n    type = symlink\n", local=True)
    track(world, "one")
    path = world.weights("one") / "a.bin"
    assert path.is_symlink()
    path.chmod(0o644)
    path.write_bytes(PRECIOUS)

    world.ok("pull")

    assert path.read_text() == "one"
    assert PRECIOUS in quarantined(world).values()


@pytest.mark.slow
def test_the_copy_that_the_readme_says_to_edit_shares_nothing_with_the_cache(world):
    settings(world, "[cache]\n    type = symlink\n", local=True)
    track(world, "one")
    command = re.search(r"copy them first: `([^`]+)`", (ROOT / "README.md").read_text(encoding="utf-8"))[1]

    world.run("sh", "-c", command.replace("NAME", "one"))

    (world.clone / "work" / "a.bin").write_bytes(PRECIOUS)
    assert world.on_disk("one") == {"a.bin": b"one"}


@pytest.mark.slow
def test_rename_goes_on_with_what_a_stopped_pull_set_aside(tracked):
    tracked.git("rm", "--quiet", "models/mine.dvc")
    tracked.git("commit", "--quiet", "--message", "Remove")
    old = tracked.clone / ".dvc" / "tmp" / "staging" / "mine" / "old"
    old.parent.mkdir(parents=True)
    tracked.weights("mine").rename(old)
    (old / "notes.txt").write_bytes(PRECIOUS)

    said = tracked.make("rename", "MODEL=tiny", "NAME=mine").said

    assert "models/mine has no pin; keep it" in said
    assert (tracked.weights("mine") / "notes.txt").read_bytes() == PRECIOUS


@pytest.mark.parametrize("words", [["free", "DEEP=1"], ["remove", "MODEL=tiny"], ["pull"]])
def test_weights_that_are_saved_anew_while_a_command_is_at_work_are_kept(added, words):
    if words == ["pull"]:
        (added.weights() / "nested" / "tokenizer.json").unlink()
    config = str(added.weights() / "config.json")
    meanwhile(added, f"os.unlink({config!r}); open({config!r}, 'wb').write({PRECIOUS!r})")

    added.ok(*words)

    assert quarantined(added) == {"tiny/config.json": PRECIOUS}


@pytest.mark.slow
def test_the_quarantine_takes_whatever_comes_under_a_name_that_it_has(added):
    user = added.path / "user"
    user.mkdir()
    forget_weights(added, cache=False)
    added.weights().symlink_to(user)
    added.ok("pull")
    for write in (
        lambda: (added.weights() / "sub").write_bytes(b"1"),
        lambda: ((added.weights() / "sub").mkdir(), (added.weights() / "sub" / "x").write_bytes(b"2")),
        lambda: (added.weights() / "sub").write_bytes(b"3"),
    ):
        write()
        added.ok("pull")
        assert added.on_disk() == PINNED

    assert sorted(os.listdir(user)) == []
    assert sorted(quarantined(added).values()) == [b"1", b"2", b"3"]


def test_a_hand_over_leaves_a_git_repository_alone(added):
    project = added.path / "handed" / "tiny"
    project.mkdir(parents=True)
    added.git("init", "--quiet", str(project))
    (project / "config.json").write_bytes(PRECIOUS)

    assert "nothing in it is this repository's" in added.make("pull", f"TO={project.parent}").out

    assert sorted(os.listdir(project)) == [".git", "config.json"]
    assert sorted(os.listdir(project.parent)) == ["tiny"]


@pytest.mark.slow
def test_a_hand_over_replaces_a_version_whose_files_had_other_names(tracked):
    target = tracked.path / "handed"
    tracked.ok("pull", "MODEL=mine", f"TO={target}")
    (target / "mine" / "log.txt").write_bytes(PRECIOUS)
    (tracked.path / "weights" / "a.bin").rename(tracked.path / "weights" / "b.bin")
    tracked.ok("track", "NAME=mine", "DIR=../weights")

    tracked.ok("pull", "MODEL=mine", f"TO={target}")

    assert os.listdir(target / "mine") == ["b.bin"]
    assert quarantined(tracked) == {"mine/log.txt": PRECIOUS}


@pytest.mark.parametrize("words", [["pull"], ["pull", "TO=../handed"]])
def test_a_pull_of_what_the_cache_has_needs_no_remote(added, words):
    forget_weights(added, cache=False)
    added.remote.rename(added.path / "away")

    assert "1 model good" in added.ok(*words).out


def test_a_pull_that_is_only_asked_what_it_would_do_names_a_broken_pin(added):
    added.pin("other").write_text(added.pin().read_text().replace("path: tiny", "path: other"))
    added.pin().write_text("outs: nothing\n")

    result = added.make("pull", "DRY=1")

    assert result.code == 2
    assert "pull: tiny: models/tiny.dvc is not a pin" in result.said
    assert "would pull other to " in result.out


@pytest.mark.slow
def test_an_add_that_stopped_goes_on_where_a_folder_has_become_a_file(online, hub):
    hub.commit("acme/other", {"a/b.txt": b"1", "a/c/d.txt": b"2", "z.txt": b"3"})
    hub.faults.append(Fault("/resolve/.*/z.txt", lambda answer: answer.status(503), times=None))
    assert "z.txt" in online.refused("add", "MODEL=acme/other", "TIMEOUT=0")
    hub.faults.clear()
    hub.commit("acme/other", {"a": b"4", "z.txt": b"3"})

    online.ok("add", "MODEL=acme/other")

    assert online.on_disk("other") == {"a": b"4", "z.txt": b"3"}


@pytest.mark.slow
def test_an_object_that_was_cut_short_on_the_remote_comes_from_the_hub_again(added_online):
    for path in added_online.objects().values():
        path.chmod(0o644)
        path.write_bytes(b"")
    forget_weights(added_online, cache=True)

    added_online.ok("add", "MODEL=acme/tiny")

    assert added_online.on_disk() == PINNED
    assert "4 of 4 objects on the remote (4 read)" in added_online.ok("verify", "DEEP=1").out


def test_what_a_swap_that_was_killed_left_beside_is_kept(added):
    left = added.clone / ".dvc" / "tmp" / "staging" / "tiny" / "old" / "notes.txt"
    left.parent.mkdir(parents=True)
    left.write_bytes(PRECIOUS)

    added.ok("pull")

    assert quarantined(added) == {"tiny/notes.txt": PRECIOUS}
    assert not left.parent.exists()


def test_no_git_commit_is_made_for_weights_that_went_to_the_remote_before_this_one(added_online, hub):
    """Another remote is set, and committed, while the weights come."""
    hub.commit("acme/other", {"config.json": b"{}"})

    def move(_):
        added_online.ok("remote", "URL=../another")
        added_online.git("commit", "--quiet", "--all", "--message", "Set the remote")
        added_online.ok("push")

    hub.faults.append(Fault("GET /acme/other/resolve", move))

    said = added_online.refused("add", "MODEL=acme/other")

    assert "add: nothing was committed, since DVC's settings changed meanwhile; run the same command again" in said
    added_online.ok("add", "MODEL=acme/other")
    assert "verified 2 pins" in added_online.ok("verify", "DEEP=1").out


def test_no_git_commit_is_made_for_weights_that_changed_before_they_went_up(added):
    """As a program would change them that keeps their size and time, when their pin is there."""
    before, hook = added.head(), added.clone / "scripts" / "sitecustomize.py"
    (added.path / "weights").mkdir()
    (added.path / "weights" / "a.bin").write_bytes(b"one")
    hook.write_text(
        "import os, pathlib\nreal = pathlib.Path.replace\n\n\ndef replace(self, target):\n"
        "    if target.name == 'mine.dvc':\n"
        f"        path = pathlib.Path({str(added.weights('mine') / 'a.bin')!r})\n        status = path.stat()\n"
        "        path.chmod(0o644)\n        path.write_bytes(b'two')\n        path.chmod(status.st_mode)\n"
        "        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))\n"
        "    return real(self, target)\n\n\npathlib.Path.replace = replace\n"
    )

    said = added.refused("track", "NAME=mine", "DIR=../weights")

    assert "track: mine/a.bin: changed in the cache (" in said
    assert said.endswith("; nothing was committed; run the same command again")
    assert added.head() == before
    hook.unlink()
    shutil.rmtree(added.weights("mine"))
    added.ok("track", "NAME=mine", "DIR=../weights")
    assert "verified 2 pins" in added.ok("verify", "DEEP=1").out


def test_a_staging_folder_that_is_removed_in_part_has_no_pin(monkeypatch, tmp_path):
    monkeypatch.setattr(staging, "ROOT", tmp_path)
    (tmp_path / "tiny").mkdir()
    for name in ("plan", "pin"):
        (tmp_path / "tiny" / name).touch()
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)  # as where a kill comes first

    staging.discard("tiny")

    assert not list((tmp_path / "tiny").iterdir())


@pytest.fixture
def area(monkeypatch, tmp_path) -> Path:
    """The folders of a clone for what is called in this process: models, staging, quarantine and cache."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(names, "MODELS", tmp_path / "models")
    for module in (staging, quarantine):
        monkeypatch.setattr(module, "ROOT", tmp_path / module.__name__)
    monkeypatch.setattr(cache, "location", lambda: tmp_path / "cache")
    names.MODELS.mkdir()
    return tmp_path


def test_another_plan_takes_away_the_pin_of_the_one_before(area):
    """Else the files of both would be pinned by the first, if its command is typed again after a kill."""
    staging.finish(pin.build("tiny", {}))

    staging.start("tiny", {"config.json": "newer"})

    assert staging.finished("tiny") is None


def test_weights_take_the_place_of_a_link_that_leads_nowhere(area):
    names.weights_dir("tiny").symlink_to("nowhere")
    staging.new("tiny").mkdir(parents=True)

    staging.swap("tiny", staging.new("tiny"))

    assert not names.weights_dir("tiny").is_symlink()
    assert (staging.folder("tiny") / "old").readlink() == Path("nowhere")


def test_a_folder_that_weights_are_a_link_to_is_left_alone(area):
    theirs = area / "theirs"
    theirs.mkdir()
    (theirs / "a.bin").write_bytes(PRECIOUS)
    names.weights_dir("tiny").symlink_to(theirs)
    staging.new("tiny").mkdir(parents=True)
    staging.swap("tiny", staging.new("tiny"))

    staging.settle("tiny", {})

    assert (theirs / "a.bin").read_bytes() == PRECIOUS


def test_a_swap_that_was_killed_is_undone_though_the_folder_of_the_group_is_gone(area):
    old = staging.folder("group/tiny") / "old"
    old.mkdir(parents=True)
    (old / "config.json").write_bytes(PRECIOUS)

    staging.recover("group/tiny")

    assert (names.weights_dir("group/tiny") / "config.json").read_bytes() == PRECIOUS


def test_what_was_written_under_the_name_of_a_pinned_file_is_kept(area, monkeypatch):
    monkeypatch.setattr(dvc, "remember", lambda _: None)
    path = names.weights_dir("tiny") / "config.json"
    path.parent.mkdir()
    path.write_bytes(b"{}")
    pin.path_of("tiny").write_text(pin.dump(pin.build("tiny", {path.name: digest.of_file(path, ("md5", "sha256"))})))
    path.write_bytes(PRECIOUS)
    staging.files("tiny").mkdir(parents=True)

    staging.place(pin.build("tiny", {}), lambda _: ())

    assert (quarantine.ROOT / "tiny" / path.name).read_bytes() == PRECIOUS


def test_a_damaged_object_is_not_shared_and_goes(area):
    path = area / "config.json"
    path.write_bytes(b"{}")
    file = digest.of_file(path, ("md5", "sha256"))
    cache.keep_bytes(b"{]", file.md5)

    cache.share(path, file, area / "part")

    assert path.read_bytes() == b"{}"
    assert cache.has(path, file) or not cache.object_path(file.md5).exists()  # as `cache.type` in this repository says


def test_a_link_to_an_object_that_is_gone_is_not_set_aside(area):
    oid = "0" * 32
    names.weights_dir("tiny").mkdir()
    (names.weights_dir("tiny") / "config.json").symlink_to(cache.object_path(oid))

    assert quarantine.keep_object(oid, "tiny", "config.json") is None


def test_a_pin_without_files_matches_no_weights(area):
    assert destination.check_replaceable("tiny", lambda _: (), pin.Pin("tiny", "0" * 32, 1, 1)) is None


@pytest.mark.parametrize("write", ["again", "more", "over it"])
def test_a_file_that_was_written_since_it_was_looked_at_is_another(tmp_path, write):
    path, before = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"1")
    before = path.stat()
    if write == "over it":
        path.rename(tmp_path / "old")
    path.write_bytes(b"2" if write != "more" else b"12")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + (write == "again")))

    assert not weights.is_as_before(path, before)


def test_a_file_that_is_gone_is_not_as_before(tmp_path):
    assert not weights.is_as_before(tmp_path / "gone", tmp_path.stat())


@pytest.mark.timeout(9)
def test_a_quarantine_may_be_a_link_to_another_disk(area):
    """A command looked for a free place without end."""
    (area / "disk").mkdir()
    quarantine.ROOT.symlink_to("disk")
    path = area / "notes.txt"
    path.write_bytes(PRECIOUS)

    kept = quarantine.keep(path, "tiny", path.name)

    assert kept.resolve() == area / "disk" / "tiny" / path.name


def test_an_object_that_the_cache_lacks_is_not_damaged(area):
    item = inventory.Item("0" * 32, digest.File(1, "0" * 32), "tiny", "config.json")

    assert cache.check([item], names.weights_dir("tiny"), ()) == []


def test_a_download_that_is_told_to_stop_keeps_what_has_come(area):
    file, stop = HubFile("config.json", 2, "0" * 40, None, None), threading.Event()
    shot = Snapshot(MODEL, "main", "0" * 40, (file,), "", (), *[None] * 5)
    part = staging.files("tiny") / file.path
    part.parent.mkdir(parents=True)
    part.write_bytes(b"{")
    stop.set()

    with pytest.raises(Failure, match="stopped"):
        bring._Fetch("tiny", shot, {})._checked(Xet(shot), digest.unwatched, stop, file)

    assert part.read_bytes() == b"{"


@pytest.mark.parametrize("other", [{"commit": "1" * 40}, {"md5": "1" * 32}])
def test_another_pin_than_that_of_a_stopped_add_is_not_said_to_be_its(area, monkeypatch, other):
    monkeypatch.setattr(history, "ROOT", area)
    made = pin.build("tiny", {}, source=MODEL, revision="main", commit="0" * 40)
    staging.finish(made)

    assert "tiny: its add was stopped before the Git commit" in staging.stopped(made)
    assert staging.stopped(replace(made, **other)) is None


def test_what_is_linked_from_the_cache_is_no_part_of_a_download(area):
    """Else it would be taken off the space that the rest needs."""
    remote, size, path = SimpleNamespace(is_folder=False), 1 << 43, staging.files("tiny") / "a.bin"
    path.parent.mkdir(parents=True)
    path.touch()
    os.truncate(path, size)
    bring._check_space("tiny", size, (), remote)

    os.link(path, area / "object")

    with pytest.raises(Failure, match="tiny needs"):
        bring._check_space("tiny", size, (), remote)

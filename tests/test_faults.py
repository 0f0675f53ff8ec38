"""What a crash leaves behind, and what goes wrong on a machine: each is mended, or named with what to type."""

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import threading
from contextlib import suppress

import pytest
from conftest import (
    FILES,
    MODEL,
    PINNED,
    ROOT_ONLY,
    World,
    add_hook,
    copy,
    forget_the_user,
    furnish,
    heeds_permissions,
    in_place_of,
    mounted,
    settings,
    track,
)
from hub import Fault

from lib.core import digest, paths
from lib.core.errors import Failure
from lib.model.inventory import Item
from lib.remote.folder import Folder

pytestmark = pytest.mark.slow

# What a crash leaves behind.


def test_an_empty_pin_is_named_and_nothing_is_deleted(added):
    added.pin().write_bytes(b"")

    result = added.make("pull")

    assert result.code == 2
    assert "models/tiny.dvc is empty; restore it: git checkout HEAD -- models/tiny.dvc" in result.out
    assert added.on_disk() == PINNED
    added.git("checkout", "--", "models/tiny.dvc")
    assert added.ok("pull").code == 0


def test_an_empty_pin_stops_no_add_of_another_model_and_is_not_committed(added_online, hub):
    hub.commit("acme/other", {"config.json": b"{}"})
    added_online.pin().write_bytes(b"")

    added_online.ok("add", "MODEL=acme/other")

    assert added_online.git("show", "--name-only", "--format=", "HEAD").split() == [
        "models/README.md",
        "models/other.dvc",
    ]
    assert (
        "models/tiny.dvc is empty; restore it: git checkout HEAD -- models/tiny.dvc" in added_online.make("verify").out
    )


def test_a_lock_of_dvc_that_a_killed_process_holds_is_cleared_away(world):
    killed = subprocess.Popen(["sleep", "60"])
    killed.kill()  # but not waited for, as in many containers
    (world.clone / ".dvc" / "tmp").mkdir(exist_ok=True)
    held = {"write": {str(world.weights("mine")): {"pid": killed.pid, "cmd": "dvc add"}}}
    (world.clone / ".dvc" / "tmp" / "rwlock").write_text(json.dumps(held))

    track(world, "mine")

    assert killed.poll() is not None


def test_a_lock_of_dvc_that_a_process_holds_is_left_alone(tracked):
    holder = subprocess.Popen(["sleep", "60"])
    held = {"write": {str(tracked.weights("mine")): {"pid": holder.pid, "cmd": "dvc add"}}}
    (tracked.clone / ".dvc" / "tmp" / "rwlock").write_text(json.dumps(held))
    (tracked.weights("mine") / "b.bin").write_text("more")

    result = tracked.make("track", "NAME=mine")

    holder.kill()
    holder.wait()
    assert result.code == 2
    assert "is busy, it is being blocked by" in result.err


@pytest.mark.parametrize("content", [b'{"/x": {"re', b"\xff"])
def test_an_unreadable_lock_of_dvc_is_cleared_away(world, content):
    (world.clone / ".dvc" / "tmp").mkdir(exist_ok=True)
    (world.clone / ".dvc" / "tmp" / "rwlock").write_bytes(content)

    track(world, "mine")

    assert world.on_disk("mine") == {"a.bin": b"mine"}


def test_temporary_files_of_dvc_and_ours_are_cleared_away(added):
    objects = added.clone / ".dvc" / "cache" / "files" / "md5"
    left = [objects / "ab" / ".aaaaaaaaaaaaaaaaaaaaaa.tmp", objects / "ab" / "cd.dir.aaaaaaaaaaaaaaaaaaaaaa.tmp"]
    left += [added.clone / "models" / ".tiny.dvc.tmp", added.clone / ".dvc" / "cache" / "incoming" / "ab"]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"part")
    os.utime(left[-1], (0, 0))  # a newer one is what the next pull goes on with
    (left[-1].parent / "aa").symlink_to("/nowhere")  # is none of ours, and stops nothing

    added.ok("pull")

    assert [path.name for path in left if path.exists()] == []


def test_a_new_temporary_file_in_a_cache_that_a_link_leads_to_is_left_to_its_clone(added):
    cache = added.clone / ".dvc" / "cache"
    cache.rename(added.path / "shared")
    cache.symlink_to(added.path / "shared")
    left = cache / "files" / "md5" / "ab" / ".aaaaaaaaaaaaaaaaaaaaaa.tmp"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"part")

    added.ok("pull")

    assert left.exists()


def test_a_temporary_file_in_the_weights_is_put_aside(added):
    (added.weights() / ".aaaaaaaaaaaaaaaaaaaaaa.tmp").write_bytes(b"part")

    added.ok("pull")

    assert added.on_disk() == PINNED


def test_an_empty_object_under_its_final_name_is_mended_in_cache_and_remote(added):
    shutil.rmtree(added.weights())
    for top in (added.clone / ".dvc" / "cache", added.remote):
        victim = max(top.glob("files/md5/*/*"), key=lambda path: path.stat().st_size)
        data = victim.read_bytes()
        victim.unlink()
        victim.write_bytes(b"" if top != added.remote else data)

    added.ok("pull")

    assert added.on_disk() == PINNED


def test_a_stale_index_lock_is_named_with_what_to_type(online):
    (online.clone / ".git" / "index.lock").touch()

    line = online.refused("add", f"MODEL={MODEL}", PATH=in_place_of(online, "sleep", "exit"))

    assert (
        "add: another Git command is running, or one was killed; if none is running: rm .git/index.lock, then" in line
    )
    (online.clone / ".git" / "index.lock").unlink()
    online.ok("add", f"MODEL={MODEL}")


def test_a_lock_of_git_that_goes_within_a_moment_is_waited_for(added):
    path = added.clone / ".git" / "index.lock"
    path.touch()
    threading.Timer(0.5, path.unlink).start()

    added.ok("remove", "MODEL=tiny")


def test_a_lock_of_git_that_comes_after_the_check_is_waited_for_too(added):
    path = added.clone / ".git" / "index.lock"
    path.touch()
    for page in ("page.commit", "page.index"):
        (added.path / page).touch()
    threading.Timer(0.5, path.unlink).start()

    done = added.run("bash", "scripts/lib/shell/git.sh", "commit", str(added.path), "A removal", "", "tiny")

    assert done.code == 0, done.said


# What goes wrong on a machine.


@ROOT_ONLY
def test_models_on_a_disk_of_its_own_is_refused_before_the_first_byte(added):
    models = added.clone / "models"
    shutil.copytree(models, added.path / "models")
    with mounted(models):
        shutil.copytree(added.path / "models", models, dirs_exist_ok=True)
        added.ok("pull")
        (added.weights() / "config.json").unlink()

        said = added.make("pull").out, added.refused("track", "NAME=other")

    for line in said:
        assert "models/ is its own disk, so no model can be moved there in one step; put the whole clone there" in line


@ROOT_ONLY
def test_a_disk_too_small_for_the_model_is_named_before_the_first_byte(online, hub):
    small = World(online.path.parent / "small disk", dict(online.env))
    with mounted(small.path, "-o", "size=20M"):
        copy(online, small)
        hub.commit("acme/big", {"a.bin": os.urandom(8 << 20), "b.bin": os.urandom(8 << 20)})

        line = small.refused("add", "MODEL=acme/big")

        assert line.startswith("add: not enough disk space: big needs 33.6 MB, ")
        assert line.endswith("; free some, or drop weights that the remote holds: make free")
        assert not any("/resolve/" in request.path for request in hub.requests)


@ROOT_ONLY
def test_an_update_needs_no_space_for_what_the_folder_on_the_same_disk_has(online, hub):
    small, data = World(online.path.parent / "small disk", dict(online.env)), os.urandom(8 << 20)
    with mounted(small.path, "-o", "size=26M"):
        copy(online, small)
        hub.commit("acme/big", {"a.bin": data, "config.json": b"{}"})
        small.ok("add", "MODEL=acme/big")
        assert shutil.disk_usage(small.path).free < 8 << 20
        hub.commit("acme/big", {"a.bin": data, "config.json": b'{"new": 1}'})

        small.ok("update")

        assert small.on_disk("big")["config.json"] == b'{"new": 1}'


@ROOT_ONLY
def test_the_first_command_on_a_full_disk_breaks_no_later_one(added):
    small = World(added.path.parent / "small disk", dict(added.env))
    with mounted(small.path, "-o", "size=26M"):
        copy(added, small)
        for folder in [*small.clone.glob("scripts/**/__pycache__")]:
            shutil.rmtree(folder)
        for pages in range(1, 6):  # a file that is written in part is one that meets the end of the disk in the middle
            filler = small.path / "filler"
            filler.write_bytes(bytes(shutil.disk_usage(small.path).free - pages * 4096))
            small.make("verify")
            filler.unlink()

        assert "verified 1 pin" in small.ok("verify").out


@ROOT_ONLY
def test_a_disk_too_small_for_a_copy_of_our_own_weights_is_named_before_the_first_byte(world):
    big, small = world.path / "big", World(world.path.parent / "small disk", dict(world.env))
    with mounted(small.path, "-o", "size=20M"):
        copy(world, small)
        big.mkdir()
        (big / "a.bin").write_bytes(bytes(24 << 20))

        line = small.refused("track", "NAME=big", f"DIR={big}")

        assert line.startswith("track: not enough disk space: big needs 25.2 MB, ")
        assert not list(small.clone.glob(".dvc/tmp/staging/*"))
        small.ok("remote", f"URL={world.path / 'elsewhere'}")
        small.weights("big").mkdir()
        (small.weights("big") / "a.bin").write_bytes(bytes(12 << 20))
        small.ok("track", "NAME=big")  # in place, so without a copy


@ROOT_ONLY
def test_a_full_disk_on_which_dvc_cannot_open_its_state_is_named(added_online, hub):
    small = World(added_online.path.parent / "small disk", dict(added_online.env))
    with mounted(small.path, "-o", "size=20M"):
        copy(added_online, small)
        hub.commit(MODEL, {**FILES, "new.json": b"{}"})
        with suppress(OSError), (small.path / "rest").open("wb") as rest:
            rest.write(bytes(20 << 20))

        result = small.make("update")

        assert result.code == 2
        assert "update: tiny: DVC's state cannot be used (database or disk is full); fix that, then " in result.out


@ROOT_ONLY
def test_a_disk_of_the_cache_that_is_too_small_for_the_model_is_named_before_the_first_byte(online, hub):
    with mounted(online.path / "small disk", "-o", "size=4M"):
        online.git("config", "--file", ".dvc/config.local", "cache.dir", str(online.path / "small disk" / "cache"))
        hub.commit("acme/big", {"a.bin": os.urandom(8 << 20)})

        line = online.refused("add", "MODEL=acme/big")

        assert line.startswith("add: not enough disk space: big needs 8.4 MB, 4.2 MB free at ")
        assert line.endswith("; free some, or take a larger disk")
        assert not any("/resolve/" in request.path for request in hub.requests)
        online.weights("own").mkdir()
        (online.weights("own") / "a.bin").write_bytes(os.urandom(8 << 20))
        before = online.state()
        line = online.refused("track", "NAME=own")
        assert line.startswith("track: not enough disk space: own needs 8.4 MB, 4.2 MB free at ")
        assert online.state() == before


@ROOT_ONLY
def test_a_disk_too_small_for_a_pull_is_named_before_the_first_byte(added_online, hub):
    hub.commit("acme/big", {"a.bin": os.urandom(12 << 20)})
    added_online.ok("add", "MODEL=acme/big")
    other = added_online.second()
    cache = other.clone / ".dvc" / "cache"
    with mounted(cache, "-o", "size=4M"):
        line = other.refused("pull")

        assert line.startswith("pull: not enough disk space: 2 models need 12.7 MB, 4.2 MB free at ")
        assert line.endswith("; free some, or pull fewer models: MODEL=NAME")
        assert not list(cache.rglob("*"))
        other.ok("pull", "MODEL=tiny")
        subprocess.run(["mount", "-o", "remount,size=64M", str(cache)], check=True)
        other.ok("pull")
        assert len(other.on_disk("big")["a.bin"]) == 12 << 20


@ROOT_ONLY
def test_a_stopped_pull_needs_only_space_for_the_rest(added_online, hub):
    data = os.urandom(12 << 20)
    hub.commit("acme/big", {"a.bin": data})
    added_online.ok("add", "MODEL=acme/big")
    other = added_online.second()
    cache = other.clone / ".dvc" / "cache"
    with mounted(cache, "-o", "size=16M"):
        (cache / "incoming").mkdir()
        (cache / "incoming" / hashlib.md5(data, usedforsecurity=False).hexdigest()).write_bytes(data[: 8 << 20])

        other.ok("pull", "MODEL=big")

        assert other.on_disk("big") == {"a.bin": data}


@ROOT_ONLY
def test_a_folder_on_the_disk_of_the_cache_needs_space_for_both_unless_it_gets_links(added_online, hub):
    hub.commit("acme/big", {"a.bin": os.urandom(12 << 20)})
    added_online.ok("add", "MODEL=acme/big")
    other, small = added_online.second(), added_online.path / "small"
    settings(other, f"[cache]\n    dir = {small}/cache\n", local=True)
    words = "pull", "MODEL=big", f"TO={small}/srv"
    with mounted(small, "-o", "size=20M"):
        said = other.make(*words).out

        assert "pull: big: not enough disk space: big needs 25.2 MB, " in said
        assert "; free some, or link it to the cache: LINK=1\n" in said
        assert not list(small.rglob("incoming/*"))
        other.ok(*words, "LINK=1")
        shutil.rmtree(small / "srv")
        other.ok(*words, "LINK=1")  # though another 12.6 MB would not fit
        assert (small / "srv" / "big" / "a.bin").stat().st_nlink == 2


@ROOT_ONLY
def test_a_folder_and_a_cache_that_are_too_small_are_told_apart(added_online, hub):
    data = os.urandom(12 << 20)
    hub.commit("acme/big", {"a.bin": data, "b.bin": data})
    added_online.ok("add", "MODEL=acme/big")
    other, small = added_online.second(), added_online.path / "small"
    words, part = (
        ("pull", "MODEL=big"),
        small / "cache" / "incoming" / hashlib.md5(data, usedforsecurity=False).hexdigest(),
    )
    settings(other, f"[cache]\n    dir = {small}/cache\n", local=True)
    with mounted(small, "-o", "size=10M"):
        for more in ((f"TO={small}/srv", "LINK=1"), (f"TO={other.path}/srv",)):
            said = other.make(*words, *more).out
            assert "big needs 12.6 MB, 10.5 MB free at " in said
            assert "; free some, or pull fewer models: MODEL=NAME\n" in said
        part.parent.mkdir(parents=True)
        part.write_bytes(data[: 8 << 20])
        subprocess.run(["mount", "-o", "remount,size=16M", str(small)], check=True)
        other.ok(*words, f"TO={other.path}/srv")

    settings(other, "", local=True)
    with mounted(small, "-o", "size=10M"):
        for link in ("", "LINK=1"):
            said = other.make(*words, f"TO={small}/srv", *filter(None, [link])).out
            assert "big needs 25.2 MB, 10.5 MB free at " in said
            assert "; free some, or name another folder\n" in said


@pytest.mark.marathon
@ROOT_ONLY
def test_a_remote_that_is_full_before_the_last_byte_of_a_file_is_no_success(online, hub):
    content = os.urandom(300_000)  # one write, of which the disk takes only a part
    hub.commit("acme/big", {"a.bin": content})
    before, put = online.head(), Folder("storage", str(online.remote)).put
    with mounted(online.remote, "-o", "size=200K"):
        (online.remote / ".model-weights").write_text("a remote\n")

        line = online.refused("add", "MODEL=acme/big")

        assert line.startswith(f"add: not enough disk space: remote 'storage' ({online.remote}) needs 300.1 kB, ")
        assert line.endswith("; free some, or take a larger disk")
        file = digest.of_bytes(content)
        with pytest.raises(Failure, match="No space left on device"):  # as when others write there, too
            put(online.weights("big") / "a.bin", Item(file.md5, file, "big", "a.bin"), digest.unwatched)
        assert online.head() == before
        assert online.objects() == {}
        subprocess.run(["mount", "-o", "remount,size=400K", str(online.remote)], check=True)
        online.ok("add", "MODEL=acme/big")
        assert content in [path.read_bytes() for path in online.objects().values()]


def test_nothing_is_written_where_the_disk_of_the_remote_was(online, hub):
    """It goes while the weights come, and leaves the empty folder where it was mounted."""
    before = online.head()

    def unplug(_):
        online.remote.rename(online.path / "unplugged")
        online.remote.mkdir()

    hub.faults.append(Fault(f"GET /{MODEL}/resolve", unplug))

    said = online.refused("add", f"MODEL={MODEL}")

    assert "is not there, or its disk is not mounted" in said
    assert online.head() == before
    assert not list(online.remote.iterdir())
    online.remote.rmdir()
    (online.path / "unplugged").rename(online.remote)
    online.ok("add", f"MODEL={MODEL}")
    online.ok("verify", "DEEP=1")


@ROOT_ONLY
def test_a_folder_that_cannot_be_renamed_is_copied(tmp_path):
    (tmp_path / "old" / "inner").mkdir(parents=True)
    (tmp_path / "old" / "inner" / "a.bin").write_text("weights")
    (tmp_path / "old" / "link").symlink_to("inner/a.bin")
    with mounted(tmp_path / "disk"):
        paths.move(tmp_path / "old", tmp_path / "disk" / "new")

        assert (tmp_path / "disk" / "new" / "link").is_symlink()
        assert (tmp_path / "disk" / "new" / "link").read_text() == "weights"
        assert os.listdir(tmp_path / "disk") == ["new"]
        assert not (tmp_path / "old").exists()


@ROOT_ONLY
def test_weights_of_an_older_layer_of_a_container_are_replaced_renamed_and_dropped(added, tmp_path):
    """There, no folder can be renamed."""
    if heeds_permissions(tmp_path):
        pytest.skip("overlayfs needs all that root may do")
    for name in ("ours", "theirs"):
        track(added, name)
    added.ok("pull", "TO=../served")
    served = added.path / "served"
    for folder in (added.weights("ours"), served / "theirs"):
        (folder / "a.bin").unlink()
        (folder / "a.bin").write_text("written by hand")
    layers = [tmp_path / "upper", tmp_path / "work"]
    for layer in layers:
        layer.mkdir()
    options = f"lowerdir={added.path},upperdir={layers[0]},workdir={layers[1]}"
    with mounted(added.path, "-o", options, kind="overlay"):
        added.ok("pull")
        added.ok("pull", "TO=../served")
        added.ok("rename", "MODEL=tiny", "NAME=other")
        added.ok("remove", "MODEL=theirs")

        assert added.on_disk("other") == PINNED
        assert added.on_disk("ours") == {"a.bin": b"ours"}
        assert (served / "theirs" / "a.bin").read_text() == "theirs"
        assert len(list(added.clone.glob(".dvc/tmp/quarantine/*/a.bin"))) == 2
        assert sorted(path.name for path in (added.clone / "models").iterdir() if path.is_dir()) == ["other", "ours"]
        assert sorted(path.name for path in served.iterdir()) == ["ours", "theirs", "tiny"]
        added.ok("verify")


@ROOT_ONLY
def test_read_only_models_are_named(online):
    models = online.clone / "models"
    subprocess.run(["mount", "--bind", str(models), str(models)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(models)], check=True)

        line = online.refused("add", f"MODEL={MODEL}")

        assert line.startswith("add: models/ cannot be written to: ")
    finally:
        subprocess.run(["umount", str(models)], check=True)


def test_weights_are_copies_where_dvc_is_told_to_copy_first(added):
    added.git("config", "--file", ".dvc/config.local", "cache.type", "copy,hardlink")
    shutil.rmtree(added.weights())

    added.ok("pull")

    assert all(path.stat().st_nlink == 1 for path in added.weights().rglob("*.json"))


@ROOT_ONLY
def test_a_cache_on_another_file_system_is_linked_by_symlinks_and_said(online):
    with mounted(online.path / "fast disk", "-o", "size=64M"):
        online.git("config", "--file", ".dvc/config.local", "cache.dir", str(online.path / "fast disk" / "cache"))

        result = online.ok("add", f"MODEL={MODEL}")
        assert all(path.is_symlink() for path in online.weights().rglob("*.json"))
        assert online.dvc("status").code == 0
        shutil.rmtree(online.weights())
        pulled = online.ok("pull")

        assert "is on another file system, so weights are symbolic links into it" in result.err
        assert pulled.code == 0
        assert all(path.is_symlink() for path in online.weights().rglob("*.json"))
        assert online.on_disk() == PINNED
        assert "verified 1 pin, 3 of 3 files on disk" in online.ok("verify").out


@pytest.mark.marathon
@ROOT_ONLY
def test_what_comes_back_is_linked_to_a_cache_on_another_file_system(online, hub):
    with mounted(online.path / "fast disk", "-o", "size=64M"):
        online.git("config", "--file", ".dvc/config.local", "cache.dir", str(online.path / "fast disk" / "cache"))
        for tree in (FILES, {"config.json": b"{}"}, FILES, FILES | {"more.json": b"{}"}):
            hub.commit(MODEL, tree)
            online.ok("add", f"MODEL={MODEL}")

        assert online.on_disk() == PINNED | {"more.json": b"{}"}
        assert "verified 1 pin, 4 of 4 files on disk" in online.ok("verify", "DEEP=1").out


@pytest.mark.parametrize("named", ["", "remote = elsewhere"])
def test_a_clone_without_a_remote_is_told_how_to_set_one(added, named):
    (added.clone / ".dvc" / "config").write_text(f"[core]\n{named}\n")

    result = added.make("verify")

    assert result.code == 2
    assert "no remote is set; set one: make remote URL=s3://bucket/path" in result.said
    assert "Traceback" not in result.said


@pytest.mark.parametrize("verb", ["pull", "verify", "push"])
def test_settings_of_dvc_that_cannot_be_read_are_named(added, verb):
    (added.clone / ".dvc" / "config").write_text("[core\n")

    result = added.make(verb)

    assert result.code == 2
    assert "DVC's settings cannot be read (" in result.said
    assert "Traceback" not in result.said


@pytest.mark.parametrize(
    "words",
    [
        ("add", f"MODEL={MODEL}"),
        ("track", "NAME=mine", "DIR=models/tiny"),
        ("update", "REVISION=v2"),
        ("remove", "MODEL=tiny"),
        ("rename", "MODEL=tiny", "NAME=other"),
    ],
)
def test_no_user_email_is_named_before_anything_is_changed(added_online, words):
    forget_the_user(added_online)
    before = added_online.state()

    line = added_online.refused(*words)

    said = "Git does not know who you are; type: git config user.name NAME and git config user.email"
    assert line.startswith(f"{words[0]}: {said}")
    assert added_online.state() == before


def test_a_hook_that_refuses_the_commit_is_named_and_the_same_command_goes_on(online, hub):
    hook = add_hook(online, "#!/bin/sh\necho no commits today >&2\nexit 1\n")

    said = online.refused("add", f"MODEL={MODEL}")

    assert "no commits today" in said
    assert "add: git commit failed (see above); fix that and run the same command again" in said
    hook.unlink()
    online.ok("add", f"MODEL={MODEL}")
    assert online.git("status", "--porcelain") == ""
    assert sum("GET" in request.method and "/resolve/" in request.path for request in hub.requests) == len(PINNED)


def test_a_detached_head_and_a_dirty_index_are_no_matter(world):
    world.git("switch", "--quiet", "--detach")
    (world.clone / "README.md").write_text("mine\n")
    world.git("add", "README.md")

    track(world, "mine")

    assert world.git("log", "-1", "--format=%s") == "Add mine model\n"
    assert world.git("status", "--porcelain") == "M  README.md\n"


KINDS = ["merge", "cherry-pick", "revert", "rebase", "rebase --apply"]


@pytest.mark.parametrize(("kind", "refs"), [*((kind, "") for kind in KINDS), ("cherry-pick", "reftable")])
def test_a_merge_or_the_like_in_progress_is_named(world, kind, refs):
    if refs and world.run("git", "refs", "migrate", f"--ref-format={refs}").code != 0:
        pytest.skip("this Git keeps refs in files only")
    for branch, text in (("side", "one\n"), ("main", "two\n")):
        world.git("switch", "--quiet", *(["--create"] if branch == "side" else []), branch)
        (world.clone / "README.md").write_text(text)
        world.git("commit", "--quiet", "--all", "--message", branch)
    assert world.run("git", *kind.split(), "side").code != 0

    line = world.refused("track", "NAME=mine", "DIR=scripts")

    assert line.startswith(
        "track: a merge, rebase, cherry-pick or revert is in progress; finish it (git status says how)"
    )


def test_a_linked_worktree_is_a_clone_like_any_other(online):
    linked = World(online.path, dict(online.env))
    online.git("worktree", "add", "--quiet", "-b", "side", str(online.path / "linked"))
    furnish(online.path / "linked")

    result = linked.run("make", "add", f"MODEL={MODEL}", cwd=online.path / "linked")

    assert result.code == 0, result.said
    assert (online.path / "linked" / "models" / "tiny" / "config.json").read_bytes() == FILES["config.json"]
    assert linked.git("status", "--porcelain", cwd=online.path / "linked") == ""


def test_make_runs_from_another_folder(online):
    result = online.run("make", "-C", str(online.clone), "add", f"MODEL={MODEL}", cwd=online.path)

    assert result.code == 0, result.said
    assert online.on_disk() == PINNED


def test_a_umask_that_shuts_others_out_is_no_matter(online):
    result = online.run("bash", "-c", f"umask 077; make add MODEL={MODEL} && make pull && make verify")

    assert result.code == 0, result.said
    assert online.on_disk() == PINNED


@ROOT_ONLY
def test_what_only_tells_works_in_a_checkout_that_cannot_be_written_to(added):
    place = World(added.path / "read-only")
    (place.path / "home").mkdir(parents=True)
    place.clone.mkdir()
    subprocess.run(["mount", "--bind", "-o", "ro", str(added.clone), str(place.clone)], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", str(place.clone)], check=True)
    try:
        assert "verified 1 pin, 3 of 3 files on disk" in place.ok("verify", "OFFLINE=1").out
        assert "nothing was changed (DRY=1)" in place.ok("pull", "DRY=1").out
        place.ok("pull", "TO=../srv")
        assert list(map(str.split, place.make("doctor").out.splitlines()))[-1][1] == "leftovers:"
    finally:
        subprocess.run(["umount", "--lazy", str(place.clone)], check=True)
    assert (place.path / "srv" / "tiny" / "config.json").read_bytes() == PINNED["config.json"]


def test_a_venv_that_is_a_link_and_out_of_date_is_named(added):
    (added.clone / "scripts" / "requirements.txt").touch()

    line = added.refused("list")

    assert line.startswith("setup: .venv is a link to ")
    assert line.endswith("and out of date; renew it there, or remove the link: rm .venv")


@pytest.mark.marathon
def test_a_set_up_without_the_package_index_says_so(added):
    (added.clone / ".venv").unlink()

    line = added.refused("list", PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="0")

    assert line.startswith("setting up .venv from scripts/requirements.txt\nsetup: packages could not be installed (")
    assert line.endswith("; is the package index in reach? then run the same command again")


def test_a_git_that_cannot_write_objects_leaves_the_index_as_it_is(added):
    flag = shlex.quote(str(added.path / "flag"))
    once = f"[ $1 != hash-object ] || {{ [ ! -e {flag} ] && touch {flag}; }} || exit 1"

    result = added.make("remove", "MODEL=tiny", PATH=in_place_of(added, "git", once))

    assert result.code == 2
    assert (added.path / "flag").exists()
    assert added.git("ls-files", "models/tiny.dvc") == "models/tiny.dvc\n"

"""make export: a folder that is a remote and a Git bundle are all that a machine without a network needs."""

import os
import re
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import (
    MODEL,
    PINNED,
    ROOT,
    ROOT_ONLY,
    VICTIM,
    World,
    flip,
    furnish,
    in_place_of,
    mounted,
    start,
    track,
    victim,
)

NO_NETWORK = ["unshare", "--net"]  # the loopback is down there, too
WITHOUT = pytest.mark.skipif(
    subprocess.run([*NO_NETWORK, "true"], capture_output=True, check=False).returncode != 0, reason="needs unshare"
)


def disk(world: World) -> Path:
    return world.path / "a disk"


def over_there(world: World) -> World:
    """A machine that has nothing but the disk: the bundle is cloned, and the disk is its remote."""
    other = World(world.path / "over there")
    (other.path / "home").mkdir(parents=True)
    bundle = disk(world) / "clone.bundle"
    cloned = other.run(*NO_NETWORK, "git", "clone", "--quiet", str(bundle), str(other.clone), cwd=other.path)
    assert cloned.code == 0, cloned.said
    furnish(other.clone)
    return other


@WITHOUT
@pytest.mark.slow
def test_a_disk_is_all_that_a_machine_without_a_network_needs(added):
    said = added.ok("export", "TO=../a disk").out
    shutil.rmtree(added.remote)
    other = over_there(added)

    for words in (["remote", f"URL={disk(added)}"], ["pull"], ["verify", "DEEP=1"]):
        result = other.run(*NO_NETWORK, "make", *words)
        assert result.code == 0, result.said

    assert f"git clone '{disk(added)}/clone.bundle', and in it make remote URL='{disk(added)}' && make pull\n" in said
    assert other.on_disk() == PINNED
    assert other.head() == added.head()


@ROOT_ONLY
def test_a_disk_that_is_mounted_read_only_can_be_pulled_from(added):
    added.ok("export", "TO=../a disk")
    other = over_there(added)
    subprocess.run(["mount", "--bind", "-o", "ro", str(disk(added)), str(disk(added))], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", str(disk(added))], check=True)
    try:
        said = other.ok("remote", f"URL={disk(added)}").err
        assert "cannot be written to: make pull and make verify will work, make push will not" in said
        other.ok("pull")
        assert "4 of 4 objects on the remote (4 read)" in other.ok("verify", "DEEP=1").out
        assert "cannot be written to; nothing was changed" in added.refused("export", "TO=../a disk")
    finally:
        subprocess.run(["umount", "--lazy", str(disk(added))], check=True)


@WITHOUT
@pytest.mark.slow
@pytest.mark.parametrize("is_committed", [False, True])
def test_a_later_export_is_taken_over_as_the_page_says(added, is_committed):
    added.ok("export", "TO=../a disk")
    other = over_there(added)
    other.git("config", "user.name", "over there")
    other.git("config", "user.email", "over@example.com")
    commit = re.search("next: (git commit .*)", other.ok("remote", f"URL={disk(added)}").out)[1]
    assert not is_committed or other.run("bash", "-c", commit).code == 0
    track(added, "newer")
    added.ok("export", "TO=../a disk")

    pull, tags = re.findall("`(git (?:pull|fetch)[^`]*)`", (ROOT / ".github" / "MOVING.md").read_text())
    for command in (pull, "make pull", "make verify DEEP=1"):
        result = other.run(*NO_NETWORK, "bash", "-c", command)
        assert result.code == 0, result.said

    assert "verified 2 pins" in result.out
    added.ok("release", "MODEL=tiny", "VERSION=1.0.0")  # a tag alone: Git follows none in a bundle
    added.ok("export", "TO=../a disk")
    assert other.run("bash", "-c", f"{pull} && {tags}").code == 0
    assert other.git("tag").split() == ["tiny@v1.0.0"]


@pytest.mark.slow
def test_only_what_is_named_is_written_and_the_next_step_says_so(tracked):
    stash = tracked.clone / "README.md"
    stash.write_text("not for others\n")
    tracked.git("stash")

    said = tracked.ok("export", "TO=../a disk", "MODEL=mine").out

    assert said.endswith("&& make pull MODEL='mine'\n")
    assert len(list(disk(tracked).glob("files/md5/*/*"))) == 2
    assert "refs/stash" not in tracked.git("bundle", "list-heads", str(disk(tracked) / "clone.bundle"))


@pytest.mark.slow
@pytest.mark.marathon
def test_an_export_that_was_killed_is_completed_by_the_same_command(added):
    for moment in range(1, 5):
        exporting = start(added, "export", "TO=../a disk")
        while exporting.poll() is None and len(list(disk(added).rglob("*"))) < 3 * moment:
            pass
        os.killpg(exporting.pid, signal.SIGKILL)
        exporting.communicate()
    (disk(added) / ".clone.bundle.part").write_bytes(b"half a bundle")

    added.ok("export", "TO=../a disk")

    found = {path.read_bytes() for path in disk(added).glob("files/md5/*/*") if path.suffix != ".dir"}
    assert found == set(PINNED.values())
    assert sorted(path.name for path in disk(added).iterdir()) == [".model-weights", "clone.bundle", "files"]
    added.git("bundle", "verify", str(disk(added) / "clone.bundle"))


@pytest.mark.slow
def test_what_is_damaged_on_the_disk_is_written_again(added):
    added.ok("export", "TO=../a disk")
    flip(max(disk(added).glob("files/md5/*/*"), key=lambda path: path.stat().st_size))

    said = added.ok("export", "TO=../a disk", "DEEP=1").out

    assert f"export: tiny/{VICTIM}: changed on the remote (object " in said
    assert PINNED[VICTIM] in {path.read_bytes() for path in disk(added).glob("files/md5/*/*")}


def test_corrupt_bytes_are_not_written(added):
    shutil.rmtree(added.weights())
    flip(victim(added, "cache", "flipped"))

    result = added.make("export", "TO=../a disk")

    assert result.code == 2
    assert f"export: tiny/{VICTIM}: not on this machine" in result.out or "not uploaded" in result.out
    assert len(list(disk(added).glob("files/md5/*/*"))) == 2, "nor a listing that names them"
    assert not (disk(added) / "clone.bundle").exists()


@pytest.mark.slow
def test_the_bundle_of_another_repository_is_not_replaced_and_that_of_this_one_is(added):
    other = World(added.path / "other")
    (other.path / "home").mkdir(parents=True)
    other.run("git", "init", "--quiet", str(other.clone), cwd=other.path)
    who = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    other.git(*who, "commit", "--quiet", "--allow-empty", "--message", "x")
    common = added.git("rev-list", "--max-parents=0", "HEAD").strip()
    other.git("fetch", "--quiet", str(added.clone), f"{common}:refs/tags/common")
    disk(added).mkdir()
    theirs = disk(added) / "clone.bundle"
    other.git("bundle", "create", "--quiet", str(theirs), "HEAD", "--branches", "--tags")
    before = theirs.read_bytes()

    said = added.refused("export", "TO=../a disk")

    asked = "merge them if they are of this repository"
    advice = f"git pull --no-rebase '{theirs}' BRANCH; or name another folder: TO=…"
    assert said == f"export: {theirs} has commits that are not here; {asked}: {advice}"
    assert [path.name for path in disk(added).iterdir()] == ["clone.bundle"]
    assert theirs.read_bytes() == before
    theirs.unlink()
    added.ok("export", "TO=../a disk")
    added.git("commit", "--quiet", "--allow-empty", "--amend", "--message", "Another")
    added.ok("export", "TO=../a disk")
    assert added.head() in added.git("bundle", "list-heads", str(theirs))


def test_the_next_step_can_be_typed_as_it_stands(added):
    said = added.ok("export", "TO=../a $disk").out

    words = shlex.split(said.partition("over there: ")[2])
    assert words[:3] == ["git", "clone", f"{added.path}/a $disk/clone.bundle,"]
    assert f"URL={added.path}/a $disk" in words


@pytest.mark.parametrize("name", ["it's a disk", "disqué"])
def test_a_folder_that_could_not_be_set_as_a_remote_over_there_is_refused_at_once(added, name):
    said = added.refused("export", f"TO=../{name}")

    assert said.endswith("; DVC's config takes only ASCII characters, and no quotes")
    assert not (added.path / name).exists()


def test_a_disk_that_takes_no_large_file_is_said_to_be_such(added):
    said = added.run("bash", "-c", "ulimit -f 50; make export TO='../a disk'").said  # as FAT32, but above 50 KiB

    assert f"export: remote 'export' ({disk(added)}) failed: [Errno 27] File too large; run the same command" in said


@ROOT_ONLY
def test_a_disk_that_is_too_small_is_named_before_the_first_byte(added):
    with mounted(disk(added), "-o", "size=64K"):
        said = added.refused("export", "TO=../a disk")

        assert said.startswith(f"export: not enough disk space: remote 'export' ({disk(added)}) needs 102.")
        assert said.endswith(f" free at {disk(added)}; free some, or take a larger disk")
        assert not (disk(added) / "files").exists()


@pytest.mark.slow
def test_two_exports_at_once_do_not_write_one_bundle_together(added):
    """The first stops in the middle of its bundle until the second waits for it, or writes too."""
    inside, go = added.path / "inside", added.path / "go"
    inside.touch()
    wait = f'echo in >>"{inside}"; until [ -e "{go}" ]; do sleep 0.01; done'
    path = in_place_of(added, "git", f'case "$*" in *"bundle create"*) {wait};; esac')
    exports = [start(added, "export", "TO=../a disk", PATH=path) for _ in range(2)]
    while not inside.read_text():
        pass
    part = (disk(added) / ".clone.bundle.part").stat().st_ino

    while inside.read_text() == "in\n" and not re.search(rf"-> FLOCK .*:{part} ", Path("/proc/locks").read_text()):
        pass
    alone = inside.read_text() == "in\n"
    go.touch()

    assert [each.wait(60) for each in exports] == [0, 0]
    assert alone
    added.git("bundle", "verify", str(disk(added) / "clone.bundle"))


@pytest.mark.slow
def test_a_git_commit_that_comes_in_between_is_not_exported_without_its_weights(tracked):
    tracked.git("branch", "newer")
    tracked.git("status")  # else `git reset` would write every file, and make would renew .venv
    tracked.git("reset", "--quiet", "--hard", "HEAD~1")
    merge = f"{shutil.which('git')} merge --quiet --ff-only newer"
    path = in_place_of(tracked, "git", f'case "$*" in *"bundle create"*) {merge};; esac')

    said = tracked.refused("export", "TO=../a disk", PATH=path)

    assert said == "export: a Git commit changed pins while weights were written; run the same command again"
    assert not (disk(tracked) / "clone.bundle").exists()
    assert "holds 2 models" in tracked.ok("export", "TO=../a disk", PATH=path).out


def test_a_history_that_git_cannot_read_is_not_exported_without_a_word(added):
    (added.clone / "notes").write_text("of an older commit")
    for change in ("add", "rm"):
        added.git(change, "notes")
        added.git("commit", "--quiet", "--message", change)
    blob = added.git("rev-parse", "HEAD~1:notes").strip()
    (added.clone / ".git" / "objects" / blob[:2] / blob[2:]).unlink()

    line = added.refused("export", "TO=../a disk")

    assert line.startswith("export: git bundle failed: ")
    assert not list(disk(added).glob("*.bundle"))


def shallow(world: World) -> str:
    world.git("clone", "--quiet", "--depth", "1", f"file://{world.clone}", "../shallow")
    shutil.rmtree(world.clone / ".git")
    shutil.move(world.path / "shallow" / ".git", world.clone / ".git")
    return "this clone is shallow, so it cannot be exported; type: git fetch --unshallow"


def uncommitted(world: World) -> str:
    world.pin().write_text(world.pin().read_text().replace("acme/tiny", "acme/other"))
    how = "commit them first: git commit -- models/tiny.dvc; or undo them: git checkout HEAD -- models/tiny.dvc"
    return f"models/tiny.dvc has uncommitted changes; {how}"


def within(world: World) -> str:
    (world.path / "a disk").symlink_to(world.clone / "models")
    return "TO=../a disk lies in this clone; name a folder outside"


@pytest.mark.parametrize("spoil", [shallow, uncommitted, within])
def test_what_could_not_be_used_over_there_is_refused_before_anything_is_written(added, spoil):
    want = spoil(added)
    before = added.state()

    assert added.refused("export", "TO=../a disk") == f"export: {want}"

    assert added.state() == before
    assert spoil is within or not disk(added).exists()


@WITHOUT
@pytest.mark.slow
@pytest.mark.marathon
@pytest.mark.timeout(600)
def test_the_environment_is_set_up_from_a_folder_of_wheels_as_the_page_says(added, tmp_path):
    page = (ROOT / ".github" / "MOVING.md").read_text().replace("/media/disk", str(tmp_path))
    download, setting = re.findall("^    ((?:.venv/bin/python -m pip download|export) .*)$", page, re.MULTILINE)
    subprocess.run(["bash", "-ec", download], cwd=ROOT, capture_output=True, check=True)
    (added.clone / ".venv").unlink()
    # Indexes that this machine has on its own disk would need no network.
    alone = {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", "UV_NO_CACHE": "1"}

    result = added.run(*NO_NETWORK, "bash", "-ec", f"{setting}\nmake list", **alone)

    assert result.code == 0, result.said
    assert MODEL in result.out


@pytest.mark.slow
@pytest.mark.parametrize("is_fetched", [False, True])
def test_an_older_clone_does_not_take_newer_commits_from_the_bundle(added, is_fetched):
    added.git("branch", "side")
    older = added.second()
    older.git("branch", "--quiet", "side", "origin/side")
    added.git("commit", "--quiet", "--allow-empty", "--message", "Newer")
    added.ok("export", "TO=../a disk")
    bundle = disk(added) / "clone.bundle"
    before = bundle.read_bytes()
    older.ok("pull")
    if is_fetched:
        older.git("fetch", "--quiet", str(bundle), "main")
    older.git("commit", "--quiet", "--allow-empty", "--message", "Here alone")

    said = older.refused("export", f"TO={disk(added)}")

    assert f"{bundle} has commits that are not here; merge them if they are of this repository: git pull " in said
    how = shlex.split(re.search("repository: (.*) BRANCH; or", said)[1])
    assert bundle.read_bytes() == before
    older.git(*how[1:], "main")
    older.ok("pull")
    older.ok("export", f"TO={disk(added)}")


@pytest.mark.slow
def test_a_damaged_bundle_is_named_with_what_to_type(added):
    added.ok("export", f"TO={added.path / 'disk'}")
    (bundle,) = (added.path / "disk").glob("*.bundle")
    bundle.write_bytes(b"")

    said = added.refused("export", f"TO={added.path / 'disk'}")

    assert said.endswith(f" is not a readable Git bundle; remove it: rm {shlex.quote(str(bundle))}")
    bundle.unlink()
    added.ok("export", f"TO={added.path / 'disk'}")


@pytest.mark.parametrize("verb", ["export", "pull"])
def test_a_file_is_no_place_to_write_to(added, verb):
    (added.path / "file").touch()

    assert "/file is a file; name a folder" in added.make(verb, f"TO={added.path / 'file'}").said

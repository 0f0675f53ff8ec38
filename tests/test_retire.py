"""make remove and make rename: the end of a model, or of its name."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PINNED, World, copy, flip, in_place_of, lent, refuse_commits, settings, track


def rows(world: World) -> list[str]:
    page = (world.clone / "models" / "README.md").read_text()
    return [line for line in page.splitlines() if line.startswith("| [")]


def note(world: World, text: str) -> None:
    """Give the row of tiny a note, and commit that."""
    page = world.clone / "models" / "README.md"
    page.write_text(page.read_text().replace("apache-2.0 |  |", f"apache-2.0 | {text} |"))
    world.git("commit", "--quiet", "--all", "--message", "A note")


def twin(world: World, *names: str, of: str = "tiny") -> None:
    """Commit models of the same weights as those of the model `of`, without the time that a command takes."""
    for name in names:
        shutil.copytree(world.weights(of), world.weights(name), copy_function=os.link)
        world.pin(name).write_text(world.pin(of).read_text().replace(f"path: {of}", f"path: {Path(name).name}"))
    world.git("add", "models")
    world.ok("catalog")
    world.git("commit", "--quiet", "--all", "--message", "Add twins")


@pytest.mark.slow
def test_remove_takes_pin_weights_and_row_in_one_git_commit_that_any_older_one_undoes(tracked):
    before = tracked.head()

    result = tracked.ok("remove", "MODEL=tiny")

    assert tracked.git("log", "--format=%s", f"{before}..") == "Remove tiny model\n"
    changed = tracked.git("show", "--name-status", "--format=", "HEAD").split()
    assert changed == ["M", "models/README.md", "D", "models/tiny.dvc"]
    assert tracked.git("status", "--porcelain") == ""
    assert not tracked.weights().exists()
    assert [row.split("]")[0] for row in rows(tracked)] == ["| [mine"]
    assert "its objects stay on the remote, and this brings it back: git revert --no-edit " in result.out
    back = result.out.split("brings it back: ")[1].split(", then ")[0].split()
    tracked.git(*back[1:])
    shutil.rmtree(tracked.clone / ".dvc" / "cache")
    tracked.ok("pull", "MODEL=tiny")
    assert tracked.on_disk() == PINNED


def lay_mine(world: World) -> None:
    """Write weights into models/mine that lie nowhere else."""
    world.weights("mine").mkdir()
    (world.weights("mine") / "a.bin").write_text("only here")


@pytest.fixture(scope="session")
def stopped_template(added_template, ground, tmp_path_factory) -> World:
    home = tmp_path_factory.mktemp("stopped") / "a stopped track"
    with lent(added_template, ground, home) as world:
        lay_mine(world)
        hook = refuse_commits(world)
        world.make("track", "NAME=mine")
        hook.unlink()
    return World(home)


@pytest.fixture(scope="session")
def plain_template(added_template, ground, tmp_path_factory) -> World:
    home = tmp_path_factory.mktemp("plain") / "a plain dvc add"
    with lent(added_template, ground, home) as world:
        lay_mine(world)
        assert world.run(".venv/bin/dvc", "add", "models/mine").code == 0
    return World(home)


@pytest.fixture
def stopped(stopped_template, ground, tmp_path) -> Iterator[World]:
    """A clone whose track of `mine` was stopped at its Git commit."""
    with lent(stopped_template, ground, tmp_path / "my world") as world:
        yield world


@pytest.fixture
def plain(plain_template, ground, tmp_path) -> Iterator[World]:
    """A clone in which plain dvc has added `mine`, and nobody has committed that."""
    with lent(plain_template, ground, tmp_path / "my world") as world:
        yield world


@pytest.mark.slow
@pytest.mark.parametrize("pinned", ["stopped", "plain"])
def test_remove_keeps_what_no_git_commit_and_no_remote_has(request, added_template, pinned):
    world = request.getfixturevalue(pinned)
    for oid in world.objects().keys() - added_template.objects().keys():
        world.objects()[oid].unlink()

    said = world.refused("remove", "MODEL=mine")

    assert said.startswith("remove: 2 of the 2 objects of mine are neither on the remote nor in any Git commit; keep ")
    assert ": make track NAME=mine; or drop them for good: rm -rf models/mine models/mine.dvc" in said
    assert (world.weights("mine") / "a.bin").read_text() == "only here"
    world.ok("track", "NAME=mine")


@pytest.mark.slow
def test_what_has_no_weights_on_disk_is_dropped_for_good_as_the_sentence_says(stopped):
    shutil.rmtree(stopped.weights("mine"))
    for path in stopped.objects().values():
        path.unlink()

    how = stopped.refused("remove", "MODEL=mine").partition("drop them for good: ")[2]

    assert stopped.run("bash", "-c", f"set -e; {how}").said.strip() == ""
    assert not stopped.pin("mine").exists()
    assert "mine" not in stopped.git("ls-files", "models/*.dvc")


@pytest.mark.slow
@pytest.mark.parametrize(
    "undo",
    ["git checkout HEAD -- models/mine.dvc", "rm -rf models/mine; git rm --quiet --force models/mine.dvc"],
)
def test_what_came_of_a_stopped_track_is_dropped_as_doctor_says_once_its_pin_is_undone(stopped, undo):
    stopped.ok("track", "NAME=mine")
    (stopped.weights("mine") / "more.txt").write_text("new")
    hook = refuse_commits(stopped)
    stopped.refused("track", "NAME=mine")
    hook.unlink()
    stopped.run("bash", "-c", undo)

    how = stopped.make("doctor").out.partition("or drop what came of it: ")[2].splitlines()[0]

    assert stopped.run("bash", "-c", how).said == ""
    assert "good   leftovers: no stopped command" in stopped.make("doctor").out
    assert "deleted " in stopped.ok("gc", "FORCE=1").out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pinned", "advice"),
    [
        ("stopped", "its add was stopped before the Git commit; to continue: make track NAME=mine"),
        ("plain", "models/mine.dvc has uncommitted changes; commit them first"),
    ],
)
def test_what_wants_a_committed_pin_says_how_to_go_on(request, pinned, advice):
    world = request.getfixturevalue(pinned)

    for words in (("release", "VERSION=1.0.0"), ("free", "DEEP=1"), ("export", f"TO={world.path / 'out'}")):
        said = world.make(words[0], "MODEL=mine", *words[1:]).said
        assert advice in said
        assert "mine: mine: " not in said


@pytest.mark.slow
def test_remove_takes_a_pin_of_plain_dvc_whose_listing_is_lost(plain):
    plain.git("add", "models/mine.dvc")
    plain.git("commit", "--quiet", "--message", "As plain dvc")
    shutil.rmtree(plain.weights("mine"))
    shutil.rmtree(plain.clone / ".dvc" / "cache")

    assert "neither in the cache nor on the remote" in plain.ok("remove", "MODEL=mine").out
    assert not plain.pin("mine").exists()


def test_remove_does_not_take_an_unmounted_remote_for_an_empty_one(added):
    added.remote.rename(added.path / "away")
    added.remote.mkdir()

    said = added.ok("remove", "MODEL=tiny").out

    assert "; the remote could not be asked for its objects: remote 'storage' (" in said
    assert "to begin a new remote" not in said
    assert "not on the remote" not in added.git("log", "-1", "--format=%b")


def test_remove_keeps_what_no_git_commit_has_while_the_remote_cannot_be_asked(plain):
    plain.remote.rename(plain.path / "away")

    assert "is not there, or its disk is not mounted" in plain.refused("remove", "MODEL=mine")

    assert (plain.weights("mine") / "a.bin").read_text() == "only here"


def test_rename_leaves_no_stopped_add_behind(added):
    staged = added.clone / ".dvc" / "tmp" / "staging" / "tiny"
    staged.mkdir(parents=True)
    shutil.copy(added.pin(), staged / "pin")

    line = added.refused("rename", "MODEL=tiny", "NAME=other")

    assert "tiny: an add or track of it was stopped; run that again first" in line


def test_remove_refuses_what_exists_nowhere_else(added):
    flip(added.weights() / "config.json")
    before = added.state()

    line = added.refused("remove", "MODEL=tiny")

    assert line == (
        "remove: models/tiny/config.json exists nowhere else; keep it: make track NAME=OTHER DIR=models/tiny; "
        "or drop it: rm -r models/tiny"
    )
    assert added.state() == before


def test_remove_takes_a_model_whose_links_lead_nowhere_as_the_shared_cache_was_emptied(added):
    shared = added.path / "shared"
    settings(added, f"[cache]\n    dir = {shared}\n    type = symlink\n", local=True)
    shutil.rmtree(added.weights())
    added.ok("pull")
    shutil.rmtree(shared)

    added.ok("remove", "MODEL=tiny")

    assert not os.path.lexists(added.weights())
    assert not (added.clone / ".dvc" / "tmp" / "quarantine").exists()


@pytest.mark.slow
def test_remove_takes_several_and_leaves_what_is_staged(added):
    twin(added, "group/a", "group/b")
    (added.clone / "README.md").write_text("mine\n")
    added.git("add", "README.md")

    added.ok("remove", "MODEL=group")

    assert added.git("status", "--porcelain") == "M  README.md\n"
    assert [row.split("]")[0] for row in rows(added)] == ["| [tiny"]
    assert added.git("log", "-2", "--format=%s") == "Remove group/b model\nRemove group/a model\n"


@pytest.mark.parametrize("words", [("remove", "MODEL=tiny"), ("rename", "MODEL=tiny", "NAME=other")])
def test_a_dry_run_changes_nothing(added, words):
    before = added.state()

    result = added.ok(*words, "DRY=1")

    assert f"{words[0]}: would {words[0]} tiny" in result.err
    assert added.state() == before


def test_remove_of_a_broken_pin_does_not_say_that_its_objects_are_on_the_remote(added):
    added.pin().write_text("broken\n")

    said = added.ok("remove", "MODEL=tiny").out

    assert said.startswith("removed tiny: a pin that is broken or not here; its objects stay where they are; its pin: ")


@pytest.mark.parametrize("words", [("remove", "MODEL=tiny"), ("rename", "MODEL=tiny", "NAME=other")])
def test_the_subject_of_the_git_commit_may_be_typed(added, words):
    added.ok(*words, "MESSAGE=chore: tidy up")

    assert added.git("log", "-1", "--format=%s") == "chore: tidy up\n"


@pytest.mark.slow
@pytest.mark.parametrize("words", [("remove", "MODEL=tiny"), ("rename", "MODEL=tiny", "NAME=other")])
def test_what_was_stopped_at_its_git_commit_goes_on(added, words):
    hook = refuse_commits(added)
    assert added.make(*words).code == 2
    assert "tiny: its pin is not in Git, so nobody else has it" in added.make("verify").out
    hook.unlink()

    added.ok(*words)

    assert added.git("status", "--porcelain") == ""
    assert not added.pin().exists()
    assert not added.weights().exists()
    if words[0] == "rename":
        assert added.on_disk("other") == PINNED
        assert "verified 1 pin, 3 of 3 files on disk" in added.ok("verify").out


@pytest.mark.slow
def test_rename_moves_pin_weights_row_and_note_and_reads_no_byte(added):
    note(added, "the small one")
    inodes = {path.name: path.stat().st_ino for path in added.weights().rglob("*.*")}
    objects, before = set(added.objects()), added.head()

    result = added.ok("rename", "MODEL=tiny", "NAME=group/little")

    assert result.out == "renamed tiny to group/little; next: git push\n"
    assert added.git("log", "--format=%s", f"{before}..") == "Rename tiny model to group/little\n"
    assert added.git("show", "--name-status", "--format=", "HEAD").split()[:2] == ["M", "models/README.md"]
    assert {path.name: path.stat().st_ino for path in added.weights("group/little").rglob("*.*")} == inodes
    assert rows(added)[0].startswith("| [group/little](group/little.dvc) | [acme/tiny]")
    assert rows(added)[0].endswith("| apache-2.0 | the small one |")
    assert set(added.objects()) == objects
    assert added.git("status", "--porcelain") == ""
    shown = added.ok("show", "MODEL=group/little").out.splitlines()
    assert [line.rpartition(": ")[2] for line in shown[-3:-1]] == [
        "Rename tiny model to group/little",
        "Add tiny model",
    ]
    assert "verified 1 pin, 3 of 3 files on disk" in added.ok("verify", "DEEP=1").out
    other = added.second()
    other.ok("pull")
    assert other.on_disk("group/little") == PINNED


def test_diff_knows_the_versions_from_before_a_rename(tracked):
    tracked.ok("release", "MODEL=mine", "VERSION=1.0.0")
    first = tracked.head()
    track(tracked, "mine", "more of it")
    tracked.ok("rename", "MODEL=mine", "NAME=group/ours")
    change = "M a.bin (4 B -> 10 B)"

    said = [tracked.ok("diff", "MODEL=group/ours", *words).out for words in ([], ["FROM=1.0.0"], [f"FROM={first}"])]

    starts = (first[:7], "1.0.0", first)
    assert said == [f"{change}\ngroup/ours: {at} -> here: 1 file changed, 4 B -> 10 B\n" for at in starts]
    said = tracked.ok("diff", "MODEL=group/ours", "FROM=HEAD~1").out
    assert said == "group/ours: HEAD~1 -> here: the same files, 10 B -> 10 B\n"


def test_rename_says_that_releases_keep_the_old_name(added):
    added.ok("release", "MODEL=tiny", "VERSION=1.0.0")

    assert "its 1 releases keep" not in (said := added.ok("rename", "MODEL=tiny", "NAME=other").out)
    assert "; its 1 release keeps the old name; " in said
    how = "its releases before the rename: MODEL=tiny; fetch the tags: git fetch --tags"
    said = added.refused("pull", "MODEL=other@v1.0.0", "TO=../served")
    assert said == f"pull: no release other@v1.0.0 here; there is none; {how}"
    assert added.refused("pull", "MODEL=other", "STAGE=prod", "TO=../served").endswith(how)
    added.ok("pull", "MODEL=tiny@v1.0.0", "TO=../served")


@pytest.fixture(scope="session")
def five(tracked_template, tmp_path_factory) -> World:
    """Models by all that may be there of one: weights, the same weights, a pin alone, or a pin in Git alone."""
    world = copy(tracked_template, World(tmp_path_factory.mktemp("five")))
    twin(world, "twin", "bare", "left", of="mine")
    for name in ("bare", "left"):
        shutil.rmtree(world.weights(name))
    world.pin("left").unlink()
    return world


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("MODEL=tiny", "NAME=mine"), "rename: 'mine' is already a model; choose another NAME"),
        (("MODEL=tiny", "NAME=bare"), "rename: 'bare' is already a model; choose another NAME"),
        (("MODEL=mine", "NAME=twin"), "rename: 'twin' is already a model; choose another NAME"),
        (("MODEL=tiny", "NAME=left"), "rename: models/left.dvc is in Git but not here; restore it"),
        (("MODEL=tiny", "NAME=tiny/x"), "'tiny' is a model, so it cannot contain"),
        (("MODEL=tiny", "NAME=tiny"), "1 model chosen, to be called 'tiny'; rename one: MODEL=OLD NAME=NEW"),
        (("MODEL=*", "NAME=x"), "5 models chosen, to be called 'x'; rename one"),
        (("MODEL=tiny", "NAME=../x"), "not a name for a model: '../x'"),
    ],
)
def test_rename_refuses_a_place_that_is_taken(five, words, said):
    before = five.state()

    assert said in five.refused("rename", *words)
    assert five.state() == before


@pytest.mark.slow
def test_rename_commits_no_other_version_of_the_pin(added):
    added.pin().write_text(added.pin().read_text().replace("apache-2.0", "mit"))
    added.git("commit", "--quiet", "--all", "--message", "Another license")
    added.git("checkout", "--quiet", "HEAD~1", "--", "models/tiny.dvc")
    before = added.state()

    line = added.refused("rename", "MODEL=tiny", "NAME=other")

    commit, undo = re.search("has uncommitted changes; commit them first: (.*); or undo them: (.*)", line).groups()
    assert (commit, added.state()) == ("git commit -- models/tiny.dvc", before)
    added.git(*undo.split()[1:])
    assert "renamed tiny to other" in added.ok("rename", "MODEL=tiny", "NAME=other").out


@pytest.mark.slow
def test_rename_undoes_no_pin_that_git_brought_meanwhile(tracked):
    tracked.git("switch", "--quiet", "--create", "newer")
    track(tracked, "mine", "two")
    tracked.git("switch", "--quiet", "main")
    merge = f"{shutil.which('git')} merge --quiet --ff-only newer"
    path = in_place_of(tracked, "git", f'case "$*" in *"HEAD:models/other.dvc") {merge};; esac')

    said = tracked.refused("rename", "MODEL=mine", "NAME=other", PATH=path)

    assert said.endswith("rename: another command changed the pin meanwhile; run the same command again")
    tracked.ok("rename", "MODEL=mine", "NAME=other")
    tracked.ok("pull")
    assert tracked.on_disk("other") == {"a.bin": b"two"}


@pytest.mark.slow
def test_a_rename_that_a_hook_stopped_goes_on_after_a_pull_and_leaves_no_folder(added):
    twin(added, "group/mine")
    hook = refuse_commits(added)
    assert added.make("rename", "MODEL=group/mine", "NAME=other").code == 2
    added.ok("pull")
    assert added.on_disk("group/mine") == PINNED
    hook.unlink()

    added.ok("rename", "MODEL=group/mine", "NAME=other")

    assert added.on_disk("other") == PINNED
    assert not added.weights("group").exists()
    assert added.ok("list").out.splitlines()[1].startswith("other ")
    track(added, "group")


@pytest.mark.slow
@pytest.mark.parametrize("words", [["track", "NAME=left", "DIR=../weights"], ["add", "MODEL=acme/tiny", "NAME=left"]])
def test_a_model_whose_pin_is_not_in_this_checkout_is_not_replaced(five, hub, words):
    before = five.state()

    assert "models/left.dvc is in Git but not here; restore it" in five.refused(*words, HF_ENDPOINT=hub.url)
    assert five.state() == before


def test_a_pin_that_was_renamed_by_hand_is_told_how(added):
    added.git("mv", "models/tiny.dvc", "models/other.dvc")

    line = added.refused("show", "MODEL=other")

    assert (
        "git mv models/other.dvc models/tiny.dvc (and then all that belongs to it: make rename MODEL=tiny NAME=other)"
        in line
    )


def test_a_model_that_was_removed_is_none_of_a_report(added):
    added.ok("remove", "MODEL=tiny")

    assert json.loads(added.ok("list", "FORMAT=json").out)["models"] == []


def cached(world: World) -> int:
    return len(list((world.clone / ".dvc" / "cache" / "files" / "md5").glob("*/*")))


@pytest.mark.slow
def test_free_drops_what_the_remote_holds_and_pull_brings_it_back(tracked):
    before = tracked.git("status", "--porcelain")

    dry = tracked.ok("free", "DRY=1")
    assert tracked.on_disk() == PINNED
    assert "\nwould drop 2 models, 4 files, 102.4 kB; nothing was changed (DRY=1)\n" in dry.out
    result = tracked.ok("free", "MODEL=tiny")

    assert result.out == (
        "dropped tiny: 3 files, 102.4 kB\ndropped 1 model, 3 files, 102.4 kB; make pull brings the weights back\n"
    )
    assert not tracked.weights().exists()
    assert tracked.on_disk("mine") == {"a.bin": b"mine"}
    assert cached(tracked) == 3  # what is left is of mine, and the listing of tiny
    assert tracked.git("status", "--porcelain") == before
    assert tracked.ok("free", "MODEL=tiny").out == "tiny: not here\nnothing to free\n"
    assert "\nwould drop 1 model, 1 file, 4 B; " in tracked.ok("free", "DRY=1").out
    tracked.ok("pull")
    assert tracked.on_disk() == PINNED


@pytest.mark.slow
def test_free_keeps_an_object_that_another_model_on_disk_is_made_of(added):
    twin(added, "twin")

    assert "; objects that other models or clones may use stay in the cache\n" in added.ok("free", "MODEL=tiny").out

    assert "verified 2 pins, 3 of 6 files on disk" in added.ok("verify").out
    assert cached(added) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("gone", [[], ["tiny"], ["tiny", "twin"]])
def test_free_drops_an_object_with_the_last_model_that_is_made_of_it(added, gone):
    twin(added, "twin")
    for name in gone:
        shutil.rmtree(added.weights(name))

    result = added.ok("free")

    freed = [line.split()[1] for line in result.out.splitlines() if line.startswith("dropped ") and ": " in line]
    assert freed == {0: ["tiny:", "twin:"], 1: ["twin:"], 2: ["tiny:"]}[len(gone)]
    assert not added.weights().exists()
    assert not added.weights("twin").exists()
    assert cached(added) == 1  # the listing
    assert "2 models good: 6 files, 204.9 kB; 3 files, 102.4 kB from the remote" in added.ok("pull").out


def test_free_takes_a_model_of_which_a_file_is_gone(added):
    (added.weights() / "config.json").unlink()

    assert added.ok("free").out.startswith("dropped tiny: 3 files, 102.4 kB\n")

    assert not added.weights().exists()


@pytest.mark.parametrize("fault", ["remote changed", "remote missing", "disk changed", "not committed"])
def test_free_refuses_what_would_be_lost(added, fault):
    victim = max(added.objects().values(), key=lambda path: path.stat().st_size)
    if fault == "remote changed":
        flip(victim)
    elif fault == "remote missing":
        victim.unlink()
    elif fault == "disk changed":
        flip(added.weights() / "config.json")
    else:
        added.pin().write_text(added.pin().read_text().replace("apache-2.0", "mit"))
    held = added.on_disk()

    result = added.make("free")

    assert result.code == 2
    advice = {"not committed": "commit them first", "disk changed": "get the weights right first: make pull MODEL=tiny"}
    assert advice.get(fault, "nothing was freed; upload it first: make push MODEL=tiny") in result.out
    assert "free: 1 of 1 model not freed, see the lines above\n" in result.err
    assert added.on_disk() == held
    assert cached(added) == 4


@pytest.mark.parametrize("kind", ["hardlink", "symlink"])
def test_free_leaves_a_cache_alone_that_other_clones_may_use(added, kind):
    shared = added.path / "shared"
    shutil.move(added.clone / ".dvc" / "cache", shared)
    settings(added, f"[cache]\n    dir = {shared}\n    type = {kind}\n", local=True)
    shutil.rmtree(added.weights())
    added.ok("pull")

    assert added.ok("free").out.startswith(
        "dropped tiny: 3 files, 102.4 kB; objects that other models or clones may use stay in the cache\n"
    )
    assert not added.weights().exists()
    assert len(list((shared / "files" / "md5").glob("*/*"))) == 4


@pytest.mark.parametrize("row", ["fp16|bf16, ask Ann |", "ask Ann | ", "ask Ann", "`a | b` |"])
def test_a_note_is_kept_however_its_row_is_written(added, row):
    page = added.clone / "models" / "README.md"
    page.write_text(page.read_text().replace("apache-2.0 |  |", f"apache-2.0 | {row}"))

    added.ok("catalog")

    assert f"| apache-2.0 | {row.rstrip('| ')} |\n" in page.read_text()


def test_a_note_is_kept_in_a_table_that_a_formatter_has_aligned(added):
    note(added, "ours")
    page = added.clone / "models" / "README.md"
    aligned = re.sub("^[|] (.*?) [|]", lambda cell: f"| {cell[1]:<40} |", page.read_text(), flags=re.MULTILINE)
    page.write_text(aligned.replace("| --- ", "| :--------- "))

    track(added, "mine")

    assert [row.split(" | ")[-1] for row in rows(added)] == [" |", "ours |"]


def test_the_notes_of_two_rows_of_one_model_are_both_kept(added):
    note(added, "ours")
    page = added.clone / "models" / "README.md"
    (row,) = rows(added)
    page.write_text(page.read_text().replace(row, f"{row}\n{row.replace('ours', 'theirs')}"))

    added.ok("catalog")

    assert rows(added)[0].endswith("| apache-2.0 | ours; theirs |")


@pytest.mark.slow
@pytest.mark.parametrize("remote", ["away", "lacks it"])
def test_remove_takes_a_pin_of_plain_dvc_that_git_has(plain, remote):
    plain.git("add", "models/mine.dvc")
    plain.git("commit", "--quiet", "--message", "As plain dvc")
    if remote == "away":
        plain.remote.rename(plain.path / "away")
        plain.remote.mkdir()

    assert "removed mine: 1 file, 9 B; " in plain.ok("remove", "MODEL=mine").out


@pytest.mark.slow
def test_a_dry_removal_refuses_what_the_real_one_refuses(plain):
    said = plain.refused("remove", "MODEL=mine", "DRY=1")

    assert said.startswith("remove: 2 of the 2 objects of mine are neither ")


@pytest.mark.slow
def test_free_is_kept_back_by_no_broken_pin_of_another_model(tracked):
    tracked.pin("mine").write_text("")

    tracked.ok("free", "MODEL=tiny")

    assert not tracked.weights().exists()
    assert tracked.on_disk("mine")


@pytest.mark.slow
def test_free_keeps_the_objects_of_a_model_of_plain_dvc(added):
    settings(added, "[cache]\n    type = symlink\n", local=True)
    shutil.copytree(added.weights(), added.weights("plain"))
    assert added.run(".venv/bin/dvc", "add", "models/plain").code == 0

    added.ok("free", "MODEL=tiny")

    assert added.on_disk("plain") == PINNED

"""The advice that commands give works as it is typed."""

import re
import shutil

import pytest
from conftest import FILES, MODEL, World, copy, flip, furnish, settings, track

PAGE = "models/README.md"
pytestmark = [pytest.mark.slow, pytest.mark.marathon]


def type_in(world: World, line: str) -> None:
    """Run `line` as a person would type it."""
    result = world.run("bash", "-c", line)
    assert result.code == 0, (line, result.said)


@pytest.mark.parametrize("notes", [("note", ""), ("", "note")])
@pytest.mark.tracks("ma")
def test_a_note_survives_whichever_of_two_rows_has_it(world, notes):
    row = "| [ma](ma.dvc) | - | - | {} |\n"
    text = (world.clone / PAGE).read_text()
    (world.clone / PAGE).write_text(text.replace(row.format(""), "".join(map(row.format, notes))))

    world.ok("catalog")

    assert row.format("note") in (world.clone / PAGE).read_text()


@pytest.mark.parametrize("name", ["~~[ma](ma.dvc)~~", "**[ma](ma.dvc)**"])
@pytest.mark.tracks("ma")
def test_what_people_write_into_and_below_a_row_is_kept(world, name):
    end = "<!-- end of catalog -->"
    text = (world.clone / PAGE).read_text().replace("| [ma](ma.dvc) | - | - |  |", f"| {name} | - | - | retired |")
    (world.clone / PAGE).write_text(text.replace(end, f"\nAsk Ana first.\n\nOr Bob.\n{end}"))

    track(world, "mb")

    text = (world.clone / PAGE).read_text()
    rows = "| [ma](ma.dvc) | - | - | retired |\n| [mb](mb.dvc) | - | - |  |\n"
    assert f"{rows}\nAsk Ana first.\n\nOr Bob.\n{end}" in text
    assert "has a row for each pin" in world.ok("catalog").out

    (world.clone / PAGE).write_text(text.replace("Or Bob.\n", "| [mb](mb.dvc) | - | - |  |\n\nOr Bob.\n"))  # a merge
    world.ok("catalog")
    assert f"{rows}\nAsk Ana first.\n\n\nOr Bob.\n{end}" in (world.clone / PAGE).read_text()


@pytest.mark.marathon
@pytest.mark.parametrize("side", ["ours", "theirs"])
@pytest.mark.tracks("ma")
def test_every_command_gives_the_advice_for_a_conflict_and_it_works(world, side):
    world.git("switch", "--quiet", "--create", "side")
    track(world, "ma", "theirs")
    world.git("switch", "--quiet", "main")
    track(world, "ma", "ours")
    assert world.run("git", "merge", "--quiet", "side").code == 1

    results = [world.make(verb) for verb in ("verify", "pull", "list")]

    asked = r"take one side: (git checkout --ours .*) \(or --theirs\), then (git add .*)"
    for result in results:
        assert result.code == 2
        assert re.search(asked, result.said)
    for line in re.search(asked, results[0].out).groups():
        type_in(world, line.replace("--ours", f"--{side}"))
    world.git("commit", "--quiet", "--no-edit")
    world.ok("pull")
    world.ok("verify")
    assert world.on_disk("ma") == {"a.bin": side.encode()}


@pytest.mark.parametrize("damaged", [False, True])
def test_add_over_the_weights_of_another_branch(added_online, hub, damaged):
    hub.commit(MODEL, FILES | {"config.json": b"second"})
    added_online.git("switch", "--quiet", "--create", "u1")
    added_online.ok("add", f"MODEL={MODEL}")
    added_online.git("switch", "--quiet", "main")
    hub.commit(MODEL, FILES | {"config.json": b"third"})
    path = added_online.weights() / "model.safetensors"
    if damaged:
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(data)
        flip(path)
    before = added_online.state()

    result = added_online.make("add", f"MODEL={MODEL}")

    assert result.code == (2 if damaged else 0), result.said
    if damaged:
        assert "and model.safetensors exists nowhere else; keep it: " in result.err
        assert added_online.state() == before
    else:
        assert added_online.on_disk()["config.json"] == b"third"
        added_online.ok("verify", "DEEP=1")


@pytest.mark.marathon
@pytest.mark.parametrize(
    ("break_it", "advice"),
    [
        ("rm models/ma.dvc", "git checkout HEAD -- models/ma.dvc"),
        ("git mv models/ma.dvc models/new.dvc", "git mv models/new.dvc models/ma.dvc"),
        ("mv models/ma.dvc models/new.dvc", "mv models/new.dvc models/ma.dvc"),
        ("cp models/ma.dvc models/new.dvc", "rm models/new.dvc"),
        ("cp models/ma.dvc models/new.dvc && git add models/new.dvc", "git rm --force models/new.dvc"),
        ("mkdir models/mb; mv models/ma.dvc models/mb/ma.dvc", "mv models/mb/ma.dvc models/ma.dvc"),
        ("echo [ > models/new.dvc && git add models/new.dvc", "git rm --force models/new.dvc"),
        ("git status; git sparse-checkout set scripts tests .dvc", "git sparse-checkout add models .dvc"),
        ("git status; git sparse-checkout set scripts tests", "git sparse-checkout add models .dvc"),
    ],
)
@pytest.mark.tracks("ma", "mb")
def test_the_advice_for_a_pin_that_is_missing_works(world, break_it, advice):
    type_in(world, break_it)

    results = {verb: world.make(verb) for verb in ("verify", "pull", "list")}

    for verb, result in results.items():
        assert result.code == 2, verb
        assert advice in result.said, verb
        assert "Traceback" not in result.said, verb
    type_in(world, advice)
    world.ok("pull")
    world.ok("verify")


def test_the_advice_for_locks_by_hard_links_works(online):
    settings(online, "[core]\n    hardlink_lock = true\n", local=True)

    line = online.refused("add", f"MODEL={MODEL}")

    assert "\n" not in line
    type_in(online, line.partition("turn it off: ")[2])
    online.ok("add", f"MODEL={MODEL}")


def test_the_advice_for_a_stale_lock_of_git_works_below_any_folder(template, tmp_path):
    world = copy(template, World(tmp_path / "it's mine"))
    world.git("worktree", "add", "--quiet", "-b", "side", "../linked")
    linked = world.path / "linked"
    furnish(linked)
    (world.clone / ".git" / "worktrees" / "linked" / "index.lock").touch()

    result = world.run("make", "track", "NAME=ma", cwd=linked)
    type_in(world, re.search("if none is running: (rm .*), then run", result.err)[1])

    assert "track: no such folder" in world.run("make", "track", "NAME=ma", cwd=linked).err


def test_a_committed_page_without_its_markers_is_mended_as_the_messages_say(world):
    (world.clone / PAGE).write_text("# Ours\n")
    world.git("commit", "--quiet", "--all", "--message", "Our own page")

    lines = world.refused("track", "NAME=ma").partition("run the same command again: ")[2]
    (world.clone / PAGE).write_text(f"# Ours\n{lines}\n")
    said = world.refused("track", "NAME=ma")
    type_in(world, re.search("commit it: (.*)", said)[1].replace("commit", "commit --message Mend"))
    track(world, "ma")

    assert (world.clone / PAGE).read_text().startswith("# Ours\n<!-- catalog: ")
    assert "verified 1 pin" in world.ok("verify").out


@pytest.mark.tracks("ma")
def test_a_page_that_git_no_longer_has_is_committed_anew(world):
    world.git("rm", "--quiet", PAGE)
    world.git("commit", "--quiet", "--message", "Drop the page")

    type_in(world, world.ok("catalog").out.partition("; next: ")[2])

    assert world.git("status", "--porcelain") == ""
    assert "verified 1 pin" in world.ok("verify").out


@pytest.mark.tracks("ma")
def test_nothing_is_to_be_committed_where_nothing_changed(world):
    (world.clone / PAGE).write_text((world.clone / PAGE).read_text().replace("[ma]", "[mb]"))

    assert world.ok("catalog").out == "updated models/README.md\n"
    assert world.ok("remote", f"URL={world.remote.resolve()}").out.endswith(
        "; next: git commit --message 'Set the remote' -- .dvc/config\n"
    )
    world.git("commit", "--quiet", "--message", "Set the remote", "--", ".dvc/config")
    assert world.ok("remote", f"URL={world.remote.resolve()}").out == f"remote 'storage' is {world.remote.resolve()}\n"


@pytest.mark.tracks("ma")
def test_a_page_and_a_remote_that_are_set_during_a_merge_are_committed_with_it(world):
    world.git("switch", "--quiet", "--create", "side")
    track(world, "ma", "newer")
    world.git("switch", "--quiet", "main")
    world.ok("remove", "MODEL=ma")
    assert world.run("git", "merge", "--quiet", "side").code == 1
    world.git("add", "models/ma.dvc")
    (world.path / "bucket").mkdir()

    for words in (("catalog",), ("remote", "REMOTE=mirror", "URL=../bucket")):
        type_in(world, re.search(r"; next: (.*), then finish the merge", world.ok(*words).out)[1])
    world.git("commit", "--quiet", "--no-edit")

    assert world.git("status", "--porcelain") == ""
    assert "verified 1 pin" in world.ok("verify").out


@pytest.mark.parametrize("fault", ["edited", "merge conflict", "not YAML"])
@pytest.mark.tracks("ma")
def test_a_broken_pin_that_was_committed_is_restored_from_an_older_git_commit(world, fault):
    good = world.pin("ma").read_text()
    both = f"<<<<<<< HEAD\n{good}=======\n{good}>>>>>>> side\n"
    bad = {"edited": good.replace("size: 2\n", "size: 3\n"), "merge conflict": both, "not YAML": "[\n"}[fault]
    world.pin("ma").write_text(bad)
    world.git("commit", "--quiet", "--all", "--message", "Resolve by hand")

    said = world.make("verify").out
    type_in(world, re.search(r"; restore an older one, .*: (git checkout .*) \(", said)[1].replace("COMMIT", "HEAD^"))
    world.git("commit", "--quiet", "--all", "--message", "Restore ma")

    assert world.pin("ma").read_text() == good
    assert "verified 1 pin" in world.ok("verify").out


@pytest.mark.tracks("ma")
def test_a_broken_pin_that_is_only_staged_is_restored_from_the_last_git_commit(world):
    good = world.pin("ma").read_text()
    world.pin("ma").write_text("[\n")
    world.git("add", "models/ma.dvc")
    world.pin("ma").write_text(good)

    said = world.refused("track", "NAME=ma")
    type_in(world, re.search("; restore it: (git checkout .*)", said)[1])

    assert world.git("status", "--porcelain") == ""
    assert "nothing to do" in world.ok("track", "NAME=ma").out


@pytest.mark.parametrize("way", ["merge", "rebase"])
@pytest.mark.parametrize("kept", ["ours", "theirs"])
@pytest.mark.tracks("ma")
def test_a_model_that_both_sides_renamed_keeps_one_name(world, kept, way):
    for branch in ("theirs", "ours"):
        world.git("switch", "--quiet", "--create", branch, "main")
        world.ok("rename", "MODEL=ma", f"NAME={branch}")
    assert world.run("git", way, "--quiet", "theirs").code == 1

    said = world.make("verify").out
    for name in ("ours", "theirs"):
        asked = rf"keep this name: (.* models/{name}.dvc); or drop it for the other: (.*)"
        keep, drop = re.search(asked, said).groups()
        type_in(world, keep if name == kept else drop)
    world.git("rm", "--quiet", "models/ma.dvc")  # as git status says
    world.ok("catalog")
    world.git("add", PAGE)
    world.git("-c", "core.editor=true", way, "--continue" if kept == "ours" or way == "merge" else "--skip")
    world.ok("pull")

    assert "verified 1 pin, 1 of 1 file on disk" in world.ok("verify").out
    assert world.on_disk(kept) == {"a.bin": b"ma"}


@pytest.mark.tracks("ma")
def test_a_pin_that_neither_side_of_a_merge_has_is_not_missed(world):
    for branch in ("theirs", "ours"):
        world.git("switch", "--quiet", "--create", branch, "main")
        world.ok("rename", "MODEL=ma", f"NAME={branch}/ma")
    assert world.run("git", "merge", "--quiet", "theirs").code == 1

    world.ok("pull")

    assert "verified 2 pins" in world.ok("verify").out
    assert "models/README.md has a row for each pin" in world.ok("catalog").out


@pytest.mark.tracks("ma")
def test_a_pin_that_was_restored_is_committed_before_anything_is_downloaded(online, hub):
    good = online.pin("ma").read_text()
    online.pin("ma").write_text("[\n")
    online.git("commit", "--quiet", "--all", "--message", "Break ma")
    online.pin("ma").write_text(good)
    online.git("add", "models/ma.dvc")

    said = online.refused("add", f"MODEL={MODEL}")

    assert not hub.requests
    type_in(online, re.search("; commit it: (.*)", said)[1].replace("commit", "commit --message Restore"))
    online.ok("add", f"MODEL={MODEL}")


def test_a_pin_that_is_in_no_git_commit_is_not_to_be_restored_from_one(added_online):
    added_online.git("reset", "--quiet", "HEAD^")
    added_online.pin("broken").write_text("[")

    said = added_online.refused("add", f"MODEL={MODEL}")
    type_in(added_online, re.search("models/broken.dvc .*; drop it, .*: (rm .*)", added_online.make("verify").out)[1])

    how = "git add models/tiny.dvc && git commit -- models/tiny.dvc"
    assert said == f"add: models/tiny.dvc has uncommitted changes; commit them first: {how}"
    added_online.git("add", "models")
    added_online.git("commit", "--quiet", "--message", "Add tiny")
    assert "verified 1 pin" in added_online.ok("verify").out


@pytest.mark.tracks("ma")
def test_a_pin_that_was_staged_and_then_lost_is_restored_from_the_index(world):
    world.git("reset", "--quiet", "--soft", "HEAD^")
    world.pin("ma").unlink()

    type_in(world, re.search(r"restore it: (git checkout .*?) \(", world.make("verify").out)[1])

    world.git("commit", "--quiet", "--message", "Add ma")
    assert "verified 1 pin" in world.ok("verify").out


def test_a_committed_pin_of_one_file_makes_way_for_one_of_its_folder(world):
    (world.clone / "models" / "x.bin").write_bytes(b"weights")
    assert world.dvc("add", "models/x.bin").code == 0
    world.git("add", "models/x.bin.dvc")
    world.git("commit", "--quiet", "--message", "Add x.bin")

    said = world.make("verify").out
    type_in(world, re.search("; drop this pin: (.*), and commit that", said)[1])
    world.git("commit", "--quiet", "--message", "Drop x.bin")
    track(world, "ma")

    assert "verified 1 pin" in world.ok("verify").out


def test_the_advice_for_copies_of_the_cache_works_whoever_asked_for_them(world):
    settings(world, "[cache]\n    type = copy\n", local=True)
    track(world, "ma")

    type_in(world, re.search("twice the space; type: (.*?); ", world.make("doctor").out)[1])

    assert "; new weights are linked to the cache\n" in world.ok("doctor").out
    for verb in ("free", "pull"):
        world.ok(verb)
    assert (world.weights("ma") / "a.bin").stat().st_nlink > 1


def test_the_advice_to_pin_sha256_too_works_where_the_weights_are_not_on_disk(world):
    folder = world.weights("group/ma")
    folder.mkdir(parents=True)
    (folder / "a.bin").write_text("ma")
    assert world.dvc("add", "models/group/ma").code == 0
    world.git("add", "models/group/ma.dvc")
    world.ok("catalog")
    world.git("commit", "--quiet", "--all", "--message", "Add ma by plain dvc")
    world.ok("push")
    shutil.rmtree(folder)

    words = re.search(r"by md5 \(make (track NAME=\S+) pins", world.ok("verify").out)[1].split()
    type_in(world, re.search(r"; put the weights there \((.*) brings pinned ones\)", world.refused(*words))[1])
    world.ok(*words)

    assert "by md5" not in world.ok("verify").said


@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize("kind", ["file", "link", "link to nowhere"])
def test_what_is_no_folder_and_in_the_way_of_a_model_is_dropped_as_the_message_says(request, pinned, kind):
    online = request.getfixturevalue("added_online" if pinned else "online")
    if pinned:
        shutil.rmtree(online.weights())
    (online.path / "theirs").mkdir()
    (online.path / "theirs" / "a.bin").write_text("theirs")
    if kind == "file":
        online.weights().write_text("ours")
    else:
        online.weights().symlink_to(online.path / ("theirs" if kind == "link" else "nowhere"))
    words = ("add", f"MODEL={MODEL}", "INCLUDE=*.json")

    said = online.refused(*words)
    assert "keep it" not in said
    type_in(online, re.search("or drop it: (rm [^;]*)", said)[1])
    online.ok(*words)

    assert (online.path / "theirs" / "a.bin").exists()
    assert online.on_disk().keys() == {"config.json", "nested/tokenizer.json"}


@pytest.mark.tracks("ma", "mb")
def test_pins_that_are_not_in_git_are_named(world):
    world.git("reset", "--quiet", "HEAD~2")

    for add in re.findall(r"its pin is not in Git, .* \((git add .*), then commit it\)", world.make("verify").out):
        type_in(world, add)
    world.git("commit", "--quiet", "--message", "Add both", "--", "models")

    said = world.ok("verify").out
    assert "its pin is not in Git" not in said
    assert "verified 2 pins" in said


@pytest.mark.parametrize("staged", [False, True])
@pytest.mark.tracks("ma")
def test_a_pin_is_moved_out_of_another_model_but_not_over_a_third(world, staged):
    track(world, "two", "the first")
    first = world.pin("two").read_text()
    track(world, "old/two", "the second")
    type_in(world, f"{'git ' if staged else ''}mv models/old/two.dvc models/ma/two.dvc")

    said = world.make("verify").out
    type_in(world, re.search("move that pin away: (.*)", said)[1].replace("OTHER", "new"))
    world.git("add", "--all", "models")
    world.ok("catalog")
    world.git("commit", "--quiet", "--all", "--message", "Move a pin out of ma")

    assert world.pin("two").read_text() == first
    world.ok("pull")
    assert world.on_disk("new/two") == {"a.bin": b"the second"}
    assert "verified 3 pins, 3 of 3 files on disk" in world.ok("verify").out


@pytest.mark.parametrize("name", ["my nas", "my.nas"])
def test_a_remote_that_dvc_named_is_set_as_the_sentence_says(world, name):
    assert world.dvc("remote", "add", name, "../nas").code == 0
    type_in(world, re.search("begin a new remote there: (.*)", world.make("remote").err)[1])
    assert f"remote {name!r} ({world.path}/nas) is there" in world.ok("remote").out
    settings(world, f"['remote \"{name}\"']\n    url = /elsewhere\n", local=True)
    assert "set in .dvc/config.local; to use this one, " in world.ok("remote", f"REMOTE={name}", "URL=../nas").err
    assert world.dvc("remote", "modify", "--local", "--unset", name, "url").code == 0
    assert f"remote {name!r} ({world.path}/nas) is there" in world.ok("remote").out


@pytest.mark.parametrize("remote", ["origin", "team"])
@pytest.mark.tracks("my")
def test_the_advice_after_a_git_commit_pushes_a_new_branch_and_a_release(world, remote):
    assert world.ok("rename", "MODEL=my", "NAME=ma").out.endswith("; next: git push\n")
    world.git("init", "--quiet", "--bare", "../host.git")
    world.git("remote", "add", remote, "../host.git")
    world.git("switch", "--quiet", "--create", "feature/ma")

    advice = []
    for words in (
        ("rename", "MODEL=ma", "NAME=mb"),
        ("rename", "MODEL=mb", "NAME=ma"),
        ("release", "MODEL=ma", "VERSION=1.0.0"),
    ):
        done = world.ok(*words)
        assert "fatal:" not in done.err
        advice.append(done.out.partition("next: ")[2].strip())
        type_in(world, advice[-1])

    assert advice[:2] == [f"git push --set-upstream {remote} HEAD", "git push"]
    world.git("switch", "--quiet", "--create", "other", f"{remote}/feature/ma")
    type_in(world, world.ok("rename", "MODEL=ma", "NAME=mc").out.partition("next: ")[2].strip())
    listed = dict(line.split("\t")[::-1] for line in world.git("ls-remote", remote).splitlines())
    assert listed["refs/heads/feature/ma"] == listed["refs/tags/ma@v1.0.0^{}"] == world.git("rev-parse", "@~").strip()
    assert listed["refs/heads/other"] == world.head()


def test_a_pin_that_a_merge_brings_is_released_once_the_merge_is_finished(world):
    world.git("switch", "--quiet", "--create", "side")
    track(world, "ma")
    world.git("switch", "--quiet", "main")
    world.git("merge", "--quiet", "--no-ff", "--no-commit", "side")

    results = [world.make(*words) for words in (("release", "MODEL=ma", "VERSION=1.0.0"), ("free", "MODEL=ma"))]

    for result in results:
        assert result.code == 2
        assert "a merge, rebase, cherry-pick or revert is in progress; finish it" in result.said
    world.git("commit", "--quiet", "--no-edit")
    world.ok("release", "MODEL=ma", "VERSION=1.0.0")
    world.ok("free", "MODEL=ma")

"""make verify: what it says about pins, disk and remote, and in which forms."""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator

import pytest
from conftest import MODEL, PINNED, World, add_hook, flip, heeds_permissions, lent, track
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lib.core.digest import File
from lib.flow import looked
from lib.model.inventory import Item


@pytest.mark.parametrize("path", sorted(PINNED))
def test_verify_names_a_flipped_byte_though_size_and_time_are_kept(added, path):
    flip(added.weights() / path)

    result = added.make("verify")

    assert result.code == 2
    assert f"verify: tiny/{path}: changed (pinned sha256 " in result.out


def test_verify_says_which_folders_it_did_not_look_at_since_no_pin_is_of_them(added):
    shutil.copytree(added.weights(), added.weights("left"))
    said = "models/left: no pin, so it was not looked at (make track pins a folder; rm -rf deletes it)\n"

    assert said in added.ok("verify").out
    assert said not in added.ok("verify", "MODEL=tiny").out


@pytest.mark.parametrize("path", ["loose.gguf", "embeddings/loose.gguf"])
def test_verify_says_which_files_lie_beside_the_models(added, path):
    added.ok("rename", "MODEL=tiny", "NAME=embeddings/tiny")
    added.weights(path).write_bytes(b"GGUF")

    said = f"models/{path}: no pin, so it was not looked at (make track pins a folder; rm -rf deletes it)\n"
    assert said in added.ok("verify").out
    assert added.ok("verify").out.count("no pin") == 1


def test_verify_names_what_is_missing_and_extra_sorted(added):
    (added.weights() / "config.json").unlink()
    (added.weights() / "a new file").write_text("x")
    (added.weights() / "nested" / "z").mkdir()
    (added.weights() / "nested" / "z" / "deep").write_text("x")

    lines = [line for line in added.make("verify").out.splitlines() if line.startswith("verify: ")]

    assert lines == [
        "verify: tiny/a new file: extra",
        "verify: tiny/config.json: missing",
        "verify: tiny/nested/z/deep: extra",
    ]


@pytest.mark.parametrize("kind", ["a link to the same bytes", "a fifo", "a folder"])
def test_verify_takes_what_is_no_regular_file_for_changed(added, kind):
    path = added.weights() / "config.json"
    path.replace(added.path / "same")
    if kind == "a fifo":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to(added.path / "same")

    result = added.make("verify")

    assert result.code == 2
    assert f"verify: tiny/config.json: {'missing' if kind == 'a folder' else 'changed'}" in result.out


def test_verify_says_that_a_whole_model_is_a_link(added):
    added.weights().replace(added.path / "elsewhere")
    added.weights().symlink_to(added.path / "elsewhere")

    assert "verify: tiny/.: changed (a link to " in added.make("verify").out


def test_verify_says_that_a_file_cannot_be_read(added):
    if not heeds_permissions(added.path):
        pytest.skip("root reads everything")
    (added.weights() / "config.json").chmod(0)

    result = added.make("verify")

    assert result.code == 2
    assert "verify: tiny/config.json: changed (cannot be read: Permission denied)" in result.out


def test_verify_says_what_it_did_not_look_at(lasting_fresh):
    result = lasting_fresh.ok("verify")

    assert "tiny: not on disk, so its weights were not looked at (make pull MODEL=tiny)\n" in result.out
    assert result.out.endswith(
        "verified 1 pin, 0 of 3 files on disk (0 B), 0 of 4 objects on the remote (4 by size only)\n"
    )


def test_verify_says_that_it_looked_at_pins_alone(lasting_fresh):
    result = lasting_fresh.ok("verify", "OFFLINE=1")

    want = "verified 1 pin, 0 of 3 files on disk (0 B), 0 of 4 objects on the remote (4 not asked)\n"
    assert result.out.endswith(want)


def test_verify_tells_a_program_how_much_it_looked_at(lasting_added, tmp_path):
    lasting_added.ok("verify", f"REPORT={tmp_path / 'verify.json'}")

    assert json.loads((tmp_path / "verify.json").read_text())["looked"] == {
        "pins": 1,
        "files": 3,
        "bytes": 102428,
        "pinned_files": 3,
        "pinned_bytes": 102428,
        "objects": {"by size only": 4},
    }


REQUIRED = [
    ("disk", "fresh", [], "REQUIRE=disk: 3 files on disk were not read; make pull brings them"),
    ("disk", "pulled", ["OFFLINE=1"], ""),
    ("remote", "fresh", ["OFFLINE=1"], "REQUIRE=remote: 4 objects on the remote were not asked for"),
    ("remote", "fresh", [], ""),
    (
        "content",
        "fresh",
        [],
        "REQUIRE=content: 4 objects on the remote were neither read nor proven by the store's hash",
    ),
    ("content", "fresh", ["DEEP=1"], ""),
    ("disk remote content", "pulled", ["DEEP=1"], ""),
    ("disk remote", "fresh", [], "REQUIRE=disk: "),
]


@pytest.fixture(scope="session")
def lasting_fresh(lasting_added) -> World:
    """A second clone of `lasting_added`, without weights."""
    return lasting_added.second("fresh")


@pytest.mark.parametrize(("words", "state", "more", "why"), REQUIRED)
def test_verify_fails_when_what_is_required_was_not_looked_at(lasting_added, lasting_fresh, words, state, more, why):
    world = lasting_added if state == "pulled" else lasting_fresh

    result = world.make("verify", f"REQUIRE={words}", *more)

    assert result.code == (2 if why else 0), result.said
    assert (
        f"verify: {why}" in result.out if why else result.out.startswith(("verified", "tiny: not on disk", "remote: "))
    )


def test_verify_refuses_a_requirement_that_it_does_not_know(lasting_added):
    line = lasting_added.refused("verify", "REQUIRE='disk remot'".replace("'", ""))

    assert line == "verify: not a requirement: 'remot' (want some of: disk remote content)"


@pytest.fixture(scope="session")
def many_template(template, ground, tmp_path_factory) -> World:
    home = tmp_path_factory.mktemp("many") / "a world of many files"
    with lent(template, ground, home) as world:
        folder = world.weights("many")
        folder.mkdir()
        for number in range(20):
            (folder / f"{number}.bin").write_bytes(bytes([number]) * (1000 + 400 * number))
        world.ok("track", "NAME=many")
    return World(home)


@pytest.fixture
def many(many_template, ground, tmp_path) -> Iterator[World]:
    """A clone with a model of twenty files of different sizes."""
    with lent(many_template, ground, tmp_path / "my world") as world:
        yield world


@pytest.mark.slow
def test_the_shares_of_a_deep_verify_are_whole_objects_and_together_all_of_them(many):
    fresh = many.second()

    read = []
    for number in range(1, 5):
        said = fresh.ok("verify", "DEEP=1", f"SHARD={number}/4").out
        found = re.search(r"(\d+) of \1 objects? on the remote \(\1 read\), (\d+) in other shares\n", said)
        assert int(found[1]) + int(found[2]) == 21
        read.append(int(found[1]))

    assert sum(read) == 21
    assert min(read) > 2


@pytest.mark.slow
def test_a_share_names_its_bad_objects_and_the_others_pass(many):
    oid = max(many.objects(), key=lambda each: many.objects()[each].stat().st_size)
    flip(many.objects()[oid])

    results = [many.make("verify", "DEEP=1", f"SHARD={number}/4") for number in range(1, 5)]

    assert sorted(result.code for result in results) == [0, 0, 0, 2]
    assert sum("verify: many/19.bin: changed on the remote" in result.out for result in results) == 1


@pytest.mark.slow
def test_an_empty_share_passes(lasting_added):
    said = [lasting_added.ok("verify", "DEEP=1", f"SHARD={number}/6").out for number in range(1, 7)]

    assert sum("0 of 0 objects on the remote" in each for each in said) >= 2


def test_objects_of_unknown_size_are_shared_out_too(monkeypatch):
    items = [Item(f"{at:032x}", File(None, f"{at:032x}"), "tiny", str(at)) for at in range(8)]
    monkeypatch.setenv("DEEP", "1")
    monkeypatch.setenv("SHARD", "4/4")

    assert looked.share(items) == items[6:]


@given(st.lists(st.sampled_from([0, 0, 1, 7, 1000]), max_size=9), st.integers(1, 12))
@example([1, 0], 1)
@settings(derandomize=True, database=None, deadline=None)
def test_every_object_is_in_exactly_one_share(sizes, of):
    items = [Item(f"{at:032x}", File(size, f"{at:032x}"), "tiny", str(at)) for at, size in enumerate(sizes)]
    with pytest.MonkeyPatch.context() as typed:
        typed.setenv("DEEP", "1")
        found = []
        for number in range(1, of + 1):
            typed.setenv("SHARD", f"{number}/{of}")
            found += looked.share(items)

    assert sorted(found, key=items.index) == items


@pytest.mark.parametrize(
    "words", [["SHARD=1/4"], ["SHARD=0/4", "DEEP=1"], ["SHARD=5/4", "DEEP=1"], ["SHARD=x", "DEEP=1"]]
)
def test_verify_refuses_what_is_no_share(lasting_added, words):
    line = lasting_added.refused("verify", *words)

    assert line.startswith("verify: not a share: SHARD=")


@pytest.mark.slow
def test_verify_says_that_an_add_was_stopped_and_how_to_go_on(added_online, hub):
    hook = add_hook(added_online, "#!/bin/sh\nexit 1\n", "commit-msg")
    commit = hub.commit(MODEL, {"config.json": b"newer"})
    assert added_online.make("add", f"MODEL={MODEL}", "INCLUDE=*.json").code == 2

    result = added_online.make("verify")

    typed = f"make add MODEL=acme/tiny@{commit} NAME=tiny INCLUDE='*.json'"
    assert result.code == 2
    assert f"verify: tiny: its add was stopped before the Git commit; to continue: {typed}\n" in result.out
    hook.unlink()
    assert added_online.run("bash", "-c", typed).code == 0
    added_online.ok("verify")


def test_a_pin_whose_upload_was_stopped_is_not_to_be_committed_by_hand(added):
    shutil.rmtree(added.remote / "files")
    (added.remote / "files").touch()
    added.refused("track", "NAME=other", f"DIR={added.weights()}")
    (added.remote / "files").unlink()

    said = added.make("verify").said + added.make("doctor").said

    assert "to continue: make track NAME=other" in said
    assert "unfinished: other; run the same make add, track or update again" in said
    assert "git add" not in said


@pytest.mark.slow
def test_verify_asks_no_remote_for_the_listing_of_a_pin_of_plain_dvc(world):
    (world.weights("plain")).mkdir()
    (world.weights("plain") / "a.bin").write_text("a")
    assert world.dvc("add", "models/plain").code == 0
    world.git("add", "models/plain.dvc")
    world.git("commit", "--quiet", "--message", "Pin plain")
    world.ok("catalog")
    world.git("commit", "--quiet", "--all", "--message", "Renew the catalog")
    other = world.second()
    other.remote.unlink()

    said = other.ok("verify", "OFFLINE=1").out

    assert "plain: its listing is not in the cache, so its files are not known (OFFLINE=1)\n" in said
    assert said.endswith("verified 1 pin, 0 of 1 file on disk (0 B), 0 of 0 objects on the remote\n")


def test_verify_leaves_the_remote_out_when_told_to(added):
    (added.remote / ".model-weights").unlink()

    assert "remote: not looked at (OFFLINE=1)\n" in added.ok("verify", "OFFLINE=1").out
    assert added.make("verify").code == 2


def test_verify_fails_when_the_remote_is_out_of_reach(added):
    added.remote.rename(added.path / "unplugged")

    result = added.make("verify")

    assert result.code == 2
    assert "is not there, or its disk is not mounted" in result.out
    assert "; the remote was not looked at\n" in result.out
    assert not added.remote.exists()


EDITS = [
    (lambda text: text.replace("size: 19,", "size: 20,"), "was edited by hand: size does not match its files"),
    (lambda text: re.sub(r"md5: (\w{31})\w, sha", r"md5: \g<1>x, sha", text), "is not a pin"),
    (
        lambda text: re.sub(r"md5: \w{32}, sha", f"md5: {'a' * 32}, sha", text),
        "was edited by hand, or a bare dvc add changed it",
    ),
    (
        lambda text: text.replace("  nfiles: 3", "  nfiles: 4"),
        "was edited by hand: nfiles does not match its files",
    ),
    (lambda text: text.replace("  size: 102428", "  size: 1"), "was edited by hand: size does not match its files"),
    (lambda text: text[:50], "is not "),
    (lambda text: "", "is empty; restore it: git checkout HEAD -- models/tiny.dvc"),
    (lambda text: f"<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> side\n", "holds a merge conflict"),
    (lambda text: text.replace("config.json:", "../config.json:"), "leaves its folder"),
    (
        lambda text: text.replace("path: tiny", "path: other"),
        "was renamed by hand, it pins 'other'; rename it back: git mv",
    ),
    (lambda text: text.replace("sha256: ", "sha512: "), "is not a pin ('sha256')"),
    (lambda text: text + "  files: 3\n", "is not "),
]


@pytest.fixture
def pinned(lasting_added) -> Iterator[World]:
    """The same as `lasting_added`, whose pin may be changed until the test ends."""
    before = lasting_added.pin().read_bytes()
    yield lasting_added
    lasting_added.pin().write_bytes(before)


@pytest.mark.parametrize(("edit", "said"), EDITS)
def test_verify_says_what_happened_to_a_pin_without_reading_weights(pinned, edit, said):
    text = pinned.pin().read_text()
    pinned.pin().write_text(edit(text))
    assert pinned.pin().read_text() != text

    result = pinned.make("verify")

    assert result.code == 2
    assert "Traceback" not in result.said
    assert result.out.startswith("verify: ")
    assert "models/tiny.dvc" in result.out
    assert said in result.out


@pytest.mark.slow
def test_verify_finds_a_pin_that_a_bare_dvc_add_left_stale(added):
    flip(added.weights() / "config.json")
    os.utime(added.weights() / "config.json")
    (added.weights() / "more.json").write_text("{}")
    assert added.dvc("add", "models/tiny").code == 0

    result = added.make("verify")

    assert "verify: models/tiny.dvc is stale (a bare dvc add?) or mixes two versions (a merge?): " in result.out


def plain(added: World) -> World:
    """Pin the model of `added` again, by plain dvc add; returns `added`."""
    added.pin().unlink()
    assert added.dvc("add", "models/tiny").code == 0
    return added


@pytest.mark.marathon
@pytest.mark.slow
def test_verify_checks_a_pin_of_plain_dvc_by_md5_and_says_so(added):
    world = plain(added)
    assert "tiny: pinned by plain dvc add, so checked by md5" in world.ok("verify").out

    flip(world.weights() / "config.json")

    result = world.make("verify")
    assert result.code == 2
    assert "verify: tiny/config.json: changed (pinned md5 " in result.out


@pytest.mark.slow
def test_a_damaged_listing_of_plain_dvc_in_the_cache_comes_anew_from_the_remote(added):
    world = plain(added)
    world.ok("push")
    listing = next((world.clone / ".dvc" / "cache").rglob("*.dir"))
    listing.chmod(0o644)
    listing.write_text("[]")

    found = world.make("verify")
    world.ok("pull")

    assert found.code == 2
    assert "verify: tiny/(listing): changed in the cache (" in found.out
    world.ok("verify")
    listing.chmod(0o644)
    listing.write_text("[]")
    said = world.make("verify", "OFFLINE=1").out
    assert ".dir is not what models/tiny.dvc pins; make track NAME=tiny, where its weights are, pins them anew" in said


@pytest.mark.slow
def test_pull_refuses_a_listing_that_is_not_the_one_that_plain_dvc_pinned(added):
    other = plain(added).second()
    other.pin().write_bytes(added.pin().read_bytes())
    next(path for oid, path in added.objects().items() if oid.endswith(".dir")).write_text(
        '[{"md5": "x", "relpath": "../../x"}]'
    )

    result = other.make("pull")

    assert result.code == 2
    assert ".dir is not what models/tiny.dvc pins" in result.out
    assert other.on_disk() == {}


def test_verify_writes_the_same_facts_as_json(added):
    flip(added.weights() / "config.json")

    added.make("verify", "REPORT=report.json")

    facts = json.loads((added.clone / "report.json").read_text())
    assert facts.keys() == {"schema", "command", "ok", "summary", "models", "looked", "problems", "notes"}
    assert (facts["command"], facts["ok"]) == ("verify", False)
    assert facts["models"] == [{"name": "tiny", "files": 3, "size": 102428, "disk": "checked", "ok": False}]
    assert facts["problems"][0] | {"detail": ""} == {
        "model": "tiny",
        "place": "disk",
        "kind": "changed",
        "file": "config.json",
        "detail": "",
        "object": "",
    }


@pytest.mark.parametrize("verb", ["verify", "pull", "push"])
def test_a_report_says_that_all_is_right(lasting_added, tmp_path, verb):
    lasting_added.ok(verb, f"REPORT={tmp_path / 'report.json'}")

    facts = json.loads((tmp_path / "report.json").read_text())
    assert (facts["command"], facts["ok"], facts["problems"]) == (verb, True, [])
    assert [model["ok"] for model in facts["models"]] == [True]


def test_a_report_is_written_when_the_remote_is_out_of_reach(added):
    (added.remote / ".model-weights").unlink()

    for verb in ("verify", "push"):
        assert added.make(verb, "REPORT=report.json").code == 2
        assert json.loads((added.clone / "report.json").read_text())["ok"] is False
        (added.clone / "report.json").unlink()


def test_under_github_actions_problems_are_annotations_and_a_table(added):
    flip(added.weights() / "config.json")

    result = added.make("verify", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(added.path / "summary.md"))

    assert "::error file=models/tiny.dvc::verify: tiny/config.json: changed (pinned sha256 " in result.out
    summary = (added.path / "summary.md").read_text()
    assert "### make verify: 1 problem in 1 model" in summary
    assert "| tiny | 3 | 102.4 kB | **not good** |" in summary


def test_the_table_for_github_does_not_call_good_what_was_not_looked_at(added):
    shutil.rmtree(added.weights())
    summary = added.path / "summary.md"

    added.ok("verify", "OFFLINE=1", GITHUB_STEP_SUMMARY=str(summary))

    assert "| tiny | 3 | 102.4 kB | no problem found |" in summary.read_text()


def test_under_github_actions_what_ends_a_command_early_is_an_annotation_too(added):
    result = added.make("pull", "MODEL=nothing", GITHUB_ACTIONS="true")

    assert "::error::pull: no such model: 'nothing'; make list shows what there is\n" in result.out


@pytest.mark.slow
def test_what_another_command_is_at_work_on_was_not_asked_for(added):
    shutil.rmtree(added.remote / "files")
    plan = added.clone / ".dvc" / "tmp" / "staging" / "tiny" / "plan"
    plan.parent.mkdir(parents=True)
    plan.write_text("{}")
    with (added.clone / ".dvc" / "tmp" / "locks" / "model tiny").open("a") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)

        result = added.make("verify", "REQUIRE=remote content")

        doctor = added.make("doctor").out

    assert result.code == 2
    assert "0 of 4 objects on the remote (4 not asked)" in result.out
    assert "REQUIRE=remote: 4 objects on the remote were not asked for" in result.out
    assert "good   leftovers" in doctor
    assert "WRONG  leftovers: unfinished: tiny" in added.make("doctor").out


def test_a_share_that_is_none_is_refused_before_anything_is_read(added):
    flip(added.weights() / "config.json")

    said = added.make("verify", "DEEP=1", "SHARD=4/3").said

    assert "not a share: SHARD='4/3'" in said
    assert "config.json" not in said


def test_a_time_limit_that_is_none_is_refused_where_nothing_waits(lasting_added):
    assert lasting_added.refused("verify", "TIMEOUT=abc") == "verify: not a number of seconds: TIMEOUT='abc'"


@pytest.mark.slow
def test_weights_of_another_branch_are_named_and_pull_brings_the_right_ones(tracked):
    tracked.git("switch", "--quiet", "--create", "side")
    track(tracked, "mine", "twos")
    tracked.git("switch", "--quiet", "main")

    said = tracked.make("verify", "MODEL=mine").said

    assert "verify: mine/a.bin: changed (pinned sha256 " in said
    assert "; make pull restores weights" in said
    tracked.ok("pull")
    tracked.ok("verify")


@pytest.mark.slow
def test_the_remote_that_was_looked_at_is_the_one_to_mend(added):
    added.ok("remote", "REMOTE=mirror", "URL=../mirror")

    assert added.make("verify", "REMOTE=mirror").err.startswith(
        "verify: 4 problems in 1 model; see the lines above; make push REMOTE=mirror on a machine with "
    )
    added.ok("push", "REMOTE=mirror")
    added.ok("verify", "REMOTE=mirror")

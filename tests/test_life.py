"""A model's life after the first day: outdated, update, diff and show, against a Hub that goes on without us."""

import json
import os
import re
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Iterator

import jsonschema
import pytest
from conftest import (
    FILES,
    MODEL,
    PINNED,
    ROOT,
    World,
    flip,
    forget_weights,
    furnish,
    lent,
    refuse_commits,
    start,
    track,
)
from hub import Fault, Hub

from lib.core import digest
from lib.model import pin

SCHEMA = json.loads((ROOT / "tests" / "report.schema.json").read_text())
PROMISED = jsonschema.Draft202012Validator(SCHEMA)
LATER = FILES | {"model.safetensors": FILES["model.safetensors"][::-1]}
DISABLED = "Access to this resource is disabled."  # as the Hub says it of a repo that it took down
OTHER = {"config.json": b"1", "model.safetensors": LATER["model.safetensors"]}


@pytest.fixture(scope="session")
def both_template(added_template, ground, tmp_path_factory) -> World:
    home = tmp_path_factory.mktemp("both") / "a world of two"
    with Hub() as hub, lent(added_template, ground, home) as world:
        hub.commit("acme/other", OTHER)
        world.ok("add", "MODEL=acme/other", HF_ENDPOINT=hub.url)
    return World(home)


@pytest.fixture
def both(both_template, ground, hub, tmp_path) -> Iterator[World]:
    """A clone that has added MODEL and acme/other, and knows the Hub."""
    hub.commit("acme/other", OTHER)
    with lent(both_template, ground, tmp_path / "my world") as world:
        world.env["HF_ENDPOINT"] = hub.url
        yield world


def tensors(**shapes: tuple) -> bytes:
    """A safetensors file; `shapes` gives dtype and shape by name."""
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, (dtype, *shape) in shapes.items():
        size = 2
        for each in shape:
            size *= each
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    head = json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + bytes(at)


def report(world: World, *words: str, code: int = 0) -> dict:
    """What `make` with `words` says as JSON, which must be what the schema has."""
    result = world.make(*words, "FORMAT=json")
    assert result.code == code, result.said
    facts = json.loads(result.out)
    PROMISED.validate(facts)
    assert (facts["command"], facts["ok"]) == (words[0], code == 0)
    return facts


def told(world: World, *words: str) -> tuple[str, dict]:
    """What `make` with `words` says for people, and its report."""
    path = world.path / "report.json"
    said = world.ok(*words, f"REPORT={path}").out
    facts = json.loads(path.read_text())
    PROMISED.validate(facts)
    assert (facts["command"], facts["ok"]) == (words[0], True)
    return said, facts


def status(world: World, name: str = "tiny") -> dict:
    (found,) = (each for each in report(world, "outdated")["models"] if each["name"] == name)
    return found


@pytest.mark.slow
def test_a_pin_that_follows_a_branch_is_up_to_date_until_the_branch_moves(added_online, hub):
    before = added_online.state()
    assert status(added_online)["status"] == "up to date"
    commit = hub.commit(MODEL, LATER, license="mit")

    said, facts = told(added_online, "outdated")
    (found,) = facts["models"]

    assert found["status"] == "newer"
    assert found["new_commit"] == commit
    assert found["changes"] == [
        {"kind": "changed", "path": "model.safetensors", "old_size": 102400, "size": 102400},
    ]
    assert found["fetch"] == 102400 + len(FILES["config.json"]) + len(FILES["nested/tokenizer.json"])
    old = found["commit"][:7]
    assert f"tiny: newer: {old} -> {commit[:7]} on main: 1 file changed, 102.4 kB to fetch; " in said
    assert "license: apache-2.0 -> mit\n" in said
    assert said.endswith("\n1 model: 1 newer\n")
    assert added_online.state() == before
    assert not [each for each in hub.requests if "/resolve/" in each.path or "/auth-check" in each.path]


def test_a_small_file_that_changed_and_has_its_size_is_seen(added_online, hub):
    hub.commit(MODEL, FILES | {"config.json": FILES["config.json"].replace(b"4", b"8")})

    assert [each["path"] for each in status(added_online)["changes"]] == ["config.json"]


@pytest.mark.parametrize("weights", ["on disk", "elsewhere"])
def test_what_would_be_fetched_counts_what_this_machine_holds(added_online, hub, weights):
    if weights == "elsewhere":
        shutil.rmtree(added_online.weights())
        shutil.rmtree(added_online.clone / ".dvc" / "cache")
    hub.commit(MODEL, FILES | {"config.json": b"{}"})

    small = 2 + len(FILES["nested/tokenizer.json"])
    assert status(added_online)["fetch"] == small + (102400 if weights == "elsewhere" else 0)


@pytest.mark.slow
def test_what_would_be_fetched_does_not_count_what_another_model_brought(both, hub):
    hub.commit(MODEL, {"model.safetensors": OTHER["model.safetensors"]})

    assert status(both)["fetch"] == 0


@pytest.mark.slow
def test_a_commit_that_is_gone_upstream_is_said_loudly(added_online, hub):
    pinned = hub.repos[MODEL]["main"].id
    hub.forget(MODEL, pinned)
    hub.commit(MODEL, LATER)

    said, facts = told(added_online, "outdated")
    (found,) = facts["models"]

    assert f"tiny: PINNED COMMIT GONE: the Hub has no {pinned[:7]} any more, the remote may hold the only copy" in said
    assert found["status"] == "commit gone"
    assert [each["path"] for each in found["changes"]] == ["model.safetensors"]
    added_online.ok("update")
    assert added_online.on_disk()["model.safetensors"] == LATER["model.safetensors"]


@pytest.mark.slow
def test_a_pin_at_a_commit_of_its_own_is_asked_for_and_stays(online, hub):
    commit = hub.repos[MODEL]["main"].id
    online.ok("add", f"MODEL={MODEL}", f"REVISION={commit}")
    hub.commit(MODEL, LATER)

    assert online.ok("outdated").out.endswith("\n1 model: 1 at a fixed commit\n")
    assert online.ok("update").out.endswith("\n0 of 1 model updated\n")
    hub.forget(MODEL, commit)
    gone = f"the Hub has no {commit[:7]} any more, the remote may hold the only copy"
    assert f"tiny: no such revision: PINNED COMMIT GONE: {gone}\n" in online.ok("outdated").out
    assert status(online)["status"] == "no such revision"
    del hub.repos[MODEL]
    assert status(online)["detail"].startswith(f"no such model on the Hub: {MODEL}; ")


@pytest.mark.slow
def test_a_branch_that_is_gone_upstream_is_no_commit_that_is_gone(online, hub):
    hub.commit(MODEL, LATER, branch="side")
    online.ok("add", f"MODEL={MODEL}", "REVISION=side")
    del hub.repos[MODEL]["side"]

    assert f"tiny: no such revision: no such revision of {MODEL}: 'side'; " in online.ok("outdated").out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fate", "kind", "said"),
    [
        ("gone", "gone", "no such model on the Hub: acme/tiny; if it is private, log in"),
        ("gated", "gated", "acme/tiny is gated: accept its license at "),
        ("disabled", "gone", f"acme/tiny: the Hub answered 403 Forbidden: {DISABLED[:-1]}\n"),
    ],
)
def test_a_repo_that_is_gone_or_became_gated_is_an_answer_and_no_update(added_online, hub, fate, kind, said):
    hub.commit(MODEL, LATER)
    if fate == "gone":
        del hub.repos[MODEL]
    elif fate == "gated":
        hub.gated.add(MODEL)
    else:
        hub.faults.append(Fault(MODEL, lambda answer: answer.status(403, {"X-Error-Message": DISABLED}), times=None))

    found, before = status(added_online), added_online.state()
    result = added_online.make("update")

    assert found["status"] == kind
    assert f"{found['detail']}\n".startswith(said)
    assert result.code == 2
    assert said in result.out
    assert added_online.state() == before


def test_a_gated_repo_that_lets_us_in_is_asked_as_any_other(added_online, hub):
    hub.gated.add(MODEL)
    added_online.env["HF_TOKEN"] = hub.token

    assert status(added_online)["status"] == "up to date"


@pytest.mark.slow
def test_a_repo_that_was_renamed_is_followed(added_online, hub):
    hub.repos["acme/small"] = hub.repos.pop(MODEL)
    hub.renamed[MODEL] = "acme/small"

    assert "the repo is now acme/small\n" in added_online.ok("outdated").out
    commit = hub.commit("acme/small", LATER)
    added_online.ok("update")

    assert f"source: acme/small\n  revision: main\n  commit: {commit}" in added_online.pin().read_text()


def test_a_hub_out_of_reach_is_no_answer(added_online, hub):
    hub.stop()

    facts = report(added_online, "outdated", "TIMEOUT=1", code=2)

    assert facts["problems"][0]["kind"] == "not asked"
    assert "cannot reach the Hub" in facts["problems"][0]["detail"]
    assert facts["models"] == []


@pytest.mark.slow
def test_update_is_one_git_commit_for_each_model_with_what_changed_in_its_body(both, hub):
    before, pinned = both.head(), hub.repos[MODEL]["main"].id
    new = {"renamed.safetensors": FILES["model.safetensors"], "config.json": b"{}", "more.json": b"[]"}
    commit = hub.commit(MODEL, new, license="mit")
    other = hub.commit("acme/other", {"config.json": b"2"})

    result = both.ok("update")

    assert result.out.endswith("\n2 of 2 models updated\n")
    assert both.git("log", "--format=%s", f"{before}..").splitlines() == ["Update tiny model", "Update other model"]
    assert both.git("log", "-1", "--format=%b", "HEAD").strip() == (
        f"From {pinned} to {commit}.\n\n"
        "license: apache-2.0 -> mit\n"
        "M config.json (19 B -> 2 B)\n"
        "A more.json (2 B)\n"
        "D nested/tokenizer.json (9 B)\n"
        "R model.safetensors -> renamed.safetensors\n\n"
        f"3 files, 102.4 kB.\n\nSource: {MODEL}\nCommit: {commit}\nScan: finished, no issues"
    )
    assert other in both.pin("other").read_text()
    assert both.on_disk() == new
    assert not sum(each.sent_bytes for each in hub.requests if "safetensors" in each.path)  # it came from the cache
    assert "verified 2 pins" in both.ok("verify", "DEEP=1").out
    assert both.ok("update").out.endswith("\n0 of 2 models updated\n")


@pytest.mark.slow
def test_where_only_the_card_changed_no_weights_are_fetched(online, hub):
    files = {"README.md": b"one", "model.safetensors": FILES["model.safetensors"]}
    hub.commit("acme/card", files)
    online.ok("add", "MODEL=acme/card")
    hub.commit("acme/card", files | {"README.md": b"two"})
    hub.requests.clear()

    assert [each["path"] for each in status(online, "card")["changes"]] == ["README.md"]
    online.ok("update")

    assert online.on_disk("card")["README.md"] == b"two"
    assert not [each for each in hub.requests if "/resolve/" in each.path and "safetensors" in each.path]


@pytest.mark.slow
def test_update_reads_no_weights_that_dvc_knows_to_be_unchanged(added_online, hub):
    """Seen by damage that keeps size and time; one that shows in the time is found, as verify finds both."""
    weights = added_online.weights() / "model.safetensors"
    for at in range(2):
        hub.commit(MODEL, FILES | {"config.json": b"%d" % at})
        added_online.ok("update")
        flip(weights, at)
    assert "model.safetensors: changed" in added_online.make("verify").out

    os.utime(weights)
    hub.commit(MODEL, FILES | {"config.json": b"2"})

    assert "models/tiny differs from its pin" in added_online.make("update").out


@pytest.mark.slow
def test_update_goes_to_any_revision_older_too(released, hub):
    first = next(iter(hub.repos[MODEL]))

    report = released.ok("update", "MODEL=tiny", f"REVISION={first}", "FORMAT=json").out

    assert [(each["status"], each["commit"]) for each in json.loads(report)["models"]] == [("updated", first)]
    assert released.on_disk()["config.json"] == FILES["config.json"]
    assert f"revision: {first}\n  commit: {first}" in released.pin().read_text()


@pytest.mark.slow
def test_an_older_version_that_is_in_the_cache_is_not_downloaded_again(added_online, hub):
    first = next(iter(hub.repos[MODEL]))
    hub.commit(MODEL, LATER)
    added_online.ok("update")
    hub.requests.clear()

    said = added_online.ok("update", f"REVISION={first}").said

    assert " (1 file, 102.4 kB already on this machine); " in said
    assert not [each for each in hub.requests if "/resolve/" in each.path and "safetensors" in each.path]
    assert added_online.on_disk() == PINNED


@pytest.mark.slow
def test_update_keeps_the_choice_of_files(online, hub):
    online.ok("add", f"MODEL={MODEL}", "EXCLUDE=*.json")
    hub.commit(MODEL, LATER)

    online.ok("update")

    assert online.on_disk() == {"model.safetensors": LATER["model.safetensors"]}
    assert 'exclude: ["*.json"]' in online.pin().read_text()


@pytest.mark.slow
def test_a_choice_that_no_file_is_of_any_more_can_be_changed_as_the_update_says(online, hub):
    online.ok("add", f"MODEL={MODEL}", "NAME=group/small", "INCLUDE=config.json")
    hub.commit(MODEL, {"renamed.json": b"{}"})

    command = online.make("update").out.partition("change INCLUDE or EXCLUDE in: ")[2].splitlines()[0]

    assert online.run("sh", "-c", command.replace("=config", "=renamed")).code == 0
    assert online.on_disk("group/small") == {"renamed.json": b"{}"}


@pytest.mark.slow
def test_one_model_that_cannot_be_updated_does_not_stop_the_others(both, hub):
    del hub.repos["acme/other"]
    hub.commit(MODEL, LATER)

    facts = report(both, "update", code=2)

    assert facts["summary"].startswith("1 of 2 models updated; 1 could not be")
    assert [each["model"] for each in facts["problems"]] == ["other"]
    assert both.on_disk()["model.safetensors"] == LATER["model.safetensors"]


@pytest.mark.slow
def test_weights_of_our_own_have_nothing_to_follow(tracked):
    assert tracked.refused("update", "MODEL=mine") == (
        "update: not from the Hub, so there is nothing to follow: mine; pin it anew with make track"
    )
    assert tracked.ok("outdated", "MODEL=mine").out == "1 model: 1 not from the Hub\n"


@pytest.mark.slow
@pytest.mark.marathon
def test_an_update_of_three_that_was_killed_goes_on(online, hub):
    names = [f"m{number}" for number in range(3)]
    for name in names:
        hub.commit(f"acme/{name}", {"model.safetensors": os.urandom(1000)})
        online.ok("add", f"MODEL=acme/{name}")
    before = online.head()
    new = {name: os.urandom(3_000_000) for name in names}
    for name, data in new.items():
        hub.commit(f"acme/{name}", {"model.safetensors": data})
    process = start(online, "update")
    deadline = time.monotonic() + 60
    while online.head() == before and time.monotonic() < deadline:  # one of the three is done
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    (online.clone / ".git" / "index.lock").unlink(missing_ok=True)  # which a killed Git leaves, and a refusal names

    online.ok("update")

    assert {name: online.on_disk(name)["model.safetensors"] for name in names} == new
    assert len(online.git("log", "--format=%s", f"{before}..").splitlines()) == 3
    assert online.git("status", "--porcelain") == ""


@pytest.mark.slow
def test_an_update_that_was_stopped_before_its_git_commit_is_finished(added_online, hub):
    hook = refuse_commits(added_online)
    before, commit = added_online.head(), hub.commit(MODEL, LATER)
    assert added_online.make("update").code == 2
    assert commit in added_online.pin().read_text()
    hook.unlink()

    added_online.ok("update")

    assert added_online.git("log", "--format=%s", f"{before}..") == "Update tiny model\n"


@pytest.mark.slow
def test_diff_tells_what_the_last_update_changed(online, hub):
    hub.commit("acme/t", {"model.safetensors": tensors(a=("BF16", 2, 3), b=("BF16", 4)), "config.json": b"1"}, "mit")
    online.ok("add", "MODEL=acme/t")
    first = online.head()
    new = {"model.safetensors": tensors(a=("F16", 2, 3), c=("BF16", 5)), "config.json": b"1"}
    hub.commit("acme/t", new, "gemma")
    online.ok("update")

    said = online.ok("diff", "MODEL=t").out
    facts = report(online, "diff", "MODEL=t", f"FROM={first}", "TO=HEAD")

    sizes = [len(tensors(a=("BF16", 2, 3), b=("BF16", 4))), len(new["model.safetensors"])]
    assert said.splitlines() == [
        f"M model.safetensors ({sizes[0]} B -> {sizes[1]} B)",
        "license: mit -> gemma",
        "tensor M a BF16[2, 3] -> F16[2, 3]",
        "tensor A c BF16[5]",
        "tensor D b BF16[4]",
        f"t: {first[:7]} -> here: 1 file changed, {sizes[0] + 1} B -> {sizes[1] + 1} B",
    ]
    (model,) = facts["models"]
    assert model["changes"][0]["kind"] == "changed"
    assert (model["old_license"], model["license"]) == ("mit", "gemma")
    assert len(model["tensors"]) == 3
    other = online.second()
    assert "tensors were not compared: 2 files not on this machine\n" in other.ok("diff", "MODEL=t").out
    assert online.ok("diff", "MODEL=t", "FROM=HEAD").out.startswith("t: HEAD -> here: the same files, ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["FROM=nowhere"], "no such Git revision: 'nowhere'; git log -- models/tiny.dvc shows the commits of the pin"),
        (["FROM=HEAD~1"], ""),
        (["FROM=--all"], "no such Git revision: '--all'"),
    ],
)
def test_diff_refuses_what_it_cannot_compare(added, words, said):
    assert added.refused("diff", "MODEL=tiny", *words).startswith(f"diff: {said}")


def test_a_pin_that_is_broken_in_an_old_git_commit_is_named_with_that(added):
    good = added.pin().read_text()
    added.pin().write_text("outs: []\n")
    added.git("commit", "--quiet", "--all", "--message", "break it")
    commit = added.head()[:7]
    added.pin().write_text(good)
    added.git("commit", "--quiet", "--all", "--message", "mend it")

    said = added.refused("diff", "MODEL=tiny", "FROM=HEAD~1")

    assert said.startswith(f"diff: in {commit}, models/tiny.dvc is not a pin (")
    assert said.endswith("; git log -- models/tiny.dvc shows which Git commits changed it")


def version(world: World, name: str, content: str) -> str:
    """Commit to Git the pin of the model `name` that `track` would make of `content`; the id of that Git commit."""
    verb = "Update" if world.pin(name).exists() else "Add"
    held = pin.build(name, {"a.bin": digest.of_bytes(content.encode(), ("md5", "sha256"))})
    world.pin(name).write_text(pin.dump(held))
    world.git("add", f"models/{name}.dvc")
    world.git("commit", "--quiet", "--message", f"{verb} {name} model")
    return world.head()[:7]


@pytest.mark.slow
def test_diff_of_an_older_version_is_with_the_one_before_it(world):
    commits = [version(world, "ma", "one"), version(world, "ma", "twos")]
    track(world, "ma", "three")
    world.ok("release", "MODEL=ma", "VERSION=1.2.0")
    version(world, "ma", "fourth")

    said = [world.ok("diff", "MODEL=ma", f"TO={to}").out.splitlines()[-1] for to in (commits[0], commits[1], "1.2.0")]

    assert said[0].startswith(f"ma: nothing -> {commits[0]}: 1 file added")
    assert said[1] == f"ma: {commits[0]} -> {commits[1]}: 1 file changed, 3 B -> 4 B"
    assert said[2] == f"ma: {commits[1]} -> 1.2.0: 1 file changed, 4 B -> 5 B"


@pytest.mark.slow
def test_a_version_that_only_a_merge_has_is_in_the_history(world):
    version(world, "ma", "one")
    for branch, content in (("third", "three"), ("side", "two")):
        world.git("switch", "--quiet", "--create", branch, world.head())
        version(world, "ma", content)
        world.git("switch", "--quiet", "-")
    version(world, "ma", "one!")
    world.git("merge", "--quiet", "--no-commit", "--strategy=ours", "side")
    world.git("checkout", "third", "--", "models/ma.dvc")
    world.git("commit", "--quiet", "--message", "Merge side")
    world.git("merge", "--quiet", "--strategy=ours", "--message", "Merge third", "third")

    (shown,) = report(world, "show", "MODEL=ma")["models"]

    subjects = [each["subject"] for each in shown["history"]]
    assert subjects[0] == "Merge side"
    assert sorted(subjects[1:]) == ["Add ma model", *["Update ma model"] * 3]


@pytest.mark.slow
def test_the_history_of_a_model_goes_on_under_its_older_name_and_has_no_other_model(world):
    for name, content in (("ma", "one"), ("mb", "one"), ("ma", "twos")):
        version(world, name, content)
    world.ok("catalog")
    world.git("commit", "--quiet", "--message", "Both", "--", "models/README.md")
    world.ok("rename", "MODEL=ma", "NAME=group/new")
    world.ok("remove", "MODEL=mb")
    version(world, "mb", "one")

    shown = {name: report(world, "show", f"MODEL={name}")["models"][0]["history"] for name in ("mb", "group/new")}

    assert [each["subject"] for each in shown["mb"]] == ["Add mb model", "Remove mb model", "Add mb model"]
    subjects = ["Rename ma model to group/new", "Update ma model", "Add ma model"]
    assert [each["subject"] for each in shown["group/new"]] == subjects
    assert [each["name"] for each in shown["group/new"]] == ["group/new", "ma", "ma"]
    (*_, first) = shown["group/new"]
    said = world.ok("diff", "MODEL=group/new").out.splitlines()[-1]
    assert said == f"group/new: {first['commit'][:7]} -> here: 1 file changed, 3 B -> 4 B"


@pytest.mark.slow
def test_diff_takes_one_model(tracked):
    assert tracked.refused("diff", "MODEL=*").startswith("diff: 2 models named; diff compares two versions of one")


def test_a_file_whose_sha256_alone_was_edited_is_not_called_the_same(tracked):
    text = tracked.pin("mine").read_text()
    tracked.pin("mine").write_text(re.sub(r'(sha256: "?)[0-9a-f]{4}', r"\1f00d", text))

    assert ": HEAD -> here: 1 file changed, " in tracked.ok("diff", "MODEL=mine", "FROM=HEAD").out


@pytest.mark.slow
def test_files_that_a_pin_of_plain_dvc_does_not_name_are_not_called_the_same(tracked):
    for text in ("1", "2"):
        tracked.dvc("unprotect", "models/mine")
        (tracked.weights("mine") / "config.json").write_text(text)
        tracked.pin("mine").unlink()
        assert tracked.dvc("add", "models/mine").code == 0
        tracked.git("commit", "--quiet", "--all", "--message", "Plain")

    assert tracked.refused("diff", "MODEL=mine").endswith("make track NAME=mine makes pins that do")

    tracked.ok("track", "NAME=mine", "LICENSE=mit")
    assert "config.json" not in tracked.git("log", "-1", "--format=%B")
    assert ": the same files, " in tracked.ok("diff", "MODEL=mine").out


@pytest.mark.slow
def test_show_tells_all_that_is_known(online, hub):
    files = {"model.safetensors": tensors(a=("BF16", 200, 3), b=("F32", 4)), "config.json": b"1"}
    commit = hub.commit("acme/t", files, "mit")
    online.ok("add", "MODEL=acme/t")

    said, facts = told(online, "show", "MODEL=t")
    (model,) = facts["models"]

    assert f"  source     acme/t, main at {commit}\n" in said
    assert "  license    mit\n" in said
    assert "  parameters 600 BF16, 4 F32\n" in said
    assert said.index("model.safetensors") < said.index("config.json")
    assert said.splitlines()[-2].endswith("A Tester: Add t model")
    assert model["parameters"] == {"BF16": 600, "F32": 4}
    assert [each["path"] for each in model["contents"]] == ["model.safetensors", "config.json"]
    assert [each["subject"] for each in model["history"]] == ["Add t model"]
    assert model["disk"] == "present"
    shutil.rmtree(online.weights("t"))
    assert "2 files, 1.3 kB; not on disk\n" in online.ok("show", "MODEL=t").out.replace("1.4 kB", "1.3 kB")


@pytest.mark.slow
@pytest.mark.parametrize(
    "data", [b"", b"\xff" * 100, struct.pack("<Q", 10) + b"[1,2,3,4] ", b"\x02" + bytes(7) + b"{}"]
)
def test_show_takes_a_file_that_only_calls_itself_safetensors(added, data):
    (added.weights() / "model.safetensors").unlink()
    (added.weights() / "model.safetensors").write_bytes(data)

    assert "parameters" not in added.ok("show", "MODEL=tiny").out


@pytest.mark.slow
def test_tensors_of_the_same_name_in_several_files_all_count(world):
    folder = world.path / "pipeline"
    for part in ("text_encoder", "text_encoder_2"):
        (folder / part).mkdir(parents=True)
        (folder / part / "model.safetensors").write_bytes(tensors(a=("F32", 2), b=("BF16", 3)))
    world.ok("track", "NAME=t", f"DIR={folder}")

    assert "  parameters 6 BF16, 4 F32\n" in world.ok("show", "MODEL=t").out
    (folder / "text_encoder" / "model.safetensors").write_bytes(tensors(a=("F16", 2), b=("BF16", 3), c=("F32", 1)))
    world.ok("track", "NAME=t", f"DIR={folder}")
    facts = report(world, "diff", "MODEL=t")
    assert facts["models"][0]["tensors"] == ["M a F32[2], F32[2] -> F16[2], F32[2]", "A c F32[1]"]


@pytest.mark.slow
def test_track_pins_what_weights_were_tuned_from_and_where_they_come_from(tracked, hub):
    commit = hub.repos[MODEL]["main"].id
    tracked.env["HF_ENDPOINT"] = hub.url

    tracked.ok("track", "NAME=mine", f"BASE={MODEL}@main", "SOURCE=https://runs.example/17", "LICENSE=mit")

    text = tracked.pin("mine").read_text()
    assert f'  license: mit\n  base: "{MODEL}@{commit}"\n  origin: "https://runs.example/17"\n' in text
    row = f"| tuned from [{MODEL}](https://huggingface.co/{MODEL}), https://runs.example/17 | mit |"
    assert row in (tracked.clone / "models" / "README.md").read_text()
    said = tracked.ok("show", "MODEL=mine").out
    assert f"  base       {MODEL}@{commit}\n  origin     https://runs.example/17\n  license    mit\n" in said
    tracked.ok("track", "NAME=mine")
    assert tracked.pin("mine").read_text() == text  # what is not typed again stays


@pytest.mark.slow
def test_a_base_that_the_hub_does_not_know_is_refused_and_one_that_cannot_be_asked_for_is_kept(tracked, hub):
    tracked.env["HF_ENDPOINT"] = hub.url
    before = tracked.state()

    assert "no such model on the Hub: acme/nothing" in tracked.refused("track", "NAME=mine", "BASE=acme/nothing")
    for value in ("\x1b[2J", "x" * 501):
        said = tracked.refused("track", "NAME=mine", f"LICENSE={value}")
        assert said == f"track: not a line of text of up to 500 characters: LICENSE={value[:60]!r}"
    assert tracked.state() == before
    hub.stop()
    result = tracked.ok("track", "NAME=mine", f"BASE={MODEL}@v1")
    assert "BASE, so it is recorded as typed: cannot reach the Hub" in result.err
    assert "nothing was changed" not in result.err
    assert f'  base: "{MODEL}@v1"\n' in tracked.pin("mine").read_text()


@pytest.mark.slow
def test_every_report_is_of_one_family(added_online):
    verbs = ["list", "verify", "pull", "push", "outdated", "update", ("show", "MODEL=tiny"), ("diff", "MODEL=tiny")]
    for words in verbs:
        facts = report(added_online, *([words] if isinstance(words, str) else words))

        (model,) = facts["models"]
        assert (model["name"], model["files"], model["size"], model["ok"]) == ("tiny", 3, 102428, True)


def test_a_report_of_an_error_is_one_of_them_too(added):
    facts = report(added, "verify", "MODEL=nothing", code=2)

    assert [each["kind"] for each in facts["problems"]] == ["failed"]
    assert added.refused("list", "FORMAT=xml") == "list: not a format: FORMAT='xml' (want json, or leave it out)"


def test_a_report_has_the_model_that_could_not_be_pulled_from_an_unreachable_remote(added):
    forget_weights(added, cache=True)
    added.remote.rename(added.path / "away")

    facts = report(added, "pull", code=2)

    assert [(each["name"], each["ok"]) for each in facts["models"]] == [("tiny", False)]


@pytest.mark.slow
def test_a_file_that_two_models_share_is_a_problem_of_both(tracked):
    track(tracked, "twin", "the same")
    track(tracked, "mine", "the same")
    next(path for path in tracked.objects().values() if path.read_bytes() == b"the same").unlink()

    facts = report(tracked, "verify", code=2)
    shutil.rmtree(tracked.clone / ".dvc" / "cache")
    for name in ("mine", "twin"):
        shutil.rmtree(tracked.weights(name))
    pushed = report(tracked, "push", code=2)

    assert facts["summary"].startswith("2 problems in 2 models; ")
    assert [each["name"] for each in facts["models"] if not each["ok"]] == ["mine", "twin"]
    assert [each["name"] for each in pushed["models"] if not each["ok"]] == ["mine", "twin"]


@pytest.mark.slow
def test_a_file_that_two_models_share_goes_up_from_the_one_that_has_it(tracked):
    track(tracked, "twin", "mine")
    for gone in (tracked.clone / ".dvc" / "cache", tracked.weights("mine"), tracked.remote / "files"):
        shutil.rmtree(gone)

    dry = tracked.ok("push", "MODEL=mine twin", "DRY=1").out
    tracked.ok("push", "MODEL=mine twin")

    assert "not on this machine" not in dry
    assert b"mine" in [path.read_bytes() for path in tracked.objects().values()]


def test_with_format_json_the_lines_for_people_go_to_standard_error(added):
    result = added.ok("list", "FORMAT=json", "REPORT=report.json")

    assert json.loads(result.out) == json.loads((added.clone / "report.json").read_text())
    assert "1 model, 3 files, 102.4 kB; 1 on disk" in result.err


def test_the_page_on_reports_names_every_key(added):
    page = (ROOT / ".github" / "REPORTS.md").read_text()
    keys = {*SCHEMA["properties"], *SCHEMA["$defs"]["model"]["properties"], *SCHEMA["$defs"]["problem"]["properties"]}

    assert len(keys) > 30
    assert sorted(key for key in keys if f"`{key}`" not in page) == []


GH = """#!/usr/bin/env bash
# Stands in for gh: remembers what it is asked, and whether a pull request is open. It refuses to open one as long as
# there is a file GH_LOG.refuse.
printf '%s\\n' "$*" >>"$GH_LOG"
case "$1 $2 $*" in
  "pr list "*headRefOid*) [[ ! -e $GH_LOG.open ]] || git ls-remote origin "$4" ;;
  "pr list "*) [[ ! -e $GH_LOG.open ]] || printf '7\\n' ;;
  "pr create "*) [[ ! -e $GH_LOG.refuse ]] && touch "$GH_LOG.open" ;;
esac || exit
for word; do [[ $word != */body ]] || cp "$word" "$GH_LOG.body"; done
"""


@pytest.fixture
def forge(added_online):
    """A clone whose `origin` is a bare repository, with a stand-in for `gh`."""
    world = added_online
    bare = world.path / "origin.git"
    world.git("clone", "--quiet", "--bare", str(world.clone), str(bare))
    world.git("remote", "add", "origin", str(bare))
    programs = world.path / "bin"
    programs.mkdir()
    (programs / "gh").write_text(GH)
    (programs / "gh").chmod(0o755)
    world.env |= {"PATH": f"{programs}:{os.environ['PATH']}", "GH_LOG": str(world.path / "gh.log")}
    return world


def propose(world: World, name: str = "tiny", code: int = 0, said: str = "") -> list[str]:
    """Run propose.sh as update.yml does, in a clean checkout, to say `said` and end with `code`; what it asked `gh`."""
    log = world.path / "gh.log"
    log.unlink(missing_ok=True)
    main = world.git("--git-dir", str(world.path / "origin.git"), "rev-parse", "main").strip()
    world.git("checkout", "--quiet", "-B", "main", main)
    result = world.run("scripts/dev/propose.sh", name)
    assert result.code == code, result.said
    assert said in result.out
    return [" ".join(line.split()[:2]) for line in log.read_text().splitlines()] if log.exists() else []


@pytest.mark.slow
@pytest.mark.marathon
def test_a_newer_model_is_one_pull_request_that_is_renewed_and_never_doubled(forge, hub):
    main = forge.head()
    assert propose(forge) == []  # nothing is newer
    hub.commit(MODEL, LATER, license="mit")

    assert propose(forge) == ["pr list", "pr create"]
    text = (forge.path / "gh.log.body").read_text()
    assert propose(forge) == ["pr list"]  # the same version again
    commit = hub.commit(MODEL, LATER | {"config.json": b"{}"}, license="mit")
    assert propose(forge) == ["pr list", "pr edit"]

    origin = ["--git-dir", str(forge.path / "origin.git")]
    assert forge.git(*origin, "rev-parse", "main").strip() == main
    assert commit in forge.git(*origin, "show", "update/tiny:models/tiny.dvc")
    assert "| `model.safetensors` | changed | 102.4 kB | 102.4 kB |" in text
    assert "**The license changed: `apache-2.0` -> `mit`.**" in text
    assert "`make verify`: verified 1 pin, 3 of 3 files on disk" in text


@pytest.mark.slow
@pytest.mark.marathon
def test_a_pull_request_that_could_not_be_opened_is_opened_by_the_next_run(forge, hub):
    hub.commit(MODEL, LATER)
    refuse = forge.path / "gh.log.refuse"
    refuse.touch()

    assert propose(forge, code=1) == ["pr list", "pr create"]
    assert propose(forge, code=1)[-1] == "pr create"
    refuse.unlink()

    assert propose(forge)[-1] == "pr create"
    assert propose(forge) == ["pr list"]


@pytest.mark.slow
def test_a_commit_that_somebody_made_on_the_branch_of_a_pull_request_is_not_replaced(forge, hub):
    hub.commit(MODEL, LATER)
    propose(forge)
    origin = ["--git-dir", str(forge.path / "origin.git")]
    pushed = forge.git(*origin, "rev-parse", "update/tiny").strip()
    mine = ["-c", "user.email=reviewer@example.com", "commit-tree", "-p", pushed, "-m", "Mine"]
    more = forge.git(*mine, f"{pushed}^{{tree}}")
    forge.git("push", "--quiet", "origin", f"{more.strip()}:refs/heads/update/tiny")
    hub.commit(MODEL, LATER | {"config.json": b"{}"})

    said = "propose: update/tiny has commits of reviewer@example.com, which this would replace; "
    assert propose(forge, code=1, said=said) == []
    assert forge.git(*origin, "rev-parse", "update/tiny") == more
    forge.git("push", "--quiet", "origin", ":refs/heads/update/tiny")
    assert propose(forge) == ["pr list", "pr edit"]


@pytest.mark.slow
def test_the_plan_names_what_is_newer_and_skips_what_does_not_fit(both, hub):
    hub.commit(MODEL, LATER)
    facts = report(both, "outdated")
    plan = both.path / "outdated.json"
    program = [".venv/bin/python", "scripts/dev/proposal.py", "plan", str(plan)]
    env = {"PYTHONPATH": "scripts"}
    plan.write_text(json.dumps(facts))

    result = both.run(*program, **env)
    assert (json.loads(result.out), result.err) == (["tiny"], "")
    for model in facts["models"]:
        model["new_size"] = 1 << 60
    plan.write_text(json.dumps(facts))
    result = both.run(*program, **env)
    assert json.loads(result.out) == []
    assert "::warning::update: tiny is skipped: 1152921.5 TB do not fit on this runner\n" in result.err


def body(world: World) -> str:
    """What proposal.py says of the last update of the model."""
    facts = [world.path / "diff.json", world.path / "verify.json"]
    world.ok("diff", "MODEL=tiny", f"REPORT={facts[0]}")
    world.ok("verify", f"REPORT={facts[1]}")
    return world.run(".venv/bin/python", "scripts/dev/proposal.py", "body", *map(str, facts), PYTHONPATH="scripts").out


@pytest.mark.slow
def test_a_license_called_other_that_has_no_name_is_none_that_changed(added_online, hub):
    for later in ({}, {"config.json": b"{}"}):
        hub.commit(MODEL, LATER | later, license="other")
        added_online.ok("update")

    text = body(added_online)

    assert "| `config.json` | changed |" in text
    assert "The license changed" not in text


@pytest.mark.slow
def test_a_pull_request_names_the_license_called_other_and_a_renamed_file(added_online, hub):
    renamed = {"new.json" if path == "config.json" else path: data for path, data in FILES.items()}
    hub.commit(MODEL, renamed, license="other")
    hub.cards[MODEL] = {"license_name": "our own"}
    added_online.ok("update")

    text = body(added_online)

    assert "**The license changed: `apache-2.0` -> `our own`.**" in text
    assert "\n| `new.json` | renamed | `config.json` | " in text


def test_a_dry_update_says_what_it_would_do_and_changes_nothing(added_online, hub):
    hub.commit(MODEL, LATER)
    before = added_online.state()

    result = added_online.ok("update", "DRY=1")

    assert "tiny: newer: " in result.out
    assert "update: tiny: 3 files, 102.4 kB, 102.4 kB to fetch, " in result.err
    assert result.out.endswith("to fetch; license: apache-2.0 -> none\nnothing was changed (DRY=1)\n")
    assert added_online.state() == before


@pytest.mark.parametrize(
    "target", ["models/tiny.dvc", "models/tiny/config.json", ".git/HEAD", ".dvc/config", "way/x", "scripts", "gone/x"]
)
def test_a_report_is_refused_before_the_run_where_it_would_do_harm_or_cannot_be_written(added, target):
    (added.clone / "way").symlink_to("models")
    before = added.state()

    said = added.refused("list", f"REPORT={target}")

    want = "name a file in an existing folder, outside .git, .dvc and models: REPORT=report.json"
    assert said == f"list: cannot write a report to REPORT='{target}'; {want}"
    assert added.state() == before


def test_a_report_does_not_replace_the_file_that_makes_a_worktree(added):
    added.git("worktree", "add", "--quiet", "../tree")
    tree = World(added.path / "there", dict(added.env))
    tree.path.mkdir()
    tree.clone.symlink_to("../tree")
    furnish(tree.clone)

    assert "cannot write a report to" in tree.refused("list", "REPORT=.git")


@pytest.mark.slow
def test_diff_says_that_a_shallow_clone_may_not_know_the_older_version(tracked):
    track(tracked, "mine", "two")
    shallow = tracked.second()
    shutil.rmtree(shallow.clone)
    tracked.git("clone", "--quiet", "--depth", "1", f"file://{tracked.clone}", str(shallow.clone))
    furnish(shallow.clone)

    assert "mine: this clone is shallow, so an older version is not known" in shallow.ok("diff", "MODEL=mine").out


def test_a_run_that_an_error_of_the_system_ended_has_a_report_too(added):
    report = added.clone / "r.json"
    added.ok("verify", "REPORT=r.json")
    page = added.clone / "models" / "README.md"
    page.unlink()
    page.mkdir()

    added.refused("verify", "REPORT=r.json")

    told = json.loads(report.read_text())
    assert not told["ok"]
    assert "Is a directory" in told["summary"]


def test_a_report_goes_to_standard_output_or_a_pipe(added):
    os.mkfifo(added.clone / "pipe")
    reader = subprocess.Popen(["cat", added.clone / "pipe"], stdout=subprocess.PIPE)

    assert '"command": "list"' in added.ok("list", "REPORT=/dev/stdout").out
    added.ok("list", "REPORT=pipe")

    assert json.loads(reader.communicate()[0])["command"] == "list"


@pytest.mark.slow
def test_track_says_what_it_keeps_of_other_weights_and_takes_it_back(world):
    folder = world.path / "weights"
    folder.mkdir()
    (folder / "a.bin").write_text("one")
    words = ("track", "NAME=mine", f"DIR={folder}")
    world.ok(*words, "SOURCE=https://runs.example/3", "LICENSE=mit")
    assert "keeps" not in world.ok(*words).err
    (folder / "a.bin").write_text("two")

    said = world.ok(*words).err

    assert (
        "track: mine keeps SOURCE=https://runs.example/3, LICENSE=mit of the previous version; type a new value" in said
    )
    world.ok(*words, "SOURCE=-")
    assert "origin" not in world.pin("mine").read_text()
    assert "license: mit" in world.pin("mine").read_text()


@pytest.mark.slow
def test_a_small_file_of_the_same_size_is_told_where_the_pinned_commit_is_gone(online, hub):
    first = hub.commit(MODEL, {"config.json": b'{"f": 1}', "same.json": b"{}"})
    online.ok("add", f"MODEL={MODEL}")
    hub.commit(MODEL, {"config.json": b'{"f": 2}', "same.json": b"{}"})
    hub.forget(MODEL, first)

    assert " on main: 1 file changed, " in online.ok("outdated").out


@pytest.mark.slow
def test_an_update_undoes_none_that_came_in_between(online, hub):
    commit = hub.commit(MODEL, {"config.json": b"{}"})
    online.ok("add", f"MODEL={MODEL}")

    def update(_):
        hub.commit(MODEL, {"config.json": b"{ }"})
        online.ok("update")

    hub.faults.append(Fault(f"GET /api/models/{MODEL}/tree", update))

    result = online.make("update", f"REVISION={commit}")

    assert result.code == 2
    assert "tiny: another command changed the pin meanwhile; run the same command again" in result.out
    online.ok("verify")


@pytest.mark.slow
def test_an_update_keeps_the_choice_of_files_that_was_made_meanwhile(added_online, hub):
    hub.commit(MODEL, FILES | {"config.json": b"{ }"})
    choose = ("add", f"MODEL={MODEL}", "INCLUDE=*.safetensors")
    hub.faults.append(Fault(f"GET /api/models/{MODEL}/tree", lambda _: added_online.ok(*choose)))

    result = added_online.make("update")

    assert result.code == 2
    assert "tiny: another command changed the pin meanwhile; run the same command again" in result.out
    assert "1 file, " in added_online.ok("list").out
    assert "0 of 1 model updated" in added_online.ok("update").out


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["update", "add"])
def test_a_pin_that_git_brought_meanwhile_is_not_undone(added_online, hub, verb):
    """Somebody goes to the third version, and it is pulled, while the second one comes."""
    theirs = added_online.second()
    theirs.env["HF_ENDPOINT"] = hub.url
    second = hub.commit(MODEL, FILES | {"config.json": b"second"})

    def pull(_):
        hub.commit(MODEL, FILES | {"config.json": b"third"})
        theirs.ok("update")
        added_online.git("pull", "--quiet", "--ff-only", str(theirs.clone), "main")

    hub.faults.append(Fault(f"GET /{MODEL}/resolve", pull))
    words = ["update", f"REVISION={second}"] if verb == "update" else ["add", f"MODEL={MODEL}@{second}"]

    result = added_online.make(*words)

    assert result.code == 2
    assert "nothing was committed, since Git has another pin of tiny now; run the same command again" in result.said
    assert added_online.head() == theirs.head()
    assert added_online.git("status", "--porcelain") == ""
    added_online.ok("pull")
    assert added_online.on_disk()["config.json"] == b"third"
    added_online.ok(*words)
    assert added_online.on_disk()["config.json"] == b"second"


@pytest.mark.slow
def test_the_same_pin_that_git_brought_meanwhile_is_no_other(added_online, hub):
    theirs = added_online.second()
    theirs.env["HF_ENDPOINT"] = hub.url
    hub.commit(MODEL, FILES | {"config.json": b"second"})

    def pull(_):
        theirs.ok("update")
        added_online.git("pull", "--quiet", "--ff-only", str(theirs.clone), "main")

    hub.faults.append(Fault(f"GET /{MODEL}/resolve", pull))

    added_online.ok("update")

    assert added_online.head() == theirs.head()
    assert added_online.on_disk()["config.json"] == b"second"


@pytest.mark.slow
def test_update_follows_another_revision_that_is_the_pinned_commit(added_online, hub):
    commit, new = hub.repos[MODEL]["main"].id, hub.commit(MODEL, {"config.json": b"{ }"})
    for wanted in (commit, "main"):
        hub.tag(MODEL, "main", commit)
        before = added_online.pin().read_text()
        foreseen = added_online.ok("update", f"REVISION={wanted}", "DRY=1").out
        assert f"tiny: would follow {wanted} of acme/tiny, before " in foreseen
        assert foreseen.endswith("nothing was changed (DRY=1)\n")
        assert added_online.pin().read_text() == before

        said = added_online.ok("update", f"REVISION={wanted}").out

        assert f"tiny: now follows {wanted} of acme/tiny, before " in said
        assert added_online.git("status", "--porcelain") == ""
        assert "1 of 1 model updated" in said
        assert "0 of 1 model updated" in added_online.ok("update", f"REVISION={wanted}").out
        hub.tag(MODEL, "main", new)
        held, newer = f"up to date: {commit[:7]}, held at this commit\n", f"newer: {commit[:7]} -> {new[:7]} on main: "
        assert f"tiny: {held if wanted == commit else newer}" in added_online.ok("outdated").out


@pytest.mark.slow
def test_what_a_dry_run_promises_is_done(released):
    for dry in ([], ["DRY=1"]):
        result = released.make("pull", "MODEL=tiny@v1.0.0", *dry)
        assert result.code == 2
        assert "tiny: this release is not the pin in models/" in result.said
        assert "tiny: tiny" not in result.said


def test_a_dry_push_says_what_is_not_here(added):
    added.ok("free", "DEEP=1")
    shutil.rmtree(added.remote / "files")

    assert "tiny: 3 of them not on this machine" in added.ok("push", "DRY=1").out
    assert "tiny/config.json: not on this machine" in added.make("push").out


@pytest.mark.slow
def test_an_object_that_is_nowhere_is_not_called_changed_in_the_cache(released):
    released.git("checkout", "tiny@v1.0.0", "--", "models/tiny.dvc")
    shutil.rmtree(released.remote / "files")
    shutil.rmtree(released.clone / ".dvc" / "cache")

    said = released.make("push").out

    assert "push: tiny/config.json: not on this machine" in said
    assert "push: tiny/(listing): not uploaded before the files that it names (object " in said
    assert not any(oid.endswith(".dir") for oid in released.objects()), "plain dvc would take the files for uploaded"


@pytest.mark.slow
def test_what_is_required_and_missing_does_not_condemn_the_models_that_are_whole(tracked):
    shutil.rmtree(tracked.weights("mine"))

    tracked.refused("verify", "REQUIRE=disk", "REPORT=r.json")

    models = json.loads((tracked.clone / "r.json").read_text())["models"]
    assert {each["name"]: each["ok"] for each in models}["tiny"]


def test_the_table_of_a_workflow_says_what_is_newer(added_online, hub):
    hub.commit(MODEL, LATER)

    added_online.ok("outdated", GITHUB_STEP_SUMMARY=str(added_online.path / "summary.md"))

    assert "| tiny | 3 | 102.4 kB | newer |" in (added_online.path / "summary.md").read_text()

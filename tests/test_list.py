"""make list: a table of all models. make, make help: a table of all commands."""

import re
import shutil

import pytest
from conftest import ROOT

PHONY = re.search(r"^\.PHONY: (.*) guard$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()


def test_list_says_that_there_is_no_model(world):
    assert world.ok("list").out == "no model yet; add one: make add MODEL=ORG/NAME\n"


def test_list_is_a_table_of_what_each_model_is(added):
    commit = re.search("commit: ([0-9a-f]{7})", added.pin().read_text())[1]
    group = added.clone / "models" / "group"
    group.mkdir()
    mine = re.sub("(source|revision|commit|license): .*\n  ", "", added.pin().read_text())
    (group / "mine.dvc").write_text(mine.replace("path: tiny", "path: mine"))

    result = added.ok("list")

    assert result.out == (
        "NAME        source     commit   license     files  size      on disk\n"
        "group/mine  -          -        -           3      102.4 kB  no\n"
        f"tiny        acme/tiny  {commit}  apache-2.0  3      102.4 kB  yes\n"
        "2 models, 6 files, 204.9 kB; 1 on disk, by names and sizes\n"
    )


def test_list_says_which_weights_are_on_disk(added):
    shutil.rmtree(added.weights())

    assert added.ok("list").out.splitlines()[1].endswith(" no")


@pytest.mark.parametrize("fault", ["a file is gone", "a file is longer", "a file too many"])
def test_list_says_that_weights_are_others_by_their_names_and_sizes(added, fault):
    path = added.weights() / "config.json"
    data = path.read_bytes()
    path.unlink()
    if fault == "a file is longer":
        path.write_bytes(data + b" ")
    elif fault == "a file too many":
        path.write_bytes(data)
        path.with_name("more").write_text("more")

    assert added.ok("list").out.splitlines()[1].endswith(" changed")


def test_a_broken_pin_is_a_row_of_the_table(added):
    added.pin("broken").write_text("outs: []\n")

    result = added.make("list")

    assert result.code == 2
    assert [line.split()[0] for line in result.out.splitlines()] == ["NAME", "broken", "tiny"]
    assert result.out.splitlines()[1].endswith(" broken pin")


def test_list_needs_no_remote_and_changes_nothing(added):
    shutil.rmtree(added.remote)
    before = added.state()

    added.ok("list")

    assert added.state() == before
    assert not added.remote.exists()


@pytest.mark.parametrize(
    "data",
    [b"", b"outs: []\n", b"outs: [\n", b"\xff\xfe", b"outs: " + b"[" * 100_000],
    ids=["empty", "no outs", "not YAML", "not text", "deep"],
)
def test_list_names_a_broken_pin_in_one_line(world, data):
    world.pin("broken").write_bytes(data)

    line = world.refused("list")

    assert line.startswith("list: models/broken.dvc ")
    assert line.endswith("; drop it, since the last Git commit does not have it: rm models/broken.dvc")


def test_a_broken_pin_is_named_when_another_model_is_asked_for_by_its_source(added):
    added.pin("broken").write_bytes(b"\xff")

    result = added.make("verify", "MODEL=acme/tiny")

    assert "Traceback" not in result.said
    assert "models/broken.dvc " in result.said


@pytest.mark.parametrize("words", [[], ["help"]])
def test_make_alone_and_help_list_every_command(world, words):
    shown = re.findall("^  make ([a-z]+) ", world.ok(*words).out, re.MULTILINE)

    assert sorted(shown) == sorted(PHONY)


def test_help_asks_for_no_environment(world):
    (world.clone / ".venv").unlink()

    result = world.run("make", "help", PATH="/usr/bin:/bin")

    assert result.code == 0
    assert result.err == ""


def test_every_target_that_makes_no_file_is_phony():
    targets = re.findall(r"^([a-z]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert sorted(targets) == sorted([*PHONY, "guard"])


@pytest.mark.parametrize("command", ["list", "help", "clean"])
def test_a_file_with_the_name_of_a_command_hides_it_not(world, command):
    (world.clone / command).touch()

    result = world.ok("-n", command)

    assert "up to date" not in result.out


def test_a_link_that_leads_nowhere_is_a_change_and_no_failure(added):
    (added.weights() / "odd").symlink_to("x" * 300)

    assert "  changed" in added.ok("list").out

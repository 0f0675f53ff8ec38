"""A repository that was made from an older version of these commands, and holds models, comes up to date."""

import os
import re
import shutil
from collections.abc import Iterator

import pytest
from conftest import ROOT, World, lent

pytestmark = pytest.mark.slow

OLD = {
    ".gitignore": "/.venv/\n/.venv\n/.pytest_cache/\n/.ruff_cache/\n/.hypothesis/\n__pycache__/\n",
    "models/.gitattributes": ".gitignore merge=union\nREADME.md merge=union\n*.dvc text eol=lf\n",
    "models/README.md": """\
# Models

Each model is a folder of weights here.

<!-- catalog: written by make add and make track; changes between these two lines are lost -->
| NAME | source | commit | licence | files | size |
| --- | --- | --- | --- | --- | --- |
<!-- end of catalog -->
""",
}
ROWS = "| group/other | - | - | - | 1 | 3 B |\n| mine | - | - | - | 1 | 3 B |\n"


def commit_all(world: World, message: str) -> None:
    world.git("add", "--all", "--force", "models")
    world.git("add", "--all")
    world.git("commit", "--quiet", "--message", message)


@pytest.fixture(scope="session")
def upgraded_template(template, ground, tmp_path_factory) -> World:
    home = tmp_path_factory.mktemp("upgraded") / "an upgraded world"
    with lent(template, ground, home) as world:
        make_older(world)
    return World(home)


@pytest.fixture
def upgraded(upgraded_template, ground, tmp_path) -> Iterator[World]:
    """A clone whose branch `main` is an older version with two models, and `upstream` is today's."""
    with lent(upgraded_template, ground, tmp_path / "my world") as world:
        yield world


def make_older(world: World) -> None:
    """Make the branch `main` of `world` an older version with two models, and `upstream` today's."""
    today = {path: (world.clone / path).read_text() for path in OLD}
    for path, text in OLD.items():
        (world.clone / path).write_text(text)
    commit_all(world, "The older version")
    world.git("switch", "--quiet", "--create", "upstream")
    for path, text in today.items():
        (world.clone / path).write_text(text)
    commit_all(world, "Today's version")
    (world.path / "weights").mkdir()
    (world.path / "weights" / "a.bin").write_bytes(b"abc")
    for name in ("mine", "group/other"):
        world.ok("track", f"NAME={name}", "DIR=../weights")
    pins = {name: world.pin(name).read_text() for name in ("mine", "group/other")}
    world.git("reset", "--quiet", "--hard", "HEAD~2")
    world.git("switch", "--quiet", "main")
    for name, text in pins.items():
        world.pin(name).parent.mkdir(exist_ok=True)
        world.pin(name).write_text(text)
    (world.clone / "models" / ".gitignore").write_text("/mine\n")
    (world.clone / "models" / "group" / ".gitignore").write_text("/other\n")
    page = OLD["models/README.md"].replace("<!-- end", ROWS + "<!-- end") + "\nOur own text.\n"
    (world.clone / "models" / "README.md").write_text(page)
    world.git("add", "--force", *(f"models/{path}" for path in ("mine.dvc", "group/other.dvc", "README.md")))
    world.git("add", "--force", "models/.gitignore", "models/group/.gitignore")
    world.git("commit", "--quiet", "--message", "Our models")


def recipe(*, join: bool = False) -> list[str]:
    """The commands that the README gives, but `git remote`: those to `join` the histories first, or the rest."""
    section = (ROOT / "README.md").read_text().partition("**How do I bring a repository made from this template")[2]
    commands = re.findall("^    (.*)$", section.partition("\n**")[0], re.MULTILINE)
    return [
        each.replace("upstream/main", "upstream")
        for each in commands
        if " remote " not in each and ("base" in each) == join
    ]


def follow(world: World, commands: list[str]) -> None:
    """Type `commands`, and what they say to type next."""
    for command in commands:
        result = world.run("bash", "-c", command)
        assert result.code == 0, (command, result.said)
        if step := re.search("; next: (git commit .*)", result.out):
            assert world.run("bash", "-c", step[1]).code == 0


def test_the_recipe_of_the_readme_keeps_pins_text_and_settings(upgraded):
    before = {name: upgraded.pin(name).read_text() for name in ("mine", "group/other")}
    settings = (upgraded.clone / ".dvc" / "config").read_text()

    follow(upgraded, recipe())

    page = (upgraded.clone / "models" / "README.md").read_text()
    assert {name: upgraded.pin(name).read_text() for name in before} == before
    assert (upgraded.clone / ".dvc" / "config").read_text() == settings
    assert page.endswith("\nOur own text.\n")
    assert "3 B" not in page  # the last cells of an older table are no notes
    assert re.findall(r"^\| (.*?) \|", page, re.MULTILINE) == [
        "model",
        "---",
        "[group/other](group/other.dvc)",
        "[mine](mine.dvc)",
    ]
    assert "verified 2 pins, 2 of 2 files on disk" in upgraded.ok("verify").out
    assert upgraded.git("status", "--porcelain") == ""


def test_the_next_track_takes_the_old_ignore_files_out_of_git(upgraded):
    follow(upgraded, recipe())

    upgraded.ok("track", "NAME=third", "DIR=../weights")

    assert ".gitignore" not in upgraded.git("ls-files", "models")
    assert upgraded.git("status", "--porcelain") == ""


def test_a_repository_that_began_as_a_copy_is_joined_first(upgraded):
    upgraded.git("switch", "--quiet", "upstream")
    upgraded.git("switch", "--quiet", "--orphan", "copy")
    upgraded.git("checkout", "main~1", "--", ".")
    upgraded.git("commit", "--quiet", "--message", "Initial commit")
    upgraded.git("checkout", "main", "--", "models")
    upgraded.git("commit", "--quiet", "--message", "Our models")
    before = {name: upgraded.pin(name).read_text() for name in ("mine", "group/other")}
    assert upgraded.run("git", "merge", "upstream").code != 0
    for path in (upgraded.clone / "scripts").rglob("*.txt"):
        os.utime(path, (0, 0))  # Git has written them again, which would renew .venv

    follow(upgraded, ["\n".join(recipe(join=True)), *recipe()])
    follow(upgraded, recipe())  # where there is nothing to do

    assert {name: upgraded.pin(name).read_text() for name in before} == before
    assert upgraded.git("diff", "--name-only", "upstream", "--", ".github", "scripts") == ""
    assert "verified 2 pins, 2 of 2 files on disk" in upgraded.ok("verify").out


def test_a_conflict_in_the_policy_is_named(world):
    page = world.clone / "models" / "policy.yaml"
    page.write_text(f"<<<<<<< HEAD\nlicenses: [mit]\n=======\nlicenses: any\n>>>>>>> upstream/main\n{page.read_text()}")

    assert "; if it is part of a merge conflict, resolve that: see git status" in world.refused("verify")


@pytest.mark.parametrize("path", ["verify.py", "lib/model/pin.py", "lib/core/text.py"])
def test_a_conflict_in_the_commands_themselves_is_named(world, path):
    page = world.clone / "scripts" / path
    page.write_text(f"<<<<<<< HEAD\n=======\n>>>>>>> upstream\n{page.read_text()}")

    said = world.refused("verify")

    how = "if it is part of a merge conflict, resolve that: see git status"
    assert said == f"verify: line 1 of scripts/{path} is not valid Python; {how}"


def test_a_team_that_keeps_no_tests_can_clean(world):
    shutil.rmtree(world.clone / "tests")

    world.ok("clean")

    assert not os.path.lexists(world.clone / ".venv")

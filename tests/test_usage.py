"""What may be typed: make help shows it, and everything else is refused before anything runs."""

import os
import pty
import re
import shlex
import shutil
import subprocess

import pytest
from conftest import ROOT, World, copy

MAKEFILE = (ROOT / "Makefile").read_text()
COMMANDS = re.findall(r"^([a-z]+):.* ## ", MAKEFILE, re.MULTILINE)

PULL = "MODEL, STAGE, TO, LINK, REMOTE, DRY, TIMEOUT, FORMAT, REPORT"
REFUSED = [
    (["verify", "DEPP=1"], "verify: unknown variable DEPP; did you mean DEEP?"),
    (["verify", "model=x"], "verify: unknown variable model; did you mean MODEL?"),
    (["pull", "MODELS=x"], "pull: unknown variable MODELS; did you mean MODEL?"),
    (["list", "DEEP=1"], "list: does not take DEEP; it takes FORMAT, REPORT"),
    (["pull", "NAME=x"], f"pull: does not take NAME; it takes {PULL}"),
    (["free", "REMOTE=mirror"], "free: does not take REMOTE; it takes MODEL, DEEP, DRY, "),
    (["free", "tiny"], "free: 'tiny' is not a command; to name a model: MODEL=NAME"),
    (["gc", "tiny"], "gc: 'tiny' is not a command; it takes REMOTE, HISTORY, DAYS, FORCE, "),
    (["track", "tiny"], "track: 'tiny' is not a command; it takes NAME, "),
    (["catalog", "tiny"], "catalog: 'tiny' is not a command; it takes no variable"),
    (["remove", "MODEL=a", "b"], "remove: 'b' is not a command; to name a model: MODEL=NAME"),
    (["help", "add"], "help: to explain a command: make help VERB=add"),
    (["pull", "verify", "URL=x"], f"pull: does not take URL; it takes {PULL}, DEEP, SHARD, OFFLINE"),
    (["verify", "DEEP=true"], "verify: not a switch: DEEP='true' (want DEEP=1, or leave it out)"),
    (["verify", "OFFLINE=0"], "verify: not a switch: OFFLINE='0' (want OFFLINE=1, or leave it out)"),
    (["push", "DEEP=\x1b[2J"], "push: not a switch: DEEP='\\x1b[2J' (want DEEP=1, or leave it out)"),
    (["add"], "add: no MODEL; for example: make add MODEL="),
    (["add", "MODEL="], "add: no MODEL; for example: make add MODEL="),
    (["remove", "MODEL=\u00a0"], "remove: no MODEL; for example: make remove MODEL="),
    (["VERB=add", "pull"], "pull: does not take VERB; "),
    (["SHELL=/bin/false", "list"], "list: unknown variable SHELL; it takes FORMAT, REPORT"),
    (["MODEL=x"], "help: does not take MODEL; it takes VERB"),
    (["help", "VERB=veryfy"], "help: no such command: 'veryfy'; did you mean verify?"),
    (["help", "VERB=xyz"], "help: no such command: 'xyz'; make help lists all"),
]


@pytest.fixture(scope="session")
def unready(template, tmp_path_factory) -> World:
    """The same as `lasting`, without .venv."""
    world = copy(template, World(tmp_path_factory.mktemp("an unready world")))
    (world.clone / ".venv").unlink()
    return world


@pytest.mark.parametrize(("words", "said"), REFUSED)
def test_what_is_not_taken_is_refused_with_the_nearest_before_anything_runs(unready, words, said):
    line = unready.refused(*words)

    assert line.startswith(said)
    assert "\n" not in line
    assert not (unready.clone / ".venv").exists()


def test_a_dry_run_of_make_refuses_too(lasting):
    assert lasting.refused("-n", "list", "DEPP=1") == "list: unknown variable DEPP; it takes FORMAT, REPORT"


INNER = sorted({*re.findall(r"^override ([.\w]+) :?=", MAKEFILE, re.MULTILINE), "MAKELEVEL", "MAKECMDGOALS", "CURDIR"})


@pytest.mark.parametrize("name", ["DEPP", "DEEP", *INNER])
def test_the_value_of_what_is_refused_is_never_expanded(lasting, name):
    lasting.make("list", f"{name}=$(shell touch pwned)$(error pwned)")

    assert not list(lasting.path.rglob("pwned"))


def test_what_any_of_several_commands_takes_is_taken(lasting_added):
    assert "verified 1 pin" in lasting_added.ok("pull", "verify", "DEEP=1").out


def test_what_an_outer_make_hands_down_is_not_for_us(added):
    outer = added.path / "Makefile"
    outer.write_text("all:\n\t@$(MAKE) --no-print-directory -C clone list\n")

    result = added.run("make", "DEPP=1", "DEEP=1", cwd=added.path)

    assert result.code == 0, result.said
    assert "acme/tiny" in result.out


def test_an_outer_make_may_hand_down_what_is_taken(added):
    (added.path / "Makefile").write_text("all:\n\t@$(MAKE) --no-print-directory -C clone verify OFFLINE=1\n")

    result = added.run("make", "MODEL=nobody", cwd=added.path)

    assert result.code == 2
    assert "no such model: 'nobody'" in result.said


def test_the_environment_gives_no_argument(lasting_added):
    result = lasting_added.ok("verify", MODEL="nobody", OFFLINE="1", DEEP="soon", DEPP="1")

    assert "verified 1 pin" in result.out
    assert "OFFLINE" not in result.out


def test_python_of_another_house_is_no_matter(lasting_added, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "__init__.py").write_text("raise SystemExit('not ours')\n")

    lasting_added.ok("verify", PYTHONPATH=str(tmp_path), PYTHONHOME="/nowhere")


def test_help_shows_every_command_in_its_group(lasting):
    out = lasting.ok("help").out

    assert re.findall("^([A-Z][a-z]+)$", out, re.MULTILINE) == ["Models", "Releases", "Checks", "Project"]
    assert re.findall("^  make ([a-z]+) ", out, re.MULTILINE) == COMMANDS
    assert "\n  make rename MODEL= NAME=  rename a model, " in out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_shows_what_it_takes_and_an_example_that_passes(lasting, command):
    usage, purpose, *variables, example = lasting.ok("help", f"VERB={command}").out.splitlines()

    assert usage.startswith(f"make {command}")
    assert f"{command}:" in MAKEFILE
    assert purpose
    assert re.findall("([A-Z]+)=", usage) == [line.split()[0] for line in variables]
    label, _, typed = example.partition("for example: ")
    assert label == ""
    assert shlex.split(typed)[:2] == ["make", command]
    lasting.ok("-n", *shlex.split(typed)[1:])


def test_the_quick_loop_runs_what_was_asked_for(lasting):
    printed = lasting.ok("-n", "test", "ONLY=verify and not deep", "QUICK=1").out

    assert '-k "$ONLY"' in printed
    assert "-m 'not slow'" in printed
    assert "slow" not in lasting.ok("-n", "test").out


SETUP = {  # what a user's own file has before and after the line that the README gives
    "bash": ("before() { COMPREPLY=(before); }; complete -F before make", "PS1='ready> '"),
    "zsh": ("autoload -Uz compinit; compinit -uD; before() { compadd before; }; compdef before make", "PS1='ready> '"),
}


def press(world: World, shell: str, keys: str) -> str:
    """What make is called with when `keys` are pressed after `make ` in `shell`, in a terminal."""
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    source = f"source {shlex.quote(str(ROOT / 'scripts/dev/completion.sh'))}"
    before, after = SETUP[shell]
    home = world.path / "home"
    for name in (".bashrc", ".zshrc"):
        (home / name).write_text("\n".join([before, source, source, after, 'make() { echo "<<$*>>"; }\n']))
    main, side = pty.openpty()
    env = world.environment(TERM="dumb", ZDOTDIR=str(home))
    child = subprocess.Popen([shell, "-i"], cwd=world.clone, env=env, stdin=side, stdout=side, stderr=side)
    os.close(side)
    said = read(main, b"ready> ")
    os.write(main, f"make {keys}\n".encode())
    said += read(main, b">>")
    child.kill()
    child.wait()
    os.close(main)
    return re.search("<<(.*?) ?>>", said.decode())[1]


def read(terminal: int, until: bytes) -> bytes:
    """What comes from `terminal` until `until`; the time limit of a test ends a wait in vain."""
    said = b""
    while until not in said:
        said += os.read(terminal, 1024)
    return said


PRESSED = [
    ("ver\tDEE\tMODEL=ti\tREPORT=x", "verify DEEP=1 MODEL=tiny REPORT=x"),
    ("pull MOD\tgr\t", "pull MODEL=group/small"),
    ("list DEE\t", "list DEE"),
]


@pytest.mark.parametrize("shell", SETUP)
@pytest.mark.parametrize(("keys", "typed"), PRESSED)
def test_a_shell_completes_commands_variables_and_names(world, shell, keys, typed):
    (world.clone / "models" / "group").mkdir()
    for name in ("tiny", "group/small"):
        world.pin(name).touch()

    assert press(world, shell, keys) == typed


@pytest.mark.parametrize("shell", SETUP)
def test_elsewhere_make_is_completed_as_before(world, shell):
    (world.clone / "Makefile").write_text("verify:\n")

    assert press(world, shell, "b\t") == "before"


WRONG = {"pul": "did you mean pull?", "everything": "make help lists all"}
WRONG |= {"tests": "did you mean test?", "models": "make help lists all"}  # which exist


@pytest.mark.parametrize(("word", "said"), WRONG.items())
def test_a_word_that_is_no_command_is_refused_with_the_nearest(lasting, word, said):
    assert lasting.refused(word) == f"make: no such command: '{word}'; {said}"


def test_a_clone_whose_path_no_list_of_paths_can_hold_is_to_be_moved(unready, tmp_path):
    clone = tmp_path / "2026-11-27T22:14" / "clone"
    shutil.copytree(unready.clone, clone)

    said = World(clone.parent, unready.env).refused("list")

    assert f"make: the path of this clone has a colon, so PATH cannot hold it: {clone}; move the clone" in said
    assert "\n" not in said
    assert not (clone / ".venv").exists()


def test_a_file_that_is_missing_is_not_taken_for_made(world):
    assert world.make(".venv/nothing").code == 2
    (world.clone / "scripts" / "dev" / "environment.mk").unlink()
    result = world.make("list")
    assert (result.code, "Traceback" in result.said) == (2, False)

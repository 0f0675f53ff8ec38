"""What a user types is text: neither make nor a shell acts on it, and what is no value is refused in one line."""

import re

import pytest
from conftest import MODEL, PINNED, ROOT, World, copy

MAKEFILE = (ROOT / "Makefile").read_text()
VALUES = re.search(r"^VALUES := (.*)$", MAKEFILE, re.MULTILINE)[1].split()
COMMANDS = re.findall(r"^([a-z]+):.*\$\(RUNTIME\).* ## ", MAKEFILE, re.MULTILINE)
PAYLOADS = [
    "$(shell touch pwned)",
    "$$(touch pwned)",
    "`touch pwned`",
    ";touch pwned",
    "x && touch pwned",
    "x | touch pwned",
    '"; touch pwned; "',
    "'; touch pwned; '",
    "x;touch${IFS}pwned",
    "x\ntouch pwned",
    "$(eval $(shell touch pwned))",
    "$(error pwned)",
    "$(file >pwned,x)",
    "-rf",
    "../../etc",
    "#",
    "%",
    "'\"",
]
ASKED = [("add", "MODEL"), ("add", "REVISION"), ("track", "NAME")]
PATTERN = "../../etc"  # may be a file pattern like any other, which matches nothing


def ran(world: World) -> list[str]:
    """What a payload that was run left behind, anywhere."""
    return [str(path) for path in world.path.rglob("pwned")]


@pytest.fixture
def offline(world) -> World:
    """A clone whose Hub is out of reach, at once."""
    world.env |= {"HF_ENDPOINT": "http://127.0.0.1:9", "PATIENCE": "1"}
    return world


@pytest.mark.parametrize(("payload", "typed"), list(zip(PAYLOADS, [True, False] * 9, strict=True)))
def test_a_payload_is_shown_as_it_was_typed_and_never_run(offline, payload, typed):
    for verb, variable in [*ASKED, ("add", "INCLUDE" if typed else "EXCLUDE")]:
        values = {"MODEL": MODEL, variable: payload}
        words = [f"{key}={value}" for key, value in values.items()]

        line = offline.refused(verb, *words) if typed else offline.refused(verb, **values)

        assert re.fullmatch(f"{verb}: .*", line)
        assert repr(payload) in line or (payload == PATTERN and "cannot reach the Hub" in line)
    assert ran(offline) == []


@pytest.mark.parametrize("payload", PAYLOADS)
def test_make_expands_no_payload(world, payload):
    typed = [f"{variable}={payload}" for variable in VALUES]

    for words in [["help"], *(["-n", command] for command in COMMANDS)]:
        plain = world.ok(*words, MODEL="a/b", NAME="b")
        assert world.make(*words, *typed) == plain
        assert world.make(*words, **dict.fromkeys(VALUES, payload)) == plain
    assert ran(world) == []


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_make_that_a_command_starts_is_handed_no_payload(world, payload):
    awk = world.path / "bin" / "awk"
    awk.parent.mkdir()
    awk.write_text("#!/bin/sh\nprintf 'below:; @echo below' | make --no-print-directory -f -\n")
    awk.chmod(0o755)

    result = world.ok("help", f"MODEL={payload}", PATH=f"{awk.parent}:{world.environment()['PATH']}")

    assert result.out == "below\n"
    assert ran(world) == []


@pytest.mark.parametrize("payload", ["$(shell touch pwned)", "x\ntouch pwned", "-rf"])
def test_track_takes_a_payload_for_a_folder_that_is_not_there(world, payload):
    line = world.refused("track", "NAME=mine", f"DIR={payload}")

    assert re.fullmatch("track: no such folder: .*", line)
    assert ran(world) == []


def test_remote_takes_a_payload_for_the_name_of_a_folder(world):
    payload = "$(shell touch pwned)`touch pwned`;#"

    world.ok("remote", f"URL=../{payload}")

    assert (world.path / payload / ".model-weights").is_file()
    assert str(world.path / payload) in world.ok("remote").out
    assert ran(world) == []


@pytest.mark.parametrize("payload", ["soon", "nan", "-1", "$(shell touch pwned)"])
def test_add_refuses_a_patience_that_is_no_time(offline, payload):
    line = offline.refused("add", f"MODEL={MODEL}", f"PATIENCE={payload}")

    assert re.fullmatch("add: .*PATIENCE.*", line)
    assert ran(offline) == []


def test_a_clone_may_lie_in_a_folder_of_any_name(template, tmp_path):
    path = tmp_path / "$(shell touch pwned)`touch pwned`;'\"#"
    path.mkdir()
    world = copy(template, World(path))
    (world.path / "mine").mkdir()
    (world.path / "mine" / "config.json").write_bytes(PINNED["config.json"])

    world.ok("track", "NAME=mine", "DIR=../mine")

    assert world.on_disk("mine") == {"config.json": PINNED["config.json"]}
    assert ran(world) == []


def test_every_variable_in_the_help_is_guarded(world):
    shown = set(re.findall(r"\b([A-Z]+)=", world.ok("help").out))

    assert shown <= set(VALUES)
    assert {"MODEL", "NAME", "URL"} <= shown

"""What a user types is only text: neither make nor a shell acts on it, and a wrong value is refused in one line."""

import re

import pytest
from conftest import MODEL, PINNED, ROOT, Result, World, copy, in_place_of

MAKEFILE = (ROOT / "Makefile").read_text()
VALUES = re.findall(r"^\$\(call variable,([A-Z]+)\)", MAKEFILE, re.MULTILINE)
TAKES = {
    verb: re.findall(r"([A-Z]+)=(?!1)", usage) for verb, usage in re.findall(r"^([a-z]+):.* ## (.*)$", MAKEFILE, re.M)
}
COMMANDS = re.findall(r"^([a-z]+):.*\$\(RUNTIME\).* ## ", MAKEFILE, re.MULTILINE)
TAKEN = sorted({variable for command in COMMANDS for variable in TAKES[command]})
PLAIN = [f"{variable}=b" for variable in TAKEN]
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


def ran(world: World) -> list[str]:
    """What a payload would leave behind if it were run, anywhere in `world`."""
    return [str(path) for path in world.path.rglob("pwned")]


@pytest.fixture
def offline(lasting) -> World:
    """A clone whose Hub refuses every connection at once."""
    return World(lasting.path, {"HF_ENDPOINT": "http://127.0.0.1:9"})


@pytest.fixture(scope="session")
def calling(template, tmp_path_factory) -> World:
    """A clone where Git starts another make, which writes below to the file below, unless that is there."""
    world = copy(template, World(tmp_path_factory.mktemp("a calling world")))
    below = f"printf 'below:; @echo below >\"{world.path}/below\"' | make --no-print-directory -f -"
    script = f'[ -e "{world.path}/below" ] || {below}'
    world.env["PATH"] = in_place_of(world, "git", script)
    return world


@pytest.mark.slow
@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_is_shown_as_it_was_typed_and_never_run(calling, payload):
    (calling.path / "below").unlink(missing_ok=True)
    for verb, variable, shown in ("add", "MODEL", payload.split()[0]), ("track", "NAME", payload):
        line = calling.refused(verb, f"{variable}={payload}")

        assert re.fullmatch(f"{verb}: .*", line)
        assert repr(shown) in line
    assert (calling.path / "below").read_text() == "below\n"  # it was handed nothing of the payload
    assert ran(calling) == []


@pytest.mark.slow
@pytest.mark.parametrize("payload", ["$(shell touch pwned)", "x\ntouch pwned", "`touch pwned`;#", "-rf"])
@pytest.mark.parametrize("variable", ["REVISION", "INCLUDE"])
def test_a_payload_may_be_what_the_hub_is_asked_for(offline, variable, payload):
    line = offline.refused("add", f"MODEL={MODEL}", f"{variable}={payload}")

    assert repr(payload) in line or "cannot reach the Hub" in line  # a branch or a pattern may be called so
    assert ran(offline) == []


@pytest.fixture(scope="session")
def printed(lasting) -> Result:
    """What make would run for plain values."""
    return lasting.ok("-n", *COMMANDS, *PLAIN)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_make_expands_no_payload(lasting, printed, payload):
    assert lasting.ok("-n", *COMMANDS, *(f"{variable}={payload}" for variable in TAKEN)) == printed
    assert lasting.ok("-n", *COMMANDS, *PLAIN, **dict.fromkeys(VALUES, payload)) == printed
    assert re.match("list: does not take [A-Z]+; ", lasting.refused("list", *(f"{each}={payload}" for each in VALUES)))
    assert ran(lasting) == []


@pytest.mark.parametrize("payload", ["$(shell touch pwned)", "x\ntouch pwned", "-rf"])
def test_track_takes_a_payload_for_a_folder_that_is_not_there(lasting, payload):
    line = lasting.refused("track", "NAME=mine", f"DIR={payload}")

    assert re.fullmatch("track: no such folder: .*", line)
    assert ran(lasting) == []


@pytest.mark.slow
def test_remote_takes_a_payload_for_the_name_of_a_folder(world):
    payload = "$(shell touch pwned)`touch pwned`;#"

    world.ok("remote", f"URL=../{payload}")

    assert (world.path / payload / ".model-weights").is_file()
    assert str(world.path / payload) in world.ok("remote").out
    assert ran(world) == []


@pytest.mark.parametrize("payload", ["soon", "nan", "-1", "$(shell touch pwned)"])
def test_add_refuses_a_timeout_that_is_no_time(offline, payload):
    line = offline.refused("add", f"MODEL={MODEL}", f"TIMEOUT={payload}")

    assert re.fullmatch("add: .*TIMEOUT.*", line)
    assert ran(offline) == []


@pytest.mark.slow
def test_a_clone_may_lie_in_a_folder_of_any_name(template, tmp_path):
    path = tmp_path / "$(shell touch pwned)`touch pwned`;'\"#"
    path.mkdir()
    world = copy(template, World(path))
    (world.path / "mine").mkdir()
    (world.path / "mine" / "config.json").write_bytes(PINNED["config.json"])

    world.ok("track", "NAME=mine", "DIR=../mine")

    assert world.on_disk("mine") == {"config.json": PINNED["config.json"]}
    assert ran(world) == []


def test_every_variable_in_the_help_is_declared(world):
    shown = set(re.findall(r"^[a-z]+:.* ## (.*)$", (world.clone / "Makefile").read_text(), re.MULTILINE))

    assert {name for usage in shown for name in re.findall(r"\b([A-Z]+)=", usage)} == set(VALUES)

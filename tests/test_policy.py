"""models/policy.yaml: what may be pinned, what is left out, which exceptions there are, and what files really are."""

import json
import pickle
import shlex
import struct
from pathlib import Path

import pytest
from conftest import MODEL, ROOT, World, refuse_commits
from hub import Fault

from lib.disk import formats, gguf, onnx, tensors
from lib.model import pin, policy
from lib.model.policy import Policy

DEFAULT = (ROOT / "models" / "policy.yaml").read_text()
PICKLE = pickle.dumps({"a": 1})
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 8000000000\n" % (b"a" * 64)


def safetensors(size: int = 8, **more: dict) -> bytes:
    header = json.dumps({"a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}} | more).encode()
    return struct.pack("<Q", len(header)) + header + bytes(size)


def string(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


# Lists of lists, whose text would take gigabytes.
BOMB = "[&a0 [x]" + "".join(f", &a{each + 1} [*a{each}, *a{each}, *a{each}, *a{each}]" for each in range(15)) + "]"


def gguf_file(
    count: int = 2, *, name: str = "b", offset: int = 32, data: int = 64, key: str = "k", dims: int = 1
) -> bytes:
    """Two tensors of eight F32, `a` at 0 and `name` at `offset`, and `data` bytes of weights."""
    head = b"GGUF" + struct.pack("<IQQ", 3, count, 2) + string(key) + struct.pack("<II", 4, 0)
    head += string("list") + struct.pack("<IIQ", 9, 8, 2) + string("x") + string("y")
    for each, at in (("a", 0), (name, offset)):
        head += string(each) + struct.pack(f"<I{dims}QIQ", dims, 8, *[1] * (dims - 1), 0, at)
    return head + bytes(-len(head) % 32) + bytes(data)


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + bytes([len(content)]) + content


def onnx_file(place: str, in_node: bool = False) -> bytes:
    entry = field(1, b"location") + field(2, place.encode())
    tensor = field(13, entry)
    node = field(1, field(5, field(5, tensor)))
    return b"\x08\x07" + field(7, node if in_node else field(5, tensor))


GOOD = {"config.json": b"{}", "model.safetensors": safetensors()}


@pytest.fixture
def strict(online) -> World:
    """A clone with the policy that the template has."""
    set_policy(online)
    return online


def own_pickle(world: World) -> tuple[Path, tuple[str, ...]]:
    """A folder with a pickle, and the words to track it."""
    folder = world.path / "weights"
    folder.mkdir()
    (folder / "a.bin").write_bytes(PICKLE)
    return folder, ("track", "NAME=mine", f"DIR={folder}")


def set_policy(world: World, **more: str) -> None:
    lines = [line for line in DEFAULT.splitlines() if line.partition(":")[0] not in more]
    (world.clone / "models" / "policy.yaml").write_text(
        "\n".join([*lines, *(f"{k}: {v}" for k, v in more.items())]) + "\n"
    )


@pytest.mark.slow
def test_what_may_run_code_is_left_out_beside_safe_weights_and_adding_again_is_a_no_op(strict, hub):
    index = {"weight_map": {"a": "pytorch_model.bin"}}
    more = {
        "pytorch_model.bin": PICKLE,
        "tf_model.h5": b"x",
        "pytorch_model.bin.index.fp16.json": json.dumps(index).encode(),
        "pytorch_model.bin.index.json": json.dumps(index).encode(),
    }
    hub.commit(MODEL, GOOD | more)

    said = strict.ok("add", f"MODEL={MODEL}")

    left = "pytorch_model.bin pytorch_model.bin.index.fp16.json pytorch_model.bin.index.json tf_model.h5"
    assert f"add: tiny: left out by models/policy.yaml: {left}\n" in said.err
    assert set(strict.on_disk()) == set(GOOD)
    assert f"left_out: {json.dumps(left.split())}" in strict.pin().read_text()
    assert f"left out   {left}" in strict.ok("show", "MODEL=tiny").out
    assert "nothing to do" in strict.ok("add", f"MODEL={MODEL}").out
    strict.ok("verify")
    assert not any("pytorch_model" in request.path for request in hub.requests if "/resolve/" in request.path)


@pytest.mark.slow
def test_a_pickle_without_safe_weights_is_refused_before_the_first_byte_unless_excepted(strict, hub):
    hub.commit(MODEL, {"config.json": b"{}", "pytorch_model.bin": PICKLE})
    before = strict.state()

    line = strict.refused("add", f"MODEL={MODEL}")

    assert line == (
        "add: models/policy.yaml forbids tiny: pytorch_model.bin is a pickle, which can run code when it is loaded; "
        "choose other files with EXCLUDE, or make an exception: make add MODEL=acme/tiny@main NAME=tiny "
        "ALLOW=format:pickle REASON='…'"
    )
    assert strict.state() == before
    assert not any("/resolve/" in request.path for request in hub.requests)
    assert "ALLOW and REASON go together" in strict.refused("add", f"MODEL={MODEL}", "ALLOW=format:pickle")
    said = strict.ok("add", f"MODEL={MODEL}", "ALLOW=licence:mit format:pickle", "REASON=approved in LEGAL-12").err
    assert "add: models/policy.yaml does not forbid licence:mit, so the pin of tiny does not except it\n" in said
    assert "  allowed    format:pickle (approved in LEGAL-12)\n" in strict.ok("show", "MODEL=tiny").out
    assert strict.ok("list").out.splitlines()[1].endswith("format:pickle")
    assert "Allow: format:pickle\nReason: approved in LEGAL-12" in strict.git("log", "-1", "--format=%B")
    strict.ok("verify")


@pytest.mark.slow
def test_verify_accepts_exactly_the_exception_that_the_pin_has(strict, hub):
    hub.commit(MODEL, {"config.json": b"{}", "pytorch_model.bin": PICKLE, "a.py": b"1"}, license="gemma")
    strict.ok("add", f"MODEL={MODEL}", "ALLOW=format:pickle code", "REASON=x")
    pin = strict.pin().read_text()
    assert 'allow: ["code", "format:pickle"]' in pin

    strict.pin().write_text(pin.replace('"code", ', ""))
    assert "verify: models/policy.yaml forbids tiny: a.py is code; choose" in strict.make("verify").out
    strict.pin().write_text(pin)
    strict.ok("verify")
    set_policy(strict, licenses="[mit]")
    assert "forbids tiny: its license is gemma; make an exception: " in strict.make("verify").out


@pytest.mark.slow
def test_a_repository_in_use_is_mended_by_an_exception_that_changes_the_pin_alone(online, hub):
    hub.commit(MODEL, {"config.json": b"{}", "pytorch_model.bin": PICKLE})
    online.ok("add", f"MODEL={MODEL}", "INCLUDE=*.bin")
    hub.commit(MODEL, {"config.json": b"{}", "pytorch_model.bin": PICKLE + PICKLE})  # is not what was pinned
    set_policy(online)
    line = next(line for line in online.make("verify").out.splitlines() if "forbids" in line)
    fetched = sum("/resolve/" in request.path for request in hub.requests)
    command = line.partition("make an exception: make ")[2].replace("…", "old news")

    before = online.state()
    assert "nothing was changed (DRY=1)" in online.run("sh", "-c", f"make DRY=1 {command}").out
    assert online.state() == before

    result = online.run("sh", "-c", f"make {command}")

    assert result.code == 0, result.said
    assert "excepted format:pickle in the pin of tiny, whose weights are the same; next: " in result.out
    assert sum("/resolve/" in request.path for request in hub.requests) == fetched
    changed = online.git("diff", "HEAD~1", "--", "models/tiny.dvc")
    lines = [line for line in changed.splitlines() if line.startswith(("+ ", "- "))]
    assert {line.split(":")[0] for line in lines} == {"+  reason", "+  allow"}
    online.ok("verify")
    assert "nothing to do" in online.run("sh", "-c", f"make {command}").out


@pytest.mark.slow
def test_an_exception_undoes_no_pin_that_git_brought_meanwhile(online, hub):
    first = hub.commit(MODEL, {"pytorch_model.bin": PICKLE})
    online.ok("add", f"MODEL={MODEL}@{first}")
    online.git("switch", "--quiet", "--create", "newer")
    online.ok("update", f"REVISION={hub.commit(MODEL, {'pytorch_model.bin': PICKLE + PICKLE})}")
    online.git("switch", "--quiet", "main")
    online.ok("pull")
    set_policy(online)
    merge = ("merge", "--quiet", "--ff-only", "newer")
    hub.faults.append(Fault(f"GET /api/models/{MODEL}/tree", lambda _: online.git(*merge)))

    said = online.refused("add", f"MODEL={MODEL}@{first}", "ALLOW=format:pickle", "REASON=old news")

    assert said == "add: another command changed the pin meanwhile; run the same command again"
    assert online.git("diff", "HEAD", "--", "models/tiny.dvc") == ""


@pytest.mark.slow
def test_update_carries_an_exception_along_and_a_new_finding_fails(strict, hub):
    hub.commit(MODEL, {"config.json": b"{}", "pytorch_model.bin": PICKLE})
    strict.ok("add", f"MODEL={MODEL}", "ALLOW=format:pickle", "REASON=x")
    hub.commit(MODEL, {"config.json": b"{ }", "pytorch_model.bin": PICKLE})
    strict.ok("update")
    assert 'allow: ["format:pickle"]' in strict.pin().read_text()
    hub.commit(MODEL, {"config.json": b"{ }", "pytorch_model.bin": PICKLE, "a.py": b"1"})
    before = strict.state()

    assert "forbids tiny: a.py is code" in strict.make("update").out

    assert strict.state() == before
    hub.commit(MODEL, GOOD)
    strict.ok("update")
    assert "allow" not in strict.pin().read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("old", "word"), [("a.bin", "format:pickle"), ("a.py", "code")])
def test_the_command_to_type_after_an_update_works_though_an_exception_became_vain(strict, hub, old, word):
    hub.commit(MODEL, {"config.json": b"{}", old: PICKLE})
    strict.ok("add", f"MODEL={MODEL}", f"ALLOW={word}", "REASON=x")
    hub.commit(MODEL, {"config.json": b"{}", "a.h5": b"x"})

    out = strict.make("update").out

    command = next(line for line in out.splitlines() if "a.h5 is HDF5" in line).partition("make an exception: ")[2]
    assert strict.run("sh", "-c", command.replace("…", "ours")).code == 0, command
    assert 'allow: ["format:hdf5"]' in strict.pin().read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "license", "word"),
    [
        ({"licenses": "[mit]"}, "gemma", "license:gemma"),
        ({"licenses": "stated"}, "", "license:none"),
        ({"sources": "[google/*]"}, "mit", "source:acme/tiny"),
        ({"size": "50B"}, "mit", "size"),
    ],
)
def test_each_rule_refuses_and_takes_its_exception(strict, hub, rule, license, word):
    hub.commit(MODEL, GOOD, license=license)
    set_policy(strict, **rule)

    line = strict.refused("add", f"MODEL={MODEL}", "DRY=1")

    assert f"ALLOW={word} REASON=" in line
    assert "nothing was changed (DRY=1)" in strict.ok("add", f"MODEL={MODEL}", f"ALLOW={word}", "REASON=x", "DRY=1").out
    assert not strict.pin().exists()
    assert not any("/resolve/" in request.path for request in hub.requests)


@pytest.mark.slow
def test_code_is_refused_even_beside_safe_weights(strict, hub):
    hub.commit(MODEL, GOOD | {"modeling.py": b"1"})

    line = strict.refused("add", f"MODEL={MODEL}")
    assert "forbids tiny: modeling.py is code; choose other files with EXCLUDE, or make an exception" in line
    strict.ok("add", f"MODEL={MODEL}", "EXCLUDE=*.py")


@pytest.mark.slow
def test_an_exception_for_what_was_left_out_brings_it(strict, hub):
    hub.commit(MODEL, GOOD | {"pytorch_model.bin": PICKLE})
    strict.ok("add", f"MODEL={MODEL}")

    strict.ok("add", f"MODEL={MODEL}", "ALLOW=format:pickle", "REASON=x")

    assert strict.on_disk()["pytorch_model.bin"] == PICKLE
    assert "left_out" not in strict.pin().read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("out", "word"), [("weights.pb", "format:pb"), ("weights.bin", "format:pickle")])
def test_weights_of_an_onnx_file_that_were_left_out_are_brought_by_the_command_to_type(strict, hub, out, word):
    hub.commit(MODEL, {"unet/model.onnx": onnx_file(out), f"unet/{out}": b"weights"})

    line = strict.refused("add", f"MODEL={MODEL}")

    assert f"unet/model.onnx reads weights from '{out}', which is " in line
    assert f" ALLOW={word} REASON=" in line
    command = line.partition("make an exception: ")[2].replace("…", "ours")
    assert strict.run("sh", "-c", command).code == 0, line
    assert strict.on_disk()[f"unet/{out}"] == b"weights"


@pytest.mark.slow
def test_add_again_goes_by_the_policy_of_today(strict, hub):
    hub.commit(MODEL, GOOD | {"pytorch_model.bin": PICKLE})
    strict.ok("add", f"MODEL={MODEL}")

    set_policy(strict, formats="any")
    strict.ok("add", f"MODEL={MODEL}")
    assert strict.on_disk()["pytorch_model.bin"] == PICKLE

    set_policy(strict)
    assert "forbids tiny: pytorch_model.bin is a pickle" in strict.make("verify").out
    strict.ok("add", f"MODEL={MODEL}")
    strict.ok("verify")
    assert set(strict.on_disk()) == set(GOOD)


@pytest.mark.slow
def test_a_license_called_other_goes_by_its_name(strict, hub):
    hub.commit(MODEL, GOOD, license="other")
    hub.cards[MODEL] = {
        "license_name": ["acme-1.0", None],
        "license_link": "LICENSE.md",
        "base_model": ["acme/base", "?", "./out", "gpt2", "acme/base"],
    }
    set_policy(strict, licenses="[acme-1.0]")

    said = strict.ok("add", f"MODEL={MODEL}")

    assert "add: acme/tiny at " in said.err
    assert " of 2026-11-20, acme-1.0\n" in said.err
    assert (
        '  license_name: acme-1.0\n  license_link: LICENSE.md\n  base: "acme/base gpt2"\n' in strict.pin().read_text()
    )
    set_policy(strict, licenses="[other]")
    assert "its license is acme-1.0" in strict.make("verify").out


def test_a_name_of_a_license_with_a_comma_in_it_can_be_listed():
    held = pin.Pin("tiny", "", 0, 0, {}, license="other", license_name="Acme License, v2")

    assert policy.findings(held, Policy(licenses=("acme license, v2",))) == {}
    assert policy.findings(held, Policy(licenses=("Acme License",))) == {"license:v2": "its license is v2"}


@pytest.mark.slow
def test_another_name_of_a_license_called_other_is_told_wherever_it_changes(strict, hub):
    change = "license: friendly-1.0 -> research-only"
    hub.commit(MODEL, GOOD, license="other")
    hub.cards[MODEL] = {"license_name": "friendly-1.0"}
    strict.ok("add", f"MODEL={MODEL}")
    hub.commit(MODEL, GOOD | {"config.json": b"{ }"}, license="other")
    hub.cards[MODEL] = {"license_name": "research-only"}

    assert change in strict.ok("outdated").out
    strict.ok("update")
    assert change in strict.git("log", "-1", "--format=%B")
    assert change in strict.ok("diff", "MODEL=tiny").out


@pytest.mark.slow
def test_an_exception_is_not_carried_along_to_another_file(strict, hub):
    files = {"config.json": b"{}", "a.txt": b"a", "b.txt": b"b"}
    first = {"scan": files, "named": files | {"a.bin": PICKLE}, "inside": files | {"model.safetensors": PICKLE}}
    last = {"scan": {"config.json": b"{  }"}, "named": {"b.bin": PICKLE}, "inside": {"evil.safetensors": PICKLE}}
    hub.unsafe["acme/scan"] = ["a.txt"]
    for name, tree in first.items():
        hub.commit(f"acme/{name}", tree)
    strict.ok("add", "MODEL=acme/scan", "ALLOW=scan", "REASON=x")
    strict.ok("add", "MODEL=acme/named acme/inside", "ALLOW=format:pickle", "REASON=x")
    for name, tree in first.items():
        hub.commit(f"acme/{name}", tree | {"config.json": b"{ }"})
    strict.ok("update")
    for name, tree in first.items():
        hub.commit(f"acme/{name}", tree | last[name])
    hub.unsafe["acme/scan"] = ["b.txt"]
    before = strict.state()

    result = strict.make("update")

    assert result.code == 2
    for name, word, why in [
        ("scan", "scan", "the Hub's scan is finished, issues with b.txt"),
        ("named", "format:pickle", "b.bin is new"),
        ("inside", "format:pickle", "evil.safetensors is in fact a pickle, which can run code when it is loaded"),
    ]:
        said = f"{name}: {why}; the exception for {word} may not be meant for that; make it again: make add MODEL="
        assert said in result.out
    assert strict.state() == before
    strict.ok("add", "MODEL=acme/scan", "ALLOW=scan", "REASON=both")
    strict.ok("add", "MODEL=acme/named", "ALLOW=format:pickle", "REASON=both")


@pytest.mark.slow
def test_an_exception_of_own_weights_is_not_carried_along_to_another_file(strict):
    folder, words = own_pickle(strict)
    strict.ok(*words, "ALLOW=format:pickle", "REASON=x")
    (folder / "b.bin").write_bytes(PICKLE)

    assert "b.bin is new; the exception for format:pickle may not be meant for that" in strict.refused(*words)
    assert "REASON='…' is not a reason" in strict.refused(*words, "ALLOW=format:pickle", "REASON=…")


@pytest.mark.slow
def test_an_exception_for_the_same_verdict_goes_along_after_a_rename_and_a_stopped_add(strict, hub):
    hub.commit(MODEL, {"config.json": b"{}", "a.txt": b"a"})
    hub.unsafe[MODEL] = ["a.txt"]
    hook = refuse_commits(strict)
    assert strict.make("add", f"MODEL={MODEL}", "ALLOW=scan", "REASON=x").code == 2
    hook.unlink()
    line = next(line for line in strict.make("verify").out.splitlines() if "to continue: make " in line)
    assert strict.run("sh", "-c", line.partition("to continue: ")[2]).code == 0
    strict.ok("rename", "MODEL=tiny", "NAME=other")
    hub.commit(MODEL, {"config.json": b"{ }", "a.txt": b"a"})

    strict.ok("update")

    assert 'allow: ["scan"]' in strict.pin("other").read_text()


@pytest.mark.slow
def test_the_hubs_scan_decides_and_stands_in_the_git_commit(strict, hub):
    for name in ("clean", "issues", "early", "aside"):
        hub.commit(f"acme/{name}", GOOD | {"pytorch_model.bin": PICKLE})
    hub.unsafe |= {"acme/issues": ["model.safetensors"], "acme/aside": ["pytorch_model.bin"]}  # which is left out
    hub.unscanned.add("acme/early")

    result = strict.make("add", "MODEL=acme/clean acme/issues acme/early acme/aside")

    assert "forbids issues: the Hub's scan is finished, issues with model.safetensors" in result.err
    assert result.code == 2
    assert not strict.pin("issues").exists()
    said = {"clean": "finished, no issues", "early": "not finished, no issues", "aside": "finished, no issues"}
    for name, scan in said.items():
        assert f"Scan: {scan}" in strict.git("log", "--format=%B", "--", f"models/{name}.dvc")
        assert "scan" not in strict.pin(name).read_text()
    set_policy(strict, scan="finished")
    assert "the Hub's scan is not finished" in strict.refused("add", "MODEL=acme/early", "NAME=again")


def test_a_pickle_that_is_called_safetensors_is_refused_and_nothing_is_pinned(strict, hub):
    hub.commit(MODEL, GOOD | {"model.safetensors": PICKLE})
    before = strict.state()

    line = strict.refused("add", f"MODEL={MODEL}").splitlines()[-1]

    assert "forbids tiny: model.safetensors is in fact a pickle, which can run code when it is loaded; choose" in line
    assert strict.state() == before


def test_a_vain_exception_is_not_pinned_and_said(online):
    result = online.ok("add", f"MODEL={MODEL}", "ALLOW=size format:gguf", "REASON=x")

    for vain in ("size", "format:gguf"):  # a format, only once the content of the files is known
        said = f"does not forbid {vain}, so the pin of tiny does not except it"
        assert f"add: models/policy.yaml {said}\n" in result.err
    assert "allow" not in online.pin().read_text()
    assert "reason" not in online.pin().read_text()


def test_a_vain_exception_is_not_pinned_where_the_weights_are_not_on_disk(online):
    online.ok("add", f"MODEL={MODEL}")
    online.ok("free")
    before = online.state()

    result = online.ok("add", f"MODEL={MODEL}", "ALLOW=license:gemma sise", "REASON=x")

    assert result.err.count("does not forbid license:gemma sise, so the pin of tiny does not except it") == 1
    assert online.state() == before


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["license:None", "license:none,size"])
def test_a_word_of_allow_that_fits_nothing_does_not_spoil_the_command_to_type(strict, hub, typed):
    hub.commit(MODEL, GOOD, license="")
    set_policy(strict, licenses="stated")

    line = strict.refused("add", f"MODEL={MODEL}", f"ALLOW={typed}", "REASON=x")

    command = line.partition("make an exception: ")[2].replace("…", "ours")
    assert strict.run("sh", "-c", command).code == 0, line


@pytest.mark.slow
def test_track_holds_the_policy_too(strict):
    folder, words = own_pickle(strict)

    command = f"make track NAME=mine DIR={shlex.quote(str(folder))} ALLOW=format:pickle REASON='…'"
    assert strict.refused(*words).endswith(command)
    strict.ok(*words, "ALLOW=format:pickle format:gguf", "REASON=ours")
    assert 'allow: ["format:pickle"]' in strict.pin("mine").read_text()
    assert "reason: ours" in strict.pin("mine").read_text()
    assert "nothing to do" in strict.ok(*words).out


@pytest.mark.slow
def test_track_copies_no_pickle_beside_safe_weights_and_says_which(strict):
    folder, words = own_pickle(strict)
    (folder / "model.safetensors").write_bytes(safetensors())

    said = strict.ok(*words)

    assert "track: mine: left out by models/policy.yaml: a.bin\n" in said.err
    assert set(strict.on_disk("mine")) == {"model.safetensors"}
    assert 'left_out: ["a.bin"]' in strict.pin("mine").read_text()
    assert (folder / "a.bin").read_bytes() == PICKLE
    for again in (words, words[:2]):
        said = strict.ok(*again)
        assert "nothing to do" in said.out
        assert ("left out by" in said.err) == (again is words)
    strict.ok("verify")
    strict.ok(*words, "ALLOW=format:pickle", "REASON=ours")
    assert set(strict.on_disk("mine")) == {"a.bin", "model.safetensors"}
    assert "left_out" not in strict.pin("mine").read_text()


@pytest.mark.slow
def test_a_pickle_that_is_put_back_and_excepted_is_no_longer_listed_as_left_out(strict):
    folder, words = own_pickle(strict)
    (folder / "model.safetensors").write_bytes(safetensors())
    strict.ok(*words)
    (strict.weights("mine") / "a.bin").write_bytes(PICKLE)

    strict.ok(*words[:2], "ALLOW=format:pickle", "REASON=ours")

    assert set(strict.on_disk("mine")) == {"a.bin", "model.safetensors"}
    assert "left_out" not in strict.pin("mine").read_text()


@pytest.mark.parametrize("kind", ["pointer", "link"])
def test_track_refuses_nothing_about_a_file_that_it_leaves_out(strict, kind):
    folder, words = own_pickle(strict)
    (folder / "model.safetensors").write_bytes(safetensors())
    if kind == "pointer":
        (folder / "b.bin").write_bytes(POINTER)
    else:
        (folder / "b.bin").symlink_to("a.bin")

    strict.ok(*words)

    assert set(strict.on_disk("mine")) == {"model.safetensors"}
    assert 'left_out: ["a.bin", "b.bin"]' in strict.pin("mine").read_text()


def test_track_refuses_a_pickle_that_lies_in_models_already(strict):
    strict.weights("mine").mkdir()
    (strict.weights("mine") / "a.bin").write_bytes(PICKLE)
    (strict.weights("mine") / "model.safetensors").write_bytes(safetensors())

    assert "a.bin is a pickle" in strict.refused("track", "NAME=mine")


def test_the_listing_of_a_model_is_no_file_to_the_policy(strict):
    set_policy(strict, formats="[safetensors]")
    (folder := strict.path / "weights").mkdir()
    (folder / "model.safetensors").write_bytes(safetensors())
    strict.ok("track", "NAME=mine", f"DIR={folder}")

    strict.ok("verify")


@pytest.mark.slow
def test_a_pin_of_plain_dvc_holds_the_policy_too(strict):
    strict.weights("plain").mkdir()
    (strict.weights("plain") / "a.bin").write_bytes(PICKLE)
    assert strict.dvc("add", "models/plain").code == 0
    strict.git("add", "models/plain.dvc")
    strict.git("commit", "--quiet", "--message", "Plain")
    strict.ok("push")

    line = next(line for line in strict.make("verify").out.splitlines() if "forbids plain: a.bin is a pickle" in line)

    command = line.partition("make an exception: ")[2].replace("…", "ours")
    assert strict.run("sh", "-c", command).code == 0
    strict.ok("verify")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("license: any", "models/policy.yaml has no setting 'license'; did you mean licenses?"),
        ("formats: pickle", "models/policy.yaml: formats is not valid (want any, or a list such as [one, other])"),
        ("formats: [safetensors, json]", "models/policy.yaml: formats has 'json', which is part of 'text'; write that"),
        ("size: big", "models/policy.yaml: size is 'big' (want any, or a size such as 80GB)"),
        (f"size: {'9' * 400}GB", "models/policy.yaml: size is '999"),
        (f"size: {BOMB}", "models/policy.yaml: size is 'not one word' (want any, or a size such as 80GB)"),
        (f"scan: {BOMB}", "models/policy.yaml: scan is 'not one word' (want finished or unobjected)"),
        ("code: maybe", "models/policy.yaml: code is 'maybe' (want yes or no)"),
        ("a: [", "models/policy.yaml cannot be read: it is not YAML: "),
        ("- a", "models/policy.yaml must contain settings"),
    ],
)
def test_a_policy_that_cannot_be_read_is_refused(added, text, said):
    (added.clone / "models" / "policy.yaml").write_text(text + "\n")

    assert said in added.refused("verify", "OFFLINE=1")


def test_formats_may_be_written_as_people_write_them(monkeypatch, tmp_path):
    monkeypatch.setattr(policy, "PATH", tmp_path / "policy.yaml")
    (tmp_path / "policy.yaml").write_text("formats: [GGUF, .tflite]")
    policy.read.cache_clear()

    assert policy.read().formats == ("gguf", "tflite")
    policy.read.cache_clear()


def test_the_file_says_what_the_commands_do_without_it(monkeypatch, tmp_path):
    monkeypatch.setattr(policy, "PATH", tmp_path / "policy.yaml")
    policy.read.cache_clear()
    default = policy.read()
    (tmp_path / "policy.yaml").write_text(DEFAULT)
    policy.read.cache_clear()

    assert policy.read() == default == Policy()
    policy.read.cache_clear()


def faults(kind, content: bytes, tmp_path: Path) -> str | None:
    (tmp_path / "file").write_bytes(content)
    return kind.fault(tmp_path / "file")


HEAD = {"dtype": "U8", "shape": [4]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (safetensors(), None),
        (safetensors(8, __metadata__={"format": "pt"}), None),
        (safetensors(8, __metadata__=None), None),
        (b"", "its header is missing, or longer than the file"),
        (safetensors()[:-1], "its size does not match its header"),
        (safetensors() + b"x", "its size does not match its header"),
        (safetensors(8, b=HEAD | {"data_offsets": [4, 8]}), "overlap others"),
        (safetensors(8, b=HEAD | {"data_offsets": [9, 13]}), "or leave a gap"),
        (safetensors(8, b=HEAD | {"data_offsets": [8, 8]}), "the shape of 'b' does not match its bytes"),
        (struct.pack("<Q", 4) + b"nope", "its header is invalid"),
        (struct.pack("<Q", 4) + "{}".encode("utf-16-le"), "its header is invalid"),
        (struct.pack("<Q", 3) + b" {}", "its header is invalid"),
        (safetensors(8, __metadata__={"format": 1}), "its header is invalid"),
        (safetensors(8, b={"dtype": "U8", "shape": [True], "data_offsets": [8, 8]}), "its header is invalid"),
        (safetensors(8, b={"dtype": "X", "shape": [1], "data_offsets": [8, 8.5]}), "its header is invalid"),
        (safetensors(8, b={"dtype": "X", "shape": [float("inf")], "data_offsets": [8, 8]}), "its header is invalid"),
        (
            safetensors(8, b={"dtype": "U8", "shape": [9] * 1_000_000, "data_offsets": [8, 8]}),
            "its header is invalid",
        ),
    ],
)
def test_a_safetensors_header_that_lies_is_found(content, said, tmp_path):
    found = faults(tensors, content, tmp_path)

    assert found == said if said is None else said in found


def test_a_name_twice_in_a_safetensors_header_is_found(tmp_path):
    header = (
        b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'
    )

    assert faults(tensors, struct.pack("<Q", len(header)) + header, tmp_path) == "its header repeats a name"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gguf_file(), None),
        (b"", "cut short"),
        (b"GGML" + gguf_file()[4:], "it does not start like a GGUF file"),
        (gguf_file()[:60], "cut short"),
        (gguf_file(count=1 << 60), "cut short"),
        (gguf_file(name="a"), "its header repeats a name"),
        (gguf_file(offset=16), "the bytes of 'b' overlap others"),
        (gguf_file(key="general.alignment"), "cut short"),
        (gguf_file(data=63), "lie beyond the end of the file"),
        (gguf_file(offset=1 << 62), "lie beyond the end of the file"),
        (gguf_file(dims=4), None),
        (gguf_file(dims=5), "or invalid"),
        (b"GGUF\x01\0\0\0A0cos\nsystem\n(S'true'\ntR.", "unsupported version 1"),
        (b"GGUF\0\0\0\x03" + gguf_file()[8:], "unsupported version 50331648"),  # big-endian
    ],
)
def test_a_gguf_header_that_lies_is_found(content, said, tmp_path):
    found = faults(gguf, content, tmp_path)

    assert found == said if said is None else said in found


def test_a_gguf_header_that_has_no_end_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(gguf, "MOST", 20)

    assert "cut short" in faults(gguf, gguf_file(), tmp_path)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"m.onnx": onnx_file("m.onnx_data"), "m.onnx_data": b"x"}, None),
        ({"m.onnx": onnx_file("m.onnx_data_1"), "m.onnx_data_1": b"x"}, None),
        ({"d/m.onnx": onnx_file("../../etc/passwd")}, "reads weights from outside its folder: '../../etc/passwd'"),
        ({"m.onnx": onnx_file("/etc/passwd")}, "reads weights from outside its folder: '/etc/passwd'"),
        ({"m.onnx": onnx_file("gone")}, "reads weights from 'gone', which is missing"),
        ({"m.ONNX": onnx_file("gone")}, "reads weights from 'gone', which is missing"),
        ({"m.onnx": b"\xff\xff"}, "is not a valid onnx file"),
        ({"a.index.json": b'{"weight_map": {"x": "1.safetensors", "y": "2.safetensors"}}'}, None),
        (
            {"a.index.json": b'{"weight_map": {"x": "1.gguf", "y": "2.gguf"}}', "1.gguf": gguf_file()},
            "a.index.json names '2.gguf', which is missing",
        ),
        (
            {"a.index.fp16.json": b'{"weight_map": {"x": "1.gguf", "y": "2.gguf"}}', "1.gguf": gguf_file()},
            "a.index.fp16.json names '2.gguf', which is missing",
        ),
        (
            {"a.index.json": b'{"weight_map": {"x": "./1.gguf", "y": "2.gguf"}}'}
            | dict.fromkeys(("1.gguf", "2.gguf"), gguf_file()),
            None,
        ),
        ({"tokenizer.json": b"PK\x03\x04"}, "tokenizer.json is in fact an archive"),
        ({"a.gguf": b"\x89HDF\r\n\x1a\n"}, "a.gguf is in fact HDF5"),
        ({"a.safetensors": struct.pack("<Q", 0x280) + b" " * 0x280}, "a.safetensors is in fact a pickle"),
    ],
)
def test_what_a_file_really_is_is_found(files, said, tmp_path):
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)

    found = " ".join(formats.findings(tmp_path, files, Policy()).values())

    assert found == "" if said is None else said in found
    assert formats.findings(tmp_path, files, Policy(formats=None)) == {}


def test_a_sound_header_as_long_as_a_pickle_begins_is_no_pickle(tmp_path):
    content = safetensors()
    size = 0x280 - (len(content) - 16)
    content = struct.pack("<Q", 0x280) + content[8:-8] + b" " * size + bytes(8)
    (tmp_path / "a.safetensors").write_bytes(content)
    assert content.startswith(b"\x80\x02")

    assert formats.findings(tmp_path, {"a.safetensors"}, Policy()) == {}


def test_the_weights_of_an_onnx_file_are_found_at_any_depth(tmp_path):
    (tmp_path / "m.onnx").write_bytes(onnx_file("w", in_node=True))

    assert onnx.locations(tmp_path / "m.onnx") == ["w"]


@pytest.mark.slow
def test_outdated_does_not_count_what_the_policy_leaves_out(strict, hub):
    hub.commit(MODEL, GOOD | {"pytorch_model.bin": PICKLE})
    strict.ok("add", f"MODEL={MODEL}")
    hub.commit(MODEL, GOOD | {"pytorch_model.bin": PICKLE, "config.json": b"{ }"})

    assert ": 1 file changed, 3 B to fetch" in strict.ok("outdated").out


def test_a_number_after_the_extension_is_no_format_and_any_format_can_be_allowed():
    assert policy.format_of("onnx/model.onnx_data_12") == "onnx"
    assert policy.format_of("tokenizer.model.v3") == policy.format_of("Tokenizer.model.v7m1") == "text"
    assert policy.format_of("weights.v3") == "v3"
    assert policy.format_of("bpe.codes") == "text"
    assert Policy().takes("v1 final", ["format:v1-final"])

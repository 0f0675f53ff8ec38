"""The pin: one encoding, read alike by us and by DVC, that says when it contradicts itself."""

import json
import re
from dataclasses import replace

import pytest
import yaml
from conftest import PINNED
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from lib import digest, models, names, pin
from lib.pin import File, Pin
from lib.report import Failure

MD5, SHA256 = "0123456789abcdef" * 2, "0123456789abcdef" * 4
FILE = File(3, MD5, SHA256)
COMMIT = "1" * 40
QUICK = settings(derandomize=True, database=None, deadline=None, max_examples=200)

# What YAML 1.1 or 1.2 takes for something else, or for its own marks, unless it is quoted.
AWKWARD = [
    *["yes", "No", "on", "OFF", "y", "true", "null", "Null", "~", ".inf", "-.INF", "nan", ".NaN", "=", "<<"],
    *["12", "-1", "+1", "0", "007", "08", "0x1f", "0o17", "0b1", "1_000", "1_", "1__0", "0_", "1.", ".5", "1._5"],
    *["1e3", "12e34", "1e+3", "1:30", "190:20:30", "2024-01-01", "2024-1-1", "2024-01-01T00:00:00Z", "0123e4"],
    *["a: b", "a:", ": a", "a #b", "#a", "- a", "-", "--- a", "...", "? a", "?", "!a", "&a", "*a", "%a", "@a", "`a"],
    *["[a]", "{a}", "a, b", "]", "}", "|", ">", "'", "''", '"', '""', "a'b\"c", " a", "a ", "a  b", "${a}", "a\\"],
    *["größe", "数", "😀", "ﬁ", "ß", "é", "a\u00a0b", "0" * 32, "1e" + "0" * 30, "0x" + "1" * 30],
]


def is_name(text: str) -> bool:
    try:
        return bool(names.model_name(text))
    except Failure:
        return False


def safe(text: str) -> object:
    """TEXT as DVC reads it."""
    return YAML(typ="safe").load(text)


def sound(**changes) -> Pin:
    """A pin that agrees with itself."""
    files = {"config.json": File(19, "1" * 32, SHA256), "deep/model.bin": File(1000, "2" * 32, SHA256)}
    return replace(pin.build("tiny", files, source="acme/tiny", revision="main", commit=COMMIT), **changes)


def test_a_pin_is_encoded_in_one_way():
    expected = f"""\
outs:
- md5: {sound().md5}.dir
  size: 1019
  nfiles: 2
  hash: md5
  path: tiny
meta:
  source: acme/tiny
  revision: main
  commit: "{COMMIT}"
  license: apache-2.0
  include: ["*.bin", "*.json"]
  files:
    config.json: {{size: 19, md5: "{"1" * 32}", sha256: {SHA256}}}
    deep/model.bin: {{size: 1000, md5: "{"2" * 32}", sha256: {SHA256}}}
"""

    assert pin.dump(sound(license="apache-2.0", include=("*.bin", "*.json"))) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"source": None, "revision": None, "commit": None},
        {"license": "a: b # c", "include": ("*", "[!a]?", "größe"), "exclude": ("!x", "'")},
        {"files": {}, "size": 0, "nfiles": 0},
    ],
)
def test_a_pin_that_was_written_is_read_back(changes):
    made = sound(**changes)

    assert pin.parse("tiny", pin.dump(made)) == made
    assert safe(pin.dump(made)) == yaml.safe_load(pin.dump(made))


@pytest.mark.parametrize("path", [path for path in AWKWARD if not names.flaw_of([path])])
def test_a_path_is_read_back_by_us_and_by_dvc(path):
    made = pin.build("tiny", {path: FILE, f"a/{path}": FILE})

    assert pin.parse("tiny", pin.dump(made)) == made
    assert list(safe(pin.dump(made))["meta"]["files"]) == list(made.files)


@pytest.mark.parametrize("name", [name for name in AWKWARD if is_name(name)])
def test_a_name_is_read_back_by_us_and_by_dvc(name):
    made = pin.build(f"group/{name}", {"a": FILE})

    assert pin.parse(f"group/{name}", pin.dump(made)) == made
    assert safe(pin.dump(made))["outs"][0]["path"] == name


@pytest.mark.parametrize("text", AWKWARD)
def test_what_the_hub_says_is_read_back_by_us_and_by_dvc(text):
    made = sound(source=text, revision=text, commit=text, license=text, include=(text,), exclude=(text,))

    assert pin.parse("tiny", pin.dump(made)) == made
    meta = safe(pin.dump(made))["meta"]
    assert {meta[key] for key in ("source", "revision", "commit", "license")} == {text}
    assert meta["include"] == meta["exclude"] == [text]


@pytest.mark.parametrize(
    "half", ["0" * 16, "1234567890123456", "12e3456789012345", "1e99999999999999", "0x11111111111111"]
)
def test_a_digest_is_read_back_by_us_and_by_dvc(half):
    file = File(3, half.replace("x", "b") * 2, half.replace("x", "b") * 4)
    made = replace(pin.build("tiny", {"a": file}), md5=file.md5)

    assert pin.parse("tiny", pin.dump(made)) == made
    assert safe(pin.dump(made))["meta"]["files"]["a"] == {"size": 3, "md5": file.md5, "sha256": file.sha256}


@pytest.mark.parametrize("path", ["/".join(["a" * 255] * 3), "/".join(["数" * 85] * 11)])
def test_a_long_path_is_read_back_by_us_and_by_dvc(path):
    made = pin.build("tiny", {path: FILE})

    assert pin.parse("tiny", pin.dump(made)) == made
    assert list(safe(pin.dump(made))["meta"]["files"]) == [path]


@given(st.text("01289_-+.:eExXobaf/T \"'#ü,[{", min_size=1, max_size=8))
@settings(QUICK, max_examples=400)
def test_any_path_that_may_be_is_read_back(path):
    assume(not names.flaw_of([path]))
    made = pin.build("tiny", {path: FILE})

    assert pin.parse("tiny", pin.dump(made)) == made
    assert safe(pin.dump(made)) == yaml.safe_load(pin.dump(made))


def read(text: str) -> Pin | str:
    """The pin TEXT, or why it is none. Anything else than Failure that is raised is an error."""
    try:
        return pin.parse("tiny", text)
    except Failure as failure:
        return str(failure)


@given(st.text())
@QUICK
@example("")
@example("\0")
@example("outs: &a [*a]\n")
@example("? {a: b}\n: c\n")
@example("2024-99-99: 1\n")
@example("a: !!python/object/apply:os.system [true]\n")
@example("--- a\n--- b\n")
def test_garbage_is_no_pin(text):
    assert isinstance(read(text), str)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["outs", "meta", "files", "md5", "size", "nfiles", "path", "sha256", "tiny", "source", "include"]
                )
                | st.integers(),
                inner,
                max_size=4,
            )
        ),
    )
)
@QUICK
def test_yaml_of_any_shape_is_a_pin_or_is_refused(document):
    assert "\n" not in str(read(yaml.safe_dump(document)))


@given(st.data())
@QUICK
def test_a_pin_with_a_stroke_of_noise_is_a_pin_or_is_refused(data):
    text = pin.dump(sound(license="apache-2.0", include=("*.bin",)))
    start = data.draw(st.integers(0, len(text)))
    stop = data.draw(st.integers(start, min(len(text), start + 12)))

    assert "\n" not in str(read(text[:start] + data.draw(st.text(max_size=6)) + text[stop:]))


WRONG = [None, True, -1, 1.5, "", "x", [], ["x"], [["x"]], {}, {"x": "y"}, "2" * 31]


@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize("where", ["outs", "outs.0", "outs.0.md5", "outs.0.size", "outs.0.nfiles", "outs.0.path"])
def test_a_pin_with_a_wrong_value_in_outs_is_refused(where, value):
    document = yaml.safe_load(pin.dump(sound()))
    *above, last = [int(word) if word == "0" else word for word in where.split(".")]
    inner = document
    for key in above:
        inner = inner[key]
    inner[last] = value

    found = read(yaml.safe_dump(document))

    assert isinstance(found, str) or models.contradiction(found)


@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize("key", ["size", "md5", "sha256"])
def test_a_pin_with_a_wrong_value_of_a_file_is_refused(key, value):
    document = yaml.safe_load(pin.dump(sound()))
    document["meta"]["files"]["config.json"][key] = value

    assert isinstance(read(yaml.safe_dump(document)), str)


@pytest.mark.parametrize("key", ["source", "revision", "commit", "license", "include", "exclude", "files"])
@pytest.mark.parametrize("value", ["x", [["x"]], {"x": "y"}])
def test_a_pin_with_a_wrong_value_in_meta_is_refused(key, value):
    if value == "x" and key in ("source", "revision", "commit", "license"):
        value = ["x"]  # a text is what these are
    document = yaml.safe_load(pin.dump(sound()))
    document["meta"][key] = value

    assert isinstance(read(yaml.safe_dump(document)), str)


@pytest.mark.parametrize("key", ["include", "exclude"])
def test_a_pin_whose_patterns_are_no_list_is_refused(key):
    text = pin.dump(sound()).replace("  files:\n", f"  {key}: abc\n  files:\n")

    assert isinstance(read(text), str)


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../../x", "/etc/x", ".git/config", "a/.git/hooks/post-checkout", ".hg/hgrc", ".dvc/config", "x.dvc"],
)
def test_a_pin_that_would_write_where_no_weights_belong_is_refused(path):
    assert isinstance(read(pin.dump(pin.build("tiny", {path: FILE}))), str)


@pytest.mark.parametrize(
    ("field", "swollen"),
    [("path: tiny", "path: *f"), ("source: acme/tiny", "source: *f"), ("meta:", "meta:\n  include: *f")],
)
def test_a_pin_that_would_swell_stays_small(field, swollen):
    bomb = f"a: &a [{'x,' * 10}]\n"
    for name, inner in ("ba", "cb", "dc", "ed", "fe"):
        bomb += f"{name}: &{name} [{f'*{inner},' * 10}]\n"

    why = read(bomb + pin.dump(sound()).replace(field, swollen))

    assert isinstance(why, str)
    assert len(why) < 1000


def test_a_pin_that_plain_dvc_made_has_no_files():
    text = f"outs:\n- md5: {MD5}.dir\n  size: 3\n  nfiles: 1\n  hash: md5\n  path: tiny\n"

    assert pin.parse("tiny", text) == Pin("tiny", MD5, 3, 1)


def test_the_listing_is_the_one_that_dvc_writes(world):
    files = PINNED | {"empty": b"", "deep/er/größe 数.bin": b"1", "Z": b"2", "a'\"b": b"3", "yes": b"4", "-rf": b"5"}
    for path, data in files.items():
        (world.weights() / path).parent.mkdir(parents=True, exist_ok=True)
        (world.weights() / path).write_bytes(data)

    result = world.dvc("add", "models/tiny")

    assert result.code == 0, result.said
    made = pin.build("tiny", {path: File(len(data), digest.of_bytes(data).md5) for path, data in files.items()})
    assert pin.parse("tiny", world.pin().read_text()) == replace(made, files=None)
    cached = world.clone / ".dvc" / "cache" / "files" / "md5" / made.md5[:2] / f"{made.md5[2:]}.dir"
    assert cached.read_bytes() == pin.listing(made.files)
    assert json.loads(cached.read_text())[0]["relpath"] == "-rf"


def blamed(held: Pin) -> set[str]:
    """The fields that HELD is said to contradict itself in."""
    return set(re.findall(r"\b(md5|size|nfiles)\b", models.contradiction(held) or ""))


def test_a_sound_pin_contradicts_itself_nowhere():
    assert models.contradiction(sound()) is None
    assert models.contradiction(sound(files=None, md5="0" * 32)) is None


@pytest.mark.parametrize(
    ("key", "value"), [("md5", "0" * 32), ("size", 1018), ("size", -1), ("nfiles", 3), ("nfiles", 0)]
)
def test_a_field_that_was_edited_is_named_and_how_to_take_it_back(key, value):
    held = sound(**{key: value})

    assert blamed(held) == {key}
    assert models.contradiction(held).endswith("; take it back: git checkout -- models/tiny.dvc")


@pytest.mark.parametrize(
    ("path", "file", "wrong"),
    [
        ("config.json", File(20, "1" * 32, SHA256), {"size"}),
        ("config.json", File(19, "3" * 32, SHA256), {"md5"}),
        ("more.json", File(0, "3" * 32, SHA256), {"md5", "nfiles"}),
        ("more.json", File(5, "3" * 32, SHA256), {"md5", "nfiles", "size"}),
    ],
)
def test_a_file_that_was_edited_is_found(path, file, wrong):
    assert blamed(sound(files={**sound().files, path: file})) == wrong


def test_a_file_that_was_taken_out_or_renamed_is_found():
    files = dict(sound().files)
    first = files.pop("config.json")

    assert blamed(sound(files=files)) == {"md5", "nfiles", "size"}
    assert blamed(sound(files=files | {"other.json": first})) == {"md5"}

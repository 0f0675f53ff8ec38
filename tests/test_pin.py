"""The pin: one encoding, read alike by us and by DVC, that says when it contradicts itself."""

import json
import re
import shlex
from collections.abc import Iterable
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from functools import reduce

import pytest
import yaml
from conftest import PINNED
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from lib.core import digest
from lib.core.digest import File
from lib.core.errors import Failure
from lib.model import encoding, fields, names, pin, selection
from lib.model.pin import Pin

HEX = "0123456789abcdef"
MD5, SHA256 = HEX * 2, HEX * 4
FILE = File(3, MD5, SHA256)
COMMIT = "1" * 40
SLOW = [HealthCheck.too_slow]  # a busy machine is no fault of a test
QUICK = settings(derandomize=True, database=None, deadline=None, max_examples=100, suppress_health_check=SLOW)

# What YAML 1.1 or 1.2 takes for something else, or for its own marks, unless it is quoted: the texts that matter most.
AWKWARD = [
    *["yes", "No", "on", "OFF", "true", "false", "Null", "~", ".inf", "nan", "=", "<<", "007", "0x1f", "0o17", "1_000"],
    *["1e3", "1:30", "2024-01-01", "a: b", "#a", "a #b", "- a", "...", "*a", "[a]", "{a}", "${a}", " a ", "''", '"'],
    *["größe", "数", "😀", "a\u00a0b"],
]
SCALAR = (  # numbers of every kind, times of day, dates, words
    r"(?ai:[-+]?(0[xob][0-9a-f]+|[0-9][0-9_]*)?(\.[0-9_]*)?(e[-+]?[0-9]+)?(:[0-9]{1,2}){0,2}|[-+]?\.inf|\.?nan|~|null"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([T ][0-9]{2}:[0-9]{2}:[0-9]{2}Z?)?|y|n|yes|no|on|off|true|false)"
)
IN_YAML = st.characters(codec="utf-8", exclude_characters=[*map(chr, range(0x7F, 0xA0)), "\ufffe", "\uffff"])
MARKS, NOISE = "-?:,[]{}#&*!|>'\"%@`~$\\=<. a", "01289_-+.:eExXobaf/T \"'#ü,[{"
TEXTS = st.one_of(*(st.text(each, min_size=1, max_size=8) for each in (IN_YAML, MARKS, NOISE)))
TEXTS |= st.sampled_from(AWKWARD) | st.from_regex(SCALAR, fullmatch=True).filter(bool)
PATHS = st.lists(TEXTS, min_size=1, max_size=3).map("/".join)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}", fullmatch=True)
# Digests of 64 characters, whose first 32 are an md5; without quotes, many would be a number.
DIGESTS = st.integers(0, 16**64 - 1).map("{:064x}".format)
DIGESTS |= st.from_regex(r"[0-9]{1,9}e?[0-9]{1,9}", fullmatch=True).map(lambda text: text.ljust(64, "0"))
KEYS = ["outs", "meta", "files", "md5", "size", "nfiles", "path", "sha256", "tiny", "source", "include", 1]
SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
)
WRONG = [None, True, -1, 1.5, "", "x", [], ["x"], [["x"]], {}, {"x": "y"}, "2" * 31, "a\nb"]


def first(values: Iterable):
    """Decorates a property, which is then tried with each of `values` before any that Hypothesis makes up."""
    return lambda prop: reduce(lambda tried, value: example(value)(tried), values, prop)


def is_name(text: str) -> bool:
    try:
        return bool(names.model_name(f"group/{text}"))
    except Failure:
        return False


def read_back(made: Pin) -> dict:
    """What DVC reads of `made`; we must read all of it, and another reader of YAML the same as DVC."""
    text = pin.dump(made)
    found = YAML(typ="safe").load(text)
    assert pin.parse(made.name, text) == made
    assert found == yaml.load(text, yaml.CSafeLoader)
    return found


def sound(**changes) -> Pin:
    """A pin that agrees with itself."""
    files = {"config.json": File(19, "1" * 32, SHA256), "deep/model.bin": File(1000, "2" * 32, SHA256)}
    return replace(pin.build("tiny", files, source="acme/tiny", revision="main", commit=COMMIT), **changes)


DOCUMENT = yaml.safe_load(pin.dump(sound()))


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


@pytest.mark.parametrize("changes", [{}, {"files": {}, "size": 0, "nfiles": 0}])
def test_a_pin_that_was_written_is_read_back(changes):
    assert read_back(sound(**changes))["outs"][0]["path"] == "tiny"


@given(TEXTS | PATHS)
@first([*AWKWARD, "/".join(["a" * 255] * 3), "/".join(["数" * 85] * 11)])
@QUICK
def test_any_path_and_whatever_the_hub_says_is_read_back_by_us_and_by_dvc(text):
    paths = [text, f"deep/{text}"]
    if names.unusable(paths) or names.is_control_file(text):
        paths = ["a"]
    said = {"source": "acme/tiny", "commit": "1" * 40, "revision": text or "main", "license": text}
    patterns = {"include": ("[!a]?", text), "exclude": (text, "!x")}
    made = pin.build("tiny", dict.fromkeys(paths, FILE), **said, **patterns)
    if not text.isprintable():
        assert isinstance(read(pin.dump(made)), str)
        return

    meta = read_back(made)["meta"]

    assert list(meta["files"]) == list(made.files)
    assert said.items() <= meta.items()
    assert (meta["include"], meta["exclude"]) == (["[!a]?", text], [text, "!x"])


@given((TEXTS | NAMES).filter(is_name))
@first(filter(is_name, AWKWARD))
@QUICK
def test_any_name_is_read_back_by_us_and_by_dvc(name):
    assert read_back(pin.build(f"group/{name}", {"a": FILE}))["outs"][0]["path"] == name


@given(DIGESTS)
@first(["0" * 64, "1e" + "9" * 62, "12e" + "3" * 61])
@QUICK
def test_any_digest_is_read_back_by_us_and_by_dvc(sha256):
    md5 = sha256[:32]

    found = read_back(replace(pin.build("tiny", {"a": File(3, md5, sha256)}), md5=md5))

    assert found["outs"][0]["md5"] == f"{md5}.dir"
    assert found["meta"]["files"]["a"] == {"size": 3, "md5": md5, "sha256": sha256}


def read(text: str) -> Pin | str:
    """The pin `text`, or why it is none. Anything else than Failure that is raised is an error."""
    try:
        return pin.parse("tiny", text)
    except Failure as failure:
        return str(failure)


def edited(*where: str | int, value: object) -> Pin | str:
    """What is read of a sound pin in which `value` took the place `where`."""
    document = inner = deepcopy(DOCUMENT)
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    return read(yaml.dump(document, Dumper=yaml.CSafeDumper))


@given(st.text())
@first(["", "\0", "outs: &a [*a]\n", "? {a: b}\n: c\n", "2024-99-99: 1\n", "--- a\n--- b\n"])
@example("a: !!python/object/apply:os.system [true]\n")
@QUICK
def test_garbage_is_no_pin(text):
    assert isinstance(read(text), str)


def test_a_pin_with_a_fault_behind_many_lines_is_refused_at_once():
    head = pin.dump(sound()).partition("\n  source:")[0]

    assert "is not YAML" in read(head + "".join(f"\n  a: {MD5[10:]}{MD5[:10]}" for _ in range(60)) + "\n!]")


@given(SHAPES)
@QUICK
def test_yaml_of_any_shape_is_a_pin_or_is_refused(document):
    assert "\n" not in str(read(yaml.dump(document, Dumper=yaml.CSafeDumper)))


@given(st.data())
@QUICK
def test_a_pin_with_a_stroke_of_noise_is_a_pin_or_is_refused(data):
    text = pin.dump(sound(license="apache-2.0", include=("*.bin",)))
    start = data.draw(st.integers(0, len(text)))
    stop = data.draw(st.integers(start, min(len(text), start + 12)))
    noisy = text[:start] + data.draw(st.text(max_size=6) | st.text(NOISE, max_size=6)) + text[stop:]

    assert "\n" not in str(read(noisy))
    with suppress(Failure, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        by_yaml = fields.checked("tiny", yaml.load(noisy, yaml.CBaseLoader))
        assert fields.checked("tiny", encoding.document(noisy)) == by_yaml


FULL = pin.dump(sound(license="apache-2.0", include=("*.bin",)))
LINES = FULL.splitlines()


@given(st.tuples(st.sampled_from(LINES), st.integers(1, len(LINES)), st.booleans()))
@first((LINES[at], to, style) for at in (2, 10, -1) for to in (3, 9, len(LINES)) for style in (True, False))
@QUICK
def test_a_pin_with_a_line_more_is_read_only_if_dvc_reads_it_and_alike_with_and_without_its_files(more):
    line, to, as_yaml = more
    key, _, value = line.partition(": ")
    line = f"{key}: {value} # as the YAML parser reads it" if as_yaml else line
    text = "\n".join([*LINES[:to], line, *LINES[to:], ""])

    found = read(text)

    if isinstance(found, Pin):
        assert YAML(typ="safe").load(text)
        assert pin.parse("tiny", text, with_files=False) in (found, replace(found, files=None))


@pytest.mark.parametrize("value", ["\udcff", "\x01", "\x7f", r"\ud83d\ude00", r"\uDFFF"])
def test_a_text_that_yaml_forbids_is_refused_under_any_key(value):
    assert isinstance(read(FULL.replace("  license:", f'  other: "{value}"\n  license:')), str)


@pytest.mark.parametrize("end", ["\n", "\r", "\x85", "\u2028"])
def test_a_key_that_comes_after_the_files_is_read_without_them_too(end):
    text = f"{FULL[:-1]}{end}  origin: late\n"

    assert pin.parse("tiny", text, with_files=False).origin == read(text).origin == "late"


@given(SHAPES)
@first(WRONG)
@QUICK
def test_a_pin_with_a_wrong_value_in_outs_is_refused_or_contradicts_itself(value):
    assume(str(value).lstrip("0") not in ("2", "1019"))  # these are right

    for where in ["outs"], ["outs", 0], *(["outs", 0, key] for key in ("md5", "size", "nfiles", "path")):
        found = edited(*where, value=value)

        assert "\n" not in str(found)
        assert isinstance(found, str) or (where[-1] in ("size", "nfiles") and selection.inconsistency(found)), where


@given(SHAPES)
@first(WRONG)
@QUICK
def test_a_pin_with_a_wrong_value_of_a_file_is_refused(value):
    assume(not re.fullmatch("[0-9]{1,18}", str(value)))  # this may be a size

    for where in [], ["config.json"], *(["config.json", key] for key in ("size", "md5", "sha256")):
        found = edited("meta", "files", *where, value=value)

        assert isinstance(found, str) or (not where and value == {} and selection.inconsistency(found)), where


@pytest.mark.parametrize("value", ["x", "0" * 15, "0" * 17, "g" * 16])
def test_a_checksum_of_a_file_that_is_none_is_refused(value):
    assert isinstance(edited("meta", "files", "config.json", "crc64nvme", value=value), str)


@pytest.mark.parametrize("key", ["include", "exclude"])
def test_a_pattern_that_is_not_a_line_of_text_is_refused(key):
    assert isinstance(edited("meta", key, value=["a\nb"]), str)


@given(SHAPES)
@first(WRONG)
@QUICK
def test_a_pin_whose_meta_holds_no_texts_or_no_lists_of_texts_is_refused(value):
    is_text = not isinstance(value, list | dict)  # every scalar is read as one
    are_texts = isinstance(value, list) and not any(isinstance(each, list | dict) for each in value)

    for key in "revision", "license", "include", "exclude":
        fine = are_texts if key in ("include", "exclude") else is_text and str(value).isprintable()
        assert isinstance(edited("meta", key, value=value), Pin if fine else str), key
    for key in "source", "commit":
        assert isinstance(edited("meta", key, value=value), str), key


@given(PATHS, st.sampled_from(["", ".", "..", ".git", ".GIT", ".gitignore", ".hg", ".dvc", ".cache", "x.dvc"]), PATHS)
@QUICK
def test_a_pin_that_would_write_where_no_weights_belong_is_refused(above, part, below):
    for path in part, f"{part}/{below}", f"{above}/{part}", f"{above}/{part}/{below}":
        assert isinstance(read(pin.dump(pin.build("tiny", {path: FILE}))), str), path


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


@pytest.mark.slow
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
    assert cached.read_bytes() == made.listing
    assert json.loads(cached.read_text())[0]["relpath"] == "-rf"


def blamed(held: Pin) -> set[str]:
    """The fields that `held` is said to contradict itself in."""
    return set(re.findall(r"\b(md5|size|nfiles)\b", selection.inconsistency(held) or ""))


def test_a_sound_pin_contradicts_itself_nowhere():
    assert selection.inconsistency(sound()) is None
    assert selection.inconsistency(sound(files=None, md5="0" * 32)) is None


@given(st.integers(-(10**18), 10**18))
@first([-1, 0, 3, 1018])
@QUICK
def test_a_field_that_was_edited_is_named_and_how_to_restore_it(number):
    assume(number not in (2, 1019))  # these are right

    for key, value in ("md5", f"{abs(number):032x}"), ("size", number), ("nfiles", number):
        held = sound(**{key: value})

        assert blamed(held) == {key}
        assert selection.inconsistency(held).endswith("; restore it: git checkout HEAD -- models/tiny.dvc")


@pytest.mark.parametrize(
    ("path", "size", "md5", "wrong"),
    [
        *[("config.json", 20, "1" * 32, {"size"}), ("config.json", 19, "3" * 32, {"md5"})],
        *[("more.json", 0, "3" * 32, {"md5", "nfiles"}), ("more.json", 5, "3" * 32, {"md5", "nfiles", "size"})],
    ],
)
def test_a_file_that_was_edited_is_found(path, size, md5, wrong):
    assert blamed(sound(files={**sound().files, path: File(size, md5, SHA256)})) == wrong


def test_a_file_that_was_taken_out_or_renamed_is_found():
    files = dict(sound().files)
    first = files.pop("config.json")

    assert blamed(sound(files=files)) == {"md5", "nfiles", "size"}
    assert blamed(sound(files=files | {"other.json": first})) == {"md5"}


def test_what_to_type_for_a_pin_can_be_typed_as_it_stands():
    held = sound(revision="it's;x", include=("it's", "*.bin"))

    assert shlex.split(pin.command(held, held.revision)) == [
        *["make", "add", "MODEL=acme/tiny@it's;x", "NAME=tiny", "INCLUDE=it's *.bin"]
    ]


def test_source_revision_and_commit_go_together():
    text = pin.dump(sound())

    for key in ("revision", "commit"):
        lines = [line for line in text.splitlines() if not line.startswith(f"  {key}: ")]
        with pytest.raises(Failure, match="source, revision and commit go together"):
            pin.parse("tiny", "\n".join(lines) + "\n")


@pytest.mark.parametrize("text", ["[" * 9, "- " * 9, " " * 60])
def test_a_pin_that_is_nested_deep_does_not_reach_the_parser(text):
    with pytest.raises(ValueError, match="nested too deep"):
        encoding.document(text)


def test_a_base_is_a_repo_on_the_hub():
    with pytest.raises(Failure, match="base is not a repo on the Hub"):
        pin.parse("tiny", pin.dump(sound(base="acme/base ./out")))

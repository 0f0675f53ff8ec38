"""make sbom: a bill of materials by the official schema, of the pins alone, the same bytes everywhere."""

import json
import shutil
from dataclasses import replace

import pytest
from conftest import MODEL, PINNED, track
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from lib.core import digest
from lib.core.digest import File
from lib.core.errors import Failure
from lib.model import bill, pin

COMMIT, OLDER = "1" * 40, "2" * 40
FILE = File(3, "a" * 32, "b" * 64)


def read(text: str) -> dict:
    """The bill `text`, which the official schema accepts."""
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    assert fault is None, fault
    return json.loads(text)


def component(**said) -> dict:
    """What a bill says of a model of the Hub whose pin says `said`."""
    known = {"source": "Acme/Tiny.v2", "revision": "main", "commit": COMMIT} | said
    return read(bill.write([pin.build("tiny", {"a.bin": FILE}, **known)]))["components"][0]


def test_the_bill_names_the_model_its_license_and_the_sha256_of_every_file(added):
    found = read(added.ok("sbom").out)

    commit = added.pin().read_text().partition("commit: ")[2][:40]
    (model,) = found["components"]
    files = model.pop("components")
    assert (found["specVersion"], found["serialNumber"][:9], found["metadata"]) == ("1.6", "urn:uuid:", {})
    assert model == {
        "type": "machine-learning-model",
        "bom-ref": "models/tiny",
        "group": "acme",
        "name": "tiny",
        "version": commit,
        "purl": f"pkg:huggingface/{MODEL}@{commit}",
        "licenses": [{"license": {"id": "Apache-2.0", "acknowledgement": "declared"}}],
        "properties": [
            {"name": "model-weights:name", "value": "tiny"},
            {"name": "model-weights:revision", "value": "main"},
        ],
    }
    assert {each["name"]: each["hashes"] for each in files} == {
        path: [{"alg": "SHA-256", "content": digest.of_bytes(data, ("sha256",)).sha256}]
        for path, data in PINNED.items()
    }
    assert {each["type"] for each in files} == {"file"}


@pytest.mark.slow
def test_the_bill_is_the_same_in_every_run_and_on_every_machine(added):
    track(added, "group/mine")
    first = added.ok("sbom", PYTHONHASHSEED="1").out
    other = added.second()
    shutil.rmtree(added.remote)

    again = other.ok("sbom", PYTHONHASHSEED="2", TZ="Asia/Tokyo", HF_ENDPOINT="http://127.0.0.1:9").out

    assert again == first
    assert [each["bom-ref"] for each in read(first)["components"]] == ["models/tiny", "models/group/mine"]
    one = read(other.ok("sbom", "MODEL=tiny").out)
    assert [each["bom-ref"] for each in one["components"]] == ["models/tiny"]
    assert one["serialNumber"] != read(first)["serialNumber"]


@pytest.mark.slow
def test_weights_of_ones_own_have_no_purl_and_their_digest_as_version(world):
    track(world, "group/mine")

    (model,) = read(world.ok("sbom").out)["components"]

    held = pin.parse("group/mine", world.pin("group/mine").read_text())
    assert (model["name"], model["version"]) == ("group/mine", f"{held.md5}.dir")
    assert not model.keys() & {"purl", "group", "licenses", "pedigree"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"license": "cc-by-nc-4.0"}, {"id": "CC-BY-NC-4.0"}),
        ({"license": "gemma"}, {"name": "gemma"}),
        ({"license": "other"}, {"name": "other"}),
        ({"license": "other", "license_name": "mine"}, {"name": "mine"}),
        (
            {"license": "other", "license_name": "mine", "license_link": "https://example.com/a%20b#c"},
            {"name": "mine", "url": "https://example.com/a%20b#c"},
        ),
        (
            {"license": "other", "license_link": "./LICENSE ü%.md"},
            {
                "name": "other",
                "url": f"https://huggingface.co/Acme/Tiny.v2/blob/{COMMIT}/LICENSE%20%C3%BC%25.md",
            },
        ),
        ({"license": "other", "license_link": "http://[x y/%<"}, {"name": "other"}),
        ({"license": "other", "license_link": "javascript:alert(1)"}, {"name": "other"}),
        ({"license": "other", "license_link": "LICENSE", "source": None, "commit": None}, {"name": "other"}),
    ],
)
def test_a_license_has_an_id_only_where_spdx_has_one(said, expected):
    (found,) = component(**said)["licenses"]

    assert found["license"] == expected | {"acknowledgement": "declared"}


def test_the_bill_keeps_the_case_of_the_hub():
    assert component()["purl"] == f"pkg:huggingface/Acme/Tiny.v2@{COMMIT}"


def test_what_a_model_was_tuned_from_are_its_ancestors_and_a_branch_is_no_version_of_a_purl():
    found = component(base=f"acme/one@{OLDER} acme/two acme/three@main gpt2")["pedigree"]["ancestors"]

    assert {each["purl"]: each.get("version") for each in found} == {
        f"pkg:huggingface/acme/one@{OLDER}": OLDER,
        "pkg:huggingface/acme/two": None,
        "pkg:huggingface/acme/three": "main",
        "pkg:huggingface/gpt2": None,
    }
    assert {each["name"]: each.get("group") for each in found}["gpt2"] is None
    assert {each["type"] for each in found} == {"machine-learning-model"}


def test_exceptions_and_what_was_left_out_are_properties():
    said = {"allow": ("format:pickle", "license:gemma"), "reason": "ours", "left_out": ("a.pkl",), "exclude": ("b.*",)}

    found = [(each["name"].removeprefix("model-weights:"), each["value"]) for each in component(**said)["properties"]]

    assert found == [
        ("allow", "format:pickle"),
        ("allow", "license:gemma"),
        ("exclude", "b.*"),
        ("left_out", "a.pkl"),
        ("name", "tiny"),
        ("reason", "ours"),
        ("revision", "main"),
    ]


def test_one_repo_pinned_twice_is_two_components():
    held = pin.build("one", {"a": FILE}, source=MODEL, revision="main", commit=COMMIT)

    found = read(bill.write([replace(held, name="two"), held]))["components"]

    assert [each["bom-ref"] for each in found] == ["models/one", "models/two"]


def test_no_model_is_an_empty_bill(world):
    result = world.ok("sbom")

    assert "components" not in read(result.out)
    assert result.err == "sbom: no model yet; add one: make add MODEL=ORG/NAME\n"


def test_a_broken_pin_is_refused_and_nothing_is_printed(added):
    added.pin().write_text(added.pin().read_text().replace("size: 19", "size: 20"))

    result = added.make("sbom")

    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("sbom: models/tiny.dvc was edited by hand: size does not match its files; restore it")


def test_a_pin_without_sha256_is_refused():
    held = replace(pin.build("tiny", {"a": FILE}), files=None)

    with pytest.raises(Failure, match=r"tiny: pinned by plain dvc add, so without sha256; .* make track NAME=tiny"):
        bill.write([held])

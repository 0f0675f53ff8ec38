"""Every fault, in every place, under every command: no bad byte gets in, out, or past make verify."""

import shutil
from pathlib import Path

import pytest
from conftest import LISTING_FAULTS, PINNED, VICTIM, forget_weights, inflict

WEIGHTS_FAULTS = ["changed", "truncated", "emptied", "removed"]
PLACES = {"remote": WEIGHTS_FAULTS + LISTING_FAULTS, "cache": WEIGHTS_FAULTS + LISTING_FAULTS, "disk": WEIGHTS_FAULTS}
CELLS = [(place, fault) for place, faults in PLACES.items() for fault in faults]


def bad_bytes(top: Path) -> list[Path]:
    """The weights or objects under `top` that are not what is pinned."""
    right = set(PINNED.values())
    return [
        path for path in top.rglob("*") if path.is_file() and path.suffix != ".dir" and path.read_bytes() not in right
    ]


@pytest.mark.parametrize(("place", "fault"), CELLS)
def test_pull_lets_no_bad_byte_into_models(added, place, fault):
    inflict(added, place, fault)
    if place != "disk":
        forget_weights(added, cache=place == "remote")

    result = added.make("pull")

    lost = place == "remote" and fault in WEIGHTS_FAULTS
    assert result.code == (2 if lost else 0), result.said
    assert added.on_disk() == ({} if lost else PINNED)
    assert bad_bytes(added.clone / ".dvc" / "cache") == []
    if lost:
        kind = "missing from" if fault == "removed" else "changed on"
        assert f"pull: tiny/{VICTIM}: {kind} the remote (object " in result.out
        assert "pull: 1 model not good, 0 good" in result.err
    elif place == "cache" and not fault.endswith("removed"):
        name = "(listing)" if fault in LISTING_FAULTS else VICTIM
        assert f"pull: tiny/{name}: changed in the cache (object " in result.out
    if not lost:
        assert "1 model good" in result.out


@pytest.mark.parametrize(("place", "fault"), CELLS)
def test_push_lets_no_bad_byte_out(added, place, fault):
    if place != "remote":
        shutil.rmtree(added.remote / "files")
    inflict(added, place, fault)

    result = added.ok("push")

    unseen = place == "remote" and fault in ("changed", "listing changed")
    assert len(added.objects()) == len(PINNED) + 1
    assert bool(bad_bytes(added.remote / "files")) == (place == "remote" and fault == "changed")
    assert ("size only (DEEP=1 reads them)" in result.out) or not unseen
    if place == "remote" and fault in ("truncated", "emptied"):
        assert f"push: tiny/{VICTIM}: changed on the remote (object " in result.out
        assert ": replaced\n" in result.out


def test_pull_mends_a_damaged_object_of_the_cache_beside_good_weights(added):
    inflict(added, "cache", "changed")

    added.ok("pull")

    cache = added.clone / ".dvc" / "cache"
    assert bad_bytes(cache) == []
    assert len(list(cache.glob("files/md5/*/*"))) == len(PINNED) + 1


def test_push_needs_no_cache_where_the_weights_are_here(added):
    before = set(added.objects())
    shutil.rmtree(added.remote / "files")
    shutil.rmtree(added.clone / ".dvc" / "cache")

    added.ok("push")

    assert set(added.objects()) == before


@pytest.mark.parametrize("fault", WEIGHTS_FAULTS + LISTING_FAULTS)
def test_push_deep_makes_a_damaged_remote_whole(added, fault):
    before = {oid: path.read_bytes() for oid, path in added.objects().items()}
    inflict(added, "remote", fault)

    result = added.ok("push", "DEEP=1")

    assert {oid: path.read_bytes() for oid, path in added.objects().items()} == before
    assert (": replaced\n" in result.out) == (not fault.endswith("removed"))


@pytest.mark.slow
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize(("place", "fault"), CELLS)
def test_verify_finds_what_it_can_see(added, place, fault, deep):
    inflict(added, place, fault)

    result = added.make("verify", *(["DEEP=1"] if deep else []))

    name = "(listing)" if fault in LISTING_FAULTS else VICTIM
    kind = "missing" if fault.endswith("removed") else "changed"
    where = {
        "disk": "",
        "cache": " in the cache",
        "remote": " from the remote" if kind == "missing" else " on the remote",
    }
    blind = place == "remote" and fault.endswith("changed") and not deep
    not_needed = place == "cache" and kind == "missing"
    assert result.code == (0 if blind or not_needed else 2), result.said
    if blind:
        assert "remote: 4 of 4 objects: size only (DEEP=1 reads them)" in result.out
    elif not not_needed:
        assert f"verify: tiny/{name}: {kind}{where[place]}" in result.out
        assert "verify: 1 problem in 1 model; see the lines above" in result.err


@pytest.mark.slow
def test_pull_brings_the_other_models_and_keeps_good_weights(added_online, hub):
    hub.commit("acme/other", {"config.json": b"other"})
    added_online.ok("add", "MODEL=acme/other")
    inflict(added_online, "remote", "changed")
    other = added_online.second()

    result = other.make("pull")

    assert result.code == 2
    assert other.on_disk("other") == {"config.json": b"other"}
    assert other.on_disk("tiny") == {}
    assert "pulled other: 1 file, 5 B\n" in result.out
    assert "pull: 1 model not good, 1 good; see the lines above" in result.err


def test_pull_leaves_weights_that_cannot_be_mended_as_they_were(added):
    inflict(added, "disk", "removed")
    shutil.rmtree(added.clone / ".dvc" / "cache")
    inflict(added, "remote", "changed")

    result = added.make("pull")

    assert result.code == 2
    assert added.on_disk() == {path: data for path, data in PINNED.items() if path != VICTIM}

"""The table in .github/FAULTS.md: what plain dvc does, and what this project does. Every row is a test."""

import hashlib
import json
import shutil
from collections.abc import Callable

import pytest
from conftest import PINNED, ROOT, VICTIM, World, flip, forget_weights, inflict

pytestmark = [pytest.mark.slow, pytest.mark.marathon]

PAGE = (ROOT / ".github" / "FAULTS.md").read_text(encoding="utf-8")


def corrupt_remote(world: World) -> None:
    inflict(world, "remote", "changed")
    forget_weights(world, cache=True)


def corrupt_remote_and_pull(world: World) -> None:
    corrupt_remote(world)
    assert world.dvc("pull").code == 0


def lose_object(world: World) -> None:
    inflict(world, "remote", "removed")


def truncate_object(world: World) -> None:
    inflict(world, "remote", "truncated")


def corrupt_cache(world: World) -> None:
    inflict(world, "cache", "changed")
    shutil.rmtree(world.remote / "files")


def flip_in_place(world: World) -> None:
    assert world.dvc("status").code == 0  # dvc has seen the file, so it trusts its time and size
    flip(world.weights() / VICTIM)


def poison_listing(world: World) -> None:
    """Replace the pinned listing by one that names a file outside, as anyone who can write to the bucket could."""
    entries = [{"md5": hashlib.md5(data).hexdigest(), "relpath": path} for path, data in sorted(PINNED.items())]
    entries.append({"md5": entries[0]["md5"], "relpath": "../../evil"})
    next(path for oid, path in world.objects().items() if oid.endswith(".dir")).write_text(json.dumps(entries))
    forget_weights(world, cache=True)


def empty_listing(world: World) -> None:
    inflict(world, "remote", "listing removed")
    oid = next((world.clone / ".dvc" / "cache").glob("files/md5/*/*.dir"))
    path = world.remote / "files" / "md5" / oid.parent.name / oid.name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")


def empty_pin(world: World) -> None:
    world.pin().write_bytes(b"")


def no_lost_weights(world: World) -> bool:
    return world.on_disk() == PINNED


def no_weights(world: World) -> bool:
    return world.on_disk() == {}


def nothing_outside(world: World) -> bool:
    return not (world.clone / "evil").exists()


def whole_remote(world: World) -> bool:
    objects = world.objects()
    right = [hashlib.md5(path.read_bytes()).hexdigest() == oid.removesuffix(".dir") for oid, path in objects.items()]
    return all(right) and len(right) == len(PINNED) + 1


# fault, dvc's command and exit status, ours, what must hold afterwards; the page's words for fault, dvc and ours
ROWS: list[tuple[Callable, str, int, str, int, Callable, str, str, str]] = [
    (corrupt_remote, "dvc pull", 0, "make pull", 2, no_weights,
     "an object on the remote is changed; a clone pulls", "bad bytes in `models/`", "names the file, places nothing"),
    (corrupt_remote_and_pull, "dvc status", 0, "make verify", 2, lambda _: True,
     "the same, afterwards", "“up to date”", "names the file, both digests"),
    (lose_object, "dvc push", 0, "make push", 0, whole_remote,
     "one object of a model is missing from the remote", "“up to date”, uploads nothing", "uploads it again"),
    (lose_object, "dvc status -c", 0, "make verify", 2, lambda _: True,
     "the same", "“in sync”", "names the file"),
    (truncate_object, "dvc push", 0, "make push", 0, whole_remote,
     "an object on the remote is truncated", "“up to date”", "replaces it"),
    (truncate_object, "dvc status -c", 0, "make verify", 2, lambda _: True,
     "the same", "“in sync”", "names the file, both sizes"),
    (corrupt_cache, "dvc push", 0, "make push", 0, whole_remote,
     "an object in the cache is changed; the remote is new", "pushes bad bytes", "pushes good bytes from `models/`"),
    (flip_in_place, "dvc status", 0, "make verify", 2, lambda _: True,
     "one byte in `models/` is flipped, size and mtime unchanged", "“up to date”", "names the file"),
    (poison_listing, "dvc pull", 0, "make pull", 0, nothing_outside,
     "a listing on the remote names `../../evil`", "writes outside the model", "ignores it: the pin lists the files"),
    (empty_listing, "dvc push", 255, "make push", 0, whole_remote,
     "a killed push left an empty listing", "fails, for everybody, every time", "replaces it"),
    (empty_pin, "dvc pull", 0, "make pull", 2, no_lost_weights,
     "a killed `dvc add` left an empty pin", "deletes the model", "says how to get the pin back"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0].__name__}-{row[1].replace(' ', '_')}" for row in ROWS])
def test_row(added, tmp_path, row):
    fault, plain, plain_code, ours, our_code, holds, said, does, we = row
    (added.clone / ".dvc" / "config.local").write_text("['remote \"storage\"']\n    verify = false\n")  # DVC's default
    fault(added)
    other = World(tmp_path / "the same world")
    shutil.copytree(added.path, other.path, symlinks=True)

    done, result = added.dvc(*plain.split()[1:]), other.make(*ours.split()[1:])

    assert (done.code, result.code) == (plain_code, our_code), done.said + result.said
    assert holds(other)
    assert f"| {said} | `{plain}` exits {plain_code}: {does} | `{ours}` exits {our_code}: {we} |" in PAGE

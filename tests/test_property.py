"""Random trees of files, and random pins."""

import shutil

import pytest
from conftest import World, copy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.model import names

SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
part = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="/\\"), min_size=1, max_size=20)
paths = st.lists(part, min_size=1, max_size=3).map("/".join)
trees = st.dictionaries(paths, st.binary(max_size=2000), min_size=1, max_size=6)


def write(world: World, tree: dict[str, bytes]) -> bool:
    """Write `tree` as models/random; False if the file system or the names do not allow it."""
    if names.unusable(tree) or any(map(names.is_control_file, tree)):
        return False
    for path, data in tree.items():
        target = world.weights("random") / path
        if any(parent.is_file() for parent in target.parents) or target.is_dir():
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return True


@pytest.mark.marathon
@pytest.mark.slow
@settings(max_examples=4, deadline=None, suppress_health_check=SLOW)
@given(tree=trees)
def test_a_random_tree_reaches_another_clone_as_it_was(template, tmp_path_factory, tree):
    world = copy(template, World(tmp_path_factory.mktemp("a random world")))
    if not write(world, tree):
        return
    world.ok("track", "NAME=random")
    other = world.second()

    other.ok("pull")

    assert other.on_disk("random") == tree
    assert "verified 1 pin" in other.ok("verify", "DEEP=1").out
    shutil.rmtree(world.path)


@pytest.mark.slow
@settings(max_examples=5, deadline=None, suppress_health_check=SLOW)
@given(data=st.binary(max_size=300))
@pytest.mark.parametrize("verb", ["verify", "pull", "list"])
def test_random_bytes_as_a_pin_never_pass_nor_crash(added, verb, data):
    added.pin().write_bytes(data)

    result = added.make(verb)

    assert result.code == 2, result.said
    assert "Traceback" not in result.said
    assert "models/tiny.dvc" in result.said

"""The benchmark's made-up weights are such that every command takes them."""

import pytest
from world import SMALL, TINY_SIZE, shards, write_random

from lib.disk import tensors


@pytest.mark.parametrize(
    ("name", "size"), [*((name, 100_000) for name in shards(2)), ("model.safetensors", TINY_SIZE), *SMALL.items()]
)
def test_a_file_is_what_its_name_says(tmp_path, name, size):
    write_random(tmp_path / name, size)

    assert (tmp_path / name).stat().st_size == size
    if name.endswith(".safetensors"):
        assert tensors.fault(tmp_path / name) is None
        assert tensors.of_file(tmp_path / name)["weight"].dtype == "U8"


@pytest.mark.slow
def test_the_many_models_of_the_benchmark_are_right(world):
    made = world.run(".venv/bin/python", "tests/bench/pins.py", str(world.clone), str(world.remote), "2")

    assert made.code == 0, made.said
    assert "verified 2 pins, 30 of 30 files on disk" in world.ok("verify", "DEEP=1", "MODEL=many-*").out

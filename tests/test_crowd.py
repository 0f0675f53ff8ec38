"""Many clones and one bucket that has too much to do: nothing is lost, nothing is double, nobody is turned away."""

import shutil
import subprocess
from itertools import count

import pytest
from conftest import World, set_clock, start
from stores import Proxy, S3Rclone, Store

pytestmark = [pytest.mark.slow, pytest.mark.marathon]

CLONES = 20


@pytest.fixture
def rclone():
    with S3Rclone() as store:
        yield store


def busy(store: Store) -> Proxy:
    """The store behind a door that answers every third request with 503."""
    seen = count(1)
    return Proxy(store, lambda request: 503 if next(seen) % 3 == 0 else None, once=False)


def use(world: World, store: Store, proxy: Proxy) -> World:
    world.env |= store.env
    world.ok("remote", f"URL={store.url}", f"ENDPOINT={proxy.endpoint}")
    world.git("commit", "--quiet", "--message", "Set the remote", "--", ".dvc/config")
    return world


def finish(processes: list[subprocess.Popen]) -> list[str]:
    """What each of `processes` printed; all must succeed."""
    said = [process.communicate(timeout=500)[0] for process in processes]
    assert [text for process, text in zip(processes, said, strict=True) if process.returncode] == []
    return said


def test_a_store_that_refuses_a_third_of_all_requests_serves_every_command(added, rclone):
    with busy(rclone) as proxy:
        use(added, rclone, proxy)

        added.ok("push")
        shutil.rmtree(added.weights())
        shutil.rmtree(added.clone / ".dvc" / "cache")
        added.ok("pull")

        assert "4 of 4 objects on the remote (4 read)" in added.ok("verify", "DEEP=1").out
        assert len(proxy.struck) > 5


def test_a_store_that_refuses_all_is_given_up_in_time(added, rclone):
    with Proxy(rclone) as proxy:
        use(added, rclone, proxy)
        proxy.fault, proxy.once = lambda request: 503, False

        said = added.refused("push", "TIMEOUT=3")

        assert "is overloaded or unavailable, as it says (503); nothing was changed" in said
        assert 2 < len(proxy.struck) < 8


@pytest.mark.timeout(900)
def test_twenty_clones_that_track_push_and_pull_at_once_lose_nothing(world, rclone):
    rclone.put("files/md5/README", b"an inventory")
    rclone.put("files/md5/ab/notes.txt", b"notes")
    with busy(rclone) as proxy:
        use(world, rclone, proxy)
        clones = [world.second(f"clone {number}") for number in range(CLONES)]
        for number, clone in enumerate(clones):
            folder = clone.path / "weights"
            folder.mkdir()
            (folder / "shared.bin").write_bytes(bytes(100_000))
            (folder / "own.bin").write_bytes(b"%d" % number * 10_000)
            set_clock(clone, (number - CLONES / 2) * 60)  # S3 takes what is signed a quarter of an hour off

        finish([start(each, "track", f"NAME=m{n}", "DIR=../weights") for n, each in enumerate(clones)])

        for number, clone in enumerate(clones):
            world.git("fetch", "--quiet", str(clone.clone), "HEAD")
            world.git("checkout", "FETCH_HEAD", "--", f"models/m{number}.dvc")
        world.ok("catalog")
        world.git("commit", "--quiet", "--message", "Collect", "--", "models")
        for clone in clones:
            clone.git("fetch", "--quiet", "origin")
            clone.git("switch", "--quiet", "-C", "main", "origin/main")
        finish([start(each, *words) for each in clones for words in (["pull"], ["push"])])
        said = finish([start(each, "verify", "DEEP=1") for each in clones])

        total = 2 * CLONES + 1  # a file and a listing each, and what they share
        for each in said:
            assert f"verified {CLONES} pins, {2 * CLONES} of {2 * CLONES} files on disk" in each
            assert f"{total} of {total} objects on the remote ({total} read)" in each
    objects = {key for key in rclone.objects() if key.startswith("files/")}
    assert len(objects) == total + 2
    assert all((clone.weights("m7") / "own.bin").read_bytes() == b"7" * 10_000 for clone in clones)

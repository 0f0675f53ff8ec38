"""Files that the Hub keeps in Xet: streamed, checked, resumed, and a plain download where Xet fails."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cas import Answer, Cas
from conftest import MODEL, PINNED, PLAN, World, flip, start
from hub import Answer as HubAnswer
from hub import Fault, Hub
from stores import silent

from lib.hub import xet as hub_xet
from lib.hub.sources import XetFile
from lib.transfer.retry import Broken

pytestmark = pytest.mark.slow
MIB = 1 << 20
BIG = "acme/big"


@pytest.fixture
def clone(world, xet) -> World:
    """A clone that knows that Hub."""
    world.env["HF_ENDPOINT"] = xet.url
    return world


def big_file(folder: Path, size: int) -> Path:
    path = folder / "big.safetensors"
    path.write_bytes(os.urandom(size))
    return path


def chunks(hub: Hub) -> list[Path]:
    """The files of the store that hold content."""
    return sorted(hub.store.glob("**/xorbs/default.*[!t]"))


def fetched(hub: Hub, path: str) -> list[str]:
    """What was asked for of `path` by plain downloads: the ranges."""
    return [request.range for request in hub.requests if request.path.endswith(path) and "/resolve/" in request.path]


def tokens(hub: Hub) -> int:
    return sum("/xet-read-token/" in request.path for request in hub.requests)


def test_add_brings_files_from_xet_and_asks_for_one_token(clone, xet):
    xet.commit(BIG, {f"{number}.safetensors": os.urandom(MIB) for number in range(4)} | {"config.json": b"{}"})

    result = clone.ok("add", f"MODEL={BIG}")

    assert result.out == "added big: 5 files, 4.2 MB; next: git push\n"
    assert tokens(xet) == 1
    assert [fetched(xet, f"{number}.safetensors") for number in range(4)] == [[]] * 4
    assert len(fetched(xet, "config.json")) == 1
    assert "5 of 5 files on disk" in clone.ok("verify", "DEEP=1").out
    assert not (clone.path / "home" / ".cache").exists()


def test_a_damaged_chunk_is_caught_and_the_file_comes_another_way(clone, xet):
    data = os.urandom(MIB)  # the store compresses other bytes, and finds by itself that it cannot expand them
    xet.commit(BIG, {"big.safetensors": data})
    for path in chunks(xet):
        flip(path, at=path.stat().st_size // 2)

    result = clone.ok("add", f"MODEL={BIG}")

    assert "add: acme/big/big.safetensors: what Xet sent differs: the Hub says sha256 " in result.err
    assert clone.on_disk("big") == {"big.safetensors": data}
    assert len(fetched(xet, "big.safetensors")) == 1


def lose_the_store(xet: Hub) -> None:
    for path in chunks(xet):
        path.unlink()


def refuse_the_token(xet: Hub) -> None:
    xet.faults.append(Fault("/xet-read-token/", lambda answer: answer.status(403), times=None))


def lose_the_address(xet: Hub) -> None:
    xet.xet = "http://127.0.0.1:9"


def forget_the_hash(xet: Hub) -> None:
    commit = xet.repos[MODEL]["main"]
    commit.entries["model.safetensors"]["xetHash"] = "1" * 64


@pytest.mark.parametrize("fault", [lose_the_store, refuse_the_token, lose_the_address, forget_the_hash])
def test_a_file_that_xet_does_not_give_comes_by_a_plain_download(clone, xet, fault):
    fault(xet)

    result = clone.ok("add", f"MODEL={MODEL}", "TIMEOUT=4")

    lines = [line for line in result.err.splitlines() if line.startswith("add: ") and not PLAN.match(line)]
    assert len(lines) == 1
    assert lines[0].startswith("add: acme/tiny/model.safetensors: Xet: ")
    assert lines[0].endswith("; continuing at 0 B from a plain download")
    assert clone.on_disk() == PINNED
    assert not (clone.path / "home" / ".cache").exists()
    assert not (clone.clone / ".dvc" / "tmp" / "xet" / "logs").exists()


class Xet:
    """Gives each of `chunks`, and raises those that are exceptions."""

    fault, cancelled = "", False

    def __init__(self, *chunks: bytes | Exception) -> None:
        self.chunks = iter(chunks)

    def download(self, file: object, start: int) -> "Xet":
        return self

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    def cancel(self) -> None:
        self.cancelled = True


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (OSError("no such hash\nin Xet"), ""),
        (ConnectionError("refused\nthere"), "refused"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_only_a_store_out_of_reach_is_given_up_for_other_files_too(error, fault):
    xet = Xet(b"one", error)
    stream = XetFile(xet, None).stream(0)

    assert next(stream) == b"one"
    with pytest.raises(Broken, match=f"^{fault or 'no such hash'}$"):
        next(stream)
    assert (xet.fault, xet.cancelled) == (fault, True)


def test_a_store_that_was_given_up_is_not_asked_again():
    given_up = hub_xet.Xet(None)
    given_up.fault = "refused"

    with pytest.raises(Broken, match="refused"):
        given_up.download(None, 0)


def test_a_stream_that_is_not_read_to_its_end_is_cancelled():
    xet = Xet(b"one", b"two")
    stream = XetFile(xet, None).stream(0)

    next(stream)
    stream.close()

    assert xet.cancelled


@pytest.mark.marathon
def test_a_store_out_of_reach_is_given_up_once_for_all_files(clone, xet):
    xet.commit(BIG, {f"{number}.safetensors": os.urandom(1000) for number in range(40)})
    with silent() as (xet.xet, connections):
        clone.ok("add", f"MODEL={BIG}", "TIMEOUT=1")

        assert 0 < len(connections) <= 16 * 6  # as many as come in parallel, with their tries; all of them would be 160
    assert len(clone.on_disk("big")) == 40


@pytest.fixture
def stored(xet, tmp_path) -> Iterator[Cas]:
    """Xet's store over HTTP with one file of 96 MiB, which is acme/big."""
    source = big_file(tmp_path, 96 * MIB)
    shutil.rmtree(xet.store)
    xet.commit(BIG, {"big.safetensors": source})
    with Cas(xet.store, source) as cas:
        xet.xet = cas.url
        yield cas


@pytest.mark.marathon
def test_a_killed_add_goes_on_inside_a_file_of_xet(clone, xet, stored):
    part, size, kills = clone.clone / ".dvc/tmp/staging/big/files/big.safetensors", 96 * MIB, 0
    stored.fault = lambda answer: time.sleep(0.02)
    for moment in range(12):
        process = start(clone, "add", f"MODEL={BIG}")
        while process.poll() is None and not (part.exists() and part.stat().st_size > moment * size // 13):
            time.sleep(0.0005)
        kills += process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    clone.ok("add", f"MODEL={BIG}")

    assert kills == 12
    assert stored.sent <= size + kills * 16 * MIB
    assert (clone.weights("big") / "big.safetensors").read_bytes() == stored.source.read_bytes()
    assert fetched(xet, "big.safetensors") == []


@pytest.mark.marathon
@pytest.mark.parametrize("fault", ["breaks", "goes silent", "is refused"])
def test_a_plain_download_takes_over_where_the_store_was_lost(clone, xet, stored, fault):
    def lose(answer: Answer) -> None:
        if stored.sent > 30 * MIB:
            if fault == "is refused":
                answer.answer(403)
            elif fault == "goes silent":
                time.sleep(20)
            raise ConnectionAbortedError

    stored.fault = lose

    result = clone.ok("add", f"MODEL={BIG}", "TIMEOUT=2")

    assert "add: acme/big/big.safetensors: Xet: " in result.err
    assert result.err.count("from a plain download") == 1
    first, rest = fetched(xet, "big.safetensors")
    assert int(first.removeprefix("bytes=").partition("-")[0]) >= 14 * MIB
    assert rest.startswith(f"bytes={int(first.partition('-')[2]) + 1}-")
    assert (clone.weights("big") / "big.safetensors").read_bytes() == stored.source.read_bytes()


def test_a_token_that_runs_out_is_renewed_in_the_middle(clone, xet, stored):
    def renew(answer: HubAnswer) -> None:
        stored.tokens.append(f"token {len(stored.tokens)}")
        said = {"casUrl": stored.url, "accessToken": stored.tokens[-1], "exp": int(time.time()) + 1}
        answer.reply = answer.as_json(said)

    xet.faults.append(Fault("/xet-read-token/", renew, times=None))

    clone.ok("add", f"MODEL={BIG}")

    assert len(stored.tokens) > 5  # of which the store takes the last three
    assert (clone.weights("big") / "big.safetensors").read_bytes() == stored.source.read_bytes()
    assert fetched(xet, "big.safetensors") == []


def test_xet_is_left_out_when_the_user_says_so(clone, xet):
    clone.ok("add", f"MODEL={MODEL}", HF_HUB_DISABLE_XET="1")

    assert tokens(xet) == 0
    assert len(fetched(xet, "model.safetensors")) == 1
    assert {request.encoding for request in xet.requests if "/resolve/" in request.path} == {"identity"}


def test_a_mirror_that_publishes_no_xet_hash_is_downloaded_from(clone, xet):
    for commit in xet.repos[MODEL].values():
        commit.entries["model.safetensors"].pop("xetHash", None)

    clone.ok("add", f"MODEL={MODEL}")

    assert tokens(xet) == 0
    assert clone.on_disk() == PINNED


def test_a_full_disk_ends_add_with_its_sentence_and_no_other_way_is_tried(clone, xet, tmp_path):
    pytest.importorskip("resource")
    xet.commit(BIG, {"big.safetensors": big_file(tmp_path, 8 * MIB)})

    result = clone.run("bash", "-c", f"ulimit -f 4096; trap '' XFSZ; exec make add MODEL={BIG}")

    assert result.code == 2
    assert "add: File too large" in result.err
    assert "Xet" not in result.err
    assert fetched(xet, "big.safetensors") == []


# What this machine holds already.


def in_the_cache_of_the_hub_client(world: World, data: bytes, name: str) -> Path:
    path = world.path / "home" / ".cache" / "huggingface" / "hub" / "models--someone--else" / "blobs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def sha256(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def test_a_file_in_the_cache_of_the_hub_client_is_not_fetched(clone, xet):
    data = PINNED["model.safetensors"]
    held = in_the_cache_of_the_hub_client(clone, data, sha256(data))

    result = clone.ok("add", f"MODEL={MODEL}")

    here = "1 file, 102.4 kB already on this machine"
    assert result.out == f"added tiny: 3 files, 102.4 kB ({here}); next: git push\n"
    assert (tokens(xet), fetched(xet, "model.safetensors")) == (0, [])
    assert clone.on_disk() == PINNED
    assert held.stat().st_nlink == 1
    assert held.read_bytes() == data
    assert "3 files, 102.4 kB, 28 B to fetch, " in result.err
    in_the_cache_of_the_hub_client(clone, data[::-1], sha256(data[::-1]))
    xet.commit(MODEL, {"model.safetensors": data[::-1]})
    assert ", 0 B to fetch; license: " in clone.ok("outdated").out


@pytest.mark.parametrize("fault", ["damaged", "of another size"])
def test_a_bad_file_in_the_cache_of_the_hub_client_is_not_used(clone, xet, fault):
    data = PINNED["model.safetensors"]
    in_the_cache_of_the_hub_client(clone, data[::-1] if fault == "damaged" else data[:-1], sha256(data))

    result = clone.ok("add", f"MODEL={MODEL}")

    assert "already on this machine" not in result.out
    assert clone.on_disk() == PINNED


@pytest.fixture
def holding(added, xet) -> World:
    """A clone that has added MODEL and knows that Hub."""
    added.env["HF_ENDPOINT"] = xet.url
    return added


def test_a_file_in_dvcs_cache_under_another_name_is_not_fetched(holding, xet):
    xet.commit("acme/copy", {"renamed.safetensors": PINNED["model.safetensors"], "config.json": b"other"})

    result = holding.ok("add", "MODEL=acme/copy")

    here = "1 file, 102.4 kB already on this machine"
    assert result.out == f"added copy: 2 files, 102.4 kB ({here}); next: git push\n"
    assert tokens(xet) == 0
    assert fetched(xet, "renamed.safetensors") == []
    assert (holding.weights("copy") / "renamed.safetensors").samefile(holding.weights() / "model.safetensors")


def test_a_damaged_object_in_dvcs_cache_is_not_used(holding, xet):
    path = holding.weights() / "model.safetensors"
    path.chmod(0o644)
    path.write_bytes(PINNED["model.safetensors"][::-1])
    xet.commit("acme/copy", {"renamed.safetensors": PINNED["model.safetensors"]})

    holding.ok("add", "MODEL=acme/copy")

    assert holding.on_disk("copy") == {"renamed.safetensors": PINNED["model.safetensors"]}

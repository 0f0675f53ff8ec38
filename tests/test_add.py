"""make add: Hub -> checked bytes -> remote -> one Git commit."""

import shutil
from collections.abc import Iterator

import pytest
from conftest import FILES, MODEL, PINNED, World, copy, flip, forget_weights, lent
from hub import Fault, Hub

NOWHERE = "0" * 40  # no commit of the Hub


@pytest.mark.slow
def test_add_makes_one_commit_of_pin_and_catalog(template, added):
    before = template.head()

    changed = added.git("diff", "--name-only", before, "HEAD").split()
    assert changed == ["models/README.md", "models/tiny.dvc"]
    assert added.git("rev-list", "--count", f"{before}..HEAD").strip() == "1"
    message = added.git("log", "-1", "--format=%B")
    assert message.startswith("Add tiny model\n")
    assert f"Source: {MODEL}\nCommit: " in message
    assert added.git("status", "--porcelain") == ""
    assert added.on_disk() == PINNED
    assert list((added.clone / ".git").glob("index.make.*")) == []


@pytest.mark.slow
def test_add_pins_the_same_bytes_on_every_machine(added_template, online):
    """Whatever its user staged besides, which is left staged."""
    (online.clone / "README.md").write_text("mine\n")
    online.git("add", "README.md")

    online.ok("add", f"MODEL={MODEL}")

    assert online.git("diff", "--cached", "--name-only").split() == ["README.md"]
    assert online.pin().read_bytes() == added_template.pin().read_bytes()


@pytest.mark.slow
def test_add_pins_what_plain_dvc_would_and_hashes_nothing_twice(added):
    before = added.pin().read_text()
    cached = added.clone / ".dvc" / "cache" / "files" / "md5"

    for path in added.weights().rglob("*.*"):
        assert any(path.samefile(each) for each in cached.glob("*/*")), path
    added.pin().unlink()
    assert added.dvc("add", "models/tiny").code == 0
    assert before.startswith(added.pin().read_text())


def test_add_again_is_a_quick_no_op(lasting_added, hub):
    before = lasting_added.state()

    result = lasting_added.ok("add", f"MODEL={MODEL}", HF_ENDPOINT=hub.url)

    assert result.out == "tiny is already pinned at this commit; nothing to do\n"
    assert lasting_added.state() == before
    assert not [request for request in hub.requests if "/resolve/" in request.path]


@pytest.mark.slow
@pytest.mark.parametrize("words", [[f"MODEL={MODEL}@v1"], [f"MODEL={MODEL}", "REVISION=v1"]])
def test_add_pins_the_commit_that_a_tag_means(online, hub, words):
    first = hub.commit(MODEL, {"config.json": b"old"})
    hub.tag(MODEL, "v1", first)
    hub.commit(MODEL, FILES)

    online.ok("add", *words)

    assert f"\n  revision: v1\n  commit: {first}\n" in online.pin().read_text()
    assert online.on_disk() == {"config.json": b"old"}


@pytest.mark.slow
def test_add_puts_a_model_into_a_group(online):
    online.ok("add", f"MODEL={MODEL}", "NAME=embeddings/small")

    assert online.on_disk("embeddings/small") == PINNED
    assert online.git("status", "--porcelain") == ""
    assert "gitignore" not in online.git("ls-files", "models")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["INCLUDE=*.json"], {"config.json", "nested/tokenizer.json"}),
        (["EXCLUDE=nested/* *.safetensors"], {"config.json"}),
        (["INCLUDE=*.json", "EXCLUDE=config*"], {"nested/tokenizer.json"}),
    ],
)
def test_add_brings_only_the_files_that_were_chosen(online, words, expected):
    online.ok("add", f"MODEL={MODEL}", *words)

    assert online.on_disk().keys() == expected
    for word in words:
        assert f"\n  {word.partition('=')[0].lower()}: [" in online.pin().read_text()


@pytest.mark.slow
def test_add_moves_the_pin_to_a_newer_commit(added_online, hub):
    old = added_online.pin().read_text().partition("commit: ")[2][:40]
    new = hub.commit(MODEL, {"config.json": b"new", "more.json": b"more"})

    added_online.ok("add", f"MODEL={MODEL}")

    assert added_online.on_disk() == {"config.json": b"new", "more.json": b"more"}
    message = added_online.git("log", "-1", "--format=%B")
    assert message.startswith("Update tiny model\n")
    assert f"From {old} to {new}." in message
    assert added_online.git("status", "--porcelain") == ""


@pytest.mark.slow
@pytest.mark.parametrize("on_disk", [True, False])
def test_an_update_does_not_fetch_what_this_machine_has(added_online, hub, on_disk):
    hub.commit(MODEL, {"config.json": b"{}", "renamed/weights.safetensors": FILES["model.safetensors"]})
    if not on_disk:
        shutil.rmtree(added_online.weights())
    hub.requests.clear()

    added_online.ok("add", f"MODEL={MODEL}")

    assert [request.path.rpartition("/")[2] for request in hub.requests if "/resolve/" in request.path] == [
        "config.json"
    ]
    assert added_online.on_disk() == {
        "config.json": b"{}",
        "renamed/weights.safetensors": FILES["model.safetensors"],
    }
    assert "verified 1 pin, 2 of 2 files on disk" in added_online.ok("verify", "DEEP=1").out


@pytest.mark.marathon
@pytest.mark.slow
@pytest.mark.parametrize("way", ["symlink", "copy"])
def test_an_update_keeps_what_is_linked_in_another_way(online, hub, way):
    online.git("config", "--file", ".dvc/config.local", "cache.type", way)
    online.ok("add", f"MODEL={MODEL}")
    hub.commit(MODEL, FILES | {"more.json": b"{}"})

    online.ok("add", f"MODEL={MODEL}")

    assert online.on_disk() == PINNED | {"more.json": b"{}"}
    assert "verified 1 pin, 4 of 4 files on disk" in online.ok("verify", "DEEP=1").out


@pytest.fixture(scope="session")
def smaller_template(added_template, ground, tmp_path_factory) -> World:
    home = tmp_path_factory.mktemp("smaller") / "a smaller world"
    with Hub() as hub, lent(added_template, ground, home) as world:
        hub.commit(MODEL, {"config.json": b"{}"})
        world.ok("add", f"MODEL={MODEL}", HF_ENDPOINT=hub.url)
    return World(home)


@pytest.fixture
def smaller(smaller_template, ground, hub, tmp_path) -> Iterator[World]:
    """A clone that has added MODEL, and then a commit of it without the weights."""
    with lent(smaller_template, ground, tmp_path / "my world") as world:
        world.env["HF_ENDPOINT"] = hub.url
        yield world


@pytest.mark.slow
@pytest.mark.parametrize("broken", [True, False])
def test_what_comes_back_is_not_stored_twice(smaller, broken):
    (cached,) = (path for path in smaller.clone.glob(".dvc/cache/files/md5/*/*") if path.stat().st_size == 102400)
    if broken:
        flip(cached)

    smaller.ok("add", f"MODEL={MODEL}")

    assert smaller.on_disk() == PINNED
    assert cached.samefile(smaller.weights() / "model.safetensors")


@pytest.mark.slow
def test_an_update_does_not_take_what_is_broken_in_the_cache(added_online, hub):
    hub.commit(MODEL, {"model.safetensors": FILES["model.safetensors"], "config.json": b"{}"})
    shutil.rmtree(added_online.weights())
    (cached,) = (path for path in added_online.clone.glob(".dvc/cache/files/md5/*/*") if path.stat().st_size == 102400)
    flip(cached)

    added_online.ok("add", f"MODEL={MODEL}")

    assert added_online.on_disk()["model.safetensors"] == FILES["model.safetensors"]


@pytest.mark.slow
def test_add_fetches_a_file_that_differs_once_more(online, hub):
    hub.faults.append(Fault("GET .*/resolve/.*/model.safetensors", lambda answer: answer.corrupt(), times=1))

    result = online.ok("add", f"MODEL={MODEL}")

    assert "model.safetensors: what a plain download sent differs: the Hub says sha256" in result.err
    assert online.on_disk() == PINNED


@pytest.mark.parametrize("path", ["model.safetensors", "config.json"])
def test_add_names_a_file_that_differs_twice_and_changes_nothing(online, hub, path):
    hub.faults.append(Fault(f"GET .*/resolve/.*/{path}", lambda answer: answer.corrupt(), times=None))
    before = online.state()

    said = online.refused("add", f"MODEL={MODEL}")

    assert said.endswith(f"add: {MODEL}/{path} differs from what the Hub publishes, twice; nothing was changed")
    assert online.state() == before


def test_add_commits_nothing_when_the_remote_is_gone(online):
    (online.remote / ".model-weights").unlink()
    before = online.state()

    said = online.refused("add", f"MODEL={MODEL}")

    assert "is not there, or its disk is not mounted" in said
    assert online.state() == before
    assert online.objects() == {}


def test_add_again_of_weights_that_are_here_asks_no_remote(added_online):
    added_online.remote.rename(added_online.path / "away")

    assert "nothing to do" in added_online.ok("add", f"MODEL={MODEL}").out


@pytest.mark.slow
def test_add_commits_nothing_when_the_remote_takes_nothing(online):
    (online.remote / "files").write_text("a file where a folder should be")
    before = online.head()

    online.refused("add", f"MODEL={MODEL}")

    assert online.head() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "add: no MODEL; for example: make add MODEL="),
        (["MODEL=gemma"], "add: not a model: 'gemma' (want ORG/NAME, as on the Hub)"),
        (["MODEL=../../etc"], "add: not a model: '../../etc'"),
        (["MODEL=-rf"], "add: not a model: '-rf'"),
        (["MODEL=acme/tiny\nx"], "add: not a model: 'x'"),
        (["MODEL= "], "add: no MODEL; for example: make add MODEL="),
        (["MODEL=acme/tiny@"], "add: no revision after the @"),
        (["MODEL=acme/tiny@a", "REVISION=b"], "add: two revisions: 'a' in MODEL and REVISION='b'; give one"),
        (["MODEL=acme/tiny", "NAME=a/b/c"], "add: not a name for a model: 'a/b/c'"),
        (["MODEL=acme/tiny", "NAME=../x"], "add: not a name for a model: '../x'"),
        (["MODEL=acme/tiny", "NAME=tiny.dvc"], "add: not a name for a model: 'tiny.dvc'"),
        (["MODEL=acme/tiny", "REVISION=-x"], "add: not a revision: '-x'"),
        (["MODEL=acme/tiny", "INCLUDE=*.nothing"], "add: no file of acme/tiny is left to add"),
        (["MODEL=acme/none"], "add: no such model on the Hub: acme/none"),
        (["MODEL=acme/tiny@nope"], "add: no such revision of acme/tiny: 'nope'; type a commit in full; for branches"),
        ([f"MODEL=acme/tiny@{NOWHERE}"], f"add: no such revision of acme/tiny: '{NOWHERE}'; for branches and tags, "),
        (["MODEL=acme/gated"], "add: acme/gated is gated: accept its license at http"),
    ],
)
def test_add_refuses_with_one_line_and_changes_nothing(refusing, hub, words, said):
    hub.commit("acme/gated", FILES)
    hub.gated.add("acme/gated")
    before = refusing.state()

    line = refusing.refused("add", *words)

    assert said in line
    assert "\n" not in line
    assert refusing.state() == before


def test_add_says_that_the_hub_is_out_of_reach(lasting):
    before = lasting.state()

    line = lasting.refused("add", f"MODEL={MODEL}", HF_ENDPOINT="http://127.0.0.1:9")

    assert line.startswith("add: cannot reach the Hub at http://127.0.0.1:9 (")
    assert "\n" not in line
    assert lasting.state() == before


@pytest.mark.parametrize("address", ["127.0.0.1:9", "http://127.0.0.1:9/\x01"])
def test_a_hub_that_is_no_address_is_named_at_once(lasting, address):
    line = lasting.refused("add", f"MODEL={MODEL}", HF_ENDPOINT=address)

    assert line == f"add: HF_ENDPOINT is not the address of a Hub: {address!r} (want https://HOST)"


@pytest.mark.parametrize("variable", ["HF_ENDPOINT", "HF_HUB_DOWNLOAD_TIMEOUT"])
def test_what_the_hubs_client_does_not_take_is_one_sentence(lasting, variable):
    line = lasting.refused("add", f"MODEL={MODEL}", **{variable: "https://["})

    assert line.startswith("add: the Hub's client rejects an environment variable (")
    assert line.endswith("); see those that begin with HF_")


def test_add_refuses_a_name_that_another_source_has(lasting_added, hub):
    hub.commit("other/tiny", {"config.json": b"other"})

    line = lasting_added.refused("add", "MODEL=other/tiny", HF_ENDPOINT=hub.url)

    assert line == "add: the name 'tiny' is taken by acme/tiny; choose another: NAME=FOLDER/tiny"


@pytest.fixture(scope="session")
def lasting_group(added_template, tmp_path_factory) -> World:
    """The same as `lasting_added`, with a model in a group."""
    world = copy(added_template, World(tmp_path_factory.mktemp("a lasting world")))
    with Hub() as hub:
        hub.commit(MODEL, FILES, license="apache-2.0")
        world.ok("add", f"MODEL={MODEL}", "NAME=embeddings/small", HF_ENDPOINT=hub.url)
    return world


@pytest.mark.slow
@pytest.mark.parametrize("name", ["embeddings", "embeddings/small/x", "tiny/part"])
def test_add_refuses_a_name_that_lies_in_or_over_another(lasting_group, hub, name):
    line = lasting_group.refused("add", f"MODEL={MODEL}", f"NAME={name}", HF_ENDPOINT=hub.url)

    assert "is a group, which contains" in line or "is a model, so it cannot contain" in line or "not a name" in line


def test_add_refuses_to_replace_weights_that_were_changed(added_online, hub):
    flip(added_online.weights() / "model.safetensors")
    hub.commit(MODEL, {"config.json": b"new"})
    before = added_online.state()

    line = added_online.refused("add", f"MODEL={MODEL}")

    assert line.startswith(
        "add: models/tiny differs from its pin, and model.safetensors exists nowhere else; keep it: make track"
    )
    assert added_online.state() == before


def test_add_refuses_weights_that_have_no_pin(online):
    online.weights().mkdir()
    (online.weights() / "mine.bin").write_bytes(b"mine")

    line = online.refused("add", f"MODEL={MODEL}")

    assert line.startswith("add: models/tiny has no pin; keep it: make track NAME=tiny; or drop it")
    assert online.on_disk() == {"mine.bin": b"mine"}


def merge(world: World, other: str) -> int:
    return world.run("git", "merge", "--quiet", "--no-edit", other).code


@pytest.mark.marathon
@pytest.mark.slow
def test_branches_that_add_different_models_merge(online, hub):
    hub.commit("acme/other", {"config.json": b"other"})
    online.git("switch", "--quiet", "--create", "side")
    online.ok("add", "MODEL=acme/other")
    online.git("switch", "--quiet", "main")
    online.ok("add", f"MODEL={MODEL}")

    assert merge(online, "side") == 0
    assert online.git("status", "--porcelain") == ""
    assert "verified 2 pins, 4 of 4 files on disk" in online.ok("verify").out


@pytest.mark.marathon
@pytest.mark.slow
def test_branches_that_move_the_same_pin_conflict(added_online, hub):
    for branch, text in (("side", b"one"), ("main", b"two")):
        added_online.git("switch", "--quiet", *(["--create"] if branch == "side" else []), branch)
        added_online.ok("pull")
        hub.commit(MODEL, {"config.json": text})
        added_online.ok("add", f"MODEL={MODEL}")

    assert merge(added_online, "side") == 1
    assert "verify: models/tiny.dvc holds a merge conflict" in added_online.make("verify").out
    added_online.git("add", "models")
    added_online.git("commit", "--quiet", "--message", "By mistake")
    said = added_online.make("pull").out
    assert "restore an older one, since it was committed so: git checkout COMMIT -- models/tiny.dvc" in said
    added_online.git("checkout", "HEAD^1", "--", "models/tiny.dvc")
    added_online.git("commit", "--quiet", "--all", "--message", "Mended")
    assert ": 1 file changed" in added_online.ok("diff", "MODEL=tiny").out


@pytest.mark.slow
def test_add_takes_several_models_and_one_that_fails_does_not_stop_the_others(online, hub):
    hub.commit("acme/a", {"config.json": b"a"})
    hub.commit("acme/c", {"config.json": b"c"})
    assert "NAME is for one model, but MODEL lists 2" in online.refused("add", "MODEL=acme/a acme/c", "NAME=x")

    result = online.make("add", "MODEL=acme/a acme/gone acme/c")

    assert result.code == 2
    assert "\nadd: no such model on the Hub: acme/gone; " in result.err
    assert "add: 1 of 3 models not added; see the lines above" in result.err
    assert online.git("log", "-2", "--format=%s") == "Add c model\nAdd a model\n"


@pytest.mark.slow
def test_weights_that_are_lost_here_and_on_the_remote_come_from_the_hub_again(added_online, hub):
    forget_weights(added_online, cache=True)
    before, pin = added_online.head(), added_online.pin().read_text()
    assert "nothing to do" in added_online.ok("add", f"MODEL={MODEL}").out  # the remote holds them
    shutil.rmtree(added_online.remote / "files")

    added_online.ok("add", f"MODEL={MODEL}@{hub.repos[MODEL]['main'].id}")

    assert added_online.on_disk() == PINNED
    assert (added_online.head(), added_online.pin().read_text()) == (before, pin)
    added_online.ok("verify", "DEEP=1")


@pytest.mark.slow
def test_the_second_of_two_models_takes_what_the_first_one_brought(online, hub):
    hub.commit("acme/one", {"model.safetensors": FILES["model.safetensors"]})
    hub.commit("acme/two", {"model.safetensors": FILES["model.safetensors"]})

    said = online.ok("add", "MODEL=acme/one acme/two").out

    assert "added two: 1 file, 102.4 kB (1 file, 102.4 kB already on this machine); " in said


def test_what_a_dvcignore_hides_is_named_before_the_first_byte(online, hub):
    page = online.clone / ".dvcignore"
    before = page.read_text()
    page.write_text("nested/\n")
    state = online.state()

    said = online.refused("add", f"MODEL={MODEL}")

    assert said == "add: .dvcignore hides 'nested/tokenizer.json' of tiny from DVC; remove the line that does"
    assert not any("/resolve/" in request.path for request in hub.requests)
    assert online.state() == state
    page.write_text(before)
    hub.faults.append(Fault("/resolve/", lambda _: page.write_text("nested/\n")))
    said = online.refused("add", f"MODEL={MODEL}")
    assert said.endswith(": models/tiny or .dvcignore changed meanwhile; run the same command again")
    page.write_text(before)
    online.ok("add", f"MODEL={MODEL}")
    assert online.on_disk() == PINNED

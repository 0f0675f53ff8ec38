"""What people type, and what commands say of it in the end."""

import re
import shutil

import pytest
from conftest import FILES, MODEL, PINNED, World, flip

from lib.core.errors import Failure
from lib.model import names

HUB = "https://huggingface.co"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("acme/tiny", ("acme/tiny", "", "")),
        ("acme/tiny@v1@rc", ("acme/tiny", "v1@rc", "")),
        (f"{HUB}/acme/tiny", ("acme/tiny", "", "")),
        (f"{HUB}/acme/tiny/?library=x#files", ("acme/tiny", "", "")),
        (f"{HUB}/acme/tiny/tree/refs%2Fpr%2F1", ("acme/tiny", "refs/pr/1", "")),
        (f"{HUB}/acme/tiny/blob/v1.0/a/b.json", ("acme/tiny", "v1.0", "a/b.json")),
        (f"{HUB}/acme/tiny/tree/main/a/", ("acme/tiny", "main", "a/")),
        (f"{HUB}/acme/tiny/discussions", ("acme/tiny", "", "")),
        ("huggingface.co/acme/tiny/tree/v1", ("acme/tiny", "v1", "")),
        ("https://hub.example:8443/acme/tiny/tree/main/a", ("acme/tiny", "main", "a/")),
    ],
)
def test_an_address_from_the_browser_names_a_repo(monkeypatch, typed, meant):
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example:8443")

    assert names.from_address(typed) == meant


@pytest.mark.slow
@pytest.mark.parametrize("page", ["blob/main/nested/tokenizer.json", "tree/main/nested"])
def test_an_address_of_a_part_of_a_model_is_told_from_one_of_the_model(online, page):
    said = online.ok("add", f"MODEL={HUB}/{MODEL}/{page}", "DRY=1").err
    choice = said.partition("; for that alone: ")[2].splitlines()[0]

    assert "; for that alone: " not in online.ok("add", f"MODEL={HUB}/{MODEL}/{page}", choice).err

    assert online.on_disk().keys() == {"nested/tokenizer.json"}


@pytest.mark.parametrize("typed", [f"{HUB}/datasets/a/b", f"{HUB}/spaces/a/b", f"{HUB}/a", "https://else.example/a/b"])
def test_an_address_of_something_else_is_refused(typed):
    with pytest.raises(Failure, match="^not (the address of )?a model"):
        names.repo_id(names.from_address(typed)[0])


@pytest.mark.parametrize(
    "text", ["tiny", "models/tiny", "models/tiny/", "models/tiny.dvc", "./models/tiny.dvc", "tiny/"]
)
def test_the_path_of_a_folder_or_a_pin_names_a_model(text):
    assert names.from_path(text) == "tiny"


@pytest.mark.parametrize("text", ["main", "v1@rc", "feat#1", "été", "a+b", "feature/x", "refs/pr/1", "a" * 40, "1.0,x"])
def test_a_revision_is_what_git_takes_for_a_ref(text):
    assert names.revision(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "a..b", "a b", "-x", "x.lock", "x.lock/y", "a~1", "a^", "a:b", "@{u}", "@", "/a", "a/", "a//b", ".a", "a."],
)
def test_what_git_takes_for_no_ref_is_no_revision(text):
    with pytest.raises(Failure, match="^not a revision: "):
        names.revision(text)


@pytest.mark.parametrize("text", ["a..b", "x.lock/y", "a/b..c"])
def test_a_name_that_cannot_be_part_of_a_tag_is_refused(text):
    with pytest.raises(Failure, match="^not a name for a model: "):
        names.model_name(text)


@pytest.mark.parametrize(
    ("text", "paths", "words"),
    [
        ("*.json  *.txt *.json", ["a b"], ("*.json", "*.txt")),
        ("my file (1), é.bin", ["my file (1), é.bin"], ("my file (1), é.bin",)),
        ("*.md a b.bin c", ["a b.bin", "b.bin c"], ("*.md", "a b.bin", "c")),
        ("", ["a b"], ()),
    ],
)
def test_the_name_of_a_file_is_one_word_as_it_stands(text, paths, words):
    assert names.words(text, paths) == words


@pytest.mark.slow
def test_add_takes_the_address_of_a_page(online, hub):
    first = hub.commit(MODEL, {"config.json": b"old"})
    hub.tag(MODEL, "v1@rc", first)
    hub.commit(MODEL, FILES)

    online.ok("add", f"MODEL={hub.url}/{MODEL}/tree/v1%40rc")

    assert f'\n  revision: "v1@rc"\n  commit: {first}\n' in online.pin().read_text().replace(f'"{first}"', first)


@pytest.mark.slow
def test_add_takes_the_path_of_a_pin_for_what_it_follows(online, hub):
    hub.commit(MODEL, {"config.json": b"old", "a.txt": b"a"}, branch="dev")
    online.ok("add", f"MODEL={MODEL}", "REVISION=dev", "INCLUDE=*.json")
    new = hub.commit(MODEL, {"config.json": b"new", "a.txt": b"a"}, branch="dev")

    online.ok("add", "MODEL=models/tiny.dvc")

    held = online.pin().read_text()
    assert "revision: dev\n" in held
    assert new in held
    assert 'include: ["*.json"]' in held
    assert "verified 1 pin, 1 of 1 file on disk" in online.ok("verify", "MODEL=models/tiny/").out


def track_all(world: World, *models: str) -> None:
    """Pin a model of one file, its own name, under each name of `models`."""
    for name in models:
        world.weights(name).mkdir(parents=True)
        (world.weights(name) / "a.bin").write_text(name)
        world.ok("track", f"NAME={name}")


@pytest.mark.marathon
@pytest.mark.slow
def test_a_group_and_a_glob_name_all_of_theirs(world):
    track_all(world, "embeddings/one", "embeddings/two", "tiny")

    assert "verified 2 pins, 2 of 2 files on disk" in world.ok("verify", "MODEL=embeddings").out
    assert "verified 2 pins, 2 of 2 files on disk" in world.ok("verify", "MODEL=embeddings/").out
    assert "verified 2 pins, 2 of 2 files on disk" in world.ok("verify", "MODEL=t* embeddings/one").out
    assert "no such model: 'embedings'; did you mean embeddings?" in world.make("verify", "MODEL=embedings").said
    assert "no such model: 'two'; did you mean embeddings/two?" in world.make("verify", "MODEL=two").said


@pytest.mark.marathon
@pytest.mark.slow
def test_names_that_differ_only_in_case_are_refused(world):
    track_all(world, "emb/one", "tiny")

    for name in ("Tiny", "Emb/two", "EMB", "emb/One"):
        assert "differ only in case" in world.refused("track", f"NAME={name}", "DIR=scripts")


@pytest.mark.marathon
@pytest.mark.slow
def test_a_repo_that_has_moved_is_pinned_and_known_by_its_new_name(online, hub):
    hub.rename(MODEL, "new-org/small")

    result = online.ok("add", f"MODEL={MODEL}")

    assert f"add: {MODEL} is now new-org/small on the Hub\n" in result.err
    assert "\n  source: new-org/small\n" in online.pin("small").read_text()
    assert online.on_disk("small") == PINNED
    for model in (MODEL, "new-org/small"):
        assert "small is already pinned at this commit; nothing to do\n" in online.ok("add", f"MODEL={model}").out


@pytest.mark.slow
def test_a_model_that_was_pinned_before_its_repo_moved_keeps_its_name(added_online, hub):
    hub.rename(MODEL, "new-org/small")

    added_online.ok("add", f"MODEL={MODEL}")

    assert "\n  source: new-org/small\n" in added_online.pin().read_text()
    assert not added_online.pin("small").exists()


ODD = "a (b), c [1].bin"


@pytest.mark.slow
def test_a_file_is_left_out_by_its_name_as_it_stands(online, hub):
    decomposed = "e\u0301.bin"
    hub.commit("acme/odd", {"config.json": b"{}", decomposed: b"e", ODD: b"odd", "b.bin": b"b"})

    online.ok("add", "MODEL=acme/odd", f"EXCLUDE={decomposed} {ODD} b.*")

    assert online.on_disk("odd") == {"config.json": b"{}"}
    assert "nothing to do" in online.ok("add", "MODEL=acme/odd", f"EXCLUDE=b.* {ODD} {decomposed}").out


@pytest.mark.slow
def test_a_file_is_chosen_by_its_name_as_it_stands(online, hub):
    hub.commit("acme/odd", {"config.json": b"{}", ODD: b"odd"})

    online.ok("add", "MODEL=acme/odd", f"INCLUDE={ODD}")

    assert online.on_disk("odd") == {ODD: b"odd"}


@pytest.mark.slow
def test_a_word_that_matches_no_file_is_named(online, hub):
    hub.commit("acme/odd", {"config.json": b"{}", "tokenizer.json": b"{}", ODD: b"odd"})

    said = online.ok("add", "MODEL=acme/odd", f"INCLUDE=config.json tokeniser.json {ODD}", "EXCLUDE=*.json.bak").err

    assert re.findall("^add: no file of acme/odd to add matches (.*)$", said, re.MULTILINE) == [
        "'tokeniser.json' in INCLUDE",
        "'*.json.bak' in EXCLUDE",
    ]
    hub.commit("acme/odd", {"config.json": b"{1}"})
    assert "matches" not in online.ok("update").said  # nobody typed the patterns now


@pytest.mark.marathon
@pytest.mark.slow
def test_track_speaks_of_itself_and_says_when_nothing_changed(world):
    track_all(world, "mine")
    before = world.head()

    assert world.ok("track", "NAME=mine").out == "mine is already pinned as it is; nothing to do\n"
    assert world.head() == before
    shutil.rmtree(world.remote / "files")
    (world.remote / "files").write_text("no folder")
    (world.weights("mine") / "b.bin").write_text("b")
    assert world.refused("track", "NAME=mine").splitlines()[-1].startswith("track: ")


@pytest.mark.slow
def test_an_empty_endpoint_is_none(online):
    line = online.refused("add", f"MODEL={MODEL}", HF_ENDPOINT="", TRANSFORMERS_OFFLINE="1")

    why = "HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set"
    assert line == f"add: cannot reach the Hub at {HUB} ({why}); nothing was changed"


@pytest.mark.slow
def test_a_login_in_the_address_of_the_hub_is_not_shown(online, hub):
    named = {"HF_ENDPOINT": hub.url.replace("//", "//team:hunter2@")}

    line = online.refused("add", f"MODEL={MODEL}", "REVISION=none", **named)
    hub.stop()

    assert line.endswith(f"for branches and tags, see: {hub.url}/{MODEL}/tree/main")
    line = online.refused("add", f"MODEL={MODEL}", **named)
    assert line.startswith(f"add: cannot reach the Hub at {hub.url} (")


@pytest.mark.slow
def test_a_dead_proxy_is_named(world):
    line = world.refused("add", f"MODEL={MODEL}", HF_ENDPOINT="http://hub.invalid", HTTP_PROXY="http://127.0.0.1:9")

    assert line.startswith("add: cannot reach the Hub at http://hub.invalid through the proxy http://127.0.0.1:9 (")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["socks5", "ftp"])
def test_a_proxy_of_another_kind_is_no_traceback(world, kind):
    line = world.refused("add", f"MODEL={MODEL}", HF_ENDPOINT="http://127.0.0.1:9", ALL_PROXY=f"{kind}://127.0.0.1:9")

    assert line.startswith("add: cannot reach the Hub at http://127.0.0.1:9 (")


@pytest.mark.marathon
@pytest.mark.slow
def test_the_next_step_is_the_one_that_is_missing(online, hub):
    hub.commit("acme/other", {"config.json": b"{}"})
    said = online.ok("remote", "URL=../new").err
    assert said == f"remote: made the folder {online.path / 'new'}\n"

    added = online.ok("add", f"MODEL={MODEL}").out
    online.git("commit", "--quiet", "--all", "--message", "Set the remote")
    online.git("switch", "--quiet", "--detach")
    detached = online.ok("add", "MODEL=acme/other").out

    step = "git commit --message 'Set the remote' -- .dvc/config, then git push"
    assert added == f"added tiny: 3 files, 102.4 kB; next: {step}\n"
    assert detached == "added other: 1 file, 2 B; next: git switch --create BRANCH, since HEAD is detached\n"


@pytest.mark.slow
def test_a_reader_that_leaves_early_is_no_error(added):
    text = added.pin().read_text()
    for number in range(400):  # more than a pipe holds
        name = f"a-model-with-a-name-of-some-length-{number:03}"
        added.pin(name).write_text(text.replace("path: tiny", f"path: {name}"))

    result = added.run("bash", "-c", "make list | true; exit ${PIPESTATUS[0]}")

    assert (result.code, result.said) == (0, "")


@pytest.mark.parametrize(
    ("words", "code"), [("verify FORMAT=json", 2), ("verify", 2), ("doctor", 2), ("list FORMAT=json", 0), ("sbom", 0)]
)
def test_a_command_that_judges_fails_where_nobody_reads_what_it_found(added, words, code):
    flip(added.weights() / "config.json")

    # The reader has left before the first line comes: it closes its end, and only then lets the command begin.
    script = f"mkfifo gate; (read <gate; exec make --silent {words}) | (exec <&-; echo >gate); exit ${{PIPESTATUS[0]}}"
    result = added.run("bash", "-c", script)

    verb, is_silent = words.split()[0], code == 0
    line = f"{verb}: stopped, since nobody reads its output any more; run the same command again\n"
    assert (result.code, line in result.err, "Traceback" in result.said) == (code, not is_silent, False)


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_lead_nowhere(online, closed):
    for words, code in (f"add MODEL={MODEL}", 0), ("verify", 0), ("list FORMAT=json", 0), ("pull MODEL=none", 2):
        result = online.run("bash", "-c", f"exec make --silent {words} {closed}")
        assert (result.code, "Traceback" in result.said) == (code, False), words

    assert online.git("log", "-1", "--format=%s") == "Add tiny model\n"


@pytest.mark.slow
def test_verify_of_missing_weights_names_the_way_back(added):
    (added.weights() / "config.json").unlink()

    assert added.make("verify").err.startswith("verify: 1 problem in 1 model; see the lines above; make pull restores")


@pytest.mark.slow
def test_add_says_that_other_weights_lie_there(added_online):
    (added_online.weights() / "more.bin").write_bytes(b"more")

    said = added_online.ok("add", f"MODEL={MODEL}").out

    assert said == "tiny is already pinned at this commit; models/tiny holds other weights: make pull MODEL=tiny\n"


@pytest.mark.parametrize("typed", ["https://[::1/acme/tiny", "https:///acme/tiny"])
def test_an_address_that_is_broken_is_refused(monkeypatch, typed):
    monkeypatch.delenv("HF_ENDPOINT", raising=False)

    with pytest.raises(Failure, match="^not a model"):
        names.repo_id(names.from_address(typed)[0])


@pytest.mark.slow
def test_the_name_of_a_file_is_no_pattern(online, hub):
    hub.commit("acme/odd", {"1.json": b"one", "[1].json": b"odd", "a.bin": b"a"})

    online.ok("add", "MODEL=acme/odd", "EXCLUDE=[1].json *.bin")

    assert online.on_disk("odd") == {"1.json": b"one"}


@pytest.mark.slow
def test_a_repo_that_moved_to_another_organisation_is_known_by_both_names(online, hub):
    hub.rename(MODEL, "nova/tiny")

    online.ok("add", f"MODEL={MODEL}")

    said = online.ok("add", f"MODEL={MODEL} nova/tiny").out
    assert said == "tiny is already pinned at this commit; nothing to do\n" * 2

"""make remote: show DVC's remote, or set it; and what every command says about the remote that is set."""

import re
import runpy
import shutil

import pytest
from conftest import MODEL, ROOT, World, copy, forget_weights

NOTE = "note: remote 'storage' ({}) is on this machine only; set one for the team: make remote URL=s3://bucket/path"


@pytest.fixture
def alone(bare_world, tmp_path, hub) -> World:
    """A clone that knows the Hub and still has the remote that it came with."""
    path = tmp_path / "my world"
    path.mkdir()
    return copy(bare_world, World(path, {"HF_ENDPOINT": hub.url}))


def config(world: World) -> str:
    return (world.clone / ".dvc" / "config").read_text()


def entries(world: World) -> set[str]:
    return {str(path) for path in [*world.path.iterdir(), *world.clone.iterdir()]}


@pytest.mark.slow
def test_the_folder_that_was_typed_is_tried_whatever_this_clone_has_set_for_itself(world):
    local = "['remote \"storage\"']\n    url = /nowhere/at all\n"
    (world.clone / ".dvc" / "config.local").write_text(local)

    said = world.ok("remote", "URL=../another").out

    assert said.startswith(f"remote 'storage' is {world.path / 'another'}; next: ")
    assert f"url = {world.path / 'another'}\n" in config(world)


@pytest.mark.parametrize(
    ("local", "said"),
    [
        ("['remote \"storage\"']\n    url = /nowhere/at all\n", "this clone still uses another one"),
        ("[core]\n    remote = mirror\n['remote \"mirror\"']\n    url = /m\n", "this clone still uses another one"),
        ("[core]\n    remote = gone\n['remote \"storage\"']\n    url = /m\n", "this clone still uses another one"),
        ("['remote \"storage\"']\n    profile = me\n", "settings of 'storage' that a folder does not take (profile)"),
    ],
)
def test_remote_says_what_of_this_clone_comes_first(world, local, said):
    (world.clone / ".dvc" / "config.local").write_text(local)
    if "profile" in local:
        (world.clone / ".dvc" / "config").write_text("['remote \"storage\"']\n    url = s3://bucket/path\n")
    before = config(world)

    result = world.make("remote", "URL=../another")

    assert said in result.err
    if "to use this one, remove it there" in result.err:
        (world.clone / ".dvc" / "config.local").unlink()
        assert world.make("remote").out == f"remote 'storage' ({world.path / 'another'}) is there\n"
    assert (result.code, config(world) == before) == ((2, True) if "profile" in local else (0, False))


def test_remote_shows_what_is_set(lasting):
    assert lasting.ok("remote").out == f"remote 'storage' ({lasting.remote}) is there\n"


@pytest.mark.slow
def test_commands_note_that_the_default_remote_is_on_this_machine_only(alone):
    note = NOTE.format(alone.clone / ".dvc" / "storage")

    for words in [["remote"], ["add", f"MODEL={MODEL}"], ["push"], ["verify"], ["pull"], ["remove", "MODEL=tiny"]]:
        if words == ["pull"]:
            forget_weights(alone, cache=True)
        assert [line for line in alone.ok(*words).err.splitlines() if line.startswith("note:")] == [note], words


def test_no_command_notes_that_of_another_remote(added):
    shutil.rmtree(added.weights())

    for command in ("verify", "pull"):
        assert "note:" not in added.ok(command).said


@pytest.mark.slow
@pytest.mark.parametrize("where", ["my bucket", "{}/bucket"])
def test_remote_takes_a_folder_relative_to_where_it_was_typed(world, where):
    here = world.path / "elsewhere"
    here.mkdir()

    result = world.run(
        "bash", "-c", '"$@"', "bash", "make", "-C", str(world.clone), "remote", f"URL={where.format(here)}", cwd=here
    )

    assert result.code == 0, result.said
    assert (here / where.format(here) / ".model-weights").is_file()
    assert world.ok("remote").out == f"remote 'storage' ({here / where.format(here)}) is there\n"


@pytest.mark.slow
def test_remote_changes_dvc_config_alone_and_says_how_to_commit_it(world):
    result = world.ok("remote", "URL=../bucket")

    assert result.out.endswith("; next: git commit --message 'Set the remote' -- .dvc/config\n")
    assert world.git("status", "--porcelain") == " M .dvc/config\n"
    assert "verify = true" in config(world)
    assert "analytics = false" in config(world)


@pytest.mark.slow
def test_a_model_can_be_pushed_to_a_remote_that_was_set_later(added):
    added.ok("remote", "URL=../bucket")
    (promised,) = re.findall("would push (tiny: 4 objects, .* kB)", added.ok("push", "DRY=1").out)

    assert f"pushed {promised}\n" in added.ok("push").out

    assert (added.path / "bucket" / "files" / "md5").is_dir()
    assert "verified 1 pin, 3 of 3 files on disk" in added.ok("verify", "DEEP=1").out


@pytest.mark.parametrize(
    "url",
    [
        "http://x",
        "ssh://x/y",
        "file:///tmp/x",
        "-x",
        "s3://",
        "s3://a b",
        "s3://x/y?z",
        "two\nlines",
        "s3://x\n",
        "%(x)s",
        "größe",
        "\"\"\"'''",
        ".",
        "models",
    ],
)
def test_remote_refuses_what_is_no_remote_and_changes_nothing(lasting, url):
    before = config(lasting), entries(lasting)

    line = lasting.refused("remote", f"URL={url}")

    assert line.startswith("remote: not a remote: ")
    assert "\n" not in line
    assert (config(lasting), entries(lasting)) == before


def test_remote_refuses_a_file(lasting):
    before = config(lasting), entries(lasting)

    line = lasting.refused("remote", "URL=README.md")

    assert line.startswith("remote: ")
    assert "\n" not in line
    assert (config(lasting), entries(lasting)) == before


@pytest.mark.parametrize("command", ["remote", "pull", "push", "verify", "free"])
def test_a_folder_that_vanished_is_an_error_and_is_not_made_again(added, command):
    forget_weights(added, cache=command == "pull")  # which needs it for what the cache lacks alone
    shutil.rmtree(added.remote)

    result = added.make(command)

    assert result.code == 2
    assert f"remote 'storage' ({added.remote}) is not there, or its disk is not mounted" in result.said
    assert "Traceback" not in result.said
    assert not added.remote.exists()


@pytest.mark.parametrize("command", ["pull", "push", "verify"])
def test_an_empty_folder_is_no_remote(added, command):
    forget_weights(added, cache=command == "pull")
    shutil.rmtree(added.remote)
    added.remote.mkdir()

    result = added.make(command)

    assert result.code == 2
    assert "is not there, or its disk is not mounted" in result.said
    assert list(added.remote.iterdir()) == []


@pytest.mark.parametrize("command", ["pull", "push", "verify"])
def test_a_clone_with_no_model_has_nothing_to_do_and_says_so(lasting, command):
    result = lasting.ok(command)

    assert "no model yet; add one: make add MODEL=ORG/NAME\n" in result.out


SECRETS = ["s3://key:hunter2@bucket/x", "s3://bucket/x?secret=hunter2", "gs://bucket/x#hunter2"]


@pytest.mark.parametrize("url", SECRETS)
def test_remote_takes_no_secret_and_does_not_repeat_it(lasting, url):
    before = lasting.state()

    said = lasting.refused("remote", f"URL={url}")

    assert said.startswith("remote: not a remote: a URL with a password or a query in it")
    assert "hunter2" not in said
    assert lasting.state() == before


UNFIT = [
    (["URL=s3://b/x", "ENDPOINT=https://key:hunter2@host"], "remote: not a value for ENDPOINT (want https://HOST"),
    (["URL=s3://b/x", "ENDPOINT=ftp://host"], "remote: not a value for ENDPOINT (want https://HOST"),
    (["URL=s3://b/x", "REGION=-rf"], "remote: not a value for REGION"),
    (["URL=s3://b/x", "PROFILE=$(touch pwned)"], "remote: not a value for PROFILE"),
    (["URL=s3://b/x", "PROJECT=mine"], "remote: PROJECT is only for gs://"),
    (["URL=gs://b/x", "REGION=eu"], "remote: REGION is only for s3://"),
    (["URL=../remote", "ENDPOINT=http://h"], "remote: ENDPOINT is only for s3:// and gs://"),
    (["URL=s3://../x"], "remote: not a remote: "),
    (["URL=s3://bucket//x"], "remote: not a remote: "),
    (["URL=s3://bucket/été"], "remote: not a remote: 's3://bucket/été'; DVC's config takes only ASCII characters"),
]


@pytest.mark.parametrize(("words", "want"), UNFIT)
def test_remote_refuses_what_does_not_fit(lasting, words, want):
    before = lasting.state()

    said = lasting.refused("remote", *words)

    assert said.startswith(want)
    assert "hunter2" not in said
    assert lasting.state() == before
    assert not (lasting.clone / "pwned").exists()


def test_a_folder_with_a_space_that_is_gone_can_be_set_as_the_sentence_says(added):
    shutil.move(added.remote, added.path / "it is gone")
    config = added.clone / ".dvc" / "config"
    config.write_text(config.read_text().replace("/../remote", "/../no remote"))

    said = added.refused("push")

    assert said.endswith(f"make remote URL='{added.path}/no remote'")


def test_a_setting_without_a_url_is_refused(lasting):
    said = lasting.refused("remote", "REGION=eu-west-1")

    assert said == "remote: REGION is set together with the URL: make remote URL=s3://bucket/path REGION=…"
    said = lasting.refused("remote", "PROJECT=mine")
    assert said == "remote: PROJECT is set together with the URL: make remote URL=gs://bucket/path PROJECT=…"
    said = lasting.refused("remote", "REMOTE=mirror", "REGION=eu-west-1")
    assert said.endswith(": make remote REMOTE=mirror URL=s3://bucket/path REGION=…")


def test_pull_says_where_the_objects_are_that_nobody_sent_to_a_remote_of_the_team(added):
    config = added.clone / ".dvc" / "config"
    config.write_text(config.read_text().replace("url = ../../remote", "url = storage"))
    forget_weights(added, cache=True)

    said = added.make("pull").err

    assert "is on this machine only; set one for the team: make remote URL=s3://bucket/path" in said


def test_slashes_at_the_end_of_a_bucket_are_none(monkeypatch):
    canonical = runpy.run_path(ROOT / "scripts" / "remote.py")["canonical"]

    assert [canonical(url) for url in ("s3://b//", "s3://b/x//", "gs://b/x y/")] == ["s3://b", "s3://b/x", "gs://b/x y"]


def test_a_folder_that_cannot_be_made_is_not_said_to_be(world):
    (world.path / "file").touch()

    result = world.make("remote", "URL=../file/x")

    assert result.code == 2
    assert "made the folder" not in result.said


@pytest.mark.parametrize("url", ["azure://container/path", "ssh://host/path", "remote://storage/x"])
def test_a_remote_of_another_store_is_named_with_what_to_type(world, url):
    path = world.clone / ".dvc" / "config"
    text = path.read_text()
    path.write_text(text.replace("url = ../../remote", f"url = {url}"))

    default = world.make("doctor").out
    path.write_text(f"{text}['remote \"mirror\"']\n    url = {url}\n")
    mirror = world.refused("remote", "REMOTE=mirror")

    said = "no usable remote: {} is neither s3://, gs:// nor a folder; set one: make remote {}URL=s3://bucket/path"
    assert f"WRONG  remote: {said.format(url, '')}\n" in default
    assert mirror == f"remote: {said.format(url, 'REMOTE=mirror ')}"

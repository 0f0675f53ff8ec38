"""More than one remote: each is set, filled and checked by its name, and pull takes from another what one lacks."""

import re
import shlex
import shutil

import pytest
from conftest import PINNED, VICTIM, World, copy, flip, forget_weights, settings

from lib.remote.s3 import S3


def mirror(world: World) -> World:
    """Give `world`, which has added MODEL, a second remote that holds it too, and leave its weights there alone."""
    shutil.copytree(world.remote, world.path / "mirror")
    settings(world, f"['remote \"mirror\"']\n    url = {world.path / 'mirror'}\n", local=True)
    forget_weights(world, cache=True)
    return world


@pytest.fixture
def mirrored(added) -> World:
    """A clone that has added MODEL, with a second remote that holds it too; its weights are on the remotes alone."""
    return mirror(added)


@pytest.fixture(scope="session")
def lasting_mirrored(added_template, tmp_path_factory) -> World:
    """The same, for all tests of one process that leave it as it was."""
    return mirror(copy(added_template, World(tmp_path_factory.mktemp("a lasting world"))))


def lose(world: World, *files: str) -> None:
    """Take the objects of `files` from the default remote, and damage that of VICTIM there if it is none of them."""
    for path in world.objects().values():
        if path.read_bytes() in [PINNED[file] for file in files]:
            path.unlink()
        elif path.read_bytes() == PINNED[VICTIM]:
            flip(path)


@pytest.mark.marathon
@pytest.mark.slow
def test_a_second_remote_is_set_filled_and_checked_by_its_name(added):
    said = added.ok("remote", "REMOTE=mirror", "URL=../mirror").out
    missing = added.make("verify", "REMOTE=mirror")
    added.ok("push", "REMOTE=mirror")
    shutil.rmtree(added.remote)

    assert said.startswith(f"remote 'mirror' is {added.path / 'mirror'}; next: git commit")
    assert "remote = storage\n" in (added.clone / ".dvc" / "config").read_text()
    assert missing.code == 2
    assert missing.out.count("missing from the remote") == 4
    assert "4 of 4 objects on the remote (4 read)" in added.ok("verify", "REMOTE=mirror", "DEEP=1").out


@pytest.mark.slow
def test_remote_shows_all_and_names_the_one_that_is_out_of_reach(mirrored):
    lines = [
        f"remote '{name}' ({mirrored.path / folder}) is there\n"
        for name, folder in (("storage", "remote"), ("mirror", "mirror"))
    ]

    assert mirrored.ok("remote").out == "".join(lines)
    assert mirrored.ok("remote", "REMOTE=mirror").out == lines[1]
    shutil.rmtree(mirrored.remote)
    shown = mirrored.make("remote")
    assert shown.code == 2
    assert shown.out == lines[1]
    assert f"remote: remote 'storage' ({mirrored.remote}) is not there" in shown.err


def test_pull_takes_from_another_remote_what_one_lacks_or_holds_damaged_and_says_so_once(mirrored):
    lose(mirrored, "config.json", "nested/tokenizer.json")

    said = mirrored.ok("pull").err

    assert mirrored.on_disk() == PINNED
    assert [line for line in said.splitlines() if "mirror" in line] == [
        f"pull: tiny: objects missing or changed on remote 'storage' ({mirrored.remote}), taken from remote 'mirror' "
        f"({mirrored.path / 'mirror'}); make push MODEL=tiny REMOTE=storage DEEP=1 mends what models/tiny.dvc pins"
    ]
    assert "replaced" in mirrored.ok("push", "REMOTE=storage", "DEEP=1").out
    assert "4 of 4 objects on the remote (4 read)" in mirrored.ok("verify", "DEEP=1").out


@pytest.mark.parametrize("to", ["models", "a folder"])
def test_pull_goes_on_with_another_remote_where_one_is_out_of_reach_and_says_so_once(mirrored, to):
    shutil.rmtree(mirrored.remote)
    out = mirrored.path / "handed over"

    said = mirrored.ok("pull", *([f"TO={out}"] if to == "a folder" else []))

    assert ((out / "tiny" if to == "a folder" else mirrored.weights()) / VICTIM).read_bytes() == PINNED[VICTIM]
    line = f"pull: remote 'storage' ({mirrored.remote}) is not there, or its disk is not mounted; it is left out"
    assert [each for each in said.err.splitlines() if "remote" in each] == [line]


@pytest.mark.slow
def test_pull_goes_on_with_another_remote_where_one_fails_on_the_way_and_says_so_once(mirrored):
    for path in mirrored.objects().values():
        path.unlink()
        path.mkdir()

    said = mirrored.ok("pull", "TIMEOUT=1").said

    assert mirrored.on_disk() == PINNED
    assert said.count("; it is left out") == said.count("remote 'storage'") == 1


def test_pull_asks_the_one_that_is_named_first(mirrored):
    lose(mirrored, "config.json")

    assert "storage" not in mirrored.ok("pull", "REMOTE=mirror").said


def test_what_no_remote_holds_right_is_named_as_on_the_first(mirrored):
    lose(mirrored, "config.json")
    shutil.rmtree(mirrored.path / "mirror" / "files")

    result = mirrored.make("pull")

    assert result.code == 2
    assert "pull: tiny/config.json: missing from the remote (object " in result.out
    assert f"pull: tiny/{VICTIM}: changed on the remote (object " in result.out
    assert "see the lines above; make push DEEP=1 on a machine with the weights repairs the remote\n" in result.err
    assert mirrored.on_disk() == {}


def test_a_last_remote_that_is_out_of_reach_is_named_where_an_object_is_missing(mirrored):
    lose(mirrored, "config.json")
    shutil.rmtree(mirrored.path / "mirror")

    result = mirrored.make("pull")

    assert "pull: tiny/config.json: missing from the remote (object " in result.out
    line = f"pull: remote 'mirror' ({mirrored.path / 'mirror'}) is not there, or its disk is not mounted"
    assert result.err.count(f"{line}; it is left out") == 1


def test_a_remote_of_its_user_alone_is_not_asked(mirrored):
    (mirrored.clone / ".dvc" / "config.local").unlink()
    settings(mirrored, f"['remote \"mirror\"']\n    url = {mirrored.path / 'mirror'}\n")
    lose(mirrored, "config.json")

    assert mirrored.make("pull").code == 2
    assert "mirror" not in mirrored.ok("remote").out


@pytest.mark.slow
@pytest.mark.marathon
@pytest.mark.parametrize("fault", ["missing", "changed"])
def test_a_pin_of_plain_dvc_finds_its_listing_on_another_remote(added, fault):
    folder = added.weights("plain")
    folder.mkdir()
    (folder / "a.bin").write_bytes(b"plain")
    assert added.dvc("add", "models/plain").code == 0
    added.git("add", "--force", "models/plain.dvc")
    added.ok("push", "MODEL=plain")
    added.remote.rename(added.path / "mirror")
    added.ok("remote", "URL=../remote")
    added.ok("remote", "REMOTE=mirror", "URL=../mirror")
    if fault == "changed":
        shutil.copytree(added.path / "mirror", added.remote, dirs_exist_ok=True)
        for path in added.remote.rglob("*.dir"):
            flip(path)
    shutil.rmtree(added.clone / ".dvc" / "cache")
    shutil.rmtree(folder)

    added.ok("pull", "MODEL=plain")

    assert added.on_disk("plain") == {"a.bin": b"plain"}


@pytest.mark.slow
def test_a_listing_on_a_disk_that_is_not_mounted_is_not_called_lost(added):
    added.weights("plain").mkdir()
    (added.weights("plain") / "a.bin").write_bytes(b"plain")
    assert added.dvc("add", "models/plain").code == 0
    added.ok("push", "MODEL=plain")
    for path in (added.remote, added.weights("plain"), added.clone / ".dvc" / "cache"):
        shutil.rmtree(path)

    said = added.make("pull", "MODEL=plain").out

    assert f"pull: plain: remote 'storage' ({added.remote}) is not there, or its disk is not mounted; " in said


@pytest.mark.parametrize("command", ["pull", "push", "verify", "gc", "remote"])
def test_an_unknown_remote_is_refused_with_what_there_is(lasting_mirrored, command):
    before = lasting_mirrored.state()
    unneeded = lasting_mirrored.clone / ".dvc" / "cache" / "files" / "md5" / "ab" / ("0" * 30)
    unneeded.parent.mkdir(parents=True, exist_ok=True)
    unneeded.touch()
    force = ["FORCE=1"] if command == "gc" else []

    near, far = (lasting_mirrored.refused(command, f"REMOTE={typed}", *force) for typed in ("mirorr", "xyz"))

    assert near == f"{command}: no such remote: 'mirorr'; did you mean mirror?"
    assert far == f"{command}: no such remote: 'xyz'; there is: storage, mirror"
    assert unneeded.exists()
    assert lasting_mirrored.state() == before
    unneeded.unlink()


@pytest.mark.parametrize("name", ["Mirror", "-x", "1", "a b", 'a"b', "$(touch pwned)"])
def test_what_is_no_name_of_a_remote_is_refused(lasting, name):
    before = lasting.state()

    assert lasting.refused("remote", f"REMOTE={name}", "URL=../mirror").startswith("remote: not a name of a remote: ")

    assert lasting.state() == before
    assert not (lasting.path / "mirror").exists()


def test_gc_deletes_on_the_remote_that_is_named(mirrored):
    stray = mirrored.path / "mirror" / "files" / "md5" / "ab" / ("0" * 30)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"old")

    mirrored.ok("gc", "REMOTE=1", "FORCE=1", "DAYS=0")
    assert stray.exists()
    mirrored.ok("gc", "REMOTE=mirror", "FORCE=1", "DAYS=0")
    assert not stray.exists()


def test_each_bucket_has_the_credentials_of_its_own_file(tmp_path, monkeypatch):
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("one", "two"):
        (tmp_path / name).write_text(f"[default]\naws_access_key_id = {name}\naws_secret_access_key = x\n")
    made = [S3(name, "s3://bucket", {"credentialpath": str(tmp_path / name)}) for name in ("one", "two")]

    assert [each._client._request_signer._credentials.access_key for each in made] == ["one", "two"]


@pytest.mark.slow
@pytest.mark.marathon
def test_the_way_from_one_bucket_to_another_is_as_the_page_says(added):
    page = (added.clone / ".github" / "MOVING.md").read_text()
    steps = re.search("## From one bucket to another\n\n(.*?)\n\n", page, re.DOTALL)[1]
    forget_weights(added, cache=True)
    for step in steps.splitlines()[:-1]:
        typed = step.partition("#")[0].replace("s3://old/path", "../remote").replace("s3://new/path", "../new")

        result = added.run("bash", "-ec", typed)

        assert result.code == 0, (step, result.said)
    shutil.rmtree(added.remote)
    other = added.second()
    other.ok("pull")
    assert other.on_disk() == PINNED
    assert added.git("status", "--porcelain") == ""


@pytest.mark.slow
def test_a_mirror_that_is_gone_is_made_again_by_what_is_said_and_the_default_stays(mirrored):
    shutil.rmtree(mirrored.path / "mirror")

    words = shlex.split(mirrored.refused("push", "REMOTE=mirror").partition("to begin a new remote there: make ")[2])

    mirrored.ok(*words)
    assert "4 missing" in mirrored.make("verify", "REMOTE=mirror").out
    assert mirrored.ok("remote").out.startswith(f"remote 'storage' ({mirrored.remote}) is there")


@pytest.mark.slow
def test_a_listing_that_is_lost_stops_no_push_of_another_model(mirrored):
    mirrored.ok("pull")
    (mirrored.clone / "models" / "plain").mkdir()
    (mirrored.clone / "models" / "plain" / "a.bin").write_text("a")
    assert mirrored.dvc("add", "models/plain").code == 0
    for path in (mirrored.clone / ".dvc" / "cache").rglob("*.dir"):
        path.unlink()
    shutil.rmtree(mirrored.remote / "files")
    assert "would push tiny: 4 objects" in mirrored.make("push", "DRY=1").out

    result = mirrored.make("push")

    assert result.code == 2
    assert "push: plain: the listing " in result.out
    assert "pushed tiny: 4 objects" in result.out


@pytest.mark.slow
def test_an_object_of_a_pin_of_plain_dvc_that_was_cut_short_is_found_and_replaced(mirrored):
    (mirrored.clone / "models" / "plain").mkdir()
    (mirrored.clone / "models" / "plain" / "a.bin").write_text("a")
    assert mirrored.dvc("add", "models/plain").code == 0
    mirrored.ok("push", "MODEL=plain")
    (object_of_a,) = [path for path in mirrored.objects().values() if path.read_bytes() == b"a"]
    object_of_a.chmod(0o644)
    object_of_a.write_bytes(b"")

    assert "plain/a.bin: changed on the remote" in mirrored.make("verify", "MODEL=plain").out
    assert "plain/a.bin: changed on the remote" in (said := mirrored.ok("push", "MODEL=plain").out)
    assert ": replaced\n" in said
    assert object_of_a.read_bytes() == b"a"


def test_a_second_remote_that_has_the_usual_name_of_the_first_is_begun_anew_as_the_second(added):
    second = "['remote \"storage\"']\n    url = ../../second\n"
    config = added.clone / ".dvc" / "config"
    config.write_text(config.read_text().replace("remote = storage", "remote = first").replace('"storage"', '"first"'))
    config.write_text(config.read_text() + second)

    said = added.make("verify", "REMOTE=storage").out
    words = re.search("to begin a new remote there: make (.*?); ", said)[1]
    added.ok(*shlex.split(words))

    assert "remote = first\n" in config.read_text()
    assert "4 of 4 objects" in added.ok("verify").out


def test_the_advice_on_a_remote_with_a_space_in_its_name_is_quoted(added):
    config = added.clone / ".dvc" / "config"
    config.write_text(config.read_text() + "['remote \"my mirror\"']\n    url = ../../mirror\n")
    (added.path / "mirror").mkdir()
    (added.path / "mirror" / ".model-weights").touch()

    said = added.make("verify", "REMOTE=my mirror").err
    words = re.search("; make (push .*) on a machine with the weights", said)[1]
    added.ok(*shlex.split(words))

    assert "of 4 objects on the remote (4 by size only)" in added.ok("verify", "REMOTE=my mirror").out

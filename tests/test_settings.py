"""DVC's settings: what DVC read is kept, and read anew as soon as anything has changed that it depends on."""

import os

import pytest
from conftest import World, settings

from lib.core import lock
from lib.disk import settings as module

REMOTE = "['remote \"storage\"']\n    url = {}\n"


@pytest.fixture
def kept(world) -> World:
    """A clone whose settings were read, and kept."""
    assert is_kept(world)
    return world


def is_kept(world: World) -> bool:
    """Whether the next command does without DVC."""
    said = world.ok("verify", PYTHONPROFILEIMPORTTIME="1").err
    assert "lib.disk.settings" in said
    return "dvc.config" not in said


def shown(world: World) -> str:
    """The remote of `world`, as a command says it."""
    result = world.make("remote")
    return (result.out or result.err).partition("(")[2].partition(")")[0]


def test_settings_are_read_once(kept):
    path = kept.clone / ".dvc" / "tmp" / "settings.json"

    assert path.stat().st_mode & 0o777 == 0o600  # .dvc/config.local may hold keys
    assert not [each for each in path.parent.iterdir() if each.name.startswith("tmp") or each.suffix == ".part"]
    for text in ("{", "{}", "null", "[]"):
        path.write_text(text)
        assert not is_kept(kept)
        assert is_kept(kept)


def test_a_kill_or_a_full_disk_leaves_one_file_that_nobody_else_reads(kept):
    path = kept.clone / ".dvc" / "tmp" / "settings.json"
    path.unlink()
    part = path.with_suffix(".part")
    part.write_text("half")

    kept.ok("pull")

    assert path.stat().st_mode & 0o777 == 0o600
    assert not part.exists()


def test_what_another_command_is_about_to_keep_is_left_to_it(kept):
    path = kept.clone / ".dvc" / "tmp" / "settings.json"
    path.unlink()

    with lock.part(path.with_suffix(".part")):
        kept.ok("pull")

    assert not path.exists()


def test_what_changed_while_it_was_read_is_not_kept(monkeypatch, tmp_path):
    """Else the settings of another branch, read in its moment here, would hold for this one from then on."""
    path = tmp_path / "config"
    path.write_text("of this branch")

    class Read(dict):
        def __init__(self):
            super().__init__(core={"url": path.read_text()})

        def load_one(self, _):
            return {"remote": {}}

    def read():
        path.write_text("of another")
        return Read()

    for name, value in (
        ("TMP", tmp_path),
        ("KEPT", tmp_path / "kept.json"),
        ("_files", lambda: [path]),
        ("config", read),
    ):
        monkeypatch.setattr(module, name, value)

    assert module._kept_or_read.__wrapped__()["settings"]["core"]["url"] == "of another"
    path.write_text("of this branch")

    assert not module.KEPT.exists()


def test_a_file_that_changed_is_read_again_whatever_its_size_and_time(kept):
    path = kept.clone / ".dvc" / "config"
    status = path.stat()

    path.write_text(path.read_text().replace("../../remote", "../../romete"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert shown(kept) == str(kept.path / "romete")


def test_settings_of_a_user_that_cannot_be_read_are_named_without_those_of_the_repository_too(kept):
    (kept.clone / ".dvc" / "config").unlink()
    settings(kept, "[core]\n    autostage = maybe\n")

    assert kept.refused("push").startswith("push: DVC's settings cannot be read (")


def test_a_file_that_comes_or_goes_is_noticed(kept):
    settings(kept, REMOTE.format("/this/clone"), local=True)
    assert shown(kept) == "/this/clone"

    (kept.clone / ".dvc" / "config.local").unlink()
    assert shown(kept) == str(kept.remote)


@pytest.mark.parametrize("where", ["HOME", "DVC_GLOBAL_CONFIG_DIR"])
def test_each_user_has_settings_of_their_own(kept, where):
    (kept.clone / ".dvc" / "config").write_text("[core]\n    remote = storage\n")
    settings(kept, REMOTE.format("/of/one"))
    assert shown(kept) == "/of/one"
    folder = kept.path / "another" / ".config" / "dvc"
    folder.mkdir(parents=True)
    (folder / "config").write_text(REMOTE.format("/of/another"))
    kept.env[where] = str(kept.path / "another" if where == "HOME" else folder)

    assert shown(kept) == "/of/another"


def test_a_clone_that_was_moved_has_other_paths(kept):
    moved = World(kept.path / "moved", kept.env | {"HOME": str(kept.path / "home")})
    moved.path.mkdir()
    kept.clone.rename(moved.clone)

    assert shown(moved) == str(moved.remote)


def test_what_another_version_of_this_repository_kept_is_read_anew(kept):
    os.utime(kept.clone / "scripts" / "lib" / "disk" / "settings.py")

    assert not is_kept(kept)
    assert is_kept(kept)


def test_another_dvc_reads_them_itself(kept):
    venv = kept.clone / ".venv"
    real = venv.resolve()
    venv.unlink()
    venv.mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (venv / name).symlink_to(real / name)
    (venv / "runtime").touch()

    assert not is_kept(kept)
    assert is_kept(kept)

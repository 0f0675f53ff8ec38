"""make track: weights that are not on the Hub -> remote -> one Git commit."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from conftest import PINNED, Result, World, copy, flip, lent, refuse_commits, settings, track


def lay(folder: Path, files: dict[str, bytes] = PINNED) -> Path:
    """Write `files` into `folder`; returns `folder`."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


@pytest.fixture(scope="session")
def tracked_once(template, ground, tmp_path_factory) -> tuple[World, Result]:
    """A clone that has tracked the model `mine`, and what that said."""
    home = tmp_path_factory.mktemp("tracked") / "a tracked world"
    with lent(template, ground, home) as world:
        lay(world.weights("mine"))
        said = world.ok("track", "NAME=mine")
    return World(home), said


@pytest.fixture
def tracked(tracked_once, ground, tmp_path) -> Iterator[World]:
    """A clone that has tracked the model `mine`."""
    with lent(tracked_once[0], ground, tmp_path / "my world") as world:
        yield world


@pytest.fixture
def laid(lasting) -> Iterator[World]:
    """The same as `lasting`, with weights in models/mine until the test ends."""
    lay(lasting.weights("mine"))
    yield lasting
    shutil.rmtree(lasting.weights("mine"))


@pytest.fixture(scope="session")
def lasting_taken(added_template, tmp_path_factory) -> World:
    """The same as `lasting`, with MODEL, a folder without a file and a link to a model."""
    world = copy(added_template, World(tmp_path_factory.mktemp("a lasting world")))
    (world.weights("empty") / "folder").mkdir(parents=True)
    world.weights("linked").symlink_to("tiny")
    return world


@pytest.mark.slow
def test_track_makes_one_commit_of_the_weights_as_they_lie(tracked_once):
    world, result = tracked_once

    assert result.out == "tracked mine: 3 files, 102.4 kB; next: git push\n"
    changed = world.git("diff", "--name-only", "HEAD~1", "HEAD").split()
    assert changed == ["models/README.md", "models/mine.dvc"]
    assert world.git("log", "-1", "--format=%B").startswith("Add mine model\n\n3 files, 102.4 kB.\n")
    assert world.git("status", "--porcelain") == ""
    assert world.on_disk("mine") == PINNED


@pytest.mark.slow
def test_track_pins_sha256_and_no_source(tracked):
    pinned = tracked.pin("mine").read_text()

    assert "sha256: " in pinned
    assert not {"source:", "revision:", "commit:"} & set(pinned.split())
    assert tracked.ok("verify", "DEEP=1").out.endswith(
        "verified 1 pin, 3 of 3 files on disk (102.4 kB), 4 of 4 objects on the remote (4 read)\n"
    )


@pytest.mark.slow
def test_track_copies_a_folder_and_leaves_it_as_it_was(world):
    folder = lay(world.path / "my weights")

    world.ok("track", "NAME=mine", f"DIR={folder}")
    flip(folder / "config.json")

    assert world.on_disk("mine") == PINNED
    assert {path.name for path in folder.rglob("*")} == {"config.json", "model.safetensors", "nested", "tokenizer.json"}
    assert world.git("status", "--porcelain") == ""


@pytest.mark.slow
@pytest.mark.parametrize("flags", [[], ["--silent"]])  # make 4.4 and newer pass on no trace of -C, older ones if loud
def test_track_takes_a_folder_relative_to_where_it_was_typed(world, flags):
    lay(world.path / "elsewhere" / "weights")
    command = ["bash", "-c", '"$@"', "bash", "make", *flags, "-C", str(world.clone), "track"]

    result = world.run(*command, "NAME=mine", "DIR=weights", cwd=world.path / "elsewhere")

    assert result.code == 0, result.said
    assert world.on_disk("mine") == PINNED


@pytest.mark.slow
def test_track_puts_a_model_into_a_group(world):
    lay(world.path / "weights")

    world.ok("track", "NAME=embeddings/mine", "DIR=../weights")

    assert world.on_disk("embeddings/mine") == PINNED
    assert "gitignore" not in world.git("ls-files", "models")
    assert world.git("status", "--porcelain") == ""


@pytest.mark.slow
def test_track_again_moves_the_pin(tracked):
    (tracked.weights("mine") / "config.json").unlink()
    lay(tracked.weights("mine"), {"more.json": b"more"})

    tracked.ok("track", "NAME=mine")

    assert tracked.git("log", "-1", "--format=%s") == "Update mine model\n"
    assert "more.json: {size: 4, " in tracked.pin("mine").read_text()
    assert "config.json" not in tracked.pin("mine").read_text()
    assert tracked.git("status", "--porcelain") == ""


@pytest.mark.slow
def test_track_again_from_a_folder_replaces_the_weights(tracked):
    folder = lay(tracked.path / "new", {"new.bin": b"new"})

    tracked.ok("track", "NAME=mine", f"DIR={folder}")

    assert tracked.on_disk("mine") == {"new.bin": b"new"}
    assert tracked.git("log", "-1", "--format=%s") == "Update mine model\n"


@pytest.mark.slow
def test_track_again_makes_no_commit_when_nothing_changed(tracked):
    before = tracked.state()

    tracked.ok("track", "NAME=mine")

    assert tracked.state() == before


@pytest.mark.slow
def test_track_again_keeps_the_old_weights_of_a_file_that_was_written_in_place(tracked):
    flip(tracked.weights("mine") / "model.safetensors")
    tracked.ok("track", "NAME=mine")
    assert tracked.on_disk("mine") != PINNED

    tracked.git("revert", "--no-edit", "HEAD")
    tracked.ok("pull")

    assert tracked.on_disk("mine") == PINNED


@pytest.mark.slow
def test_a_second_clone_pulls_what_was_tracked(world):
    files = PINNED | {"empty": b"", "also empty": b"", "copy.json": PINNED["config.json"], "größe/数.bin": b"1"}
    lay(world.weights("mine"), files)
    world.ok("track", "NAME=mine")
    other = world.second()

    other.ok("pull")

    assert other.on_disk("mine") == files


@pytest.mark.slow
def test_track_leaves_what_the_user_staged_besides(world):
    lay(world.weights("mine"))
    (world.clone / "README.md").write_text("mine\n")
    world.git("add", "README.md")

    world.ok("track", "NAME=mine")

    assert world.git("diff", "--cached", "--name-only").split() == ["README.md"]


def link(target: str):
    return lambda path: path.symlink_to(target)


def text(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("text")


@pytest.mark.parametrize(
    ("path", "make", "said"),
    [
        ("link.json", link("config.json"), "refused a link or special file"),
        ("link.json", link("/etc/hosts"), "refused a link or special file"),
        ("folder", link("/etc"), "refused a link or special file"),
        ("broken", link("nowhere"), "refused a link or special file"),
        ("pipe", os.mkfifo, "refused a link or special file"),
        (".git/config", text, "refused a control file"),
        ("deep/.git", text, "refused a control file"),
        (".dvc/config", text, "refused a control file"),
        (".dvcignore", text, "refused a control file"),
        (".cache/huggingface/trees/x.json", text, "refused a control file"),
        ("dvc.yaml", text, "refused a file whose name is a control file of DVC"),
        ("other.dvc", text, ""),
        ("CONFIG.json", text, "refused two names that differ only in case"),
        ("two\nlines", text, "refused a file whose name holds a control character"),
    ],
)
def test_track_refuses_what_git_or_dvc_would_act_on(laid, path, make, said):
    make(laid.weights("mine") / path)
    before = laid.state()

    line = laid.refused("track", "NAME=mine")

    assert line.startswith(f"track: {said}")
    assert Path(path).name in line or repr(path) in line
    assert "\n" not in line
    assert laid.state() == before


@pytest.mark.slow
def test_what_lies_in_the_cache_of_the_hub_client_is_tracked_from_the_copy_that_the_refusal_names(world):
    blobs, snapshot = world.path / "blobs", world.path / "snapshot"
    text(blobs / "1")
    snapshot.mkdir()
    (snapshot / "config.json").symlink_to("../blobs/1")

    line = world.refused("track", "NAME=mine", f"DIR={snapshot}")

    world.run("sh", "-c", line.rpartition(" as DIR: ")[2].replace("COPY", "copy"))
    world.ok("track", "NAME=mine", "DIR=copy")
    assert world.on_disk("mine") == {"config.json": b"text"}


@pytest.mark.parametrize(("path", "make"), [("link.json", link("/etc/hosts")), ("pipe", os.mkfifo)])
def test_track_copies_nothing_that_git_or_dvc_would_act_on(lasting, tmp_path, path, make):
    make(lay(tmp_path) / path)
    before = lasting.state()

    line = lasting.refused("track", "NAME=mine", f"DIR={tmp_path}")

    assert line.startswith("track: refused a ")
    assert path in line
    assert lasting.state() == before


@pytest.mark.slow
def test_track_leaves_out_the_control_files_of_a_folder_that_it_copies(world):
    folder = lay(world.path / "weights")
    for path in (".gitattributes", ".cache/huggingface/download/model.safetensors.metadata", "nested/.git/config"):
        text(folder / path)

    result = world.ok("track", "NAME=mine", "DIR=../weights")

    said = "track: left out control files of Git, DVC or the Hub client, such as .cache/huggingface/"
    assert said in result.err
    assert world.on_disk("mine") == PINNED
    assert (folder / ".gitattributes").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "track: no NAME; for example: make track NAME="),
        (["NAME=none"], "track: no such folder: "),
        (["NAME=none", "DIR=nowhere"], "track: no such folder: "),
        (["NAME=none", "DIR=README.md"], "track: no such folder: "),
        (["NAME=empty"], "track: no file in "),
        (["NAME=linked"], "track: no such folder: "),
        (["NAME=../scripts"], "track: not a name for a model: '../scripts'"),
        (["NAME=mine.dvc"], "track: not a name for a model: 'mine.dvc'"),
        (["NAME=tiny"], "track: the name 'tiny' is taken by acme/tiny; choose another NAME"),
        (["NAME=tiny", "DIR=scripts"], "track: the name 'tiny' is taken by acme/tiny; choose another NAME"),
        (["NAME=tiny/nested"], "track: 'tiny' is a model, so it cannot contain"),
        (["NAME=tiny/new", "DIR=scripts"], "track: 'tiny' is a model, so it cannot contain"),
    ],
)
def test_track_refuses_with_one_line_and_changes_nothing(lasting_taken, words, said):
    before = lasting_taken.state()

    line = lasting_taken.refused("track", *words)

    assert said in line
    assert "\n" not in line
    assert lasting_taken.state() == before


def test_track_replaces_no_weights_that_have_no_pin(laid, tmp_path):
    lay(tmp_path, {"other.bin": b"other"})

    line = laid.refused("track", "NAME=mine", f"DIR={tmp_path}")

    assert line.startswith("track: models/mine has no pin; keep it: make track NAME=mine; or drop it")
    assert laid.on_disk("mine") == PINNED


@pytest.mark.slow
def test_track_replaces_no_weights_that_were_changed(tracked):
    flip(tracked.weights("mine") / "model.safetensors")
    folder = lay(tracked.path / "new", {"new.bin": b"new"})
    before = tracked.state()

    line = tracked.refused("track", "NAME=mine", f"DIR={folder}")

    assert line.startswith(
        "track: models/mine differs from its pin, and model.safetensors exists nowhere else; keep it: "
    )
    assert tracked.state() == before


def test_track_does_not_advise_to_remove_the_catalog(lasting, tmp_path):
    lay(tmp_path)
    before = lasting.state()

    line = lasting.refused("track", "NAME=README.md", f"DIR={tmp_path}")

    assert line.startswith("track: ")
    assert "rm -r models/README.md" not in line
    assert lasting.state() == before


def test_track_commits_nothing_when_the_remote_is_gone(world):
    lay(world.weights("mine"))
    shutil.rmtree(world.remote)
    before = world.state()

    line = world.refused("track", "NAME=mine")

    assert line.startswith(f"track: remote 'storage' ({world.remote}) is not there, or its disk is not mounted")
    assert world.state() == before
    assert not world.remote.exists()


@pytest.mark.parametrize("data", [b"", b"outs: [\n"])
def test_track_says_which_pin_in_git_stands_in_its_way(world, data):
    lay(world.weights("mine"))
    lay(world.clone / "models", {"other.dvc": data})
    world.git("add", "models/other.dvc")
    before = world.state()

    line = world.refused("track", "NAME=mine")

    assert line.startswith("track: models/other.dvc ")
    assert world.state() == before


@pytest.mark.slow
def test_track_takes_a_name_that_yaml_could_take_for_something_else(world):
    names = ["2024-01-01", "0x10", "yes"]
    for name in names:
        lay(world.weights(name))

    tracked = {name: world.make("track", f"NAME={name}").said for name in names}

    assert {name: said.count(f"tracked {name}: 3 files, ") for name, said in tracked.items()} == dict.fromkeys(names, 1)
    assert world.ok("verify").out.endswith(
        "verified 3 pins, 9 of 9 files on disk (307.3 kB), 0 of 4 objects on the remote (4 by size only)\n"
    )


@pytest.mark.slow
def test_a_track_that_was_stopped_goes_on(world):
    lay(world.weights("mine"))
    hook = refuse_commits(world)
    assert world.make("track", "NAME=mine").code == 2
    hook.unlink()

    world.ok("track", "NAME=mine")

    assert world.git("log", "-1", "--format=%s") == "Add mine model\n"
    assert world.git("status", "--porcelain") == ""
    assert world.on_disk("mine") == PINNED


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 8000000000\n" % (b"a" * 64)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["in place", "from a folder"])
def test_track_refuses_a_pointer_of_git_lfs_until_it_is_told_to_take_it(world, way):
    folder = lay(world.weights("mine") if way == "in place" else world.path / "clone without lfs")
    (folder / "model.safetensors").write_bytes(POINTER)
    words = ["NAME=mine"] if way == "in place" else ["NAME=mine", f"DIR={folder}"]

    line = world.refused("track", *words)

    assert line.startswith("track: refused a Git LFS pointer in place of weights: '")
    assert line.endswith("model.safetensors'; bring them with git lfs pull, or take it as it is: POINTERS=1")
    assert not world.pin("mine").exists()
    world.ok("track", *words, "POINTERS=1")
    assert world.on_disk("mine")["model.safetensors"] == POINTER


@pytest.mark.slow
def test_track_leaves_the_pins_of_other_models_unread_by_dvc_which_takes_its_time(tracked):
    tracked.pin("mine").write_text("unknown: to DVC\n" + tracked.pin("mine").read_text())
    lay(tracked.weights("new"))
    assert "validation failed" in tracked.dvc("status").err

    tracked.ok("track", "NAME=new")


@pytest.mark.slow
def test_what_a_pipeline_writes_is_refused_and_dvc_goes_on(world):
    stage = "{cmd: mkdir -p models/tuned && echo 1 > models/tuned/a.bin, outs: [models/tuned]}"
    (world.clone / "dvc.yaml").write_text(f"stages:\n  tune: {stage}\n")
    assert world.dvc("repro").code == 0
    world.git("add", "dvc.yaml", "dvc.lock", "models")
    world.git("commit", "--quiet", "--message", "Tune")
    before = world.head()

    said = world.refused("track", "NAME=tuned")

    assert said.startswith("track: dvc add failed: output 'models/tuned' is specified in: - ")
    assert "tune" in said.partition(": - ")[2]
    assert said.count("\n") == 0
    assert world.head() == before
    assert world.dvc("status").code == 0


def test_track_copies_from_a_folder_that_a_link_leads_to(world):
    lay(world.path / "run-17")
    (world.path / "latest").symlink_to("run-17")

    world.ok("track", "NAME=mine", "DIR=../latest")

    assert world.on_disk("mine") == PINNED


@pytest.mark.slow
def test_a_new_version_of_own_weights_that_plain_dvc_pinned_can_be_tracked(tracked):
    tracked.dvc("unprotect", "models/mine")
    (tracked.weights("mine") / "new.json").write_text("{}")
    assert tracked.dvc("add", "models/mine").code == 0

    said = tracked.make("verify").out.splitlines()[0]

    command = said.partition("; or pin what models/mine holds now: ")[2]
    assert tracked.run("sh", "-c", command).code == 0
    assert "A new.json" in tracked.git("log", "-1", "--format=%B")
    tracked.ok("verify")


@pytest.mark.slow
def test_a_pin_of_one_file_stops_no_other_model_and_says_what_to_make_of_it(added):
    (added.clone / "models" / "x.bin").write_bytes(b"weights")
    assert added.dvc("add", "models/x.bin").code == 0

    track(added, "mine")

    assert added.git("show", "--name-only", "--format=", "HEAD").split() == ["models/README.md", "models/mine.dvc"]
    assert added.refused("show", "MODEL=x.bin") == (
        "show: models/x.bin.dvc pins one file, and a model is a folder; drop this pin: rm models/x.bin.dvc; then pin "
        "the folder that the file lies in: make track NAME=OTHER DIR=FOLDER"
    )
    assert "models/x.bin.dvc pins one file" in added.make("doctor").out


@pytest.mark.slow
def test_track_pins_no_copy_of_a_file_that_is_being_written(world):
    folder, done = lay(world.path / "run"), Event()

    def write() -> None:
        with (folder / "config.json").open("ab", buffering=0) as file:
            while not done.is_set():
                file.write(b" ")

    Thread(target=write).start()
    try:
        said = world.refused("track", "NAME=mine", f"DIR={folder}")
    finally:
        done.set()

    assert said.endswith("/run/config.json was written to while it was read; run the same command again afterwards")
    assert not world.pin("mine").exists()
    assert "WRONG  leftovers: unfinished: mine; run the same make add, track " in world.make("doctor").out
    world.ok("track", "NAME=mine", f"DIR={folder}")


def test_track_takes_its_own_folder_for_what_it_is_and_edited_weights_with_it(tracked):
    lay(tracked.weights("mine"), {"more.txt": b"new"})

    tracked.ok("track", "NAME=mine", "DIR=models/../models/mine")

    assert "more.txt" in tracked.pin("mine").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("words", [["NAME=mine"], ["NAME=other", "DIR=models/mine"]])
def test_track_takes_weights_that_are_links_to_the_cache_of_this_clone(tracked, words):
    settings(tracked, "[cache]\n    type = symlink\n", local=True)
    shutil.rmtree(tracked.weights("mine"))
    tracked.ok("pull")
    (tracked.weights("mine") / "config.json").unlink()
    lay(tracked.weights("mine"), {"config.json": b"edited"})
    assert any(path.is_symlink() for path in tracked.weights("mine").rglob("*"))

    tracked.ok("track", *words)

    assert tracked.on_disk(words[0].removeprefix("NAME=")) == PINNED | {"config.json": b"edited"}
    tracked.ok("verify", "MODEL=" + words[0].removeprefix("NAME="))


def test_weights_that_the_cache_holds_already_are_stored_once(tracked):
    lay(tracked.weights("twin"))

    tracked.ok("track", "NAME=twin")

    assert (tracked.weights("twin") / "config.json").samefile(tracked.weights("mine") / "config.json")


@pytest.mark.parametrize("first", ["hardlink", "reflink"])
def test_new_weights_and_their_object_are_one_file_where_links_are_to_be_hard(world, first):
    """On XFS and btrfs, `dvc add` makes two of them, which share their blocks, but of which each has to be read."""
    settings(world, f"[cache]\n    type = {first},copy\n", local=True)
    program = """if True:
        from pathlib import Path
        from lib.core import digest
        from lib.disk import cache
        path = Path("models/new.bin")
        path.write_bytes(b"new")
        file = digest.of_file(path, ("md5", "sha256"))
        cache.share(path, file, Path("models/.part"))
        print(cache.has(path, file))
    """

    said = world.run(".venv/bin/python", "-c", program, PYTHONPATH="scripts").out

    assert said == f"{first == 'hardlink'}\n"


def test_weights_that_dvc_does_not_see_whole_are_not_pinned(world):
    (world.clone / ".dvcignore").write_text("*.txt\n")
    weights = world.weights("mine")
    weights.mkdir(parents=True)
    for name in ("a.safetensors", "notes.txt"):
        (weights / name).write_text(name)

    said = world.refused("track", "NAME=mine")

    assert said == "track: .dvcignore hides 'notes.txt' of mine from DVC; remove the line that does"
    assert world.git("log", "--format=%s", "--", "models/mine.dvc") == ""


def test_a_damaged_state_of_dvc_is_dropped(tracked):
    before = tracked.head()
    for path in (tracked.clone / ".dvc" / "tmp" / "site").glob("**/cache.db"):
        path.write_bytes(b"cut by a power cut" * 300)
    (tracked.path / "weights").mkdir()
    (tracked.path / "weights" / "a.bin").write_text("other")

    said = tracked.refused("track", "NAME=mine", "DIR=../weights")

    assert "DVC's state was damaged (file is not a database), so it was dropped; run the same command again" in said
    assert tracked.head() == before
    tracked.ok("track", "NAME=mine", "DIR=../weights")
    assert tracked.on_disk("mine") == {"a.bin": b"other"}


def test_a_page_that_git_has_in_another_encoding_keeps_its_bytes(world):
    page = world.clone / "models" / "README.md"
    text = page.read_text(encoding="utf-8") + "\u00dcbersicht\n"
    page.write_bytes(text.encode().replace("\u00dc".encode(), b"\xdc"))
    world.git("commit", "--quiet", "--all", "--message", "As an old editor saves it")
    page.write_text(text, encoding="utf-8")

    track(world, "mine")

    assert page.read_text(encoding="utf-8").endswith("\u00dcbersicht\n")
    committed = subprocess.run(
        ["git", "cat-file", "blob", "HEAD:models/README.md"], cwd=world.clone, capture_output=True, check=True
    )
    assert b"[mine](mine.dvc)" in committed.stdout
    assert committed.stdout.endswith(b"\xdcbersicht\n")

"""A repository in use: branches, merges, hooks and settings. Weights stay out of Git, and nobody's work is lost."""

import os
import re
import shutil
import subprocess

import pytest
from conftest import MODEL, World, add_hook, furnish, settings, track
from hub import Fault

pytestmark = [pytest.mark.slow, pytest.mark.marathon]

PAGE = "models/README.md"
ROW = "| [{0}]({0}.dvc) | - | - | {1} |\n"
END = "<!-- end of catalog -->"


def page(world: World) -> str:
    return (world.clone / PAGE).read_text()


def rows(world: World) -> list[str]:
    """The models that have a row in the catalog, in its order."""
    return re.findall(r"^\| \[(.*?)\]", page(world), re.MULTILINE)


def edit(world: World, old: str, new: str) -> None:
    """Replace `old` in the page as a user would."""
    assert old in page(world)
    (world.clone / PAGE).write_text(page(world).replace(old, new))


# Weights and Git.


def test_weights_are_never_visible_to_git(world):
    world.git("switch", "--quiet", "--create", "side")
    track(world, "mine", "x" * 2_000_000)
    track(world, "group/mine", "y")
    world.git("switch", "--quiet", "main")

    world.git("add", "--all")

    assert world.weights("mine").is_dir()
    assert world.git("status", "--porcelain") == ""


def test_no_commit_holds_a_large_file(world):
    track(world, "mine", "x" * 2_000_000)

    listed = world.git("ls-tree", "-r", "-l", "HEAD").splitlines()

    assert max(int(line.split()[3]) for line in listed) < 1_000_000
    assert (world.weights("mine") / "a.bin").stat().st_size == 2_000_000


def test_an_old_ignore_file_is_taken_out_of_git_with_the_next_commit(world):
    (world.clone / "models" / ".gitignore").write_text("/mine\n")
    world.git("add", "--force", "models/.gitignore")
    world.git("commit", "--quiet", "--message", "As it was")

    track(world, "mine")

    assert world.git("show", "--format=", "--name-status", "HEAD").split()[:2] == ["D", "models/.gitignore"]
    assert world.git("status", "--porcelain") == ""


# The catalog.


@pytest.mark.tracks("one")
def test_a_users_edits_of_the_page_are_neither_committed_nor_lost(world):
    edit(world, "# Models\n", "# Models\n\nStaged text.\n")
    world.git("add", PAGE)
    edit(world, "Staged text.\n", "Staged text.\n\nOther text.\n")
    edit(world, ROW.format("one", ""), ROW.format("one", "our note"))

    track(world, "two")

    committed, staged = world.git("show", f"HEAD:{PAGE}"), world.git("show", f":{PAGE}")
    assert "Staged text" not in committed
    assert "Other text" not in committed
    assert "Staged text" in staged
    assert "Other text" not in staged
    assert "Other text" in page(world)
    assert ROW.format("one", "our note") in page(world)
    for each in (committed, staged, page(world)):
        assert ROW.format("two", "") in each


@pytest.mark.tracks("one")
def test_an_update_leaves_the_page_alone(world):
    edit(world, ROW.format("one", ""), ROW.format("one", "note"))
    world.git("commit", "--quiet", "--all", "--message", "A note")

    track(world, "one", "newer")

    assert world.git("show", "--format=", "--name-only", "HEAD") == "models/one.dvc\n"
    assert ROW.format("one", "note") in page(world)


def test_text_beside_the_table_that_is_not_utf_8_is_kept(world):
    path = world.clone / "models" / "README.md"
    path.write_bytes(path.read_bytes() + b"Our caf\xe9\n")
    world.git("commit", "--quiet", "--all", "--message", "Our own text")

    track(world, "one")

    assert path.read_bytes().endswith(b"Our caf\xe9\n")
    assert world.git("status", "--porcelain") == ""
    world.ok("verify")


def test_a_page_without_its_markers_is_refused_before_the_first_byte(online, hub):
    edit(online, END, "")
    before = online.state()

    line = online.refused("add", f"MODEL={MODEL}")

    assert line.startswith("add: models/README.md has no catalog; put these two lines where it should be")
    assert online.state() == before
    assert not hub.requests


@pytest.mark.tracks("one")
def test_a_row_that_its_pin_contradicts_is_named_and_mended(world):
    aligned = "| [one](one.dvc)  |  -       |  -        |  ours  |\n"
    edit(world, ROW.format("one", ""), aligned)
    world.ok("verify")
    edit(world, aligned, aligned.replace("-  ", "mit"))

    line = "verify: models/README.md: one has a row that its pin contradicts; fix it: make catalog"
    assert line in world.make("verify").out
    world.ok("catalog")
    world.ok("verify")
    assert ROW.format("one", "ours") in page(world)


@pytest.mark.marathon
@pytest.mark.tracks("one", "two")
def test_rows_and_pins_that_differ_are_named_and_mended(world):
    edit(world, ROW.format("one", ""), ROW.format("one", "note") + ROW.format("one", "note") + ROW.format("gone", ""))
    edit(world, ROW.format("two", ""), "")

    result = world.make("verify")
    world.ok("catalog")

    assert result.code == 2
    for said in ("one has 2 rows", "gone has a row but no pin in Git", "two has no row"):
        assert f"verify: models/README.md: {said}; fix it: make catalog\n" in result.out
    assert rows(world) == ["one", "two"]
    assert ROW.format("one", "note") in page(world)
    assert "verified 2 pins" in world.ok("verify").out
    assert world.ok("catalog").out == "models/README.md has a row for each pin; nothing to do\n"


# Merges.


@pytest.mark.marathon
@pytest.mark.tracks("ma")
def test_a_pin_that_two_branches_move_is_resolved_as_advised(world):
    for branch, text in (("u1", "one"), ("main", "two")):
        world.git("switch", "--quiet", *(["--create"] if branch == "u1" else []), branch)
        world.ok("pull")
        track(world, "ma", text)
    assert world.run("git", "merge", "--quiet", "u1").code == 1

    said = world.make("verify").out
    advice = re.search(r"take one side: (git checkout --ours -- \S+) \(or --theirs\), then (git add \S+)", said)
    for command in advice.groups():
        assert world.run("bash", "-c", command.replace("--ours", "--theirs")).code == 0
    world.git("commit", "--quiet", "--no-edit")

    assert rows(world) == ["ma"]
    world.ok("pull")
    assert world.on_disk("ma") == {"a.bin": b"one"}
    assert "verified 1 pin" in world.ok("verify").out


@pytest.mark.marathon
@pytest.mark.parametrize("change", ["update", "removal"])
@pytest.mark.tracks("ma")
def test_a_change_beside_a_new_model_merges_or_is_named(world, change):
    world.git("switch", "--quiet", "--create", "side")
    if change == "update":
        track(world, "ma", "newer")
    else:
        edit(world, ROW.format("ma", ""), "")
        world.git("rm", "--quiet", "models/ma.dvc")
        world.git("commit", "--quiet", "--all", "--message", "Remove ma")
    world.git("switch", "--quiet", "main")
    world.ok("pull")
    track(world, "mb")

    assert world.run("git", "merge", "--quiet", "--no-edit", "side").code == 0

    expected = ["ma", "mb"] if change == "update" else ["mb"]
    if rows(world) != expected:
        assert "ma has a row but no pin in Git; fix it: make catalog" in world.make("verify").out
        world.ok("catalog")
    assert rows(world) == expected


@pytest.mark.marathon
@pytest.mark.tracks("ma")
def test_a_model_that_is_kept_though_the_other_branch_removed_it_keeps_its_row(world):
    world.git("switch", "--quiet", "--create", "side")
    world.ok("remove", "MODEL=ma")
    world.git("switch", "--quiet", "main")
    world.ok("pull")
    track(world, "ma", "newer")
    assert world.run("git", "merge", "--quiet", "side").code == 1  # the pin conflicts; the page merges, without the row

    said = world.ok("catalog").out
    world.git("add", "models/ma.dvc", *re.findall(r"next: git add (\S+),", said))
    world.git("commit", "--quiet", "--no-edit")

    assert world.git("status", "--porcelain") == ""
    assert rows(world) == ["ma"]


def test_a_forge_meets_a_conflict_in_the_page_at_most(world):
    for branch, name in (("u1", "group/a"), ("u2", "group/b")):
        world.git("switch", "--quiet", "--create", branch, "main")
        track(world, name)
    bare = world.path / "forge.git"
    world.git("clone", "--quiet", "--bare", str(world.clone), str(bare))

    merged = world.run("git", "merge-tree", "--write-tree", "--name-only", "--no-messages", "u1", "u2", cwd=bare)

    assert set(merged.out.split()[1:]) <= {PAGE}


# Other branches, other commits.


@pytest.mark.marathon
@pytest.mark.tracks("ma")
def test_weights_of_another_branch_do_not_stand_in_the_way(world):
    world.git("switch", "--quiet", "--create", "u1")
    track(world, "ma", "other")
    world.git("switch", "--quiet", "main")
    shutil.rmtree(world.clone / ".dvc" / "cache")

    track(world, "ma", "third")

    assert world.on_disk("ma") == {"a.bin": b"third"}
    assert "verified 1 pin" in world.ok("verify").out


@pytest.mark.tracks("ma")
def test_bytes_that_exist_nowhere_else_stand_in_the_way(world):
    victim = world.weights("ma") / "a.bin"
    victim.unlink()
    victim.write_text("mine alone")

    line = world.refused("track", "NAME=ma", "DIR=scripts")

    assert line.startswith("track: models/ma differs from its pin, and a.bin exists nowhere else; keep it: ")
    assert victim.read_text() == "mine alone"


@pytest.mark.tracks("ma")
def test_pull_keeps_no_copy_of_what_the_remote_holds(world):
    world.git("switch", "--quiet", "--create", "u1")
    track(world, "ma", "other")
    world.git("switch", "--quiet", "main")
    shutil.rmtree(world.clone / ".dvc" / "cache")

    world.ok("pull")

    assert world.on_disk("ma") == {"a.bin": b"ma"}
    assert not (world.clone / ".dvc" / "tmp" / "quarantine").exists()


def test_git_takes_no_new_pin_for_a_changed_file(world):
    world.git("status")  # else Git looks at all files of a copy once more, at some time
    track(world, "ma")

    world.git("sparse-checkout", "set", "scripts", "tests", ".dvc")

    assert not world.pin("ma").exists()  # Git leaves what it takes for changed


@pytest.mark.marathon
@pytest.mark.parametrize("how", ["deleted", "sparse"])
@pytest.mark.tracks("ma", "mb")
def test_a_pin_that_git_has_and_the_checkout_lacks_is_named(world, how):
    shutil.rmtree(world.weights("ma"))
    if how == "deleted":
        world.pin("ma").unlink()
    else:
        world.git("sparse-checkout", "set", "--no-cone", "/*", "!/models/ma.dvc")

    for verb in ("verify", "pull", "list"):
        result = world.make(verb)
        assert result.code == 2, verb
        assert "models/ma.dvc is in Git but not here; restore it: git checkout HEAD -- models/ma.dvc" in result.said
        assert re.search("^mb|1 problem in 1 model", result.said, re.MULTILINE)


def test_models_that_a_sparse_checkout_leaves_out_are_brought_first(world):
    world.git("status")  # without which Git takes the copied files for changed, and leaves them
    world.git("sparse-checkout", "set", "scripts", "tests", ".dvc")

    line = world.refused("track", "NAME=ma", "DIR=scripts")

    assert line == "track: models/ is not in this checkout; bring it: git sparse-checkout add models .dvc"


@pytest.mark.parametrize(("how", "command"), [("sparse", r": (git sp.*?)\)"), ("deleted", ": (git check.*?) \\(")])
def test_a_remote_that_this_checkout_lacks_is_brought_not_set_anew(added, how, command):
    added.git("status")
    if how == "sparse":
        added.git("sparse-checkout", "set", "scripts", "tests", "models")
    shutil.rmtree(added.clone / ".dvc", ignore_errors=True)

    for words in (["push"], ["verify"], ["free"], ["remote"], ["remote", f"URL={added.remote}"]):
        result = added.make(*words)
        assert result.code == 2, words
        assert ".dvc/config, which sets the remote, is not here; restore it: " in result.said
    assert added.run("bash", "-c", re.search(command, result.said)[1]).code == 0

    assert "verified 1 pin" in added.ok("verify").out


def test_settings_that_git_does_not_have_either_are_begun_anew(added):
    added.git("rm", "--quiet", ".dvc/config")
    added.git("commit", "--quiet", "--message", "Drop the settings")

    assert added.refused("push") == "push: no remote is set; set one: make remote URL=s3://bucket/path"
    added.ok("remote", f"URL={added.remote}")

    added.ok("push")


@pytest.mark.marathon
@pytest.mark.tracks("group/ma", "mb")
def test_a_pin_that_was_renamed_by_hand_is_named_with_the_way_back(world):
    world.git("mv", "models/group/ma.dvc", "models/group/new.dvc")

    for verb in ("list", "verify", "pull"):
        result = world.make(verb)
        assert result.code == 2, verb
        assert "rename it back: git mv models/group/new.dvc models/group/ma.dvc" in result.said
        assert verb == "verify" or re.search("^mb", result.out, re.MULTILINE)


# Hooks.


def test_a_rule_for_subjects_is_met_with_message(world):
    add_hook(world, "#!/bin/sh\ngrep -q '^feat: ' \"$1\" || { echo no feat >&2; exit 1; }\n", "commit-msg")
    (world.weights("mine")).mkdir()
    (world.weights("mine") / "a.bin").write_text("a")

    said = world.refused("track", "NAME=mine")
    world.ok("track", "NAME=mine", "MESSAGE=feat: pin mine")

    assert "no feat" in said
    assert said.endswith("track: git commit failed (see above); fix that and run the same command again")
    assert world.git("log", "-1", "--format=%s") == "feat: pin mine\n"
    assert world.git("status", "--porcelain") == ""


# Settings.


def refuse_early(world: World, hub) -> str:
    """The sentence of an add that must be refused before the first byte."""
    before = world.state()
    line = world.refused("add", f"MODEL={MODEL}")
    assert not [request for request in hub.requests if "/resolve/" in request.path]
    assert world.state() == before
    return line


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
def test_a_clone_of_another_owner_is_refused_in_gits_own_words(online, hub):
    subprocess.run(["chown", "-R", "12345", str(online.clone)], check=True)

    result = online.make("add", f"MODEL={MODEL}")

    assert result.code == 2
    assert re.search("add: Git says: .*dubious ownership.*safe.directory", result.err)
    assert not hub.requests


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
def test_what_git_says_of_a_clone_of_another_owner_works_as_it_is_typed(added):
    subprocess.run(["chown", "-R", "12345", str(added.clone)], check=True)

    line = next(line for line in added.make("free").out.splitlines() if line.startswith("free: "))

    assert line.startswith("free: tiny: Git says: fatal: detected dubious ownership in repository at ")
    assert added.run("bash", "-c", line.partition(" call: ")[2]).code == 0
    added.ok("free")


def test_a_signature_that_cannot_be_made_is_found_first(online, hub):
    online.git("config", "commit.gpgSign", "true")
    online.git("config", "gpg.format", "ssh")
    online.git("config", "user.signingKey", str(online.path / "none.pub"))

    assert refuse_early(online, hub).startswith("add: Git cannot sign commits here, as commit.gpgSign asks: ")


def test_a_split_index_is_no_matter(online):
    online.git("config", "core.splitIndex", "true")
    online.git("update-index", "--split-index")

    online.ok("add", f"MODEL={MODEL}")

    assert online.git("status", "--porcelain") == ""


@pytest.mark.parametrize("rule", ["*.dvc", "models/", "model*"])
def test_an_ignore_rule_of_this_clone_is_no_matter(online, rule):
    exclude = online.clone / ".git" / "info" / "exclude"
    exclude.parent.mkdir(exist_ok=True)
    exclude.write_text(f"{rule}\n")

    online.ok("add", f"MODEL={MODEL}")

    assert online.git("status", "--porcelain") == ""
    assert online.git("ls-files", "models/tiny.dvc")


def test_a_lock_of_dvc_by_hard_links_is_found_first(online, hub):
    settings(online, "[core]\n    hardlink_lock = true\n", local=True)

    assert "DVC's core.hardlink_lock is on; turn it off: " in refuse_early(online, hub)


def test_a_broken_file_of_settings_is_named_by_its_path(online, hub):
    settings(online, "[core\n]\n")

    said = refuse_early(online, hub)

    assert f"; see {online.path / 'home' / '.config' / 'dvc' / 'config'}" in said
    assert "?" not in said  # in place of a line break


def test_settings_of_the_user_do_no_harm(world):
    settings(world, "[core]\n    no_scm = true\n    autostage = true\n    hardlink_lock = true\n")
    ignore = world.path / "home" / ".config" / "git" / "ignore"  # where Git looks unless core.excludesFile is set
    ignore.parent.mkdir()
    ignore.write_text("*.dvc\nmodels/\nmodel*\n")

    track(world, "one")
    ignore.rename(world.path / "ignored")
    world.git("config", "--global", "core.excludesFile", str(world.path / "ignored"))
    track(world, "group/two")

    assert world.git("ls-files", "models/*.dvc").split() == ["models/group/two.dvc", "models/one.dvc"]
    assert world.git("status", "--porcelain") == ""


def test_a_cache_of_a_group_has_folders_that_the_group_can_write(world):
    settings(world, "[cache]\n    shared = group\n", local=True)

    track(world, "one")
    shutil.rmtree(world.clone / ".dvc" / "cache")
    shutil.rmtree(world.weights("one"))
    world.ok("pull")

    folders = [path for path in (world.clone / ".dvc" / "cache" / "files").rglob("*") if path.is_dir()]
    assert folders
    assert {path.stat().st_mode & 0o020 for path in folders} == {0o020}


@pytest.mark.marathon
@pytest.mark.tracks("one")
def test_line_endings_of_other_systems_are_no_matter(world):
    other = World(world.path / "crlf", dict(world.env))
    (other.path / "home").mkdir(parents=True)
    shutil.copy(world.path / "home" / ".gitconfig", other.path / "home")
    world.git("clone", "--quiet", "-c", "core.autocrlf=true", str(world.clone), str(other.clone))
    os.symlink("../remote", other.remote)
    furnish(other.clone)
    other.git("config", "core.safecrlf", "true")

    other.ok("pull")
    track(other, "two")

    assert "verified 2 pins" in other.ok("verify").out
    assert other.git("status", "--porcelain") == ""
    assert b"\r" not in (other.clone / PAGE).read_bytes()


def test_the_first_commit_of_a_repository_may_be_that_of_a_model(world):
    shutil.rmtree(world.clone / ".git")
    world.git("init", "--quiet", "--initial-branch", "main")

    said = world.ok("track", "NAME=mine", "DIR=scripts/lib/shell").said

    assert "fatal:" not in said
    assert world.git("log", "--format=%s") == "Add mine model\n"


# Another Git commit, made once, while a command makes its own.
OTHER = """#!/bin/sh
case "$GIT_INDEX_FILE" in *index.make*) ;; *) exit 0 ;; esac
[ ! -e .git/once ] || exit 0
touch .git/once
unset GIT_INDEX_FILE
echo theirs >>theirs.txt && git add theirs.txt && git commit --quiet --message Theirs -- theirs.txt
"""


def test_a_git_commit_that_is_made_in_between_stays(added):
    add_hook(added, OTHER)

    added.ok("track", "NAME=mine", f"DIR={added.weights()}")

    assert added.git("log", "--format=%s", "-2") == "Add mine model\nTheirs\n"
    assert added.git("show", "HEAD:theirs.txt") == "theirs\n"


@pytest.mark.parametrize("path", ["theirs.txt", "models/README.md"])
def test_a_git_commit_that_ours_undid_is_named(added, path):
    add_hook(added, OTHER.replace("theirs.txt", path), "post-index-change")

    said = added.refused("track", "NAME=mine", f"DIR={added.weights()}")

    theirs = added.git("rev-parse", "--short=7", "HEAD^").strip()
    assert f"track: committed, but that undid what the Git commit {theirs} changed meanwhile; commit it again" in said
    assert "theirs" in added.git("show", theirs)


def test_a_hook_that_puts_our_git_commit_onto_theirs_undoes_nothing(added):
    added.git("switch", "--quiet", "--create", "theirs")
    (added.clone / "theirs.txt").write_text("theirs\n")
    added.git("add", "theirs.txt")
    added.git("commit", "--quiet", "--message", "Theirs")
    added.git("switch", "--quiet", "main")
    add_hook(added, "#!/bin/sh\nunset GIT_INDEX_FILE\ngit rebase --quiet --autostash theirs\n", "post-commit")

    added.ok("track", "NAME=mine", f"DIR={added.weights()}")

    assert added.git("log", "--format=%s", "-2") == "Add mine model\nTheirs\n"


@pytest.mark.parametrize("moment", ["resolve", "upload"])
def test_a_merge_that_began_meanwhile_is_not_ended_by_our_git_commit(added_online, hub, moment):
    world, page = added_online, added_online.clone / "README.md"
    world.git("switch", "--quiet", "--create", "theirs")
    for branch in ("theirs", "main"):
        world.git("switch", "--quiet", branch)
        page.write_text(f"{branch}\n")
        world.git("commit", "--quiet", "--all", "--message", branch)
    hub.commit("acme/other", {"config.json": b"{}"})
    merge = "git merge --quiet theirs"
    if moment == "resolve":
        hub.faults.append(Fault("GET /acme/other/resolve", lambda _: world.run(*merge.split())))
    else:
        hook = "import pathlib, subprocess\nreal = pathlib.Path.replace\n\n\ndef replace(self, target):\n"
        hook += f"    if self.name.endswith('.dir.tmp'):\n        subprocess.run({merge.split()})\n"
        hook += "    return real(self, target)\n\n\npathlib.Path.replace = replace\n"
        (world.clone / "scripts" / "sitecustomize.py").write_text(hook)
    before = world.head()

    said = world.refused("add", "MODEL=acme/other")

    assert "a merge, rebase, cherry-pick or revert is in progress; finish it (git status says how), then run" in said
    assert world.head() == before
    world.git("rev-parse", "MERGE_HEAD")
    page.write_text("both\n")
    world.git("add", "README.md")
    world.git("commit", "--quiet", "--no-edit")
    world.ok("add", "MODEL=acme/other")
    assert world.git("show", "HEAD:README.md") == "both\n"


def test_a_switch_of_branches_during_a_download_stops_before_the_commit(added_online, hub):
    hub.commit("acme/other", {"config.json": b"{}"})
    switch = ("switch", "--quiet", "--create", "feature")
    hub.faults.append(Fault("GET /acme/other/resolve", lambda _: added_online.git(*switch)))

    said = added_online.refused("add", "MODEL=acme/other")

    assert "nothing was committed, since HEAD moved from main to feature; switch back, then run it again" in said
    assert added_online.git("log", "--format=%s", "main..feature") == ""


def test_a_model_that_came_during_a_download_keeps_its_row(added_online, hub):
    hub.commit("acme/other", {"config.json": b"{}"})
    hub.faults.append(Fault("GET /acme/other/resolve", lambda _: track(added_online, "mine")))

    added_online.ok("add", "MODEL=acme/other")

    assert "verified 3 pins" in added_online.ok("verify").out

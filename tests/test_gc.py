"""make gc: what no Git commit needs goes, from the cache and from the remote; what somebody may need stays."""

import json
import os
import runpy
import shutil
import time
from collections.abc import Callable, Iterator

import jsonschema
import pytest
from conftest import PINNED, ROOT, World, flip, forget_weights, lent, set_clock, start, track

from lib.core.report import Report
from lib.remote.folder import Folder

DAYS_15 = 15 * 24 * 3600


def age(world: World, seconds: float = DAYS_15) -> None:
    """Make every object on the remote that old."""
    for path in world.objects().values():
        os.utime(path, (time.time() - seconds,) * 2)


def cached(world: World) -> set[str]:
    return {path.parent.name + path.name for path in (world.clone / ".dvc" / "cache" / "files" / "md5").glob("*/*")}


def drop(world: World, name: str = "gone") -> set[str]:
    """Track the model `name` and undo that, so that no ref reaches its pin; the ids of its objects."""
    before = set(world.objects())
    track(world, name)
    world.git("reset", "--quiet", "--hard", "HEAD~1")
    shutil.rmtree(world.weights(name))
    return set(world.objects()) - before


@pytest.fixture(scope="session")
def dropped_once(added_template, ground, tmp_path_factory) -> tuple[World, set[str]]:
    home = tmp_path_factory.mktemp("dropped") / "a world with garbage"
    with lent(added_template, ground, home) as world:
        gone = drop(world)
    return World(home), gone


@pytest.fixture
def dropped(dropped_once, ground, tmp_path) -> Iterator[tuple[World, set[str]]]:
    """A clone that has dropped the model `gone`, and the ids of its objects."""
    with lent(dropped_once[0], ground, tmp_path / "my world") as world:
        yield world, dropped_once[1]


@pytest.fixture(scope="session")
def kept_once(dropped_once, ground, tmp_path_factory) -> World:
    home = tmp_path_factory.mktemp("kept") / "a world with garbage"
    with lent(dropped_once[0], ground, home) as world:
        track(world, "kept")
    return World(home)


@pytest.fixture
def pinned(dropped_once, kept_once, ground, tmp_path) -> Iterator[tuple[World, set[str]]]:
    """A clone that dropped a model, and pinned the model `kept` by its last Git commit; the ids before that."""
    with lent(kept_once, ground, tmp_path / "my world") as world:
        world.git("status")  # else `git reset --hard` would write every file, and make would renew .venv
        yield world, set(dropped_once[0].objects())


@pytest.mark.slow
def test_without_force_it_says_what_would_go_by_model_and_changes_nothing(dropped):
    added, _ = dropped
    age(added)
    objects, kept = set(added.objects()), cached(added)

    said = added.ok("gc", "REMOTE=1").out

    assert said == (
        "cache: gone: 2 objects, 69 B\nremote: gone: 2 objects, 69 B\n"
        "would delete 4 objects, 138 B; nothing was changed; to delete: FORCE=1\n"
    )
    assert (set(added.objects()), cached(added)) == (objects, kept)


@pytest.mark.slow
def test_with_force_they_go_and_all_that_is_pinned_stays(dropped):
    added, gone = dropped
    age(added)

    assert "deleted 4 objects" in added.ok("gc", "REMOTE=1", "FORCE=1").out

    assert not gone & (set(added.objects()) | cached(added))
    assert added.ok("gc", "REMOTE=1", "FORCE=1").out == "nothing to delete\n"
    other = added.second()
    other.ok("pull")
    assert other.on_disk() == PINNED
    other.ok("verify", "DEEP=1")


def test_where_the_remote_is_not_mounted_nothing_is_deleted_or_called_clean(dropped):
    added, gone = dropped
    added.remote.rename(added.path / "away")
    added.remote.mkdir()

    assert "is not there, or its disk is not mounted" in added.refused("gc", "REMOTE=1", "FORCE=1")
    assert gone <= cached(added)


@pytest.mark.slow
def test_the_cache_alone_without_remote_and_the_remote_keeps_what_is_young(dropped):
    added, gone = dropped

    assert "deleted 2 objects" in added.ok("gc", "FORCE=1").out
    assert gone <= set(added.objects())
    said = added.ok("gc", "REMOTE=1", "FORCE=1").out
    assert said == "remote: kept 2 objects younger than 14 days\nnothing to delete\n"
    assert "deleted 2 objects" in added.ok("gc", "REMOTE=1", "FORCE=1", "DAYS=0").out
    assert not gone & set(added.objects())


def in_history(world: World) -> None:
    world.ok("remove", "MODEL=kept")


def in_a_side_branch_that_was_merged_away(world: World) -> None:
    world.git("branch", "--quiet", "side")
    world.git("reset", "--quiet", "--hard", "HEAD~1")
    world.git("merge", "--quiet", "--no-ff", "--strategy", "ours", "side")
    world.git("branch", "--quiet", "-D", "side")


def in_a_merge_alone(world: World) -> None:
    pin = world.pin("kept").read_text()
    world.git("reset", "--quiet", "--hard", "HEAD~1")
    world.git("switch", "--quiet", "--create", "side")
    world.git("commit", "--quiet", "--allow-empty", "--message", "x")
    world.git("switch", "--quiet", "main")
    world.git("merge", "--quiet", "--no-ff", "--no-commit", "side")
    world.pin("kept").write_text(pin)
    world.git("add", "models")
    world.git("commit", "--quiet", "--message", "Merge")
    world.git("rm", "--quiet", "models/kept.dvc")
    world.git("commit", "--quiet", "--message", "Remove")


def in_the_first_git_commit_of_a_branch(world: World) -> None:
    world.git("branch", "--quiet", "side", world.git("commit-tree", "HEAD^{tree}", "-m", "x").strip())
    world.git("reset", "--quiet", "--hard", "HEAD~1")


def in_the_stash_below_another(world: World) -> None:
    world.git("reset", "--quiet", "--soft", "HEAD~1")
    world.git("stash", "push", "--quiet")
    (world.clone / "README.md").write_text("other")
    world.git("stash", "push", "--quiet")


def in_the_index(world: World) -> None:
    world.git("reset", "--quiet", "--soft", "HEAD~1")
    world.pin("kept").unlink()


def in_a_file(world: World) -> None:
    world.git("reset", "--quiet", "HEAD~1")


def in_the_index_of_a_worktree(world: World) -> None:
    world.git("worktree", "add", "--quiet", "../tree", "HEAD~1")
    world.git("reset", "--quiet", "--soft", "HEAD~1")
    shutil.copy(world.pin("kept"), world.path / "tree" / "models")
    world.git("add", "models/kept.dvc", cwd=world.path / "tree")
    (world.path / "tree" / "models" / "kept.dvc").unlink()
    world.git("reset", "--quiet", "--hard")


def in_the_head_of_a_worktree(world: World) -> None:
    world.git("worktree", "add", "--quiet", "--detach", "../tree")
    world.git("reset", "--quiet", "--hard", "HEAD~1")


def in_a_branch_on_origin(world: World) -> None:
    world.git("init", "--quiet", "--bare", "../origin", cwd=world.clone)
    world.git("remote", "add", "origin", "../origin")
    world.git("push", "--quiet", "origin", "HEAD:refs/heads/side")
    world.git("update-ref", "-d", "refs/remotes/origin/side")
    world.git("reset", "--quiet", "--hard", "HEAD~1")


def by_plain_dvc(world: World) -> None:
    pin = world.pin("kept")
    pin.write_text(pin.read_text().partition("meta:")[0])
    world.git("commit", "--quiet", "--all", "--amend", "--message", "As plain dvc add pins")


def by_dvc(world: World, *words: str, path: str = "raw/in.bin") -> None:
    """Let plain dvc pin a file at `path`, by the command `words`, and push it."""
    (world.clone / path).parent.mkdir(parents=True, exist_ok=True)
    (world.clone / path).write_text(path)
    for command in (words or ("add", path)), ("push",):
        result = world.dvc(*command)
        assert result.code == 0, result.said


def in_a_file_of_the_team(world: World) -> None:
    by_dvc(world, path="eval.csv")


def in_a_folder_that_history_had(world: World) -> None:
    by_dvc(world)
    world.git("add", "raw")
    world.git("commit", "--quiet", "--message", "Add")
    world.git("rm", "--quiet", "-r", "raw")
    world.git("commit", "--quiet", "--message", "Remove")


def deep_in_models(world: World) -> None:
    by_dvc(world, path="models/grp/sub/deep")


def in_a_pipeline(world: World) -> None:
    """Its stage has a name that our pins have a key of, reads a folder of Git's and writes one of DVC's."""
    stage = "{cmd: mkdir out && cp src/a out/b, deps: [src], outs: [out]}"
    (world.clone / "dvc.yaml").write_text(f"stages:\n  files: {stage}\n")
    by_dvc(world, "repro", path="src/a")
    world.git("add", "dvc.lock")
    (world.clone / "dvc.lock").unlink()


def in_the_autostash_of_a_stopped_rebase(world: World) -> None:
    world.git("reset", "--quiet", "--soft", "HEAD~1")
    world.git("commit", "--quiet", "--allow-empty", "--message", "x", "--only")
    world.run("git", "rebase", "--quiet", "--autostash", "--exec", "false", "HEAD~1")
    assert not world.pin("kept").exists()


def in_the_autostash_of_a_merge(world: World) -> None:
    world.git("switch", "--quiet", "--create", "side", "HEAD~1")
    world.git("commit", "--quiet", "--allow-empty", "--message", "x")
    world.git("switch", "--quiet", "main")
    world.git("reset", "--quiet", "--soft", "HEAD~1")
    world.git("merge", "--quiet", "--autostash", "--no-ff", "--no-commit", "side")
    assert not world.pin("kept").exists()


def by_plain_dvc_which_renewed_a_pin_of_ours(world: World) -> None:
    (world.weights("kept") / "a.bin").unlink()
    (world.weights("kept") / "a.bin").write_text("newer")
    for words in (("add", "models/kept"), ("push",)):
        assert world.dvc(*words).code == 0
    world.git("commit", "--quiet", "--all", "--message", "As plain dvc add leaves it")


def in_a_pipeline_whose_stage_is_called_deps(world: World) -> None:
    """It has a folder besides that DVC hashes and does not keep."""
    stage = (
        "{cmd: mkdir out plots && cp src/a out/b && cp src/a plots/c, deps: [src], outs: [out, plots: {cache: false}]}"
    )
    (world.clone / "dvc.yaml").write_text(f"stages:\n  deps: {stage}\n")
    by_dvc(world, "repro", path="src/a")


def tip_of_no_branch(world: World) -> str:
    """A Git commit that nothing leads to, before whose last change the pin `kept` was there."""
    world.ok("remove", "MODEL=kept")
    tip = world.head()
    world.git("reset", "--quiet", "--hard", "HEAD~2")
    return tip


def in_what_a_merge_in_progress_brings(world: World) -> None:
    world.git("merge", "--quiet", "--no-ff", "--no-commit", tip_of_no_branch(world))


def where_a_stopped_rebase_began(world: World, kind: str = "merge") -> None:
    tip, folder = tip_of_no_branch(world), world.clone / ".git" / f"rebase-{kind}"
    folder.mkdir()
    (folder / "orig-head").write_text(f"{tip}\n")


def where_a_stopped_rebase_by_patches_began(world: World) -> None:
    where_a_stopped_rebase_began(world, "apply")


def where_a_bisect_began(world: World) -> None:
    tip = tip_of_no_branch(world)
    for _ in range(3):
        world.git("commit", "--quiet", "--allow-empty", "--message", "x")
    world.git("switch", "--quiet", "--detach", tip)
    world.git("bisect", "start", "main", "main~3")


def in_a_ref_of_another_worktree(world: World, ref: str = "refs/worktree/mine") -> None:
    tip = tip_of_no_branch(world)
    world.git("worktree", "add", "--quiet", "--detach", "../tree")
    world.git("update-ref", ref, tip, cwd=world.path / "tree")


def in_a_bisect_of_another_worktree(world: World) -> None:
    in_a_ref_of_another_worktree(world, "refs/bisect/bad")


def in_a_rebase_of_merges_in_another_worktree(world: World) -> None:
    in_a_ref_of_another_worktree(world, "refs/rewritten/onto")


def before_what_a_replacement_hides(world: World) -> None:
    world.ok("remove", "MODEL=kept")
    world.git("replace", "--graft", "HEAD", "HEAD~2")


PLACES = [
    where_a_bisect_began,
    in_a_ref_of_another_worktree,
    in_a_bisect_of_another_worktree,
    in_a_rebase_of_merges_in_another_worktree,
    before_what_a_replacement_hides,
    by_plain_dvc_which_renewed_a_pin_of_ours,
    in_what_a_merge_in_progress_brings,
    where_a_stopped_rebase_began,
    where_a_stopped_rebase_by_patches_began,
    in_the_autostash_of_a_stopped_rebase,
    in_the_autostash_of_a_merge,
    in_history,
    in_a_side_branch_that_was_merged_away,
    in_a_merge_alone,
    in_the_first_git_commit_of_a_branch,
    in_the_stash_below_another,
    in_the_index,
    in_a_file,
    in_the_index_of_a_worktree,
    in_the_head_of_a_worktree,
    in_a_branch_on_origin,
    by_plain_dvc,
]
BY_DVC = [
    in_a_pipeline_whose_stage_is_called_deps,
    in_a_file_of_the_team,
    in_a_folder_that_history_had,
    deep_in_models,
    in_a_pipeline,
]


def assert_kept(world: World, before: set[str], place: Callable[[World], None]) -> None:
    """gc keeps all that `place` leaves pinned, except for the ids `before`, and deletes the dropped model."""
    place(world)
    kept = set(world.objects()) - before
    age(world)
    assert kept

    assert "deleted 4 objects" in world.ok("gc", "REMOTE=1", "FORCE=1").out

    assert kept <= set(world.objects())


@pytest.mark.slow
@pytest.mark.marathon
@pytest.mark.parametrize("place", PLACES)
def test_what_is_pinned_anywhere_is_kept(pinned, place):
    assert_kept(*pinned, place)


@pytest.mark.slow
@pytest.mark.marathon
@pytest.mark.parametrize("place", BY_DVC)
def test_what_dvc_pinned_anywhere_is_kept(dropped, place):
    assert_kept(dropped[0], set(dropped[0].objects()), place)


@pytest.mark.slow
@pytest.mark.marathon
def test_without_history_what_only_older_git_commits_pin_goes_by_name(added):
    before = set(added.objects())
    track(added, "kept")
    in_history(added)
    track(added, "released")
    added.ok("release", "MODEL=released", "VERSION=1.0.0")
    added.ok("remove", "MODEL=released")
    gone = {oid for oid in set(added.objects()) - before}
    age(added)

    said = added.ok("gc", "REMOTE=1", "HISTORY=0", "FORCE=1").out

    assert "remote: kept: 2 objects" in said
    assert "released" not in said
    assert before <= set(added.objects())
    assert len(gone & set(added.objects())) == 2


def shallow(world: World) -> str:
    world.git("clone", "--quiet", "--depth", "1", f"file://{world.clone}", "../shallow", cwd=world.clone)
    shutil.rmtree(world.clone / ".git")
    shutil.move(world.path / "shallow" / ".git", world.clone / ".git")
    return "this clone is shallow, so older pins are not known; type: git fetch --unshallow"


def blind(world: World) -> str:
    world.git("clone", "--quiet", "--bare", str(world.clone), "../origin", cwd=world.clone)
    world.git("clone", "--quiet", "../origin", "../elsewhere", cwd=world.clone)
    elsewhere = world.path / "elsewhere"
    world.git("commit", "--quiet", "--allow-empty", "--message", "x", cwd=elsewhere)
    world.git("push", "--quiet", "origin", "HEAD:refs/heads/theirs", cwd=elsewhere)
    world.git("remote", "add", "origin", "../origin")
    return "refs/heads/theirs of origin is not in this clone, with what it pins; fetch them: git fetch --prune origin "


def unreachable(world: World) -> str:
    world.git("remote", "add", "upstream", "../nowhere")
    return "the pins on the Git remote upstream are not known (git ls-remote failed: "


def without_a_worktree(world: World) -> str:
    world.git("worktree", "add", "--quiet", "--detach", "../tree")
    shutil.rmtree(world.path / "tree")
    return "so its pins are not known; if it is gone for good: "


def without_the_disk_of_a_worktree(world: World) -> str:
    said = without_a_worktree(world)
    (world.path / "tree").mkdir()
    return said


def with_a_lost_listing(world: World) -> str:
    track(world, "kept")
    by_plain_dvc(world)
    listing = next(line for line in world.pin("kept").read_text().split() if line.endswith(".dir"))
    for top in (world.remote, world.clone / ".dvc" / "cache"):
        (top / "files" / "md5" / listing[:2] / listing[2:]).unlink()
    return f"gc: kept: the listing {listing} is neither in the cache nor on the remote"


def with_a_lost_listing_of_a_model_and_of_other_files(world: World) -> str:
    said = with_a_lost_listing(world)
    for folder in ("a", "z"):
        (world.clone / folder).mkdir()
        shutil.copy(world.pin("kept"), world.clone / folder)
    return said


def with_a_damaged_listing(world: World) -> str:
    by_dvc(world, "add", "raw")
    oid = next(line for line in (world.clone / "raw.dvc").read_text().split() if line.endswith(".dir"))
    flip(world.clone / ".dvc" / "cache" / "files" / "md5" / oid[:2] / oid[2:])
    flip(world.objects()[oid])  # else it would be taken anew from there
    return "is damaged, so the objects that it names are not known"


SPOILS = [shallow, blind, unreachable, without_a_worktree, without_the_disk_of_a_worktree]
SPOILS += [with_a_lost_listing, with_a_lost_listing_of_a_model_and_of_other_files, with_a_damaged_listing]


@pytest.mark.slow
@pytest.mark.marathon
@pytest.mark.parametrize("spoil", SPOILS)
def test_it_refuses_where_it_does_not_see_all_that_is_pinned(dropped, spoil):
    added, _ = dropped
    said = spoil(added)
    age(added)
    objects, kept = set(added.objects()), cached(added)

    assert said in added.refused("gc", "REMOTE=1", "FORCE=1", "DAYS=0")

    assert (set(added.objects()), cached(added)) == (objects, kept)


def test_a_git_remote_that_is_gone_is_given_up_as_the_sentence_says(added):
    unreachable(added)

    added.run("sh", "-c", added.refused("gc").partition("pushes nothing there: ")[2])

    added.ok("gc")


def test_what_it_tells_to_fetch_mends_it_and_forgets_a_branch_that_is_gone(added):
    blind(added)
    added.git("switch", "--quiet", "--create", "squashed")
    track(added, "other")
    added.git("push", "--quiet", "origin", "squashed")
    added.git("switch", "--quiet", "main")
    added.git("branch", "--quiet", "-D", "squashed")
    command = added.refused("gc").partition("fetch them: ")[2]

    assert added.run("sh", "-c", command).code == 0
    assert added.ok("gc").out == "nothing to delete\n"

    added.git("push", "--quiet", "origin", ":squashed")
    assert added.run("sh", "-c", command).code == 0
    assert "cache: other: 2 objects" in added.ok("gc").out


@pytest.mark.parametrize("lose", [without_a_worktree, without_the_disk_of_a_worktree])
@pytest.mark.parametrize("is_locked", [False, True])
def test_a_worktree_that_is_gone_is_given_up_as_the_sentence_says(added, is_locked, lose):
    lose(added)
    if is_locked:
        added.git("worktree", "lock", "../tree")

    added.run("sh", "-c", added.refused("gc").partition("gone for good: ")[2])

    added.ok("gc")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("DAYS=soon",), "not a number of days: DAYS='soon'"),
        (("DAYS=3",), "DAYS is the age of objects on a remote; give that as well: REMOTE=1"),
        (("HISTORY=1",), "not a value for HISTORY: '1' (want HISTORY=0, or leave it out)"),
    ],
)
def test_what_it_cannot_read_is_refused(lasting_added, words, said):
    assert said in lasting_added.refused("gc", *words)


@pytest.mark.slow
@pytest.mark.marathon
def test_a_cache_outside_of_the_clone_is_left_alone(added):
    added.dvc("config", "--local", "cache.dir", str(added.path / "shared"))
    drop(added)
    before = sorted((added.path / "shared").rglob("*"))

    assert "cache: left alone, since it lies outside this clone" in added.ok("gc", "FORCE=1").out

    assert sorted((added.path / "shared").rglob("*")) == before


@pytest.mark.slow
@pytest.mark.parametrize("where", ["here, where it was undone", "elsewhere", "where the clock is a month behind"])
def test_an_old_object_that_no_git_commit_names_is_young_again_after_add_or_push(dropped, where):
    added, gone = dropped
    other = added if where.startswith("here") else added.second()
    if "clock" in where:
        set_clock(other, -30 * 24 * 3600)
    age(added)

    track(other, "gone")

    young = {oid for oid, path in added.objects().items() if time.time() - path.stat().st_mtime < 3600}
    assert young == gone
    added.ok("gc", "REMOTE=1", "FORCE=1")
    assert gone <= set(added.objects())
    other.ok("verify", "DEEP=1")


@pytest.mark.slow
def test_a_lost_listing_goes_up_again_though_old_files_of_the_remote_are_not_here(added):
    """No Git commit names the pin, so its old objects would go up once more, if they were here."""
    added.git("rm", "--quiet", "--cached", "models/tiny.dvc")
    added.git("commit", "--quiet", "--amend", "--message", "Without the pin")
    age(added)
    listing = next(path for oid, path in added.objects().items() if oid.endswith(".dir"))
    listing.unlink()
    forget_weights(added, cache=True)

    added.ok("push")

    assert listing.is_file()


@pytest.mark.slow
def test_a_young_object_that_no_git_commit_names_does_not_go_up_again(dropped):
    added, gone = dropped
    before = {oid: added.objects()[oid].stat().st_mtime_ns for oid in gone}

    track(added, "gone")

    assert {oid: added.objects()[oid].stat().st_mtime_ns for oid in gone} == before


@pytest.mark.slow
def test_an_old_object_that_only_the_history_names_is_young_again_after_add(added):
    """Another clone may leave out the history: HISTORY=0."""
    before = set(added.objects())
    track(added, "gone")
    gone = set(added.objects()) - before
    added.ok("remove", "MODEL=gone")
    other = added.second()
    age(added)

    track(other, "again", "gone")
    added.ok("gc", "REMOTE=1", "HISTORY=0", "FORCE=1")

    assert gone <= set(added.objects())
    other.ok("verify", "DEEP=1")


def test_an_object_that_became_young_meanwhile_is_not_deleted(added):
    oid, path = next(iter(added.objects().items()))

    assert not Folder("storage", str(added.remote)).drop(oid, time.time() - DAYS_15)
    assert path.exists()


@pytest.mark.slow
@pytest.mark.marathon
def test_an_add_in_another_clone_at_the_same_time_loses_nothing(added):
    other = added.second()
    drop(added, "both")
    age(added)
    running = [start(added, "gc", "REMOTE=1", "FORCE=1") for _ in range(2)]
    for name in ("both", "more"):
        track(other, name)
        running.append(start(added, "gc", "REMOTE=1", "FORCE=1"))
    for each in running:
        assert each.wait(60) == 0, each.stdout.read()

    assert "verified 3 pins" in other.ok("verify", "DEEP=1").out


@pytest.mark.slow
def test_an_add_in_this_clone_at_the_same_time_loses_nothing(added):
    folder = added.path / "weights"
    folder.mkdir()
    (folder / "a.bin").write_bytes(os.urandom(1 << 20))
    adding = start(added, "track", "NAME=new", f"DIR={folder}")
    while adding.poll() is None:
        added.ok("gc", "REMOTE=1", "FORCE=1", "DAYS=1")
    assert adding.wait() == 0

    assert "verified 2 pins" in added.ok("verify", "DEEP=1").out
    shutil.rmtree(added.weights("new"))
    shutil.rmtree(added.remote / "files")
    added.ok("push")


@pytest.mark.slow
def test_the_report_has_what_would_go(dropped):
    facts = json.loads(dropped[0].ok("gc", "REMOTE=1", "DAYS=0", "FORMAT=json").out)

    jsonschema.validate(facts, json.loads((ROOT / "tests" / "report.schema.json").read_text()))
    assert facts["unneeded"] == [
        {"place": place, "model": "gone", "objects": 2, "size": 69} for place in ("cache", "remote")
    ]


def test_gc_names_the_models_in_their_order(monkeypatch):
    sweep = runpy.run_path(ROOT / "scripts" / "gc.py")["sweep"]
    monkeypatch.setitem(sweep.__globals__, "names", lambda: {"1": "b", "2": "a", "3": "b"})
    monkeypatch.delenv("FORCE", raising=False)
    report = Report("gc")

    sweep("remote", {"1": 1, "2": 20, "3": 3}, None, report)

    assert report.notes == ["remote: a: 1 object, 20 B", "remote: b: 2 objects, 4 B"]


def test_listings_go_before_the_files_that_they_name(monkeypatch):
    sweep, gone = runpy.run_path(ROOT / "scripts" / "gc.py")["sweep"], []
    monkeypatch.setenv("FORCE", "1")

    sweep("remote", {"1": 1, "2.dir": 1, "3": 1}, gone.append, Report("gc"))

    assert gone[0] == "2.dir"
    assert set(gone) == {"1", "2.dir", "3"}


@pytest.mark.parametrize("name", ["tiny", "group/tiny"])
def test_gc_keeps_a_pin_that_git_ignores_in_a_folder_of_another_repository(added, name):
    shutil.rmtree(added.clone / ".git")
    (added.clone / "models" / ".gitignore").write_text("*.dvc\n")
    added.pin(name).parent.mkdir(exist_ok=True)
    added.pin().rename(added.pin(name))
    for words in (["init", "--quiet"], ["add", "clone"]):
        added.git(*words, cwd=added.path)
    added.git("commit", "--quiet", "--message", "As a folder of ours", cwd=added.path)

    assert added.ok("gc").out == "nothing to delete\n"


@pytest.mark.slow
def test_gc_keeps_what_a_command_that_was_stopped_goes_on_with(added):
    """The bytes in models/ alone went to the cache; the pin is taken back, and pull finds them there."""
    track(added, "mine", "older")
    path = added.weights("mine") / "a.bin"
    path.unlink()
    path.write_text("newer")
    shutil.rmtree(added.remote / "files")
    (added.remote / "files").touch()
    assert added.make("track", "NAME=mine").code == 2
    (added.remote / "files").unlink()
    added.git("checkout", "--quiet", "HEAD", "--", "models")
    added.ok("pull", "MODEL=mine")
    other = added.clone / ".dvc" / "tmp" / "staging" / "other"
    other.mkdir()
    (other / "pin").write_bytes(b"\xff\xfe")  # of a disk that crashed, and of no model

    added.ok("gc", "FORCE=1")

    assert b"newer" in [path.read_bytes() for path in (added.clone / ".dvc" / "cache").rglob("*") if path.is_file()]

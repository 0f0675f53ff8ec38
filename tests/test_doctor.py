"""make doctor: each line is good, or says what to type."""

import pytest
from conftest import MODEL, ROOT_ONLY, forget_weights, mounted, set_clock, settings, with_only
from hub import Fault

TITLES = ["programs", "Git", "models", "disk", "remote", "Hub", "leftovers"]


def lines(out: str) -> dict[str, str]:
    """What doctor says of each thing, by its title."""
    return {line.split(":")[0].split()[-1]: line for line in out.splitlines() if line.startswith(("good", "WRONG"))}


def test_a_clone_that_has_all_is_good_in_every_line(added_online, hub):
    hub.gated.add(MODEL)
    before = added_online.state()

    result = added_online.ok("doctor", HF_TOKEN=hub.token)

    said = lines(result.out)
    assert list(said) == TITLES
    assert all(line.startswith("good ") for line in said.values())
    assert "logged in as tester; 1 repo pinned, none gated for you" in said["Hub"]
    assert "new weights are linked to the cache" in said["disk"]
    assert added_online.state() == before


def test_a_new_clone_in_which_nothing_was_done_is_good(online):
    assert all(line.startswith("good ") for line in lines(online.ok("doctor").out).values())


def break_it(world, hub, what: str) -> None:
    if what == "Git":
        (world.path / "home" / ".gitconfig").unlink()
    elif what == "models":
        world.pin("broken").write_text("outs: []\n")
    elif what == "a pin gone":
        world.pin().unlink()
    elif what == "a blob gone":
        oid = world.git("rev-parse", "HEAD:models/tiny.dvc")
        (world.clone / ".git" / "objects" / oid[:2] / oid[2:].strip()).unlink()
    elif what == "disk":
        config = world.clone / ".dvc" / "config"
        config.write_text(config.read_text().replace("hardlink,symlink,copy", "copy"))
    elif what == "remote":
        (world.remote / ".model-weights").unlink()
    elif what == "Hub":
        hub.gated.add(MODEL)
    else:
        forget_weights(world, cache=False)
        staged = world.clone / ".dvc" / "tmp" / "staging" / "other"
        staged.mkdir(parents=True)
        (staged / "plan").write_text("{}")


ADVICE = {
    "Git": "type: git config user.name NAME",
    "models": "drop it, since the last Git commit does not have it: rm models/broken.dvc",
    "a pin gone": "models/tiny.dvc is in Git but not here",
    "a blob gone": "of a pin; git fsck lists all that it lacks",
    "disk": "type: .venv/bin/dvc config --local cache.type hardlink,symlink,copy",
    "remote": "to begin a new remote there: make remote URL=",
    "Hub": "is gated: accept its license at ",
    "leftovers": "unfinished: other; run the same make add, track or update again, or drop what "
    "came of it: rm -rf .dvc/tmp/staging/other/plan .dvc/tmp/staging/other/pin .dvc/tmp/staging/other/files",
}


TITLE = {"a pin gone": "models", "a blob gone": "models"}


@pytest.mark.parametrize("what", ADVICE)
def test_what_is_wrong_is_named_with_what_to_type(added_online, hub, what):
    break_it(added_online, hub, what)

    result = added_online.make("doctor")

    said = lines(result.out)
    assert result.code == 2
    assert [title for title, line in said.items() if line.startswith("WRONG")] == [TITLE.get(what, what)]
    assert ADVICE[what] in said[TITLE.get(what, what)]
    assert result.err.startswith("doctor: 1 thing wrong; ")


def test_a_repo_that_the_hub_does_not_show_us_is_named(added_online, hub):
    hub.private.add(MODEL)

    said = lines(added_online.ok("doctor").out)["Hub"]

    assert said.endswith("none gated for you; gone, or private (then log in: .venv/bin/hf auth login): acme/tiny")


def test_where_git_is_not_installed_no_page_is_to_be_committed(added_online, tmp_path):
    path = with_only(tmp_path, "make", "bash", "python3", "touch")

    said = lines(added_online.make("doctor", PATH=path).out)

    assert said["models"].endswith("git is not installed")


@ROOT_ONLY
@pytest.mark.parametrize(("where", "how"), [("clone/.dvc/cache", "make free"), ("data", "free some")])
def test_the_disk_of_the_cache_counts(added, where, how):
    settings(added, f"[cache]\n    dir = {added.path / where}\n", local=True)
    with mounted(added.path / where, "-o", "size=4M"):
        said = lines(added.make("doctor").out)["disk"]

    assert said.startswith(f"WRONG  disk: 4.2 MB free at {added.path / where}; ")
    assert said.endswith(how)


def test_a_pin_that_contradicts_itself_is_not_called_good(added_online):
    page = added_online.pin()
    page.write_text(page.read_text().replace("nfiles: 3", "nfiles: 4"))

    said = added_online.make("doctor").out

    assert "WRONG  models: models/tiny.dvc was edited by hand: nfiles does not match its files; restore it: " in said


def test_a_clock_that_is_an_hour_wrong_is_told_of(added_online):
    set_clock(added_online, 3600)

    said = added_online.make("doctor").out

    assert "WRONG  remote: this machine's clock and that of remote 'storage' (" in said
    assert ") differ by 1 h 0 min; set this one\n" in said


def test_a_policy_that_cannot_be_read_is_told_of(added_online):
    (added_online.clone / "models" / "policy.yaml").write_text("licence: any\n")

    said = added_online.make("doctor").out

    assert "WRONG  models: models/policy.yaml has no setting 'licence'; did you mean licenses?" in said


def test_a_token_that_no_header_takes_is_told_of(online):
    said = online.make("doctor", HF_TOKEN="hf_\u2019").out

    assert "WRONG  Hub: the Hub token contains characters that no token has; see HF_TOKEN" in said
    assert "the Hub token contains characters" in online.refused("add", f"MODEL={MODEL}", HF_TOKEN="hf_\u2019")


def test_a_login_that_the_hub_refuses_is_told_of(online):
    said = online.make("doctor", HF_TOKEN="hf_old").out

    how = "log in again: .venv/bin/hf auth login"
    assert f"WRONG  Hub: the Hub refused the login (the Hub answered 401 Unauthorized); {how}\n" in said


def test_what_answers_a_login_with_a_page_is_told_of(online, hub):
    hub.faults.append(Fault("whoami", lambda answer: answer.status(200)))

    said = online.make("doctor", HF_TOKEN="hf_x").out

    assert f"WRONG  Hub: the server at {hub.url} is not a Hub; see HF_ENDPOINT\n" in said


def test_what_may_be_in_models_already_is_not_to_be_dropped(added_online):
    top = added_online.clone / ".dvc" / "tmp" / "staging"
    for name, file in ("other", "pin"), ("first", "plan"), ("second", "plan"):
        (top / name).mkdir(parents=True)
        (top / name / file).write_text(added_online.pin().read_text() if file == "pin" else "{}")

    added_online.weights("other").mkdir()
    line = lines(added_online.make("doctor").out)["leftovers"]

    parts = [f".dvc/tmp/staging/{name}/{part}" for name in ("first", "second") for part in ("plan", "pin", "files")]
    assert line.partition(": ")[2].startswith("unfinished: first, other, second; run the same ")
    assert line.endswith(f"again, or drop what came of it: rm -rf {' '.join(parts)}")

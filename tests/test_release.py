"""make release, and what is pulled by it: versions, stages, and weights that are handed over to a folder."""

import os
import re
import shutil
import signal
import subprocess
import time

import kubernetes_validate
import pytest
import yaml
from conftest import (
    NEWER,
    PINNED,
    ROOT,
    ROOT_ONLY,
    World,
    flip,
    forget_the_user,
    forget_weights,
    furnish,
    start,
    track,
)

from lib.model.releases import FETCH

UNSHALLOW = "git fetch --unshallow --tags"


def tags(world: World) -> list[str]:
    return world.git("tag").split()


def handed(world: World, name: str = "tiny") -> dict[str, bytes]:
    top = world.path / "srv" / name
    return {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def test_a_release_is_an_annotated_tag_of_what_was_checked(added):
    result = added.ok("release", "MODEL=tiny", "VERSION=v1.0.0")

    assert result.out == (
        "released tiny 1.0.0 (disk and remote checked, 4 of 4 objects by size only): the tag tiny@v1.0.0; "
        "next: git push origin 'tiny@v1.0.0'\n"
    )
    assert added.git("cat-file", "-t", "tiny@v1.0.0") == "tag\n"
    assert added.git("rev-parse", "tiny@v1.0.0^{commit}").strip() == added.head()
    again = added.refused("release", "MODEL=tiny", "VERSION=1.0.0")
    assert again == "release: tiny@v1.0.0 already exists, and a release never changes; choose another VERSION"


@pytest.mark.slow
def test_stages_follow_the_grammar_of_gto(released):
    released.ok("release", "MODEL=tiny", "STAGE=prod")
    released.ok("release", "MODEL=tiny", "STAGE=canary", "VERSION=1.0.0")
    released.ok("release", "MODEL=tiny", "STAGE=prod", "VERSION=1.0.0")  # back
    removed = released.ok("release", "MODEL=tiny", "STAGE=canary", "REMOVE=1")

    assert "took tiny out of canary: the tag tiny#canary!#5" in removed.out
    assert "no release of tiny is in the stage 'canary' here" in released.refused("pull", "MODEL=tiny", "STAGE=canary")
    assert tags(released) == [
        "tiny#canary!#5",
        "tiny#canary#3",
        "tiny#prod#1",
        "tiny#prod#2",
        "tiny#prod#4",
        "tiny@v1.0.0",
        "tiny@v1.1.0",
    ]
    shown = released.run(str(ROOT / ".venv" / "bin" / "gto"), "show", "tiny#prod", "--ref").out
    assert shown.strip() == "tiny@v1.0.0"
    assert "nothing to do" in released.ok("release", "MODEL=tiny", "STAGE=prod", "VERSION=1.0.0").out


@pytest.mark.parametrize("what", ["VERSION=1.0.0", "STAGE=prod"])
@pytest.mark.parametrize("place", ["disk", "remote", "pin"])
def test_what_is_not_right_is_not_released(added, place, what):
    if place == "disk":
        flip(added.weights() / "config.json")
    elif place == "remote":
        next(iter(added.objects().values())).unlink()
    else:
        added.pin().write_text(added.pin().read_text().replace("license: apache-2.0", "license: mit"))

    line = added.refused("release", "MODEL=tiny", what)

    assert ("commit them first" if place == "pin" else "nothing was released (make verify MODEL=tiny)") in line
    assert tags(added) == []


@pytest.mark.slow
def test_going_back_checks_the_pin_of_the_older_version(released):
    old = released.git("show", "tiny@v1.0.0:models/tiny.dvc")
    md5 = re.search(r'config.json: {size: 19, md5: "?(\w+)', old)[1]
    released.objects()[md5].unlink()

    line = released.refused("release", "MODEL=tiny", "STAGE=canary", "VERSION=1.0.0")

    assert "tiny/config.json: missing from the remote" in line
    assert "nothing was released (git checkout tiny@v1.0.0 -- models/tiny.dvc && make verify MODEL=tiny)" in line
    assert "canary" not in " ".join(tags(released))
    released.git("checkout", "tiny@v1.0.0", "--", "models/tiny.dvc")
    assert "tiny/config.json: missing from the remote" in released.make("verify", "MODEL=tiny").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no VERSION and no STAGE; for example: make release MODEL=tiny VERSION=1.0.0"),
        (["VERSION=1.0"], "not a version: '1.0' (want MAJOR.MINOR.PATCH, such as 1.2.0)"),
        (["VERSION=1٢.0.0"], "not a version: '1٢.0.0' (want MAJOR.MINOR.PATCH, such as 1.2.0)"),
        (["STAGE=a b"], "not a name for a stage: 'a b'"),
        (
            ["STAGE=prod", "VERSION=2.0.0"],
            "no release tiny@v2.0.0 here; make it first: make release MODEL=tiny VERSION=2.0.0; or fetch the tags: ",
        ),
        (["STAGE=prod", "REMOVE=1"], "no release of tiny is in the stage 'prod' here; stages: none; fetch the tags"),
        (["REMOVE=1"], "REMOVE=1 takes a model out of a stage; name it, and no version: STAGE=prod REMOVE=1"),
        (["VERSION=1.0.0", "REMOVE=1"], "REMOVE=1 takes a model out of a stage"),
    ],
)
def test_a_release_that_makes_no_sense_is_refused(lasting_added, words, said):
    assert lasting_added.refused("release", "MODEL=tiny", *words).startswith(f"release: {said}")
    assert tags(lasting_added) == []


def test_a_release_is_one_of_one_model(tracked):
    assert tracked.refused("release", "MODEL=*", "VERSION=1.0.0") == (
        "release: 2 models named; a release takes one: MODEL=NAME"
    )
    assert tags(tracked) == []


def test_a_tag_that_git_cannot_make_is_no_release(added):
    (added.clone / ".git" / "refs" / "tags" / "tiny@v1.0.0.lock").touch()

    line = added.refused("release", "MODEL=tiny", "VERSION=1.0.0")

    assert "release: git tag failed: fatal: cannot lock ref" in line
    assert tags(added) == []


def test_a_model_is_taken_out_of_a_stage_by_somebody(released):
    forget_the_user(released)

    line = released.refused("release", "MODEL=tiny", "STAGE=prod", "REMOVE=1")

    assert "release: Git does not know who you are; type: git config user.name NAME and git config user.e" in line


def test_a_release_by_nobody_is_refused_before_anything_is_checked(added):
    forget_the_user(added)
    (added.weights() / "config.json").unlink()

    line = added.refused("release", "MODEL=tiny", "VERSION=1.0.0")

    assert line.startswith("release: Git does not know who you are; type: git config user.name NAME and git config ")


def test_a_dry_run_of_a_release_makes_no_tag(lasting_added):
    result = lasting_added.ok("release", "MODEL=tiny", "VERSION=1.0.0", "DRY=1")

    assert "would make the tag tiny@v1.0.0" in result.err
    assert tags(lasting_added) == []


def test_a_release_is_signed_where_git_signs(added):
    key = added.path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    for setting, text in {"gpg.format": "ssh", "user.signingKey": f"{key}.pub", "commit.gpgSign": "true"}.items():
        added.git("config", setting, text)

    added.ok("release", "MODEL=tiny", "VERSION=1.0.0")

    assert "-----BEGIN SSH SIGNATURE-----" in added.git("cat-file", "tag", "tiny@v1.0.0")


@pytest.mark.slow
@pytest.mark.parametrize("words", [["MODEL=tiny@v1.0.0"], ["MODEL=tiny", "STAGE=prod"], ["STAGE=prod"]])
def test_a_release_is_handed_over_to_a_folder_and_the_pin_stays(released, words):
    before = released.state()

    result = released.ok("pull", *words, f"TO={released.path}/srv")

    assert result.out == "handed over tiny: 3 files, 102.4 kB\n1 model good: 3 files, 102.4 kB\n"
    assert handed(released) == PINNED
    assert released.state() == before
    assert sorted(path.name for path in (released.path / "srv").iterdir()) == ["tiny"]
    assert "up to date" in released.ok("pull", *words, f"TO={released.path}/srv").out


@pytest.mark.slow
def test_a_link_is_refused_where_nothing_is_handed_over(added):
    assert added.refused("pull", "LINK=1").startswith("pull: LINK=1 needs a folder to hand over to: ")


def test_a_release_of_no_model_is_none(lasting_added):
    assert lasting_added.refused("pull", "MODEL=@1.0.0", "TO=../srv").startswith("pull: no such model: '@1.0.0'; ")


@pytest.mark.slow
@pytest.mark.parametrize("words", [["pull", "MODEL=tiny@prod"], ["show", "MODEL=tiny@v1.0.0"]])
def test_a_release_that_is_none_or_has_no_place_here_names_its_model(lasting_added, words):
    word = words[1].removeprefix("MODEL=")
    said = f"no such model: '{word}'; the model is tiny; make pull also takes a release of it, typed like tiny@v1.2.0"
    assert lasting_added.refused(*words) == f"{words[0]}: {said}"


def test_a_release_is_known_without_the_v(released):
    assert released.make("pull", "MODEL=tiny@1.0.0").said == released.make("pull", "MODEL=tiny@v1.0.0").said


@ROOT_ONLY
@pytest.mark.parametrize("link", [[], ["LINK=1"]])
def test_what_a_killed_run_left_is_not_handed_over(added, link):
    left = added.path / "srv" / ".tiny.part" / "model.safetensors"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"stale")
    subprocess.run(["mount", "--bind", left, left], check=True)  # so that it cannot be removed
    try:
        said = added.refused("pull", f"TO={added.path / 'srv'}", *link)
    finally:
        subprocess.run(["umount", "--lazy", left], check=True)

    assert "pull: Device or resource busy: " in said
    assert handed(added) == {}


def test_a_release_that_is_not_checked_out_is_refused_without_a_folder(released):
    result = released.make("pull", "MODEL=tiny@v1.0.0")

    assert result.code == 2
    assert "this release is not the pin in models/; pull it to a folder of its own: TO=/srv/models" in result.out
    assert released.ok("pull", "MODEL=tiny@v1.1.0").out.startswith("tiny: up to date")
    released.git(*re.search("; or check its pin out first: git (.*)", result.out)[1].split())
    assert released.ok("pull", "MODEL=tiny@v1.0.0").out.startswith("pulled tiny: ")


@pytest.mark.slow
def test_a_release_that_is_not_here_says_how_to_fetch_tags(released):
    other = released.second()
    other.git("tag", "--delete", *tags(other))

    assert other.refused("pull", "MODEL=tiny@v1.0.0") == (
        "pull: no release tiny@v1.0.0 here; there is none; fetch the tags: git fetch --tags"
    )
    assert "no release of any model is in the stage 'prod' here" in other.refused("pull", "STAGE=prod")
    other.ok("rename", "MODEL=tiny", "NAME=chat/tiny")  # its releases keep the old name
    for words in (["pull", "MODEL=tiny@v1.0.0"], ["pull", "MODEL=tiny", "STAGE=prod", "TO=../srv"]):
        assert other.refused(*words) == (
            f"pull: no release of 'tiny' here ({FETCH}), and no such model: 'tiny'; did you mean chat/tiny?"
        )
    back = other.refused("release", "MODEL=tiny", "VERSION=1.0.0", "STAGE=prod")
    assert back.startswith(f"release: no release of 'tiny' here ({FETCH}), and no such model: ")
    assert other.refused("release", "MODEL=tiny", "VERSION=1.0.0").startswith("release: no such model: 'tiny'; ")


@pytest.mark.slow
def test_a_stage_that_another_clone_has_moved_is_moved_back_once_its_tag_is_fetched(released):
    other, back = released.second(), ("release", "MODEL=tiny", "VERSION=1.0.0", "STAGE=prod")
    released.ok("release", "MODEL=tiny", "VERSION=1.1.0", "STAGE=prod")

    said = other.ok(*back).out

    assert said.endswith(" is already in prod; nothing to do; if moved, fetch the tags: git fetch --tags\n")
    other.git(*said.split("git ")[1].split())
    assert "put tiny 1.0.0 into prod" in other.ok(*back).out


@pytest.mark.slow
@pytest.mark.parametrize("link", ["LINK=1", "LINK="])
def test_a_newer_version_takes_the_place_of_the_older_one_whole(released, link):
    to = f"TO={released.path}/srv"
    released.ok("pull", "MODEL=tiny@v1.0.0", to, link)
    (released.path / "srv" / "tiny" / "extra").write_text("mine")

    released.ok("pull", "MODEL=tiny@v1.1.0", to, link)

    assert handed(released)["config.json"] == NEWER["config.json"]
    assert "extra" not in handed(released)
    weights = released.path / "srv" / "tiny" / "model.safetensors"
    assert (weights.stat().st_nlink > 1) == (link == "LINK=1")


@pytest.mark.slow
@pytest.mark.parametrize(("where", "link"), [("cache", ""), ("cache", "1"), ("remote", "")])
def test_bytes_that_are_not_right_are_not_handed_over_and_the_old_copy_stays(released, where, link):
    to = f"TO={released.path}/srv"
    released.ok("pull", "MODEL=tiny@v1.0.0", to)
    md5 = re.search(r'config.json: {size: 19, md5: "?(\w+)', released.pin().read_text())[1]
    cached = released.clone / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
    if where == "remote":
        cached.unlink()
        flip(released.objects()[md5])
    else:
        flip(cached)

    result = released.make("pull", "MODEL=tiny@v1.1.0", to, f"LINK={link}")

    if where == "remote":
        assert result.code == 2
        assert "tiny/config.json: changed on the remote" in result.out
        assert handed(released) == PINNED
        assert sorted(path.name for path in (released.path / "srv").iterdir()) == ["tiny"]
    else:
        assert result.code == 0
        assert handed(released)["config.json"] == NEWER["config.json"]


@pytest.mark.slow
def test_a_folder_of_the_clone_is_no_place_to_hand_over_to_and_said_to_be_so_once(released):
    said = released.refused("pull", "TO=models/elsewhere")

    assert said == "pull: TO=models/elsewhere lies in this clone; name a folder outside"


@pytest.mark.slow
@pytest.mark.marathon
def test_a_hand_over_that_was_killed_leaves_the_old_copy_and_goes_on(online, hub):
    hub.commit("acme/big", {"model.safetensors": os.urandom(100_000_000)})
    online.ok("add", "MODEL=acme/big")
    old = online.path / "srv" / "big"
    old.mkdir(parents=True)
    (old / "model.safetensors").write_bytes(b"old")
    part = online.path / "srv" / ".big.part" / "model.safetensors"
    process = start(online, "pull", f"TO={online.path}/srv")
    while process.poll() is None and not (part.exists() and part.stat().st_size):
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert handed(online, "big") == {"model.safetensors": b"old"}

    online.ok("pull", f"TO={online.path}/srv")

    assert handed(online, "big") == online.on_disk("big")
    assert sorted(path.name for path in (online.path / "srv").iterdir()) == ["big"]


def test_a_kill_between_the_two_renames_is_undone(added):
    srv = added.path / "srv"
    (srv / ".tiny.old").mkdir(parents=True)
    (srv / ".tiny.old" / "config.json").write_bytes(b"old")
    forget_weights(added, cache=True)
    shutil.rmtree(added.remote / "files")

    assert added.make("pull", f"TO={srv}").code == 2

    assert handed(added) == {"config.json": b"old"}


@pytest.mark.slow
def test_a_group_is_handed_over_below_its_name(world):
    track(world, "group/mine")

    world.ok("pull", f"TO={world.path}/srv")

    assert handed(world, "group/mine") == {"a.bin": b"group/mine"}


@pytest.mark.slow
def test_plain_dvc_gets_a_release_from_another_repository(released):
    target = released.path / "elsewhere"
    target.mkdir()
    dvc = str(ROOT / ".venv" / "bin" / "dvc")

    got = released.run(dvc, "get", str(released.clone), "models/tiny", "--rev", "tiny@v1.0.0", cwd=target)

    assert got.code == 0, got.said
    found = {path.relative_to(target / "tiny").as_posix(): path.read_bytes() for path in (target / "tiny").rglob("*.*")}
    assert found == PINNED


@pytest.mark.slow
def test_another_repository_reads_a_release_by_dvcs_own_api(released):
    target = released.path / "elsewhere"
    target.mkdir()
    code = (
        "import dvc.api, sys; _, url, rev = sys.argv; "
        "print(dvc.api.read('models/tiny/config.json', repo=url, rev=rev), end='')"
    )

    python = str(ROOT / ".venv" / "bin" / "python")
    read = released.run(python, "-c", code, str(released.clone), "tiny@v1.0.0", cwd=target)

    assert (read.code, read.out) == (0, PINNED["config.json"].decode()), read.said


def test_the_init_container_is_one_by_the_schema_of_kubernetes():
    def validate(containers: list[dict]) -> None:
        spec = {
            "containers": [{"name": "server"}],
            "initContainers": containers,
            "volumes": [{"name": "models", "emptyDir": {}}],
        }
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "server"}, "spec": spec}
        kubernetes_validate.validate(pod, "1.33", strict=True)

    page = (ROOT / ".github" / "DEPLOY.md").read_text()
    said = yaml.safe_load(page.partition("```yaml\ninitContainers:")[2].partition("```")[0])

    validate(said)

    assert said[0]["volumeMounts"] == [{"name": "models", "mountPath": "/srv/models"}]
    with pytest.raises(kubernetes_validate.ValidationError):
        validate([said[0] | {"volumeMount": []}])


@pytest.mark.parametrize("to", ["", "TO=../out"])
def test_a_dry_pull_says_what_would_come_and_changes_nothing(added, to):
    forget_weights(added, cache=True)

    said = added.ok("pull", "DRY=1", *filter(None, [to])).out

    where = (added.path / "out" if to else added.clone / "models").resolve()
    assert said == (f"would pull tiny to {where}: 3 files, 102.4 kB, 102.4 kB to fetch\nnothing was changed (DRY=1)\n")
    assert not added.weights().exists()
    assert not (added.path / "out").exists()


def test_a_dry_push_says_what_would_go_and_changes_nothing(added):
    assert "would push tiny: 0 objects, 0 B\n" in added.ok("push", "DRY=1").out
    shutil.rmtree(added.remote / "files")

    assert "would push tiny: 4 objects, 102.7 kB\nnothing was changed (DRY=1)\n" in added.ok("push", "DRY=1").out

    assert added.objects() == {}


@pytest.mark.slow
def test_list_and_show_name_the_releases_of_what_is_pinned(released):
    assert released.ok("list").out.splitlines()[1].endswith(" yes      v1.1.0")
    released.ok("release", "MODEL=tiny", "STAGE=prod")

    assert released.ok("list").out.splitlines()[1].endswith(" yes      v1.1.0 prod")
    assert "  releases   v1.1.0 prod\n" in released.ok("show", "MODEL=tiny").out
    released.ok("update", "MODEL=tiny", f"REVISION={released.git('show', 'tiny@v1.0.0').split('commit: ')[1][:40]}")
    assert (
        released.ok("list").out.splitlines()[0].endswith("on disk")
    )  # the pin of 1.0.0 follows main, this one a commit


@pytest.mark.slow
def test_diff_takes_releases(released):
    said = released.ok("diff", "MODEL=tiny", "FROM=1.0.0", "TO=v1.1.0").out

    assert said.startswith("M config.json (19 B -> 19 B)\n")
    assert "tiny: 1.0.0 -> v1.1.0: 1 file changed" in said
    assert "tiny: prod -> here: 1 file changed" in released.ok("diff", "MODEL=tiny", "FROM=prod").out
    released.ok("rename", "MODEL=tiny", "NAME=other")
    assert "other: HEAD~1 -> prod: " in released.ok("diff", "MODEL=other", "FROM=HEAD~1", "TO=prod").out


@pytest.mark.slow
def test_the_lines_of_the_dockerfile_bring_a_release_into_an_empty_folder(released, tmp_path_factory):
    page = (ROOT / ".github" / "DEPLOY.md").read_text().partition("```dockerfile\n")[2].partition("```")[0]
    page = page.replace("\\\n", "")
    image = tmp_path_factory.mktemp("image")  # its /
    env = {"REPOSITORY": str(released.clone), "MODEL": "tiny@v1.0.0"}
    (image / "remote").symlink_to(released.remote)
    lines = [line.removeprefix("RUN ") for line in page.splitlines() if line.startswith("RUN ")]
    assert lines.pop(0).startswith("apt-get ")  # the packages of the image

    for line in lines:
        line = re.sub(r"--mount=\S+", "", line).replace("/repository", f"{image}/repository")
        done = released.run("sh", "-c", line.replace("/srv/models", f"{image}/srv/models"), cwd=image, **env)
        assert done.code == 0, (line, done.said)
        if line.startswith("git clone"):
            furnish(image / "repository")

    top = image / "srv" / "models" / "tiny"
    assert {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*.*")} == PINNED


@pytest.mark.slow
def test_what_is_in_a_stage_can_be_brought_and_taken_out_once_its_name_is_another(released):
    renamed = released.ok("rename", "MODEL=tiny", "NAME=other").out
    for number, words in enumerate((["MODEL=tiny", "STAGE=prod"], ["STAGE=prod"])):
        released.ok("pull", *words, f"TO=../handed {number}")
        assert (released.path / f"handed {number}" / "tiny" / "config.json").read_bytes() == PINNED["config.json"]
    said = released.refused("release", "MODEL=tiny", "STAGE=prod")
    assert said == "release: no such model: 'tiny'; did you mean acme/tiny?"

    command = re.search("; tiny is still in prod; to take it out: (make .*); next: git push", renamed)[1]
    assert released.run("bash", "-c", command).code == 0

    assert "no release of any model is in the stage 'prod' here" in released.refused("pull", "STAGE=prod", "TO=../x")


def test_remove_says_in_which_stages_the_model_still_is(released):
    said = released.ok("remove", "MODEL=tiny").out

    command = re.search("; tiny is still in prod; to take it out: (make .*); next: git push", said)[1]
    assert released.run("bash", "-c", command).code == 0
    assert "no release of any model is in the stage 'prod' here" in released.refused("pull", "STAGE=prod", "TO=../x")


def test_a_release_that_git_could_not_sign_is_none(added):
    """Git 2.39 makes an unsigned tag where the key is not there, and says that all went well."""
    for setting, text in {"gpg.format": "ssh", "user.signingKey": "/nowhere/key.pub", "tag.gpgSign": "true"}.items():
        added.git("config", setting, text)

    said = added.refused("release", "MODEL=tiny", "VERSION=1.0.0")

    assert re.search(
        "release: (Git cannot sign tags here, as its settings ask|git tag failed): .*/nowhere/key.pub", said
    )
    assert added.git("tag") == ""


@pytest.mark.slow
def test_a_git_commit_is_one_version_of_a_model_as_gto_has_it(released):
    said = released.refused("release", "MODEL=tiny", "VERSION=1.3.0")

    assert re.search("[0-9a-f]{7} is tiny@v1.1.0 already, and GTO allows one version of a model per Git commit; ", said)
    assert released.run("bash", "-c", said.partition("make another commit first: ")[2]).code == 0
    released.ok("release", "MODEL=tiny", "VERSION=1.3.0")


@pytest.mark.slow
def test_two_clones_may_have_given_a_stage_the_same_number(released):
    released.ok("release", "MODEL=tiny", "STAGE=prod", "REMOVE=1")
    commit = released.git("rev-parse", "tiny@v1.1.0^{commit}").strip()
    released.git("tag", "--annotate", "--message", "by another clone", "tiny#prod#2", commit)
    assert "tiny#prod!#2" in tags(released)

    assert released.ok("list").out.splitlines()[1].endswith(" v1.1.0 prod")
    released.ok("pull", "STAGE=prod")
    released.ok("release", "MODEL=tiny", "STAGE=prod", "REMOVE=1")
    assert "tiny#prod!#3" in tags(released)


@pytest.mark.slow
def test_a_tag_that_another_clone_pushed_first_is_made_anew_as_the_page_says(released):
    page = (ROOT / ".github" / "DEPLOY.md").read_text(encoding="utf-8")
    way = re.search("another clone was faster: `git (.+)`, `git (.+)`, and release again", page).groups()
    other, again = released.second(), ("release", "MODEL=tiny", "STAGE=prod")
    released.ok("release", "MODEL=tiny", "STAGE=prod", "VERSION=1.1.0")
    released.ok("release", "MODEL=tiny", "STAGE=prod", "VERSION=1.0.0")
    other.ok(*again)
    assert "already exists" in other.run("git", "push", "origin", "tiny#prod#2").said

    for words in way:
        other.git(*words.replace("TAG", "tiny#prod#2").split())
    other.ok(*again)

    other.git("push", "origin", "tiny#prod#4")
    assert released.ok("list").out.splitlines()[1].endswith(" v1.1.0 prod")


@pytest.mark.slow
def test_a_shallow_clone_without_the_newest_tag_of_a_stage_does_not_take_an_older_one_for_it(released):
    released.ok("release", "MODEL=tiny", "STAGE=prod", "VERSION=1.1.0")
    released.ok("release", "MODEL=tiny", "STAGE=prod", "VERSION=1.0.0")
    other = released.second()
    shutil.rmtree(other.clone)
    released.git("clone", "--quiet", "--depth", "1", f"file://{released.clone}", str(other.clone))
    furnish(other.clone)
    assert "tiny#prod#3" not in tags(other)
    assert other.ok("list").out.splitlines()[1].endswith(" v1.1.0")

    for words in (("pull", "STAGE=prod", "TO=../srv"), ("release", "MODEL=tiny", "STAGE=dev")):
        said = other.refused(*words)
        assert said.endswith("shallow and lacks tags of tiny, so its stages are not known; type: " + UNSHALLOW)
    other.git(*UNSHALLOW.split()[1:])
    other.ok("pull", "STAGE=prod", "TO=../srv")

    assert handed(other) == PINNED


@pytest.mark.slow
def test_a_shallow_clone_says_that_it_may_not_know_all_models_in_a_stage(added):
    added.ok("release", "MODEL=tiny", "STAGE=prod")
    other = added.second()
    shutil.rmtree(other.clone)
    added.git("clone", "--quiet", "--depth", "1", f"file://{added.clone}", str(other.clone))
    furnish(other.clone)
    left = f"this clone is shallow, so models in prod whose tags it lacks are left out ({UNSHALLOW})"

    assert left in other.ok("pull", "STAGE=prod", "TO=../srv").said
    assert left not in other.ok("pull", "MODEL=tiny", "STAGE=prod", "TO=../srv").said
    other.git(*UNSHALLOW.split()[1:])
    assert left not in other.ok("pull", "STAGE=prod", "TO=../srv").said


def test_an_older_version_is_put_into_a_stage_also_once_its_name_is_another(released):
    released.ok("release", "MODEL=tiny", "STAGE=prod", "REMOVE=1")
    released.ok("rename", "MODEL=tiny", "NAME=chat/tiny")

    back = ("VERSION=1.0.0", "STAGE=prod")
    where = f"; its releases before the rename: MODEL=tiny; {FETCH}"
    assert f"no release chat/tiny@v1.0.0 here{where}" in released.refused("release", "MODEL=chat/tiny", *back)
    assert f"stages: none{where}" in released.refused("pull", "MODEL=chat/tiny", "STAGE=prod")
    assert "put tiny 1.0.0 into prod" in released.ok("release", "MODEL=tiny", *back).out


def test_versions_before_a_release_are_in_the_order_of_their_numbers(added):
    for each in ("1.0.0", "1.0.0-rc.10", "1.0.0-rc.2", "1.0.0-alpha", "0.9.0", "1.0.0-rc", "v1.0.0", "1.0"):
        added.git("tag", f"tiny@v{each}")

    said = added.refused("pull", "MODEL=tiny@v2.0.0")

    assert "; there is 0.9.0, 1.0.0-alpha, 1.0.0-rc, 1.0.0-rc.2, 1.0.0-rc.10, 1.0.0; " in said

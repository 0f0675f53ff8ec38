"""Where the commands must run, beside what other files try: odd checkouts, environments, programs and file systems."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import FILES, MODEL, PINNED, ROOT, VICTIM, World, flip, forget_weights, furnish, track

FOUND = [*Path.home().glob(".pyenv/versions/3.1[0-4].*/bin/python3"), *Path("/usr/bin").glob("python3.1[0-4]")]
PYTHONS = sorted({re.search(r"3\.\d+", path.resolve().name)[0]: str(path.resolve()) for path in FOUND}.values())
UNNAMED = ["unshare", "--user", "--map-user=54321", "--map-group=54321"]
MAPS = pytest.mark.skipif(
    subprocess.run([*UNNAMED, "true"], capture_output=True, check=False).returncode != 0, reason="needs user namespaces"
)


def works(world: World, *before: str, adds: bool = True, **env: str) -> None:
    """`pull`, `verify` and `list`, and `add` if the world knows the Hub, work after the words `before`."""
    for words in [*([["add", f"MODEL={MODEL}"]] if adds else []), ["pull"], ["verify"], ["list"]]:
        result = world.run(*before, "make", *words, **env)
        assert result.code == 0, result.said
        assert "Traceback" not in result.said
    assert world.on_disk() == PINNED
    assert world.git("status", "--porcelain") == ""


# Checkouts.


@pytest.mark.slow
def test_a_submodule(added, hub):
    outer, inner = added.path / "outer", added.path / "outer" / "deep" / "models"
    added.git("init", "--quiet", str(outer))
    added.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../clone", "deep/models", cwd=outer)
    furnish(inner)
    os.symlink(added.remote, inner.parent / "remote")
    hub.commit("acme/other", {"config.json": b"{}"})

    for words in (["add", "MODEL=acme/other"], ["pull"], ["verify"], ["list"]):
        result = added.run("make", *words, cwd=inner, HF_ENDPOINT=hub.url)
        assert result.code == 0, result.said

    assert (inner / "models" / "tiny" / VICTIM).read_bytes() == PINNED[VICTIM]
    assert added.git("log", "-1", "--format=%s", cwd=inner) == "Add other model\n"
    assert added.git("status", "--porcelain", cwd=inner) == ""


@pytest.mark.slow
@pytest.mark.parametrize("hook", ["pre-commit", "post-commit"])
@pytest.mark.parametrize("is_worktree", [False, True])
def test_a_hook_of_the_repository_that_it_is_a_submodule_of(added, hook, is_worktree):
    outer = added.path / "outer"
    added.git("init", "--quiet", str(outer))
    allowed = ("-c", "protocol.file.allow=always", "submodule", "--quiet")
    added.git(*allowed, "add", "../clone", "models", cwd=outer)
    added.git("commit", "--quiet", "--message", "Add", cwd=outer)
    (outer / ".git" / "hooks").mkdir(exist_ok=True)
    (outer / ".git" / "hooks" / hook).write_text(
        "#!/bin/sh\nmake -sC models gc REMOTE=1 DAYS=0 FORCE=1 && make -sC models verify OFFLINE=1\n"
    )
    (outer / ".git" / "hooks" / hook).chmod(0o755)
    if is_worktree:
        added.git("worktree", "add", "--quiet", "../tree", cwd=outer)
        outer = added.path / "tree"
        added.git(*allowed, "update", "--init", cwd=outer)
    furnish(outer / "models")
    os.symlink(added.remote, outer / "remote")

    result = added.run("git", "commit", "--allow-empty", "--message", "Try", cwd=outer)

    assert result.code == 0, result.said
    assert "nothing to delete" in result.said
    assert "verified 1 pin" in result.said


@pytest.mark.slow
@pytest.mark.parametrize("variable", ["GIT_LITERAL_PATHSPECS", "GIT_NOGLOB_PATHSPECS"])
def test_how_git_is_told_to_read_paths_hides_no_pin(tracked, variable):
    track(tracked, "mine", "another version")

    assert "nothing to delete" in tracked.ok("gc", "REMOTE=1", "DAYS=0", **{variable: "1"}).out


@pytest.mark.slow
@pytest.mark.marathon
def test_a_shallow_clone(added_online, hub):
    shallow = added_online.second()
    shutil.rmtree(shallow.clone)
    added_online.git("clone", "--quiet", "--depth", "1", f"file://{added_online.clone}", str(shallow.clone))
    furnish(shallow.clone)
    hub.commit("acme/other", {"config.json": b"{}"})

    shallow.ok("add", "MODEL=acme/other")

    works(shallow, adds=False)


@pytest.mark.slow
@pytest.mark.marathon
def test_a_repository_with_git_lfs(online):
    """With the hooks and filters that `git lfs install` writes, and a program that fails where weights pass it."""
    tool, log, hooks = online.path / "lfs", online.path / "log", online.clone / ".git" / "hooks"
    tool.mkdir()
    hooks.mkdir(exist_ok=True)
    program = f'#!/bin/sh\necho "$1" >>"{log}"\ncase $1 in filter-process|clean|smudge) exit 1;; esac\n'
    scripts = {tool / "git-lfs": program}
    for hook in ("pre-push", "post-checkout", "post-commit", "post-merge"):
        scripts[hooks / hook] = f'#!/bin/sh\ncommand -v git-lfs >/dev/null 2>&1 || exit 2\ngit lfs {hook} "$@"\n'
    for path, text in scripts.items():
        path.write_text(text)
        path.chmod(0o755)
    for key, value in (("clean", "git-lfs clean -- %f"), ("smudge", "git-lfs smudge -- %f"), ("required", "true")):
        online.git("config", f"filter.lfs.{key}", value)
    (online.clone / ".gitattributes").write_text("*.safetensors filter=lfs diff=lfs merge=lfs -text\n")
    online.env["PATH"] = f"{tool}:{os.environ['PATH']}"
    online.git("add", ".gitattributes")
    online.git("commit", "--quiet", "--message", "Use LFS")

    works(online)

    assert set(log.read_text().split()) == {"post-commit"}


# Environments.


def test_a_bare_environment(added):
    works(added, "env", "-i", f"PATH={os.environ['PATH']}", adds=False)


def test_a_locale_without_unicode(added):
    works(added, adds=False, LC_ALL="C")


@MAPS
def test_a_user_who_has_a_number_alone_as_in_a_container(online):
    works(online, *UNNAMED)


@MAPS
def test_an_object_that_a_user_may_not_read_is_named_at_once(added):
    """As where somebody else pushed it with a umask of 077; without its name, root could read it."""
    forget_weights(added, cache=True)
    path = max(added.objects().values(), key=lambda each: each.stat().st_size)
    path.chmod(0)

    said = added.run(*UNNAMED, "make", "pull", "TIMEOUT=2").said

    assert f"failed: [Errno 13] Permission denied: '{path}'; " in said
    assert "gave up" not in said


@pytest.mark.slow
@pytest.mark.marathon
def test_a_umask_that_lets_the_group_write(online):
    works(online, "bash", "-c", 'umask 002; exec "$@"', "bash")

    assert online.pin().stat().st_mode & 0o777 == 0o664


@pytest.mark.slow
@pytest.mark.marathon
def test_a_dead_proxy_around_which_the_hub_is_reached(online):
    dead = "http://127.0.0.1:9"

    works(online, HTTP_PROXY=dead, http_proxy=dead, HTTPS_PROXY=dead, https_proxy=dead, NO_PROXY="127.0.0.1")


def test_an_environment_of_python_that_is_active(added):
    """It has programs of the names that ours have, and they are not run."""
    other = added.path / "other"
    (other / "bin").mkdir(parents=True)
    for name in ("python", "dvc", "hf", "pip", "uv"):
        (other / "bin" / name).write_text(f"#!/bin/sh\necho 'the {name} of another' >&2\nexit 1\n")
        (other / "bin" / name).chmod(0o755)
    path = f"{other / 'bin'}:{os.environ['PATH']}"

    works(added, adds=False, VIRTUAL_ENV=str(other), CONDA_PREFIX=str(other), PATH=path)


@pytest.mark.slow
@pytest.mark.marathon
def test_a_home_that_cannot_be_written_to_as_in_a_container(world):
    """uv keeps its cache in the home, and cannot do without one; and where pip is told to install into the home."""
    (world.clone / ".venv").unlink()
    world.env |= {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "UV_"))}

    set_up = world.run("scripts/dev/venv.sh", "scripts/dev/uv.txt", HOME="/dev/null", PIP_USER="1")

    assert (set_up.code, set_up.said) == (0, "setting up .venv from scripts/dev/uv.txt\n")


# Programs.


@pytest.mark.parametrize("command", ["help", "list"])
def test_an_old_make_is_refused_with_what_to_install(added, command):
    line = added.refused(command, "MAKE_VERSION=3.81")

    assert re.sub(r"^Makefile:\d+: \*\*\* ", "", line) == (
        "make: GNU make 3.81 is too old (want 4.0 or newer); on macOS: brew install make, then type gmake.  Stop."
    )


def test_the_version_of_make_is_not_expanded(added):
    added.refused("list", "MAKE_VERSION=3.81$(shell touch pwned)")

    assert not (added.clone / "pwned").exists()


def test_shell_scripts_use_nothing_that_the_bash_of_macos_lacks():
    """It is 3.2."""
    newer = r"\b(mapfile|readarray|coproc|wait -n|(declare|local) -[Agn])\b|\$\{\w+(\^|,|@)|&>>|\|&"
    scripts = [*ROOT.glob("scripts/**/*.sh"), ROOT / ".ci" / "run"]

    assert len(scripts) > 5
    assert [path.name for path in scripts if re.search(newer, path.read_text())] == []


@pytest.mark.parametrize("python", PYTHONS)
def test_every_python_takes_the_code(world, python):
    """Compiles all of it, and shows the help, which must run before .venv is there."""
    code = "import pathlib, sys; [compile(pathlib.Path(path).read_bytes(), path, 'exec') for path in sys.argv[1:]]"
    paths = [str(path) for path in (world.clone / "scripts").rglob("*.py")]

    compiled = world.run(python, "-IS", "-W", "error", "-c", code, *paths)

    assert (compiled.code, compiled.said) == (0, "")
    assert world.run(python, "-IS", "scripts/dev/usage.py", "help", VERB="add").out.startswith("make add MODEL=")


@pytest.mark.slow
@pytest.mark.marathon
@pytest.mark.timeout(900)
@pytest.mark.parametrize("python", PYTHONS)
def test_every_python_runs_the_commands_in_an_environment_of_its_own(added, python):
    """Where there is none yet; and, for one of them, where there is that of a Python that is gone."""
    environment = added.clone / ".venv"
    environment.unlink()
    if python == PYTHONS[-1]:
        (environment / "bin").mkdir(parents=True)
        (environment / "bin" / "python").symlink_to("python3")
        (environment / "bin" / "python3").symlink_to("/no/python3")
        (environment / "runtime").touch()
    added.env |= {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "UV_"))}
    (added.path / "bin").mkdir()
    (added.path / "bin" / "python3").symlink_to(python)
    env = added.environment(PATH=f"{added.path / 'bin'}:/usr/bin:/bin")

    done = subprocess.run(["make", "list"], cwd=added.clone, env=env, capture_output=True, check=True)

    assert done.stderr == b"setting up .venv from scripts/requirements.txt\n"
    assert added.ok("list", PATH=env["PATH"]).err == ""
    assert (environment / "bin" / "python").resolve() == Path(python)
    works(added, adds=False, PATH=env["PATH"])
    moved = added.clone.rename(added.path / "moved")
    assert added.run(str(moved / ".venv" / "bin" / "dvc"), "--version", cwd=moved, PATH=env["PATH"]).code == 0


def test_an_environment_of_another_version_of_python_is_named(added):
    """As an upgrade of the system leaves it: the new Python finds none of the packages."""
    environment = added.clone / ".venv"
    environment.unlink()
    subprocess.run([PYTHONS[0], "-m", "venv", "--without-pip", environment], check=True)
    (environment / "runtime").touch()

    for verb in ("pull", "doctor", "outdated"):
        assert re.sub("'.*'", "'…'", added.refused(verb)) == (
            f"{verb}: No module named '…' in .venv, which may be of another Python; "
            "type: make clean, then run the same command again"
        )
    added.ok("clean")
    assert not environment.exists()


@pytest.mark.slow
@pytest.mark.marathon
def test_the_index_that_pip_is_set_to_ask_is_the_only_one_that_is_asked(world):
    """As in a company, where PyPI itself is out of reach."""
    index = world.path / "index"
    download = [
        world.clone / ".venv" / "bin" / "python",
        "-m",
        "pip",
        "download",
        "--quiet",
        "--dest",
        str(index / "uv"),
    ]
    subprocess.run([*download, "-r", ROOT / "scripts" / "dev" / "uv.txt"], check=True)
    (world.clone / ".venv").unlink()
    links = [f'<a href="{path.name}">{path.name}</a>' for path in (index / "uv").iterdir()]
    (index / "uv" / "index.html").write_text(f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>")
    settings = world.path / "home" / ".config" / "pip" / "pip.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text(f"[global]\nindex-url = {index.as_uri()}\n")
    env = {"HTTPS_PROXY": "http://127.0.0.1:9", "UV_HTTP_RETRIES": "0"}

    set_up = world.run("scripts/dev/venv.sh", "scripts/dev/uv.txt", **env)

    assert (set_up.code, set_up.said) == (0, "setting up .venv from scripts/dev/uv.txt\n")


# File systems.

NO_LINKS = """
import sys

def hook(event, args):
    if event in ("os.link", "os.symlink"):
        raise PermissionError(1, "Operation not permitted")

sys.addaudithook(hook)
"""


@pytest.mark.slow
@pytest.mark.marathon
def test_a_file_system_without_links_holds_copies_and_that_is_said_once(online, hub):
    """As exFAT: every Python of the clone is refused links."""
    hub.commit("acme/other", FILES)
    (online.clone / "scripts" / "sitecustomize.py").write_text(NO_LINKS)
    environment, lent = online.clone / ".venv", os.readlink(online.clone / ".venv")
    environment.unlink()
    set_up = online.run("scripts/dev/venv.sh", "scripts/dev/uv.txt", PYTHONPATH="scripts")
    assert set_up.err == "setting up .venv from scripts/dev/uv.txt\n"
    shutil.rmtree(environment)
    environment.symlink_to(lent)
    said = [online.ok("add", f"MODEL={model}").err for model in (MODEL, "acme/other")]
    shutil.rmtree(online.weights())
    shutil.rmtree(online.weights("other"))

    said.append(online.ok("pull").err)

    for each in said:
        assert each.count("note: this file system has no links, so weights are copies of the cache and take twice") == 1
    assert online.on_disk() == online.on_disk("other") == PINNED
    assert all(path.stat().st_nlink == 1 and not path.is_symlink() for path in online.weights().rglob("*.json"))
    assert "verified 2 pins, 6 of 6 files on disk" in online.ok("verify", "DEEP=1").out
    flip(online.weights() / VICTIM)
    online.ok("pull")
    assert online.on_disk() == PINNED

"""The workflows, run here: every `run:` line in a clean clone, as a runner would run it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import yaml
from conftest import MODEL, PINNED, ROOT, VICTIM, Result, World, inflict, lent

WORKFLOWS = [
    ROOT / ".github" / "workflows" / f"{name}.yml" for name in ("audit", "ci", "deploy", "newest", "update")
]  # a fork has others
STEPS = {path.stem: yaml.safe_load(path.read_text())["jobs"] for path in WORKFLOWS}
USES = re.compile(r"(\./[\w./-]+|[\w-]+/[\w./-]+@[0-9a-f]{40})")


@dataclass
class Run:
    """What a job did: the results of its `run:` lines, and the actions that it used."""

    results: list[Result] = field(default_factory=list)
    used: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return all(result.code == 0 for result in self.results)

    @property
    def said(self) -> str:
        return "".join(result.said for result in self.results)


def holds(condition: str | None, variables: dict[str, str]) -> bool:
    """Whether a step's `if:` holds; such conditions only compare repository variables."""
    if condition is None:
        return True
    terms = re.split(r" (&&|\|\|) ", condition)
    truths = []
    for term in terms[::2]:
        name, sign, text = re.fullmatch(r"vars\.(\w+) (==|!=) '(\w*)'", term).groups()
        truths.append((variables.get(name, "") == text) == (sign == "=="))
    return any(truths) if "||" in terms else all(truths)


def run_job(world: World, workflow: str, job: str, inputs: str = "", **variables: str) -> Run:
    """Run `job` of `workflow` in `world`, step by step until one fails."""
    done = Run()
    definition = STEPS[workflow][job]
    fill = {"${{ inputs.models }}": inputs, "${{ secrets.UPDATE_TOKEN }}": ""}
    fill |= {f"${{{{ vars.{name} }}}}": text for name, text in variables.items()}
    for step in definition["steps"]:
        if not holds(step.get("if"), variables):
            continue
        if "uses" in step:
            done.used.append(step["uses"].partition("@")[0])
            continue
        env = {**definition.get("env", {}), **step.get("env", {})}
        env = {name: fill.get(text, text) for name, text in env.items()}
        done.results.append(world.run("bash", "-e", "-c", step["run"], GITHUB_ACTIONS="true", **env))
        if not done.passed:
            break
    return done


@pytest.fixture(scope="session")
def checkout_template(added_template, ground, tmp_path_factory) -> World:
    home = tmp_path_factory.mktemp("checkout") / "a world with a runner"
    with lent(added_template, ground, home) as world:
        runner = world.second("runner")
        (runner.path / "home" / ".gitconfig").unlink()
        runner.ok("list")  # which keeps what it read of DVC's settings, for a clone in this place
    return World(home)


@pytest.fixture
def checkout(checkout_template, ground, tmp_path) -> Iterator[World]:
    """What actions/checkout leaves on a runner: a clone without weights, and an empty home."""
    with lent(checkout_template, ground, tmp_path / "my world") as world:
        yield World(world.path / "runner")


@pytest.mark.marathon
@pytest.mark.slow
def test_lint_and_collection_of_the_tests_pass_without_any_secret(checkout):
    checkout.env["PYTEST_ADDOPTS"] = "--collect-only"  # running them would run this test again

    done = run_job(checkout, "ci", "test")

    assert done.passed, done.said
    assert len(done.results) == 2
    assert "test_pipeline.py" in done.results[1].out


@pytest.mark.slow
def test_verify_without_credentials_says_so_and_checks_the_pins(checkout):
    checkout.remote.unlink()

    done = run_job(checkout, "ci", "verify")

    assert done.passed, done.said
    assert "::notice title=Remote not verified::no credentials are set up" in done.said
    assert "verified 1 pin, 0 of 3 files on disk (0 B), 0 of 4 objects on the remote (4 not asked)" in done.said


@pytest.mark.parametrize("variable", ["AWS_READER_ROLE", "GCP_PROVIDER"])
def test_verify_with_credentials_looks_at_the_remote(checkout, variable):
    assert run_job(checkout, "ci", "verify", **{variable: "reader"}).passed

    inflict(checkout, "remote", "truncated")

    done = run_job(checkout, "ci", "verify", **{variable: "reader"})
    assert not done.passed
    assert f"::error file=models/tiny.dvc::verify: tiny/{VICTIM}: changed on the remote" in done.said


def matches(tag: str, patterns: list[str]) -> bool:
    """Whether a push of `tag` starts a workflow with these `patterns`: the last one that fits decides, as on GitHub."""
    found = False
    for pattern in patterns:
        form = re.escape(pattern.removeprefix("!")).replace(r"\*\*", ".*").replace(r"\*", "[^/]*")
        if re.fullmatch(form, tag):
            found = not pattern.startswith("!")
    return found


def test_a_release_is_deployed_and_a_stage_is_not():
    patterns = yaml.load((ROOT / ".github/workflows/deploy.yml").read_text(), yaml.BaseLoader)["on"]["push"]["tags"]
    releases = ["v1", "tiny@v1.0.0", "vit@v1.0.0", "vision/vit@v1.0.0"]
    stages = ["tiny#prod#1", "vit#prod#1", "vit#prod!#2", "vision/vit#v2#1"]

    assert [tag for tag in releases + stages if matches(tag, patterns)] == releases


def test_deploy_hands_over_weights_that_were_checked(checkout):
    done = run_job(checkout, "deploy", "weights")

    assert done.passed, done.said
    assert done.used[-1] == "actions/upload-artifact"
    assert checkout.on_disk() == PINNED


def test_deploy_runs_a_command_of_the_users_instead(checkout):
    done = run_job(checkout, "deploy", "weights", DEPLOY_COMMAND="cp -r models/tiny ../deployed")

    assert done.passed, done.said
    assert "actions/upload-artifact" not in done.used
    assert (checkout.path / "deployed" / VICTIM).read_bytes() == PINNED[VICTIM]


@pytest.mark.parametrize("fault", ["changed", "truncated", "removed"])
def test_deploy_hands_over_nothing_when_a_pull_fails(checkout, fault):
    inflict(checkout, "remote", fault)

    done = run_job(checkout, "deploy", "weights", DEPLOY_COMMAND="cp -r models ../deployed")

    assert not done.passed
    assert len(done.results) == 2
    assert "actions/upload-artifact" not in done.used
    assert not (checkout.path / "deployed").exists()


def test_deploy_checks_what_the_cache_of_the_runner_gave(checkout):
    checkout.ok("pull")
    checkout.run("rm", "-rf", str(checkout.weights()))
    inflict(checkout, "cache", "changed")

    done = run_job(checkout, "deploy", "weights")

    assert done.passed, done.said
    assert "changed in the cache" in done.said
    assert checkout.on_disk() == PINNED


def test_deploy_drops_from_the_cache_of_the_runner_what_no_pin_needs_now(checkout):
    checkout.ok("pull")
    cache = checkout.clone / ".dvc" / "cache" / "files" / "md5"
    needed = sorted(cache.glob("*/*"))
    (cache / "00").mkdir(exist_ok=True)
    (cache / "00" / ("1" * 30)).write_bytes(b"an older version")

    done = run_job(checkout, "deploy", "weights")

    assert done.passed, done.said
    assert len(needed) == len(PINNED) + 1
    assert sorted(cache.glob("*/*")) == needed


def test_deploy_of_some_models_leaves_the_cache_of_all_to_a_later_run():
    # GitHub saves nothing under a key that exists.
    keys = [step["with"]["key"] for step in STEPS["deploy"]["weights"]["steps"] if "key" in step.get("with", {})]

    assert keys == ["weights-${{ inputs.models && 'some' || 'all' }}-${{ hashFiles('models/**/*.dvc') }}"]


@pytest.mark.marathon
@pytest.mark.slow
def test_deploy_brings_only_the_models_that_are_named(added_online, hub):
    hub.commit("acme/other", {"config.json": b"other"})
    hub.commit("acme/third", {"config.json": b"third"})
    added_online.ok("add", "MODEL=acme/other")
    added_online.ok("add", "MODEL=acme/third")
    world = added_online.second("runner")

    done = run_job(world, "deploy", "weights", inputs=f"{MODEL} third")

    assert done.passed, done.said
    assert world.on_disk() == PINNED
    assert world.on_disk("third") == {"config.json": b"third"}
    assert world.on_disk("other") == {}


@pytest.mark.parametrize("text", ["$(touch pwned)", "a; touch pwned", "`touch pwned`", "$(shell touch pwned)"])
def test_what_a_user_types_into_the_form_is_data(checkout, text):
    done = run_job(checkout, "deploy", "weights", inputs=text)

    assert not done.passed
    assert "no such model: " in done.said
    assert not list(checkout.path.rglob("pwned"))


@pytest.mark.parametrize(
    ("shares", "said"), [("", "[1]"), ("3", "[1,2,3]"), *((each, None) for each in ("0", "-1", "x"))]
)
def test_an_audit_is_shared_by_a_number_of_runners(checkout, shares, said):
    output = checkout.path / "output"
    checkout.env["GITHUB_OUTPUT"] = str(output)

    done = run_job(checkout, "audit", "shares", AUDIT_SHARES=shares)

    assert done.passed == bool(said)
    if said:
        assert output.read_text() == f"list={said}\n"
    else:
        assert done.said == f"::error::the variable AUDIT_SHARES is not a number of runners: {shares}\n"
        assert not output.exists()


def test_an_update_without_its_token_names_the_secret_before_anything_is_downloaded(checkout):
    done = run_job(checkout, "update", "propose")

    assert not done.passed
    assert done.said == "::error::the secret UPDATE_TOKEN is not set; the top of update.yml says what it is for\n"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_asks_for_little_and_takes_nothing_by_name(path):
    text = path.read_text()
    workflow = yaml.safe_load(text)

    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert set(job["permissions"]) <= {"actions", "contents", "id-token"}
        assert {job["permissions"].get(name, "read") for name in ("actions", "contents")} == {"read"}
        assert job["timeout-minutes"]
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")
            assert USES.fullmatch(step.get("uses", "./none"))
    assert "pull_request_target" not in text

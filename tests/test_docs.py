"""The README and the pages in .github/ against reality."""

import json
import re
import subprocess
from pathlib import PurePosixPath

import pytest
from chart import chart
from conftest import ROOT
from run import WORKS

README, GITHUB = ROOT / "README.md", ROOT / ".github"
# A fork has pages of its own beside these.
NAMES = ("BENCHMARK", "COMMANDS", "CONTRIBUTING", "DEPLOY", "FAULTS", "MOVING", "REMOTES", "REPORTS", "SECURITY")
PAGES = {path: path.read_text(encoding="utf-8") for path in (README, *(GITHUB / f"{name}.md" for name in NAMES))}
COMMANDS, CONTRIBUTING = PAGES[GITHUB / "COMMANDS.md"], PAGES[GITHUB / "CONTRIBUTING.md"]


def block(name: str, page: str) -> str:
    """The fenced text in `page` that follows the comment `name`."""
    return re.search(rf"<!-- {name}: [^\n]*-->\n```\w*\n(.*?)```", page, re.DOTALL)[1]


def drawn_folders() -> list[str]:
    """The folders that the tree draws, by its indentation."""
    stack, folders = [], []
    for line in block("tree", CONTRIBUTING).splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        stack[depth:] = [name]
        if name.endswith("/"):
            folders.append("".join(stack))
    return folders


def test_the_tree_draws_every_folder_that_git_tracks():
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    tracked = [path for path in listed if path and (ROOT / path).exists() and not re.match(r"models/.+/", path)]
    folders = {f"{parent}/" for path in tracked for parent in PurePosixPath(path).parents if str(parent) != "."}

    assert sorted(drawn_folders()) == sorted(folders)


@pytest.mark.slow
def test_the_tour_is_what_make_demo_prints(bare_world):
    printed = bare_world.ok("demo").out

    assert normal(printed) == normal(block("demo", COMMANDS))


def test_the_readme_begins_with_a_part_of_the_tour():
    assert block("part of the tour", PAGES[README]) in block("demo", COMMANDS)
    assert len(PAGES[README].splitlines()) < 200


def anchors(page: str) -> set[str]:
    """What GitHub calls the headings of `page` in a link."""
    titles = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_link_leads_somewhere(path):
    links = re.findall(r"\]\((?!https:)([^)#]*)(?:#([^)]*))?\)", PAGES[path])
    targets = [((path.parent / target if target else path).resolve(), anchor) for target, anchor in links]

    assert [target for target, _ in targets if not target.exists()] == []
    assert [anchor for target, anchor in targets if anchor and anchor not in anchors(PAGES[target])] == []


def test_every_page_is_linked_from_the_readme():
    assert [name for name in NAMES if f"(.github/{name}.md)" not in PAGES[README]] == []


def test_the_chart_is_drawn_from_the_run_beside_it_and_its_numbers_are_quoted_right():
    drawn = (GITHUB / "benchmark.svg").read_text()
    quoted = re.findall(r"(\d+\.\d) s", PAGES[GITHUB / "BENCHMARK.md"].partition("## Against everything else")[0])

    assert drawn == chart(json.loads((GITHUB / "benchmark.json").read_text()), WORKS)
    assert quoted
    assert [seconds for seconds in quoted if f">{seconds}</text>" not in drawn] == []


def normal(text: str) -> str:
    """`text` without the name of the scratch folder the line numbers of the Makefile, and what is free."""
    text = re.sub(r"Makefile:\d+", "Makefile:1", text)
    text = re.sub(r"[\d.]+ [kMGT]B free here", "71.0 GB free here", text)
    return re.sub(r"/[^\n]*/model weights demo\.\w+/", "/tmp/demo/", text).strip()


def test_every_script_says_how_it_is_used():
    scripts = list(ROOT.glob("scripts/dev/*.[ps]*"))

    assert len(scripts) > 5
    assert [path.name for path in scripts if "\nUsage: " not in path.read_text().replace("# ", "")] == []


def test_the_page_on_commands_names_every_target_of_the_makefile():
    targets = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert targets
    assert [target for target in targets if not re.search(rf"`make {target}\b|`{target}`", COMMANDS)] in ([], ["help"])


def test_nothing_names_the_host_of_a_registry():
    locks = [path for kind in ("txt", "in") for path in ROOT.glob(f"[st]*s/**/*.{kind}")]

    assert len(locks) >= 6
    assert [path.name for path in locks if "://" in path.read_text()] == []


def test_every_locked_package_has_its_hashes():
    locks = [path.read_text() for path in ROOT.glob("[st]*s/**/*.txt") if "make lock" in path.read_text()]
    packages = [each for text in locks for each in re.split(r"^(?=\S+==)", text, flags=re.MULTILINE)[1:]]

    assert len(packages) > 200
    assert [each.split()[0] for each in packages if "--hash=sha256:" not in each] == []


def test_every_test_that_security_names_exists():
    page = (ROOT / ".github" / "SECURITY.md").read_text()
    named = re.findall(r"`(test_\w+\.py)::(\w+)`", page)

    assert len(named) > 20
    assert page.count("::") == len(named)
    missing = [f"{file}::{name}" for file, name in named if f"\ndef {name}(" not in (ROOT / "tests" / file).read_text()]
    assert missing == []


def test_no_file_of_the_commands_is_longer_than_200_lines():
    files = [
        ROOT / "Makefile",
        *ROOT.glob("scripts/**/*.py"),
        *ROOT.glob("scripts/**/*.sh"),
        *ROOT.glob("scripts/**/*.mk"),
    ]
    lengths = {path.name: len(path.read_text().splitlines()) for path in files}

    assert [name for name, length in lengths.items() if length > 200] == []

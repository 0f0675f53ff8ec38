"""The README against reality."""

import re
import subprocess

from conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    """The fenced text of the README that the comment NAME stands before."""
    return re.search(rf"<!-- {name}: [^\n]*-->\n```\w*\n(.*?)```", README, re.DOTALL)[1]


def drawn_files() -> list[str]:
    """The paths that the README's tree draws, by its indentation."""
    stack, paths = [], []
    for line in block("tree").splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        stack[depth:] = [name]
        if not name.endswith("/"):
            paths.append("".join(stack))
    return paths


def test_the_tree_of_the_readme_is_what_git_tracks():
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    tracked = {
        path
        for path in listed
        if path and (ROOT / path).exists() and not re.match(r"models/.*\.(dvc|gitignore)$", path)
    }

    assert sorted(drawn_files()) == sorted(tracked)


def test_the_tour_of_the_readme_is_what_make_demo_prints(bare_world):
    printed = bare_world.ok("demo").out

    assert normal(printed) == normal(block("demo"))


def normal(text: str) -> str:
    """TEXT without the name of the scratch folder and the line of the Makefile."""
    text = re.sub(r"Makefile:\d+", "Makefile:1", text)
    return re.sub(r"/[^\n]*/model weights demo\.\w+/", "/tmp/demo/", text).strip()


def test_every_script_says_how_it_is_used():
    scripts = [*ROOT.glob("scripts/*.py"), *ROOT.glob("scripts/*.sh")]

    assert scripts
    assert [path.name for path in scripts if "\nUsage: " not in path.read_text().replace("# ", "")] == []


def test_the_readme_names_every_target_of_the_makefile():
    targets = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert targets
    assert [target for target in targets if not re.search(rf"`make {target}\b|`{target}`", README)] in ([], ["help"])


def test_nothing_names_the_host_of_a_registry():
    locks = [
        *ROOT.glob("scripts/*.txt"),
        *ROOT.glob("tests/*.txt"),
        *ROOT.glob("scripts/*.in"),
        *ROOT.glob("tests/*.in"),
    ]

    assert len(locks) >= 6
    assert [path.name for path in locks if "://" in path.read_text()] == []


def test_no_file_of_the_commands_is_longer_than_200_lines():
    files = [ROOT / "Makefile", *ROOT.glob("scripts/**/*.py"), *ROOT.glob("scripts/**/*.sh")]
    lengths = {path.name: len(path.read_text().splitlines()) for path in files}

    assert [name for name, length in lengths.items() if length > 200] == []

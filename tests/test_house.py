"""The layers of scripts/: imports only go down, and each outside library is known in one place."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib.metadata import distributions
from pathlib import Path
from sys import stdlib_module_names

import pytest
from conftest import ROOT

SCRIPTS = ROOT / "scripts"
MODULES = {".".join(path.relative_to(SCRIPTS).with_suffix("").parts): path for path in SCRIPTS.rglob("*.py")}
BELOW = {
    "core": {"core"},
    "model": {"core", "model"},
    "disk": {"core", "model", "disk"},
    "transfer": {"core", "model", "disk", "transfer"},
    "hub": {"core", "model", "disk", "transfer", "hub"},
    "remote": {"core", "model", "disk", "transfer", "remote"},
    "flow": {"core", "model", "disk", "transfer", "hub", "remote", "flow"},
}
KNOWN_IN = {
    r"dvc.*": r"lib\.disk\.(dvc|settings|cache)|lib\.remote\..*",
    r"huggingface_hub|hf_xet|httpx2": r"lib\.hub\..*",
    r"fsspec|s3fs|gcsfs|aiohttp|aiobotocore|botocore|boto3|google": r"lib\.remote\..*",
    r"cyclonedx|packageurl": r"lib\.model\.bill",
    # Which ask Git, call what changes it, and ask ssh-keygen.
    r"subprocess": r"lib\.model\.(history|signatures)|lib\.core\.shell",
    r"concurrent": r"lib\.core\.(workers|digest)",
}


def imported(path: Path) -> Iterator[str]:
    """The modules that the file at `path` imports anywhere, even inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


IMPORTS = {name: set(imported(path)) for name, path in MODULES.items()}
OURS = {name: {each for each in found if each in MODULES} for name, found in IMPORTS.items()}


def test_there_is_something_to_look_at():
    assert {name.split(".")[1] for name in MODULES if name.startswith("lib.")} == set(BELOW)
    assert sum(map(len, OURS.values())) > 100


@pytest.mark.parametrize("name", [name for name in sorted(MODULES) if name.startswith("lib.")])
def test_a_module_imports_from_its_floor_and_from_those_below(name):
    floors = {each.split(".")[1] if each.startswith("lib.") else each for each in OURS[name]}

    assert floors <= BELOW[name.split(".")[1]]


def test_no_module_imports_itself_through_others():
    assert list(TopologicalSorter(OURS).static_order())  # raises CycleError


def test_no_command_imports_another():
    assert [name for name in MODULES if any(not each.startswith("lib.") for each in OURS[name])] == []


@pytest.mark.parametrize("package", KNOWN_IN)
def test_an_outside_world_is_known_in_one_place(package):
    users = {
        name for name, found in IMPORTS.items() if any(re.fullmatch(package, each.split(".")[0]) for each in found)
    }

    assert {name for name in users if not re.fullmatch(KNOWN_IN[package], name)} == set()
    assert users


def test_git_is_called_from_one_place():
    command = re.compile(r"^\s*(?:if |! |\{ )*git |\$\(git |[|&] git ", re.MULTILINE)
    callers = {
        path.relative_to(SCRIPTS).as_posix() for path in SCRIPTS.rglob("*.sh") if command.search(path.read_text())
    }

    assert callers == {"lib/shell/git.sh", "dev/demo.sh", "dev/propose.sh", "dev/template.sh"}


def test_tests_import_from_the_vocabulary_and_not_from_each_other():
    tests = {path.stem: set(imported(path)) for path in (ROOT / "tests").glob("test_*.py")}

    assert [name for name, found in tests.items() if any(each.startswith("test_") for each in found)] == []


def test_what_is_imported_is_declared():
    declared = re.findall(r"^([a-z0-9_-]+)", (SCRIPTS / "requirements.in").read_text(), re.MULTILINE)
    declared = {name.replace("_", "-") for name in declared}
    packages = {each.split(".")[0] for found in IMPORTS.values() for each in found} - set(stdlib_module_names) - {"lib"}
    known = defaultdict(set)  # Python 3.10's own table lacks packages whose files alone say what they install
    for each in distributions():
        for top in set(re.findall("^[^/.,]+", each.read_text("RECORD"), re.MULTILINE)):
            known[top].add(each.name.lower().replace("_", "-"))

    assert packages
    assert {name for name in packages if not known[name] & declared} == set()


def test_every_private_call_stands_in_the_table_of_contributing():
    page = (ROOT / ".github" / "CONTRIBUTING.md").read_text()
    private = set()
    for path in MODULES.values():
        for node in ast.walk(ast.parse(path.read_text())):
            named = isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__")
            if named and getattr(node.value, "id", "") not in ("self", "os"):
                private.add(node.attr)
            if isinstance(node, ast.keyword) and (node.arg or "").startswith("_"):
                private.add(node.arg)

    assert private
    assert {name for name in private if f"`{name}`" not in page and f".{name}" not in page} == set()


def test_no_function_is_longer_than_25_lines_besides_what_it_says_of_itself():
    long = []
    for path in MODULES.values():
        lines = path.read_text().splitlines()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                said = ast.get_docstring(node) is not None
                start = node.body[0].end_lineno if said else node.body[0].lineno - 1
                code = [line for line in map(str.strip, lines[start : node.end_lineno]) if line and line[0] != "#"]
                long += [node.name] if len(code) > 25 else []

    assert long == []

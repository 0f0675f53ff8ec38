"""What a model, a repo of the Hub, a revision, a file pattern and a file of a model may be called."""

import re
from pathlib import Path

import pytest

from lib import names
from lib.report import Failure

ANYWHERE_BAD = [
    *["", " ", "a b", "a\n", "\na", "a\tb", "-rf", "..", "../../etc", "/etc"],
    *["a;b", "$a", "`a`", "a\\b", "é", "a:b"],
]


def refused(what: str, value: str):
    """A Failure that says, in one line, that VALUE is not WHAT."""
    return pytest.raises(Failure, match=rf"\A{what}: {re.escape(repr(value))} \(want .*\)\Z")


@pytest.mark.parametrize("name", ["tiny", "a", "0", "gemma-3-12b-it", "all-MiniLM-L6-v2", "embeddings/small", "v1.0_x"])
def test_a_name_is_one_or_two_plain_parts(name):
    assert names.model_name(name) == name


@pytest.mark.parametrize("name", ["a" * 96, "a" * 96 + "/" + "b" * 96])
def test_a_name_may_be_long_but_no_longer_than_a_file_name(name):
    assert names.model_name(name) == name
    with refused("not a name for a model", name + "b"):
        names.model_name(name + "b")


@pytest.mark.parametrize(
    "name",
    [
        *ANYWHERE_BAD,
        *["a/b/c", "a//b", "/a", "a/", "./a", "a/.", "a/..", ".a", "a/.b", "_a", "-a", "a/-b", ".git", ".dvc"],
        *["a.dvc", "a.dvc/b", "a/b.dvc", "dvc.yaml", "dvc.lock", "a/dvc.yaml", "a%b", "a@b", "a,b", "a*", "~", "a\0b"],
    ],
)
def test_a_name_is_nothing_else(name):
    with refused("not a name for a model", name):
        names.model_name(name)


@pytest.mark.parametrize("repo", ["acme/tiny", "google/gemma-3-12b-it", "0x/1", "_a/_b", "a.b/c.d-e_f"])
def test_a_repo_is_an_organisation_and_a_name(repo):
    assert names.repo_id(repo) == repo


@pytest.mark.parametrize(
    "repo",
    [*ANYWHERE_BAD, "gpt2", "a/b/c", "a/", "/b", "a//b", ".a/b", "a/.b", "-a/b", "a/-b", "a/b..c", "a/b--c", "a/b@c"],
)
def test_a_repo_is_nothing_else(repo):
    with refused("not a model", repo):
        names.repo_id(repo)


@pytest.mark.parametrize("revision", ["main", "v1.0", "refs/pr/1", "feature/x_y-z", "1.0+cu", "a" * 40, "2024-01-01"])
def test_a_revision_is_a_branch_a_tag_or_a_commit(revision):
    assert names.revision(revision) == revision


@pytest.mark.parametrize("revision", [*ANYWHERE_BAD, "a..b", "a@b", "a?b", "a#b", "a%2fb", ".a", "/a", "a" * 256])
def test_a_revision_is_nothing_else(revision):
    with refused("not a revision", revision):
        names.revision(revision)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ()),
        ("  ", ()),
        ("*.json", ("*.json",)),
        ("b a  b", ("a", "b")),
        ("onnx/* [!a]?.bin", ("[!a]?.bin", "onnx/*")),
        ("größe*", ("größe*",)),
        ("a-b +c", ("+c", "a-b")),
    ],
)
def test_patterns_are_words_each_one_once_and_sorted(monkeypatch, text, words):
    monkeypatch.setenv("INCLUDE", text)

    assert names.patterns("INCLUDE") == words


@pytest.mark.parametrize(
    "text", ["-x", "a -x", "a\nb", "a\tb", "a;b", "$(a)", "`a`", "a|b", "a&b", "'a'", '"a"', "#", "%", "{a,b}"]
)
def test_patterns_are_nothing_else(monkeypatch, text):
    monkeypatch.setenv("EXCLUDE", text)

    with pytest.raises(Failure, match="^not a list of file patterns: EXCLUDE="):
        names.patterns("EXCLUDE")


@pytest.mark.parametrize(
    "paths",
    [
        [],
        ["config.json", "model-00001-of-00002.safetensors", "onnx/model.onnx", "onnx/config.json"],
        ["a b", "-rf", "'", '"', "$(a)", "#", "a:b", "größe", "数", "😀", "...", "a..b", "~", "%"],
        ["a" * 255, "é" * 127],
        ["a/b", "a/c", "b/a"],
    ],
)
def test_paths_may_be_what_every_system_can_hold(paths):
    assert names.flaw_of(paths) is None


@pytest.mark.parametrize(
    "path",
    [
        *["", ".", "..", "../a", "a/../b", "a/..", "/a", "/", "a/", "a//b", "./a", "a/./b", "a\\b", "..\\a", "C:\\a"],
        *["a\nb", "a\x1b[2Jb", "a\x7fb", "a\0b", "a\u202eb", "a\u2028b", "\ufeffa", "a\udcffb", "e\u0301"],
        *["a" * 256, "é" * 128, "a/" * 500 + "b", "/".join(['"' * 250] * 3)],
        *["a.dvc", ".dvc", "a/b.dvc", "a.dvc/b", "dvc.yaml", "dvc.lock", "a/dvc.yaml", "dvc.yaml/a", ".dvc/config"],
    ],
)
def test_a_path_that_leaves_its_folder_or_steers_dvc_is_refused(path):
    flaw = names.flaw_of(["config.json", path])

    assert re.fullmatch(rf"a file whose name .*: {re.escape(repr(path))}", flaw)


@pytest.mark.parametrize(
    "paths",
    [["a", "A"], ["a/x", "A/y"], ["a/x", "A"], ["straße", "STRASSE"], ["é", "É"], ["x/a/b", "x/A/c"], ["ǆ", "ǅ"]],
)
def test_two_paths_that_are_one_on_some_system_are_refused(paths):
    for order in paths, paths[::-1]:
        assert names.flaw_of(order).startswith("two names that differ only in case: ")


@pytest.mark.parametrize("paths", [["a", "a/b"], ["x/a", "x/a/b/c"]])
def test_a_file_that_is_a_folder_too_is_refused(paths):
    assert names.flaw_of(paths) is not None


@pytest.mark.parametrize(
    ("path", "steers"),
    [
        *[(path, True) for path in (".git/config", "a/.git", ".GIT/x", ".gitignore", ".gitattributes", ".dvc/config")],
        *[(path, True) for path in (".dvcignore", "a/.dvc", ".DVC/x", ".hg/hgrc", ".cache/hub/x", "a/.cache/x")],
        *[(path, False) for path in ("git", "a.git", "config.json", ".env", "cache/x", "hg", "x.dvc", "README.md")],
    ],
)
def test_a_control_file_is_one_that_git_dvc_or_the_hub_client_acts_on(path, steers):
    assert names.is_control_file(path) == steers


@pytest.mark.parametrize("text", ["a", "../a", "a/b c", "."])
def test_a_path_that_was_typed_is_relative_to_where_it_was_typed(monkeypatch, tmp_path, text):
    monkeypatch.setenv("CALLER", str(tmp_path))
    monkeypatch.setenv("MOVED", "w")

    assert names.caller_path(text) == tmp_path / text
    assert names.caller_path(f"/{text}") == Path(f"/{text}")


@pytest.mark.parametrize("caller", ["", "/nowhere/at/all", str(names.ROOT)])
def test_a_path_is_relative_to_the_clone_where_nobody_moved(monkeypatch, caller):
    monkeypatch.setenv("CALLER", caller)
    monkeypatch.delenv("MOVED", raising=False)

    assert names.caller_path("a") == names.ROOT / "a"


def test_a_path_whose_folder_make_hides_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("CALLER", str(tmp_path))
    monkeypatch.delenv("MOVED", raising=False)

    with pytest.raises(Failure, match="^not clear which folder 'a' is relative to"):
        names.caller_path("a")

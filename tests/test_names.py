"""What a model, a repo of the Hub, a revision, a file pattern and a file of a model may be called."""

import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.core import paths
from lib.core.errors import Failure
from lib.model import names

SLOW = [HealthCheck.too_slow]  # a busy machine is no fault of a test
QUICK = settings(derandomize=True, database=None, deadline=None, max_examples=100, suppress_health_check=SLOW)

PIECES = [*"abZ09._-/+ *%@~é\n", "..", "--", "@{", ".git", ".lock", ".dvc", "dvc.yaml", "dvc.lock", "readme.MD", "1_0"]
TEXTS = st.sampled_from(PIECES) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)
ANYWHERE_BAD = ["", " ", "a b", "a\n", "\na", "a\tb", "-rf", "..", "../../etc", "/etc", "a\\b", "a:b"]
NOT_PLAIN = ["a;b", "$a", "`a`", "é"]
PART = r"(?!dvc\.(yaml|lock)(/|\Z))(?![^/]*\.dvc(/|\Z))[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
# What other texts are said not to be, who says so, the rule, and the good and bad examples that matter most.
KINDS = [
    (
        *("not a name for a model", names.model_name),
        rf"(?!(?i:readme\.md)\Z)(?!.*\.\.)(?![^/]*\.lock/){PART}(/{PART})?",
        ["tiny", "0", "all-MiniLM-L6-v2", "embeddings/small", "v1.0_x", "a.lock", "a" * 96, "a" * 96 + "/" + "b" * 96],
        [
            *["a/b/c", "a//b", "./a", "a/..", ".git", "a.dvc/b", "a/dvc.yaml", "a@b", "~", "a\0b", "a/" + "b" * 97],
            *["a..b", "a.lock/b", *NOT_PLAIN],
        ],
    ),
    (
        *("not a model", names.repo_id),
        r"(?!.*(\.\.|--))(?!.*\.git\Z)(?=.{3,96}\Z)\w[\w.-]*/\w([\w.-]*\w)?",
        ["acme/tiny", "google/gemma-3-12b-it", "0x/1", "_a/_b", "a.b/c.d-e_f", "a/" + "b" * 94],
        ["gpt2", "a/b/c", "a/", "/b", ".a/b", "a/-b", "a/b..c", "a/b--c", "a/b@c", "a/" + "b" * 95, *NOT_PLAIN],
    ),
    (
        *("not a revision", names.revision),
        r"(?![-/.])(?!@\Z)(?!.*(\.\.|@\{|//|/\.|\.lock(/|\Z)))[^ ~^:?*\[\\]{1,255}(?<![./])",
        ["main", "v1.0", "refs/pr/1", "feature/x_y-z", "1.0+cu", "a" * 40, "2024-01-01", "größe#1", "a@b", "a" * 255],
        ["a..b", "a?b", "a~1", "a^", "[a", "a@{1}", "@", ".a", "/a", "a/", "a//b", "a/.b", "a.", "a.lock", "a" * 256],
    ),
]


def is_taken(what: str, read: Callable[[str], str], text: str) -> bool:
    """Whether `read` gives `text` back; or else it says, in one line, that `text` is `what`."""
    try:
        said = read(text)
    except Failure as failure:
        said = str(failure)
    assert said == text or (said.startswith(f"{what}: {text!r} (want ") and said.endswith(")") and "\n" not in said)
    return said == text


@pytest.mark.parametrize(("what", "read", "rule", "good", "bad"), KINDS, ids=["model", "repo", "revision"])
def test_the_names_that_matter_most_are_taken_or_refused(what, read, rule, good, bad):
    assert [text for text in good if not is_taken(what, read, text)] == []
    assert [text for text in [*ANYWHERE_BAD, *bad] if is_taken(what, read, text)] == []


@pytest.mark.parametrize(("what", "read", "rule", "good", "bad"), KINDS, ids=["model", "repo", "revision"])
@given(piece=TEXTS)
@QUICK
def test_a_name_that_may_be_is_taken_and_everything_else_is_refused(what, read, rule, good, bad, piece):
    for text in [before + piece + after for before in ("", "a", "a/", "Z0/9") for after in ("", "b", "/b", "_9")]:
        may_be = text.isprintable() and re.fullmatch(rule, text, re.ASCII)
        assert is_taken(what, read, text) == bool(may_be), text


@given(TEXTS | st.text("ab *.?[!]+-_/ü", max_size=9) | st.text("ab -\t;$()`|&'\"#%{,}\\", max_size=4))
@QUICK
def test_patterns_are_printable_words_each_one_once_and_sorted(text):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXCLUDE", text)
        if text.isprintable():
            assert names.words(names.patterns("EXCLUDE"), []) == tuple(sorted(set(text.split())))
        else:
            with pytest.raises(Failure, match="^not a list of file patterns: EXCLUDE="):
                names.patterns("EXCLUDE")


def test_the_patterns_that_matter_most():
    assert names.words("onnx/* [!a]?.bin  größe* +c onnx/*", []) == ("+c", "[!a]?.bin", "größe*", "onnx/*")
    assert names.words("a b c *.json a b b", ["a b", "a b c", "b"]) == ("*.json", "a b", "a b c", "b")
    assert names.words("", []) == ()


@pytest.mark.parametrize(
    "paths",
    [
        [],
        ["config.json", "model-00001-of-00002.safetensors", "onnx/model.onnx", "onnx/config.json"],
        ["a b", "-rf", "'", '"', "$(a)", "#", "a:b", "größe", "数", "😀", "...", "a..b", "~", "%"],
        ["a" * 255, "é" * 127, "/".join(["b" * 255] * 3), "/".join(["数" * 85] * 11)],
        ["a/b", "a/c", "b/a"],
    ],
)
def test_paths_may_be_what_every_system_can_hold(paths):
    assert names.unusable(paths) is None


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
    flaw = names.unusable(["config.json", path])

    assert re.fullmatch(rf"a file whose name .*: {re.escape(repr(path))}", flaw)


@pytest.mark.parametrize(
    "paths",
    [["a", "A"], ["a/x", "A/y"], ["a/x", "A"], ["straße", "STRASSE"], ["é", "É"], ["x/a/b", "x/A/c"], ["ǆ", "ǅ"]],
)
def test_two_paths_that_are_one_on_some_system_are_refused(paths):
    for order in paths, paths[::-1]:
        assert names.unusable(order).startswith("two names that differ only in case: ")


@pytest.mark.parametrize("paths", [["a", "a/b"], ["x/a", "x/a/b/c"]])
def test_a_file_that_is_a_folder_too_is_refused(paths):
    assert names.unusable(paths) is not None


def test_a_control_file_is_one_that_git_dvc_or_the_hub_client_acts_on():
    for path in ".git/config", "a/.git", ".GIT/x", ".gitignore", ".gitattributes", ".dvc/config", ".dvcignore":
        assert names.is_control_file(path), path
    for path in "a/.dvc", ".DVC/x", ".hg/hgrc", ".cache/hub/x", "a/.cache/x":
        assert names.is_control_file(path), path
    for path in "git", "a.git", "config.json", ".env", "cache/x", "hg", "x.dvc", "README.md":
        assert not names.is_control_file(path), path


@pytest.mark.parametrize("option", ["-C", "-sC", "-C/x", "--directory=/x", "--dir"])
def test_a_path_that_was_typed_is_relative_to_where_it_was_typed(tmp_path, option):
    texts = ["a", "../a", "a/b c", ".", "/a"]
    program = r"import sys; from lib.core import paths; print(*map(paths.typed, sys.argv[1:]), sep='\n')"
    words = ["bash", "-c", '"$@"; exit', option, sys.executable, "-c", program, *texts]

    said = subprocess.check_output(words, env={"CALLER": str(tmp_path), "PYTHONPATH": "scripts"}, text=True)

    assert said.splitlines() == [str(tmp_path / text) for text in texts]


def test_a_path_that_begins_with_a_tilde_is_in_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))

    assert paths.typed("~/run") == tmp_path / "run"
    assert paths.typed("./~/run") != tmp_path / "run"


@pytest.mark.parametrize("caller", ["", "/nowhere/at/all", str(paths.ROOT)])
def test_a_path_is_relative_to_the_clone_where_nobody_moved(monkeypatch, caller):
    monkeypatch.setenv("CALLER", caller)

    assert paths.typed("a") == paths.ROOT / "a"


def test_a_path_whose_folder_make_hides_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("CALLER", str(tmp_path))

    with pytest.raises(Failure, match="^not clear which folder 'a' is relative to"):
        paths.typed("a")

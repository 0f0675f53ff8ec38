"""Valid names: of models, Hub repos, revisions, file patterns and files of a model."""

import json
import os
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from lib.core import arguments
from lib.core.errors import Failure
from lib.core.paths import ROOT

MODELS = ROOT / "models"
KEPT = 10_000  # answers about names of files that are kept: most models call theirs the same

PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
REPO = re.compile(r"(?=.{3,96}$)[A-Za-z0-9_][A-Za-z0-9._-]*/[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?")
BASE = re.compile(rf"{PART.pattern}|{REPO.pattern}")  # the Hub's first models, such as gpt2, are named without an ORG
# What `git check-ref-format` rejects in a branch or tag.
NO_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|(^|/)\.|\.lock(/|$)|[./]$|^[-/]|^@$")

# Git, DVC and the Hub client act on these in any folder, so a model must not contain them.
CONTROL = re.compile(r"\.git.*|\.dvc.*|\.hg|\.cache", re.IGNORECASE)
# DVC would read these as pins and pipelines of this repository, and then refuse every command.
META = re.compile(r".*\.dvc|dvc\.(yaml|lock)")


def is_model_name(text: str) -> bool:
    """Whether `text` is a valid NAME of a model: one or two plain parts, such as `embeddings/all-MiniLM-L6-v2`."""
    parts = text.split("/")
    return not (
        len(parts) > 2
        or text.casefold() in ("readme.md", "policy.yaml")
        or text.casefold().startswith("models/")  # reserved, since paths are typed like this
        or NO_REF.search(f"{text}@v1")
        or not all(map(PART.fullmatch, parts))
        or any(map(META.fullmatch, parts))
    )


def model_name(text: str) -> str:
    """`text`, if it is a valid NAME of a model. Raises `Failure` if not."""
    if not is_model_name(text):
        raise Failure(f"not a name for a model: {text!r} (want NAME or FOLDER/NAME, of letters, digits and . _ -)")
    return text


def from_path(text: str) -> str:
    """The NAME in `text`, if it is the path of a model's folder or pin, such as `models/NAME/`; else `text`."""
    return text.removeprefix("./").removeprefix("models/").removesuffix("/").removesuffix(".dvc")


def from_address(text: str) -> tuple[str, str, str]:
    """(repo, revision or '', file or folder or '') in ORG/NAME[@REVISION] or in the URL of a page of the Hub.

    A folder ends in `/`. Raises `Failure`.
    """
    endpoint = arguments.value("HF_ENDPOINT").partition("//")[2].partition("/")[0]
    found = re.match(r"(?:https?://)?([^/]+)/([^?#]*)", text)  # browsers show it without https://
    is_page = found and found[1] in {"huggingface.co", "hf.co", "www.huggingface.co", endpoint}
    if not is_page:
        repo, _, revision = text.partition("@")
        return repo, revision, ""
    parts = [unquote(part) for part in found[2].strip("/").split("/")]
    if len(parts) < 2 or parts[0] in ("datasets", "spaces"):
        raise Failure(f"not the address of a model on the Hub: {text!r} (want ORG/NAME)")
    if len(parts) < 4 or parts[2] not in ("tree", "blob", "resolve", "commit"):
        return "/".join(parts[:2]), "", ""
    inner = "/".join(parts[4:])
    return "/".join(parts[:2]), parts[3], f"{inner}/" if inner and parts[2] == "tree" else inner


def repo_id(text: str) -> str:
    """`text`, if it is a valid repo id of the Hub. Raises `Failure` if not."""
    if not REPO.fullmatch(text) or ".." in text or "--" in text or text.endswith(".git"):
        raise Failure(f"not a model: {text!r} (want ORG/NAME, as on the Hub)")
    return text


def line(variable: str) -> str | None:
    """The make variable `variable`, one line of text for the pin; None if it is empty. Raises `Failure`."""
    text = arguments.value(variable).strip()
    if not text.isprintable() or len(text) > 500:
        raise Failure(f"not a line of text of up to 500 characters: {variable}={text[:60]!r}")
    return text or None


def revision(text: str) -> str:
    """`text`, if it is a valid branch, tag or commit. Raises `Failure` if not."""
    if not text or len(text) > 255 or not text.isprintable() or NO_REF.search(text):
        raise Failure(f"not a revision: {text!r} (want a branch, a tag or a commit)")
    return text


def patterns(variable: str) -> str:
    """The make variable `variable`: file patterns such as '*.json *.txt', or names of files. Raises `Failure`."""
    text = arguments.value(variable)
    if not text.isprintable():
        raise Failure(f"not a list of file patterns: {variable}={text!r} (want words such as '*.safetensors *.json')")
    return text.strip()


def words(text: str, paths: Iterable[str]) -> tuple[str, ...]:
    """The patterns in `text`, sorted, without duplicates; one of `paths` is one pattern, even if it contains spaces."""
    found = []
    for path in sorted((path for path in paths if " " in path), key=len, reverse=True):
        if f" {path} " in f" {text} ":
            found.append(path)
            text = f" {text} ".replace(f" {path} ", " ").strip()
    return tuple(sorted({*found, *text.split()}))


def weights_dir(name: str) -> Path:
    return MODELS / name


@lru_cache(maxsize=KEPT)
def is_control_file(path: str) -> bool:
    """Whether `path`, relative to its model, is or lies below a control file of Git, DVC or the Hub client."""
    return any(map(CONTROL.fullmatch, path.split("/")))


@lru_cache(maxsize=KEPT)
def _fault(path: str) -> str | None:
    parts = path.split("/")
    if "" in parts or "." in parts or ".." in parts or "\\" in path:
        return "leaves its folder"
    if re.search("[\ud800-\udfff]", path):  # how Python reads bytes that are not UTF-8
        return "is not UTF-8"
    if not path.isprintable():
        return "holds a control character"
    if unicodedata.normalize("NFC", path) != path:
        return "is not in Unicode's normal form C"
    # YAML takes a key of 1,024 characters at most, quotes included.
    if any(len(os.fsencode(part)) > 255 for part in parts) or len(json.dumps(path, ensure_ascii=False)) > 1000:
        return "is too long"
    if any(map(META.fullmatch, parts)):
        return "is a control file of DVC"
    return None


def unusable(paths: Iterable[str]) -> str | None:
    """What is wrong with the first of a model's `paths` that is unsafe or not portable; None if all are fine."""
    seen: dict[str, str] = {}
    every = set(paths)
    for path in sorted(every):
        if fault := _fault(path):
            return f"a file whose name {fault}: {path!r}"
        parent = path
        while parent:
            other = seen.setdefault(parent.casefold(), parent)
            if other != parent:
                return f"two names that differ only in case: {other!r} and {parent!r}"
            if parent != path and parent in every:
                return f"a file that is also a folder: {parent!r}"
            parent = parent.rpartition("/")[0]
    return None

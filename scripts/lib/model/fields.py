"""What the fields of a pin may hold."""

import re

from lib.core.digest import File
from lib.core.errors import Failure
from lib.model import advice, names

MD5 = re.compile(r"[0-9a-f]{32}")
CRC64 = re.compile(r"[0-9a-f]{16}")
COMMIT = re.compile(r"[0-9a-f]{40}")
SHA256 = re.compile(r"[0-9a-f]{64}")
TEXTS = ("source", "revision", "commit", "license", "license_name", "license_link", "base", "origin", "reason")
WORDS = ("include", "exclude", "left_out", "allow")


def _number(text: str) -> int:
    if not re.fullmatch("[0-9]{1,18}", text):
        raise ValueError(f"not a number: {text!r}")
    return int(text)


def _files(entries: dict) -> dict[str, File]:
    files: dict[str, File] = {}
    for path, each in entries.items():
        file = File(_number(each["size"]), each["md5"], each["sha256"], each.get("crc64nvme"))
        checksum = CRC64.fullmatch(file.crc64nvme or "0" * 16)
        if not (MD5.fullmatch(file.md5) and SHA256.fullmatch(file.sha256) and checksum):
            raise ValueError(f"meta.files: {path!r}: not an md5, a sha256 and perhaps a crc64nvme")
        if names.is_control_file(path):
            raise ValueError(f"meta.files: {path!r}: a control file")
        files[path] = file
    if fault := names.unusable(files):
        raise ValueError(f"meta.files: {fault}")
    return files


def _words(key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) and word.isprintable() for word in value):
        raise ValueError(f"meta: {key} is a list of words")
    return tuple(value)


def terms(said: object) -> str | None:
    """The license that a pin or a model card states: `license_name` if `license` is `other`, else `license`."""
    return (said.license == "other" and said.license_name) or said.license


def checked(name: str, read: dict) -> dict[str, object]:
    """The fields of the pin of `name`, from its YAML. Raises `Failure`, or what `pin.parse` catches."""
    # Every scalar was read as a string: to YAML, a NAME such as 2024-01-01 is a date.
    (out,) = read["outs"]
    if MD5.fullmatch(out["md5"]):
        raise Failure(advice.single(name))
    md5, size, nfiles = out["md5"].removesuffix(".dir"), _number(out["size"]), _number(out["nfiles"])
    if not MD5.fullmatch(md5):
        raise ValueError("outs: not a directory of weights")
    if (path := out["path"]) != name.rpartition("/")[2]:
        moved = names.PART.fullmatch(path)
        raise Failure(advice.moved(name, path)) if moved else ValueError(f"outs: path {path!r}"[:200])
    meta = read.get("meta") or {}
    texts = {key: meta[key] for key in TEXTS if key in meta}
    if not all(isinstance(text, str) and text.isprintable() for text in texts.values()):
        raise ValueError("meta: not a line of text")
    if not names.REPO.fullmatch(texts.get("source", "a/b")) or not COMMIT.fullmatch(texts.get("commit", "0" * 40)):
        raise ValueError("meta: not a repo of the Hub and its commit")
    if len({"source", "revision", "commit"} & texts.keys()) not in (0, 3):
        raise ValueError("meta: source, revision and commit go together")
    if not all(names.BASE.fullmatch(each.partition("@")[0]) for each in texts.get("base", "").split()):
        raise ValueError("meta: base is not a repo on the Hub")
    found = {"md5": md5, "size": size, "nfiles": nfiles, **texts}
    found |= {key: _words(key, meta[key]) for key in WORDS if key in meta}
    return found | ({"files": _files(meta["files"])} if "files" in meta else {})

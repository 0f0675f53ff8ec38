"""The pin, `models/NAME.dvc`: which bytes a model is, how many, and from which commit of the Hub.

- A pin is YAML. DVC owns `outs`; `meta` is ours, and DVC keeps it.
- `outs` has one entry: `md5` (of DVC's listing of the directory, with `.dir`), `size` (bytes, all files), `nfiles`,
  `hash: md5`, `path` (the last part of NAME).
- `meta.source`, `meta.revision`, `meta.commit`: Hub repo, what was asked for, and the 40-hex commit that it meant.
  All three are absent for weights that are not from the Hub.
- `meta.license`: as the model card says, or as was typed; absent if neither says anything.
- `meta.base`, `meta.origin`: of weights that are not from the Hub, what they were tuned from, as `ORG/NAME@COMMIT` (a
  branch or tag where the Hub could not be asked), and an address: of a run, a paper, a ticket. Only as typed.
- `meta.include`, `meta.exclude`: sorted patterns; only where the user narrowed the files.
- `meta.files`: each file's path (relative to `models/NAME`, with `/`) to `{size, md5, sha256}`; sorted by path.
  For a file over 8 MiB `crc64nvme` may follow, which S3 publishes of objects that were uploaded in parts.
- One valid encoding, which `dump` gives: no dates, hosts or local paths, so the same bytes on every machine.
- It checks itself: the md5 of DVC's listing made from `files` is `outs[0].md5`, the sizes add up to `size`, their count
  is `nfiles`.
- A pin that plain `dvc add` made has no `meta.files`: its files are in DVC's listing alone, by md5.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from lib.core import digest
from lib.core.digest import File
from lib.core.errors import Failure
from lib.model import names
from lib.model.encoding import document, scalar

MD5 = re.compile(r"[0-9a-f]{32}")
CRC64 = re.compile(r"[0-9a-f]{16}")
COMMIT = re.compile(r"[0-9a-f]{40}")
SHA256 = re.compile(r"[0-9a-f]{64}")
RESTORE = "restore it: git checkout HEAD -- models/{name}.dvc"


@dataclass(frozen=True)
class Pin:
    """What one pin says. `md5` is without the `.dir`; `files` is None for a pin that plain `dvc add` made."""

    name: str
    md5: str
    size: int
    nfiles: int
    files: Mapping[str, File] | None = None
    source: str | None = None
    revision: str | None = None
    commit: str | None = None
    license: str | None = None
    base: str | None = None
    origin: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


TEXTS = ("source", "revision", "commit", "license", "base", "origin")


class Moved(ValueError):
    """A pin that was renamed by hand, from the name that it holds."""


def facts(held: Pin) -> dict[str, object]:
    """What `held` says of the whole model, by the keys of JSON reports."""
    return {"name": held.name, "files": held.nfiles, "total": held.size, **{key: getattr(held, key) for key in TEXTS}}


def path_of(name: str) -> Path:
    return names.MODELS / f"{name}.dvc"


def listing(files: Mapping[str, File]) -> bytes:
    """DVC's `.dir` object of `files`, byte for byte (dvc_data.hashfile.tree.Tree.as_bytes)."""
    return json.dumps([{"md5": files[path].md5, "relpath": path} for path in sorted(files)]).encode()


def build(name: str, files: Mapping[str, File], **meta) -> Pin:
    """The pin of the model `name` made of `files`; `meta` are the other fields of Pin."""
    ordered = {path: files[path] for path in sorted(files)}
    size = sum(file.size for file in files.values())
    return Pin(name, digest.of_bytes(listing(files)).md5, size, len(files), ordered, **meta)


def dump(pin: Pin) -> str:
    """The one valid encoding of `pin`."""
    lines = ["outs:", f"- md5: {scalar(pin.md5 + '.dir')}", f"  size: {pin.size}", f"  nfiles: {pin.nfiles}"]
    lines += ["  hash: md5", f"  path: {scalar(pin.name.rpartition('/')[2])}", "meta:"]
    for key in TEXTS:
        if value := getattr(pin, key):
            lines.append(f"  {key}: {scalar(value)}")
    for key in ("include", "exclude"):
        if value := getattr(pin, key):
            lines.append(f"  {key}: [{', '.join(json.dumps(word, ensure_ascii=False) for word in value)}]")
    lines.append("  files:" if pin.files else "  files: {}")
    for path, file in (pin.files or {}).items():
        known = {key: value for key, value in vars(file).items() if value is not None}
        said = ", ".join(f"{key}: {value if key == 'size' else scalar(value)}" for key, value in known.items())
        lines.append(f"    {scalar(path)}: {{{said}}}")
    return "\n".join(lines) + "\n"


def _number(text: str) -> int:
    if not re.fullmatch("[0-9]{1,18}", text):
        raise ValueError(f"not a number: {text!r}")
    return int(text)


def _files(entries: dict) -> dict[str, File]:
    files = {
        path: File(_number(each["size"]), each["md5"], each["sha256"], each.get("crc64nvme"))
        for path, each in entries.items()
    }
    for path, file in files.items():
        checksum = CRC64.fullmatch(file.crc64nvme or "0" * 16)
        if not (MD5.fullmatch(file.md5) and SHA256.fullmatch(file.sha256) and checksum):
            raise ValueError(f"meta.files: {path!r}: not an md5, a sha256 and perhaps a crc64nvme")
        if names.is_control_file(path):
            raise ValueError(f"meta.files: {path!r}: a control file")
    if fault := names.unusable(files):
        raise ValueError(f"meta.files: {fault}")
    return files


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise ValueError("meta: include and exclude are lists of patterns")
    return tuple(value)


def _from_document(name: str, read: dict) -> Pin:
    # Every scalar is read as text: a NAME such as 2024-01-01, which YAML takes for a date, is none.
    (out,) = read["outs"]
    md5, size, nfiles = out["md5"].removesuffix(".dir"), _number(out["size"]), _number(out["nfiles"])
    if not MD5.fullmatch(md5):
        raise ValueError("outs: not a directory of weights")
    if (path := out["path"]) != name.rpartition("/")[2]:
        raise Moved(path) if names.PART.fullmatch(path) else ValueError(f"outs: path {path!r}"[:200])
    meta = read.get("meta") or {}
    texts = {key: meta[key] for key in TEXTS if key in meta}
    if not all(isinstance(text, str) and text.isprintable() for text in texts.values()):
        raise ValueError("meta: not a line of text")
    if not names.REPO.fullmatch(texts.get("source", "a/b")) or not COMMIT.fullmatch(texts.get("commit", "0" * 40)):
        raise ValueError("meta: not a repo of the Hub and its commit")
    if not names.REPO.fullmatch(texts.get("base", "a/b@").partition("@")[0]):
        raise ValueError("meta: base is no repo of the Hub")
    choice = {key: _words(meta[key]) for key in ("include", "exclude") if key in meta}
    files = _files(meta["files"]) if "files" in meta else None
    return Pin(name, md5, size, nfiles, files, **texts, **choice)


def parse(name: str, text: str) -> Pin:
    """The pin `text` of the model `name`. Raises `Failure` if it is not one."""
    try:
        return _from_document(name, document(text))
    except yaml.YAMLError:
        if "\n<<<<<<< " in f"\n{text}":
            sides = f"git checkout --ours -- models/{name}.dvc (or --theirs), then git add models/{name}.dvc"
            raise Failure(f"models/{name}.dvc holds a merge conflict; take one side: {sides}") from None
        fault = "is not YAML"
    except Moved as moved:
        old = "/".join([*name.split("/")[:-1], str(moved)])
        raise Failure(
            f"models/{name}.dvc was renamed by hand, it pins {old!r}; rename it back: git mv models/{name}.dvc "
            f"models/{old}.dvc (and then all that belongs to it: make rename MODEL={old} NAME={name})"
        ) from None
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        fault = f"is not a pin ({str(error)[:200]})" if text.strip() else "is empty"
    raise Failure(f"models/{name}.dvc {fault}; {RESTORE.format(name=name)}")


def read(name: str, broken_is_none: bool = False) -> Pin | None:
    """The pin of the model `name`, or None if there is none. Raises `Failure` for a broken one."""
    try:
        return parse(name, _text(name))
    except FileNotFoundError:
        return None
    except Failure:
        if broken_is_none:
            return None
        raise


def read_head(name: str) -> Pin:
    """The pin of the model `name` without its files, which takes a sixth of the time. Raises `Failure`."""
    return head(name, _text(name))


def head(name: str, text: str) -> Pin:
    """The pin `text` of the model `name` without its files. Raises `Failure`."""
    return parse(name, text.partition("\n  files:\n")[0])


def _text(name: str) -> str:
    # Bytes that are not UTF-8 become characters that YAML forbids, so `parse` has the sentence for them.
    return path_of(name).read_text(encoding="utf-8", errors="surrogateescape")

"""The policy of this repository, `models/policy.yaml`: which models may be pinned. Its comments document it."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from lib.core import text
from lib.core.errors import Failure
from lib.model import encoding, names, pin

PATH = names.MODELS / "policy.yaml"
CHOICES = {"code": ("yes", "no"), "scan": ("finished", "unobjected")}  # the first is True in `Policy`
KEYS = ("licenses", "formats", "sources", "size", *CHOICES)
UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
WEIGHTS = {"safetensors", "gguf", "onnx"}  # formats of weights that run no code when loaded
ENDINGS = {
    "safetensors": "safetensors",
    "gguf": "gguf",
    "onnx": "onnx onnx_data data",
    "pickle": "bin pt pth ckpt pkl pickle joblib npy npz",
    "hdf5": "h5 hdf5 keras",
    "archive": "zip tar gz tgz bz2 xz zst 7z rar nemo",
    "code": "py",
    "text": "json jsonl txt md rst csv tsv yaml yml toml cfg ini xml html jinja "
    "tiktoken model vocab merges codes spm bpe",
    "image": "png jpg jpeg gif svg webp ico",
    "media": "wav mp3 flac ogg mp4 webm pdf",
}
NUMBER = re.compile(r"(?<=\.onnx_data)_\d+$|(?<=\.model)\.v\d+(m\d+)?$")  # of a shard, or a tokenizer of Mistral's
INDEX = re.compile(r"\.index(\.[^./]+)?\.json$")  # transformers and diffusers put a variant, such as fp16, in between
FORMATS = {ending: name for name, endings in ENDINGS.items() for ending in endings.split()}


@dataclass(frozen=True)
class Policy:
    """None means `any`; `licenses` may also be `stated`; `size` is the maximum in bytes."""

    licenses: tuple[str, ...] | str | None = None
    formats: tuple[str, ...] | None = ("safetensors", "gguf", "onnx", "text", "image", "media")
    sources: tuple[str, ...] | None = None
    size: int | None = None
    code: bool = False
    scan: bool = False  # whether the Hub's scan must be finished

    def takes(self, kind: str, allow: Collection[str] = ()) -> bool:
        """Whether files of the format `kind` may be pinned, given the exceptions `allow`."""
        by_rule = self.code if kind == "code" else self.formats is None or kind in self.formats
        return by_rule or _word(kind) in allow


def _word(kind: str) -> str:
    return kind if kind == "code" else f"format:{kind.replace(' ', '-')}"


def _setting(key: str, value: object) -> object:
    """The value in `Policy` for `key: value` in the file. Raises `Failure` if it is not valid."""
    # A few YAML aliases make a list of lists that is endless when printed.
    said = text.one_line(value) if isinstance(value, str) else "not one word"
    if key in CHOICES:
        if value not in CHOICES[key]:
            raise Failure(f"models/policy.yaml: {key} is {said!r} (want {' or '.join(CHOICES[key])})")
        return value == CHOICES[key][0]
    if value == "any":
        return None
    if key == "size":
        found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,15})?) ?([KMGT]?B)", said.upper())
        if not found:
            raise Failure(f"models/policy.yaml: size is {said!r} (want any, or a size such as 80GB)")
        return int(float(found[1]) * UNITS[found[2]])
    if key == "licenses" and value == "stated":
        return value
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise Failure(f"models/policy.yaml: {key} is not valid (want any, or a list such as [one, other])")
    if key == "formats":  # as `format_of` writes them, such as gguf for GGUF
        value = [word.lower().removeprefix(".") for word in value]
        if part := next((word for word in value if FORMATS.get(word, word) != word), None):
            raise Failure(f"models/policy.yaml: formats has {part!r}, which is part of {FORMATS[part]!r}; write that")
    return tuple(value)


@lru_cache(maxsize=1)
def read() -> Policy:
    """The policy, or the default one if there is no file. Raises `Failure` if the file is not valid."""
    try:
        said = encoding.document(PATH.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        return Policy()
    except ValueError as error:
        how = "if it is part of a merge conflict, resolve that: see git status"
        raise Failure(f"models/policy.yaml cannot be read: {text.one_line(error)}; {how}") from error
    if not isinstance(said, dict):
        raise Failure("models/policy.yaml must contain settings such as licenses: any")
    settings: dict = {}
    for key, value in said.items():
        if key not in KEYS:
            known = text.nearest(str(key), KEYS, f"it knows {', '.join(KEYS)}")
            raise Failure(f"models/policy.yaml has no setting {text.one_line(key)!r}; {known}")
        settings[key] = _setting(key, value)
    return Policy(**settings)


@lru_cache(maxsize=names.KEPT)
def format_of(path: str) -> str:
    """The format of the file `path`, by its extension: a key of ENDINGS or the extension itself; `text` without one."""
    base, dot, ending = NUMBER.sub("", path.rpartition("/")[2].lower()).rpartition(".")
    return FORMATS.get(ending, ending) if base and dot else "text"


def left_out(paths: Iterable[str], policy: Policy, allow: Collection[str]) -> tuple[str, ...]:
    """The `paths` to leave out, sorted: forbidden formats and their indexes, if there are permitted safe weights."""
    kinds = {path: format_of(path) for path in paths}
    if not WEIGHTS & {kind for kind in kinds.values() if policy.takes(kind, allow)}:
        return ()
    out = {path for path, kind in kinds.items() if kind != "code" and not policy.takes(kind, allow)}
    endings = tuple(f".{path.rpartition('.')[2]}" for path in out)
    return tuple(sorted(out | {path for path in kinds if INDEX.sub("", path).endswith(endings)}))


def unwanted(paths: Iterable[str], policy: Policy) -> dict[str, list[str]]:
    """The `paths` in a forbidden format, grouped by the word of ALLOW that would permit it."""
    found: dict[str, list[str]] = {}
    for path in paths:
        if not policy.takes(kind := format_of(path)):
            found.setdefault(_word(kind), []).append(path)
    return found


def findings(held: pin.Pin, policy: Policy) -> dict[str, str]:
    """What the policy forbids in `held`: word of ALLOW -> what is wrong; includes what `held.allow` excepts."""
    found = {}
    if not held.terms and policy.licenses is not None:
        found["license:none"] = "it states no license"
    elif isinstance(policy.licenses, tuple):
        allowed = {each.casefold() for each in policy.licenses}
        terms = [] if held.terms.casefold() in allowed else held.terms.split(", ")  # a name may hold a comma, too
        wrong = [each for each in terms if each.casefold() not in allowed]
        found |= {f"license:{each.replace(' ', '-')}": f"its license is {each}" for each in wrong}
    sources = ("*",) if policy.sources is None else policy.sources
    if held.source and not any(fnmatchcase(held.source, each) for each in sources):
        found[f"source:{held.source}"] = f"it comes from {held.source}"
    if policy.size is not None and held.size > policy.size:
        found["size"] = f"it has {text.size(held.size)}, more than {text.size(policy.size)}"
    for word, paths in sorted(unwanted(held.files or (), policy).items()):
        more = f" and {len(paths) - 1} more" if paths[1:] else ""
        found[word] = f"{paths[0]}{more} is {title(format_of(paths[0]))}"
    return found


def title(kind: str) -> str:
    """What messages call a file of the format `kind`."""
    known = {
        "pickle": "a pickle, which can run code when it is loaded",
        "hdf5": "HDF5, which can run code when it is loaded",
        "archive": "an archive",
        "code": "code",
    }
    return known.get(kind, f"of the format {kind}")


def check(found: Mapping[str, str], held: pin.Pin, command: str) -> None:
    """Raise `Failure` for those of `found` that `held.allow` does not except, with advice based on `command`."""
    left = {word: said for word, said in found.items() if word not in held.allow}
    if not left:
        return
    choose = "choose other files with EXCLUDE, or " if held.source else "choose other files, or "
    first = choose if any(word.startswith(("format:", "code", "size")) for word in left) else ""
    how = f"{first}make an exception: {pin.exception(command, {*held.allow, *left})}"
    raise Failure(f"models/policy.yaml forbids {held.name}: {'; '.join(left.values())}; {how}")

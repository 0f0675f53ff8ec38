"""The policy of this repository, `models/policy.yaml`: which models may be pinned. Its comments say what it takes."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache

import yaml

from lib.core import text
from lib.core.errors import Failure
from lib.model import pin
from lib.model.encoding import document
from lib.model.names import MODELS

PATH = MODELS / "policy.yaml"
UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
WEIGHTS = {"safetensors", "gguf", "onnx"}  # formats that run no code when they are loaded
ENDINGS = {
    "safetensors": "safetensors",
    "gguf": "gguf",
    "onnx": "onnx onnx_data data",
    "pickle": "bin pt pth ckpt pkl pickle joblib npy npz",
    "hdf5": "h5 hdf5 keras",
    "archive": "zip tar gz tgz bz2 xz zst 7z rar nemo",
    "code": "py",
    "text": "json jsonl txt md rst csv tsv yaml yml toml cfg ini xml html jinja tiktoken model vocab merges spm bpe",
    "image": "png jpg jpeg gif svg webp ico",
    "media": "wav mp3 flac ogg mp4 webm pdf",
}
FORMATS = {ending: name for name, endings in ENDINGS.items() for ending in endings.split()}


@dataclass(frozen=True)
class Policy:
    """None stands for `any`; `size` is in bytes."""

    licenses: tuple[str, ...] | None = None
    stated: bool = False
    formats: tuple[str, ...] | None = ("safetensors", "gguf", "onnx", "text", "image", "media")
    sources: tuple[str, ...] | None = None
    size: int | None = None
    code: bool = False
    finished: bool = False

    def takes(self, kind: str, allow: Collection[str] = ()) -> bool:
        """Whether files of the format `kind` may be pinned, with the exceptions `allow`."""
        if kind == "code":
            return self.code or "code" in allow
        return self.formats is None or kind in self.formats or _word(kind) in allow


def _word(kind: str) -> str:
    """The word that makes an exception for files of the format `kind`."""
    return kind if kind == "code" else f"format:{kind.replace(' ', '-')}"


def _words(key: str, value: object) -> tuple[str, ...] | None:
    if value == "any":
        return None
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise Failure(f"models/policy.yaml: {key} is neither any nor a list of words such as [one, other]")
    return tuple(value)


def _choice(key: str, value: object, *choices: str) -> bool:
    if value not in choices:
        raise Failure(f"models/policy.yaml: {key} is {text.one_line(value)!r} (want {' or '.join(choices)})")
    return value == choices[0]


def _size(value: object) -> int | None:
    if value == "any":
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMGT]?B)", str(value).upper())
    if not found:
        raise Failure(f"models/policy.yaml: size is {text.one_line(value)!r} (want any, or such as 80GB)")
    return int(float(found[1]) * UNITS[found[2]])


READERS = {
    "licenses": lambda said: {"stated": True} if said == "stated" else {"licenses": _words("licenses", said)},
    "formats": lambda said: {"formats": _words("formats", said)},
    "sources": lambda said: {"sources": _words("sources", said)},
    "size": lambda said: {"size": _size(said)},
    "code": lambda said: {"code": _choice("code", said, "yes", "no")},
    "scan": lambda said: {"finished": _choice("scan", said, "finished", "unobjected")},
}


@lru_cache(maxsize=1)
def read() -> Policy:
    """The policy; the default one without its file. Raises `Failure` for one that cannot be read."""
    try:
        said = document(PATH.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        return Policy()
    except (yaml.YAMLError, ValueError) as error:
        raise Failure(f"models/policy.yaml is not YAML: {text.one_line(error)}") from error
    if not isinstance(said, dict):
        raise Failure("models/policy.yaml is not a list of settings such as licenses: any")
    settings: dict = {}
    for key, value in said.items():
        if key not in READERS:
            near = get_close_matches(str(key), READERS, n=1)
            known = f"did you mean {near[0]}?" if near else f"it knows {', '.join(READERS)}"
            raise Failure(f"models/policy.yaml knows no {text.one_line(key)!r}; {known}")
        settings |= READERS[key](value)
    return Policy(**settings)


def format_of(path: str) -> str:
    """The format of a file by its name: one of ENDINGS, or the ending itself; text without one."""
    base, dot, ending = path.rpartition("/")[2].rpartition(".")
    ending = re.sub(r"^(onnx_data)_\d+$", r"\1", ending.lower())  # one of several
    return FORMATS.get(ending, ending) if base and dot else "text"


def left_out(paths: Iterable[str], policy: Policy, allow: Collection[str] = ()) -> tuple[str, ...]:
    """Those of `paths` to leave out, sorted: in formats that may not come, beside weights in one that may.

    With them goes the index that names them.
    """
    kinds = {path: format_of(path) for path in paths}
    if not WEIGHTS & {kind for kind in kinds.values() if policy.takes(kind, allow)}:
        return ()
    out = {path for path, kind in kinds.items() if kind != "code" and not policy.takes(kind, allow)}
    endings = {path.rpartition(".")[2] for path in out}
    out |= {path for path in kinds if any(path.endswith(f".{ending}.index.json") for ending in endings)}
    return tuple(sorted(out))


def unwanted(paths: Iterable[str], policy: Policy) -> dict[str, list[str]]:
    """Those of `paths` that are in a format that may not be pinned, by the word that makes an exception."""
    found: dict[str, list[str]] = {}
    for path in paths:
        if not policy.takes(kind := format_of(path)):
            found.setdefault(_word(kind), []).append(path)
    return found


def findings(held: pin.Pin, policy: Policy) -> dict[str, str]:
    """What of `held` the policy forbids, by the word that makes an exception: each as a sentence, exceptions too."""
    found = {}
    if not held.terms and (policy.stated or policy.licenses is not None):
        found["license:none"] = "it states no license"
    elif policy.licenses is not None:
        allowed = {each.casefold() for each in policy.licenses}
        wrong = [each for each in (held.terms or "").split(", ") if each.casefold() not in allowed]
        found |= {f"license:{each.replace(' ', '-')}": f"its license is {each}" for each in wrong}
    if (
        held.source
        and policy.sources is not None
        and not any(fnmatchcase(held.source, each) for each in policy.sources)
    ):
        found[f"source:{held.source}"] = f"it comes from {held.source}"
    if policy.size is not None and held.size > policy.size:
        found["size"] = f"it has {text.size(held.size)}, more than {text.size(policy.size)}"
    for word, paths in sorted(unwanted(held.files or (), policy).items()):
        more = len(paths) - 1
        found[word] = f"{paths[0]}{more and f' and {more} more' or ''} is {title(format_of(paths[0]))}"
    return found


def title(kind: str) -> str:
    """A file of the format `kind`, in words."""
    known = {
        "pickle": "a pickle, which can run code when it is loaded",
        "hdf5": "HDF5, which can run code when it is loaded",
        "archive": "an archive",
        "code": "code",
    }
    return known.get(kind, f"of the format {kind}")


def check(found: Mapping[str, str], held: pin.Pin, command: str) -> None:
    """Refuse those of the findings `found` that no exception of `held` allows; `command` pins it. Raises `Failure`."""
    left = {word: said for word, said in found.items() if word not in held.allow}
    if not left:
        return
    files = "choose other files, or " if any(word.startswith(("format:", "code", "size")) for word in left) else ""
    raise Failure(
        f"models/policy.yaml forbids {held.name}: {'; '.join(left.values())}; {files}make an "
        f"exception: {pin.exception(command, {*held.allow, *left})}"
    )


def excepted(found: Collection[str], held: pin.Pin, typed: bool) -> pin.Pin:
    """`held` with those of its exceptions that are of `found`; refuses others that were `typed`. Raises `Failure`."""
    kept = tuple(word for word in held.allow if word in found)
    if typed and (vain := set(held.allow) - set(kept)):
        known = f"what it forbids: {' '.join(sorted(found))}" if found else "it forbids nothing of this model"
        raise Failure(f"models/policy.yaml does not forbid {' '.join(sorted(vain))}, so leave it out of ALLOW; {known}")
    return replace(held, allow=kept, reason=held.reason if kept else None)

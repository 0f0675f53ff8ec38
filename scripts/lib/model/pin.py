"""The pin, `models/NAME.dvc`: the files of a model, their digests and sizes, and the Hub commit they come from.

- YAML in exactly one valid encoding, that of `dump`: no dates, hosts or local paths, so the same bytes everywhere.
- DVC owns `outs`, one entry: `md5` (of DVC's listing of the directory, with `.dir`), `size` (bytes, of all files),
  `nfiles`, `hash: md5`, `path` (the last part of NAME). `meta` is ours, and DVC keeps it.
- `meta.source`, `meta.revision`, `meta.commit`: the Hub repo, the revision asked for, and the 40-hex commit it resolved
  to; all three absent for weights that are not from the Hub.
- `meta.license`: from the model card, or as typed; absent if neither states one. For the license `other`,
  `license_name` and `license_link` are the name and the link that the card gives.
- `meta.base`: what the weights were tuned from: from the model card (`ORG/NAME` or, for old ones, `NAME`; or several
  separated by spaces), or as typed (`ORG/NAME@COMMIT`; a branch or tag instead if the Hub could not be asked).
- `meta.origin`: the source of weights that are not from the Hub, as typed: the URL of a run, a paper, a ticket.
- `meta.include`, `meta.exclude`: sorted patterns; only if the user narrowed the files.
- `meta.left_out`: files left out by models/policy.yaml, because the model also has the weights in a safe format.
- `meta.allow`, `meta.reason`: exceptions to the policy, such as `format:pickle`, and the reason for them.
- `meta.files`: path (relative to `models/NAME`, with `/`) -> `{size, md5, sha256}`, sorted by path.
  For a file over 8 MiB `crc64nvme` may follow, which S3 publishes for objects that were uploaded in parts.
- Self-checking: the md5 of DVC's listing rebuilt from `files` is `outs[0].md5`, the sizes add up to `size`, and the
  number of files is `nfiles`.
- A pin made by plain `dvc add` has no `meta.files`: only DVC's listing names its files, with their md5.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from shlex import quote

from lib.core import arguments, digest
from lib.core.errors import Failure
from lib.model import advice, encoding, fields, names

CHANGED = "another command changed the pin meanwhile; run the same command again"


@dataclass(frozen=True)
class Pin:
    """A parsed pin. `md5` is without the `.dir`; `files` is None if plain `dvc add` made it, or if not parsed."""

    name: str
    md5: str
    size: int
    nfiles: int
    files: Mapping[str, digest.File] | None = None
    source: str | None = None
    revision: str | None = None
    commit: str | None = None
    license: str | None = None
    license_name: str | None = None
    license_link: str | None = None
    base: str | None = None
    origin: str | None = None
    reason: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()

    @cached_property
    def listing(self) -> bytes:
        """DVC's `.dir` object of `files`, byte for byte (dvc_data.hashfile.tree.Tree.as_bytes)."""
        return json.dumps([{"md5": self.files[path].md5, "relpath": path} for path in sorted(self.files)]).encode()

    terms = property(fields.terms)


def facts(held: Pin) -> dict[str, object]:
    """What `held` says about the model as a whole, under the keys of JSON reports."""
    texts = {key: getattr(held, key) for key in fields.TEXTS}
    return {"name": held.name, "files": held.nfiles, "total": held.size, **texts, "allow": held.allow or None}


def command(held: Pin, revision: str | None = None) -> str:
    """The command that pins `held` again, at its commit or at `revision`, with the variables typed in this run."""
    typed = f"add MODEL={quote(f'{held.source}@{revision or held.commit}')}" if held.source else "track"
    choice = {"INCLUDE": " ".join(held.include), "EXCLUDE": " ".join(held.exclude)}
    choice |= {variable: arguments.value(variable) for variable in ("DIR", "BASE", "SOURCE", "LICENSE", "POINTERS")}
    more = "".join(f" {variable}={quote(words)}" for variable, words in choice.items() if words)
    return f"make {typed} NAME={held.name}{more}"


def exception(command: str, words: Iterable[str]) -> str:
    """`command`, which pins a model, extended by the exceptions `words` to the policy."""
    return f"{command} ALLOW={quote(' '.join(sorted(words)))} REASON='…'"


def path_of(name: str) -> Path:
    return names.MODELS / f"{name}.dvc"


def drop(name: str) -> None:
    """Remove the pin of the model `name`, if there is one, and the folder of its group if that is then empty."""
    path_of(name).unlink(missing_ok=True)
    with suppress(OSError):
        path_of(name).parent.rmdir()


def build(name: str, files: Mapping[str, digest.File], **meta) -> Pin:
    """A new pin of the model `name` with `files`; `meta` are the other fields of `Pin`."""
    made = Pin(name, "", 0, 0, dict(sorted(files.items())), **meta)
    return replace(made, **totals(made))


def totals(held: Pin) -> dict[str, str | int]:
    """The fields of `held` that follow from its `files`: md5, size and nfiles."""
    sizes = [file.size for file in held.files.values()]
    return {"md5": digest.of_bytes(held.listing).md5, "size": sum(sizes), "nfiles": len(sizes)}


def dump(pin: Pin) -> str:
    """The one valid encoding of `pin`."""
    lines = ["outs:", f"- md5: {encoding.scalar(pin.md5 + '.dir')}", f"  size: {pin.size}", f"  nfiles: {pin.nfiles}"]
    lines += ["  hash: md5", f"  path: {encoding.scalar(pin.name.rpartition('/')[2])}", "meta:"]
    for key in (*fields.TEXTS, *fields.WORDS):
        if value := getattr(pin, key):
            lines.append(f"  {key}: {encoding.scalar(value)}")
    lines.append("  files:" if pin.files else "  files: {}")
    for path, file in (pin.files or {}).items():
        known = {key: value for key, value in vars(file).items() if value is not None}
        said = ", ".join(f"{key}: {encoding.scalar(value)}" for key, value in known.items())
        lines.append(f"    {encoding.scalar(path)}: {{{said}}}")
    return "\n".join(lines) + "\n"


def parse(name: str, text: str, with_files: bool = True) -> Pin:
    """The pin of the model `name` with the content `text`. Raises `Failure` if it is not a valid pin.

    Without `with_files`, `files` may be None for any pin.
    """
    try:
        return Pin(name, **fields.checked(name, encoding.document(text, with_files)))
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        if "\n<<<<<<<" in f"\n{text}":
            raise Failure(advice.conflict(name, text)) from None
        fault = f"is not a pin ({str(error)[:200]})" if text.strip() else "is empty"
    raise Failure(f"models/{name}.dvc {fault}; {advice.restore(name, text)}")


def read(name: str, broken_is_none: bool = False) -> Pin | None:
    """The pin of `name`, or None if there is none. Raises `Failure` for a broken one, unless `broken_is_none`."""
    faults = (FileNotFoundError, Failure) if broken_is_none else (FileNotFoundError,)
    with suppress(*faults):
        return parse(name, _text(name))
    return None


def check_current(held: Pin) -> None:
    """Raise `Failure` if the pin in the working tree is no longer `held`."""
    if read(held.name, broken_is_none=True) != held:
        raise Failure(CHANGED)


def read_head(name: str) -> Pin:
    """The pin of the model `name` without its files, read six times faster. Raises `Failure`, FileNotFoundError."""
    return parse(name, _text(name), with_files=False)


def _text(name: str) -> str:
    # Bytes that are not UTF-8 become characters that YAML forbids, so `parse` rejects them with its own message.
    return path_of(name).read_text(encoding="utf-8", errors="surrogateescape")

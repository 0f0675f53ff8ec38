"""The YAML of pins: written so that DVC (YAML 1.2) and PyYAML (1.1) read it alike, and parsed fast."""

import json
import re

# No text matches two alternatives: else a fault after many lines would make the regex backtrack exponentially.
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*|[0-9](?:[0-9a-f]{31}(?:\.dir)?|[0-9a-f]{39}|[0-9a-f]{63})")
NESTED = re.compile(r"([\[{]\s*){9}|([-?] ){9}|^ {60}", re.MULTILINE)  # deeper nesting overflows the parser's stack
RAW = r"[^\"\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"  # characters that YAML takes as they are
ESCAPED = r'\\["\\/bfnrt]|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}'  # escapes that YAML and JSON share
QUOTED = rf'"(?:{RAW}|{ESCAPED})*"'
VALUE = rf"{PLAIN.pattern}|{QUOTED}"
HEAD = re.compile(
    rf"outs:\n- md5: (?P<md5>{VALUE})\n  size: (?P<size>[0-9]+)\n  nfiles: (?P<nfiles>[0-9]+)\n  hash: (?P<hash>md5)\n"
    rf"  path: (?P<path>{VALUE})\nmeta:(?P<meta>(?:\n  [a-z_]+: (?:{VALUE}|\[{QUOTED}(?:, {QUOTED})*\]))*)"
)
FILES = "\n  files:\n"
LINE = re.compile(
    rf"    ({VALUE}): "
    r'\{size: ([0-9]+), md5: "?([0-9a-f]{32})"?, sha256: "?([0-9a-f]{64})"?(?:, crc64nvme: "?([0-9a-f]{16})"?)?\}'
)
WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def scalar(value: str | int | tuple[str, ...]) -> str:
    """`value` as YAML that DVC's parser (1.2) and PyYAML (1.1) read as the same string, number or list of strings."""
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in WORDS:
        try:
            float(value)  # a digest such as 12345678e9… would be read as a number
        except ValueError:
            return value
    return json.dumps(value, ensure_ascii=False)


def _value(text: str) -> object:
    return json.loads(text) if text.startswith(('"', "[")) else text


def _entries(lines: str) -> dict[str, dict] | None:
    """`meta.files` from `lines`, or None if they are not exactly as `pin.dump` writes them."""
    found = [LINE.fullmatch(line) for line in lines.splitlines()]
    if not found or not all(found):
        return None
    keys = ("size", "md5", "sha256", "crc64nvme")
    files = {_value(path): dict(zip(keys, more, strict=True)) for path, *more in (each.groups() for each in found)}
    return files if len(files) == len(found) else None


def document(text: str, with_files: bool = True) -> dict:
    """The YAML `text` as a mapping, scalars as strings; without `with_files` the files of a pin may be left out.

    A pin as `pin.dump` writes it is read without a YAML parser, ten times faster. Raises ValueError.
    """
    start, files, lines = text.partition(FILES)
    if not with_files and all(line.startswith("    ") for line in lines.splitlines()):  # no other key follows the files
        files = ""
    found, entries = HEAD.fullmatch(start), _entries(lines) if files else {}
    if found and entries is not None:
        out = {key: _value(value) for key, value in found.groupdict().items()}
        pairs = [line.strip().split(": ", 1) for line in out.pop("meta").split("\n")[1:]]
        meta = {key: _value(value) for key, value in pairs} | ({"files": entries} if files else {})
        if len(meta) == len(pairs) + bool(files):
            return {"outs": [out], "meta": meta}
    if NESTED.search(text):
        raise ValueError("it is nested too deep")
    from lib.model import strict_yaml

    return strict_yaml.load(text)

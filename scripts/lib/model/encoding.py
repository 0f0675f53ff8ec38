"""The YAML of pins, written so that the parsers of DVC (YAML 1.2) and PyYAML (1.1) read it alike, and read fast."""

import json
import re

import yaml

# A text can be only one of these, or a pin with a fault behind many lines would be tried in all ways.
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*|[0-9](?:[0-9a-f]{31}(?:\.dir)?|[0-9a-f]{39}|[0-9a-f]{63})")
NESTED = re.compile(r"([\[{]\s*){9}|([-?] ){9}|^ {60}", re.MULTILINE)  # deeper, the parser would overflow its stack
RAW = r"[^\"\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"  # neither refused nor folded by YAML
ESCAPED = r'\\["\\/bfnrt]|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}'  # that YAML and JSON both have
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
    """`value` as YAML that DVC's parser (1.2) and PyYAML (1.1) both read as the same text, number or list of texts."""
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in WORDS:
        try:
            float(value)  # a digest such as 12345678e9… would be read as a number
        except ValueError:
            return value
    return json.dumps(value, ensure_ascii=False)


def _value(text: str) -> object:
    return json.loads(text) if text.startswith(('"', "[")) else text


def _entries(lines: str) -> dict[str, dict] | None:
    """`meta.files` in `lines`, if they are as `dump` writes them; else None."""
    found = [LINE.fullmatch(line) for line in lines.splitlines()]
    if not found or not all(found):
        return None
    keys = ("size", "md5", "sha256", "crc64nvme")
    files = {_value(path): dict(zip(keys, more, strict=True)) for path, *more in (each.groups() for each in found)}
    return files if len(files) == len(found) else None


class Once(yaml.CBaseLoader):
    """Refuses a key that a mapping has twice, as DVC does."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        made = super().construct_mapping(node, deep)
        if len(made) != len(node.value):
            raise ValueError("has a key twice")
        return made


def document(text: str, with_files: bool = True) -> dict:
    """The mapping that `text` is, every scalar as text; without `with_files` the files of a pin may be left out.

    A pin as `dump` writes it is read without a YAML parser, which takes ten times as long. Raises ValueError,
    yaml.YAMLError.
    """
    start, files, lines = text.partition(FILES)
    if not with_files and all(line.startswith("    ") for line in lines.splitlines()):  # nothing else comes after them
        files = ""
    found, entries = HEAD.fullmatch(start), _entries(lines) if files else {}
    if found and entries is not None:
        out = {key: _value(value) for key, value in found.groupdict().items()}
        pairs = [line.strip().split(": ", 1) for line in out.pop("meta").split("\n")[1:]]
        meta = {key: _value(value) for key, value in pairs} | ({"files": entries} if files else {})
        if len(meta) == len(pairs) + bool(files):
            return {"outs": [out], "meta": meta}
    if NESTED.search(text):
        raise ValueError("nested too deep")
    return yaml.load(text, Loader=Once)

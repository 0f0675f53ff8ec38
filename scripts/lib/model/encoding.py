"""The YAML of pins, written so that the parsers of DVC (YAML 1.2) and PyYAML (1.1) read it alike, and read fast."""

import json
import re

import yaml

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*|[0-9a-f]{32}(\.dir)?|[0-9a-f]{40}|[0-9a-f]{64}")
NESTED = re.compile(r"([\[{]\s*){9}|([-?] ){9}|^ {60}", re.MULTILINE)  # deeper, the parser would overflow its stack
LINE = re.compile(
    r'    ([A-Za-z][A-Za-z0-9_./-]*|"(?:[^"\\]|\\.)*"): '
    r'\{size: ([0-9]+), md5: "?([0-9a-f]{32})"?, sha256: "?([0-9a-f]{64})"?(?:, crc64nvme: "?([0-9a-f]{16})"?)?\}'
)
WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def scalar(value: object) -> str:
    """`value` as YAML that DVC's parser (1.2) and PyYAML (1.1) both read as the same string or number."""
    if isinstance(value, int):
        return str(value)
    text = str(value)
    try:
        float(text)  # a digest such as 12345678e9… would be read as a number
    except ValueError:
        if PLAIN.fullmatch(text) and text.lower() not in WORDS:
            return text
    return json.dumps(text, ensure_ascii=False)


def _entries(lines: str) -> dict[str, dict] | None:
    """`meta.files` in `lines`, if they are as `dump` writes them: ten times faster than a YAML parser. Else None."""
    found = [LINE.fullmatch(line) for line in lines.splitlines()]
    if not found or not all(found):
        return None
    paths = [json.loads(each[1]) if each[1].startswith('"') else each[1] for each in found]
    keys = ("size", "md5", "sha256", "crc64nvme")
    return {path: dict(zip(keys, each.groups()[1:], strict=True)) for path, each in zip(paths, found, strict=True)}


def _yaml(text: str) -> dict:
    if NESTED.search(text):
        raise ValueError("nested too deep")
    return yaml.load(text, Loader=yaml.CBaseLoader)


def document(text: str) -> dict:
    """The mapping that `text` is, every scalar as text. Raises ValueError, yaml.YAMLError."""
    head, _, lines = text.partition("\n  files:\n")
    if (entries := _entries(lines)) is None:
        return _yaml(text)
    document = _yaml(head)
    document["meta"] = (document["meta"] or {}) | {"files": entries}
    return document

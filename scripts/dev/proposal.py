"""For update.yml, from JSON reports: which models to update, and the text of a pull request.

Usage: proposal.py plan OUTDATED       (prints a JSON list of NAMEs; models too large for this disk are left out,
                                        with a warning)
       proposal.py body DIFF VERIFY    (prints Markdown)
"""

import json
import shutil
import sys
from pathlib import Path

from lib.core import text

SPARE = 1 << 30  # bytes to leave free


def plan(outdated: dict) -> list[str]:
    """The NAMEs of the models that are newer on the Hub and fit on this disk."""
    free = shutil.disk_usage(".").free - SPARE
    newer = [model for model in outdated["models"] if model["status"] in ("newer", "commit gone")]
    for model in newer:
        if model["new_size"] > free:
            said = f"{text.size(model['new_size'])} do not fit on this runner"
            print(f"::warning::update: {model['name']} is skipped: {said}", file=sys.stderr)
    return [model["name"] for model in newer if model["new_size"] <= free]


def code(said: str) -> str:
    """`said` as inline code, so that Markdown interprets nothing in it, even in a table."""
    return f"`{said.replace('`', ' ').replace('|', ' ')}`"


def body(diff: dict, verify: dict) -> str:
    """The text of the pull request for the one model in both reports, as Markdown."""
    (model,) = diff["models"]
    at = f"`{model['commit']}` (`{model['revision']}`)"
    lines = [f"`{model['source']}` is now {at}, before `{model['old_commit']}`.", ""]
    now = (model.get("license") == "other" and model.get("license_name")) or model.get("license")
    if (before := model.get("old_license")) != now:
        lines += [f"**The license changed: {code(before or 'none')} -> {code(now or 'none')}.**", ""]
    lines += ["| file | | before | after |", "| --- | --- | --- | --- |"]
    for each in model["changes"]:
        old, new = (text.size(each[key]) if key in each else "" for key in ("old_size", "size"))
        was = code(each["old_path"]) if each["kind"] == "renamed" else old
        lines.append(f"| {code(each['path'])} | {each['kind']} | {was} | {new} |")
    return "\n".join([*lines, "", f"`make verify`: {verify['summary']}"])


if __name__ == "__main__":
    read = [json.loads(Path(path).read_text(encoding="utf-8")) for path in sys.argv[2:]]
    print(json.dumps(plan(*read)) if sys.argv[1] == "plan" else body(*read))

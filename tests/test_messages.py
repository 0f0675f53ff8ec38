"""Every sentence that a command can print, in one list to read as a whole: tests/messages.list.

After a change of one: python tests/test_messages.py > tests/messages.list, and read what changed.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "tests" / "messages.list"
SPEAK = {"Failure", "_unusable", "Refusal", "Unable", "remark", "note", "result", "say", "Finding", "finding"}


def words(node: ast.expr, parts: dict[str, ast.expr]) -> str:
    """The text of a string or f-string, with `…` for what only the run knows; empty for anything else.

    `parts` are the strings that have a name.
    """
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(words(part, parts) or "…" for part in node.values)
    if isinstance(node, ast.BinOp):
        return (words(node.left, parts) or "…") + (words(node.right, parts) or "…")
    name = getattr(getattr(node, "value", node), "id", "")
    return words(parts[name], {key: part for key, part in parts.items() if key != name}) if name in parts else ""


def named(scope: ast.stmt) -> dict[str, ast.expr]:
    """The strings of `scope` that are the only value of a name there."""
    nodes = list(ast.walk(scope))
    stored = [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    counts = Counter([*stored, *(node.arg for node in nodes if isinstance(node, ast.arg))])
    pairs = []
    for node in nodes:
        if isinstance(node, ast.Assign):
            both = (node.targets[0], node.value)
            is_many = all(isinstance(side, ast.Tuple) for side in both)
            pairs += zip(*(side.elts for side in both), strict=False) if is_many else [both]
    return {to.id: value for to, value in pairs if isinstance(to, ast.Name) and counts[to.id] == 1 and words(value, {})}


def sentences(tree: ast.Module) -> Iterator[str]:
    """What is handed to a function that speaks, and what a function that explains returns."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for scope in (*functions, *(node for node in tree.body if not isinstance(node, (ast.FunctionDef, ast.ClassDef)))):
        parts = named(scope)
        for node in ast.walk(scope):
            said = []
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in SPEAK:
                said = [*node.args, *(each.value for each in node.keywords if each.arg == "detail")]
            elif isinstance(node, (ast.Return, ast.Yield)) and node.value:
                said = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            yield from (words(each, parts) for each in said)


def collected() -> str:
    found = set()
    for path in (*ROOT.glob("scripts/**/*.py"), *ROOT.glob("scripts/**/*.sh")):
        where, text = path.relative_to(ROOT / "scripts").as_posix(), path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            found |= {f"{where}: {said.strip()}" for said in sentences(ast.parse(text)) if " " in said.strip("… ")}
        else:
            for said in re.findall(r"(?:die|printf '%s\\n') \"([^\"]* [^\"]*)\"", text):
                found.add(f"{where}: {re.sub(r'[$][{(]?[^ ]+', '…', said)}")
    return "".join(f"{line}\n" for line in sorted(found))


def test_the_list_of_messages_is_what_the_commands_can_print():
    assert collected() == LIST.read_text(encoding="utf-8")


def test_messages_keep_their_form():
    for line in LIST.read_text(encoding="utf-8").splitlines():
        said = line.partition(": ")[2]
        assert not said.endswith((".", "!", " ")), line  # a sentence here is followed by nothing
        assert "please" not in said.lower(), line
        assert "  " not in said, line


if __name__ == "__main__":
    print(collected(), end="")

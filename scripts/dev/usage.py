"""Help, the check before every command, and completion, from what the Makefile declares.

Usage: usage.py check   (GOALS and TYPED: the targets and the names of the variables on make's command line)
       usage.py help    (VERB: the command to explain; without it, all are listed)
       usage.py complete WORD...   (the words after `make`; prints the completions of the last one)
It runs before every command, and before .venv exists: so it works on any Python 3, and imports little.
"""

import os
import sys

VARIABLES = {}  # name -> what it is
COMMANDS = {}  # name -> (purpose, usage, example)
LISTED = []  # (title of a group, "") or ("", name), in their order
before = ""
with open("Makefile", encoding="utf-8") as file:
    for line in file.read().split("\n"):  # re would take as long to import as all the rest
        rule, _, said = line.partition(" ## ")
        name = rule.partition(":")[0]
        if line.startswith("$(call variable,"):
            name, _, said = line.partition(",")[2].partition(")")
            VARIABLES[name] = said.partition("# ")[2]
        elif line.startswith("##@ "):
            LISTED.append((line[4:], ""))
        elif said and name.isalpha() and name.islower():
            purpose, _, usage = said.partition(": ")
            COMMANDS[name] = (purpose, usage, before[2:] if before.startswith("# make ") else f"make {name}")
            LISTED.append(("", name))
        before = line


def variables(command):
    """The variables of `command` as its usage shows them: whether it is optional, the name, `1` for a switch."""
    words = COMMANDS[command][1].split()
    return [(word[0] == "[", *word.strip("[]").partition("=")[::2]) for word in words]


def nearest(word, known, otherwise):
    """`did you mean …?` if one of `known` is like `word`, else `otherwise`."""
    from difflib import get_close_matches

    upper = [each.upper() for each in known]
    near = get_close_matches(word.upper(), upper, n=1)
    return f"did you mean {known[upper.index(near[0])]}?" if near else otherwise


def refusal(goals, typed):
    """Why `goals` cannot be run with the variables `typed`, or None if they can."""
    known = [(goal, *each) for goal in goals if goal in COMMANDS for each in variables(goal)]
    takes = list(dict.fromkeys(variable for _, _, variable, _ in known))
    listed = f"it takes {', '.join(takes) or 'no variable'}"
    for goal in goals:
        if goal not in COMMANDS and not goal.startswith(".venv/"):
            if goals[0] in COMMANDS:
                how = "to name a model: MODEL=NAME" if "MODEL" in takes else listed
                return f"{goals[0]}: {ascii(goal)} is not a command; {how}"
            return f"make: no such command: {ascii(goal)}; {nearest(goal, list(COMMANDS), 'make help lists all')}"
    if goals[0] == "help" and goals[1:]:
        return f"help: to explain a command: make help VERB={goals[1]}"
    for variable in typed:
        if variable not in takes:
            kind = "does not take" if variable in VARIABLES else "unknown variable"
            name = variable if variable.isidentifier() else ascii(variable)
            return f"{goals[0]}: {kind} {name}; {nearest(variable, () if variable in VARIABLES else takes, listed)}"
    for goal, optional, variable, switch in known:
        value = os.environ.get(variable, "")
        if not optional and not value.strip():
            return f"{goal}: no {variable}; for example: {COMMANDS[goal][2]}"
        if switch and value not in ("", "1"):
            return f"{goal}: not a switch: {variable}={ascii(value)} (want {variable}=1, or leave it out)"
    return None


def show(wanted):
    """Print all commands in groups or, if one is `wanted`, its purpose, its variables and an example."""
    if not wanted:
        for title, name in LISTED:
            needed = [f"{variable}=" for optional, variable, _ in name and variables(name) if not optional]
            print(f"  {' '.join(['make', name, *needed]):<25} {COMMANDS[name][0]}" if name else f"\n{title}")
        print("\nmake help VERB=add explains a command and its variables")
        return
    if wanted not in COMMANDS:
        sys.exit(f"help: no such command: {ascii(wanted)}; {nearest(wanted, list(COMMANDS), 'make help lists all')}")
    purpose, usage, example = COMMANDS[wanted]
    print(f"make {wanted} {usage}".rstrip(), purpose, sep="\n")
    for _, variable, _ in variables(wanted):
        print(f"  {variable:<9} {VARIABLES[variable]}")
    print(f"for example: {example}")


def completions(typed, word):
    """The completions of `word` after the words `typed`."""
    goals = [each for each in typed if each in COMMANDS]
    taken = [each.partition("=")[0] for each in typed]
    found = [f"{name}={switch}" for goal in goals for _, name, switch in variables(goal) if name not in taken]
    if word.startswith("MODEL="):
        from glob import glob

        found = [f"MODEL={path[7:-4]}" for path in sorted(glob("models/*.dvc") + glob("models/*/*.dvc"))]
    elif word or not goals:
        found += COMMANDS
    return [each for each in dict.fromkeys(found) if each.startswith(word)]


if __name__ == "__main__":
    if sys.argv[1] == "complete":
        print(*completions(sys.argv[2:-1], sys.argv[-1]), sep="\n")
    elif sys.argv[1] == "help":
        show(os.environ.get("VERB"))
    else:
        sys.exit(refusal((os.environ.get("GOALS") or "help").split(), os.environ.get("TYPED", "").split()))

"""What a run found, in every form that is asked for: lines, JSON, annotations and a summary for GitHub Actions."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from lib.core import arguments, console, paths, text
from lib.core.errors import Failure

SCHEMA = 1  # of the JSON; another number means that a program has to be changed
MISSED = "not looked at"  # the kind of a finding that something was required and not done
NO_MODEL = "no model yet; add one: make add MODEL=ORG/NAME"
WHERE = {"cache changed": " in the cache", "remote changed": " on the remote", "remote missing": " from the remote"}


@dataclass(frozen=True)
class Finding:
    """What is wrong, and where: with the whole model if it names no `file`, with the remote if it names no `model`."""

    model: str
    place: str  # pin, disk, cache, remote or what else was looked at
    kind: str  # changed, missing or extra, or says more; of an object on a remote also how it was proven
    file: str = ""
    detail: str = ""  # a sentence where there is no `file`
    object: str = ""  # its id in `place`

    def __str__(self) -> str:
        if not self.file:
            return self.detail
        more = ": ".join(filter(None, [self.object and f"object {self.object}", self.detail]))
        where = WHERE.get(f"{self.place} {self.kind}", "")
        return f"{self.model}/{self.file}: {self.kind}{where}{more and f' ({more})'}"


class Report:
    """What one run of `verb` found: said as it comes, and by `close` in the forms that .github/REPORTS.md describes."""

    def __init__(self, verb: str) -> None:
        self.verb, self.models, self.notes = verb, [], []
        self.findings: list[Finding] = []
        self.facts: dict = {}  # further keys of the whole run
        if (typed := arguments.value("FORMAT")) not in ("", "json"):
            raise Failure(f"not a format: FORMAT={typed!r} (want json, or leave it out)")
        if typed := arguments.value("REPORT"):
            target = Path(os.path.realpath(paths.typed(typed)))
            taken = {Path(os.path.realpath(paths.ROOT / name)) for name in (".git", ".dvc", "models")}
            if taken & {target, *target.parents} or target.is_dir() or not target.parent.is_dir():
                raise Failure(
                    f"cannot write a report to REPORT={typed!r}; name a file in an existing folder, outside "
                    ".git, .dvc and models: REPORT=report.json"
                )

    def note(self, line: str) -> None:
        self.notes.append(line)
        console.result(line)

    def say(self, line: str) -> None:
        self.note(f"{self.verb}: {line}")

    def found(self, *findings: Finding) -> None:
        for finding in findings:
            self.findings.append(finding)
            line = f"{self.verb}: {finding}"
            console.result(line)
            if arguments.value("GITHUB_ACTIONS") == "true":
                where = f" file=models/{finding.model}.dvc" if finding.model else ""
                console.result(f"::error{where}::{line.replace('%', '%25')}")

    @contextmanager
    def failing(self, name: str, place: str, kind: str, before: str = "") -> Iterator[None]:
        """Make a `Failure` that ends this early a finding."""
        try:
            yield
        except Failure as failure:
            self.found(Finding(name, place, kind, detail=f"{before}{failure}"))

    def model(self, name: str, files: int, total: int, **more: object) -> None:
        """Record that the model `name` (`total` bytes) was dealt with; further keys that are None are left out."""
        known = {key: value for key, value in more.items() if value is not None}
        self.models.append({"name": name, "files": files, "size": total, **known})

    def is_good(self, name: str) -> bool:
        """Whether no finding is of the model `name`, or of all; what REQUIRE misses may be of others."""
        return not any(each.model == name or not (each.model or each.kind == MISSED) for each in self.findings)

    def tally(self) -> str:
        """All models that were recorded: `3 models, 41 files, 24.4 GB`."""
        files, size = (sum(model[key] for model in self.models) for key in ("files", "size"))
        return f"{text.plural(len(self.models), 'model')}, {text.amount(files, size)}"

    def close(self, good: str, bad: str) -> None:
        """End the run with the sentence `good`, or raise `Failure` with `bad` if anything was found."""
        for model in self.models:
            model["ok"] = self.is_good(model["name"])
        self._write_json(bad if self.findings else good)
        self._write_summary(bad if self.findings else good)
        if self.findings:
            raise Failure(bad)
        console.result(good)

    def _write_json(self, summary: str) -> None:
        facts = {"schema": SCHEMA, "command": self.verb, "ok": not self.findings, "summary": summary}
        facts |= {"models": self.models, **self.facts}
        facts |= {"problems": [asdict(finding) for finding in self.findings], "notes": self.notes}
        lines = json.dumps(facts, indent=2, ensure_ascii=False)
        lines = lines.encode(errors="backslashreplace").decode()  # a name of a file that is no UTF-8
        if target := arguments.value("REPORT"):
            paths.typed(target).write_text(lines + "\n", encoding="utf-8")
        if arguments.value("FORMAT"):
            console.document(lines)

    def _write_summary(self, summary: str) -> None:
        if target := arguments.value("GITHUB_STEP_SUMMARY"):
            lines = [f"### make {self.verb}: {summary}", "", "| model | files | size | |", "| --- | --- | --- | --- |"]
            for model in self.models:
                state = model.get("status", "good") if model["ok"] else "**not good**"
                lines.append(f"| {model['name']} | {model['files']} | {text.size(model['size'])} | {state} |")
            lines += ["", *(f"- {finding}" for finding in self.findings)]
            with open(target, "a", encoding="utf-8") as file:
                file.write("\n".join(map(text.visible, lines)) + "\n\n")

"""The results of a run, in each requested form: lines, JSON, and annotations and a summary for GitHub Actions."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from lib.core import arguments, console, paths, text
from lib.core.errors import Failure

SCHEMA = 1  # of the JSON; it changes when programs that read the JSON must
MISSED = "not looked at"  # the kind of a finding that something in REQUIRE was not checked
NO_MODEL = "no model yet; add one: make add MODEL=ORG/NAME"
WHERE = {"cache changed": " in the cache", "remote changed": " on the remote", "remote missing": " from the remote"}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or the state of one object on a remote."""

    model: str  # empty: it concerns no single model
    place: str  # pin, disk, cache, remote or whatever else was checked
    kind: str  # changed, missing, extra and so on; for a good object on a remote, how it was checked
    file: str = ""  # empty: it concerns the whole model
    detail: str = ""  # a whole sentence if `file` is empty
    object: str = ""  # its id in the cache or on the remote

    def __str__(self) -> str:
        if not self.file:
            return self.detail
        more = ": ".join(filter(None, [self.object and f"object {self.object}", self.detail]))
        where = WHERE.get(f"{self.place} {self.kind}", "")
        return f"{self.model}/{self.file}: {self.kind}{where}{more and f' ({more})'}"


class Report:
    """The results of one run of `verb`, printed as they come; for `close` see .github/REPORTS.md. Raises `Failure`."""

    def __init__(self, verb: str) -> None:
        self.verb, self.models, self.notes = verb, [], []
        self.findings: list[Finding] = []
        self.facts: dict = {}  # further keys of the JSON
        if (typed := arguments.value("FORMAT")) not in ("", "json"):
            raise Failure(f"not a format: FORMAT={typed!r} (want json, or leave it out)")
        if typed := arguments.value("REPORT"):
            target = Path(os.path.realpath(paths.typed(typed)))
            taken = {Path(os.path.realpath(paths.ROOT / name)) for name in (".git", ".dvc", "models")}
            if taken & {target, *target.parents} or target.is_dir() or not target.parent.is_dir():
                how = "name a file in an existing folder, outside .git, .dvc and models: REPORT=report.json"
                raise Failure(f"cannot write a report to REPORT={typed!r}; {how}")
            if target.is_file():  # else a kill would leave what an earlier run found
                target.write_bytes(b"")

    def note(self, line: str) -> None:
        self.notes.append(line)
        console.result(line)

    def say(self, line: str) -> None:
        self.note(f"{self.verb}: {line}")

    def found(self, *findings: Finding) -> None:
        for finding in findings:
            self.findings.append(finding)
            console.result(f"{self.verb}: {finding}")
            self._annotate(finding)

    def ended(self, why: str) -> None:
        """Record that the command ended early, because of `why`; the caller prints that."""
        self.findings.append(Finding("", "command", "failed", detail=why))
        self._annotate(self.findings[-1])

    def _annotate(self, finding: Finding) -> None:
        if arguments.value("GITHUB_ACTIONS") == "true":
            where = f" file=models/{finding.model}.dvc" if finding.model else ""
            console.result(f"::error{where}::{self.verb}: {str(finding).replace('%', '%25')}")

    @contextmanager
    def failing(self, name: str, place: str, kind: str, before: str = "") -> Iterator[None]:
        """Turn a `Failure` that ends the block early into a finding."""
        try:
            yield
        except Failure as failure:
            self.found(Finding(name, place, kind, detail=f"{before}{str(failure).removeprefix(before)}"))

    def model(self, name: str, files: int, total: int, **more: object) -> None:
        """Record the model `name` of `total` bytes in the results; of `more`, keys that are None are left out."""
        known = {key: value for key, value in more.items() if value is not None}
        self.models.append({"name": name, "files": files, "size": total, **known})

    def is_good(self, name: str) -> bool:
        """Whether no finding concerns the model `name`, or all models; a `MISSED` one may concern only others."""
        return not any(each.model == name or not (each.model or each.kind == MISSED) for each in self.findings)

    def tally(self) -> str:
        """The total of all recorded models: `3 models, 41 files, 24.4 GB`."""
        files, size = (sum(model[key] for model in self.models) for key in ("files", "size"))
        return f"{text.plural(len(self.models), 'model')}, {text.amount(files, size)}"

    def close(self, good: str, bad: str) -> None:
        """Write the results, and end with the sentence `good`, or raise `Failure` with `bad` if there are findings."""
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
        lines = lines.encode(errors="backslashreplace").decode()  # a file name may not be UTF-8
        if target := arguments.value("REPORT"):
            paths.typed(target).write_text(lines + "\n", encoding="utf-8")
        if arguments.value("FORMAT"):
            print(lines, flush=True)

    def _write_summary(self, summary: str) -> None:
        if target := arguments.value("GITHUB_STEP_SUMMARY"):
            lines = [f"### make {self.verb}: {summary}", "", "| model | files | size | |", "| --- | --- | --- | --- |"]
            for model in self.models:
                state = model.get("status", "no problem found") if model["ok"] else "**not good**"
                lines.append(f"| {model['name']} | {model['files']} | {text.size(model['size'])} | {state} |")
            lines += ["", *(f"- {finding}" for finding in self.findings)]
            with open(target, "a", encoding="utf-8") as file:
                file.write("\n".join(map(text.visible, lines)) + "\n\n")

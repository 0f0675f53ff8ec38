"""What a run found, in every form that is asked for: lines, JSON, annotations and a summary for GitHub Actions."""

import json
from dataclasses import asdict, dataclass, field

from lib.core import arguments, paths, text
from lib.core.console import result
from lib.core.errors import Failure
from lib.core.finding import Finding

NO_MODEL = "no model yet; add one: make add MODEL=ORG/NAME"


@dataclass
class Report:
    """What one run of `verb` found: said line by line as it comes, and by `close` in the other forms.

    Under GitHub Actions each finding is also an annotation and the step summary gets a table; REPORT= names a file
    for the same facts as JSON, whose keys the README lists.
    """

    verb: str
    models: list[dict] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    looked: dict = field(default_factory=dict)

    def note(self, line: str) -> None:
        self.notes.append(line)
        result(line)

    def found(self, *findings: Finding) -> None:
        for finding in findings:
            self.findings.append(finding)
            result(f"{self.verb}: {finding}")
            if arguments.value("GITHUB_ACTIONS") == "true":
                line = f"{self.verb}: {finding}".replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
                where = f" file=models/{finding.model}.dvc" if finding.model else ""
                result(f"::error{where}::{line}")

    def model(self, name: str, files: int, total: int, **looked: str) -> None:
        """Record that the model `name` (`total` bytes) was dealt with; `looked` says for a place how."""
        self.models.append({"name": name, "files": files, "size": total, **looked})

    def is_good(self, name: str) -> bool:
        return not any(finding.model in (name, "") for finding in self.findings)

    def close(self, good: str, bad: str) -> None:
        """End the run with the sentence `good`, or raise `Failure` with `bad` if anything was found."""
        for model in self.models:
            model["ok"] = self.is_good(model["name"])
        self._write_json(bad if self.findings else good)
        self._write_summary(bad if self.findings else good)
        if self.findings:
            raise Failure(bad)
        result(good)

    def _write_json(self, summary: str) -> None:
        if target := arguments.value("REPORT"):
            facts = {"command": self.verb, "ok": not self.findings, "summary": summary, "models": self.models}
            facts |= {"looked": self.looked} if self.looked else {}
            facts |= {"problems": [asdict(finding) for finding in self.findings], "notes": self.notes}
            lines = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
            paths.typed(target).write_text(lines, encoding="utf-8")

    def _write_summary(self, summary: str) -> None:
        if target := arguments.value("GITHUB_STEP_SUMMARY"):
            lines = [f"### make {self.verb}: {summary}", "", "| model | files | size | |", "| --- | --- | --- | --- |"]
            for model in self.models:
                good = "good" if model["ok"] else "**not good**"
                lines.append(f"| {model['name']} | {model['files']} | {text.size(model['size'])} | {good} |")
            lines += ["", *(f"- {finding}" for finding in self.findings)]
            with open(target, "a", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")

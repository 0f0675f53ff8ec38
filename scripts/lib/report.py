"""How a result is said: the one module under lib/ that prints."""

import json
import os
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from lib.problem import Problem

NO_MODEL = "no model yet; add one: make add MODEL=ORG/NAME"


class Failure(Exception):
    """What is wrong, and what to type, as one finished sentence: `what is wrong: 'value'; what to type`."""


def say(line: str) -> None:
    """One line for the person who watches, on standard error."""
    sys.stderr.write(f"{line}\n")  # print writes the end of a line apart, and another process may come between
    sys.stderr.flush()


def note(line: str | None) -> None:
    """Say LINE if there is one."""
    if line:
        say(line)


def result(line: str) -> None:
    """One line of what was asked for, on standard output."""
    print(line, flush=True)


def size(count: int) -> str:
    """COUNT bytes for a person: 855 B, 24.4 GB (powers of 1000, as disks and the Hub count)."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if round(amount, 1) < 1000:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def plural(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def tally(models: int, files: int, total: int) -> str:
    """`3 models, 41 files, 24.4 GB`. TOTAL in bytes."""
    return f"{plural(models, 'model')}, {amount(files, total)}"


def amount(files: int, total: int) -> str:
    """`41 files, 24.4 GB`. TOTAL in bytes."""
    return f"{plural(files, 'file')}, {size(total)}"


@contextmanager
def progress(label: str, total: int):
    """Yield a function that takes the number of bytes just done; a bar of TOTAL bytes on a terminal, else nothing."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from tqdm import tqdm

    with tqdm(desc=label, total=total, unit="B", unit_scale=True, leave=False, dynamic_ncols=True) as bar:
        yield bar.update


@dataclass
class Report:
    """What one run of VERB found, said line by line as it comes, and by `close` in every other form that is wanted.

    Under GitHub Actions each problem is an annotation too, and the step summary gets a table; REPORT names a file for
    the same facts as JSON. The README has its schema.
    """

    verb: str
    models: list[dict] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, line: str) -> None:
        self.notes.append(line)
        result(line)

    def found(self, *problems: Problem) -> None:
        for problem in problems:
            self.problems.append(problem)
            result(f"{self.verb}: {problem}")
            if os.environ.get("GITHUB_ACTIONS") == "true":
                text = f"{self.verb}: {problem}".replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
                where = f" file=models/{problem.model}.dvc" if problem.model else ""
                result(f"::error{where}::{text}")

    def model(self, name: str, files: int, total: int, **looked: str) -> None:
        """The model NAME was dealt with; LOOKED says for a place how."""
        self.models.append({"name": name, "files": files, "size": total, **looked})

    def is_good(self, name: str) -> bool:
        return not any(problem.model in (name, "") for problem in self.problems)

    def close(self, good: str, bad: str) -> None:
        """End the run with the sentence GOOD, or raise Failure with BAD if there was a problem."""
        for model in self.models:
            model["ok"] = self.is_good(model["name"])
        self._write_json(bad if self.problems else good)
        self._write_summary(bad if self.problems else good)
        if self.problems:
            raise Failure(bad)
        result(good)

    def _write_json(self, said: str) -> None:
        if target := os.environ.get("REPORT"):
            facts = {"command": self.verb, "ok": not self.problems, "summary": said, "models": self.models}
            facts |= {"problems": [asdict(problem) for problem in self.problems], "notes": self.notes}
            from lib.names import caller_path  # it needs Failure from here

            caller_path(target).write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def _write_summary(self, said: str) -> None:
        if target := os.environ.get("GITHUB_STEP_SUMMARY"):
            rows = [
                f"| {m['name']} | {m['files']} | {size(m['size'])} | {'good' if m['ok'] else '**not good**'} |"
                for m in self.models
            ]
            lines = [
                f"### make {self.verb}: {said}",
                "",
                "| model | files | size | |",
                "| --- | --- | --- | --- |",
                *rows,
                "",
            ]
            lines += [f"- {problem}" for problem in self.problems]
            with open(target, "a", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")

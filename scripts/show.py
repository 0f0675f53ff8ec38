"""Print everything known about a model: pin, files, number of parameters if the weights are here, and Git history."""

from collections import Counter

from lib.core import arguments, console, text
from lib.core.report import Report
from lib.disk import destination, tensors
from lib.model import history, names, pin, releases, selection

WIDTH = 10  # characters of a title
STATE = {"absent": "not on disk"}
STATE |= {state: f"{state} on disk, by names and sizes" for state in ("present", "changed")}


def parameters(held: pin.Pin) -> dict[str, int]:
    """How many parameters the weights on disk have, by dtype; empty if they are not here or not safetensors."""
    folder = names.weights_dir(held.name)
    paths = [folder / path for path in held.files or () if path.endswith(".safetensors")]
    counts: Counter = Counter()
    for (_, each), files in tensors.of_files(paths).items():
        counts[each.dtype] += files * each.elements
    return dict(counts)


def described(held: pin.Pin, on_disk: str, counts: dict[str, int], titles: list[str] | None) -> dict[str, str | None]:
    """The lines about `held`, by title; `counts` are its parameters by dtype, `titles` its releases."""
    return {
        "source": held.source and f"{held.source}, {held.revision} at {held.commit}",
        "base": held.base,
        "origin": held.origin,
        "license": " ".join(filter(None, (held.license, held.license_name, held.license_link))) or "none stated",
        "include": " ".join(held.include),
        "exclude": " ".join(held.exclude),
        "left out": " ".join(held.left_out),
        "allowed": held.allow and f"{' '.join(held.allow)} ({held.reason})",
        "weights": f"{text.amount(held.nfiles, held.size)}; {STATE[on_disk]}",
        "releases": " ".join(titles or ()),
        "parameters": ", ".join(f"{count:,} {dtype}" for dtype, count in sorted(counts.items())),
    }


def show(name: str, titles: list[str] | None, report: Report) -> None:
    """Print and report the model `name`, whose releases are `titles`. Raises `Failure` for a broken pin."""
    held, log = selection.checked(name), history.log(name)
    on_disk, counts = destination.on_disk(held), parameters(held)
    files = sorted((held.files or {}).items(), key=lambda each: (-each[1].size, each[0]))
    console.result(name)
    for title, line in described(held, on_disk, counts, titles).items():
        if line:
            console.result(f"  {title:<{WIDTH}} {line}")
    widest = max(map(len, held.files or ()), default=0)
    for path, file in files:
        console.result(f"  {text.size(file.size):>{WIDTH}} {path:<{widest}}  sha256 {file.sha256}")
    for entry in log:
        said = {key: text.one_line(value) for key, value in entry.items()}
        console.result("  {date} {commit:.7} {author}: {subject}".format_map(said))
    if history.is_shallow():
        report.note(f"{name}: this clone is shallow, so older Git commits are not shown (git fetch --unshallow)")
    known = {"disk": on_disk, "releases": titles, "parameters": counts or None}
    known |= {key: getattr(held, key) or None for key in ("include", "exclude", "left_out")}
    said = ({"path": path, **vars(file)} for path, file in files)
    known |= {"contents": [{key: value for key, value in each.items() if value is not None} for each in said]}
    report.model(**pin.facts(held), **known, history=log)


def main(report: Report) -> tuple[str, str]:
    chosen, titles = selection.select(arguments.value("MODEL")), releases.titles()
    for name in chosen:
        show(name, titles.get(name), report)
    return f"showed {text.plural(len(chosen), 'model')}", ""

"""What the project promises about its speed, and the tables that show it. A target is reported, never asserted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from measure import Usage

Medians = Mapping[str, Usage]  # by `work/system`, and by `work/system/step` for a work of several commands


@dataclass(frozen=True)
class Target:
    """`value` of the medians and the model's size should not exceed `bound`; `form` is the format of both."""

    label: str
    value: Callable[[Medians, int], float]
    bound: float
    form: str = "{:.2f}"


def ratio(label: str, bound: float, one: str, *others: str) -> Target:
    """The time of `one` divided by that of all `others` together."""
    return Target(label, lambda m, _: m[one].seconds / sum(m[other].seconds for other in others), bound)


def seconds(label: str, bound: float, one: str) -> Target:
    return Target(label, lambda m, _: m[one].seconds, bound, "{:.2f} s")


REMOTE_PART = ("many-remote/make/make verify", "many-remote/make/make verify OFFLINE=1")
ALONE = ("add/by hand/hf download google/gemma-3-4b-it", "add/by hand/dvc push")
FROM_XET = ("add-xet/make/make add MODEL=acme/tiny", "add-xet/make/make add MODEL=google/gemma-3-4b-it")
TARGETS = [
    ratio("add / by hand", 0.6, "add/make", "add/by hand"),
    ratio("add / (hf download + dvc push alone)", 1.25, "add/make", *ALONE),
    Target(
        "add from Xet, less that of a small model / hf download",
        lambda m, _: (m[FROM_XET[1]].seconds - m[FROM_XET[0]].seconds) / m["add-xet/hf"].seconds,
        1.15,
    ),
    Target("read by add from Xet / size", lambda m, size: m[FROM_XET[1]].read / size, 1.1),
    ratio("verify / openssl on every core", 1.15, "verify/make", "verify/openssl"),
    ratio("verify / git lfs fsck", 0.5, "verify/make", "verify/git lfs"),
    ratio("verify / git annex fsck", 0.5, "verify/make", "verify/git annex"),
    ratio("verify / dvc made to hash again", 0.5, "verify/make", "verify/by hand"),
    ratio("pull from a folder / cp", 1.7, "pull/make", "pull/cp"),
    ratio("pull from S3 / (rclone copy, then sha256)", 1.1, "pull-s3/make", "pull-s3/rclone sha256"),
    ratio("pull from S3 over 250 MiB a second / rclone copy", 1.05, "pull-s3-capped/make", "pull-s3-capped/rclone"),
    ratio("push to S3 / rclone copy", 1.0, "push-s3/make", "push-s3/rclone"),
    Target("CPU of pull from S3", lambda m, size: m["pull-s3/make"].cpu / size * 1e9, 1.45, "{:.2f} s/GB"),
    Target("the same over TLS", lambda m, size: m["pull-s3-tls/make"].cpu / size * 1e9, 2.2, "{:.2f} s/GB"),
    Target("disk used after add / size", lambda m, size: m["add/make"].disk / size, 1.02),
    Target(
        "read by add after the download / size (what add again reads taken off)",
        lambda m, size: (m["add/make"].read - m["add-again/make"].read) / size,
        1.1,
    ),
    Target("peak memory of any command of ours", lambda m, _: peak(m) / 1e6, 400, "{:.0f} MB"),
    Target(
        "verify of many pins, the remote's part",
        lambda m, _: m[REMOTE_PART[0]].seconds - m[REMOTE_PART[1]].seconds,
        5,
        "{:.2f} s",
    ),
    *(seconds(f"list, {pins}", 1.5, f"{work}list/make") for pins, work in (("1 pin", ""), ("many pins", "many-"))),
    seconds("add of a small model, many pins", 5, "many-add/make"),
    *(
        seconds(f"{verb} with nothing to do, {pins}", 2, f"{work}{verb}-again/make")
        for verb in ("add", "pull")
        for pins, work in (("1 pin", ""), ("many pins", "many-"))
    ),
]


def peak(medians: Medians) -> float:
    """The largest process of any work of the project, in bytes. Raises KeyError if none was measured.

    Works with Xet are left out: their store is a folder, which hf_xet serves to itself, in the same process.
    """
    ours = [used.peak for key, used in medians.items() if key.split("/")[1] == "make" and "xet" not in key]
    if not ours:
        raise KeyError("make")
    return max(ours)


def judged(medians: Medians, size: int) -> list[tuple[Target, float]]:
    """The targets whose parts were all measured, with their values."""
    found = []
    for target in TARGETS:
        try:
            found.append((target, target.value(medians, size)))
        except KeyError:
            continue
    return found


def table(rows: list[tuple[str, ...]]) -> str:
    """`rows`, the first of which is the header, as columns: text to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines)


def target_table(medians: Medians, size: int) -> str:
    rows = [("target", "measured", "at most", "")]
    for target, value in judged(medians, size):
        said = "met" if value <= target.bound else "missed"
        rows.append((target.label, target.form.format(value), target.form.format(target.bound), said))
    return table(rows)


def work_table(work: str, medians: Medians, size: int) -> str:
    """What each system used for `work`; `ours` is the time of make divided by that of the row."""
    rows = [(work, "time", "ours", "cpu", "cpu/GB", "memory", "read", "written", "from disk", "to disk", "stays")]
    ours = medians.get(f"{work}/make")
    for key, used in medians.items():
        place, system, *step = key.split("/", 2)
        if place == work:
            against = f"{ours.seconds / used.seconds:.2f}" if ours and not step and system != "make" else ""
            label = f"  {step[0]}" if step else system
            sizes = (used.peak, used.read, used.written, used.disk_read, used.disk_written, used.disk)
            cells = [f"{used.seconds:.2f} s", against, f"{used.cpu:.2f} s", f"{used.cpu / size * 1e9:.2f} s"]
            rows.append((label, *cells, *(f"{round(each / 1e6)} MB" for each in sizes)))
    return table(rows)

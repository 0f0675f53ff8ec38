"""How fast the project is, compared with other systems at the same work, on this machine and over loopback.

Usage: [PINS=1000] [SHARDS=2] [BENCH_JSON=FILE] make bench [SIZE=2GB] [ROUNDS=3] [WORK='add pull …'] [CASES='make …']
CASES names systems, with a dash for a space: by-hand. PINS is the number of pins for `many`, SHARDS the number of files
with weights. A chart, FILE with the suffix .svg, is written beside the JSON; .github/ has both, from one run.
"""

import json
import os
import re
import shutil
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from chart import chart
from measure import Usage, adopt_orphans, chill, disk_used, middle, use_up, warm
from others import Annex, Hand, Lfs
from ours import Make
from servers import Broken
from systems import Cp, Hf, Openssl, Rclone, RcloneHashed, Ready, System
from targets import judged, target_table, work_table
from world import SMALL, World

SYSTEMS = (Make, Hand, Hf, Lfs, Annex, Rclone, RcloneHashed, Openssl, Cp)
WORKS = {
    "add": "from the Hub to the disk, the remote and Git",
    "update": "the same where the last shard has changed",
    "add-xet": "from Xet, where the remote holds the objects already; of hf the download alone",
    "pull": "to a fresh clone, from a folder",
    "pull-s3": "to a fresh clone, from S3",
    "pull-s3-tls": "the same over TLS",
    "pull-s3-capped": "the same over a line of 250 MiB a second",
    "push-s3": "to an empty bucket in S3",
    "verify": "the disk, from memory",
    "verify-cold": "the disk, from the disk",
    "remote": "a folder remote, without reading the objects",
    "remote-deep": "a folder remote, every byte",
    "remote-s3": "the disk and S3, without reading the objects",
    "add-again": "nothing to do",
    "pull-again": "nothing to do; the weights are looked at",
    "list": "1 pin",
    "many-add": "a small model, many pins",
    "many-add-again": "nothing to do, many pins",
    "many-pull-again": "nothing to do, many pins",
    "many-list": "many pins",
    "many-verify": "the disk, many pins",
    "many-remote": "the pins alone, and with a folder remote; many pins, no weights on disk",
}
NAMES = [system.name.replace(" ", "-") for system in SYSTEMS]
ROOM, ROOM_EACH = 4, 2  # times the size of the model: what the Hub and its stores hold, and what each system keeps


def stop(sentence: str) -> None:
    raise SystemExit(f"bench: {sentence}")


def setting(variable: str, default: str) -> str:
    return os.environ.get(variable) or default


def size_of(text: str) -> int:
    """`text`, such as `2GB` or `50MB`, in bytes."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(MB|GB)", text)
    size = int(float(found[1]) * {"MB": 1e6, "GB": 1e9}[found[2]]) if found else 0
    if size < sum(SMALL.values()) + 1_000_000:
        stop(f"not a size: {text!r} (want 50MB or more, such as 2GB)")
    return size


def chosen(variable: str, known: list[str]) -> list[str]:
    """The words in `variable`, or all of `known` if it is not set."""
    words = setting(variable, "").split()
    if unknown := sorted(set(words) - set(known)):
        stop(f"not known: {variable}={' '.join(unknown)!r} (want some of {' '.join(known)})")
    return [word for word in known if not words or word in words]


def systems(world: World) -> list[System]:
    """The systems that CASES names, if their programs are installed; prints a line for each that is skipped."""
    names, found = chosen("CASES", NAMES), []
    for name, system in zip(NAMES, SYSTEMS, strict=True):
        if name in names:
            lacking = [need for need in system.needs if not shutil.which(need, path=world.path)]
            if lacking:
                print(f"skipped: {system.name}: {lacking[0]} is not installed", flush=True)
            else:
                found.append(system(world))
    return found


def possible(works: list[str], world: World) -> list[str]:
    """`works`, without those that need a store if there is none."""
    lacking = [work for work in works if "s3" in work and not shutil.which("rclone", path=world.path)]
    for work in lacking:
        print(f"skipped: {work}: rclone, which is the store, is not installed", flush=True)
    return [work for work in works if work not in lacking]


def doing(system: System, work: str):
    """The method of `system` for `work`, or None."""
    return getattr(system, work.removesuffix("-cold").replace("-", "_"), None)


def settle(world: World, ready: Ready, cold: bool) -> None:
    """Give all the same start: nothing left to write, memory in use, the weights in memory or, if `cold`, on disk."""
    os.sync()
    use_up(world.ballast)
    if ready.read:
        (chill if cold else warm)(ready.read)


def once(world: World, system: System, work: str) -> dict[str, Usage]:
    """What `system` used for `work`, by key: in total, and per step if there are several. Raises Broken."""
    ready: Ready = doing(system, work)()
    settle(world, ready, work.endswith("-cold"))
    before = disk_used(ready.folder)
    steps = [world.run(*step.command, cwd=ready.folder, **step.env) for step in ready.steps]
    total = sum(steps, Usage(disk=disk_used(ready.folder) - before))
    key = f"{work}/{system.name}"
    parts = {f"{key}/{step.name}": used for step, used in zip(ready.steps, steps, strict=True)}
    return {key: total, **(parts if len(parts) > 1 else {})}


class Bench:
    """All runs so far, by key."""

    def __init__(self, world: World, rounds: int) -> None:
        self.world, self.rounds = world, rounds
        self.runs: dict[str, list[Usage]] = {}
        self.broken: list[str] = []

    def medians(self) -> dict[str, Usage]:
        return {key: middle(usages) for key, usages in self.runs.items()}

    def work(self, work: str, able: list[System]) -> None:
        """Run all rounds of `work`, every other one backwards, so that no system always follows the same one."""
        able = [system for system in able if doing(system, work)]
        for number in range(self.rounds):
            for system in able[:: -1 if number % 2 else 1]:
                try:
                    found = once(self.world, system, work)
                except Broken as broken:
                    self.broken.append(f"{work}: {system.name}: {broken}")
                    print(f"broken: {self.broken[-1]}", flush=True)
                    able = [other for other in able if other is not system]
                    continue
                for key, used in found.items():
                    self.runs.setdefault(key, []).append(used)
                took = found[f"{work}/{system.name}"].seconds
                print(f"{work}: round {number + 1} of {self.rounds}: {system.name}: {took:.2f} s", file=sys.stderr)
        if any(key.startswith(f"{work}/") for key in self.runs):
            print(f"\n{work}: {WORKS[work]}\n{work_table(work, self.medians(), self.world.size)}", flush=True)

    def write(self, path: Path) -> None:
        medians = self.medians()
        facts = {
            "size": self.world.size,
            "rounds": self.rounds,
            "shards": len(self.world.shards),
            "pins": self.world.pins,
            "cores": os.cpu_count(),
            "medians": {key: asdict(used) for key, used in medians.items()},
            "runs": {key: [asdict(used) for used in usages] for key, usages in self.runs.items()},
            "targets": [
                {"target": target.label, "value": value, "at_most": target.bound}
                for target, value in judged(medians, self.world.size)
            ],
            "broken": self.broken,
        }
        path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        path.with_suffix(".svg").write_text(chart(facts, WORKS), encoding="utf-8")


def main() -> int:
    out = sys.stdout
    if setting("FORMAT", "") == "json":
        sys.stdout = sys.stderr
    size, rounds = size_of(setting("SIZE", "2GB")), int(setting("ROUNDS", "3"))
    works = chosen("WORK", list(WORKS))
    free, need = shutil.disk_usage(tempfile.gettempdir()).free, (ROOM + ROOM_EACH * len(chosen("CASES", NAMES))) * size
    if free < need:
        stop(
            f"{free / 1e9:.0f} GB are free at {tempfile.gettempdir()}, want {need / 1e9:.0f}; set TMPDIR, SIZE or CASES"
        )
    adopt_orphans()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    world = World(size, int(setting("SHARDS", "2")), int(setting("PINS", "1000")))
    target = Path(setting("BENCH_JSON", f"{world.top}.json")).absolute()
    bench = Bench(world, rounds)
    try:
        shape = f"{size / 1e9:g} GB in {len(world.shards)} shards, {world.pins} pins for many"
        print(f"{shape}; {rounds} rounds, {os.cpu_count()} cores", flush=True)
        able = systems(world)
        for work in possible(works, world):
            bench.work(work, able)
    except KeyboardInterrupt:
        bench.broken.append("stopped")
        print("bench: stopped", file=sys.stderr)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # nothing may interrupt the cleanup
        world.close()
    if bench.runs:
        bench.write(target)
        print(f"\ntargets\n{target_table(bench.medians(), size)}\n\nas JSON: {target}, and as a chart beside it")
        if setting("FORMAT", "") == "json":
            out.write(target.read_text())
    return 1 if bench.broken else 0


if __name__ == "__main__":
    sys.exit(main())

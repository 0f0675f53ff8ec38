"""The systems side by side: for each work that one can do, a method prepares it and returns the commands to measure.

A method is named after its work. What the work starts from (a clone, weights that are already there) is made in the
method and not measured.
"""

import os
import shlex
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from world import BUCKET, MODEL, NAME, World

CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Step:
    """One command of a work; `name` says what is run."""

    name: str
    command: list[str]
    env: dict[str, str] = field(default_factory=dict)


def step(line: str, *more: str, **env: str) -> Step:
    """The command `line`, split as a shell would, with `more` words that the step's name leaves out."""
    return Step(line, [*shlex.split(line), *more], env)


@dataclass(frozen=True)
class Ready:
    """`steps` to run in `folder`, whose disk use counts; they read the files in `read`, from memory or a cold disk."""

    folder: Path
    steps: list[Step]
    read: Path | None = None


def hashed() -> Step:
    """sha256 of every file in the folder."""
    line = f"find . -type f -print0 | xargs -0 -n 1 -P {CORES} openssl dgst -sha256"
    return Step(f"openssl dgst -sha256, {CORES} side by side", ["sh", "-c", line])


class System:
    """`needs` are programs; if one is missing, the system is left out."""

    name, needs = "", ()

    def __init__(self, world: World) -> None:
        self.world = world

    def run(self, ready: Ready) -> Ready:
        """Run the steps of `ready`, and return it."""
        for each in ready.steps:
            self.world.run(*each.command, cwd=ready.folder, **each.env)
        return ready

    def git_init(self, folder: Path) -> None:
        self.world.run("git", "init", "--quiet", "--initial-branch", "main", cwd=folder)

    def download(self, **env: str) -> Step:
        return step(f"hf download {MODEL}", "--local-dir", f"models/{NAME}", **env)


class Hf(System):
    """The Hub's own client."""

    name = "hf"

    def checked(self) -> Step:
        return step(f"hf cache verify {MODEL}", "--local-dir", f"models/{NAME}")

    def add(self, name: str | None = None) -> Ready:
        return Ready(self.world.room(name) / "clone", [self.download(), self.checked()], self.world.weights)

    def add_xet(self) -> Ready:
        download = self.download(HF_ENDPOINT=self.world.hub_xet)
        return Ready(self.world.room() / "clone", [download], self.world.top / "xet")

    @cached_property
    def added(self) -> Path:
        return self.run(self.add("hf")).folder

    def verify(self) -> Ready:
        return Ready(self.added, [self.checked()], self.added / "models")


class Rclone(System):
    name, needs = "rclone", ("rclone",)

    def plain(self, store: str) -> str:
        """Put the weights as they are on the S3 store; returns rclone's address for them."""
        self.world.publish(self.world.weights, "plain")
        return f":s3,provider=Rclone,env_auth=true,endpoint='{store}':{BUCKET}/plain"

    def pull(self) -> Ready:
        folder, target = self.world.weights, self.world.room() / "clone"
        return Ready(target, [step("rclone copy", str(folder), f"models/{NAME}")], folder)

    def pull_s3(self) -> Ready:
        return self.copied(self.world.store)

    def pull_s3_capped(self) -> Ready:
        return self.copied(self.world.store_capped)

    def pull_s3_tls(self) -> Ready:
        return self.copied(self.world.store_tls, "--ca-cert", str(self.world.certificate))

    def copied(self, store: str, *options: str) -> Ready:
        copy = step("rclone copy", self.plain(store), f"models/{NAME}", *options)
        return Ready(self.world.room() / "clone", [copy], self.world.weights)

    def push_s3(self) -> Ready:
        target = self.plain(self.world.store).rpartition(":")[0] + f":{self.world.empty('copied')}"
        return Ready(self.world.weights, [step("rclone copy", ".", target)], self.world.weights)

    def remote_s3(self) -> Ready:
        check = step("rclone check", ".", self.plain(self.world.store_with_etags))
        return Ready(self.world.weights, [check], self.world.weights)


class RcloneHashed(Rclone):
    """What it takes to know that the copy is right: rclone, then sha256 of every file, one process per core."""

    name = "rclone sha256"

    def copied(self, store: str, *options: str) -> Ready:
        ready = super().copied(store, *options)
        return Ready(ready.folder, [*ready.steps, hashed()], ready.read)

    pull = remote_s3 = push_s3 = None


class Cp(System):
    """The lower bound for the disk."""

    name = "cp"

    def pull(self) -> Ready:
        return Ready(self.world.room() / "clone", [step("cp -r", str(self.world.weights), ".")], self.world.weights)


class Openssl(System):
    """The lower bound for hashing: one process per core."""

    name, needs = "openssl", ("openssl",)

    def verify(self) -> Ready:
        return Ready(self.world.weights, [hashed()], self.world.weights)

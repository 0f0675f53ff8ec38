"""The project itself, through its make targets."""

import sys
from functools import cached_property
from itertools import count
from pathlib import Path

from systems import Ready, Step, System, step
from world import MODEL, TINY


class Make(System):
    name, numbers = "make", count()

    def fresh(self, room: Path) -> Path:
        return self.on_remote(self.world.clone(self.world.checkout, room), room / "remote")

    def on_remote(self, clone: Path, remote: Path) -> Path:
        self.world.run("make", "remote", f"URL={remote}", cwd=clone)
        return clone

    def on_store(self, clone: Path, store: str) -> Path:
        url = self.world.publish(self.added.parent / "remote", "dvc")
        self.world.run("dvc", "remote", "add", "--force", "--default", "storage", url, cwd=clone)
        self.world.run("dvc", "remote", "modify", "storage", "endpointurl", store, cwd=clone)
        return clone

    def add(self, name: str | None = None) -> Ready:
        return Ready(self.fresh(self.world.room(name)), [step(f"make add MODEL={MODEL}")], self.world.weights)

    def update(self) -> Ready:
        before = self.run(self.add())
        add = step(f"make add MODEL={MODEL}", HF_ENDPOINT=self.world.hub_later)
        return Ready(before.folder, [add], self.world.weights_later)

    def add_xet(self) -> Ready:
        remote, clone = self.added.parent / "remote", self.world.clone(self.world.checkout, self.world.room())
        steps = [step(f"make add MODEL={model}", HF_ENDPOINT=self.world.hub_xet) for model in (TINY, MODEL)]
        return Ready(self.on_remote(clone, remote), steps, self.world.top / "xet")

    @cached_property
    def added(self) -> Path:
        return self.run(self.add("make")).folder

    def second(self, name: str | None = None) -> Path:
        """A clone on another machine, with the same remote."""
        return self.on_remote(self.world.clone(self.added, self.world.room(name)), self.added.parent / "remote")

    @cached_property
    def bare(self) -> Path:
        return self.second("make bare")

    @cached_property
    def stored(self) -> Path:
        """A clone with weights whose remote is the S3 store."""
        clone = self.on_store(self.world.clone(self.added, self.world.room("make s3")), self.world.store_with_etags)
        return self.run(Ready(clone, [step("make pull")])).folder

    def pull(self) -> Ready:
        clone = self.second()
        return Ready(clone, [step("make pull")], self.added.parent / "remote")

    def pull_s3(self) -> Ready:
        self.added  # noqa: B018  # made now, before the one room is taken
        clone = self.on_store(self.world.clone(self.added, self.world.room()), self.world.store)
        return Ready(clone, [step("make pull")], self.added.parent / "remote")

    def pull_s3_capped(self) -> Ready:
        return self.elsewhere(self.pull_s3(), self.world.store_capped)

    def pull_s3_tls(self) -> Ready:
        trust = str(self.world.certificate)
        return self.elsewhere(self.pull_s3(), self.world.store_tls, AWS_CA_BUNDLE=trust)

    def elsewhere(self, ready: Ready, store: str, **env: str) -> Ready:
        """`ready`, but with its remote at another address of the store."""
        self.world.run("dvc", "remote", "modify", "storage", "endpointurl", store, cwd=ready.folder)
        return Ready(ready.folder, [Step(each.name, each.command, env) for each in ready.steps], ready.read)

    def push_s3(self) -> Ready:
        """To an empty bucket, from a clone that has added the model."""
        clone = self.on_store(self.added, self.world.store)
        url = f"s3://{self.world.empty('pushed')}"
        self.world.run("dvc", "remote", "modify", "storage", "url", url, cwd=clone)
        return Ready(clone, [step("make push")], self.added / "models")

    def verify(self) -> Ready:
        return Ready(self.added, [step("make verify OFFLINE=1")], self.added / "models")

    def remote(self) -> Ready:
        return Ready(self.bare, [step("make verify")])

    def remote_deep(self) -> Ready:
        return Ready(self.bare, [step("make verify DEEP=1")], self.added.parent / "remote")

    def remote_s3(self) -> Ready:
        return Ready(self.stored, [step("make verify")], self.stored / "models")

    def add_again(self) -> Ready:
        return Ready(self.added, [step(f"make add MODEL={MODEL}")])

    def pull_again(self) -> Ready:
        return Ready(self.added, [step("make pull")], self.added / "models")

    def list(self) -> Ready:
        return Ready(self.added, [step("make list")])

    @cached_property
    def many(self) -> Path:
        """A clone with many models, and one more that is on the Hub."""
        room = self.world.room("many")
        clone = self.fresh(room)
        program = [sys.executable, str(Path(__file__).with_name("pins.py"))]
        self.world.run(*program, str(clone), str(room / "remote"), str(self.world.pins), cwd=clone)
        for words in ("add models .dvc/config", "commit --quiet --message Many"):
            self.world.run("git", *words.split(), cwd=clone)
        return self.run(Ready(clone, [step(f"make add MODEL={TINY}")])).folder

    @cached_property
    def many_bare(self) -> Path:
        clone = self.world.clone(self.many, self.world.room("many bare"))
        return self.on_remote(clone, self.many.parent / "remote")

    def many_add(self) -> Ready:
        """Under a new name in each round."""
        return Ready(self.many, [step(f"make add MODEL={TINY} NAME=tiny-{next(self.numbers)}")])

    def many_add_again(self) -> Ready:
        return Ready(self.many, [step(f"make add MODEL={TINY}")])

    def many_pull_again(self) -> Ready:
        return Ready(self.many, [step("make pull")])

    def many_list(self) -> Ready:
        return Ready(self.many, [step("make list")])

    def many_verify(self) -> Ready:
        return Ready(self.many, [step("make verify OFFLINE=1")])

    def many_remote(self) -> Ready:
        """The pins alone, then the pins and the remote; the difference is the remote's part."""
        return Ready(self.many_bare, [step("make verify OFFLINE=1"), step("make verify")])

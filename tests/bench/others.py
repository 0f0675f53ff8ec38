"""Other systems that keep weights beside Git: DVC by hand, git-lfs and git-annex."""

import tempfile
from functools import cached_property
from pathlib import Path

from systems import Ready, Step, System, step
from world import NAME


class Hand(System):
    """The usual recipe, typed by hand, with DVC's defaults."""

    name = "by hand"

    def fresh(self, room: Path) -> Path:
        clone = room / "clone"
        self.git_init(clone)
        self.world.run("dvc", "init", "--quiet", cwd=clone)
        self.world.run("dvc", "remote", "add", "--default", "storage", str(room / "remote"), cwd=clone)
        self.world.run("git", "commit", "--quiet", "--all", "--message", "Start", cwd=clone)
        return clone

    def recipe(self, **env: str) -> list[Step]:
        commit = ["sh", "-c", f"git add models/{NAME}.dvc models/.gitignore && git commit --quiet --message Model"]
        add = step("dvc add", f"models/{NAME}")
        return [self.download(**env), add, Step("git commit", commit), step("dvc push")]

    def add(self, name: str | None = None) -> Ready:
        return Ready(self.fresh(self.world.room(name)), self.recipe(), self.world.weights)

    def update(self) -> Ready:
        before, steps = self.run(self.add()), self.recipe(HF_ENDPOINT=self.world.hub_later)
        return Ready(before.folder, steps, self.world.weights_later)

    @cached_property
    def added(self) -> Path:
        return self.run(self.add("hand")).folder

    def second(self) -> Path:
        source, clone = self.added, self.world.room() / "clone"
        self.world.run("git", "clone", "--quiet", str(source), str(clone), cwd=clone)
        return clone

    def pull(self) -> Ready:
        return Ready(self.second(), [step("dvc pull")], self.added.parent / "remote")

    def pull_s3(self) -> Ready:
        url = self.world.publish(self.added.parent / "remote", "hand")
        clone = self.second()
        self.world.run("dvc", "remote", "add", "--force", "--default", "storage", url, cwd=clone)
        self.world.run("dvc", "remote", "modify", "storage", "endpointurl", self.world.store, cwd=clone)
        return Ready(clone, [step("dvc pull")], self.added.parent / "remote")

    def verify(self) -> Ready:
        """With an empty state folder, so that DVC hashes the files again."""
        site = tempfile.mkdtemp(dir=self.world.top / "tmp")
        return Ready(self.added, [step("dvc status", DVC_SITE_CACHE_DIR=site)], self.added / "models")

    def remote(self) -> Ready:
        return Ready(self.added, [step("dvc status --cloud")])


class Lfs(System):
    name, needs = "git lfs", ("git-lfs",)

    def add(self, name: str | None = None) -> Ready:
        room = self.world.room(name)
        clone, remote = room / "clone", room / "remote"
        self.world.run("git", "init", "--quiet", "--bare", "--initial-branch", "main", cwd=remote)
        self.git_init(clone)
        self.world.run("git", "lfs", "install", "--local", cwd=clone)
        self.world.run("git", "remote", "add", "origin", f"file://{remote}", cwd=clone)
        (clone / ".gitattributes").write_text("models/** filter=lfs diff=lfs merge=lfs -text\n")
        steps = [step("git add ."), step("git commit", "--quiet", "--message", "Model")]
        push = step("git push", "--quiet", "origin", "main")
        return Ready(clone, [self.download(), *steps, push], self.world.weights)

    @cached_property
    def added(self) -> Path:
        return self.run(self.add("lfs")).folder

    def pull(self) -> Ready:
        source = self.added.parent / "remote"
        clone = self.world.room() / "clone"
        skip = {"GIT_LFS_SKIP_SMUDGE": "1"}
        self.world.run("git", "clone", "--quiet", f"file://{source}", str(clone), cwd=clone, **skip)
        self.world.run("git", "lfs", "install", "--local", cwd=clone)
        return Ready(clone, [step("git lfs pull")], source)

    def verify(self) -> Ready:
        return Ready(self.added, [step("git lfs fsck")], self.added / ".git" / "lfs")


class Annex(System):
    name, needs = "git annex", ("git-annex",)

    def add(self, name: str | None = None) -> Ready:
        room = self.world.room(name)
        clone = room / "clone"
        self.git_init(clone)
        self.world.run("git", "annex", "init", "--quiet", cwd=clone)
        remote = ["type=directory", f"directory={room / 'remote'}", "encryption=none"]
        self.world.run("git", "annex", "initremote", "--quiet", "folder", *remote, cwd=clone)
        commit = Step("git commit", ["git", "commit", "--quiet", "--message", "Model"])
        steps = [step("git annex add", "--quiet", "models"), commit]
        copy = step("git annex copy", "--quiet", "--to=folder")
        return Ready(clone, [self.download(), *steps, copy], self.world.weights)

    @cached_property
    def added(self) -> Path:
        return self.run(self.add("annex")).folder

    def pull(self) -> Ready:
        source = self.added
        clone, remote = self.world.room() / "clone", f"directory={source.parent / 'remote'}"
        self.world.run("git", "clone", "--quiet", str(source), str(clone), cwd=clone)
        self.world.run("git", "annex", "init", "--quiet", cwd=clone)
        self.world.run("git", "annex", "enableremote", "--quiet", "folder", remote, cwd=clone)
        get = step("git annex get", "--quiet", "--from=folder", ".")
        return Ready(clone, [get], source.parent / "remote")

    def verify(self) -> Ready:
        return Ready(self.added, [step("git annex fsck", "--quiet")], self.added / ".git" / "annex")

    def remote_deep(self) -> Ready:
        fsck = step("git annex fsck --from=folder", "--quiet")
        return Ready(self.added, [fsck], self.added.parent / "remote")

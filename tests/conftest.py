"""What the tests share. A world is a clone, a remote and a home, in a folder with a space in its name."""

import os
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hub import Hub

ROOT = Path(__file__).resolve().parents[1]
MEMORY = Path("/dev/shm")
if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 4 << 30:
    # Commands fsync what they write; on a disk, that takes two thirds of the time of all tests.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
# It takes over a second to import, and only for a format of texts that none of our schemas has.
sys.modules.setdefault("rfc3987_syntax", None)
MODEL = "acme/tiny"
FILES = {
    "config.json": b'{"hidden_size": 4}\n',
    "model.safetensors": bytes(range(256)) * 400,
    "nested/tokenizer.json": b'{"a": 1}\n',
    ".gitattributes": b"*.safetensors filter=lfs\n",
}
PINNED = {path: data for path, data in FILES.items() if path != ".gitattributes"}
VICTIM = "model.safetensors"  # the file that a fault damages
PLAN = re.compile(r"(add|update): (acme/\S+ at [0-9a-f]{7}|\S+: [0-9]+ files?, .* to fetch, )")  # before the download
TOOK = re.compile(r", ([0-9]+ min )?[0-9]+ s(?=[:;,]|$)", re.MULTILINE)  # elapsed time, which varies
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk, or listens at port 80")
LISTING_FAULTS = ["listing changed", "listing removed"]


@dataclass(frozen=True)
class Result:
    """How a command ended and what it printed, except for how long it took."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


@dataclass
class World:
    """A place to work in: a home with nothing but a Git config, and a folder remote beside the clone."""

    path: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def clone(self) -> Path:
        return self.path / "clone"

    @property
    def remote(self) -> Path:
        return self.path / "remote"

    def environment(self, **more: str) -> dict[str, str]:
        """Built from scratch, so that MAKEFLAGS, MODEL or GIT_DIR of whoever runs the tests cannot leak in."""
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "SSL_CERT_FILE") if key in os.environ}
        return kept | {"HOME": str(self.path / "home"), "TMPDIR": str(self.path)} | self.env | more

    def run(self, *command: str, cwd: Path | None = None, **env: str) -> Result:
        done = subprocess.run(
            command,
            cwd=cwd or self.clone,
            env=self.environment(**env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        return Result(done.returncode, TOOK.sub("", done.stdout), TOOK.sub("", done.stderr))

    def make(self, *words: str, **env: str) -> Result:
        return self.run("make", *words, **env)

    def ok(self, *words: str, **env: str) -> Result:
        """Run `make` with `words`, which must succeed."""
        result = self.make(*words, **env)
        assert result.code == 0, result.said
        return result

    def refused(self, *words: str, **env: str) -> str:
        """Run `make` with `words`, which must fail cleanly; returns its error without make's lines and the plan."""
        result = self.make(*words, **env)
        assert result.code == 2, result.said
        assert "Traceback" not in result.said
        lines = [line for line in result.err.splitlines() if "***" not in line or "Stop." in line]
        return "\n".join(line for line in lines if not line.startswith("note:") and not PLAN.match(line))

    def git(self, *words: str, cwd: Path | None = None) -> str:
        result = self.run("git", *words, cwd=cwd)
        assert result.code == 0, result.said
        return result.out

    def dvc(self, *words: str) -> Result:
        return self.run(str(ROOT / ".venv" / "bin" / "dvc"), *words, DVC_SITE_CACHE_DIR=str(self.path / "site"))

    def weights(self, name: str = "tiny") -> Path:
        return self.clone / "models" / name

    def pin(self, name: str = "tiny") -> Path:
        return self.clone / "models" / f"{name}.dvc"

    def on_disk(self, name: str = "tiny") -> dict[str, bytes]:
        top = self.weights(name)
        return {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}

    def objects(self) -> dict[str, Path]:
        """The objects on the remote, by id."""
        found = (self.remote / "files" / "md5").glob("*/*")
        return {path.parent.name + path.name: path for path in found if not path.name.startswith(".")}

    def head(self) -> str:
        return self.git("rev-parse", "HEAD").strip()

    def state(self) -> tuple[str, str, dict[str, bytes]]:
        """Everything that a refused command must leave alone: the commit, the index and work tree, the weights."""
        models = self.clone / "models"
        found = {str(path.relative_to(models)): path.read_bytes() for path in models.rglob("*") if path.is_file()}
        return self.head(), self.git("status", "--porcelain"), found

    def second(self, name: str = "second") -> "World":
        """Another machine: a clone of this clone with the same remote and nothing else."""
        other = World(self.path / name, dict(self.env))
        (other.path / "home").mkdir(parents=True)
        shutil.copy(self.path / "home" / ".gitconfig", other.path / "home")
        self.git("clone", "--quiet", str(self.clone), str(other.clone), cwd=self.path)
        os.symlink("../remote", other.remote)
        furnish(other.clone)
        return other


def furnish(clone: Path) -> None:
    """Lend `clone` this checkout's .venv; backdated requirement files keep make from rebuilding it."""
    os.symlink(ROOT / ".venv", clone / ".venv")
    for path in [*clone.glob("scripts/**/*.txt"), *clone.glob("tests/*.txt")]:
        os.utime(path, (0, 0))


def flip(path: Path, at: int = 0) -> None:
    """Change one byte of the file at `path`, but not its size, time or mode."""
    status = path.stat()
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    path.chmod(status.st_mode)


def start(world: World, *words: str, **env: str) -> subprocess.Popen:
    """Start `make` with `words` in its own process group, as a terminal or a CI runner would."""
    return subprocess.Popen(
        ["make", *words],
        cwd=world.clone,
        env=world.environment(**env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def victim(world: World, place: str, fault: str) -> Path:
    """The file that `fault` damages at `place`: on disk, or in the cache or the remote."""
    if place == "disk":
        return world.weights() / VICTIM
    top = world.remote if place == "remote" else world.clone / ".dvc" / "cache"
    objects = [path for path in (top / "files" / "md5").glob("*/*") if not path.name.startswith(".")]
    listing = next(path for path in objects if path.suffix == ".dir")
    return listing if fault in LISTING_FAULTS else max(objects, key=lambda path: path.stat().st_size)


def inflict(world: World, place: str, fault: str) -> None:
    """Damage the file at `place` as `fault` says; other hard links to it stay intact, and it keeps DVC's mode."""
    path = victim(world, place, fault)
    data = path.read_bytes()
    path.unlink()
    if fault.endswith("removed"):
        return
    bad = {"truncated": data[:1000], "emptied": b""}.get(fault, data[:10] + bytes([data[10] ^ 1]) + data[11:])
    path.write_bytes(bad)
    path.chmod(0o444)


def forget_weights(world: World, cache: bool) -> None:
    shutil.rmtree(world.weights())
    if cache:
        shutil.rmtree(world.clone / ".dvc" / "cache")


def track(world: World, name: str, content: str = "") -> None:
    """Pin the model `name`: one file with `content` or, without it, the name."""
    folder = world.path / "weights"
    folder.mkdir(exist_ok=True)
    (folder / "a.bin").write_text(content or name)
    world.ok("track", f"NAME={name}", f"DIR={folder}")


def add_hook(world: World, script: str, name: str = "pre-commit") -> Path:
    """Make `script` the hook `name` of the clone of `world`; returns its path."""
    path = world.clone / ".git" / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)
    return path


def in_place_of(world: World, program: str, script: str) -> str:
    """A PATH on which `program` runs `script`, in sh, and then the real program, unless the script exits."""
    path = world.path / "in place" / program
    path.parent.mkdir()
    path.write_text(f'#!{shutil.which("sh")}\n{script}\nexec {shutil.which(program)} "$@"\n')
    path.chmod(0o755)
    return f"{path.parent}:{world.environment()['PATH']}"


def with_only(folder: Path, *programs: str) -> str:
    """A PATH with `programs` and nothing else: links to them in `folder`."""
    for name in programs:
        (folder / name).symlink_to(shutil.which(name))
    return str(folder)


def forget_the_user(world: World) -> None:
    """From now on Git does not know who its user is."""
    (world.path / "home" / ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")


def refuse_commits(world: World) -> Path:
    """Install a hook that refuses every commit from now on; returns its path."""
    return add_hook(world, "#!/bin/sh\nexit 1\n")


@contextmanager
def mounted(where: Path, *options: str, kind: str = "tmpfs"):
    """Mount a small disk in memory, or another `kind` of file system, at `where`, with `options` of mount."""
    where.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", kind, *options, kind, str(where)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(where)], check=True)


def heeds_permissions(folder: Path) -> bool:
    """Whether this process may not read a file whose permissions say so, unlike root in most places."""
    (probe := folder / "forbidden").touch(mode=0)
    try:
        return not os.access(probe, os.R_OK)
    finally:
        probe.unlink()


def set_clock(world: World, seconds: float) -> None:
    """Set the clock that commands in `world` see ahead by `seconds`, or behind if they are negative."""
    hook = world.clone / "scripts" / "sitecustomize.py"
    hook.write_text(f"import time\nreal = time.time\ntime.time = lambda: real() + {seconds}\n")


def settings(world: World, text: str, local: bool = False) -> None:
    """Make `text` the DVC settings of the user or, with `local`, of this clone alone."""
    folder = world.clone / ".dvc" if local else world.path / "home" / ".config" / "dvc"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ("config.local" if local else "config")).write_text(text)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with what takes longest, so that no process is left alone with it in the end."""
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)


@pytest.fixture(scope="session")
def bare_world(tmp_path_factory) -> World:
    """This checkout as if just cloned, uncommitted changes included."""
    world = World(tmp_path_factory.mktemp("a world"))
    (world.path / "home").mkdir()
    (world.path / "home" / ".gitconfig").write_text("[user]\n\tname = A Tester\n\temail = tester@example.com\n")
    made = world.run("scripts/dev/template.sh", str(world.clone), cwd=ROOT)
    assert made.code == 0, made.said
    # Most tests pin made-up weights, in no valid format; tests of the policy set their own.
    page = world.clone / "models" / "policy.yaml"
    page.write_text(page.read_text().replace("formats: [", "formats: any # ["))
    world.git("commit", "--quiet", "--all", "--amend", "--no-edit")
    world.git("gc", "--quiet")  # so that each copy has half as many files
    world.run(".venv/bin/python", "-m", "compileall", "-q", "scripts")  # once here, not in each test's copy
    return world


@pytest.fixture(scope="session")
def ground(tmp_path_factory) -> Path:
    """The path at which each test in turn has its world, as the cached settings of DVC are valid for one path alone."""
    return tmp_path_factory.mktemp("ground") / "my world"


@contextmanager
def lent(model: World, ground: Path, home: Path) -> Iterator[World]:
    """Yield a copy of `model` at `ground`, and move it to `home` afterwards."""
    assert not ground.exists(), "another world is there"
    try:
        yield copy(model, World(ground))
    finally:
        ground.rename(home)


@pytest.fixture(scope="session")
def template(bare_world, ground) -> World:
    """`bare_world` with a folder remote, as `make remote` would set it, and with DVC's settings cached."""
    home = bare_world.path.parent / (bare_world.path.name + " with remote")
    with lent(bare_world, ground, home) as world:
        config = world.clone / ".dvc" / "config"
        config.write_text(config.read_text().replace("url = storage", "url = ../../remote"))
        world.remote.mkdir()
        (world.remote / ".model-weights").write_text("a remote\n")
        world.git("commit", "--quiet", "--all", "--message", "Set the remote")
        world.ok("pull")
    return World(home)


def copy(world: World, target: World) -> World:
    """Copy `world` to `target`, keeping hard links, so that the cache and the weights still share their files."""
    target.path.mkdir(exist_ok=True)
    subprocess.run(["cp", "-a", f"{world.path}/.", str(target.path)], check=True)
    return target


@pytest.fixture(scope="session")
def tracking(template, ground, tmp_path_factory) -> Callable[..., World]:
    """A function that returns `template` with models of these names tracked, each once for all tests of a process."""

    @cache
    def made(*names: str) -> World:
        if not names:
            return template
        home = tmp_path_factory.mktemp("tracking") / "a tracking world"
        with lent(made(*names[:-1]), ground, home) as world:
            track(world, names[-1])
        return World(home)

    return made


@pytest.fixture
def world(tracking, ground, tmp_path, request) -> Iterator[World]:
    """A clone with a folder remote and no model yet, except for those that the mark `tracks` of a test names."""
    names = [name for mark in request.node.iter_markers("tracks") for name in mark.args]
    with lent(tracking(*names), ground, tmp_path / "my world") as world:
        if names:
            world.git("status")  # else `git reset --hard` would write every file, and make would renew .venv
        yield world


@pytest.fixture(scope="session")
def lasting(template, tmp_path_factory) -> World:
    """A clone shared by the tests of one process that leave it unchanged: their commands are refused or only report."""
    return copy(template, World(tmp_path_factory.mktemp("a lasting world")))


@pytest.fixture
def refusing(lasting, hub) -> World:
    """`lasting`, for a test that needs the Hub."""
    return World(lasting.path, {"HF_ENDPOINT": hub.url})


@pytest.fixture(scope="session")
def added_template(template, ground, tmp_path_factory) -> World:
    home = tmp_path_factory.mktemp("added") / "an added world"
    with Hub() as hub, lent(template, ground, home) as world:
        hub.commit(MODEL, FILES, license="apache-2.0")
        world.ok("add", f"MODEL={MODEL}", HF_ENDPOINT=hub.url)
    return World(home)


@pytest.fixture(scope="session")
def lasting_added(added_template, tmp_path_factory) -> World:
    """As `lasting`, with MODEL added."""
    return copy(added_template, World(tmp_path_factory.mktemp("a lasting world")))


@pytest.fixture
def added(added_template, ground, tmp_path) -> Iterator[World]:
    """A clone that has added MODEL, with its weights on disk and its objects on the remote."""
    with lent(added_template, ground, tmp_path / "my world") as world:
        yield world


@pytest.fixture
def hub():
    with Hub() as running:
        running.commit(MODEL, FILES, license="apache-2.0")
        yield running


@pytest.fixture(scope="session")
def authority(tmp_path_factory) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that nobody trusts by default, and a server's context with it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a store of our own")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
    path = tmp_path_factory.mktemp("authority") / "both.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return path, context


@pytest.fixture
def xet(tmp_path):
    """A Hub that keeps its large files in Xet."""
    store = tmp_path / "xet"
    store.mkdir()
    with Hub(xet=store) as running:
        running.commit(MODEL, FILES, license="apache-2.0")
        yield running


@pytest.fixture
def online(world, hub) -> World:
    """A clone that knows the Hub and has a folder remote."""
    world.env["HF_ENDPOINT"] = hub.url
    return world


@pytest.fixture
def added_online(added, hub) -> World:
    """A clone that has added MODEL and knows the Hub."""
    added.env["HF_ENDPOINT"] = hub.url
    return added


NEWER = FILES | {"config.json": b'{"hidden_size": 8}\n'}


@pytest.fixture(scope="session")
def released_template(added_template, ground, tmp_path_factory) -> World:
    home = tmp_path_factory.mktemp("released") / "a released world"
    with Hub() as hub, lent(added_template, ground, home) as world:
        world.ok("release", "MODEL=tiny", "VERSION=1.0.0")
        world.ok("release", "MODEL=tiny", "STAGE=prod", "VERSION=1.0.0")
        hub.commit(MODEL, FILES, license="apache-2.0")
        hub.commit(MODEL, NEWER)
        world.ok("update", HF_ENDPOINT=hub.url)
        world.ok("release", "MODEL=tiny", "VERSION=1.1.0")
    return World(home)


@pytest.fixture
def released(released_template, ground, hub, tmp_path) -> Iterator[World]:
    """A clone that knows the Hub, with tiny 1.0.0 in prod, and 1.1.0 checked out, which is the newest on the Hub."""
    hub.commit(MODEL, NEWER)
    with lent(released_template, ground, tmp_path / "my world") as world:
        world.env["HF_ENDPOINT"] = hub.url
        yield world


@pytest.fixture(scope="session")
def tracked_template(added_template, ground, tmp_path_factory) -> World:
    home = tmp_path_factory.mktemp("tracked") / "a tracked world"
    with lent(added_template, ground, home) as world:
        track(world, "mine")
    return World(home)


@pytest.fixture
def tracked(tracked_template, ground, tmp_path) -> Iterator[World]:
    """A clone that has added MODEL and tracks `mine`, one file whose content is that name."""
    with lent(tracked_template, ground, tmp_path / "my world") as world:
        yield world


@pytest.fixture
def within(monkeypatch) -> Callable[[float], None]:
    """A function to call with the TIMEOUT that our own functions are to find."""

    def typed(seconds: float) -> None:
        monkeypatch.setenv("TIMEOUT", f"{seconds:g}")

    return typed

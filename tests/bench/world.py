"""The scratch world of the benchmark: weights, Hubs and a store on loopback, and rooms to work in; all in one folder.

A room is a folder with a `clone` and a `remote`. Rooms under `kept/` are made once and only read afterwards; `now/` is
the one room for commands that change things, and is emptied before each.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from functools import cached_property
from pathlib import Path

from measure import Usage, measure
from servers import Broken, Servers

ROOT = Path(__file__).resolve().parents[2]
MODEL, NAME = "google/gemma-3-4b-it", "gemma-3-4b-it"
TINY, TINY_SIZE = "acme/tiny", 1_000  # bytes
CARD = b"---\nlicense: gemma\n---\n"
SMALL = {
    ".gitattributes": 1_570,
    "README.md": 24_265,
    "added_tokens.json": 35,
    "chat_template.json": 1_615,
    "config.json": 855,
    "generation_config.json": 215,
    "model.safetensors.index.json": 90_594,
    "preprocessor_config.json": 570,
    "processor_config.json": 70,
    "special_tokens_map.json": 662,
    "tokenizer.json": 33_384_568,
    "tokenizer.model": 4_689_074,
    "tokenizer_config.json": 1_157_007,
}
BLOCK = 1 << 24
HEADER = 128  # bytes
BUCKET = "weights"
KEY = ("test", "testsecret")


def write_random(path: Path, size: int) -> None:
    """Write `size` bytes to `path`: random ones, after the header that its format has."""
    with path.open("wb") as file:
        size -= file.write(header(path.name, size))
        for start in range(0, size, BLOCK):
            file.write(os.urandom(min(BLOCK, size - start)))


def shards(count: int) -> dict[str, float]:
    """The weights of a model in `count` files, and which share of its bytes each has: two as gemma-3-4b-it has them."""
    shares = [0.577, 0.423] if count == 2 else [1 / count] * count
    return {f"model-{number:05}-of-{count:05}.safetensors": share for number, share in enumerate(shares, 1)}


def header(name: str, size: int) -> bytes:
    """How a file `name` of `size` bytes begins: a model card, or weights that are one tensor."""
    if name == "README.md":
        return CARD
    if not name.endswith(".safetensors"):
        return b""
    numbers = size - 8 - HEADER
    said = {"weight": {"dtype": "U8", "shape": [numbers], "data_offsets": [0, numbers]}}
    return HEADER.to_bytes(8, "little") + json.dumps(said).ljust(HEADER).encode()


def furnish(clone: Path) -> None:
    """Lend `clone` this checkout's .venv; backdated requirement files keep make from rebuilding it."""
    os.symlink(ROOT / ".venv", clone / ".venv")
    for path in [*clone.glob("scripts/**/*.txt"), *clone.glob("tests/*.txt")]:
        os.utime(path, (0, 0))


def remove(top: Path) -> None:
    """Remove `top`, including folders that git-annex made read-only."""
    if top.exists():
        subprocess.run(["chmod", "-R", "u+rwX", str(top)], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(top, ignore_errors=True)


class World:
    """`size` is that of the model in bytes, `files` the number of files with weights, `pins` that of pins for `many`.

    Everything is made when it is first asked for, and removed by close().
    """

    def __init__(self, size: int, files: int, pins: int) -> None:
        self.size, self.pins, self.shards = size, pins, shards(files)
        self.top = Path(tempfile.mkdtemp(prefix="bench-"))
        for name in ("home/.config/dvc", "tmp", "kept"):
            (self.top / name).mkdir(parents=True)
        self.log, self.ballast = self.top / "log", self.top / "ballast"
        self.path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        self.servers = Servers({"PATH": self.path, "HOME": str(self.top / "home")})
        (self.top / "home" / ".gitconfig").write_text(
            "[user]\n\tname = A Tester\n\temail = tester@example.com\n[gc]\n\tautoDetach = false\n"
        )
        # For DVC by hand: its defaults, except for what it would send over the network.
        (self.top / "home" / ".config" / "dvc" / "config").write_text(
            "[core]\n    analytics = false\n    check_update = false\n"
        )

    def close(self) -> None:
        self.servers.stop()
        remove(self.top)

    @cached_property
    def env(self) -> dict[str, str]:
        """Built from scratch, so that no setting of make or Git and no token of whoever runs this leaks in."""
        kept = {key: os.environ[key] for key in ("LANG", "SSL_CERT_FILE") if key in os.environ}
        home, hub = self.top / "home", {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1"}
        aws = {"AWS_ACCESS_KEY_ID": KEY[0], "AWS_SECRET_ACCESS_KEY": KEY[1], "AWS_DEFAULT_REGION": "us-east-1"}
        place = {"PATH": self.path, "HOME": str(home), "TMPDIR": str(self.top / "tmp"), "GIT_CONFIG_NOSYSTEM": "1"}
        dvc = {"DVC_SITE_CACHE_DIR": str(self.top / "site"), "DVC_NO_ANALYTICS": "true"}
        return kept | place | hub | aws | dvc | {"HF_ENDPOINT": self.hub}

    def run(self, *command: str, cwd: Path, **env: str) -> Usage:
        """Run `command`; returns what it used. Raises Broken if it failed."""
        code, used = measure(list(command), cwd, self.env | env, self.log)
        if code:
            said = self.log.read_text(errors="replace").strip().splitlines()[-5:]
            raise Broken("\n    ".join([f"{' '.join(command)}: exit status {code}", *said]))
        return used

    @cached_property
    def weights(self) -> Path:
        """The model as it is on the Hub."""
        folder, rest = self.top / "hub" / NAME, self.size - sum(SMALL.values())
        folder.mkdir(parents=True)
        for name, size in {**SMALL, **{shard: int(share * rest) for shard, share in self.shards.items()}}.items():
            write_random(folder / name, size)
        return folder

    @cached_property
    def tiny(self) -> Path:
        """A model of one small file."""
        folder = self.top / "hub" / "tiny"
        folder.mkdir(parents=True)
        write_random(folder / "model.safetensors", TINY_SIZE)
        return folder

    @cached_property
    def hub(self) -> str:
        """The URL of a Hub with the models."""
        return self.servers.hub(self.top / "before.url", f"{MODEL}={self.weights}", f"{TINY}={self.tiny}")

    @cached_property
    def weights_later(self) -> Path:
        """The model a day later: the last of its shards has changed."""
        folder = self.top / "hub" / "later"
        folder.mkdir()
        for path in self.weights.iterdir():
            if path.name == list(self.shards)[-1]:
                write_random(folder / path.name, path.stat().st_size)
            else:
                os.link(path, folder / path.name)
        return folder

    @cached_property
    def hub_later(self) -> str:
        """The URL of a Hub with the model of a day later."""
        return self.servers.hub(self.top / "later.url", f"{MODEL}={self.weights_later}")

    @cached_property
    def hub_xet(self) -> str:
        """The URL of a Hub that keeps large files in Xet."""
        (self.top / "xet").mkdir()
        models = (f"{MODEL}={self.weights}", f"{TINY}={self.tiny}")
        return self.servers.hub(self.top / "xet.url", *models, "--xet", str(self.top / "xet"))

    @cached_property
    def store(self) -> str:
        """The URL of an S3 store to pull from; its objects are the files under `s3/`.

        It has no ETags: for them it would hash the whole object at each range request, which no real store does.
        """
        return self._store("--etag-hash", "")

    @cached_property
    def store_with_etags(self) -> str:
        """The URL of the same store with ETags, to compare them."""
        return self._store("--etag-hash", "MD5")

    @cached_property
    def store_capped(self) -> str:
        """The URL of the store behind a line of 250 MiB a second."""
        return self._store("--etag-hash", "", "--bwlimit", "250M")

    @cached_property
    def certificate(self) -> Path:
        """The certificate of `store_tls`, which signs itself; its key lies beside it."""
        path = self.top / "store.pem"
        names = ["-subj", "/CN=store", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
        made = ["-newkey", "rsa:2048", "-nodes", "-keyout", str(path.with_suffix(".key")), "-out", str(path)]
        self.run("openssl", "req", "-x509", *made, *names, cwd=self.top)
        return path

    @cached_property
    def store_tls(self) -> str:
        """The URL of the store over TLS, for whoever trusts `certificate`."""
        files = ["--cert", str(self.certificate), "--key", str(self.certificate.with_suffix(".key"))]
        return self._store("--etag-hash", "", *files)

    def _store(self, *options: str) -> str:
        (self.top / "s3" / BUCKET).mkdir(parents=True, exist_ok=True)
        return self.servers.store(self.top / "s3", *KEY, *options)

    def publish(self, folder: Path, prefix: str) -> str:
        """Make the files in `folder` objects of the S3 store under `prefix`; returns their URL."""
        target = self.top / "s3" / BUCKET / prefix
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            self.run("cp", "-al", str(folder), str(target), cwd=self.top)
            time.sleep(2)  # the store caches its listings for a second
        return f"s3://{BUCKET}/{prefix}"

    def empty(self, prefix: str) -> str:
        """The bucket and `prefix` of the S3 store, with no object below it."""
        remove(self.top / "s3" / BUCKET / prefix)
        time.sleep(2)
        return f"{BUCKET}/{prefix}"

    def room(self, name: str | None = None) -> Path:
        """An empty room: with a `name` it is kept, without one the next such call empties it."""
        room = self.top / "kept" / name if name else self.top / "now"
        remove(room)
        (room / "clone").mkdir(parents=True)
        (room / "remote").mkdir()
        return room

    @cached_property
    def checkout(self) -> Path:
        """This checkout as if just cloned, uncommitted changes included and without any model."""
        clone = self.room("checkout") / "clone"
        self.run("scripts/dev/template.sh", str(clone), cwd=ROOT)
        return clone

    def clone(self, source: Path, room: Path) -> Path:
        """Clone the project `source` into `room`, as another machine would."""
        self.run("git", "clone", "--quiet", str(source), str(room / "clone"), cwd=self.top)
        furnish(room / "clone")
        return room / "clone"

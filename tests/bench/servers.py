"""A Hub and an S3 store on loopback, each a process that ends with the benchmark."""

import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

HUB = Path(__file__).resolve().parents[1] / "hub.py"


class Broken(Exception):
    """A command failed: which one, and the last lines that it printed."""


class Servers:
    """All servers that were started, with the environment `env`, until stop()."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env
        self.running: list[subprocess.Popen] = []

    def stop(self) -> None:
        for server in self.running:
            server.terminate()
            server.wait()

    def hub(self, ready: Path, *models: str) -> str:
        """The URL of a Hub that serves `models` (ORG/NAME=FOLDER); it writes the file `ready`. Raises Broken."""
        self._start(sys.executable, str(HUB), *models, "--ready", str(ready))
        while not ready.exists():
            self._still_there()
        return ready.read_text().strip()

    def store(self, folder: Path, key: str, secret: str, *options: str) -> str:
        """The URL of an S3 store with rclone's `options`; the folders in `folder` are its buckets.

        Like real stores, it does not hash what it sends. Raises Broken, or OSError without rclone.
        """
        with socket.create_server(("127.0.0.1", 0)) as probe:
            host, port = probe.getsockname()
        address = ["--addr", f"{host}:{port}", "--auth-key", f"{key},{secret}", "--no-checksum", *options]
        self._start("rclone", "serve", "s3", "--dir-cache-time", "1s", *address, str(folder))
        while True:
            with suppress(ConnectionRefusedError):
                socket.create_connection((host, port)).close()
                return f"http{'s' if '--cert' in options else ''}://{host}:{port}"
            self._still_there()

    def _start(self, *command: str) -> None:
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.running.append(subprocess.Popen(command, env=self.env, **quiet))

    def _still_there(self) -> None:
        time.sleep(0.05)
        if self.running[-1].poll() is not None:
            raise Broken(f"{' '.join(self.running[-1].args[:3])}: ended at once")

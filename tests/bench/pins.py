"""Makes many models of fifteen small files each: pins, weights on disk, objects in the cache and on a folder remote.

Usage: pins.py CLONE REMOTE COUNT   (a command of its own, so that its imports do not enlarge the measuring process)
"""

import hashlib
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from lib.core import digest
from lib.model import inventory, pin

FILES = tuple(f"model-{number:05}-of-00012.safetensors" for number in range(1, 13))
FILES += ("config.json", "tokenizer.json", "nested/vocabulary.txt")


def write(clone: Path, remote: Path, count: int) -> None:
    """Put `count` models into `clone` and their objects into the folder `remote`; nothing is committed."""
    models = [f"many-{number:04}" for number in range(count)]
    for name in models:
        contents = {path: f"{name}/{path}\n".encode() * 3 for path in FILES}
        held = _pin(name, contents)
        pin_path = clone / "models" / f"{name}.dvc"
        pin_path.write_text(pin.dump(held), encoding="utf-8")
        for item in inventory.of_pin(held, held.listing):
            data = item.data or contents[item.path]
            _object(remote, item.oid).write_bytes(data)
            cached = _object(clone / ".dvc" / "cache", item.oid)
            cached.write_bytes(data)
            cached.chmod(0o444)
            if item.data is None:
                path = clone / "models" / name / item.path
                path.parent.mkdir(parents=True, exist_ok=True)
                os.link(cached, path)
    with (clone / "models" / ".gitignore").open("a") as file:
        file.writelines(f"/{name}\n" for name in models)


def _pin(name: str, contents: dict[str, bytes]) -> pin.Pin:
    found = {path: digest.of_bytes(data, ("md5", "sha256")) for path, data in contents.items()}
    files = {path: digest.File(each.size, each.md5, each.sha256) for path, each in found.items()}
    commit = hashlib.sha1(name.encode()).hexdigest()
    return pin.build(name, files, source=f"bench/{name}", revision="main", commit=commit, license="apache-2.0")


def _object(store: Path, oid: str) -> Path:
    path = store / "files" / "md5" / oid[:2] / oid[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))

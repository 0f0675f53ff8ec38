"""After a power cut: what has its final name is on stable storage, and so is the name."""

from pathlib import Path

from conftest import track

HOOK = """
import os, sys
log, real = open({log!r}, "a", buffering=1), os.fsync
def fsync(handle):
    real(handle)
    print("sync", os.readlink(f"/proc/self/fd/{{handle}}"), sep="\\t", file=log)
os.fsync = fsync
sys.addaudithook(lambda event, of: event == "os.rename" and print("name", *of[:2], sep="\\t", file=log))
"""


def test_what_is_given_its_name_was_synced_and_so_is_the_name(added):
    log = added.path / "log"
    (added.clone / "scripts" / "sitecustomize.py").write_text(HOOK.format(log=str(log)))

    track(added, "mine")
    added.ok("export", "TO=../out")
    added.ok("pull", "MODEL=tiny", "TO=../run")

    lines = [line.split("\t") for line in log.read_text().splitlines()]
    named = [(at, Path(line[2])) for at, line in enumerate(lines) if line[0] == "name"]
    kept = [(at, path) for at, path in named if path.suffix in (".dvc", ".bundle") or "/files/md5/" in f"{path}"]
    kept = [(at, path) for at, path in kept if "/cache/" not in f"{path}"]
    assert {path.suffix for _, path in kept} >= {".dvc", ".bundle", ".dir", ""}
    for at, path in kept:
        assert ["sync", lines[at][1]] in lines[:at], path
        assert ["sync", str(path.parent)] in lines[at:], path
    synced = {line[1] for line in lines if line[0] == "sync"}
    assert {f"{added.path}/run/.tiny.part/model.safetensors", f"{added.path}/run"} <= synced
    assert f"{added.clone}/.dvc/tmp/staging/mine/files/a.bin" in synced

"""Runs one command in its own process group and measures what it uses.

- Time is that of the command; CPU, memory and bytes include every process that it starts, since the kernel adds the
  usage of a process to its parent once that waits for it, and orphans are adopted and waited for here.
- `read` and `written` count what programs asked the kernel for, in files and pipes, from memory or from disk. A socket
  counts only if it is read like a file, as Go programs do and Python does not.
- `disk_read` and `disk_written` are the part of that which reached the disk. Without /proc, all four are 0.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import median

PR_SET_CHILD_SUBREAPER = 36
BLOCK = 1 << 20
STRIDE = 1 << 28


@dataclass(frozen=True)
class Usage:
    """In seconds and bytes; `peak` is the largest resident size of any one process, `disk` what stays on the disk."""

    seconds: float = 0.0
    cpu: float = 0.0
    peak: int = 0
    read: int = 0
    written: int = 0
    disk_read: int = 0
    disk_written: int = 0
    disk: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        """The usage of this and then `other`."""
        sums = [one + two for one, two in zip(astuple(self), astuple(other), strict=True)]
        sums[2] = max(self.peak, other.peak)
        return Usage(*sums)


def middle(usages: list[Usage]) -> Usage:
    """The median of `usages`, field by field."""
    return Usage(*map(median, zip(*map(astuple, usages), strict=True)))


def adopt_orphans() -> None:
    """Make this the parent of every process that loses its own, where the system supports it."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def measure(command: list[str], cwd: Path, env: dict[str, str], log: Path) -> tuple[int, Usage]:
    """Run `command` with its output in `log`; returns its exit status and what it used. Raises OSError."""
    with log.open("wb") as output:
        before, start = _io(), time.perf_counter()
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            ended, spent = _wait(child)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            _wait(child)
            raise
    counted = [now - then for now, then in zip(_io(), before, strict=True)]
    cpu = sum(each.ru_utime + each.ru_stime for each in spent)
    unit = 1 if sys.platform == "darwin" else 1024
    return child.returncode, Usage(ended - start, cpu, max(each.ru_maxrss for each in spent) * unit, *counted)


def _wait(child: subprocess.Popen) -> tuple[float, list]:
    """When `child` ended, and the rusage of each process in its group that nobody else waits for."""
    ended, spent = time.perf_counter(), []
    with suppress(ChildProcessError):
        while True:
            pid, status, used = os.wait4(-child.pid, 0)
            spent.append(used)
            if pid == child.pid:
                ended = time.perf_counter()
                child.returncode = os.waitstatus_to_exitcode(status)
    return ended, spent


def _io() -> tuple[int, ...]:
    """Bytes that this process and those it waited for have read and written: as asked for, then on the disk."""
    try:
        lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    except OSError:
        return 0, 0, 0, 0
    return tuple(int(lines[key]) for key in ("rchar", "wchar", "read_bytes", "write_bytes"))


def _files(top: Path) -> Iterator[Path]:
    # Not a list: what this process takes counts as the peak of every command that it starts.
    found = (Path(folder, name) for folder, _, names in os.walk(top) for name in names)
    return (path for path in found if path.is_file() and not path.is_symlink())


def disk_used(top: Path) -> int:
    """Bytes on disk under `top`; a file with several names counts once."""
    said = subprocess.run(["du", "-sk", top], stdout=subprocess.PIPE, check=True).stdout
    return int(said.split()[0]) * 1024


def _free() -> int:
    """Bytes of memory that nothing uses, not even the file cache; 0 if the system does not say."""
    with suppress(OSError):
        lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        return int(lines["MemFree"].split()[0]) * 1024
    return 0


def use_up(ballast: Path) -> None:
    """Fill the free memory with pages of `ballast`, a sparse file, as on a machine that has been up for days.

    Otherwise the first command to need memory pays for all: many virtual machines give free memory back to their host
    within seconds, and later wait seconds for each GB of it (measured: 2 GB written by dd in 0.6 s, or in 7.3 s).
    """
    buffer = bytearray(BLOCK)
    with ballast.open("a+b", buffering=0) as file:
        while True:
            before = _free()
            file.truncate(file.tell() + STRIDE)  # pages that are not in memory yet
            while file.readinto(buffer):
                pass
            if before - _free() < STRIDE // 2:  # new pages now push out old ones
                return


def warm(top: Path) -> None:
    """Read all files under `top` into memory."""
    buffer = bytearray(BLOCK)
    for path in _files(top):
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def chill(top: Path) -> None:
    """Drop all files under `top` from memory; they are on the disk already."""
    for path in _files(top):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

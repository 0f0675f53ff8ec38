"""One command in a process group of its own, and what it used.

- Time is that of the command; CPU, memory and bytes are those of every process that it started, since what the kernel
  counts for a process goes to whoever waits for it, and an orphan is waited for here.
- `read` and `written` count what programs asked the kernel for: files and pipes, from memory or from disk. A socket
  counts only where it is read like a file, as programs in Go do and Python does not.
- `disk_read` and `disk_written` are the part of it that reached the disk; where there is no /proc, all four are 0.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import median

PR_SET_CHILD_SUBREAPER = 36
BLOCK = 1 << 20
STRIDE = 1 << 28


@dataclass(frozen=True)
class Usage:
    """Seconds, bytes; `peak` is the largest resident size of one process, `disk` what stays behind."""

    seconds: float = 0.0
    cpu: float = 0.0
    peak: int = 0
    read: int = 0
    written: int = 0
    disk_read: int = 0
    disk_written: int = 0
    disk: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        """This and then OTHER."""
        sums = [one + two for one, two in zip(astuple(self), astuple(other), strict=True)]
        sums[2] = max(self.peak, other.peak)
        return Usage(*sums)


def middle(usages: list[Usage]) -> Usage:
    """The median of USAGES, field by field."""
    return Usage(*map(median, zip(*map(astuple, usages), strict=True)))


def adopt_orphans() -> None:
    """A process whose parent ends becomes a child of this one, as far as the system can do it."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def measure(command: list[str], cwd: Path, env: dict[str, str], log: Path) -> tuple[int, Usage]:
    """Run COMMAND to its end, its output in LOG; its exit status and what it used. Raises OSError."""
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
    """When CHILD ended, and the rusage of each process of its group that nobody else waits for."""
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
    """Bytes that this process and all that it waited for have read and written: asked for, and from and to the disk."""
    try:
        lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    except OSError:
        return 0, 0, 0, 0
    return tuple(int(lines[key]) for key in ("rchar", "wchar", "read_bytes", "write_bytes"))


def _files(top: Path) -> list[Path]:
    found = [Path(folder, name) for folder, _, names in os.walk(top) for name in names]
    return [path for path in found if path.is_file() and not path.is_symlink()]


def disk_used(top: Path) -> int:
    """Bytes on disk under TOP, a file with several names once."""
    stats = [path.stat() for path in _files(top)]
    return sum({(each.st_dev, each.st_ino): each.st_blocks * 512 for each in stats}.values())


def _free() -> int:
    """Bytes of memory that nothing uses, not even a copy of a file; 0 where the system does not tell."""
    with suppress(OSError):
        lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        return int(lines["MemFree"].split()[0]) * 1024
    return 0


def use_up(ballast: Path) -> None:
    """Fill the free memory with pages of BALLAST, a file of holes, as on a machine that has been at work for long.

    Else the first to need it pays for all: many a virtual machine gives free memory back to its host within seconds,
    and waits seconds for each GB of it later (measured: 2 GB written by dd in 0.6 s, or in 7.3 s).
    """
    buffer = bytearray(BLOCK)
    with ballast.open("a+b", buffering=0) as file:
        while True:
            before = _free()
            file.truncate(file.tell() + STRIDE)  # pages that are not in memory yet
            while file.readinto(buffer):
                pass
            if before - _free() < STRIDE // 2:  # what is taken now was taken from others
                return


def warm(top: Path) -> None:
    """Bring all files under TOP into memory."""
    buffer = bytearray(BLOCK)
    for path in _files(top):
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def chill(top: Path) -> None:
    """Put all files under TOP out of memory; they are on the disk already."""
    for path in _files(top):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

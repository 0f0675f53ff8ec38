"""Hashing: algorithms run in parallel on cores that are free, and nobody sees that but by the time it takes."""

import hashlib
import threading
import time

import pytest

from lib.core import digest

LARGE, SMALL = digest.SPLIT, digest.SPLIT - 1


class Slow:
    """An algorithm that takes its time, and remembers which thread gave it which bytes."""

    def __init__(self) -> None:
        self.threads, self.seen = [], []

    def update(self, chunk: memoryview) -> None:
        time.sleep(0.02)
        self.threads.append(threading.current_thread())
        self.seen.append(bytes(chunk))


@pytest.fixture
def slow(monkeypatch) -> Slow:
    """In place of sha256, on a machine with two cores."""
    made = Slow()
    monkeypatch.setattr(hashlib, "sha256", lambda: made)
    monkeypatch.setattr(digest, "_FREE", threading.Semaphore(2))
    return made


@pytest.mark.parametrize(
    ("busy", "size", "apart"), [(0, LARGE, True), (0, SMALL, False), (1, LARGE, False), (2, LARGE, False)]
)
def test_algorithms_run_in_parallel_on_a_large_chunk_if_cores_are_free(slow, busy, size, apart):
    for _ in range(busy):
        digest._FREE.acquire()

    digest.Hasher(size, ("sha256", "md5")).update(bytes(size))

    assert [each is not threading.current_thread() for each in slow.threads] == [apart]
    assert digest._FREE._value == 2 - busy


def test_bytes_are_hashed_and_written_when_update_returns(slow):
    chunk, written = bytearray(LARGE), []
    hasher = digest.Hasher(2 * LARGE, ("sha256", "md5"))

    for value in (1, 2):
        chunk[:] = bytes([value]) * LARGE
        hasher.update(chunk, lambda data: written.append(bytes(data)))

    assert slow.seen == written == [b"\1" * LARGE, b"\2" * LARGE]


def test_a_chunk_that_cannot_be_written_gives_its_cores_back(slow):
    def fail(_: memoryview) -> None:
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"):
        digest.Hasher(LARGE, ("sha256", "md5")).update(bytes(LARGE), fail)

    assert digest._FREE._value == 2

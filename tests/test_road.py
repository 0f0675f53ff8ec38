"""The road of bytes: none is lost where a source breaks."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lib.core.errors import Failure
from lib.transfer import road
from lib.transfer.retry import Broken

DATA = bytes(range(256)) * (10 << 10)  # 2.6 MB
SMALL = 50_000  # bytes of a piece


@dataclass
class Source:
    """Gives DATA in small pieces; at the offset `at` it breaks or, if it `ends`, ends as if that were all."""

    at: int = len(DATA)
    ends: bool = False
    title: str = "a source"

    def stream(self, start: int) -> Iterator[bytes]:
        for begin in range(start, self.at, SMALL):
            yield DATA[begin : min(begin + SMALL, self.at)]
        if self.at < len(DATA) and not self.ends:
            raise Broken("broke")


def test_what_came_before_a_break_is_kept_and_the_next_source_goes_on_there(tmp_path):
    want, counts = road.Wanted("a file", len(DATA), ("md5", "sha256")), []
    found = road.bring([Source(at=SMALL + 7), Source()], want, tmp_path / "part", counts.append, threading.Event())

    assert found.sha256 == hashlib.sha256(DATA).hexdigest()
    assert (tmp_path / "part").read_bytes() == DATA
    assert counts[:2] == [SMALL, 7]
    assert sum(counts) == len(DATA)


@pytest.mark.parametrize(("ends", "why"), [(False, "broke"), (True, "ended before the last byte")])
def test_what_came_before_the_last_break_stays_for_the_next_run(tmp_path, within, ends, why):
    within(0)
    want = road.Wanted("a file", len(DATA), ("sha256",))

    with pytest.raises(Failure, match=f"a file: {why}; gave up"):
        road.bring([Source(SMALL + 7, ends)], want, tmp_path / "part", lambda _: None, threading.Event())

    assert (tmp_path / "part").read_bytes() == DATA[: SMALL + 7]


def test_a_transfer_that_is_told_to_stop_takes_no_further_piece(tmp_path):
    want, stop = road.Wanted("a file", len(DATA), ("sha256",)), threading.Event()

    road.bring([Source()], want, tmp_path / "part", lambda _: stop.set(), stop)

    assert (tmp_path / "part").read_bytes() == DATA[:SMALL]

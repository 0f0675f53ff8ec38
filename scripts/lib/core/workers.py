"""Parallel work in threads."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

# Thread pools are imported where they are needed: that takes a tenth of the time of a command with nothing to do.

CORES = os.cpu_count() or 1
SMALL = 1 << 20  # bytes; reading and hashing a smaller file takes less time than handing it to a thread
REQUESTS = 16  # to a server in parallel
LIGHT = 256 << 10  # bytes; the transfer of a smaller file, too, is mostly a wait for the answer, if not on a slow line
T, U = TypeVar("T"), TypeVar("U")


def ahead(work: Callable[[T], U], things: Iterable[T], workers: int) -> Iterator[U]:
    """Yield what `work` returns for each of `things`, in their order, while work on the next ones goes on.

    At most `workers` results exist or are being made at a time; each may be used until the next is asked for.
    """
    from concurrent.futures import ThreadPoolExecutor

    pool, jobs = ThreadPoolExecutor(workers), deque()
    try:
        for thing in things:
            jobs.append(pool.submit(work, thing))
            if len(jobs) == workers:
                yield jobs.popleft().result()
        while jobs:
            yield jobs.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def side_by_side(
    work: Callable[[T], U],
    things: Iterable[T],
    workers: int = CORES,
    size: Callable[[T], int] = lambda _: 0,  # of a thing, in bytes: the largest starts first
    small: int = 0,  # bytes; smaller things are done without a thread
    stop: Callable[[], object] | None = None,  # makes running work end early; without it, that is waited for
    transfers: bool = False,  # things below LIGHT get REQUESTS workers of their own, besides `workers` for the others
) -> list[U]:
    """What `work` returns for each of `things`, in their order; its first exception is raised, and cancels the rest."""
    things = list(things)
    if all(size(thing) < small for thing in things):
        return list(map(work, things))
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    order = sorted(range(len(things)), key=lambda index: -size(things[index]))
    pools = [ThreadPoolExecutor(workers), ThreadPoolExecutor(REQUESTS)]
    pool_of = [pools[transfers and size(thing) < LIGHT] for thing in things]
    jobs = {index: pool_of[index].submit(work, things[index]) for index in order if size(things[index]) >= small}
    try:
        found = {index: work(things[index]) for index in order if index not in jobs}
        for job in wait(jobs.values(), return_when=FIRST_EXCEPTION).done:
            job.result()  # raises the exception that ended the wait
        return [jobs[index].result() if index in jobs else found[index] for index in range(len(things))]
    finally:
        if stop:
            stop()
        for is_waited_for in (False, stop is None):
            for pool in pools:
                pool.shutdown(wait=is_waited_for, cancel_futures=True)

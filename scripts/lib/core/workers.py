"""Work on many things at once, in threads: the one thread pool of the commands."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

CORES = os.cpu_count() or 1
SMALL = 1 << 20  # bytes of a file; to read and hash fewer takes less time than to hand the file to a thread
T, U = TypeVar("T"), TypeVar("U")


def ahead(work: Callable[[T], U], things: Iterable[T], workers: int) -> Iterator[U]:
    """What `work` returns for each of `things`, in their order, while the next ones are under way.

    `workers` are at work or done at any time; what one returns may be used until the next is asked for.
    """
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
    size: Callable[[T], int] = lambda _: 0,  # bytes of a thing: the largest is begun first
    small: int = 0,  # bytes; what has fewer is done without a thread
    stop: Callable[[], object] | None = None,  # makes what has begun end early; without it, that is waited for
) -> list[U]:
    """What `work` returns for each of `things`, in their order; the first exception drops what has not begun."""
    things = list(things)
    order = sorted(range(len(things)), key=lambda index: -size(things[index]))
    pool = ThreadPoolExecutor(workers)
    jobs = {index: pool.submit(work, things[index]) for index in order if size(things[index]) >= small}
    try:
        found = {index: work(things[index]) for index in order if index not in jobs}
        for job in wait(jobs.values(), return_when=FIRST_EXCEPTION).done:
            job.result()  # raises what ended the others
        return [jobs[index].result() if index in jobs else found[index] for index in range(len(things))]
    finally:
        if stop:
            stop()
        pool.shutdown(wait=stop is None, cancel_futures=True)

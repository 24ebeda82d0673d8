"""Does several things at once, and stops at the first that fails."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


@contextmanager
def workers(number: int) -> Iterator[Executor]:
    """Lend so many threads. After an error none of them begins anything any more."""
    with ThreadPoolExecutor(number) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def all_of(pool: Executor, work: Callable[[T], R], several: Iterable[T]) -> list[R]:
    """Do some work for each of several, and return what comes of it in their order; the first error ends it."""
    waiting = [pool.submit(work, one) for one in several]
    try:
        return [one.result() for one in waiting]
    finally:
        for one in waiting:
            one.cancel()

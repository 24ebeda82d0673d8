"""What counting needs of a database, whichever it is."""

import importlib
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from types import ModuleType
from typing import Any, Protocol

from rounds.errors import RecordsError

Row = tuple[Any, ...]


class Connection(Protocol):
    """One session with a database. Nothing it makes outlives it, and a site's own tables are only ever read."""

    @property
    def words(self) -> str:
        """What to call the database and the place of its tables in a message."""

    def tables(self) -> Sequence[str]:
        """Return the names of the tables there are, as the database writes them."""

    def source(self, name: str) -> Any:
        """Return a table as an Ibis expression."""

    def view(self, name: str, query: Any) -> None:
        """Name a query, an Ibis expression, in this session; it is worked out each time."""

    def drop_view(self, name: str) -> None:
        """Forget a name."""

    def keep(self, name: str, query: Any, *, by: str) -> None:
        """Make a table for this session from an Ibis expression, for joins by a column.

        It has a column more, `rounds_row`: a whole number that comes once and stays.
        """

    def step(self, name: str, sql: str, *, shared: bool = True) -> None:
        """Make a table for this session from a query in DuckDB's dialect.

        Where it is asked for once only, `shared` is false, and working it out then is enough.
        """

    def calendar(self, name: str) -> None:
        """Make the table of days that every engine lays down."""

    def rows(self, sql: str) -> list[Row]:
        """Return what a query in DuckDB's dialect gives."""


@dataclass(slots=True, kw_only=True)
class Deadline:
    """How long is left."""

    limit_seconds: float
    started: float = field(default_factory=time.monotonic)

    def left_seconds(self, words: str) -> float:
        """Return what is left, in seconds.

        Raises:
            RecordsError: if nothing is.
        """
        left = self.started + self.limit_seconds - time.monotonic()
        if left <= 0:
            raise RecordsError(too_long(words, self.limit_seconds))
        return left


def too_long(words: str, limit_seconds: float) -> str:
    return (
        f"{words}: counting took longer than {limit_seconds:g} seconds and was stopped; ask for less at once, or raise "
        "`limit_seconds` in site.yaml"
    )


@lru_cache(maxsize=2048)
def carried(sql: str, dialect: Any) -> str:
    """Return SQL of DuckDB's dialect in that of an Ibis connection. Names are quoted, for some are reserved there."""
    sqlglot = package("sqlglot")
    return str(sqlglot.transpile(sql, read="duckdb", write=dialect, identify=True)[0])


def mentions(queries: Iterable[str]) -> Counter[str]:
    """Return how often each table is read by some queries."""
    return Counter(name for sql in queries for name in re.findall(r"(?:FROM|JOIN) (\w+)", sql))


def package(name: str) -> ModuleType:
    """Return a package of the extra `warehouse`.

    Raises:
        RecordsError: if it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise RecordsError(
            f"counting in a database needs the package {name.partition('.')[0]}; install Rounds with the extra "
            "`warehouse`"
        ) from None


@contextmanager
def without_its_words(words: str, kinds: Mapping[type[Exception], str]) -> Iterator[None]:
    """Turn a database's errors into ours: what happened, without its own words, which may repeat a patient's values."""
    try:
        yield
    except tuple(kinds) as error:
        remedy = next(remedy for kind, remedy in kinds.items() if isinstance(error, kind))
        raise RecordsError(f"{words}: {remedy} ({type(error).__name__})") from None

# ruff: noqa: S608  SQL is built from our own names only
"""Spark: a session of our own, in which every table that is needed twice is worked out once and stays as it is."""

import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from rounds.engines.sql.people import CALENDAR_DAYS
from rounds.engines.sql.plan import date_sql
from rounds.engines.warehouse.connection import Connection, Deadline, Row, carried, package, too_long, without_its_words
from rounds.engines.warehouse.settings import Spark
from rounds.errors import RecordsError
from rounds.records.omop_columns import OMOP_COLUMNS
from rounds.records.tables import TABLES

_LOCAL = {
    # Counting on one machine opens no door to others.
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.shuffle.partitions": "4",
}


@contextmanager
def spark(settings: Spark, *, site: str) -> Iterator[Connection]:
    """Open a session. Reading the tables is all it needs to be allowed.

    Raises:
        RecordsError: if Spark cannot be reached or refuses something in the block.
    """
    place = f"schema {settings.schema}" if settings.schema else str(settings.folder)
    words = f"site {site}: Spark, {place}"
    ibis, errors = package("ibis"), package("pyspark.errors")
    deadline = Deadline(limit_seconds=settings.limit_seconds)
    refused: dict[type[Exception], str] = {
        errors.PySparkException: "Spark refused a query, or its session ended; look whether it runs, the tables are "
        "as they were, and this user may read them",
        package("py4j.protocol").Py4JError: "Spark ended, or could not be started; look at its own log",
    }
    with without_its_words(words, refused), _session(settings) as session, _limited(session, deadline, words):
        backend = ibis.pyspark.connect(session)
        session.conf.set("spark.sql.session.timeZone", settings.time_zone)
        opened = _Spark(backend=backend, session=session, settings=settings, words=words, deadline=deadline)
        try:
            yield opened
        finally:
            opened.forget()


@contextmanager
def _session(settings: Spark) -> Iterator[Any]:
    sessions = package("pyspark.sql").SparkSession
    running = None if settings.remote else sessions.getActiveSession()
    if running is not None:
        # Somebody else's: our names and settings must not meet theirs, and it is theirs to stop.
        yield running.newSession()
        return
    builder = sessions.builder.appName("rounds")
    if settings.remote:
        session = builder.remote(settings.remote).create()
    else:
        if settings.master:
            builder = builder.master(settings.master)
        if (settings.master or "").startswith("local"):
            for name, value in _LOCAL.items():
                builder = builder.config(name, value)
        session = builder.getOrCreate()
    try:
        yield session
    finally:
        session.stop()


@contextmanager
def _limited(session: Any, deadline: Deadline, words: str) -> Iterator[None]:
    """Stop what runs in a session when the time is over."""
    tag = f"rounds-{uuid.uuid4()}"
    over = threading.Event()

    def stop() -> None:
        over.set()
        session.interruptTag(tag)

    timer = threading.Timer(deadline.left_seconds(words), stop)
    timer.daemon = True
    session.addTag(tag)
    timer.start()
    try:
        yield
    except package("pyspark.errors").PySparkException:
        if over.is_set():
            raise RecordsError(too_long(words, deadline.limit_seconds)) from None
        raise
    finally:
        timer.cancel()
        with suppress(package("pyspark.errors").PySparkException):
            session.removeTag(tag)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spark:
    backend: Any
    session: Any
    settings: Spark
    words: str
    deadline: Deadline
    made: dict[str, None] = field(default_factory=dict)

    def tables(self) -> Sequence[str]:
        if self.settings.folder:
            found = [name for name in dict.fromkeys((*TABLES, *OMOP_COLUMNS)) if self._is_there(name)]
        elif self.session.catalog.databaseExists(self.settings.schema):
            listed = self.session.catalog.listTables(self.settings.schema)
            found = [str(table.name) for table in listed if not table.isTemporary]
        else:
            found = []
        if not found:
            raise RecordsError(f"{self.words}: there is no such place, or no table in it; correct it in site.yaml")
        return found

    def source(self, name: str) -> Any:
        schema = ".".join(f"`{part}`" for part in str(self.settings.schema).split("."))
        own = self._read(name) if self.settings.folder else self.session.table(f"{schema}.`{name}`")
        local = own.select([self._local(field) for field in own.schema.fields])
        local.createOrReplaceTempView(f"rounds_own_{name}")
        self.made[f"rounds_own_{name}"] = None
        return self.backend.table(f"rounds_own_{name}")

    def view(self, name: str, query: Any) -> None:
        self._name(name, self.backend.compile(query))

    def drop_view(self, name: str) -> None:
        self.session.catalog.dropTempView(name)
        self.made.pop(name, None)

    def keep(self, name: str, query: Any, *, by: str) -> None:  # noqa: ARG002 - Spark has no index
        rows = self.backend.compile(query)
        self._keep(name, f"SELECT monotonically_increasing_id() AS rounds_row, q.* FROM ({rows}) AS q")

    def calendar(self, name: str) -> None:
        first, last = CALENDAR_DAYS
        self._keep(name, f"SELECT explode(sequence({date_sql(first)}, {date_sql(last)}, INTERVAL 1 DAY)) AS day")

    def step(self, name: str, sql: str, *, shared: bool = True) -> None:
        make = self._keep if shared else self._name
        # Spark numbers rows in an order only, unless any whole number that comes once will do.
        unordered = sql.replace("row_number() OVER ()", "monotonically_increasing_id()")
        make(name, carried(unordered, self.backend.dialect))

    def rows(self, sql: str) -> list[Row]:
        self.deadline.left_seconds(self.words)
        return [tuple(row) for row in self.backend.raw_sql(carried(sql, self.backend.dialect)).collect()]

    def forget(self) -> None:
        """Drop every name; Spark frees what nothing names any more."""
        with suppress(package("pyspark.errors").PySparkException):
            for name in reversed(self.made):
                self.session.catalog.dropTempView(name)

    def _keep(self, name: str, sql: str) -> None:
        """Work a table out now, and cut its history off: made again, it might number or choose rows otherwise."""
        self.deadline.left_seconds(self.words)
        self.backend.raw_sql(sql).localCheckpoint(eager=True).createOrReplaceTempView(name)
        self.made[name] = None

    def _name(self, name: str, sql: str) -> None:
        self.deadline.left_seconds(self.words)
        self.backend.raw_sql(sql).createOrReplaceTempView(name)
        self.made[name] = None

    def _is_there(self, name: str) -> bool:
        try:
            self._read(name).schema  # noqa: B018 - a remote Spark looks only now
        except package("pyspark.errors").AnalysisException:
            return False
        return True

    def _read(self, name: str) -> Any:
        return self.session.read.parquet(f"{str(self.settings.folder).rstrip('/')}/{name}.parquet")

    def _local(self, field: Any) -> Any:
        """Return a column; a moment as the clock of the site's time zone showed it, in a session that is in UTC."""
        functions, kinds = package("pyspark.sql.functions"), package("pyspark.sql.types")
        column = functions.col(f"`{field.name}`")
        if isinstance(field.dataType, kinds.TimestampType):
            return functions.from_utc_timestamp(column, self.settings.time_zone).alias(field.name)
        if isinstance(field.dataType, kinds.TimestampNTZType):
            return column.cast("timestamp").alias(field.name)
        return column

"""How to reach a site's database. No password stands here: PostgreSQL takes it from ~/.pgpass or PGPASSWORD."""

from dataclasses import dataclass

from rounds.errors import DefinitionError

DEFAULT_LIMIT_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """OMOP tables in a schema of PostgreSQL. What is not given is as libpq has it (PGHOST, PGSERVICE, ...)."""

    schema: str
    host: str | None = None
    port: int | None = None
    database: str | None = None
    user: str | None = None
    service: str | None = None
    """A section of ~/.pg_service.conf."""
    limit_seconds: float = DEFAULT_LIMIT_SECONDS
    """How long all checks and counts of a round may take together."""

    def __post_init__(self) -> None:
        _check(self.schema, self.limit_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spark:
    """OMOP tables in a schema of Spark's catalogue, or as Parquet in a folder or bucket that Spark can read."""

    schema: str | None = None
    """The name of the schema, after that of its catalogue and a full stop if it is not in the first one."""
    folder: str | None = None
    """What lies in it is named after the tables, in lower case: `person.parquet`, a file or a folder of files."""
    master: str | None = None
    """Such as "local[2]" or "yarn"; the machine's own configuration decides if it is not given."""
    remote: str | None = None
    """A Spark Connect server, such as "sc://spark.example.nhs.uk"."""
    time_zone: str = "Europe/London"
    """Whose clock a moment is read by, if Spark keeps it as a point in time."""
    limit_seconds: float = DEFAULT_LIMIT_SECONDS

    def __post_init__(self) -> None:
        _check(self.schema or self.folder or "", self.limit_seconds)
        if self.schema and self.folder:
            raise DefinitionError("give the tables' `schema` or their `folder`, one of the two")
        if self.master and self.remote:
            raise DefinitionError("give Spark's `master` or its `remote`, one of the two")


Settings = Postgres | Spark


def _check(where: str, limit_seconds: float) -> None:
    if not where:
        raise DefinitionError("say in which `schema` the OMOP tables lie")
    if not limit_seconds > 0:
        raise DefinitionError("`limit_seconds` is more than 0")

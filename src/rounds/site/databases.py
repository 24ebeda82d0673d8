"""Where a site's OMOP lives if not in files, as its site.yaml says. A password has no place in it."""

from pydantic import Field

from rounds.engines.warehouse.settings import DEFAULT_LIMIT_SECONDS, Postgres, Spark
from rounds.storage.yaml_files import Definition


class PostgresBlock(Definition):
    """How to reach PostgreSQL. A password is taken from ~/.pgpass or PGPASSWORD."""

    schema_name: str = Field(alias="schema", min_length=1)
    host: str | None = None
    port: int | None = None
    database: str | None = None
    user: str | None = None
    service: str | None = None
    limit_seconds: float = Field(default=DEFAULT_LIMIT_SECONDS, gt=0)

    def settings(self) -> Postgres:
        return Postgres(
            schema=self.schema_name,
            host=self.host,
            port=self.port,
            database=self.database,
            user=self.user,
            service=self.service,
            limit_seconds=self.limit_seconds,
        )


class SparkBlock(Definition):
    """How to reach Spark. A token for a remote one is taken from its own configuration."""

    schema_name: str | None = Field(default=None, alias="schema")
    folder: str | None = None
    master: str | None = None
    remote: str | None = None
    time_zone: str = "Europe/London"
    limit_seconds: float = Field(default=DEFAULT_LIMIT_SECONDS, gt=0)

    def settings(self) -> Spark:
        return Spark(
            schema=self.schema_name,
            folder=self.folder,
            master=self.master,
            remote=self.remote,
            time_zone=self.time_zone,
            limit_seconds=self.limit_seconds,
        )

"""What a pack is made with, before anybody has a number."""

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import duckdb

from rounds.engines.pack.layout import digest_of
from rounds.engines.pack.people import Observation, People
from rounds.engines.pack.workshop import Workshop
from rounds.records.omop import Records
from rounds.records.tables import CARE_SITE, CONCEPT, CONCEPT_ANCESTOR, LOCATION, OBSERVATION_PERIOD

_MADE_OF: Final = {
    "places": (CARE_SITE.name, LOCATION.name),
    "observation": (OBSERVATION_PERIOD.name,),
    "vocabulary": (CONCEPT.name, CONCEPT_ANCESTOR.name),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A folder to make a pack in, the records, and who works at it."""

    folder: Path
    records: Records
    key: bytes
    """Of people's marks."""
    made_of: Mapping[str, str]
    """For each part of a pack that is written as a whole a digest of the tables that it is made of."""
    connection: duckdb.DuckDBPyConnection
    pool: Executor

    @classmethod
    def of(
        cls, folder: Path, records: Records, key: bytes, connection: duckdb.DuckDBPyConnection, pool: Executor
    ) -> Self:
        """Return what a pack of some records is made with, as they are now."""
        made_of = {part: digest_of(records, only=tables) for part, tables in _MADE_OF.items()}
        return cls(folder=folder, records=records, key=key, made_of=made_of, connection=connection, pool=pool)

    def shop(self, people: People, observation: Observation) -> Workshop:
        """Return what tables of events are built with."""
        return Workshop(
            folder=self.folder,
            connection=self.connection,
            pool=self.pool,
            people=people,
            observation=observation,
        )

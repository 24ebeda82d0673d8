# ruff: noqa: S608  SQL is built from our own table name only
"""People who are in a site's records and must not be in any count, such as those who have opted out."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import duckdb

TABLE: Final = "rounds_excluded"
"""The table that holds them in a connection to the records, which has a DuckDB of its own."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Exclusion:
    """Some people of a site's table `person`, as it was when they were looked up."""

    person_ids: NDArray[np.int64]
    """Sorted, nobody twice; shape (people,)."""
    files: str
    """The `files_seen` of that table: once it is written to, there may be people in it who were not looked up."""

    def __post_init__(self) -> None:
        if (self.person_ids[1:] <= self.person_ids[:-1]).any():
            raise ValueError("excluded people are to be sorted, and nobody twice")

    @property
    def digest(self) -> str:
        """What counts and indexes of the records are remembered under: another one when other people are excluded."""
        return hashlib.sha256(self.person_ids.astype("<i8").tobytes()).hexdigest()

    def holds(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say of each id whether it is excluded; shape as `ids`."""
        if not len(self.person_ids):
            return np.zeros(len(ids), dtype=np.bool_)
        places = np.minimum(np.searchsorted(self.person_ids, ids), len(self.person_ids) - 1)
        return np.asarray(self.person_ids[places] == ids)

    def lay_down(self, connection: "duckdb.DuckDBPyConnection") -> None:
        """Make the table `TABLE` of them."""
        connection.register("rounds_excluded_ids", {"person_id": self.person_ids})
        connection.execute(f"CREATE OR REPLACE TABLE {TABLE} AS SELECT person_id FROM rounds_excluded_ids")
        connection.unregister("rounds_excluded_ids")

    def __repr__(self) -> str:
        return "Exclusion(people not shown)"

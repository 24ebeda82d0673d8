# ruff: noqa: S608  SQL is built from our own table and column names and quoted paths only
"""Which rows name a visit or place that is not there: with one bit for each visit instead of a table of them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from rounds.records.profile.both import both
from rounds.records.profile.scan import columns_of
from rounds.records.quality import Source
from rounds.records.table_files import file_scan, parts_of
from rounds.records.tables import VISIT_OCCURRENCE

_BATCH_ROWS: Final = 2_000_000
_MOST_BITS: Final = 4_000_000_000
_BITS_A_ROW: Final = 128
_INTEGERS: Final = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32)

_VISIT: Final = "visit_occurrence_id"
PLACES: Final = ("care_site", "location", "provider")
"""Small tables, of which rows of others name one."""

Ids = npt.NDArray[Any]
Link = tuple[str, str]
"""A table, and its column that names rows of another."""
Linked = tuple[int, int] | None
"""How many rows name one that is not there, and how many name any; None if there is no table of those."""


class KnownIds:
    """The ids of a table's column, held as bits."""

    def __init__(self, lowest: int, bits: npt.NDArray[np.uint8]) -> None:
        self._lowest = lowest
        self._bits = bits

    def unknown(self, ids: Ids) -> int:
        """Return how many of some ids are not among them."""
        places = ids - self._lowest
        inside = (places >= 0) & (places < 8 * len(self._bits))
        places = places[inside]
        held = self._bits[places >> 3] & np.left_shift(1, places & 7, dtype=np.uint8, casting="unsafe")
        return len(ids) - int(np.count_nonzero(held))


def links_of(connection: duckdb.DuckDBPyConnection, sources: Mapping[str, Source]) -> dict[Link, Linked]:
    """Return the links of tables to visits and places, by table and column.

    Args:
        connection: has typed views of the tables.
        sources: the tables, by their names.
    """
    visits = sources.get(VISIT_OCCURRENCE.name)
    known = known_ids(connection, visits, _VISIT) if visits else None

    def look(cursor: duckdb.DuckDBPyConnection, source: Source) -> dict[Link, Linked]:
        name = source.table.name
        found: dict[Link, Linked] = {}
        if source.table.visit == _VISIT and name != VISIT_OCCURRENCE.name and _VISIT not in source.missing:
            found[name, _VISIT] = None
            if visits is not None:
                unknown = unknown_links(cursor, source, _VISIT, known, held=VISIT_OCCURRENCE.name)
                ((named,),) = cursor.execute(f"SELECT count({_VISIT}) FROM {name}").fetchall()
                found[name, _VISIT] = (unknown, int(named))
        return found | _places(cursor, source)

    found: dict[Link, Linked] = {}
    for links in both(connection, list(sources.values()), look):
        found |= links
    return found


def _places(connection: duckdb.DuckDBPyConnection, source: Source) -> dict[Link, Linked]:
    """Return the links of a table to small tables, which measures do not read."""
    found: dict[Link, Linked] = {}
    columns = columns_of(connection, source.path)
    for held in PLACES:
        key = f"{held}_id"
        if key not in columns:
            continue
        named = f'SELECT TRY_CAST("{columns[key][0]}" AS BIGINT) AS id, count(*) AS rows FROM {file_scan(source.path)}'
        rows = f"(SELECT * FROM ({named} GROUP BY ALL) WHERE id IS NOT NULL)"
        ((number,),) = connection.execute(f"SELECT coalesce(sum(rows), 0) FROM {rows}").fetchall()
        if not number:
            continue
        path = _file_beside(source.path, held)
        if path is None or key not in (there := columns_of(connection, path)):
            found[source.table.name, key] = None
            continue
        ids = f'(SELECT TRY_CAST("{there[key][0]}" AS BIGINT) AS id FROM {file_scan(path)})'
        ((unknown,),) = connection.execute(
            f"SELECT coalesce(sum(r.rows), 0) FROM {rows} r ANTI JOIN {ids} h ON h.id = r.id"
        ).fetchall()
        found[source.table.name, key] = (int(unknown), int(number))
    return found


def _file_beside(path: Path, table: str) -> Path | None:
    candidates = (path.parent / f"{table}.parquet", path.parent / f"{table}.csv", path.parent / table)
    return next((one for one in candidates if one.exists() and parts_of(one)), None)


def known_ids(connection: duckdb.DuckDBPyConnection, source: Source, column: str) -> KnownIds | None:
    """Return the ids of a column; None if they are too many, too far apart, or not whole numbers in Parquet."""
    ids = f"SELECT count({column}), min({column}), max({column}) FROM ({source.select})"
    ((number, lowest, highest),) = connection.execute(ids).fetchall()
    if number == 0 or highest - lowest + 1 > min(_MOST_BITS, max(_BITS_A_ROW * number, 1_000_000)):
        return None
    if not _plain(source, column):
        return None
    bits = np.zeros((highest - lowest) // 8 + 1, dtype=np.uint8)
    for batch in _batches(source, column):
        _set(bits, batch - lowest)
    return KnownIds(lowest, bits)


def unknown_links(
    connection: duckdb.DuckDBPyConnection, source: Source, column: str, known: KnownIds | None, *, held: str
) -> int:
    """Return how many rows of a table name an id that is not known; rows that name none are not among them.

    Args:
        connection: has typed views of the tables.
        source: the table.
        column: the one that names.
        known: the ids that are there; if None, `held` is joined.
        held: the table whose column of the same name holds the ids that are there.
    """
    if known is not None and _plain(source, column):
        return sum(known.unknown(batch) for batch in _batches(source, column))
    ((rows,),) = connection.execute(
        f"SELECT count(*) FROM ({source.select}) t ANTI JOIN {held} h ON h.{column} = t.{column} "
        f"WHERE t.{column} IS NOT NULL"
    ).fetchall()
    return int(rows)


def _set(bits: npt.NDArray[np.uint8], places: Ids) -> None:
    # Each of the eight bits of a byte in a pass of its own: within one, the same byte twice does no harm.
    for bit in range(8):
        bits[places[places & 7 == bit] >> 3] |= np.uint8(1 << bit)


def _plain(source: Source, column: str) -> bool:
    return all(part.suffix.lower() == ".parquet" and _integer(part, column) for part in parts_of(source.path))


def _integer(part: Path, column: str) -> bool:
    return pl.read_parquet_schema(part).get(column) in _INTEGERS


def _batches(source: Source, column: str) -> Iterator[Ids]:
    for part in parts_of(source.path):
        frame = pl.scan_parquet(part, glob=False).select(pl.col(column).cast(pl.Int64))
        offset = 0
        while True:
            found = frame.slice(offset, _BATCH_ROWS).collect()[column]
            if len(found):
                yield found.drop_nulls().to_numpy()
            if len(found) < _BATCH_ROWS:
                break
            offset += _BATCH_ROWS

# ruff: noqa: S608  SQL is built from our own names only
"""Finds ids that come more than once, without sorting or hashing them where that can be helped."""

from typing import Final

import duckdb

_PIECE: Final = 1_000_000_000
"""DuckDB's own limit of one string of bits."""

_MOST_BITS: Final = 2_000_000_000
_BITS_A_ROW: Final = 128
"""Above either, hashing the ids takes less room than a bit for each that there might be."""


def repeated_keys(connection: duckdb.DuckDBPyConnection, rows: str, key: str, *, into: str) -> int:
    """Make a temporary table of the ids that come more than once, with `copies`, how often each does.

    That all differ, as they nearly always do, is proved with one bit for each id that there might be.

    Args:
        connection: where the table is made, or replaced.
        rows: SQL of the rows.
        key: their column of whole numbers that should come only once; empty ones are passed over.
        into: what the table is called.

    Returns:
        How many ids come more than once.
    """
    ids = f'(SELECT "{key}" AS id FROM ({rows}))'
    if _all_differ(connection, ids):
        connection.execute(f'CREATE OR REPLACE TEMP TABLE {into} ("{key}" BIGINT, copies BIGINT)')
        return 0
    connection.execute(
        f'CREATE OR REPLACE TEMP TABLE {into} AS SELECT id AS "{key}", count(*) AS copies FROM {ids} '
        "WHERE id IS NOT NULL GROUP BY id HAVING count(*) > 1"
    )
    ((repeated,),) = connection.execute(f"SELECT count(*) FROM {into}").fetchall()
    return int(repeated)


def distinct_keys(
    connection: duckdb.DuckDBPyConnection, rows: str, key: str, *, ends: tuple[int, int, int] | None = None
) -> tuple[int, int]:
    """Return how many ids there are, and how many different ones.

    Args:
        connection: where to ask.
        rows: SQL of the rows.
        key: their column of whole numbers; empty ones are passed over.
        ends: how many there are, the lowest and the highest, if that is known.
    """
    ids = f'(SELECT "{key}" AS id FROM ({rows}))'
    number, lowest, highest = ends or _ends(connection, ids)
    different = _bits(connection, ids, number, lowest, highest)
    if different is None:
        ((different,),) = connection.execute(f"SELECT count(DISTINCT id) FROM {ids}").fetchall()
    return number, int(different)


def _all_differ(connection: duckdb.DuckDBPyConnection, ids: str) -> bool:
    """Say whether it is certain that no id comes twice."""
    number, lowest, highest = _ends(connection, ids)
    if number > 1 and highest - lowest + 1 < number:
        return False
    return _bits(connection, ids, number, lowest, highest) == number


def _ends(connection: duckdb.DuckDBPyConnection, ids: str) -> tuple[int, int, int]:
    ((number, lowest, highest),) = connection.execute(f"SELECT count(id), min(id), max(id) FROM {ids}").fetchall()
    return number, lowest or 0, highest or 0


def _bits(connection: duckdb.DuckDBPyConnection, ids: str, number: int, lowest: int, highest: int) -> int | None:
    """Return how many different ids there are, counted as bits; None if they are too far apart for that."""
    if number <= 1:
        return number
    if highest - lowest + 1 > min(_MOST_BITS, max(_BITS_A_ROW * number, 1_000_000)):
        return None
    pieces = [(first, min(first + _PIECE, highest + 1) - 1) for first in range(lowest, highest + 1, _PIECE)]
    set_bits = " + ".join(
        f"coalesce(bit_count(bitstring_agg(id, {first}, {last}) FILTER (id BETWEEN {first} AND {last})), 0)"
        for first, last in pieces
    )
    ((different,),) = connection.execute(f"SELECT {set_bits} FROM {ids}").fetchall()
    return int(different)

# ruff: noqa: S608  SQL is built from our own names only
"""Entries into cohorts as a table of the pack: found once for a batch, and held in memory."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rounds.engines.cohorts.entries import ENTRIES, check_cohorts, lay_down_entries
from rounds.engines.pack.days import clipped, outside
from rounds.engines.pack.layout import COLUMN_TYPES, Array, Pack, PackTable, empty_array, key_beside
from rounds.engines.pack.marks import numbers_of_few
from rounds.engines.pack.reading import days_sql
from rounds.engines.pack.sorting import mark_inside
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.records.omop import Records


def with_entries(pack: Pack, records: Records, measures: Sequence[Measure], *, threads: int, memory_limit: str) -> Pack:
    """Return a pack that also has the entries into the cohorts that measures ask about.

    Args:
        pack: of the records.
        records: the site's.
        measures: some that are counted from records.
        threads: at most this many.
        memory_limit: of DuckDB, as it writes it.

    Raises:
        RecordsError: if a cohort cannot be found in the records.
    """
    with records.connect(threads=threads, memory_limit=memory_limit) as connection:
        cohorts = check_cohorts(connection, measures, records)
        lay_down_entries(connection, cohorts)
        found = connection.execute(
            f"SELECT CAST(person_id AS BIGINT) AS person_id, concept, {days_sql('first')}, {days_sql('last')} "
            f"FROM {ENTRIES} e"
        ).fetchnumpy()
    ids, of_row = np.unique(np.asarray(found.pop("person_id"), dtype=np.int64), return_inverse=True)
    found["person"] = numbers_of_few(ids, pack.mark, key_beside(pack.folder))[of_row]
    counted = found["person"] >= 0
    found = {name: np.asarray(column)[counted] for name, column in found.items()}
    order = np.lexsort((found["first"], found["person"], found["concept"]))
    found = {name: column[order] for name, column in found.items()}
    return replace(pack, tables={**pack.tables, EventTable.COHORT: _table(pack, found)})


def _table(pack: Pack, found: dict[str, Array]) -> PackTable:
    of_rows = np.asarray(found["concept"], dtype=np.int64)
    concepts, starts, number = np.unique(of_rows, return_index=True, return_counts=True)
    columns = {name: empty_array(kind) for name, kind in COLUMN_TYPES.items()}
    columns["person"] = np.asarray(found["person"], dtype=np.int32)
    vague = []
    for name in ("first", "last"):
        columns[name] = clipped(found[name])
        if np.any(outside(found[name])):
            vague.append(name)
    inside = np.empty(len(columns["person"]), dtype=np.uint8)
    observed = (pack.observed_start, pack.observed_first, pack.observed_last)
    if mark_inside(columns["person"], columns["first"], *observed, inside) < len(inside):
        columns["inside"] = inside
    for column in columns.values():
        column.setflags(write=False)
    return PackTable(
        table=EventTable.COHORT,
        concepts=concepts,
        codes=np.arange(len(concepts), dtype=np.int32),
        starts=starts.astype(np.int64),
        stops=(starts + number).astype(np.int64),
        columns=columns,
        vague=tuple(vague),
    )

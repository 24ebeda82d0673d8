# ruff: noqa: S608  SQL is built from our own table and column names only
"""Of which level of a grouping people and rows are: the levels of ids are looked up once, those of people by block."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from rounds.engines.groups import groupings_asked
from rounds.engines.pack.blocks import Block, RowSet, coded, rows_of
from rounds.engines.pack.cell_kernels import levels_of_keys
from rounds.engines.pack.layout import Array, Pack
from rounds.engines.pack.numbering import Known
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.measures.groupings import Grouping
from rounds.measures.strata import Stratum
from rounds.records.omop import Records

_OF_ROWS: Final = {
    Stratum.CARE_SITE: (EventTable.VISIT_OCCURRENCE, "visit"),
    Stratum.WARD: (EventTable.VISIT_DETAIL, "stay"),
}
"""The rows whose place is meant, and the column by which others name them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Levels:
    """The levels of the groupings that a batch asks about, numbered in their order; `unknown` is the last."""

    pack: Pack
    edges: Array
    """The first person of each block, and the number of people."""
    _known: dict[Grouping, Array] = field(default_factory=dict)
    _of_ids: dict[int, Array] = field(default_factory=dict)
    """By which object a grouping is, for hashing thousands of values takes long: the level of each id, then unknown."""

    def learn(self, measures: Sequence[Measure], records: Records) -> None:
        """Look up the levels of all ids that the groupings of some measures look at."""
        asked = [grouping for measure in measures for _, grouping in groupings_asked(measure)]
        wanted = {id(grouping): grouping for grouping in asked}
        for grouping in wanted.values():
            if grouping not in self._known:
                self._known[grouping] = self._found(grouping, records)

    def _of(self, grouping: Grouping) -> Array:
        """Return the level of each id: what was learnt of an equal grouping, if not of this very object."""
        if id(grouping) not in self._of_ids:
            self._of_ids[id(grouping)] = self._known[grouping]
        return self._of_ids[id(grouping)]

    def _found(self, grouping: Grouping, records: Records) -> Array:
        column, attribute = column_of(grouping), grouping.attribute
        ids = self.pack.ids[column]
        if attribute.is_concept:
            places = {level: place for place, level in enumerate(grouping.named)}
            listed = {int(value): places[level] for value, level in grouping.values or ()}
            values = np.array(sorted(listed), dtype=np.int64)
            levels = np.array([listed[value] for value in values.tolist()], dtype=np.int64)
        else:
            from rounds.engines.sql.groups import listed_sql, trimmed

            with records.connect() as connection:
                found = connection.execute(
                    f"SELECT CAST(c.{column} AS BIGINT) AS id, l.level FROM {attribute.table} c "
                    f"JOIN {listed_sql(grouping)} ON l.value = {trimmed(f'c.{attribute.column}')} ORDER BY id"
                ).fetchnumpy()
            values, levels = np.asarray(found["id"], dtype=np.int64), np.asarray(found["level"])
        of_ids = np.full(len(ids) + 1, len(grouping.named), dtype=np.uint8)
        at = Known.of(ids).numbers(values)
        of_ids[at[at >= 0]] = levels[at >= 0]
        return of_ids

    def of_people(self, grouping: Grouping, block: Block) -> Array:
        """Return the level of everybody in a block."""
        places = self.pack.of_people[column_of(grouping)]
        return np.asarray(self._of(grouping)[places[block.base : block.base + block.people]])

    def of_rows(self, grouping: Grouping, units: RowSet) -> Array:
        """Return the level of every row: its own care site or ward, else what its person is."""
        if grouping.by not in _OF_ROWS:
            return np.asarray(self.of_people(grouping, units.block)[units.person() - units.block.base])
        table, key = _OF_ROWS[grouping.by]
        named = self._named(units.block, table)
        out = np.empty(len(units.at), dtype=np.uint8)
        levels_of_keys(
            out,
            units.person() - units.block.base,
            units.column(key),
            named.begin,
            named.column(key),
            named.column("care_site"),
            self._of(grouping),
        )
        return out

    def _named(self, block: Block, table: EventTable) -> RowSet:
        """Return all rows of a table in a block, whatever their days."""
        if table not in block.rows:
            block.rows[table] = rows_of(block, coded(table, self.pack.tables[table], None, self.edges))
        return block.rows[table]


def column_of(grouping: Grouping) -> str:
    """Return the column whose ids lead to the levels of a grouping."""
    attribute = grouping.attribute
    return attribute.column if attribute.is_concept else f"{attribute.table}_id"

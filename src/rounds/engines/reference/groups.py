# ruff: noqa: S608  SQL is built from our own table and column names only
"""Of which level somebody or a row is, for the reference engine: look it up, one after the other."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from rounds.engines.groups import groupings_asked
from rounds.measures.definitions import Measure
from rounds.measures.groupings import Attribute, Grouping
from rounds.measures.strata import UNKNOWN, Stratum

_VISIT = "SELECT person_id, visit_occurrence_id, care_site_id FROM visit_occurrence"
_STAY = "SELECT person_id, visit_detail_id, care_site_id FROM visit_detail"

Key = tuple[int, ...]
"""A person, with a visit or a stay if those are meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """The values that groupings look at; several where a stay's id stands in several rows."""

    of_people: Mapping[Grouping, Mapping[Key, set[str]]]
    of_rows: Mapping[Grouping, Mapping[Key, set[str]]]
    """By visit for care sites and by stay for wards."""

    def level(self, grouping: Grouping, person: int, row: tuple[int, int] | None) -> str:
        """Return the level of a person, or of a person's row of which the visit and the stay are given."""
        if row is None or grouping.by not in (Stratum.CARE_SITE, Stratum.WARD):
            values = self.of_people[grouping].get((person,), set())
        else:
            visit, stay = row
            values = self.of_rows[grouping].get((person, visit if grouping.by is Stratum.CARE_SITE else stay), set())
        listed = dict(grouping.values or ())
        levels = {listed.get(value, UNKNOWN) for value in values}
        return levels.pop() if len(levels) == 1 else UNKNOWN


def read_groups(connection: duckdb.DuckDBPyConnection, measures: Sequence[Measure]) -> Groups:
    """Return what the groupings of some measures look at."""
    of_people: dict[Grouping, Mapping[Key, set[str]]] = {}
    of_rows: dict[Grouping, Mapping[Key, set[str]]] = {}
    for of, grouping in dict.fromkeys(asked for measure in measures for asked in groupings_asked(measure)):
        if of is not None and grouping.by in (Stratum.CARE_SITE, Stratum.WARD):
            of_rows[grouping] = _of_rows(connection, grouping)
        else:
            of_people[grouping] = _of_people(connection, grouping)
    return Groups(of_people=of_people, of_rows=of_rows)


def _of_people(connection: duckdb.DuckDBPyConnection, grouping: Grouping) -> Mapping[Key, set[str]]:
    attribute = grouping.attribute
    if attribute.is_concept:
        rows = connection.execute(f"SELECT person_id, {attribute.column} FROM person").fetchall()
        return {(person,): {str(concept)} for person, concept in rows if concept is not None}
    key = "care_site_id" if grouping.by is Stratum.CARE_SITE else "location_id"
    names = _names(connection, attribute)
    rows = connection.execute(f"SELECT person_id, {key} FROM person").fetchall()
    return {(person,): {names.get(place, "")} for person, place in rows}


def _of_rows(connection: duckdb.DuckDBPyConnection, grouping: Grouping) -> Mapping[Key, set[str]]:
    names = _names(connection, grouping.attribute)
    found: dict[Key, set[str]] = defaultdict(set)
    for person, key, site in connection.execute(_VISIT if grouping.by is Stratum.CARE_SITE else _STAY).fetchall():
        found[person, key].add(names.get(site, ""))
    return found


def _names(connection: duckdb.DuckDBPyConnection, attribute: Attribute) -> dict[int, str]:
    rows = connection.execute(
        f"SELECT {attribute.table}_id, {attribute.column} FROM {attribute.table} WHERE {attribute.column} IS NOT NULL"
    ).fetchall()
    return {place: name.strip(" ") for place, name in rows}

# ruff: noqa: S608  SQL is built from our own names, whole numbers, dates and quoted patterns only
"""A cohort definition as a sequence of tables, each made by one query from those before it."""

from dataclasses import dataclass, field
from typing import Final

from rounds.engines.cohorts.event_sql import EVENT_COLUMNS, events_sql
from rounds.engines.cohorts.filter_sql import ConceptList, filter_sql, join_sql
from rounds.engines.cohorts.tables import OmopTables
from rounds.measures.cohorts.criteria import (
    Correlated,
    Criterion,
    Demographic,
    Group,
    GroupKind,
    Occurrence,
    Times,
    Window,
)
from rounds.measures.cohorts.domains import CountColumn

PREFIX: Final = "rounds_cohort_"
"""Begins the name of every table that is made on the way, unless another is given."""

_TIMES: Final = {Times.EXACTLY: "=", Times.AT_MOST: "<=", Times.AT_LEAST: ">="}


@dataclass(slots=True, kw_only=True)
class Program:
    """Tables to make, in order. Events that several conditions ask for are one table.

    A table of index events has the columns k (its key), person_id, start_date, end_date, op_start_date, op_end_date and
    visit_occurrence_id.
    """

    tables: OmopTables
    concepts: ConceptList
    prefix: str = PREFIX
    """Begins the name of every table."""
    steps: list[tuple[str, str]] = field(default_factory=list)
    """Names of tables and the queries that make them."""
    _events: dict[tuple[Criterion, str | None, CountColumn | None], str] = field(default_factory=dict)

    def add(self, name: str, sql: str) -> str:
        """Append a table and return its full name."""
        full = f"{self.prefix}{name}"
        self.steps.append((full, sql))
        return full

    def events(self, criterion: Criterion, *, among: str | None, counted: CountColumn | None = None) -> str:
        """Return the name of the table of a criterion's events.

        Args:
            criterion: with all that is correlated.
            among: the table of the only people looked at.
            counted: the column whose values are asked for.
        """
        key = (criterion, among, counted)
        if key not in self._events:
            self._events[key] = self._make_events(criterion, among, counted)
        return self._events[key]

    def _make_events(self, criterion: Criterion, among: str | None, counted: CountColumn | None) -> str:
        number = len(self.steps)
        sql = events_sql(criterion, tables=self.tables, concepts=self.concepts, among=among, counted=counted)
        group = criterion.correlated
        if group is None or not group.members:
            return self.add(f"events_{number}", sql)
        found = self.add(f"found_{number}", f"SELECT row_number() OVER () AS k, e.* FROM ({sql}) e")
        observed = self.tables.table("observation_period")
        index = self.add(
            f"index_{number}",
            "SELECT row_number() OVER () AS k, e.k AS found, e.person_id, e.start_date, e.end_date, "
            "e.visit_occurrence_id, "
            "CAST(o.observation_period_start_date AS DATE) AS op_start_date, "
            "CAST(o.observation_period_end_date AS DATE) AS op_end_date "
            f"FROM {found} e JOIN {observed} o ON o.person_id = e.person_id "
            "AND e.start_date BETWEEN CAST(o.observation_period_start_date AS DATE) "
            "AND CAST(o.observation_period_end_date AS DATE)",
        )
        condition = self.holds(group, index)
        return self.add(
            f"events_{number}",
            f"SELECT {', '.join(EVENT_COLUMNS)} FROM {found} e "
            f"WHERE e.k IN (SELECT i.found FROM {index} i WHERE {condition})",
        )

    def holds(self, group: Group, index: str) -> str:
        """Return the condition under which a group holds for an index event `i`.

        Args:
            group: to be looked at.
            index: the table of index events.
        """
        if not group.members:
            return "true"
        parts = [self._member(member, index) for member in group.members]
        match group.kind:
            case GroupKind.ALL:
                return f"({' AND '.join(parts)})"
            case GroupKind.ANY:
                return f"({' OR '.join(parts)})"
            case GroupKind.AT_LEAST | GroupKind.AT_MOST:
                held = " + ".join(f"CAST({part} AS INTEGER)" for part in parts)
                return f"(({held}) {'>=' if group.kind is GroupKind.AT_LEAST else '<='} {group.count})"

    def _member(self, member: Correlated | Demographic | Group, index: str) -> str:
        match member:
            case Group():
                return self.holds(member, index)
            case Demographic():
                conditions = [filter_sql(each, self.tables, self.concepts) for each in member.filters]
                joins = (
                    join_sql(member.filters, self.tables) or f"JOIN {self.tables.table('person')} p USING (person_id)"
                )
                where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
                return f"i.k IN (SELECT c.k FROM {index} c {joins} {where})"
            case Correlated():
                return self._correlated(member, index)

    def _correlated(self, member: Correlated, index: str) -> str:
        occurrence = member.occurrence
        events = self.events(member.criterion, among=index, counted=occurrence.distinct)
        pairs = f"SELECT x.k FROM {index} x JOIN {events} a ON {_pair(member)}"
        counted = "*" if occurrence.distinct is None else "DISTINCT a.counted"
        test = f"count({counted}) {_TIMES[occurrence.times]} {occurrence.count}"
        grouped = f"{pairs} GROUP BY x.k HAVING"
        if _zero_passes(occurrence):
            # Index events without any such event are in no pair: ask for those that do not pass.
            failing = pairs if occurrence.count == 0 and occurrence.distinct is None else f"{grouped} NOT ({test})"
            return "true" if _always(occurrence) else f"i.k NOT IN ({failing})"
        if occurrence.times is Times.AT_LEAST and occurrence.count == 1 and occurrence.distinct is None:
            return f"i.k IN ({pairs})"
        return f"i.k IN ({grouped} {test})"


def _always(occurrence: Occurrence) -> bool:
    return occurrence.times is Times.AT_LEAST and occurrence.count == 0


def _zero_passes(occurrence: Occurrence) -> bool:
    return occurrence.times is Times.AT_MOST or occurrence.count == 0


def _pair(member: Correlated) -> str:
    """Return the condition under which an event `a` counts for an index event `x`."""
    within = not member.ignore_observation_period
    clauses = ["a.person_id = x.person_id"]
    if within:
        clauses.append("a.start_date >= x.op_start_date AND a.start_date <= x.op_end_date")
    clauses += _window(member.start_window, within=within)
    if member.end_window is not None:
        clauses += _window(member.end_window, within=within)
    if member.same_visit:
        clauses.append("a.visit_occurrence_id = x.visit_occurrence_id")
    return " AND ".join(clauses)


def _window(window: Window, *, within: bool) -> list[str]:
    index = "x.end_date" if window.from_index_end else "x.start_date"
    event = "a.end_date" if window.on_event_end else "a.start_date"
    clauses = []
    for edge, operator in ((window.start, ">="), (window.end, "<=")):
        if edge.offset_days is not None:
            clauses.append(f"{event} {operator} {index} + {edge.offset_days}")
        elif within:
            clauses.append(f"{event} {operator} {'x.op_start_date' if edge.sign == -1 else 'x.op_end_date'}")
    return clauses

"""Counts measures in pandas as an analyst would: filter, merge with observation, and for every period once more.

Only what the benchmark's measures say is covered; anything else is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from rounds.engines.asked import Asked
from rounds.engines.rows import rows_sql
from rounds.measures.choices import Choose
from rounds.measures.codelists import CodeList
from rounds.measures.criteria import AllOf, Criterion, Events, Has, Not
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.measures.periods import Period
from rounds.measures.questions import RecordsQuestion
from rounds.measures.strata import AGE_BANDS, LEVELS, SEX_BY_CONCEPT, Stratum
from rounds.measures.traits import Age, Observed, Sex, Value
from rounds.records.omop import Records


@dataclass(frozen=True, kw_only=True)
class Tables:
    """A site's tables in memory; people have a place, by which everything else knows them."""

    people: pd.DataFrame
    observed: pd.DataFrame
    events: dict[EventTable, pd.DataFrame]
    known: dict[Events, pd.DataFrame] = field(default_factory=dict)

    @classmethod
    def read(cls, records: Records, measures: Sequence[Measure]) -> "Tables":
        """Read what some measures are about."""
        with records.connect() as connection:
            people = connection.execute("SELECT person_id, year_of_birth, gender_concept_id FROM person").df()
            people["sex"] = people["gender_concept_id"].map(SEX_BY_CONCEPT).fillna("unknown")
            place = pd.Series(np.arange(len(people)), index=people["person_id"])
            observed = connection.execute(
                "SELECT person_id, observation_period_start_date AS start, observation_period_end_date AS stop "
                "FROM observation_period"
            ).df()
            observed["place"] = observed["person_id"].map(place)
            events = {}
            for table in sorted({table for one in measures for table in _question(one).tables}):
                shown = "person_id, concept, first, minute, value"
                found = connection.execute(f"SELECT {shown} FROM ({rows_sql(table)})").df()  # noqa: S608
                found["place"] = found.pop("person_id").map(place)
                events[table] = found
        return cls(people=people, observed=observed[["place", "start", "stop"]], events=events)


def count(asked: Asked, tables: Tables, *, member: str) -> list[tuple[Any, ...]]:
    """Return the cells of a measure, in the order that every engine has."""
    question = _question(asked.measure)
    tables.known.clear()  # a measure by itself, as the separate queries are
    cells = []
    for period in asked.periods:
        met = _People(tables=tables, period=period)
        denominator = met.observed()
        if question.who is not None:
            denominator &= met.of(question.who)
        assert question.numerator is not None
        numerator = denominator & met.of(question.numerator)
        ages = period.start.year - tables.people["year_of_birth"].to_numpy()
        bands = pd.cut(ages, [-1000, *(oldest for _, _, oldest in AGE_BANDS)], labels=LEVELS[Stratum.AGE_BAND])
        frame = pd.DataFrame({"age_band": bands, "sex": tables.people["sex"], "n": numerator, "d": denominator})
        groups = frame.groupby(["age_band", "sex"], observed=False)[["n", "d"]].sum()
        strata = [str(stratum) for stratum in asked.measure.strata]
        for levels in product(*(sorted(LEVELS[Stratum(name)]) for name in strata)):
            key = tuple(levels)
            top, bottom = groups.loc[key] if key in groups.index else (0, 0)
            cells.append((member, period.start, *levels, int(top), int(bottom)))
    return cells


@dataclass(frozen=True, kw_only=True)
class _People:
    tables: Tables
    period: Period

    def observed(self) -> Any:
        spans = self.tables.observed
        there = (spans["start"] <= pd.Timestamp(self.period.end)) & (spans["stop"] >= pd.Timestamp(self.period.start))
        return self._among(spans.loc[there, "place"])

    def of(self, criterion: Criterion) -> Any:
        people = self.tables.people
        match criterion:
            case Age(low=low, high=high):
                ages = self.period.start.year - people["year_of_birth"]
                return ages.between(0 if low is None else low, 1000 if high is None else high).to_numpy()
            case Sex(among=among):
                return people["sex"].isin(among).to_numpy()
            case AllOf(of=several):
                return np.logical_and.reduce([self.of(one) for one in several])
            case Not(of=one):
                return ~self.of(one)
            case Has():
                return self._has(criterion)
            case _:
                raise NotImplementedError(criterion)

    def _has(self, asked: Has) -> Any:
        rows = self._rows(asked.events)
        first, last = asked.window.on(self.period.start, self.period.end)
        if first > date.min:
            rows = rows[rows["first"] >= pd.Timestamp(first)]
        rows = rows[rows["first"] <= pd.Timestamp(last)]
        if asked.choose is Choose.LAST:
            rows = rows.sort_values(["first", "minute", "value"], na_position="first").groupby("place").tail(1)
        rows = self._provided(rows, asked.provided)
        if asked.at_least > 1:
            times = rows["place"].value_counts()
            return self._among(times.index[times >= asked.at_least])
        return self._among(rows["place"])

    def _rows(self, events: Events | Any) -> pd.DataFrame:
        if events not in self.tables.known:
            assert isinstance(events, Events)
            assert isinstance(events.codes, CodeList)
            assert events.where == Observed()
            rows = self.tables.events[events.table]
            rows = rows[rows["concept"].isin(events.codes.concept_ids)].reset_index(drop=True)
            rows["row"] = rows.index
            rows = rows.merge(self.tables.observed, on="place")
            rows = rows[(rows["first"] >= rows["start"]) & (rows["first"] <= rows["stop"])].drop_duplicates("row")
            if events.first:
                rows = rows.sort_values(["first", "minute"]).groupby("place").head(1)
            self.tables.known[events] = rows
        return self.tables.known[events]

    def _provided(self, rows: pd.DataFrame, criterion: Criterion | None) -> pd.DataFrame:
        match criterion:
            case None:
                return rows
            case Value(low=None, units=(), high=float(high), high_included=False):
                return rows[rows["value"] < np.float32(high)]
            case Age(low=int(low), high=None):
                born = self.tables.people["year_of_birth"].to_numpy()[rows["place"]]
                return rows[rows["first"].dt.year - born >= low]
            case _:
                raise NotImplementedError(criterion)

    def _among(self, places: Any) -> Any:
        met = np.zeros(len(self.tables.people), dtype=bool)
        met[places] = True
        return met


def _question(measure: Measure) -> RecordsQuestion:
    assert isinstance(measure.question, RecordsQuestion)
    return measure.question

"""Standardised rates at the centre: members who differ only by age do not differ, and few people are never a zero."""

from dataclasses import replace
from datetime import date
from itertools import product

import polars as pl
import reports_fixture as given

from rounds.centre.learn import variation_insights
from rounds.centre.pooled_measure import PooledMeasure
from rounds.centre.pooling import totals
from rounds.centre.standardising import standardised_insights
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import release
from rounds.measures.counts import Count, count_schema
from rounds.measures.periods import Grain, periods_between
from rounds.measures.questions import People, RecordsQuestion
from rounds.measures.strata import LEVELS, Stratum
from rounds.measures.traits import Sex
from rounds.reports.insight import Insight, Kind
from rounds.storage.library import read_library, shipped_library_folder

STRATA = (Stratum.AGE_BAND, Stratum.SEX)
(STANDARD,) = read_library(shipped_library_folder()).standards
QUESTION = RecordsQuestion(unit=People(), numerator=Sex(among=("female",)))
MEASURE = replace(given.ARRESTS, question=QUESTION, strata=STRATA, standard=STANDARD, grain=Grain.YEAR)
RISK = {"0-17": 0.01, "18-39": 0.02, "40-59": 0.05, "60-79": 0.1, "80+": 0.2}
"""The same everywhere."""


def _pooled(people: dict[str, dict[str, int]], *, risk: dict[str, float] | None = None) -> PooledMeasure:
    """Return a measure from the people of each age band that members have, half of them women."""
    rows = []
    for (code, bands), (band, sex) in product(people.items(), product(*(LEVELS[stratum] for stratum in STRATA))):
        number = 0 if sex == "unknown" else bands[band]
        rows.append((code, date(2024, 1, 1), band, sex, round(number * (risk or RISK)[band]), number))
    cells = pl.DataFrame(rows, schema=count_schema(STRATA), orient="row")
    count = Count(measure=MEASURE.ref, strata=STRATA, cells=cells)
    released = release(count, terms=Terms(rule=Policy.HES), already_public=False).cells.with_columns(
        pl.col("member").alias("site")
    )
    return PooledMeasure(
        measure=MEASURE,
        periods=periods_between(grain=Grain.YEAR, first=date(2024, 1, 1), last=date(2024, 12, 31)),
        cells=released,
        series=totals(released, by=["member", "period"]),
    )


def _said(found: PooledMeasure) -> tuple[Insight, ...]:
    return standardised_insights(found, membership=given.MEMBERSHIP, provenance=given.PROVENANCE)


YOUNG = {"0-17": 20_000, "18-39": 30_000, "40-59": 10_000, "60-79": 2_000, "80+": 1_000}
OLD = {"0-17": 2_000, "18-39": 3_000, "40-59": 10_000, "60-79": 30_000, "80+": 20_000}


def test_members_that_differ_only_by_age_do_not_differ() -> None:
    found = _pooled({code: YOUNG if place % 2 else OLD for place, code in enumerate(given.CODES)})
    (insight,) = _said(found)
    assert insight.kind is Kind.BETWEEN_SITES
    assert insight.statement.startswith("Cardiac arrests in hospital, allowing for age and sex: ")
    assert insight.statement.endswith("no organisation is clearly different.")
    expected = 1000 * sum(RISK[band] * number for (band, _), number in STANDARD.people) / 200_000
    for name, *numbers in insight.table.rows:
        value, lowest, highest, lower, upper = numbers
        assert abs(value - expected) < 0.05, name
        assert lower <= lowest <= value <= highest <= upper
    assert any("European standard population 2013 (version 1)" in note for note in insight.notes)
    crude = variation_insights(found, membership=given.MEMBERSHIP, provenance=given.PROVENANCE, embedded={})
    assert insight.id not in {other.id for other in crude}


def test_a_member_that_differs_besides_is_named() -> None:
    usual = _pooled(dict.fromkeys(given.CODES[1:], OLD))
    worse = _pooled({given.CODES[0]: OLD}, risk={band: 1.5 * risk for band, risk in RISK.items()})
    cells = pl.concat([usual.cells, worse.cells])
    (insight,) = _said(replace(usual, cells=cells, series=totals(cells, by=["member", "period"])))
    assert insight.statement.endswith(f"clearly different: {given.MEMBERSHIP.name_of(given.CODES[0])}.")


def test_withheld_counts_leave_bounds_and_no_value() -> None:
    few = {**OLD, "0-17": 500}
    (insight,) = _said(_pooled({given.CODES[0]: few, given.CODES[1]: OLD}))
    row = next(row for row in insight.table.rows if row[0] == given.MEMBERSHIP.name_of(given.CODES[0]))
    assert row[1] == "[c]"
    assert row[2] < row[3]


def test_somebody_with_too_few_age_groups_is_left_out_and_said_so() -> None:
    adults = {**OLD, "0-17": 0, "18-39": 0}
    (insight,) = _said(_pooled({given.CODES[0]: adults, given.CODES[1]: OLD, given.CODES[2]: YOUNG}))
    assert len(insight.table.rows) == 3
    assert any("too few age groups" in note for note in insight.notes)
    assert _said(_pooled({given.CODES[0]: adults, given.CODES[1]: OLD})) == ()


def test_without_a_standard_nothing_is_standardised() -> None:
    found = _pooled(dict.fromkeys(given.CODES, OLD))
    assert _said(replace(found, measure=replace(MEASURE, standard=None))) == ()

"""Means on pages: their unit, their ends, their intervals, and organisations side by side without a funnel."""

import json
from dataclasses import replace
from datetime import date
from itertools import product

import numpy as np
import polars as pl
import pytest
from log_stamps import no_standing
from reports_fixture import CODES, MEMBERSHIP, PROVENANCE, report
from small_site import make_measure

from rounds.centre.answers import check_answer
from rounds.centre.learn import variation_insights
from rounds.centre.pooled_measure import PooledMeasure
from rounds.centre.pooling import totals
from rounds.disclosure.bounded import State, bounded_schema
from rounds.disclosure.policy import Policy
from rounds.errors import DefinitionError, MessageError
from rounds.exchange.messages import Reply
from rounds.exchange.question import Question
from rounds.exchange.tables import ReceivedTable
from rounds.measures.amounts import Amount, HowMany, Nights
from rounds.measures.choices import Extent
from rounds.measures.criteria import Events, Has
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.measures.kinds import CountKind
from rounds.measures.periods import Grain
from rounds.measures.questions import People, RecordsQuestion, Rows
from rounds.measures.words import shown_words
from rounds.reports.charts.render import SvgCache
from rounds.reports.content.cells import rate_cells, rate_columns
from rounds.reports.content.observed import Known, Observed, dispersion_of, observed_from_cells, total
from rounds.reports.content.wording import interval_name, rate_text, rate_unit
from rounds.reports.insight import Estimate, Kind
from rounds.reports.pages.write import _environment, _estimate

STAYS = Rows(events=Events(table=EventTable.VISIT_OCCURRENCE, codes=None, without_end=Extent.ON_AND_ON))


def _stays(*, low: float = 0.0, high: float = 30.0, step: float = 0.5, grain: Grain = Grain.MONTH) -> Measure:
    amount = Amount(of=Nights(), low=low, high=high, step=step, most_each=2)
    return make_measure(RecordsQuestion(unit=STAYS, amount=amount), grain=grain, unit="admissions")


def _observed(numerator: Known, denominator: Known, *, measure: Measure) -> Observed:
    cells = {
        f"{name}_{part}": [value]
        for name, known in (("numerator", numerator), ("denominator", denominator))
        for part, value in (
            ("state", State.WITHHELD if known.value is None else State.ROUNDED),
            ("value", known.value),
            ("lower", known.lower),
            ("upper", known.upper),
        )
    }
    return observed_from_cells(pl.DataFrame(cells), measure)[0]


def _exactly(steps: int, units: int, measure: Measure) -> Observed:
    return _observed(Known.exactly(steps), Known.exactly(units), measure=measure)


def test_a_mean_is_shown_in_its_unit_and_from_its_lowest() -> None:
    measure = _stays(low=2.0)
    found = _exactly(700, 100, measure)
    assert measure.kind is CountKind.MEAN
    assert found.rate(measure.scale) == 5.5
    assert rate_unit(measure) == "steps"
    assert rate_text(5.5, measure) == "5.50 steps"
    columns = dict(zip(rate_columns(measure), rate_cells(found, measure), strict=True))
    assert columns["Mean (steps)"] == 5.5
    assert columns["Sum above 2 each (steps)"] == 350.0
    assert columns["Admissions"] == 100


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        (Known.exactly(0), Known.exactly(0), (2.0, 30.0)),
        (Known(value=None, lower=0, upper=600), Known(value=None, lower=1, upper=14), (2.0, 30.0)),
        (Known(value=600, lower=450, upper=750), Known(value=100, lower=95, upper=105), (2 + 225 / 105, 2 + 375 / 95)),
        (Known(value=5700, lower=5550, upper=5850), Known(value=100, lower=95, upper=105), (2 + 2775 / 105, 30.0)),
    ],
    ids=["nobody", "withheld", "rounded", "above the highest"],
)
def test_a_mean_lies_between_its_ends(numerator: Known, denominator: Known, expected: tuple[float, float]) -> None:
    measure = _stays(low=2.0)
    assert _observed(numerator, denominator, measure=measure).rate_bounds(measure.scale) == pytest.approx(expected)


def test_sums_and_units_add_up() -> None:
    measure = _stays(low=2.0)
    together = total([_exactly(700, 100, measure), _exactly(0, 100, measure)])
    assert together.rate(measure.scale) == 3.75
    assert together.rate_bounds(measure.scale) == (3.75, 3.75)


def test_the_interval_covers_the_mean_whatever_the_values_are() -> None:
    """95 of 100 times, for values that are all at an end, spread out or skewed, and far more often for most."""
    measure = _stays()
    generator = np.random.default_rng(7)
    draws = {
        "at the ends": lambda size: 60 * generator.binomial(1, 0.2, size),
        "spread": lambda size: generator.integers(0, 61, size),
        "skewed": lambda size: np.minimum(generator.geometric(0.1, size) - 1, 60),
    }
    truth = {"at the ends": 6.0, "spread": 15.0, "skewed": 0.5 * 0.9 / 0.1 * (1 - 0.9**60)}
    covered = {}
    for name, draw in draws.items():
        inside = 0
        for values in draw((2000, 120)):
            lower, upper = _exactly(int(values.sum()), 120, measure).interval95(measure.scale)
            inside += lower <= truth[name] <= upper
        covered[name] = inside / 2000
    assert 0.93 <= covered["at the ends"] <= 0.97
    assert min(covered["spread"], covered["skewed"]) >= 0.99


def test_the_interval_stays_between_the_ends() -> None:
    measure = _stays(low=2.0)
    for steps in (0, 5600):
        lower, upper = _exactly(steps, 100, measure).interval95(measure.scale)
        assert 2.0 <= lower < upper <= 30.0


def test_steady_means_are_not_dispersed_and_wild_ones_are() -> None:
    measure = _stays(low=2.0)
    assert dispersion_of([_exactly(700, 100, measure)] * 6) == 1.0
    assert dispersion_of([_exactly(steps, 100, measure) for steps in (0, 5600) * 6]) > 10


def _pooled(measure: Measure, sums: dict[str, tuple[int, int]]) -> PooledMeasure:
    """Return a measure of which every member sent about the same sum and units in each month of a year."""
    periods = measure.periods(first=date(2024, 1, 1), last=date(2024, 12, 31))
    rows = [
        (
            code,
            period.start,
            *(State.ROUNDED, *(steps + 300 * (period.start.month % 3) + part for part in (0, -150, 150))),
            *(State.ROUNDED, units, units - 5, units + 5),
        )
        for (code, (steps, units)), period in product(sums.items(), periods)
    ]
    cells = pl.DataFrame(rows, schema=bounded_schema(()), orient="row")
    return PooledMeasure(measure=measure, periods=periods, cells=cells, series=totals(cells, by=["member", "period"]))


def test_organisations_stand_side_by_side_without_a_funnel() -> None:
    sums = dict.fromkeys(CODES[:14], (600, 100)) | {CODES[14]: (2400, 100)}
    found = variation_insights(_pooled(_stays(), sums), membership=MEMBERSHIP, provenance=PROVENANCE, embedded={})
    (between,) = (one for one in found if one.kind is Kind.BETWEEN_SITES)
    assert between.certainty.method == "mean-bounds@1"
    assert between.statement.endswith(f"; clearly different: {MEMBERSHIP.name_of(CODES[14])}.")
    assert any(note.startswith("There is no funnel plot of means") for note in between.notes)
    assert any(interval_name(_stays()) in note for note in between.notes)
    said = " ".join((between.certainty.because, *between.notes))
    assert "how much admissions differ from one another" in said
    assert "patient" not in said.replace("five patients", "")
    over = [one for one in found if one.kind is Kind.OVER_TIME]
    assert len(over) == 1 + len(sums)
    assert all("steps" in one.statement and "%" not in one.statement for one in over)
    assert any("Sums are rounded to five patients' most" in note for note in over[-1].notes)
    assert all(len(set(one.table.columns)) == len(one.table.columns) for one in over)
    assert all("Mean (steps)" in one.table.columns and "Mean" not in one.table.columns for one in over)
    json.dumps([one.chart for one in found])


def test_a_mean_is_said_to_be_one_wherever_measures_are_listed() -> None:
    assert shown_words(_stays()) == "in steps, on average of admissions"
    environment = _environment(report(members=2), SvgCache())
    page = environment.get_template("methods.html").render(part={"measures": (_stays(),), "methods": ()}, root="")
    assert "in steps, on average of admissions" in page
    assert "Rate per" not in page


def test_a_number_outside_its_range_is_not_rounded_into_it() -> None:
    flagged = Estimate(value=3.65, lower=3.39, upper=3.648, interval="usual range", unit="nights")
    assert _estimate(flagged) == "3.650 nights; usual range 3.390 to 3.648"
    assert _estimate(replace(flagged, upper=3.652)) == "3.65 nights; usual range 3.39 to 3.65"


def test_two_organisations_are_not_held_against_each_other() -> None:
    sums = dict.fromkeys(CODES[:2], (6000, 1000))
    found = variation_insights(_pooled(_stays(), sums), membership=MEMBERSHIP, provenance=PROVENANCE, embedded={})
    assert not [one for one in found if one.kind is Kind.BETWEEN_SITES]


def test_a_sum_above_what_its_units_can_add_is_refused() -> None:
    measure = _stays(grain=Grain.YEAR)
    cells = pl.DataFrame(
        [("RX1", date(2024, 1, 1), State.ROUNDED, 6500, 6350, 6650, State.ROUNDED, 100, 95, 105)],
        schema=bounded_schema(()),
        orient="row",
    )
    table = ReceivedTable(measure=measure.ref, policy=Policy.HES, strata=(), cells=cells)
    question = Question(
        first=date(2024, 1, 1),
        last=date(2024, 12, 31),
        as_of=date(2025, 1, 31),
        measures=(measure.ref,),
        members=("RX1",),
    )
    reply = Reply(
        round_id="r", site="one", answers="d", issued=date(2025, 5, 1), tables=(table,), log=no_standing(), digest="d"
    )
    with pytest.raises(MessageError, match="a sum is above what its units can add up to, whatever was withheld"):
        check_answer(reply, question=question, measures=(measure,), source="reply.json")


def test_a_mean_says_what_it_is_in_and_nothing_else_does() -> None:
    falls = Has(events=Events(table=EventTable.CONDITION_OCCURRENCE, codes=None))
    amount = Amount(of=HowMany(rows=falls), low=0.0, high=3.0, step=1.0)
    made = make_measure(RecordsQuestion(unit=People(), amount=amount))
    assert made.shown_in
    with pytest.raises(DefinitionError, match="nothing is asked"):
        RecordsQuestion(unit=People())

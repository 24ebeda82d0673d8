"""Rates over time on pages: their unit, their intervals, and their funnels."""

import numpy as np
import pytest
from scipy.stats import chi2
from small_site import make_measure

from rounds.learning.variation.between_sites.funnel import funnel_proportions, funnel_rates
from rounds.measures.criteria import Events, Has
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.measures.kinds import CountKind
from rounds.measures.questions import PersonTime, RecordsQuestion
from rounds.reports.content.cells import rate_cells, rate_columns
from rounds.reports.content.observed import Known, Observed, dispersion_of, total
from rounds.reports.content.wording import rate_text, rate_unit

FALLS = Has(events=Events(table=EventTable.CONDITION_OCCURRENCE, codes=None))
IN_BED = PersonTime(visits=Events(table=EventTable.VISIT_OCCURRENCE, codes=None))


def _measure(unit: str) -> Measure:
    timed = IN_BED if unit == "bed-days" else PersonTime()
    return make_measure(RecordsQuestion(unit=timed, numerator=FALLS), unit=unit)


def _observed(events: int, days: int) -> Observed:
    return Observed(numerator=Known.exactly(events), denominator=Known.exactly(days), over_time=True)


@pytest.mark.parametrize(
    ("unit", "shown", "rate", "column"),
    [
        ("person-years", "per 100 person-years", 365.25, "Days observed"),
        ("person-days", "per 100 person-days", 1.0, "Days observed"),
        ("bed-days", "per 100 bed-days", 1.0, "Bed-days"),
    ],
)
def test_the_unit_is_shown_and_never_a_percentage(unit: str, shown: str, rate: float, column: str) -> None:
    measure = _measure(unit)
    assert measure.kind is CountKind.RATE
    assert rate_unit(measure) == shown
    assert rate_text(rate, measure).endswith(f" {shown}")
    assert column in rate_columns(measure)
    assert rate_cells(_observed(10, 1000), measure)[0] == rate


def test_a_rate_may_be_above_one_a_day() -> None:
    assert _observed(4000, 1000).rate(1) == 4.0
    assert _observed(4000, 1000).rate_bounds(1) == (4.0, 4.0)
    assert total([_observed(4000, 1000), _observed(0, 1000)]).rate(1) == 2.0


@pytest.mark.parametrize("events", [0, 1, 8, 40, 400])
def test_the_interval_is_near_the_exact_one_of_a_poisson_count(events: int) -> None:
    lower, upper = _observed(events, 1000).interval95(1000)
    exact = (chi2.ppf(0.025, 2 * events) / 2 if events else 0.0, chi2.ppf(0.975, 2 * events + 2) / 2)
    # The exact interval is the wider by about half an event at each end; the score interval covers 95 % on average.
    assert exact[0] <= lower <= exact[0] + 1.0
    assert exact[1] - 1.0 <= upper <= exact[1] + 0.2


def test_the_interval_covers_every_count_between_the_bounds() -> None:
    withheld = Observed(
        numerator=Known(value=None, lower=1, upper=105),
        denominator=Known(value=None, lower=10, upper=217),
        over_time=True,
    )
    lower, upper = withheld.interval95(1)
    for events, days in ((1, 217), (105, 10), (50, 100)):
        low, high = _observed(events, days).interval95(1)
        assert lower <= low <= high <= upper


def test_steady_rates_are_not_dispersed_and_wild_ones_are() -> None:
    assert dispersion_of([_observed(20, 1000)] * 6) == 1.0
    assert dispersion_of([_observed(20, 1000), _observed(80, 1000)] * 6) > 5


def test_a_funnel_of_rare_events_is_that_of_proportions() -> None:
    numerators, denominators = np.array([10.0, 12, 60, 30]), np.array([1e5, 1.1e5, 2e5, 1.5e5])
    rates = funnel_rates(numerators=numerators, denominators=denominators)
    proportions = funnel_proportions(numerators=numerators, denominators=denominators)
    assert rates.outliers == proportions.outliers
    np.testing.assert_allclose(rates.upper998, proportions.upper998, rtol=1e-3)
    assert rates.tau2 == pytest.approx(proportions.tau2, rel=1e-2)


def test_a_funnel_of_rates_may_hold_more_events_than_days() -> None:
    found = funnel_rates(numerators=np.array([4000.0, 4100, 9000]), denominators=np.array([1000.0, 1000, 1000]))
    assert found.centre == pytest.approx(5.7)

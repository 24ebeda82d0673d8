"""Funnels of many measures: gaps, refusals, measures without limits, ratios, and what bounds leave open."""

from itertools import product

import numpy as np
import pytest

from rounds.learning.variation.between_sites.bulk import FunnelKind, funnels
from rounds.learning.variation.between_sites.exact_limits import exact_proportion_limits, sizes_at_limits
from rounds.learning.variation.between_sites.funnel import funnel_ratios
from rounds.learning.variation.between_sites.life_expectancy import life_expectancy
from rounds.learning.variation.between_sites.limits import Outlier
from rounds.learning.variation.between_sites.notes import funnel_notes
from rounds.learning.variation.between_sites.within_bounds import CountBounds, places_within

NAN = np.nan


def test_a_measure_without_comparison_says_why() -> None:
    found = funnels(
        numerators=np.array([[1.0, 2, 3], [NAN, 4, NAN], [NAN, NAN, NAN]]),
        denominators=np.full((3, 3), 50.0),
        kind=FunnelKind.RATE,
    )
    assert found.reasons == (
        None,
        "Only 1 organisation has numbers: a funnel compares at least 2.",
        "No organisation has numbers: a funnel compares at least 2.",
    )
    assert np.isnan(found.limits.upper95[1:]).all()
    assert np.isnan(found.centre).tolist() == [False, True, True]
    assert (found.places[1:] == 0).all()


@pytest.mark.parametrize("kind", list(FunnelKind))
def test_identical_organisations_have_limits_and_no_outlier(kind: FunnelKind) -> None:
    found = funnels(numerators=np.full((2, 6), 5.0), denominators=np.full((2, 6), 5.0), kind=kind)
    assert (found.places == 0).all()
    assert found.tau2.tolist() == [0, 0]
    assert np.isfinite(found.limits.upper998).all()


@pytest.mark.parametrize(
    ("top", "bottom", "problem"),
    [
        ([[1.0, 2], [1, -2]], [[9.0, 9], [9, 9]], "measure 2: organisation 2 has a numerator below 0"),
        ([[1.0, 2], [1, 2]], [[9.0, 0], [9, 9]], "measure 1: organisation 2 has nothing in its denominator"),
        ([[1.0, 20], [1, 2]], [[9.0, 9], [9, 9]], "measure 1: organisation 2 has a numerator above its denominator"),
        ([[1.0, 2], [np.inf, 2]], [[9.0, 9], [9, 9]], "measure 2: organisation 1 has an infinite count"),
        ([[1.0, 2]], [[9.0, 9], [9, 9]], "give one of each a measure"),
    ],
)
def test_impossible_numbers_are_refused(top: list[list[float]], bottom: list[list[float]], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        funnels(numerators=np.array(top), denominators=np.array(bottom), kind=FunnelKind.PROPORTION)


def test_no_events_are_judged_though_they_have_no_logarithm() -> None:
    found = funnel_ratios(observed=np.array([0.0, 20, 21, 19, 40]), expected=np.full(5, 20.0))
    assert np.isfinite(found.phi)
    assert found.outliers[0] is Outlier.LOW_998
    with pytest.raises(ValueError, match="ratio_shmi or ratio_cqc"):
        funnel_ratios(observed=np.ones(3), expected=np.ones(3), method=FunnelKind.RATE)


def test_notes_of_ratios_count_expected_events() -> None:
    found = funnel_ratios(
        observed=np.array([4.0, 30, 31]), expected=np.array([5.0, 30, 30]), method=FunnelKind.RATIO_CQC
    )
    notes = funnel_notes(found)
    assert notes[2].startswith("Fewer than 10 events are expected at 1 of 3 organisations")
    assert notes[3].endswith("(CQC).")


def test_signals_hold_for_every_count_behind_the_bounds() -> None:
    sizes = np.full(4, 120.0)
    lower, upper = np.array([1.0, 8, 10, 38]), np.array([7.0, 12, 10, 42])
    middle = funnels(
        numerators=((lower + upper) / 2)[None, :], denominators=sizes[None, :], kind=FunnelKind.PROPORTION, widen=False
    )
    bounds = CountBounds(
        numerators_lower=lower[None, :],
        numerators_upper=upper[None, :],
        denominators_lower=sizes[None, :],
        denominators_upper=sizes[None, :],
    )
    found = places_within(middle, bounds)
    assert found.signals()[0, [0, 2, 3]].tolist() == ["certain", "possible", "certain"]
    for counts in product((1.0, 4, 7), (8.0, 10, 12), (10.0,), (38.0, 40, 42)):
        exact = funnels(
            numerators=np.array([counts]), denominators=sizes[None, :], kind=FunnelKind.PROPORTION, widen=False
        )
        assert (found.lowest <= exact.places).all()
        assert (exact.places <= found.highest).all()
    with pytest.raises(ValueError, match="other measures"):
        places_within(
            middle,
            CountBounds(
                numerators_lower=lower, numerators_upper=upper, denominators_lower=sizes, denominators_upper=sizes
            ),
        )
    with pytest.raises(ValueError, match="out of order"):
        CountBounds(numerators_lower=upper, numerators_upper=lower, denominators_lower=sizes, denominators_upper=sizes)


def test_there_are_no_limits_about_nothing() -> None:
    with pytest.raises(ValueError, match="centre is 0 or 1"):
        exact_proportion_limits(centre=0.0, denominators=np.array([10.0]))
    with pytest.raises(ValueError, match="no rate"):
        sizes_at_limits(events=np.array([1.0]), centre=0.0)


def test_a_life_table_that_cannot_be_made_says_why() -> None:
    people, deaths = np.full(20, 4000.0), np.full(20, 20.0)
    assert life_expectancy(deaths=deaths, people=people).reason is None
    more, none, nobody = deaths.copy(), deaths.copy(), people.copy()
    more[5], none[-1], nobody[3] = 5000, 0, 0
    for died, alive, reason in (
        (deaths, people / 20, "Fewer than 5,000 people"),
        (more, people, "More deaths than people"),
        (none, people, "Nobody died in the last age band"),
        (deaths, nobody, "Nobody was at risk in an age band"),
    ):
        found = life_expectancy(deaths=died, people=alive)
        assert found.reason is not None
        assert found.reason.startswith(reason)
        assert np.isnan(found.years).all()
    with pytest.raises(ValueError, match="deaths from age 5 are missing"):
        life_expectancy(deaths=np.where(np.arange(20) == 2, NAN, deaths), people=people)
    longer = life_expectancy(deaths=deaths / 2, people=people).years
    assert (longer > life_expectancy(deaths=deaths, people=people).years).all()

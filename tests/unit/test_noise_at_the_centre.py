"""What the centre says of numbers with noise: nothing is brought to 0 before it is added up, and what cannot be said is
refused in words."""

from datetime import date

import numpy as np
import polars as pl
import pytest
import reports_fixture as given

from rounds.centre.estimates import estimates_of, exposures, noise_of
from rounds.centre.impact_panel import impact_panel
from rounds.centre.learn import variation_insights
from rounds.centre.pooled_measure import PooledMeasure
from rounds.centre.pooling import totals
from rounds.centre.programmes import evaluate, impact_insight
from rounds.disclosure.budget import Budget
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import release
from rounds.disclosure.rules import Draw
from rounds.learning.impact.did import estimate_effect
from rounds.learning.impact.effect import Effect, NoEffect
from rounds.learning.spread.adoption import AdoptionEvent, Stage
from rounds.measures.counts import Count, count_schema
from rounds.measures.periods import Grain, periods_between
from rounds.reports.content.observed import Known, Observed, total
from rounds.reports.insight import Insight, Kind
from rounds.storage.round_files import Programme

PERIODS = periods_between(grain=Grain.MONTH, first=date(2023, 1, 1), last=date(2024, 12, 31))
LITTLE, MUCH = Budget(rho_per_year=2.0, periods_per_year=12), Budget(rho_per_year=0.2, periods_per_year=12)


def _source(seed: int) -> Draw:
    rng = np.random.default_rng(seed)
    return lambda sigma, many: [round(one) for one in rng.normal(0, sigma, many)]


def _pooled(mean: float, budget: Budget, *, people: int = 900, seed: int = 1) -> PooledMeasure:
    rng = np.random.default_rng(seed)
    rows = [
        (code, period.start, int(rng.poisson(mean * (0.6 + 0.1 * place))), people)
        for place, code in enumerate(given.CODES[:8])
        for period in PERIODS
    ]
    measure = given.ARRESTS
    count = Count(measure=measure.ref, strata=(), cells=pl.DataFrame(rows, schema=count_schema(()), orient="row"))
    terms = Terms(rule=Policy.NOISE, budget=budget)
    cells = release(count, terms=terms, already_public=False, draw=_source(seed)).cells
    cells = cells.with_columns(pl.col("member").alias("site"))
    series = totals(cells, by=["member", "period"])
    return PooledMeasure(measure=measure, periods=PERIODS, cells=cells, series=series)


def _said(found: PooledMeasure) -> tuple[Insight, ...]:
    return variation_insights(found, membership=given.MEMBERSHIP, provenance=given.PROVENANCE, embedded={})


@pytest.fixture(scope="module")
def rare() -> PooledMeasure:
    return _pooled(2.0, LITTLE)


def test_how_wide_the_noise_is_follows_from_the_bounds(rare: PooledMeasure) -> None:
    noise = noise_of(rare.cells, "numerator")
    assert (noise.drawn < 0).any()
    assert np.allclose(noise.sigma[noise.drawn > -10], LITTLE.sigma, atol=0.125)


def test_a_denominator_that_noise_hides_is_no_exposure() -> None:
    found = _pooled(2.0, LITTLE, people=12)
    assert np.isnan(exposures(found.cells)).mean() > 0.9
    assert not np.isnan(exposures(_pooled(2.0, LITTLE).cells)).any()
    estimates = estimates_of(found.cells, found.measure)
    assert estimates is not None
    assert 11 < estimates.fitted.cells.size.mean() < 13


def test_the_rate_of_everybody_is_that_of_the_numbers_as_they_were_drawn(rare: PooledMeasure) -> None:
    estimates = estimates_of(rare.cells, rare.measure)
    assert estimates is not None
    rate = estimates.rate(pl.col("period").is_not_null())
    assert rate is not None
    drawn, size = rare.cells["numerator_value"].sum(), rare.cells["denominator_value"].sum()
    assert rate.rate == pytest.approx(drawn / size)
    half = 1.96 * (drawn + rare.cells.height * LITTLE.sigma**2) ** 0.5 / drawn
    assert np.log(rate.upper95 / rate.rate) == pytest.approx(half, rel=0.15)


def test_pages_of_noisy_numbers_name_the_noise_and_show_nothing_below_0(rare: PooledMeasure) -> None:
    said = _said(rare)
    by_kind = {insight.kind: insight for insight in said}
    (network,) = (insight for insight in said if insight.id.startswith("pooled"))
    assert "given the noise" in network.statement
    assert any("nothing is brought to 0 before it is added up" in note for note in network.notes)
    assert "have noise in their counts" in by_kind[Kind.BETWEEN_SITES].statement
    charts = [insight for insight in said if insight.id.startswith("over-time")]
    assert all(any("with noise. The limits are those of the true rates" in n for n in one.notes) for one in charts)
    for insight in said:
        assert any(note.startswith("Noise was added to counts") for note in insight.notes), insight.id
        numbers = [cell for row in insight.table.rows for cell in row if isinstance(cell, int | float)]
        assert min(numbers) >= 0


def test_limits_are_refused_in_words_where_too_little_is_known_behind_the_noise() -> None:
    said = _said(_pooled(2.0, LITTLE, people=12))
    charts = [insight for insight in said if insight.id.startswith("over-time")]
    assert charts
    assert all("noise was added to 24 of 24 points" in one.certainty.because for one in charts)


def _events() -> tuple[AdoptionEvent, ...]:
    return tuple(
        AdoptionEvent(ods_code=code, innovation="news2", stage=Stage.EMBEDDED, day=date(2024, month, 1))
        for code, month in zip(given.CODES[:4], (1, 3, 5, 7), strict=True)
    )


@pytest.mark.parametrize(("mean", "budget", "estimated"), [(9.0, LITTLE, True), (2.0, MUCH, False)])
def test_an_effect_uses_the_noise_or_is_refused_in_words(mean: float, budget: Budget, estimated: bool) -> None:
    found = _pooled(mean, budget)
    programme = Programme(innovation="news2", outcome=found.measure.id, stage=Stage.EMBEDDED)
    panel = impact_panel(programme, outcome=found, events=_events(), membership=given.MEMBERSHIP)
    assert panel.with_noise.all()
    effect = estimate_effect(panel)
    assert isinstance(effect, Effect if estimated else NoEffect)
    if isinstance(effect, NoEffect):
        assert "noise that was added for privacy hides the counts" in effect.reason
        return
    assert effect.rate_ratio.lower < 1 < effect.rate_ratio.upper
    evaluated = evaluate(programme, given.INNOVATION, outcome=found, events=_events(), membership=given.MEMBERSHIP)
    insight = impact_insight(evaluated, membership=given.MEMBERSHIP, provenance=given.PROVENANCE)
    assert any("have noise" in note for note in insight.notes)


def test_a_sum_of_noisy_numbers_is_of_what_was_drawn() -> None:
    parts = [
        Observed(numerator=Known.drawn(value, lower=0, upper=value + 8), denominator=Known.exactly(100))
        for value in (-5, -4, 6)
    ]
    assert [part.numerator.value for part in parts] == [0, 0, 6]
    together = total(parts).numerator
    assert (together.noisy, together.value, together.lower, together.upper) == (-3, 0, 0, 11)

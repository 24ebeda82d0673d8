"""What an insight says, and what it must not say."""

import doctest
import importlib
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import reports_fixture as given
from hypothesis import given as for_all
from hypothesis import strategies as st

from rounds.learning.impact.effect import Effect, Interval, NoEffect, Panel
from rounds.learning.spread.adoption import AdoptionCurve, Coverage, Stage
from rounds.learning.variation.between_sites.funnel import funnel_proportions
from rounds.learning.variation.over_time.chart import Variation
from rounds.measures.definitions import Better
from rounds.measures.strata import Stratum
from rounds.reports.content.between_sites import between_sites
from rounds.reports.content.equity import equity
from rounds.reports.content.impact import Evaluation, impact
from rounds.reports.content.observed import Known, Observed, total
from rounds.reports.content.over_time import over_time
from rounds.reports.content.peers import better_peer
from rounds.reports.content.pooled import pooled
from rounds.reports.content.signals import Signal, signal_of
from rounds.reports.content.spread import spread
from rounds.reports.content.verdicts import UPWARDS, verdicts
from rounds.reports.insight import Certainty, Direction, Insight, Mark

WHERE = {"membership": given.MEMBERSHIP, "provenance": given.PROVENANCE}
SIZE = 10_000


def series(*tops: int | None, size: int = SIZE) -> tuple[Observed | None, ...]:
    """Counts in order of time; None where nothing was received."""
    return tuple(
        None if top is None else Observed(numerator=given.hes(top), denominator=Known.exactly(size)) for top in tops
    )


def said(observed: tuple[Observed | None, ...], of=given.ARRESTS, **more) -> Insight:
    return over_time(
        chart=given.chart_of(observed, of),
        periods=given.PERIODS[: len(observed)],
        observed=observed,
        member="RX01",
        measure=of,
        **WHERE,
        **more,
    )


STEADY = (100, 110, 95, 105, 100, 110, 95, 105, 100, 110, 95, 105, 100, 110, 95, 105, 100, 110, 95, 105)


def test_a_long_run_on_the_better_side_is_an_improvement() -> None:
    insight = said(series(*STEADY, 60, 65, 55, 60, 65, 60, 55, 60, 65, 60))
    assert insight.statement == (
        "Cardiac arrests in hospital at Northfield Hospital improved: below the mean for 10 months in a row, "
        "6 per 1,000 admissions in Jun 2024."
    )
    assert (insight.direction, insight.certainty.level) == (Direction.BETTER, Certainty.HIGH)
    assert "improvement" in insight.icons


def test_the_same_run_is_a_concern_where_higher_is_better() -> None:
    insight = said(series(*STEADY, 60, 65, 55, 60, 65, 60, 55, 60, 65, 60), of=given.OBSERVATIONS)
    assert insight.direction is Direction.WORSE
    assert " got worse: below the mean" in insight.statement
    assert insight.action is not None
    assert "Sep 2023" in insight.action.text  # the first month of the run


def test_where_neither_is_better_nothing_improves() -> None:
    insight = said(series(*STEADY, 60, 65, 55, 60, 65, 60, 55, 60, 65, 60), of=given.ADMITTED)
    assert insight.direction is Direction.NEUTRAL
    assert " changed: below the mean" in insight.statement
    assert "improve" not in insight.statement


def test_the_target_is_not_judged_across_a_shift() -> None:
    near = replace(given.OBSERVATIONS, target=96)
    steady = [9100 + step for step in STEADY]
    shifted = said(series(*steady, *[9700 + step for step in STEADY[:10]]), of=near)
    assert shifted.icons == ("improvement",)
    assert any("recalculate them" in note for note in shifted.notes)
    unshifted = said(series(*steady), of=near)
    assert unshifted.icons == ("common_cause", "consistently_failing")
    assert unshifted.action is not None
    assert "target will not be met" in unshifted.action.text


def test_one_rule_on_few_points_only_may_have_changed() -> None:
    insight = said(series(*STEADY[:12], 160))
    assert " may have got worse: unusually high" in insight.statement
    assert insight.certainty.level is not Certainty.HIGH


def test_ordinary_variation_is_no_clear_change_and_asks_for_nothing() -> None:
    insight = said(series(*STEADY))
    assert insight.direction is Direction.NO_CHANGE
    assert ": no clear change; " in insight.statement
    assert insight.action is None
    assert "lower is better" in " ".join(insight.notes)


def test_withheld_months_leave_bounds_and_no_verdict() -> None:
    insight = said(series(20, 15, 3, 20, 0, 15))
    assert "it cannot be told whether that changed" in insight.statement
    assert insight.icons == ()
    assert insight.certainty.level is Certainty.LOW
    row = insight.table.rows[2]
    assert row[1:7] == (Mark.WITHHELD, 0.1, 0.7, Mark.WITHHELD, 1, 7)
    assert insight.table.rows[4][1:5] == (0.0, 0.0, 0.0, 0)
    assert any("Withheld is not zero" in note for note in insight.notes)


def test_without_limits_the_interval_is_that_of_the_sentence() -> None:
    insight = said(series(20, 15, 3, 20, 0, 15))
    assert ": between 1.05 and 1.42 per 1,000 admissions over 6 months; " in insight.statement
    estimate = insight.certainty.estimate
    assert (estimate.value, round(estimate.lower, 2), round(estimate.upper, 2)) == (None, 1.05, 1.42)
    assert estimate.interval == "lowest to highest possible over the whole time"


def test_a_rate_of_0_is_not_put_between_0_and_0() -> None:
    """Nobody died, of somewhere between 1 and 7 people a month: the rate is 0 all the same."""
    few = Observed(numerator=Known.exactly(0), denominator=Known(value=None, lower=1, upper=7))
    insight = said((few,) * 6)
    assert "0 per 1,000 admissions over 6 months" in insight.statement
    assert "between" not in insight.statement


def test_nobody_to_count_is_not_a_number_that_was_not_received() -> None:
    insight = said(series(*[0] * 6, size=0))
    assert insight.statement.endswith(": there were no admissions; it cannot be told whether that changed.")
    assert "received" not in " ".join(insight.notes)


def test_bounds_show_a_change_that_no_withheld_number_can_undo() -> None:
    insight = said(series(*[100, 3, 110] * 8, *[20, 4, 5] * 4))
    assert insight.statement == (
        "Cardiac arrests in hospital at Northfield Hospital may have improved: between 0.24 and 2.58 per 1,000 "
        "admissions in the last 12 months, against between 5.48 and 9.20 per 1,000 admissions before."
    )
    assert (insight.direction, insight.certainty.level) == (Direction.BETTER, Certainty.MODERATE)
    assert (insight.certainty.method, insight.icons) == ("last-year-bounds@1", ("improvement",))
    worse = said(series(*[20, 4, 5] * 8, *[100, 3, 110] * 4))
    assert worse.direction is Direction.WORSE
    assert worse.action is not None
    assert "around Jan 2024" in worse.action.text


def test_bounds_that_overlap_show_nothing() -> None:
    assert "cannot be told" in said(series(*[9, 3] * 12, *[8, 4] * 6)).statement
    assert "cannot be told" in said(series(*[100, 3] * 5, *[20, 4] * 6)).statement  # too little before


def verdict_of(observed: tuple[Observed | None, ...], of=given.ARRESTS) -> Signal:
    return signal_of(given.chart_of(observed, of), given.PERIODS, observed, "x", of)


@pytest.mark.parametrize("mean", [5, 7, 10, 20])
@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.2])
def test_bounds_rarely_cry_wolf(mean: float, alpha: float) -> None:
    """At most 3 in 100 of 200 series, where the truth is fewer than 1: counts vary by chance, and beyond it."""
    rng = np.random.default_rng(3)
    false_alarms = 0
    for _ in range(200):
        rates = mean * (rng.gamma(1 / alpha, alpha, 36) if alpha else np.ones(36))
        tops = rng.poisson(rates)
        tops[4] = 3  # one at least is withheld
        false_alarms += verdict_of(series(*tops)).variation is not None
    assert false_alarms <= 6


def test_a_fall_by_half_is_seen_through_withheld_months() -> None:
    rng = np.random.default_rng(5)
    means = np.r_[np.full(24, 20), np.full(12, 10)]
    found = [verdict_of(series(*rng.poisson(means))) for _ in range(40)]
    assert sum(one.variation is Variation.IMPROVEMENT for one in found) >= 24


def test_a_missing_month_is_no_reason_to_compare_years_by_chance_alone() -> None:
    """A stable share of 25% with an ordinary spread of 3 points between months, each of 10,000: no change to tell."""
    rng = np.random.default_rng(4)
    for gap in (None, 3):
        tops: list[int | None] = list(rng.binomial(SIZE, rng.normal(0.25, 0.03, 36)))
        tops[7] = gap
        found = verdict_of(series(*tops), given.WAITS)
        assert found.variation is None
        assert "cannot be told" in found.sentence
    missing = verdict_of(series(*[200] * 5, None, *[200] * 18, *[20] * 12))
    assert "1 is missing" in missing.because
    assert not any("withheld" in text for text in (missing.because, *missing.notes))
    assert missing.variation is None


def test_a_month_nobody_sent_is_not_available() -> None:
    insight = said(series(20, None, 20))
    assert set(insight.table.rows[1][1:10]) == {Mark.NOT_AVAILABLE}
    assert any("No number was received for 1 month of 3" in note for note in insight.notes)


def test_nothing_at_all_still_has_an_interval() -> None:
    insight = said(series(None, None, None))
    assert "no number was received" in insight.statement
    assert (insight.certainty.estimate.lower, insight.certainty.estimate.upper) == (0, 1000)


def test_series_of_different_lengths_are_refused() -> None:
    observed = series(*STEADY)
    with pytest.raises(ValueError, match="differ in length"):
        over_time(
            chart=given.chart_of(observed, given.ARRESTS),
            periods=given.PERIODS[:3],
            observed=observed,
            member="RX01",
            measure=given.ARRESTS,
            **WHERE,
        )


def year(tops: dict[str, int], size: int = SIZE) -> dict[str, Observed]:
    return {code: Observed(numerator=given.hes(top), denominator=Known.exactly(size)) for code, top in tops.items()}


def peer_of(tops: dict[str, int], of=given.ARRESTS, embedded=None):
    return better_peer(
        member="RX01", totals=year(tops), measure=of, membership=given.MEMBERSHIP, over="2024", embedded=embedded
    )


def test_the_peer_is_clearly_better_and_has_something_to_pass_on() -> None:
    tops = {"RX01": 200, "RX02": 60, "RX03": 80, "RX04": 195}
    assert peer_of(tops).ods_code == "RX02"
    found = peer_of(tops, embedded={"RX03": given.INNOVATION})
    assert (found.ods_code, found.innovation) == ("RX03", given.INNOVATION)
    shared = peer_of(tops, embedded={"RX03": given.INNOVATION, "RX01": given.INNOVATION})
    assert (shared.ods_code, shared.innovation) == ("RX02", None)


def test_there_is_no_peer_without_a_clear_difference_or_a_direction() -> None:
    assert peer_of({"RX01": 100, "RX02": 95}) is None
    assert peer_of({"RX01": 200, "RX02": 20}, of=given.ADMITTED) is None
    assert peer_of({"RX01": 200, "RX02": 20}, of=given.OBSERVATIONS) is None


def test_the_comparator_names_the_peer_and_what_it_used() -> None:
    peer = peer_of({"RX01": 200, "RX02": 3}, embedded={"RX02": given.INNOVATION})
    insight = said(series(*STEADY), peer=peer)
    assert insight.comparator == (
        "St Agnes' Infirmary does better: between 0.1 and 0.7 per 1,000 admissions over 2024. It has embedded "
        "“Recognise and respond to deterioration”."
    ).replace("0.1 ", "0.10 ").replace("0.7 ", "0.70 ")
    assert insight.innovation == given.INNOVATION.id


def funnel_of(tops: list[int], observed: tuple[Observed, ...], sizes: list[int] | None = None) -> Insight:
    bottoms = np.array(sizes or [SIZE] * len(tops), dtype=float)
    return between_sites(
        funnel=funnel_proportions(numerators=np.array(tops, dtype=float), denominators=bottoms, overdispersion=False),
        members=given.CODES[: len(tops)],
        observed=observed,
        over="2024",
        measure=given.ARRESTS,
        **WHERE,
    )


def test_a_funnel_names_who_is_far_outside() -> None:
    tops = [100] * 9 + [220]
    insight = funnel_of(tops, series(*tops))
    assert "1 of 10 organisations differ" in insight.statement
    assert "1 higher (Larkspur Infirmary)" in insight.statement
    assert insight.direction is Direction.NEUTRAL
    assert any("not a verdict" in note for note in insight.notes)


def test_a_funnel_says_what_its_limits_rest_on() -> None:
    calm = funnel_of([100] * 4, series(*[100] * 4))
    assert not any("widened for" in note for note in calm.notes)
    assert any("not widened, as no over-dispersion was found" in note for note in calm.notes)
    assert not any("rough" in note for note in calm.notes)
    sparse = funnel_of([8, 9, 10, 8], series(8, 9, 10, 8, size=1000), sizes=[1000] * 4)
    assert any("Fewer than 10 events are expected at 4 of 4 organisations" in note for note in sparse.notes)


def test_the_false_alarms_of_rounded_counts_are_said_where_they_are() -> None:
    def notes(mean: int, *, rounded: bool) -> str:
        tops = [mean + step for step in (0, 5, -5, 10, -10)] * 6
        exact = tuple(given.exactly(top, SIZE) for top in tops)
        return " ".join(said(series(*tops) if rounded else exact).notes)

    assert "Rounding adds false alarms" in notes(20, rounded=True)
    assert "Rounding adds" not in notes(20, rounded=False)
    assert "Rounding adds" not in notes(200, rounded=True)
    assert "the latest point in 2%" in notes(20, rounded=False)


def test_a_funnel_of_equals_says_so() -> None:
    tops = [100, 102, 98, 101]
    assert "no organisation clearly differs" in funnel_of(tops, series(*tops)).statement


def test_a_withheld_organisation_is_judged_only_if_its_whole_range_agrees() -> None:
    tops = [100] * 9 + [4]
    certain = funnel_of(tops, series(*tops))
    assert "1 lower (Larkspur Infirmary)" in certain.statement
    straddling = funnel_of([100] * 9 + [4], series(*tops[:9]) + series(4, size=600), sizes=[SIZE] * 9 + [600])
    assert "1 possibly, which cannot be told because counts are withheld or rounded" in straddling.statement
    assert straddling.certainty.level is Certainty.LOW
    row = next(row for row in straddling.table.rows if row[0] == "Larkspur Infirmary")
    assert row[2] is Mark.WITHHELD
    assert str(row[-1]).startswith("possible")
    assert row[-2] == "possible"


def twelve_months(*monthly: int, size: int = 300) -> tuple[Observed, ...]:
    """A year at each organisation, every month released by itself and then added up."""
    return tuple(total([Observed(numerator=given.hes(top), denominator=given.hes(size))] * 12) for top in monthly)


def test_rounding_alone_makes_no_outlier() -> None:
    """12 events a month are released as 10 and 13 as 15; nothing differs but the rounding."""
    observed = twelve_months(*[12] * 11, 13)
    insight = funnel_of([item.numerator.value for item in observed], observed, sizes=[3600] * 12)
    assert "no organisation clearly differs from the network's 34.7 per 1,000 admissions (27.9 to 41.7)" in (
        insight.statement
    )
    assert "12 possibly, which cannot be told because counts are rounded" in insight.statement
    row = next(row for row in insight.table.rows if row[1] == "RX12")
    assert row[-1] == "possible: inside the limits or higher (outside 99.8% limits)"
    assert insight.action is None
    assert insight.certainty.level is Certainty.LOW
    assert any("leave the network's rate between 27.9 and 41.7" in note for note in insight.notes)


def test_a_difference_larger_than_rounding_is_still_found() -> None:
    observed = twelve_months(*[12] * 11, 40)
    insight = funnel_of([item.numerator.value for item in observed], observed, sizes=[3600] * 12)
    assert "1 higher (Redcliffe Hospital)" in insight.statement


@for_all(st.lists(st.integers(0, 60), min_size=3, max_size=12))
def test_what_is_certain_holds_for_the_true_counts(tops: list[int]) -> None:
    """The same funnel of the true counts, with the same over-dispersion, says the same of all that is certain."""
    sizes = np.full(len(tops), 2000.0)
    true = funnel_proportions(numerators=np.array(tops, dtype=float), denominators=sizes, overdispersion=False)
    observed = series(*tops, size=2000)
    midpoints = np.array([(item.numerator.lower + item.numerator.upper) / 2 for item in observed])
    released = funnel_proportions(numerators=midpoints, denominators=sizes, overdispersion=False)
    for verdict, place in zip(verdicts(released, given.CODES[: len(tops)], observed), true.outliers, strict=True):
        span = UPWARDS[UPWARDS.index(verdict.lowest) : UPWARDS.index(verdict.highest) + 1]
        assert place in span


def curve(*points: tuple[date, int, int]) -> AdoptionCurve:
    return AdoptionCurve(
        innovation=given.INNOVATION.id,
        stage=Stage.EMBEDDED,
        points=tuple(
            Coverage(day=day, adopted=adopted, members=members, not_yet=given.CODES[adopted:members])
            for day, adopted, members in points
        ),
    )


@pytest.mark.parametrize(
    ("before", "now", "sentence", "direction"),
    [
        ((7, 15), (12, 15), "12 of 15 hospitals have embedded {}, up from 7 a year ago.", Direction.BETTER),
        ((7, 14), (12, 15), "12 of 15 hospitals have embedded {}, up from 7 of 14 a year ago.", Direction.BETTER),
        ((12, 15), (9, 15), "9 of 15 hospitals have embedded {}, down from 12 a year ago.", Direction.WORSE),
        ((9, 15), (9, 15), "9 of 15 hospitals have embedded {}, the same number as a year ago.", Direction.NO_CHANGE),
    ],
)
def test_spread_counts_members(before, now, sentence, direction) -> None:
    points = curve((date(2023, 12, 31), *before), (date(2024, 12, 31), *now))
    insight = spread(curve=points, now=points.points[-1], innovation=given.INNOVATION, member_noun="hospitals", **WHERE)
    assert insight.statement == sentence.format("“Recognise and respond to deterioration”")
    assert insight.direction is direction


def test_spread_without_a_past_compares_with_nothing() -> None:
    points = curve((date(2024, 12, 31), 15, 15))
    insight = spread(curve=points, now=points.points[-1], innovation=given.INNOVATION, member_noun="hospitals", **WHERE)
    assert insight.statement == "15 of 15 hospitals have embedded “Recognise and respond to deterioration”."
    assert insight.action is None
    assert insight.comparator is None


RELEASED = given.panel(given.counts()[given.ARRESTS.id])
PANEL = replace(RELEASED, lower=RELEASED.upper)
"""with every count exact"""


def partly_withheld(share: float) -> Panel:
    hidden = np.arange(PANEL.lower.size).reshape(PANEL.lower.shape) < share * PANEL.lower.size
    return replace(PANEL, lower=np.where(hidden, 1.0, PANEL.lower), upper=np.where(hidden, 7.0, PANEL.upper))


def impact_of(
    effect: Effect | NoEffect, placebo: Effect | NoEffect | None, of=given.ARRESTS, panel: Panel = PANEL
) -> Insight:
    return impact(
        evaluation=Evaluation(effect=effect, placebo=placebo, panel=panel, periods=given.PERIODS),
        innovation=given.INNOVATION,
        stage=Stage.EMBEDDED,
        measure=of,
        **WHERE,
    )


def effect_of(ratio: tuple[float, float, float], avoided: tuple[float, float, float], **more) -> Effect:
    return replace(
        given.effect(PANEL, ratio=ratio, withheld_share=more.pop("withheld_share", 0.0)),
        avoided=Interval(estimate=avoided[0], lower=avoided[1], upper=avoided[2]),
        **more,
    )


CLEAN = given.placebo(PANEL)
HALVED = effect_of((0.52, 0.45, 0.59), (310, 250, 370))


def test_a_clear_effect_with_a_clean_placebo_is_stated_plainly() -> None:
    insight = impact_of(HALVED, CLEAN)
    assert insight.statement == (
        "Cardiac arrests in hospital fell by 48% (95% CI 41% to 55%) where “Recognise and respond to deterioration” is "
        "embedded: about 310 (250 to 370) fewer than expected without it."
    )
    assert (insight.direction, insight.certainty.level) == (Direction.BETTER, Certainty.HIGH)
    assert insight.benefit is not None
    assert (insight.benefit.patients.lower, insight.benefit.patients.upper) == (250, 370)
    assert "rates there would have risen and fallen as they did elsewhere" in insight.certainty.because
    assert any(note.startswith("Assumed: ") and "in parallel" in note for note in insight.notes)


@pytest.mark.parametrize(
    ("effect", "placebo", "level", "words"),
    [
        (HALVED, given.placebo(PANEL, ratio=(0.8, 0.7, 0.9)), Certainty.LOW, "may have fallen by 48%"),
        (HALVED, None, Certainty.MODERATE, "fell by 48%"),
        (HALVED, NoEffect(reason="too few periods"), Certainty.MODERATE, "fell by 48%"),
        (replace(HALVED, comparison_sites=2), CLEAN, Certainty.MODERATE, "fell by 48%"),
        (effect_of((0.97, 0.9, 1.04), (30, -40, 100)), CLEAN, Certainty.MODERATE, "no clear change"),
        (effect_of((0.9, 0.6, 1.4), (30, -90, 150)), CLEAN, Certainty.LOW, "no clear change"),
    ],
)
def test_certainty_follows_interval_placebo_withheld_and_sites(effect, placebo, level, words) -> None:
    insight = impact_of(effect, placebo)
    assert insight.certainty.level is level
    assert words in insight.statement


@pytest.mark.parametrize(
    ("share", "level"), [(0.05, Certainty.HIGH), (0.2, Certainty.MODERATE), (0.9, Certainty.MODERATE)]
)
def test_withheld_counts_lower_certainty_and_rounded_ones_do_not(share: float, level: Certainty) -> None:
    insight = impact_of(HALVED, CLEAN, panel=partly_withheld(share))
    assert insight.certainty.level is level
    assert f"{100 * share:.0f}% of the counts are withheld" in insight.certainty.because
    rounded = replace(PANEL, lower=np.maximum(PANEL.upper - 4, PANEL.upper / 2))
    assert impact_of(HALVED, CLEAN, panel=rounded).certainty.level is Certainty.HIGH


def test_no_clear_change_claims_no_benefit_and_gives_the_range() -> None:
    insight = impact_of(effect_of((0.97, 0.9, 1.04), (30, -40, 100)), CLEAN)
    assert "(95% CI 10% fewer to 4% more)" in insight.statement
    assert insight.benefit is None
    assert insight.action is not None
    assert insight.action.text.startswith("Do not claim")


def test_harm_is_said() -> None:
    insight = impact_of(effect_of((1.3, 1.1, 1.5), (-300, -500, -100)), CLEAN)
    assert "rose by 30% (95% CI 10% to 50%)" in insight.statement
    assert "about 300 (100 to 500) more than expected" in insight.statement
    assert insight.direction is Direction.WORSE
    assert insight.benefit is None
    assert insight.action is not None
    assert insight.action.text.startswith("Pause")


def test_where_higher_is_better_the_gain_is_positive() -> None:
    insight = impact_of(effect_of((1.3, 1.1, 1.5), (-300, -500, -100)), CLEAN, of=given.OBSERVATIONS)
    assert insight.direction is Direction.BETTER
    assert insight.benefit is not None
    patients = insight.benefit.patients
    assert (patients.value, patients.lower, patients.upper) == (300, 100, 500)
    assert "gained" in patients.unit


def test_no_estimate_says_what_cannot_be_said() -> None:
    insight = impact_of(NoEffect(reason="every site started in the same month"), None)
    assert insight.statement.startswith("It cannot be said yet whether cardiac arrests in hospital changed")
    assert insight.certainty.because == "every site started in the same month."
    assert insight.benefit is None
    assert insight.table.rows[0][2] is Mark.NOT_AVAILABLE
    assert any("does not mean that there was no effect" in note for note in insight.notes)


def test_events_beside_an_unknown_denominator_are_not_0_events() -> None:
    """Withheld denominators leave their counts out of the panel; that does not make them 0."""
    unknown = np.full(PANEL.lower.shape, np.nan)
    none = impact_of(NoEffect(reason="no denominator"), None, panel=replace(PANEL, lower=unknown, upper=unknown))
    every = int((PANEL.treated & ~PANEL.excluded).sum())
    assert none.certainty.estimate.value is None
    assert f"in the 0 of {every} site-periods whose denominator is known" in none.certainty.estimate.unit
    all_known = impact_of(NoEffect(reason="no comparison"), None)
    assert all_known.certainty.estimate.value is not None
    assert all_known.certainty.estimate.unit == "events counted while it was in effect"


def expected_rows(insight: Insight) -> dict[object, tuple]:
    return {row[1]: row for row in insight.table.rows if row[0] == "Expected without it"}


def test_what_is_expected_is_never_zero_for_want_of_a_counterfactual() -> None:
    """From month 30 on nobody is left to compare with."""
    unknown = np.where(np.arange(36) >= 30, np.nan, HALVED.counterfactual)
    rows = expected_rows(impact_of(replace(HALVED, counterfactual=unknown), CLEAN))
    for label in given.PERIODS[30:]:
        assert rows[label][2] is Mark.NOT_AVAILABLE
        assert rows[label][5] == "no site without it to compare with"
    assert all(float(rows[label][2]) > 0 for label in given.PERIODS[10:30] if label in rows)


def test_what_is_expected_and_counted_are_of_the_same_sites() -> None:
    """A site that had it from the start has no counterfactual: it stands in neither number."""
    always = PANEL.treated.copy()
    always[0] = True
    panel = replace(PANEL, treated=always, exposure=np.full_like(PANEL.exposure, 1000.0))
    counterfactual = np.full_like(PANEL.lower, 20.0)
    counterfactual[0] = np.nan
    insight = impact_of(replace(HALVED, counterfactual=counterfactual), CLEAN, panel=panel)
    assert {row[2] for label, row in expected_rows(insight).items() if label in given.PERIODS[10:]} == {20.0}
    counted = {row[1]: row for row in insight.table.rows if row[0] == "Counted"}
    last = given.PERIODS[-1]
    assert counted[last][5].endswith("11 sites")
    others = panel.treated[1:, -1]
    assert counted[last][2] == pytest.approx(panel.lower[1:, -1][others].mean(), rel=1e-5)
    alone = counted[given.PERIODS[0]]
    assert alone[5].endswith("1 site")
    assert expected_rows(insight)[given.PERIODS[0]][2] is Mark.NOT_AVAILABLE


def test_an_evaluation_needs_a_label_for_every_period() -> None:
    with pytest.raises(ValueError, match="period labels"):
        Evaluation(effect=HALVED, placebo=None, panel=PANEL, periods=given.PERIODS[:-1])


EVERYONE = replace(given.PROVENANCE, sites_in=(*given.PROVENANCE.sites_in, "hospital-15"), sites_out=())


def pool(*tops: int | None, members: int = 15, expected: int = 15, provenance=EVERYONE) -> Insight:
    observed = series(*tops)
    return pooled(
        periods=given.PERIODS[: len(tops)],
        observed=observed,
        members=(15,) * (len(tops) - 1) + (members,),
        expected=(15,) * (len(tops) - 1) + (expected,),
        measure=given.ARRESTS,
        provenance=provenance,
    )


def test_a_pooled_rate_is_a_value_or_its_bounds() -> None:
    assert "across the network: 10 per 1,000 admissions in Feb 2022 (lower is better)." in pool(90, 100).statement
    assert "across the network: between 0.10 and 0.70 per 1,000 admissions in Feb 2022" in pool(90, 4).statement
    assert pool(90, 4).certainty.level is Certainty.LOW
    assert pool(90, 100, None).statement == pool(90, 100).statement
    with pytest.raises(ValueError, match="hold no number"):
        pool(None)


def test_a_total_without_a_site_is_not_the_network_s() -> None:
    whole, partial = pool(90, 100), pool(90, 100, provenance=given.PROVENANCE)
    assert whole.certainty.level is Certainty.HIGH
    assert partial.statement.startswith("Cardiac arrests in hospital across 14 of 15 sites asked: 10 per 1,000")
    assert partial.certainty.level is Certainty.MODERATE
    assert "1 of 15 sites asked did not answer" in partial.certainty.because
    assert "network" not in partial.statement + partial.alt_text


def test_a_total_says_how_many_organisations_are_in_it_and_that_it_changes() -> None:
    merged = pool(90, 100, members=13, expected=13)
    assert "13 organisations contribute to the latest total, 13 to 15 over the whole time" in " ".join(merged.notes)
    assert merged.certainty.level is Certainty.HIGH
    missing = pool(90, 100, members=13, expected=15)
    assert missing.certainty.level is Certainty.MODERATE
    assert "missing from the latest total: 2 of 15 organisations that sent numbers" in missing.certainty.because
    assert not any("who is counted" in note for note in pool(90, 100).notes)


def groups(**tops: int) -> Insight:
    levels = {"sex_" + name: top for name, top in tops.items()}
    return equity(
        groups={
            name.removeprefix("sex_"): Observed(numerator=given.hes(top), denominator=Known.exactly(SIZE))
            for name, top in levels.items()
        },
        stratum=Stratum.SEX,
        over="2024",
        member="network",
        measure=given.ARRESTS,
        **WHERE,
    )


def test_groups_differ_only_if_their_intervals_are_apart() -> None:
    assert "across 14 of 15 sites asked by sex: higher for male" in groups(female=50, male=150).statement
    assert "across 14 of 15 sites asked: no clear difference by sex" in groups(female=100, male=110).statement
    withheld = groups(female=4, male=150)
    assert withheld.certainty.level is Certainty.LOW
    assert withheld.table.rows[0][1] is Mark.WITHHELD


COUNTS = st.integers(0, 400)


@for_all(st.lists(st.tuples(COUNTS, st.integers(400, 5000)), min_size=1, max_size=12))
def test_bounds_always_hold_the_truth(pairs: list[tuple[int, int]]) -> None:
    together = total(Observed(numerator=given.hes(top), denominator=given.hes(bottom)) for top, bottom in pairs)
    truth = 1000 * sum(top for top, _ in pairs) / sum(bottom for _, bottom in pairs)
    lower, upper = together.rate_bounds(1000)
    assert lower <= truth <= upper
    low, high = together.interval95(1000)
    assert low <= lower <= upper <= high
    assert together.withheld == any(1 <= top <= 7 for top, _ in pairs)


def test_no_withheld_number_of_any_insight_is_zero_or_blank() -> None:
    seen = 0
    for insight in given.report().insights:
        for row in insight.table.rows:
            for at, column in enumerate(insight.table.columns):
                assert row[at] not in ("", None), f"{insight.id}: {column} is blank"
                if column == "Events" and row[at] is Mark.WITHHELD:
                    seen += 1
                    assert (row[at + 1], row[at + 2]) != (0, 0)
                    assert row[at + 1] <= row[at + 2]
    assert seen > 100


def test_identifiers_are_stable_and_unique() -> None:
    found = [insight.id for insight in given.report().insights]
    assert len(set(found)) == len(found)
    assert "over-time-cardiac-arrests-rx01" in found
    assert "impact-deterioration-programme-cardiac-arrests-network" in found


@pytest.mark.parametrize("module", ["content.wording", "content.observed", "charts.theme", "charts.icons", "workbook"])
def test_examples_in_docstrings_run(module: str) -> None:
    found = doctest.testmod(importlib.import_module(f"rounds.reports.{module}"))
    assert found.attempted > 0
    assert found.failed == 0


def test_better_is_always_said() -> None:
    for insight in given.report().insights:
        if insight.measure != given.INNOVATION.id:
            words = " ".join((insight.statement, insight.chart["usermeta"]["title"], *insight.notes))
            assert "is better" in words, insight.id
    assert {Better.LOWER, Better.HIGHER, Better.NEITHER} == {of.better for of in given.report().measures}

"""Impact: what becomes of a panel before anything is estimated, and what is refused."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from rounds.learning.impact.did import estimate_effect
from rounds.learning.impact.effect import Effect, NoEffect, Panel
from rounds.learning.impact.placebo import placebo
from rounds.learning.impact.treatment import build_panel

MONTHS = [(date(2024, m, 1), date(2024, m, d)) for m, d in ((1, 31), (2, 29), (3, 31), (4, 30), (5, 31), (6, 30))]


def panel_of(counts: list[list[float]], treated: list[list[int]], excluded: list[list[int]] | None = None) -> Panel:
    events = np.array(counts, dtype=np.float64)
    return Panel(
        sites=tuple("abcdefgh"[: len(events)]),
        lower=events,
        upper=events.copy(),
        exposure=np.full(events.shape, 100.0),
        treated=np.array(treated, dtype=np.bool_),
        excluded=np.array(excluded or np.zeros(events.shape), dtype=np.bool_),
    )


TWO_BY_TWO = panel_of([[20, 10], [30, 30]], [[0, 1], [0, 0]])


def dates_panel(**dates: dict[str, date]) -> Panel:
    ones = np.ones((2, 6))
    given = {"effective_from": {}, "live_from": {}, "stopped_on": {}} | dates
    return build_panel(sites=["a", "b"], periods=MONTHS, lower=ones, upper=ones, exposure=ones, **given)


def states(panel: Panel) -> str:
    return "".join(
        "T" if treated else "x" if excluded else "."
        for treated, excluded in zip(panel.treated[0], panel.excluded[0], strict=True)
    )


@pytest.mark.parametrize(
    ("effective", "live", "stopped", "expected"),
    [
        (None, None, None, "......"),
        ("2024-03-01", None, None, "..TTTT"),
        ("2024-03-02", None, None, "..xTTT"),  # not on every day of March
        ("2024-04-01", "2024-02-29", None, ".xxTTT"),
        ("2024-04-01", "2024-03-01", None, "..xTTT"),
        (None, "2024-03-15", None, "..xxxx"),
        ("2024-02-01", None, "2024-05-01", ".TTTxx"),
        ("2024-02-01", None, "2024-04-30", ".TTxxx"),  # not on the last day of April
        ("2024-12-01", None, None, "......"),
        ("2023-12-01", None, None, "TTTTTT"),
        (None, None, "2024-03-01", "......"),  # it never went live, so there is nothing to leave out
    ],
)
def test_a_period_is_treated_if_the_innovation_was_in_effect_throughout(
    effective: str | None, live: str | None, stopped: str | None, expected: str
) -> None:
    def of(day: str | None) -> dict[str, date]:
        return {"a": date.fromisoformat(day)} if day else {}

    panel = dates_panel(effective_from=of(effective), live_from=of(live), stopped_on=of(stopped))
    assert states(panel) == expected


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        ({"effective_from": {"z": date(2024, 1, 1)}}, "`effective_from` has dates of z"),
        ({"effective_from": {"a": date(2024, 1, 1)}, "live_from": {"a": date(2024, 2, 1)}}, "site a: live from"),
        ({"effective_from": {"a": date(2024, 2, 1)}, "stopped_on": {"a": date(2024, 2, 1)}}, "site a: stopped on"),
    ],
)
def test_contradictory_dates_are_refused(dates: dict[str, dict[str, date]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dates_panel(**dates)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("lower", -1.0, "site b, period 2 has a negative count"),
        ("lower", 31.0, "site b, period 2 has a lower bound above"),
        ("lower", 1.5, "site b, period 2 has a bound that is not a whole"),
        ("upper", np.inf, "site b, period 2 has a bound that is not finite"),
        ("upper", np.nan, "site b, period 2 has one bound only"),
        ("exposure", 0.0, "site b, period 2 has a count but no exposure"),
        ("exposure", np.nan, "site b, period 2 has a count but no exposure"),
    ],
)
def test_contradictory_counts_are_refused(field: str, value: float, message: str) -> None:
    matrix = getattr(TWO_BY_TWO, field).copy()
    matrix[1, 1] = value
    with pytest.raises(ValueError, match=message):
        estimate_effect(replace(TWO_BY_TWO, **{field: matrix}))


def test_contradictory_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="needs matrices of 3 rows"):
        estimate_effect(replace(TWO_BY_TWO, sites=("a", "b", "c")))
    with pytest.raises(ValueError, match="`upper` has shape"):
        estimate_effect(replace(TWO_BY_TWO, upper=np.ones((2, 3))))
    with pytest.raises(ValueError, match="stands twice"):
        estimate_effect(replace(TWO_BY_TWO, sites=("a", "a")))
    with pytest.raises(ValueError, match="both treated and excluded"):
        estimate_effect(replace(TWO_BY_TWO, excluded=TWO_BY_TWO.treated))


@pytest.mark.parametrize(
    ("panel", "reason"),
    [
        (panel_of([[20], [30]], [[1], [0]]), "one period only"),
        (
            panel_of([[20, 10], [30, 30]], [[0, 0], [0, 0]]),
            "At no site was the innovation in effect",
        ),
        (panel_of([[20, np.nan], [30, 30]], [[0, 1], [0, 0]]), "the denominator is withheld or 0"),
        (panel_of([[20, 10], [30, 30]], [[1, 1], [1, 1]]), "no counts from periods without"),
        (panel_of([[20, 10], [30, 30]], [[0, 1], [0, 1]]), "all adopted at once"),
        (panel_of([[20, 10], [30, 30]], [[1, 1], [0, 0]]), "No site with the innovation has a period"),
        (panel_of([[20, 0], [30, 30]], [[0, 1], [0, 0]]), "not a single event"),
        (panel_of([[0, 10], [30, 30]], [[0, 1], [0, 0]]), "No site with the innovation has a period with events"),
        (panel_of([[20, 10], [30, 0]], [[0, 1], [0, 0]]), "those that did not adopt had no event"),
        (panel_of([[0, 5, 9], [5, 9, 9]], [[0, 0, 1], [0, 1, 0]], [[0, 0, 0], [0, 0, 0]]), "cannot be fitted"),
    ],
)
def test_what_the_data_cannot_say_is_refused_with_what_is_missing(panel: Panel, reason: str) -> None:
    found = estimate_effect(panel)
    assert isinstance(found, NoEffect)
    assert reason in found.reason


def test_one_absurd_count_is_left_out_by_name_and_the_rest_is_estimated() -> None:
    """A slip at one site, and a count of which nothing is known at another, leave an answer for everybody else."""
    lower = np.tile([20.0, 22.0, 18.0, 10.0, 11.0, 9.0], (4, 1))
    lower[2:] = [30.0, 33.0, 28.0, 29.0, 31.0, 30.0]
    plain = {
        "sites": ["a", "b", "c", "d"],
        "periods": MONTHS,
        "exposure": np.full((4, 6), 100.0),
        "effective_from": {"a": date(2024, 4, 1), "b": date(2024, 4, 1)},
        "live_from": {},
        "stopped_on": {},
    }
    wrong, upper = lower.copy(), lower.copy()
    wrong[1, 4] = upper[1, 4] = 1e9
    upper[2, 0] = 1e6
    found = estimate_effect(build_panel(lower=wrong, upper=upper, **plain))
    missing = lower.copy()
    missing[1, 4] = missing[2, 0] = np.nan
    expected = estimate_effect(build_panel(lower=missing, upper=missing, **plain))
    assert isinstance(found, Effect)
    assert isinstance(expected, Effect)
    assert found.rate_ratio == expected.rate_ratio
    assert found.notes == (
        "Not used: b in 2024-05-01: a count above 10,000,000 is no count of events; have it corrected.",
        "Not used: c in 2024-01-01: a count is known only within 20,000, which is to know nothing of it.",
        *expected.notes,
    )
    nothing = estimate_effect(build_panel(lower=np.full((4, 6), 1e9), upper=np.full((4, 6), 1e9), **plain))
    assert isinstance(nothing, NoEffect)
    assert "a in 2024-01-01, a in 2024-02-01" in nothing.reason
    assert "and 19 more: a count above 10,000,000" in nothing.reason


def test_bounds_added_up_after_disclosure_control_are_refused() -> None:
    lower, upper = TWO_BY_TWO.lower.copy(), TWO_BY_TWO.upper.copy()
    lower[1], upper[1] = [10, 14], [24, 30]
    found = estimate_effect(replace(TWO_BY_TWO, lower=lower, upper=upper))
    assert isinstance(found, NoEffect)
    assert "b's counts overlap" in found.reason


def test_the_two_by_two_is_the_ratio_of_ratios() -> None:
    found = estimate_effect(TWO_BY_TWO)
    assert isinstance(found, Effect)
    assert found.rate_ratio.estimate == pytest.approx(0.5)
    assert found.avoided.estimate == pytest.approx(10.0)
    # the textbook variance of a log ratio of ratios: one over each of the four counts
    half = 1.959964 * np.sqrt(1 / 20 + 1 / 10 + 1 / 30 + 1 / 30)
    assert found.rate_ratio.lower == pytest.approx(0.5 * np.exp(-half), rel=1e-6)
    assert found.rate_ratio.upper == pytest.approx(0.5 * np.exp(half), rel=1e-6)
    assert found.counterfactual == pytest.approx(np.array([[20.0, 20.0], [30.0, 30.0]]))
    assert (found.treated_sites, found.treated_periods, found.comparison_sites) == (1, 1, 2)
    assert (found.withheld_share, found.dispersion, found.notes) == (0.0, 0.0, ())


def test_what_is_left_out_does_not_matter_and_is_said() -> None:
    bigger = panel_of(
        [[20, 10, 7], [30, 30, 9], [0, 0, 4], [8, 8, 8]],
        [[0, 1, 1], [0, 0, 1], [0, 0, 1], [1, 1, 1]],
    )
    found, small = estimate_effect(bigger), estimate_effect(TWO_BY_TWO)
    assert isinstance(found, Effect)
    assert isinstance(small, Effect)
    assert found.rate_ratio == small.rate_ratio
    assert found.avoided == small.avoided
    assert found.treated_periods == 1
    assert np.isnan(found.counterfactual[:, 2]).all()
    said = " ".join(found.notes)
    assert "no event without the innovation: c." in said
    assert "before the innovation: c, d." in said
    assert "2 site-periods in 1 period." in said


def test_missing_and_excluded_cells_are_left_out() -> None:
    wider = panel_of([[20, 99, 10, 50], [30, 30, 30, 30]], [[0, 0, 1, 0], [0] * 4], [[0, 1, 0, 0], [0] * 4])
    lower, upper, exposure = wider.lower.copy(), wider.upper.copy(), wider.exposure.copy()
    lower[0, 3] = upper[0, 3] = exposure[0, 3] = np.nan
    found = estimate_effect(replace(wider, lower=lower, upper=upper, exposure=exposure))
    assert isinstance(found, Effect)
    assert found.rate_ratio.estimate == pytest.approx(0.5)
    assert np.isnan(found.counterfactual).tolist() == [[False, True, False, True], [False] * 4]


def test_early_adopters_are_no_comparison_for_late_ones() -> None:
    """Where the effect grows, two-way fixed effects take the early adopter's growth for a trend; this does not."""
    growing = panel_of(
        [[1000, 900, 500, 100], [1000, 1000, 900, 500], [1000, 1000, 1000, 1000]],
        [[0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0]],
    )
    found = estimate_effect(growing)
    assert isinstance(found, Effect)
    assert found.avoided.estimate == pytest.approx(100 + 500 + 900 + 100 + 500)
    assert found.rate_ratio.estimate == pytest.approx((900 + 500 + 100 + 900 + 500) / 5000)


def test_mostly_withheld_counts_are_said_to_be_weak() -> None:
    counts = np.random.default_rng(1).poisson(3.0, (8, 30)).clip(0, 7)
    lower, upper = np.where(counts == 0, 0.0, 1.0), np.where(counts == 0, 0.0, 7.0)
    treated = np.zeros(counts.shape, dtype=np.bool_)
    treated[:4, 15:] = True
    found = estimate_effect(
        Panel(
            sites=tuple("abcdefgh"),
            lower=lower,
            upper=upper,
            exposure=np.ones(counts.shape),
            treated=treated,
            excluded=np.zeros_like(treated),
        )
    )
    assert isinstance(found, Effect)
    assert found.withheld_share == pytest.approx(np.mean(lower < upper))
    assert "longer periods" in found.notes[-1]


def test_unequal_effects_widen_the_interval() -> None:
    counts = np.full((10, 20), 400.0)
    treated = np.zeros(counts.shape, dtype=np.bool_)
    treated[:6, 10:] = True
    equal, unequal = counts.copy(), counts.copy()
    equal[:6, 10:] = 200.0
    unequal[:6, 10:] = np.array([50, 350, 100, 300, 150, 250])[:, None]
    panels = [
        Panel(
            sites=tuple("abcdefghij"),
            lower=events,
            upper=events,
            exposure=np.ones(counts.shape),
            treated=treated,
            excluded=np.zeros_like(treated),
        )
        for events in (equal, unequal)
    ]
    same, different = (estimate_effect(panel) for panel in panels)
    assert isinstance(same, Effect)
    assert isinstance(different, Effect)
    assert same.notes == ()
    assert "Sites differ" in different.notes[0]
    assert different.rate_ratio.estimate == pytest.approx(same.rate_ratio.estimate)
    assert different.rate_ratio.upper > 1.5 * same.rate_ratio.upper
    assert different.avoided.lower < 0.5 * same.avoided.lower


def test_the_placebo_uses_nothing_from_after_adoption() -> None:
    panel = panel_of(
        [[20, 20, 10, 1, 1], [30, 30, 30, 30, 30]],
        [[0, 0, 0, 0, 1], [0] * 5],
        [[0, 0, 0, 1, 0], [0] * 5],
    )
    found = placebo(panel, lead=1)
    assert isinstance(found, Effect)
    assert found.rate_ratio.estimate == pytest.approx(0.5)
    assert found.treated_periods == 1
    assert "placebo 1 period earlier" in found.method


def test_a_placebo_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        placebo(TWO_BY_TWO, lead=0)
    nothing_before = placebo(panel_of([[10, 10], [30, 30]], [[1, 1], [0, 0]]))
    assert isinstance(nothing_before, NoEffect)
    assert "no time before" in nothing_before.reason
    too_long = placebo(TWO_BY_TWO, lead=6)
    assert isinstance(too_long, NoEffect)
    assert too_long.reason.startswith("Pretending 6 periods earlier")


@pytest.mark.parametrize(("wide", "noted"), [(6, False), (7, True)])
def test_wide_bounds_are_noted_beyond_three_counts_in_four(wide: int, noted: bool) -> None:
    panel = panel_of([[20, 20, 20, 10], [30, 30, 30, 30]], [[0, 0, 0, 1], [0, 0, 0, 0]])
    lower, upper = panel.lower.copy(), panel.upper.copy()
    lower.ravel()[:wide], upper.ravel()[:wide] = 1, 7
    effect = estimate_effect(replace(panel, lower=lower, upper=upper))
    assert isinstance(effect, Effect)
    assert any("known only within a factor of more than two" in note for note in effect.notes) is noted

"""One site before and after: what is refused, what is said to be left open."""

from dataclasses import replace

import numpy as np
import pytest

from rounds.learning.impact.effect import NoEffect, Panel
from rounds.learning.impact.single_site.interrupted import Interrupted, interrupted
from rounds.learning.impact.single_site.regression import Family

PERIODS = 36


def panel_of(*, first: int = 18, periods: int = PERIODS, a_year: int | None = 12, factor: float = 0.5) -> Panel:
    rng = np.random.default_rng(3)
    treated = np.zeros((2, periods), dtype=np.bool_)
    treated[0, first:] = True
    counts = rng.poisson(np.where(treated, 60.0 * factor, 60.0)).astype(np.float64)
    return Panel(
        sites=("north", "south"),
        lower=counts,
        upper=counts.copy(),
        exposure=np.full(counts.shape, 1000.0),
        treated=treated,
        excluded=np.zeros_like(treated),
        a_year=a_year,
    )


PLAIN = panel_of()


def with_counts(counts: np.ndarray, panel: Panel = PLAIN) -> Panel:
    return replace(panel, lower=counts, upper=counts)


def marked(*, treated: slice | None = None, excluded: slice | None = None) -> Panel:
    flags = {"treated": PLAIN.treated.copy(), "excluded": PLAIN.excluded.copy()}
    if treated is not None:
        flags["treated"][0] = False
        flags["treated"][0, treated] = True
    if excluded is not None:
        flags["excluded"][0, excluded] = True
        flags["treated"][0, excluded] = False
    return replace(PLAIN, **flags)


ZEROS = PLAIN.lower.copy()
ZEROS[0] = 0
NONE_AFTER = PLAIN.lower.copy()
NONE_AFTER[0, 18:] = 0
GONE = PLAIN.lower.copy()
GONE[0, 18:] = np.nan


@pytest.mark.parametrize(
    ("panel", "says"),
    [
        (panel_of(periods=1, first=1), "one count only"),
        (panel_of(first=PERIODS), "never in effect"),
        (panel_of(first=0), "before its first count"),
        (panel_of(first=2), "2 periods before"),
        (panel_of(first=PERIODS - 1), "1 period after"),
        (panel_of(first=4, periods=6, a_year=3), "add periods"),
        (with_counts(ZEROS), "not a single event before"),
        (with_counts(NONE_AFTER), "not a single event after"),
        (with_counts(GONE), "no count from north with the innovation"),
        (marked(excluded=slice(24, 26)), "stopped and started again"),
        (with_counts(np.full(PLAIN.lower.shape, np.nan)), "no count only"),
    ],
)
def test_what_cannot_be_told_is_said(panel: Panel, says: str) -> None:
    found = interrupted(panel, "north")
    assert isinstance(found, NoEffect)
    assert says in found.reason
    assert found.reason.endswith(".")


def test_mistakes_are_refused() -> None:
    negative = PLAIN.lower.copy()
    negative[0, 3] = -1
    with pytest.raises(ValueError, match="site north, period 4 has a negative count"):
        interrupted(with_counts(negative), "north")
    with pytest.raises(ValueError, match="no site east"):
        interrupted(PLAIN, "east")
    with pytest.raises(ValueError, match="cannot be compared with itself"):
        interrupted(PLAIN, "north", controls=("north",))
    wide = replace(PLAIN, upper=PLAIN.lower + 2)
    with pytest.raises(ValueError, match="quasi-Poisson needs exact counts"):
        interrupted(wide, "north", family=Family.QUASI_POISSON)


def test_a_site_alone_says_what_it_leaves_open() -> None:
    found = interrupted(PLAIN, "north")
    assert isinstance(found, Interrupted)
    assert found.rate_ratio.lower < 0.5 < found.rate_ratio.upper
    assert found.level.lower < 0.5 < found.level.upper
    assert "No other site" in found.notes[0]
    assert found.slope is not None
    assert np.all(found.band_lower <= found.counterfactual)
    assert np.all(found.counterfactual <= found.band_upper)
    assert found.avoided.estimate == pytest.approx(np.sum((found.counterfactual - found.fitted)[18:]))


def test_controls_take_out_what_happens_everywhere() -> None:
    """All rates halve at once at both sites; alone that reads as an effect, beside the other site it does not."""
    both = panel_of(factor=1.0)
    counts = both.lower.copy()
    counts[:, 18:] = np.round(counts[:, 18:] / 2)
    alone, beside = (interrupted(with_counts(counts, both), "north", controls=names) for names in ((), ("south",)))
    assert isinstance(alone, Interrupted)
    assert isinstance(beside, Interrupted)
    assert alone.rate_ratio.upper < 0.7
    assert beside.rate_ratio.lower < 1 < beside.rate_ratio.upper


def test_gaps_few_periods_and_no_year_are_said() -> None:
    gaps = PLAIN.lower.copy()
    gaps[0, [4, 20]] = np.nan
    found = interrupted(replace(with_counts(gaps), a_year=None), "north")
    assert isinstance(found, Interrupted)
    assert np.isnan(found.fitted[[4, 20]]).all()
    words = " ".join(found.notes)
    assert "2 periods without a count were left out" in words
    assert "No season" in words
    short = interrupted(panel_of(first=PERIODS - 3), "north")
    assert isinstance(short, Interrupted)
    assert short.slope is None
    assert "only the level is compared" in " ".join(short.notes)


def test_dependence_on_earlier_counts_is_found_and_widens_intervals() -> None:
    rng = np.random.default_rng(5)
    wander = np.zeros(120)
    for at in range(1, 120):
        wander[at] = 0.8 * wander[at - 1] + 0.15 * rng.normal()
    base = panel_of(first=60, periods=120)
    counts = np.round(200 * np.exp(wander))[None, :].repeat(2, axis=0)
    found = interrupted(with_counts(counts, base), "north")
    blind = interrupted(with_counts(counts, base), "north", lag=0)
    assert isinstance(found, Interrupted)
    assert isinstance(blind, Interrupted)
    assert found.autocorrelation < 0.001
    assert any("depend on those before" in note for note in found.notes)
    assert found.level.upper / found.level.lower > blind.level.upper / blind.level.lower

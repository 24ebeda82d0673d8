"""Processes in which nothing changes, and what each chart says of them: how often it cries wolf."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rounds.learning.variation.over_time.attributes import p_chart, u_chart
from rounds.learning.variation.over_time.chart import Chart, Kind, Told
from rounds.learning.variation.over_time.counted import Counted
from rounds.learning.variation.over_time.cumulative import ewma_chart, tabular
from rounds.learning.variation.over_time.dependence import Dependent, Seasonal, dependent_charts, seasonal_chart
from rounds.learning.variation.over_time.drawing import Reading
from rounds.learning.variation.over_time.individuals import RANGE_TO_SIGMA, i_chart, i_prime_chart, mr_chart, run_chart
from rounds.learning.variation.over_time.rare_events import g_chart, t_chart
from rounds.learning.variation.over_time.rule_sets import RuleSet, certain_signals
from rounds.learning.variation.over_time.rules import (
    Band,
    Matrix,
    exactly,
    limits_of,
    mean_of,
    mean_range_of,
    signals_of,
)
from rounds.learning.variation.over_time.subgroups import Subgroups, s_chart, xbar_chart
from rounds.learning.variation.over_time.windows import Flags

Draw = Callable[[np.random.Generator, int, int], Matrix]
"""From a source of chance, a number of series and of points to series of shape (series, points)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """One chart, read by some rules, of a process in which nothing changes."""

    chart: Kind | str
    """a kind, or the name of what is no `Chart`"""
    rules: tuple[RuleSet, ...]
    process: str
    draw: Draw
    flags: Callable[[Matrix], Flags]
    """which points are flagged, from what was drawn; shape (series, points)"""
    slow: bool = False
    """whether charts are drawn one by one"""

    def rates(self, rng: np.random.Generator, series: int, points: int) -> tuple[float, float]:
        """Return the share of charts with any point flagged, and that with the latest flagged."""
        flagged = self.flags(self.draw(rng, series, points))
        return float(flagged.any(axis=1).mean()), float(flagged[:, -1].mean())


def independent(rng: np.random.Generator, series: int, points: int) -> Matrix:
    return rng.normal(size=(series, points))


def autocorrelated(rng: np.random.Generator, series: int, points: int) -> Matrix:
    shocks = rng.normal(size=(series, points))
    found = np.empty_like(shocks)
    found[:, 0] = shocks[:, 0] / np.sqrt(1 - 0.4**2)
    for period in range(1, points):
        found[:, period] = 0.4 * found[:, period - 1] + shocks[:, period]
    return found


def seasonal(rng: np.random.Generator, series: int, points: int) -> Matrix:
    phase = rng.uniform(0, 2 * np.pi, size=(series, 1))
    return rng.normal(size=(series, points)) + np.sin(2 * np.pi * np.arange(points) / 12 + phase)


def rounded(rng: np.random.Generator, series: int, points: int) -> Matrix:
    counts: Matrix = (rng.poisson(20, size=(series, points)) + 2) // 5 * np.float64(5)
    return counts


def poisson(mean: float) -> Draw:
    return lambda rng, series, points: rng.poisson(mean, size=(series, points)).astype(np.float64)


def binomial(people: int) -> Draw:
    return lambda rng, series, points: rng.binomial(people, 0.1, size=(series, points)).astype(np.float64)


def geometric(rng: np.random.Generator, series: int, points: int) -> Matrix:
    return (rng.geometric(0.02, size=(series, points)) - 1).astype(np.float64)


def _fives(rng: np.random.Generator, series: int, points: int) -> Matrix:
    """Draw five values a point, side by side."""
    return rng.normal(size=(series, points * 5))


def _nhs(*, screen: bool) -> Callable[[Matrix], Flags]:
    return lambda values: signals_of(values, limits_of(values, screen=screen)).direction != 0


def _zones(rules: RuleSet) -> Callable[[Matrix], Flags]:
    def flags(values: Matrix) -> Flags:
        centre = mean_of(values)[:, None]
        sigma = mean_range_of(values, screen=True)[:, None] / RANGE_TO_SIGMA
        band = Band(centre=centre, near=2 * sigma, lower=centre - 3 * sigma, upper=centre + 3 * sigma)
        found = certain_signals(exactly(values, band), rules.rules)
        return np.asarray(np.any([one.flags for one in found], axis=0))

    return flags


def _one_by_one(chart: Callable[[np.ndarray], Chart]) -> Callable[[Matrix], Flags]:
    return lambda values: np.array([flagged(chart(row)) for row in values])


def flagged(chart: Chart) -> Flags:
    """Return which points of a chart are flagged for certain by any of its rules."""
    told = chart.told or (Told.NO,) * len(chart.values)
    return np.array([one is Told.CERTAIN for one in told])


def _sums(values: Matrix) -> Flags:
    sigma = mean_range_of(values, screen=False)[:, None] / RANGE_TO_SIGMA
    up, down = tabular((values - mean_of(values)[:, None]) / sigma, 0.5)
    return (up >= 5) | (down <= -5)


def _subgroups(row: np.ndarray) -> Subgroups:
    return Subgroups.of(row, np.repeat(np.arange(len(row) // 5), 5).tolist())


def _levels(row: np.ndarray) -> Chart:
    return _dependent(row).levels


def _dependent(row: np.ndarray) -> Dependent:
    found = dependent_charts(row)
    assert isinstance(found, Dependent)  # noqa: S101 - what is drawn here has points enough
    return found


def _deseasoned(row: np.ndarray) -> Chart:
    found = seasonal_chart(row, np.arange(len(row)) % 12 + 1)
    assert isinstance(found, Seasonal)  # noqa: S101 - as above
    return found.chart


@dataclass(frozen=True, slots=True, kw_only=True)
class SteadyWays:
    """One chart of a process in which nothing changes, read in several ways from one drawing."""

    chart: Kind
    process: str
    draw: Draw
    one: Callable[[np.ndarray, Reading], Chart]
    ways: tuple[tuple[RuleSet, ...], ...]

    def rates(self, rng: np.random.Generator, series: int, points: int) -> list[tuple[float, float]]:
        """Return, for each way, the share of charts with any point flagged, and that with the latest flagged."""
        every = Reading(rule_sets=tuple(dict.fromkeys(rules for way in self.ways for rules in way)))
        wanted = [{rule for rules in way for rule in rules.rules} for way in self.ways]
        found = np.zeros((len(self.ways), series, points), dtype=bool)
        for at, row in enumerate(self.draw(rng, series, points)):
            for one in self.one(row, every).flagged:
                for way, rules in enumerate(wanted):
                    if one.rule in rules:
                        found[way, at] |= one.certain
        return [(float(way.any(axis=1).mean()), float(way[:, -1].mean())) for way in found]


_DEFAULT = (RuleSet.SHEWHART, RuleSet.ANHOEJ)
_NORMAL = "independent, normal"
_ALIKE = "each month resembles the last (autocorrelation 0.4)"
_WAVE = "seasonal (a yearly wave as high as one standard deviation)"


def _many(chart: Kind, rules: RuleSet, process: str, draw: Draw, flags: Callable[[Matrix], Flags]) -> Steady:
    return Steady(chart=chart, rules=(rules,), process=process, draw=draw, flags=flags)


def _single(
    chart: Kind | str,
    process: str,
    draw: Draw,
    one: Callable[[np.ndarray], Chart],
    rules: tuple[RuleSet, ...] = _DEFAULT,
) -> Steady:
    return Steady(chart=chart, rules=rules, process=process, draw=draw, flags=_one_by_one(one), slow=True)


def _of_hundred(row: np.ndarray, reading: Reading | None = None) -> Chart:
    return p_chart(Counted.exact(row, np.full(len(row), 100.0), proportion=True), reading)


def _of_many(row: np.ndarray, reading: Reading | None = None) -> Chart:
    return p_chart(Counted.exact(row, np.full(len(row), 10_000.0), proportion=True), reading, prime=True)


def _times(row: np.ndarray, reading: Reading | None = None) -> Chart:
    return u_chart(Counted.exact(row, np.full(len(row), 1000.0), proportion=False), reading)


def _weighted(row: np.ndarray, reading: Reading | None = None) -> Chart:
    return i_prime_chart(row / 10, np.full(len(row), 100.0), reading)


def _exponential(rng: np.random.Generator, series: int, points: int) -> Matrix:
    return rng.exponential(30, (series, points))


STEADY: tuple[Steady, ...] = (
    _many(Kind.XMR, RuleSet.NHS, _NORMAL, independent, _nhs(screen=True)),
    _many(Kind.XMR, RuleSet.NHS, _ALIKE, autocorrelated, _nhs(screen=True)),
    _many(Kind.XMR, RuleSet.NHS, _WAVE, seasonal, _nhs(screen=True)),
    _many(Kind.XMR, RuleSet.NHS, "small counts (Poisson, mean 3)", poisson(3), _nhs(screen=True)),
    _many(Kind.XMR, RuleSet.NHS, "counts rounded to the nearest 5 (Poisson, mean 20)", rounded, _nhs(screen=True)),
    _many(Kind.XMR, RuleSet.NHS, "independent, normal; not screened", independent, _nhs(screen=False)),
    _many(Kind.I, RuleSet.SHEWHART, _NORMAL, independent, _zones(RuleSet.SHEWHART)),
    _many(Kind.I, RuleSet.WESTERN_ELECTRIC, _NORMAL, independent, _zones(RuleSet.WESTERN_ELECTRIC)),
    _many(Kind.I, RuleSet.NELSON, _NORMAL, independent, _zones(RuleSet.NELSON)),
    _single(Kind.RUN, _NORMAL, independent, run_chart, (RuleSet.ANHOEJ,)),
    _single(Kind.RUN, _ALIKE, autocorrelated, run_chart, (RuleSet.ANHOEJ,)),
    _single(Kind.MR, _NORMAL, independent, mr_chart, (RuleSet.SHEWHART,)),
    _single(Kind.I_PRIME, _NORMAL, independent, _weighted),
    _single(Kind.P, "binomial, 10 % of 100", binomial(100), _of_hundred),
    _single(Kind.P_PRIME, "binomial, 10 % of 10,000", binomial(10_000), _of_many),
    _single(Kind.U, "Poisson, mean 10", poisson(10), _times),
    _single(Kind.U, "Poisson, mean 3", poisson(3), _times),
    _single(Kind.G, "geometric, mean 49", geometric, g_chart),
    _single(Kind.T, "exponential, mean 30 days", _exponential, t_chart),
    _single(Kind.XBAR, "normal, five a point", _fives, lambda row: xbar_chart(_subgroups(row))),
    _single(Kind.S, "normal, five a point", _fives, lambda row: s_chart(_subgroups(row))),
    _single(Kind.EWMA, _NORMAL, independent, ewma_chart, (RuleSet.SHEWHART,)),
    Steady(chart="cusum", rules=(), process=_NORMAL, draw=independent, flags=_sums),
    _single("levels", _ALIKE, autocorrelated, _levels, (RuleSet.SHEWHART,)),
    _single("surprises", _ALIKE, autocorrelated, lambda row: _dependent(row).surprises),
    _single("deseasoned", _WAVE, seasonal, _deseasoned),
)
"""Every chart with the rules it is read by unless others are asked for, and the processes whose rates are tabulated."""


def _ways(
    chart: Kind,
    process: str,
    draw: Draw,
    one: Callable[[np.ndarray, Reading], Chart],
    *ways: tuple[RuleSet, ...],
) -> SteadyWays:
    return SteadyWays(chart=chart, process=process, draw=draw, one=one, ways=ways)


_NHS, _ZONES_1956, _ZONES_1984 = (RuleSet.NHS,), (RuleSet.WESTERN_ELECTRIC,), (RuleSet.NELSON,)
_LIMITS, _RUNS = (RuleSet.SHEWHART,), (RuleSet.ANHOEJ,)
_ALL = (_LIMITS, _RUNS, _NHS, _ZONES_1956, _ZONES_1984)

STEADY_WAYS: tuple[SteadyWays, ...] = (
    _ways(Kind.XMR, _NORMAL, independent, i_chart, *(_NHS + other for other in (_ZONES_1956, _ZONES_1984, _RUNS))),
    _ways(Kind.I, _NORMAL, independent, i_chart, _DEFAULT, _RUNS),
    _ways(Kind.I_PRIME, _NORMAL, independent, _weighted, *_ALL),
    _ways(Kind.P, "binomial, 10 % of 100", binomial(100), _of_hundred, *_ALL),
    _ways(Kind.P_PRIME, "binomial, 10 % of 10,000", binomial(10_000), _of_many, *_ALL),
    _ways(Kind.U, "Poisson, mean 10", poisson(10), _times, *_ALL),
    _ways(Kind.T, "exponential, mean 30 days", _exponential, t_chart, *_ALL),
    _ways(Kind.XBAR, "normal, five a point", _fives, lambda row, how: xbar_chart(_subgroups(row), how), *_ALL),
    _ways(Kind.MR, _NORMAL, independent, mr_chart, _RUNS),
    _ways(Kind.G, "geometric, mean 49", geometric, g_chart, _LIMITS, _RUNS),
    _ways(Kind.S, "normal, five a point", _fives, lambda row, how: s_chart(_subgroups(row), how), _LIMITS, _RUNS),
)
"""Charts read by rules that they are not usually read by; those that `draw` allows of each."""

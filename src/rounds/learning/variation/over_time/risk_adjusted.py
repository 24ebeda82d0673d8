"""VLAD and CUSUM of outcomes of patients who differ in risk."""

from dataclasses import dataclass

import numpy as np

from rounds.learning.intervals import Z95
from rounds.learning.variation.over_time.cumulative import Path, path_of
from rounds.learning.variation.over_time.rules import Matrix, Vector
from rounds.learning.variation.over_time.windows import Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Vlad:
    """Events expected less events that happened, added up. Arrays have shape (points,)."""

    lowest: Vector
    highest: Vector
    """equal where nothing up to there is withheld"""
    lower95: Vector
    upper95: Vector
    """where the sum lies in 95 of 100 at each point if every risk is right; looked at again and again, it is left more
    often"""


def vlad(*, events: Vector | tuple[Vector, Vector], expected: Vector, variance: Vector | None = None) -> Vlad:
    """Return the variable life-adjusted display: how many events fewer than expected, so far.

    Args:
        events: 0 or 1 for each patient, or counts for each period, or the lowest and highest of each; shape (points,).
        expected: the risk of each patient, or the sum of risks of each period.
        variance: by default p (1 - p) of each patient; give the sum of these for periods.

    Raises:
        ValueError: if a number is missing, infinite or below 0, bounds are out of order, or `expected` is above 1 and
            `variance` is not given.

    Source: Lovegrove et al. (1997), Lancet 350:1128-1130. It assumes that risks are right, and patients independent.
    """
    lowest, highest = events if isinstance(events, tuple) else (events, events)
    for name, line in (("events", lowest), ("events", highest), ("expected", expected)):
        _refuse(~(np.isfinite(line) & (line >= 0)), f"{name} are missing, infinite or below 0")
    if not lowest.shape == highest.shape == expected.shape:
        raise ValueError("events and expected differ in shape: give one of each a point")
    _refuse(lowest > highest, "events have a lower bound above the upper")
    if variance is None:
        _refuse(expected > 1, "a risk is above 1: give the variance of sums of risks")
        variance = expected * (1 - expected)
    width = Z95 * np.sqrt(np.cumsum(variance))
    return Vlad(
        lowest=np.cumsum(expected - highest), highest=np.cumsum(expected - lowest), lower95=-width, upper95=width
    )


def outcome_cusum(
    outcomes: Vector | Flags | tuple[Vector, Vector],
    *,
    risks: Vector | float,
    odds_ratio: float,
    limit: float,
    restarts: bool = True,
) -> Path:
    """Return the log-likelihood CUSUM of outcomes: each weighs y log R - log(1 - p + R p).

    With an odds ratio R above 1 the sum rises on deterioration, max(0, C + w), and signals at `limit` or above; with R
    below 1 it falls on improvement, min(0, C - w), and signals at `limit` or below. One risk for all makes the plain
    Bernoulli CUSUM.

    Args:
        outcomes: 0 or 1 for each patient in order, shape (patients,); or the lowest and highest of each.
        risks: of each patient if care is as usual, between 0 and 1; or one for all.
        odds_ratio: the change in the odds to find: 2 for a doubling.
        limit: above 0 for deterioration, below 0 for improvement.
        restarts: start from 0 again after a signal.

    Raises:
        ValueError: if an outcome is not 0 or 1, a risk not between 0 and 1, `odds_ratio` and `limit` do not go
            together, or bounds come with `restarts`: after a signal that is only possible, where the sum starts is not
            known.

    Source: Steiner et al. (2000), Biostatistics 1:441-452. It assumes that risks are right.
    """
    low, high = outcomes if isinstance(outcomes, tuple) else (outcomes, outcomes)
    lowest, highest = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    risk = np.broadcast_to(np.asarray(risks, dtype=np.float64), lowest.shape)
    for line in (lowest, highest):
        _refuse((line != 0) & (line != 1), "an outcome is 0 or 1, and this is neither")
    _refuse(~((risk > 0) & (risk < 1)), "a risk lies between 0 and 1, and this does not")
    if not odds_ratio > 0 or odds_ratio == 1 or (odds_ratio > 1) != (limit > 0) or limit == 0:
        raise ValueError(
            f"odds ratio {odds_ratio} with limit {limit}: give a ratio above 1 and a limit above 0 for deterioration, "
            "a ratio below 1 and a limit below 0 for improvement"
        )
    exact = bool((lowest == highest).all())
    if not exact and restarts:
        raise ValueError(
            "outcomes are withheld: give restarts=False, since it is not known where the sum would restart"
        )
    sign = 1.0 if odds_ratio > 1 else -1.0
    paths = [
        _added(sign * weights(outcome, risk, odds_ratio), limit, restarts=restarts) for outcome in (lowest, highest)
    ]
    return path_of(paths[0], paths[1], limit, restarts=restarts)


def weights(outcomes: Vector | Matrix, risks: Vector | Matrix, odds_ratio: float) -> Vector:
    """Return what each outcome adds to the log likelihood ratio."""
    found: Vector = outcomes * np.log(odds_ratio) - np.log1p(risks * (odds_ratio - 1))
    return found


def _added(steps: Vector, limit: float, *, restarts: bool) -> Vector:
    """Return the sum that never goes beyond 0 on the side away from its limit."""
    sign = 1.0 if limit > 0 else -1.0
    found, start = np.empty(len(steps)), 0
    while start < len(steps):
        total = np.cumsum(sign * steps[start:])
        path = total - np.minimum(np.minimum.accumulate(total), 0.0)
        beyond = np.flatnonzero(path >= sign * limit) if restarts else np.zeros(0, dtype=int)
        stop = int(beyond[0]) + 1 if beyond.size else len(path)
        found[start : start + stop] = sign * path[:stop]
        start += stop
    return found


def exact_limit(*, patients: int, risk: float, odds_ratio: float, alpha: float) -> float:
    """Return the limit that a sum over so many patients of one risk passes with probability `alpha` at most.

    It is the smallest value that the highest point of the sum can have, so that the chance to be above it is `alpha` or
    less. Every sequence of outcomes is counted, those that lead to one place together.

    Args:
        patients: up to a few hundred.
        risk: of each, between 0 and 1.
        odds_ratio: above 1.
        alpha: false alarms over all patients, between 0 and 1.

    Raises:
        ValueError: if an argument is out of range.

    Source: the distribution is exact; the definition is that of the R package cusum 0.4.1, `cusum_limit_exact`.
    """
    if patients < 1 or not 0 < risk < 1 or not odds_ratio > 1 or not 0 < alpha < 1:
        raise ValueError("give one patient or more, a risk and alpha between 0 and 1, and an odds ratio above 1")
    fall, rise = np.log1p(risk * (odds_ratio - 1)), np.log(odds_ratio) - np.log1p(risk * (odds_ratio - 1))
    now = {(0.0, 0.0): 1.0}
    for _ in range(patients):
        after: dict[tuple[float, float], float] = {}
        for (place, highest), chance in now.items():
            for step, share in ((rise, risk), (-fall, 1 - risk)):
                reached = round(max(0.0, place + step), 12)
                key = (reached, max(highest, reached))
                after[key] = after.get(key, 0.0) + chance * share
        now = after
    tops: dict[float, float] = {}
    for (_, highest), chance in now.items():
        tops[highest] = tops.get(highest, 0.0) + chance
    above = 1.0
    for top in sorted(tops):
        above -= tops[top]
        if above <= alpha:
            return top
    raise AssertionError("the chances of all tops add up to 1")


def false_alarms(
    *, risks: Vector, odds_ratio: float, limit: float, rng: np.random.Generator, draws: int = 2000
) -> float:
    """Return the share of steady sequences of these patients in which the sum signals at least once.

    Args:
        risks: of the patients to come, as of those of a past year; shape (patients,).
        odds_ratio: as in `outcome_cusum`.
        limit: as in `outcome_cusum`.
        rng: draws the outcomes.
        draws: sequences; the standard error of the share is at most 0.5 / sqrt(draws).
    """
    sign = 1.0 if odds_ratio > 1 else -1.0
    happened, place = rng.random((draws, len(risks))) < risks, np.zeros(draws)
    steps = weights(happened.astype(np.float64), np.broadcast_to(risks, happened.shape), odds_ratio)
    signalled = np.zeros(draws, dtype=bool)
    for at in range(len(risks)):
        place = np.maximum(0.0, place + steps[:, at])
        signalled |= place >= sign * limit
    return float(signalled.mean())


def _refuse(wrong: Flags, what: str) -> None:
    if wrong.any():
        raise ValueError(f"point {int(np.argmax(wrong)) + 1}: {what}")

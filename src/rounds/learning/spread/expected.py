"""What a hazard says of each member: who is slow, and why, and how likely each is to adopt soon."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rounds.learning.intervals import Z95
from rounds.learning.spread.hazard import EXPOSURE, HazardFit, Matrix, Spells, Vector, cumulative, design, exposure

SLOW_FROM: Final = 0.75
"""Probability of having adopted by now, from which a member that has not counts as slow."""
DRAWS: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """How much a covariate moves a member's hazard against that of the average member."""

    name: str
    value: float
    average: float
    ratio: float
    """the member's hazard over that of a member with the average value"""
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    """A member that has not adopted although most like it would have."""

    member: str
    expected: float
    """probability that a member like it had adopted by now"""
    lower: float
    upper: float
    contributions: tuple[Contribution, ...]
    """the largest first"""


def slow_members(
    spells: Spells, fit: HazardFit, *, generator: np.random.Generator, beyond: float = SLOW_FROM
) -> tuple[Slow, ...]:
    """Return the members that have not adopted and were expected to, the most expected first.

    What is known of them speaks for adopting, so what holds them back is something that is not known here.

    Args:
        spells: as they were fitted.
        fit: of them.
        generator: of coefficients as far as they are known.
        beyond: probability from which they count as slow.
    """
    rows = design(spells)
    draws = drawn(fit, generator)
    passed = cumulative(fit.link, rows.values @ draws.T)[0]
    total = np.zeros((len(spells.members), draws.shape[0]))
    np.add.at(total, rows.member, passed)
    middle = np.zeros(len(spells.members))
    np.add.at(middle, rows.member, cumulative(fit.link, rows.values @ fit.coefficients)[0])
    expected = -np.expm1(-middle)
    found = []
    for row in np.argsort(-expected, kind="stable"):
        if spells.adopted[row] or expected[row] < beyond:
            continue
        low, high = np.quantile(-np.expm1(-total[row]), [0.025, 0.975])
        found.append(
            Slow(
                member=spells.members[row],
                expected=float(expected[row]),
                lower=float(low),
                upper=float(high),
                contributions=contributions(spells, fit, int(row)),
            )
        )
    return tuple(found)


def contributions(spells: Spells, fit: HazardFit, row: int) -> tuple[Contribution, ...]:
    """Return what makes a member more or less likely to adopt than the average member now, the largest first."""
    peers = exposure(spells)[:, -1]
    found = []
    for place, name in enumerate(fit.names[3:], start=3):
        values = peers if name == EXPOSURE and spells.peers is not None else spells.covariates[:, place - 3]
        apart = float(values[row] - values.mean())
        middle, half = apart * fit.coefficients[place], Z95 * abs(apart) * fit.standard_errors[place]
        low, ratio, high = np.exp(np.clip([middle - half, middle, middle + half], -50, 50))
        found.append(
            Contribution(
                name=name,
                value=float(values[row]),
                average=float(values.mean()),
                ratio=float(ratio),
                lower=float(low),
                upper=float(high),
            )
        )
    return tuple(sorted(found, key=lambda one: -abs(np.log(one.ratio))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Soon:
    """How likely members that have not adopted are to adopt within a horizon."""

    members: tuple[str, ...]
    rows: tuple[int, ...]
    """where they stand among the spells"""
    probability: Vector
    """shape (members,)"""
    draws: Matrix
    """as far as the coefficients are known; shape (draws, members)"""
    horizon: int
    """in periods"""


def soon(
    spells: Spells,
    fit: HazardFit,
    *,
    horizon: int,
    new: NDArray[np.int64] | None = None,
    generator: np.random.Generator,
    support: float = 1.0,
) -> Soon:
    """Return how likely each member that has not adopted is to adopt in the coming periods.

    Peers are held where they are. How many adopt in all is what a forecast of the whole says, where there is one, and
    the hazards tell who; without one the course of time is held where it is.

    Args:
        spells: as they were fitted.
        fit: of them.
        horizon: how many periods to look ahead.
        new: how many of those that wait adopt by then, drawn from a forecast; shape (any number,).
        generator: of coefficients as far as they are known.
        support: by which factor help multiplies a member's hazard; 1 as long as nobody knows.

    Raises:
        ValueError: if horizon or support are not above 0.
    """
    if horizon < 1 or not support > 0 or not np.isfinite(support):
        raise ValueError("look one period ahead or more, with a support above 0")
    waiting = np.flatnonzero(~spells.adopted & (spells.after >= spells.periods))
    peers = exposure(spells)[:, -1]
    columns = [np.ones(len(waiting)), np.ones(len(waiting)), np.ones(len(waiting)), *spells.covariates[waiting].T]
    if spells.peers is not None:
        columns.append(peers[waiting])
    now = np.stack(columns, axis=1)
    passed = horizon * cumulative(fit.link, now @ drawn(fit, generator).T)[0].T
    middle = horizon * cumulative(fit.link, now @ fit.coefficients)[0]
    if new is not None and len(waiting):
        chosen = generator.choice(np.minimum(new, len(waiting)), size=len(passed))
        passed = passed * _factor(passed, chosen.astype(np.float64))
        middle = middle * _factor(middle[None, :], np.array([chosen.mean()]))[0]
    return Soon(
        members=tuple(spells.members[row] for row in waiting),
        rows=tuple(int(row) for row in waiting),
        probability=-np.expm1(-support * middle),
        draws=-np.expm1(-support * passed),
        horizon=horizon,
    )


def _factor(passed: Matrix, wanted: Vector) -> Matrix:
    """Return by what to multiply cumulative hazards so that as many adopt as wanted, shape (draws, 1)."""
    low, high = np.full(len(passed), -40.0), np.full(len(passed), 40.0)
    for _ in range(60):
        middle = (low + high) / 2
        few = -np.expm1(-passed * np.exp(middle)[:, None]).sum(axis=1) < wanted
        low, high = np.where(few, middle, low), np.where(few, high, middle)
    return np.asarray(np.where(wanted > 0, np.exp((low + high) / 2), 0.0)[:, None])


def drawn(fit: HazardFit, generator: np.random.Generator, *, draws: int = DRAWS) -> Matrix:
    """Return coefficients as far as they are known, shape (draws, coefficients)."""
    values, vectors = np.linalg.eigh(fit.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    noise = generator.standard_normal((draws, len(values)))
    return np.asarray(fit.coefficients + noise @ root.T)

"""Who adopts when: the chance of adopting in each period, by what a member is and how many of its peers have.

A discrete-time hazard. With the complementary log-log link a coefficient is the logarithm of a hazard ratio, whatever
the length of a period; with the logit it is that of an odds ratio. Who adopted at some time between two periods
counts as just that, and who has not adopted by now as just that.

Source: Prentice and Gloeckler (1978), Biometrics 34:57-67; Allison (1982), Sociological Methodology 13:61-98. The
penalty on standardised covariates is a normal prior, in the spirit of Gelman and others (2008), Ann Appl Stat
2:1360-1383: without it a covariate that all adopters share has no finite coefficient.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rounds.learning.intervals import Z95

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Whole = NDArray[np.int64]

EXPOSURE: Final = "peers"
"""The covariate made of peers: the share of them that had adopted by the end of the period before."""
PRIOR_DEVIATION: Final = 1.5
"""Of the coefficient of a covariate in standard deviations: a ratio of 19 between members two of these apart."""
FEWEST_ADOPTERS: Final = 5
_TIME: Final = ("start", "time", "time squared")
_STEPS: Final = 60
_NO_END: Final = 20.0
"""Standard error of a standardised coefficient from which on the likelihood has no top."""


class Link(StrEnum):
    CLOGLOG = "complementary log-log"
    LOGIT = "logit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spells:
    """When each member could adopt and did, in whole periods, and what it is like."""

    members: tuple[str, ...]
    entry: Whole
    """periods that had ended when it joined: at risk from the next one on; shape (members,)"""
    after: Whole
    """it had not adopted by the end of this period; shape (members,)"""
    by: Whole
    """it had by the end of this one; -1 for who has not adopted; shape (members,)"""
    covariates: Matrix
    """shape (members, covariates)"""
    names: tuple[str, ...]
    """of the covariates"""
    peers: Matrix | None = None
    """how much each member (row) looks to each other (column), 0 or more; None without exposure"""

    def __post_init__(self) -> None:
        count = len(self.members)
        for name, one in (("entry", self.entry), ("after", self.after), ("by", self.by)):
            if one.shape != (count,):
                raise ValueError(f"`{name}` has shape {one.shape}; give one period for each of {count} members")
        if len(set(self.members)) < count:
            twice = next(one for one in self.members if self.members.count(one) > 1)
            raise ValueError(f"member {twice} comes twice; keep one row a member")
        if self.covariates.shape != (count, len(self.names)):
            raise ValueError(
                f"covariates have shape {self.covariates.shape}; there are {count} members, {len(self.names)} names"
            )
        known = np.isfinite(self.covariates)
        if not known.all():
            row, column = np.argwhere(~known)[0]
            raise ValueError(
                f"member {self.members[row]}: {self.names[column]} is missing or infinite; fill it in, leave the "
                "covariate out, or leave the member out and say so"
            )
        has = self.by >= 0
        for bad, problem in (
            (self.entry < 0, "joined before adoption became possible: enter it as 0"),
            (self.after < self.entry, "was last seen without the innovation before it joined"),
            (has & (self.by <= self.after), "adopted in a period that ends before it begins"),
        ):
            if bad.any():
                raise ValueError(f"member {self.members[int(np.argmax(bad))]} {problem}")
        if self.peers is not None and (
            self.peers.shape != (count, count) or not np.isfinite(self.peers).all() or (self.peers < 0).any()
        ):
            raise ValueError("peers need a number of 0 or more for each pair of members")

    @property
    def adopted(self) -> NDArray[np.bool_]:
        return np.asarray(self.by >= 0)

    @property
    def periods(self) -> int:
        """How many periods have been watched."""
        return int(max(self.after.max(), self.by.max()))


def peers_alike(groups: Sequence[str]) -> Matrix:
    """Return who is whose peer when peers are those of the same group, such as a region or a kind of organisation.

    >>> peers_alike(["north", "south", "north"])[0].tolist()
    [0.0, 0.0, 1.0]
    """
    names = np.array(groups)
    same = (names[:, None] == names[None, :]).astype(np.float64)
    np.fill_diagonal(same, 0.0)
    return np.asarray(same, dtype=np.float64)


def exposure(spells: Spells) -> Matrix:
    """Return which share of each member's peers had adopted by the end of each period, shape (members, periods + 1).

    The first column is the time before the first period. A peer known to have adopted between two periods counts for
    a growing part between them. Who has no peer has 0.
    """
    ends = np.arange(spells.periods + 1)
    span = np.maximum(spells.by - spells.after, 1)[:, None]
    part = np.clip((ends - spells.after[:, None]) / span, 0.0, 1.0) * spells.adopted[:, None]
    if spells.peers is None:
        return np.zeros((len(spells.members), len(ends)))
    total = spells.peers.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0, spells.peers @ part / np.where(total > 0, total, 1.0), 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardFit:
    """What goes with adopting sooner. Vectors have shape (coefficients,)."""

    link: Link
    names: tuple[str, ...]
    """three of time, then the covariates, then `peers` where there are any"""
    coefficients: Vector
    """logarithms of ratios for one unit of the covariate"""
    covariance: Matrix
    log_likelihood: float
    """without the penalty"""
    prior_deviation: float | None
    """of standardised coefficients; None: no penalty"""
    members: int
    adopters: int
    rows: int
    """member-periods at risk"""

    @property
    def standard_errors(self) -> Vector:
        return np.asarray(np.sqrt(np.diag(self.covariance)), dtype=np.float64)

    @property
    def ratios(self) -> tuple[Vector, Vector, Vector]:
        """Hazard (or odds) ratios for one unit, and the ends of their 95 % intervals."""
        half = Z95 * self.standard_errors
        middle = np.clip(self.coefficients, -50, 50)
        return np.exp(middle), np.exp(np.clip(middle - half, -50, 50)), np.exp(np.clip(middle + half, -50, 50))


class NotFitted(ValueError):
    """The data do not carry a hazard; the message says why, in a sentence."""


def fit_hazard(
    spells: Spells, *, link: Link = Link.CLOGLOG, prior_deviation: float | None = PRIOR_DEVIATION
) -> HazardFit:
    """Return what goes with adopting sooner.

    Time is an intercept, a slope and a square. Intervals are those of the curvature of the (penalised) likelihood of
    what was seen, so that not knowing a date widens them.

    Args:
        spells: members with their times, covariates and peers.
        link: what coefficients are logarithms of.
        prior_deviation: of coefficients in standard deviations of their covariate; None for none.

    Raises:
        NotFitted: if fewer than five adopted, nobody could, or without a penalty a covariate separates adopters.

    >>> spells = Spells(members=("A", "B"), entry=np.array([0, 0]), after=np.array([0, 3]), by=np.array([1, -1]),
    ...                 covariates=np.zeros((2, 0)), names=())
    >>> fit_hazard(spells)
    Traceback (most recent call last):
        ...
    rounds.learning.spread.hazard.NotFitted: 1 adopters are too few to say who adopts sooner; 5 are needed.
    """
    if (adopters := int(spells.adopted.sum())) < FEWEST_ADOPTERS:
        raise NotFitted(f"{adopters} adopters are too few to say who adopts sooner; {FEWEST_ADOPTERS} are needed.")
    rows = design(spells)
    centre, scale = _standard(rows.values)
    standard = (rows.values - centre) / scale
    penalty = np.zeros(standard.shape[1])
    if prior_deviation is not None:
        penalty[1:] = 1 / prior_deviation**2
    at = np.zeros(standard.shape[1])
    at[0] = np.log(max(adopters, 1) / len(rows.values))
    at, height, curvature = _climbed(standard, rows, link, penalty, at)
    errors = np.sqrt(np.abs(np.diag(np.linalg.pinv(curvature))))
    if prior_deviation is None and errors[1:].max(initial=0.0) > _NO_END:
        name = (*_TIME, *rows.names)[int(np.argmax(errors[1:])) + 1]
        raise NotFitted(f"{name} separates those who adopted from those who did not; fit with a penalty.")
    # Back to the covariates' own units: the intercept takes what was subtracted from the others.
    turn = np.diag(1 / scale)
    turn[0, 1:] = -centre[1:] / scale[1:]
    return HazardFit(
        link=link,
        names=(*_TIME, *rows.names),
        coefficients=turn @ at,
        covariance=turn @ np.linalg.pinv(curvature) @ turn.T,
        log_likelihood=height,
        prior_deviation=prior_deviation,
        members=len(spells.members),
        adopters=adopters,
        rows=len(rows.values),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Member-periods at risk, those of a member one after another. Shape (rows, ...)."""

    values: Matrix
    member: Whole
    within: NDArray[np.bool_]
    """the period is one of those in which the member adopted, or may have"""
    names: tuple[str, ...]
    """of the columns after those of time"""


def design(spells: Spells) -> Design:
    """Return a row for each period in which each member could adopt: time, covariates, exposure."""
    peers = exposure(spells)
    member, period = [], []
    for row in range(len(spells.members)):
        last = spells.by[row] if spells.by[row] >= 0 else spells.after[row]
        for at in range(spells.entry[row] + 1, last + 1):
            member.append(row)
            period.append(at)
    if not member:
        raise NotFitted("No member had a period in which it could adopt.")
    who, when = np.array(member), np.array(period)
    columns = [np.ones(len(who)), *_time(when, spells.periods), *spells.covariates[who].T]
    names = spells.names
    if spells.peers is not None:
        columns.append(peers[who, when - 1])
        names = (*names, EXPOSURE)
    return Design(values=np.stack(columns, axis=1), member=who, within=when > spells.after[who], names=names)


def _time(when: Whole | int, periods: int) -> tuple[Vector, Vector]:
    scaled = np.asarray(when, dtype=np.float64) / max(periods, 1)
    return scaled, scaled**2


def _standard(values: Matrix) -> tuple[Vector, Vector]:
    """Return what makes columns of mean 0 and deviation 1; a column that never varies stays as it is."""
    centre, scale = values.mean(axis=0), values.std(axis=0)
    flat = scale < 1e-9
    centre[0] = 0.0
    return np.where(flat, 0.0, centre), np.where(flat, 1.0, scale)


def _climbed(values: Matrix, rows: Design, link: Link, penalty: Vector, at: Vector) -> tuple[Vector, float, Matrix]:
    """Return coefficients, log likelihood and minus the second derivatives at its top, by Newton's method."""
    height, slope, curvature = _likelihood(values, rows, link, at)
    total = height - float(penalty @ at**2) / 2
    for _ in range(_STEPS):
        bend = curvature + np.diag(penalty)
        # Far from the top, dates known between bounds bend the likelihood upwards: a ridge turns the step back.
        lowest = float(np.linalg.eigvalsh(bend)[0])
        if lowest < 1e-8:
            bend = bend + np.eye(len(at)) * (1e-6 - min(lowest, 0.0) * 1.5)
        step = np.linalg.solve(bend, slope - penalty * at)
        length = 1.0
        while True:
            tried = at + length * step
            found = _likelihood(values, rows, link, tried)
            better = found[0] - float(penalty @ tried**2) / 2
            if better >= total - 1e-12 * abs(total) or length < 1e-6:
                break
            length /= 2
        done = float(np.abs(length * step).max()) < 1e-11 or abs(better - total) < 1e-13 * abs(total)
        at, total = tried, better
        height, slope, curvature = found
        if done or np.abs(at).max() > 40:
            break
    return at, height, curvature + np.diag(penalty)


def _likelihood(values: Matrix, rows: Design, link: Link, at: Vector) -> tuple[float, Vector, Matrix]:
    """Return log likelihood, slope and minus second derivatives.

    A period passes without adoption with probability exp(-c); a member that adopts within some periods does so with
    probability 1 - exp(-sum of c).
    """
    passed, first, second = cumulative(link, values @ at)
    out, inside = ~rows.within, rows.within
    height = -float(passed[out].sum())
    slope = -(values[out].T @ first[out])
    curvature = (values[out] * second[out, None]).T @ values[out]
    if inside.any():
        starts = np.flatnonzero(np.diff(rows.member[inside], prepend=-1))
        total = np.add.reduceat(passed[inside], starts)
        turned = np.add.reduceat(values[inside] * first[inside, None], starts, axis=0)
        gone = -np.expm1(-total)
        height += float(np.log(np.maximum(gone, 1e-300)).sum())
        rate = np.exp(-total) / np.maximum(gone, 1e-300)
        slope += turned.T @ rate
        each = np.repeat(rate, np.diff([*starts, int(inside.sum())]))
        curvature += (turned * (rate / np.maximum(gone, 1e-300))[:, None]).T @ turned
        curvature -= (values[inside] * (each * second[inside])[:, None]).T @ values[inside]
    return height, slope, curvature


def cumulative(link: Link, linear: Vector) -> tuple[Vector, Vector, Vector]:
    """Return cumulative hazards -log(1 - h) of a linear predictor, with their first and second derivatives."""
    held = np.clip(linear, -40.0, 40.0)
    if link is Link.CLOGLOG:
        one = np.exp(np.minimum(held, 15.0))
        return one, one, one
    part = 1 / (1 + np.exp(-held))
    return np.logaddexp(0.0, held), part, part * (1 - part)

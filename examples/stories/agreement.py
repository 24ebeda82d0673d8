"""What every story hands back: a published figure beside ours, whether they agree, and why not where they do not."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from rounds.learning.intervals import Z95
from rounds.learning.variation.case_mix.families import Family
from rounds.learning.variation.case_mix.grouped import GroupedCounts, fit_grouped


class Verdict(StrEnum):
    """How ours stands to what is published."""

    AGREES = "agrees"
    """to every digit that is printed"""
    CONSISTENT = "consistent"
    """not the same number, and what is published lies where ours allows"""
    DIFFERS = "differs"
    """and it is said why"""
    DERIVED = "derived"
    """from what is published, and not published itself"""
    CANNOT = "cannot be reproduced"
    """from what is published"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One figure of a story."""

    what: str
    published: str
    ours: str
    verdict: Verdict
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A published case, worked through with Rounds' own functions."""

    title: str
    source: str
    says: str
    """what it teaches"""
    checks: tuple[Check, ...]


def agree(
    what: str, published: Sequence[float], ours: Sequence[float], *, digits: int, why: str, unit: str = ""
) -> Check:
    """Return whether numbers are the same to the digits that are printed.

    Args:
        what: the figure.
        published: as printed.
        ours: in the same order.
        digits: how many are printed behind the point.
        why: how ours came about; where they differ, why.
        unit: stands behind both.
    """
    same = all(abs(round(one, digits) - other) < 0.5 * 10**-digits for one, other in zip(ours, published, strict=True))
    return Check(
        what=what,
        published=_text(published, digits, unit),
        ours=_text(ours, digits, unit),
        verdict=Verdict.AGREES if same else Verdict.DIFFERS,
        why=why,
    )


def within(what: str, published: Sequence[float], ours: tuple[float, float, float], *, digits: int, why: str) -> Check:
    """Return whether the published estimate lies within our interval, where both estimate not quite the same."""
    inside = ours[1] <= published[0] <= ours[2]
    return Check(
        what=what,
        published=_text(published, digits, ""),
        ours=_text(ours, digits, ""),
        verdict=Verdict.CONSISTENT if inside else Verdict.DIFFERS,
        why=why,
    )


def derived(what: str, ours: str, why: str) -> Check:
    """Return a figure that is not published and follows from what is."""
    return Check(what=what, published="not given", ours=ours, verdict=Verdict.DERIVED, why=why)


def cannot(what: str, published: str, why: str) -> Check:
    """Return a figure that cannot be had from what is published."""
    return Check(what=what, published=published, ours="none", verdict=Verdict.CANNOT, why=why)


def _text(numbers: Sequence[float], digits: int, unit: str) -> str:
    first, *others = (f"{one:.{digits}f}{unit}" for one in numbers)
    if len(others) == 2:
        return f"{first} ({others[0]} to {others[1]})"
    return ", ".join([first, *others])


def odds_ratio(*, events: tuple[int, int], of: tuple[int, int], inflation: float = 1.0) -> tuple[float, float, float]:
    """Return the odds ratio of the second to the first of two groups with its 95 % interval, from Rounds' own model.

    Args:
        events: in the first group and in the second.
        of: how many people.
        inflation: of the variance, where people come in clusters.
    """
    log_ratio, error = logistic(events=events, of=of, columns=((0.0,), (1.0,)))[0]
    return around(log_ratio, error * math.sqrt(inflation))


def logistic(
    *, events: Sequence[int], of: Sequence[int], columns: Sequence[tuple[float, ...]]
) -> tuple[tuple[float, float], ...]:
    """Return (coefficient, standard error) of each column of a logistic model of counts, beside its level.

    Args:
        events: of each group.
        of: how many people each has.
        columns: what is known of each group.
    """
    top, bottom = np.asarray(events, dtype=np.float64), np.asarray(of, dtype=np.float64)
    design = np.column_stack([np.ones(len(top)), np.asarray(columns, dtype=np.float64)])
    names = ("level", *(f"x{at}" for at in range(1, design.shape[1])))
    counts = GroupedCounts(
        names=names,
        columns=design,
        events_lower=top,
        events_upper=top,
        size_lower=bottom,
        size_upper=bottom,
        family=Family.BINOMIAL,
    )
    model = fit_grouped(counts).model
    return tuple(zip(model.coefficients[1:].tolist(), model.standard_errors[1:].tolist(), strict=True))


def around(log_ratio: float, error: float) -> tuple[float, float, float]:
    """Return a ratio with its 95 % interval, from its logarithm and standard error."""
    return math.exp(log_ratio), math.exp(log_ratio - Z95 * error), math.exp(log_ratio + Z95 * error)


def error_of(lower: float, upper: float) -> float:
    """Return the standard error of the logarithm behind a printed 95 % interval of a ratio."""
    return (math.log(upper) - math.log(lower)) / (2 * Z95)


def whole_counts(percent: float, of: int, *, digits: int) -> tuple[int, ...]:
    """Return every whole number of people who are that per cent of `of`, as printed."""
    return tuple(n for n in range(of + 1) if abs(round(100 * n / of, digits) - percent) < 0.5 * 10**-digits)

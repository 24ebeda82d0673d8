"""XmR charts with the NHS "Making Data Count" rules: limits, special causes and icons."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


class Variation(StrEnum):
    """What the latest point says about change."""

    IMPROVEMENT = "improvement"
    CONCERN = "concern"
    NEITHER_HIGH = "neither_high"
    NEITHER_LOW = "neither_low"
    COMMON_CAUSE = "common_cause"


class Assurance(StrEnum):
    """Whether the process, as it is, will meet its target."""

    CONSISTENTLY_PASSING = "consistently_passing"
    CONSISTENTLY_FAILING = "consistently_failing"
    HIT_AND_MISS = "hit_and_miss"
    NO_TARGET = "no_target"


@dataclass(frozen=True, slots=True, kw_only=True)
class XmrChart:
    """One series with its limits. Where `mean`, `lower` and `upper` are None, `no_limits` says why."""

    values: Vector
    """shape (periods,), the plotted rate; NaN where it is withheld or missing"""
    mean: float | None
    lower: float | None
    upper: float | None
    no_limits: str | None
    outside: NDArray[np.bool_]
    """shape (periods,), a point beyond a limit"""
    shift: NDArray[np.bool_]
    """shape (periods,), one of seven or more in a row on one side of the mean"""
    trend: NDArray[np.bool_]
    """shape (periods,), one of seven in a row rising or falling"""
    near_limit: NDArray[np.bool_]
    """shape (periods,), one of two out of three near the same limit"""
    point_variation: tuple[Variation, ...]
    variation: Variation | None
    """the icon: that of the latest point; None without limits"""
    assurance: Assurance | None

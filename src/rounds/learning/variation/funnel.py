"""Funnel plots of proportions and rates between organisations, with over-dispersion."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


class Outlier(StrEnum):
    """Where an organisation lies, after over-dispersion."""

    HIGH_998 = "high_99.8"
    HIGH_95 = "high_95"
    INSIDE = "inside"
    LOW_95 = "low_95"
    LOW_998 = "low_99.8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """Proportions (or rates) of organisations against their size. Arrays have shape (organisations,)."""

    values: Vector
    denominators: Vector
    centre: float
    """the network's proportion: sum of numerators / sum of denominators"""
    phi: float
    """over-dispersion ratio; 1 or less means none"""
    tau2: float
    """between-organisation variance on the transformed scale"""
    lower95: Vector
    upper95: Vector
    lower998: Vector
    upper998: Vector
    """limits at each organisation's own denominator, over-dispersion included when tau2 > 0"""
    outliers: tuple[Outlier, ...]
    """status judged from the value and the over-dispersed limits"""

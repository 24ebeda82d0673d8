"""What is not known as numbers that vary: a value with its range, drawn by a stated shape."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.special import betaincinv, gammaincinv, ndtr

from rounds.learning.intervals import Z95
from rounds.learning.value.simulations import Vector

MOST_DRAWS = 1_000_000


class Shape(StrEnum):
    """How a value varies."""

    FIXED = "fixed"
    NORMAL = "normal"
    """differences and sums: the value is the middle, the range holds 95 %, each side by its own width"""
    LOGNORMAL = "lognormal"
    """ratios: the same on the scale of logarithms"""
    GAMMA = "gamma"
    """costs, which are above 0: the value is the mean, the range is 2 x 1.96 standard deviations wide"""
    BETA = "beta"
    """shares and utilities, from 0 to 1: as gamma"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertain:
    """A number with between what it lies with 95 % probability."""

    name: str
    value: float
    lower: float
    upper: float
    shape: Shape

    def __post_init__(self) -> None:
        ends = (self.lower, self.value, self.upper)
        if not np.isfinite(ends).all():
            raise ValueError(f"{self.name}: the value or its range is missing or infinite")
        if not self.lower <= self.value <= self.upper:
            raise ValueError(f"{self.name}: {self.value:g} does not lie in its range {self.lower:g} to {self.upper:g}")
        match self.shape:
            case Shape.FIXED if self.lower < self.upper:
                raise ValueError(f"{self.name}: what has a range is not fixed; say how it varies")
            case Shape.LOGNORMAL | Shape.GAMMA if self.lower < 0 or self.value <= 0:
                raise ValueError(f"{self.name}: what is drawn as {self.shape} is above 0")
            case Shape.LOGNORMAL if self.lower == 0:
                raise ValueError(f"{self.name}: a ratio's range cannot start at 0")
            case Shape.BETA if not (self.lower >= 0 and self.upper <= 1 and 0 < self.value < 1):
                raise ValueError(f"{self.name}: a share lies between 0 and 1")
            case _:
                pass
        if self.shape is Shape.BETA and self._deviation**2 >= self.value * (1 - self.value):
            raise ValueError(f"{self.name}: no share of mean {self.value:g} varies as widely as that")

    @property
    def _deviation(self) -> float:
        return (self.upper - self.lower) / (2 * Z95)

    def at(self, normal: Vector) -> Vector:
        """Return the values that stand where standard normal ones stand."""
        if self.lower == self.upper:
            return np.full(normal.shape, self.value)
        match self.shape:
            case Shape.NORMAL | Shape.LOGNORMAL:
                ends = np.array([self.lower, self.value, self.upper])
                low, middle, high = np.log(ends) if self.shape is Shape.LOGNORMAL else ends
                drawn = middle + normal * np.where(normal > 0, high - middle, middle - low) / Z95
                return np.asarray(np.exp(drawn) if self.shape is Shape.LOGNORMAL else drawn, dtype=np.float64)
            case Shape.GAMMA:
                alpha = (self.value / self._deviation) ** 2
                return np.asarray(gammaincinv(alpha, ndtr(normal)) * self.value / alpha, dtype=np.float64)
            case Shape.BETA:
                size = self.value * (1 - self.value) / self._deviation**2 - 1
                return np.asarray(
                    betaincinv(size * self.value, size * (1 - self.value), ndtr(normal)), dtype=np.float64
                )
            case Shape.FIXED:
                return np.full(normal.shape, self.value)


def draw(
    inputs: Sequence[Uncertain],
    *,
    draws: int,
    seed: int,
    correlations: Mapping[tuple[str, str], float] | None = None,
) -> dict[str, Vector]:
    """Return simulated values of inputs by name, each of shape (draws,).

    The same seed gives the same values.

    Args:
        inputs: no two of the same name.
        draws: how many simulations, from 2 to 1,000,000.
        seed: of the random numbers.
        correlations: between two inputs by their names, of the normal values that they are drawn from: a rate ratio and
            the events avoided by it go together.

    Raises:
        ValueError: if a name comes twice or is unknown, or correlations contradict each other.
    """
    names = [one.name for one in inputs]
    if len(set(names)) < len(names):
        raise ValueError("two inputs have the same name; rename one")
    if not 2 <= draws <= MOST_DRAWS:
        raise ValueError(f"{draws:,} simulations: choose from 2 to {MOST_DRAWS:,}")
    together = np.eye(len(names))
    for (one, other), value in (correlations or {}).items():
        if one not in names or other not in names or one == other:
            raise ValueError(f"{one} and {other} are not two of the inputs {', '.join(names)}")
        if not -1 < value < 1:
            raise ValueError(f"the correlation of {one} and {other} is {value:g}: it lies between -1 and 1")
        together[names.index(one), names.index(other)] = together[names.index(other), names.index(one)] = value
    try:
        root = np.linalg.cholesky(together)
    except np.linalg.LinAlgError:
        raise ValueError("the correlations contradict each other: no inputs can have all of them") from None
    normal = np.random.Generator(np.random.PCG64(seed)).standard_normal((draws, len(names))) @ root.T
    return {one.name: one.at(normal[:, at]) for at, one in enumerate(inputs)}

"""Which option to choose, how likely that is right, and what it would be worth to know more."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rounds.learning.value.simulations import SAME, Interval, Matrix, Simulations, Vector, interval_of

KNOTS = 5
"""Columns of the spline through each parameter."""


def net_benefit(simulations: Simulations, worth: float) -> Matrix:
    """Return the net monetary benefit of each option in each simulation, shape (draws, options).

    Args:
        simulations: of all options.
        worth: of one unit of effect, in the currency of the costs; 0 or more, finite.

    Raises:
        ValueError: if `worth` is below 0, missing or infinite.

    Source: Stinnett and Mullahy (1998), Med Decis Making 18:S68-S80.
    """
    worths_of([worth])
    return np.asarray(worth * simulations.effects - simulations.costs, dtype=np.float64)


def worths_of(worths: ArrayLike) -> Vector:
    """Return what a unit of effect may be worth as an array, or refuse it.

    Raises:
        ValueError: if one is below 0, missing or infinite, or there is none.
    """
    found = np.asarray(worths, dtype=np.float64)
    if found.ndim != 1 or not found.size:
        raise ValueError("say at least one sum that a unit of effect may be worth")
    bad = ~np.isfinite(found) | (found < 0)
    if bad.any():
        raise ValueError(
            f"a unit of effect cannot be worth {found[bad][0]:g}: give a sum of 0 or more. Whoever would pay any price "
            "chooses the largest effect and needs no analysis"
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """What follows at each worth of a unit of effect."""

    options: tuple[str, ...]
    worths: Vector
    """shape (worths,)"""
    expected: Matrix
    """mean net monetary benefit, shape (worths, options)"""
    probability: Matrix
    """that an option has the highest net benefit (CEAC), shape (worths, options); rows add up to 1"""
    best: NDArray[np.int64]
    """the option of the highest mean net benefit, shape (worths,); of several the first"""
    evpi: Vector
    """expected value of perfect information for one decision, shape (worths,)"""
    draws: int

    @property
    def frontier(self) -> Vector:
        """The probability that the option of the highest mean net benefit is the best (CEAF), shape (worths,)."""
        return self.probability[np.arange(len(self.worths)), self.best]

    @property
    def error(self) -> Matrix:
        """Standard error of `probability` from the number of simulations alone, shape (worths, options)."""
        return np.sqrt(self.probability * (1 - self.probability) / self.draws)


def curves(simulations: Simulations, worths: ArrayLike) -> Curves:
    """Return acceptability curves, their frontier and the expected value of perfect information.

    Where several options have the same highest net benefit in a simulation, each has its part of it.

    Args:
        simulations: of all options.
        worths: of one unit of effect, each 0 or more and finite, shape (worths,).

    Raises:
        ValueError: if a worth is impossible.

    Source: Fenwick, Claxton and Sculpher (2001), Health Econ 10:779-787; Claxton (1999), J Health Econ 18:341-364.
    """
    at = worths_of(worths)
    shape = (len(at), len(simulations.options))
    expected, probability, evpi = np.empty(shape), np.empty(shape), np.empty(len(at))
    for row, worth in enumerate(at):
        benefit = worth * simulations.effects - simulations.costs
        highest = benefit.max(axis=1)
        first = benefit == highest[:, None]
        expected[row] = benefit.mean(axis=0)
        probability[row] = (first / first.sum(axis=1, keepdims=True)).mean(axis=0)
        evpi[row] = highest.mean() - expected[row].max()
    return Curves(
        options=simulations.options,
        worths=at,
        expected=expected,
        probability=probability,
        best=expected.argmax(axis=1),
        evpi=np.maximum(evpi, 0.0),
        draws=simulations.draws,
    )


def gained(simulations: Simulations, option: str, against: str, worth: float) -> Interval:
    """Return the net monetary benefit of an option over another.

    Raises:
        ValueError: if an option is unknown or `worth` impossible.
    """
    benefit = net_benefit(simulations, worth)
    return interval_of(benefit[:, simulations.place(option)] - benefit[:, simulations.place(against)])


def evppi(simulations: Simulations, worth: float, parameters: ArrayLike) -> float:
    """Return what it would be worth to know some of the inputs, for one decision.

    Net benefit over a natural cubic spline of each input, added up: what is left of the differences between options is
    what the inputs explain. Below 0 by chance, it is 0; it is never more than `evpi`.

    Args:
        simulations: of all options.
        worth: of one unit of effect.
        parameters: the inputs behind each simulation, shape (draws,) or (draws, inputs).

    Raises:
        ValueError: if lengths differ, a value is missing or infinite, or an input never varies.

    Source: Strong, Oakley and Brennan (2014), Med Decis Making 34:311-326.
    """
    inputs = np.asarray(parameters, dtype=np.float64)
    inputs = inputs[:, None] if inputs.ndim == 1 else inputs
    if inputs.ndim != 2 or len(inputs) != simulations.draws:
        raise ValueError(f"inputs of shape {inputs.shape} do not go with {simulations.draws} simulations")
    if not np.isfinite(inputs).all():
        raise ValueError("an input is missing or infinite in some simulation")
    if (np.ptp(inputs, axis=0) == 0).any():
        raise ValueError("an input is the same in every simulation: it is known already")
    benefit = net_benefit(simulations, worth)
    difference = benefit - benefit[:, :1]
    design = np.column_stack([np.ones(len(inputs)), *(_spline(column) for column in inputs.T)])
    if len(inputs) <= 2 * design.shape[1]:
        raise ValueError(
            f"{len(inputs)} simulations are too few to follow {inputs.shape[1]} inputs; give 1,000 or more"
        )
    fitted = design @ np.linalg.lstsq(design, difference, rcond=None)[0]
    perfect = float(benefit.max(axis=1).mean() - benefit.mean(axis=0).max())
    found = float(fitted.max(axis=1).mean() - fitted.mean(axis=0).max())
    rounding = SAME * float(np.abs(benefit).max())
    return 0.0 if found <= rounding else min(found, max(perfect, 0.0))


def _spline(values: Vector) -> Matrix:
    """Return the columns of a natural cubic spline without its constant, shape (draws, up to KNOTS)."""
    scaled = (values - values.mean()) / values.std()
    knots = np.unique(np.quantile(scaled, np.linspace(0.02, 0.98, KNOTS + 1)))
    if len(knots) < 3:
        return np.asarray(scaled[:, None], dtype=np.float64)

    def bend(at: float) -> Vector:
        above = np.maximum(scaled - at, 0.0) ** 3 - np.maximum(scaled - knots[-1], 0.0) ** 3
        return np.asarray(above / (knots[-1] - at), dtype=np.float64)

    last = bend(knots[-2])
    return np.asarray(np.column_stack([scaled, *(bend(at) - last for at in knots[:-2])]), dtype=np.float64)

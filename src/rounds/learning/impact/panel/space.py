"""The placebo in space: adoption dealt out at random among sites and times without the innovation."""

from collections import Counter
from dataclasses import dataclass, replace
from math import factorial, prod

import numpy as np

from rounds.learning.impact.effect import Panel
from rounds.learning.impact.panel.linear import imputation_weights
from rounds.learning.impact.panel.outcome import Design, Outcome

METHOD = "placebo-in-space@1"
_MOST_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SpacePlacebo:
    """Where the real estimate ranks among those of made-up adopters."""

    runs: int
    values: tuple[float, ...]
    """of each run, on the scale of the outcome"""
    p_value: float
    """share of runs, the real one with them, that are as far from no change as it; never below `smallest`"""
    smallest: float
    """the smallest p-value there can be with so many runs and sites"""
    as_far: int
    """runs that look as strong as the real one"""
    sites: int
    """that adoption was dealt out among"""


def placebo_in_space(
    panel: Panel, outcome: Outcome, *, runs: int, generator: np.random.Generator
) -> SpacePlacebo | str:
    """Return how often adoption dealt out at random looks as strong as the real one, or why it cannot be told.

    The sites' adoption dates (and "never") are shuffled among all sites; only site-periods without the innovation are
    used, so that nothing can have worked in a run. Each run's value by imputation is divided by the length of its
    weights (by what its standard error would be if site-periods varied by their sizes alone), which makes runs with few
    and with many made-up site-periods comparable; so is the real one.

    Args:
        panel: says when each site adopted.
        outcome: log rates, completed where counts have bounds only, or means.
        runs: at least 1; 200 gives a smallest p of .005.
        generator: the source of chance.

    Source: Fisher (1935), The Design of Experiments; Abadie, Diamond and Hainmueller (2010), JASA 105:493-505.
    """
    if runs < 1:
        raise ValueError(f"a placebo needs at least 1 run, not {runs}")
    design = outcome.design
    rows = np.flatnonzero((design.untreated | design.treated).any(axis=1))
    dates = _dates(panel, design)[rows]
    weights = imputation_weights([design])[0]
    if weights is None or len(rows) < 3:
        return "there are too few sites to deal adoption out among"
    rates = outcome.values.mean(axis=0)
    spread = 1.0 / np.sqrt(design.weighed(np.ones_like(design.untreated)))
    real = float((weights * rates).sum() / np.linalg.norm(weights * spread))
    found: list[float] = []
    strength: list[float] = []
    left = _MOST_TRIES * runs
    while left > 0 and len(found) < runs:
        tries = min(left, runs - len(found))
        left -= tries
        pretended = np.full((tries, len(design.untreated), 2), design.untreated.shape[1])
        for run in range(tries):
            pretended[run, rows] = generator.permutation(dates)
        for weights in imputation_weights([_pretending(design, one) for one in pretended]):
            if weights is not None:
                value = float((weights * rates).sum())
                found.append(value)
                strength.append(abs(value) / float(np.linalg.norm(weights * spread)))
    if len(found) < runs:
        return "too little time without the innovation is left to deal adoption out in"
    as_far = sum(one >= abs(real) - 1e-12 for one in strength)
    smallest = max(1 / (1 + runs), 1 / _arrangements(dates))
    return SpacePlacebo(
        runs=runs,
        values=tuple(found),
        p_value=max((1 + as_far) / (1 + runs), smallest),
        smallest=smallest,
        as_far=as_far,
        sites=len(rows),
    )


def _dates(panel: Panel, design: Design) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return, for each site, the first period that is not without the innovation, and the first with it."""
    periods = panel.treated.shape[1]
    touched = panel.treated | panel.excluded
    first = np.where(touched.any(axis=1), touched.argmax(axis=1), periods)
    start = np.where(design.treated.any(axis=1), design.treated.argmax(axis=1), periods)
    return np.stack([np.minimum(first, start), start], axis=1)


def _pretending(design: Design, dates: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Design:
    free, columns = design.untreated, np.arange(design.untreated.shape[1])[None, :]
    return replace(design, untreated=free & (columns < dates[:, :1]), treated=free & (columns >= dates[:, 1:]))


def _arrangements(dates: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> int:
    """Return in how many ways the dates can be dealt out."""
    counts = Counter(map(tuple, dates.tolist()))
    return factorial(len(dates)) // prod(factorial(count) for count in counts.values())

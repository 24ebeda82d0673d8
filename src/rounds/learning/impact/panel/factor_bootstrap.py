"""How far an estimate by common factors is off by chance: the parametric bootstrap of generalised synthetic control."""

from collections.abc import Callable

import numpy as np

from rounds.learning.bounded.two_way import NotConverged
from rounds.learning.impact.effect import Matrix
from rounds.learning.impact.identification import Mask
from rounds.learning.impact.panel.common_factors import Cube, Series, effects_of, fit_factors

_BEYOND_FACTORS = 3


def bootstrapped(
    controls: Series,
    adopters: Series,
    before: Mask,
    *,
    number: int,
    runs: int,
    generator: np.random.Generator,
    stop: float | None = None,
) -> Cube:
    """Return effects as they would be estimated if there were none, shape (about `runs`, adopters, periods).

    First each site that never adopts is in turn taken for an adopter and predicted from a sample of the others: that
    is what predicting an adopter errs by. Then panels are put together from the fitted values, such errors for the
    adopters and resampled residuals for the others, and estimated again. The spread over runs is the standard error
    with loadings, factors and covariates as they are. Adopters are taken to err as the others do. Runs whose sample
    cannot tell the factors are left out.

    Args:
        controls: sites that never adopt, at least three more than factors.
        adopters: sites that do.
        before: where adopters were without it.
        number: of factors.
        runs: at least 2.
        generator: the source of chance.
        stop: of `fit_factors`.

    Raises:
        ValueError: if there are too few runs or sites.
        NotConverged: if more than half of the runs cannot be told.

    Source: Xu (2017), Political Analysis 25:57-76, algorithm 2.
    """
    sites = len(controls.values)
    if runs < 2:
        raise ValueError(f"a spread needs at least 2 runs, not {runs}")
    if sites < number + _BEYOND_FACTORS:
        raise ValueError(f"{number} factors need {number + _BEYOND_FACTORS} sites that never adopt, not {sites}")
    fitted = fit_factors(controls, number=number, stop=stop)
    without = adopters.values - effects_of(fitted, adopters, before)
    fixed = controls.values - fitted.residuals

    def err() -> Matrix:
        pretended = int(generator.integers(sites))
        others = np.delete(np.arange(sites), pretended)
        rest = fit_factors(controls.of(others[generator.integers(sites - 1, size=sites)]), number=number, stop=stop)
        return effects_of(rest, controls.of(np.full(len(before), pretended)), before)

    errors, each = _told(err, before, runs), np.arange(len(before))

    def estimate() -> Matrix:
        picked = generator.integers(sites, size=sites)
        made_up = fixed[picked] + fitted.residuals[generator.integers(sites, size=sites)]
        again = fit_factors(controls.of(picked).again(made_up), number=number, stop=stop)
        erring = errors[generator.integers(len(errors), size=len(before)), each]
        return effects_of(again, adopters.again(without + erring), before)

    return _told(estimate, before, runs)


def _told(work: Callable[[], Matrix], before: Mask, runs: int) -> Cube:
    """Return the runs in which factors can be told, of so many."""
    found = [one for one in (work() for _ in range(runs)) if np.isfinite(one[before]).all()]
    if 2 * len(found) < runs:
        raise NotConverged
    return np.stack(found)

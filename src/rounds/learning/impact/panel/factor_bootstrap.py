"""How far an estimate by common factors is off by chance: the parametric bootstrap of generalised synthetic control."""

import numpy as np

from rounds.learning.impact.effect import Matrix
from rounds.learning.impact.identification import Mask
from rounds.learning.impact.panel.common_factors import Cube, effects_of, fit_factors


def bootstrapped(
    controls: Matrix,
    adopters: Matrix,
    before: Mask,
    *,
    number: int,
    runs: int,
    generator: np.random.Generator,
    of_controls: Cube | None = None,
    of_adopters: Cube | None = None,
    stop: float | None = None,
) -> Cube:
    """Return effects as they would be estimated if there were none, shape (runs, adopters, periods).

    First each site that never adopts is in turn taken for an adopter and predicted from a sample of the others: that
    is what predicting an adopter errs by. Then panels are put together from the fitted values, such errors for the
    adopters and resampled residuals for the others, and estimated again. The spread over runs is the standard error
    with loadings, factors and covariates as they are. Adopters are taken to err as the others do.

    Args:
        controls: sites that never adopt, shape (sites, periods), at least three more than factors.
        adopters: shape (adopters, periods).
        before: where adopters were without it.
        number: of factors.
        runs: at least 2.
        generator: the source of chance.
        of_controls: covariates of the controls, shape (covariates, sites, periods).
        of_adopters: covariates of the adopters.
        stop: of `fit_factors`.

    Source: Xu (2017), Political Analysis 25:57-76, algorithm 2.
    """
    if runs < 2:
        raise ValueError(f"a spread needs at least 2 runs, not {runs}")
    sites = len(controls)
    if sites < number + 3:
        raise ValueError(f"{number} factors need at least {number + 3} sites that never adopt, not {sites}")
    fitted = fit_factors(controls, number=number, covariates=of_controls, stop=stop)
    effects = effects_of(fitted, adopters, before, of_adopters)
    errors = np.stack(
        [_error(controls, of_controls, before, number=number, generator=generator, stop=stop) for _ in range(runs)]
    )
    found = np.empty((runs, *adopters.shape))
    each = np.arange(len(adopters))
    for run in range(runs):
        picked = generator.integers(sites, size=sites)
        again = fit_factors(
            (controls - fitted.residuals)[picked] + fitted.residuals[generator.integers(sites, size=sites)],
            number=number,
            covariates=None if of_controls is None else of_controls[:, picked],
            stop=stop,
        )
        made_up = adopters - effects + errors[generator.integers(runs, size=len(adopters)), each]
        found[run] = effects_of(again, made_up, before, of_adopters)
    return found


def _error(
    controls: Matrix,
    of_controls: Cube | None,
    before: Mask,
    *,
    number: int,
    generator: np.random.Generator,
    stop: float | None,
) -> Matrix:
    """Return what predicting a site that never adopts errs by, as if it adopted when each adopter did."""
    sites = len(controls)
    pretended = int(generator.integers(sites))
    others = np.delete(np.arange(sites), pretended)
    picked = others[generator.integers(sites - 1, size=sites)]
    fitted = fit_factors(
        controls[picked],
        number=number,
        covariates=None if of_controls is None else of_controls[:, picked],
        stop=stop,
    )
    as_adopters = np.full(len(before), pretended)
    return effects_of(
        fitted, controls[as_adopters], before, None if of_controls is None else of_controls[:, as_adopters]
    )

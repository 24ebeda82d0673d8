"""Case-mix models when sites can be asked but once or twice: close to the model of all records, and not equal to it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rounds.learning.variation.case_mix.newton import CaseMix
from rounds.learning.variation.case_mix.site_sums import Design, SiteSums, site_sums

Vector = NDArray[np.float64]

MOST_STEPS = 50


def averaged(models: Sequence[CaseMix]) -> Vector:
    """Return the average of sites' own coefficients, each weighed by what it tells: by its inverse covariance.

    Slopes are 3 to 7 % too close to zero in small sites; ask for sums (`fit_across`) where sites can answer again.

    Args:
        models: each site's own, of the same columns; leave out sites whose model has a reason.

    Raises:
        ValueError: if there are none, they differ in columns, or one has no coefficients.

    Source: Hedges and Vevea (1998), Psychol Methods 3:486-504 (fixed effects), for vectors.
    """
    if not models or any(one.names != models[0].names for one in models):
        raise ValueError("give at least one model, all of the same columns")
    if any(one.reason is not None for one in models):
        raise ValueError("a site has no model of its own: leave it out and say so")
    weights = [np.linalg.inv(one.covariance) for one in models]
    pulls = [weight @ one.coefficients for weight, one in zip(weights, models, strict=True)]
    return np.asarray(np.linalg.solve(np.sum(weights, axis=0), np.sum(pulls, axis=0)), dtype=np.float64)


def surrogate(lead: Design, coefficients: Vector, sums: Sequence[SiteSums]) -> Vector:
    """Return coefficients from one site's records and one answer of all sites.

    The lead site's likelihood takes the place of all sites', tilted so that its slope is theirs at the coefficients.

    Args:
        lead: the lead site's own rows, which stay there.
        coefficients: at which every site added up, such as `averaged`.
        sums: of every site at these coefficients, the lead's among them.

    Raises:
        ValueError: if the search at the lead site does not end.

    Source: Duan et al. (2020), J Am Med Inform Assoc 27:376-385 (ODAL1); Jordan, Lee and Yang (2019), J Am Stat Assoc
        114:668-681.
    """
    rows = sum(one.rows for one in sums)
    own = site_sums(lead, coefficients)
    tilt = np.sum([one.gradient for one in sums], axis=0) / rows - own.gradient / own.rows
    now = coefficients
    for _ in range(MOST_STEPS):
        here = site_sums(lead, now)
        step = np.linalg.solve(here.information / here.rows, here.gradient / here.rows + tilt)
        now = now + step
        if np.abs(step * np.sqrt(np.diag(here.information))).max() < 1e-10:
            return np.asarray(now, dtype=np.float64)
    raise ValueError("the lead site's likelihood has no maximum: choose a larger site")

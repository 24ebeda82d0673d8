"""A funnel of organisations of which some have withheld counts: limits rest on what is shown and what is expected."""

from dataclasses import replace

import numpy as np

from rounds.learning.variation.between_sites.bulk import FunnelKind
from rounds.learning.variation.between_sites.funnel import (
    Funnel,
    funnel_proportions,
    funnel_rates,
    funnel_ratios,
    limits_of,
)
from rounds.learning.variation.between_sites.limits import Outlier, Vector

MOST_WITHHELD = 0.1
"""Of the denominators, where withheld counts cannot be estimated: the centre is then fitted without those
organisations, who are those with few events."""
LEAST_INFORMATION = 0.2
"""Of what exact counts would tell: with less the limits would rest on what is assumed more than on what was seen."""


def funnel_partly_hidden(
    *,
    kind: FunnelKind,
    numerators: Vector,
    denominators: Vector,
    expected: Vector | None = None,
    information: Vector | None = None,
    fewest: int = 2,
    overdispersion: bool = True,
) -> Funnel | None:
    """Return a funnel in which withheld counts have limits but no value; None if they do not let one be drawn.

    Fitted to what is shown and to what each withheld count is expected to be, weighed by its information; without
    expectations, or where they tell too little, to what is shown alone. Judge those without a value by their bounds
    (`places_of`).

    Args:
        kind: of what is compared.
        numerators: shape (organisations,), NaN where withheld; expected events of ratios are denominators.
        denominators: same shape, each > 0.
        expected: what each numerator is expected to be given its bounds, same shape; read where one is withheld.
        information: how much of what exact counts would tell of its rate is left, 0 to 1; likewise.
        fewest: organisations whose counts are shown, without which there is no funnel of these alone.
        overdispersion: as in `funnel_proportions`.

    Raises:
        ValueError: as `funnel_proportions`, of the numbers that are shown.

    >>> deaths = np.array([100.0, 110, 130, np.nan])
    >>> found = funnel_partly_hidden(
    ...     kind=FunnelKind.PROPORTION, numerators=deaths, denominators=np.array([1000.0, 1000, 1000, 60])
    ... )
    >>> round(found.centre, 3), len(found.upper95)
    (0.113, 4)
    """
    hidden = np.isnan(numerators)
    if expected is not None and information is not None and hidden.any():
        told = np.where(hidden, information, 1.0)
        if (told > 0).all() and (told * denominators).sum() >= LEAST_INFORMATION * denominators.sum():
            events = np.where(hidden, expected, numerators)
            if kind is FunnelKind.PROPORTION:
                events = np.minimum(events, denominators)
            fitted = _fitted(kind, events, denominators, overdispersion=overdispersion, information=told)
            return replace(
                fitted,
                values=np.where(hidden, np.nan, fitted.values),
                outliers=tuple(
                    Outlier.INSIDE if out else place for place, out in zip(fitted.outliers, hidden, strict=True)
                ),
                estimated=True,
            )
    if (~hidden).sum() < fewest or denominators[hidden].sum() > MOST_WITHHELD * denominators.sum():
        return None
    return _of_shown(kind, numerators, denominators, overdispersion=overdispersion)


def _fitted(
    kind: FunnelKind,
    numerators: Vector,
    denominators: Vector,
    *,
    overdispersion: bool,
    information: Vector | None = None,
) -> Funnel:
    if kind.ratio:
        return funnel_ratios(
            observed=numerators,
            expected=denominators,
            method=kind,
            overdispersion=overdispersion,
            information=information,
        )
    make = funnel_proportions if kind is FunnelKind.PROPORTION else funnel_rates
    return make(
        numerators=numerators, denominators=denominators, overdispersion=overdispersion, information=information
    )


def _of_shown(kind: FunnelKind, numerators: Vector, denominators: Vector, *, overdispersion: bool) -> Funnel:
    hidden = np.isnan(numerators)
    fitted = _fitted(kind, numerators[~hidden], denominators[~hidden], overdispersion=overdispersion)
    if not hidden.any():
        return fitted
    limits = limits_of(fitted, denominators=denominators[hidden])

    def filled(shown: Vector, rest: Vector) -> Vector:
        found = np.empty(len(hidden))
        found[~hidden], found[hidden] = shown, rest
        return found

    judged = iter(fitted.outliers)
    return replace(
        fitted,
        values=filled(fitted.values, np.full(int(hidden.sum()), np.nan)),
        denominators=filled(fitted.denominators, denominators[hidden]),
        lower95=filled(fitted.lower95, limits.lower95),
        upper95=filled(fitted.upper95, limits.upper95),
        lower998=filled(fitted.lower998, limits.lower998),
        upper998=filled(fitted.upper998, limits.upper998),
        outliers=tuple(Outlier.INSIDE if out else next(judged) for out in hidden),
    )

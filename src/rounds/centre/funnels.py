"""Funnels of what was received: of counts that are shown, and of what withheld counts are expected to be."""

from dataclasses import replace

import numpy as np
import polars as pl

from rounds.learning.variation.between_sites.funnel import Funnel, funnel_proportions, funnel_rates
from rounds.learning.variation.between_sites.limits import Outlier, proportion_limits, rate_limits
from rounds.measures.kinds import CountKind

FEWEST_MEMBERS_FOR_A_FUNNEL = 3
MOST_WITHHELD_IN_A_FUNNEL = 0.1
"""Of the denominators, where withheld counts cannot be estimated: the centre is then fitted without those members, who
are those with few events."""
LEAST_INFORMATION_IN_A_FUNNEL = 0.2
"""Of what exact counts would tell: with less the limits would rest on what is assumed more than on what was seen."""


def funnel_of(
    known: pl.DataFrame, withheld: pl.DataFrame, kind: CountKind, *, expected: pl.DataFrame | None
) -> Funnel | None:
    """Return a funnel of members, first those whose counts are shown; None if withheld counts do not let one be drawn.

    Where a count is withheld there are limits but no value: its bounds are judged.

    Args:
        known: totals of members whose counts are shown, as `rounds.centre.pooling.totals` makes them.
        withheld: totals of those whose numerator is withheld.
        kind: what kind of number it is.
        expected: events expected at each member, as `Estimates.counts` gives them; None if they cannot be told.
    """
    if known.height + withheld.height < FEWEST_MEMBERS_FOR_A_FUNNEL:
        return None
    if withheld.height and expected is not None:
        found = _of_expected(known, withheld, expected, kind)
        if found is not None:
            return found
    if known.height < FEWEST_MEMBERS_FOR_A_FUNNEL:
        return None
    return None if _share(withheld, known) > MOST_WITHHELD_IN_A_FUNNEL else _of_known(known, withheld, kind)


def _share(withheld: pl.DataFrame, known: pl.DataFrame) -> float:
    hidden, shown = (float(part["denominator_value"].sum()) for part in (withheld, known))
    return hidden / (hidden + shown) if hidden else 0.0


def _of_expected(known: pl.DataFrame, withheld: pl.DataFrame, expected: pl.DataFrame, kind: CountKind) -> Funnel | None:
    """Return a funnel fitted to what is shown and, where a count is withheld, to what it is expected to be.

    None if that tells too little of how members differ.
    """
    both = pl.concat([known, withheld]).select("member", "numerator_value", "denominator_value")
    both = both.join(expected, on="member", how="left", maintain_order="left")
    sizes = both["denominator_value"].to_numpy().astype(float)
    hidden = both["numerator_value"].is_null().to_numpy()
    events = np.where(hidden, both["expected"].to_numpy(), both["numerator_value"].cast(pl.Float64).to_numpy())
    information = np.where(hidden, both["information"].to_numpy(), 1.0)
    if not (information > 0).all() or (information * sizes).sum() < LEAST_INFORMATION_IN_A_FUNNEL * sizes.sum():
        return None
    over_time = kind is CountKind.RATE
    fitted = (funnel_rates if over_time else funnel_proportions)(
        numerators=events if over_time else np.minimum(events, sizes), denominators=sizes, information=information
    )
    return replace(
        fitted,
        values=np.where(hidden, np.nan, fitted.values),
        outliers=(*fitted.outliers[: known.height], *(Outlier.INSIDE for _ in range(withheld.height))),
        estimated=True,
    )


def _of_known(known: pl.DataFrame, withheld: pl.DataFrame, kind: CountKind) -> Funnel:
    """Return a funnel fitted to the known members, with limits but no value for those whose count is withheld."""
    over_time = kind is CountKind.RATE
    fitted = (funnel_rates if over_time else funnel_proportions)(
        numerators=known["numerator_value"].to_numpy().astype(float),
        denominators=known["denominator_value"].to_numpy().astype(float),
    )
    if not withheld.height:
        return fitted
    sizes = withheld["denominator_value"].to_numpy().astype(float)
    limits_of = rate_limits if over_time else proportion_limits
    limits = limits_of(centre=fitted.centre, tau2=fitted.tau2, denominators=sizes)
    return replace(
        fitted,
        values=np.append(fitted.values, np.full(len(sizes), np.nan)),
        denominators=np.append(fitted.denominators, sizes),
        lower95=np.append(fitted.lower95, limits.lower95),
        upper95=np.append(fitted.upper95, limits.upper95),
        lower998=np.append(fitted.lower998, limits.lower998),
        upper998=np.append(fitted.upper998, limits.upper998),
        outliers=(*fitted.outliers, *(Outlier.INSIDE for _ in sizes)),
    )

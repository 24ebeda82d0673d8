"""Funnels of what was received: of counts that are shown, and of what withheld counts are expected to be."""

import polars as pl

from rounds.learning.variation.between_sites.bulk import FunnelKind
from rounds.learning.variation.between_sites.funnel import Funnel
from rounds.learning.variation.between_sites.partly_hidden import funnel_partly_hidden
from rounds.measures.kinds import CountKind

FEWEST_MEMBERS_FOR_A_FUNNEL = 3


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
    both = pl.concat([known, withheld]).select("member", "numerator_value", "denominator_value")
    told = None
    if expected is not None and withheld.height:
        told = both.join(expected, on="member", how="left", maintain_order="left")
    return funnel_partly_hidden(
        kind=FunnelKind.RATE if kind is CountKind.RATE else FunnelKind.PROPORTION,
        numerators=both["numerator_value"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
        denominators=both["denominator_value"].to_numpy().astype(float),
        expected=None if told is None else told["expected"].to_numpy(),
        information=None if told is None else told["information"].to_numpy(),
        fewest=FEWEST_MEMBERS_FOR_A_FUNNEL,
    )

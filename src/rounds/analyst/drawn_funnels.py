"""From an analyst's counts to a funnel: of what is shown, and of what withheld counts with bounds may be."""

import numpy as np
import polars as pl

from rounds.analyst.shown import with_unit
from rounds.analyst.sums import BETWEEN, SHOWN, Summed
from rounds.learning.variation.between_sites.bulk import FunnelKind
from rounds.learning.variation.between_sites.funnel import Funnel
from rounds.learning.variation.between_sites.limits import Outlier, Vector
from rounds.learning.variation.between_sites.notes import withheld_words
from rounds.learning.variation.between_sites.partly_hidden import MOST_WITHHELD, funnel_partly_hidden
from rounds.learning.variation.between_sites.within_bounds import CountBounds, rate_ends
from rounds.reports.charts.funnel import FunnelSite, funnel_chart
from rounds.reports.charts.theme import Spec
from rounds.reports.content.verdicts import Verdict
from rounds.reports.content.wording import listing, plural

_FAR = {Outlier.HIGH_998, Outlier.LOW_998}
_SIDES = (
    (Outlier.HIGH_998, "higher (99.8% limits)"),
    (Outlier.HIGH_95, "perhaps higher (95% limits)"),
    (Outlier.LOW_95, "perhaps lower (95% limits)"),
    (Outlier.LOW_998, "lower (99.8% limits)"),
)


def drawn_of(
    rows: pl.DataFrame, counts: Summed, ratio: FunnelKind | None, *, overdispersion: bool
) -> tuple[Funnel | None, pl.DataFrame, tuple[str, ...]]:
    """Return the funnel, the rows that are in it, and what to say of withheld counts; None if there are too few.

    Those of whose counts bounds are known are in it if the funnel can be fitted with them, else they are left out.
    """
    shown = rows.filter(pl.col("state") == SHOWN)
    between = rows.filter(pl.col("state").is_in([SHOWN, BETWEEN]))
    kind = ratio
    if kind is None:
        part = bool((between["lower"] <= between["denominator"]).all())
        kind = FunnelKind.PROPORTION if part else FunnelKind.RATE
    if between.height > shown.height:
        from rounds.analyst.withheld import expected_totals  # SciPy's likelihoods: only where they are needed

        told = expected_totals(counts.cells.join(between, on=["group", "place"], how="semi"))
        both = between if told is None else between.join(told, on="place", how="left", maintain_order="left")
        found = funnel_partly_hidden(
            kind=kind,
            numerators=both["numerator"].fill_null(np.nan).to_numpy(),
            denominators=both["denominator"].to_numpy(),
            expected=None if told is None else both["expected"].to_numpy(),
            information=None if told is None else both["information"].to_numpy(),
            overdispersion=overdispersion,
        )
        if found is not None:
            return found, between, (withheld_words(found, between.height - shown.height, between.height),)
    if shown.height < 2:
        return None, shown, ()
    tops, bottoms = shown["numerator"].to_numpy(), shown["denominator"].to_numpy()
    found = funnel_partly_hidden(kind=kind, numerators=tops, denominators=bottoms, overdispersion=overdispersion)
    return found, shown, ()


def left_out_notes(hidden: pl.DataFrame, between: pl.DataFrame) -> tuple[str, ...]:
    """Return a warning where so much is left out that those who are in the funnel do not stand for all."""
    withheld = hidden.filter(pl.col("state").is_in(["withheld", BETWEEN]))
    unsized = withheld["denominator"].is_null().any()
    size, rest = float(withheld["denominator"].sum()), float(between["denominator"].sum())
    if not withheld.height or not (unsized or size > MOST_WITHHELD * (size + rest)):
        return ()
    bounds = (withheld["state"] == BETWEEN).all()
    why = (
        "too few counts are shown to tell what they are expected to be"
        if bounds
        else ("say what theirs can be with --withheld-range, and they are judged by that")
    )
    return (
        f"Left out: {plural(withheld.height, 'organisation')} with withheld counts. Small counts are withheld more "
        f"often, so the centre and the limits are likely to be too high: {why}.",
    )


def sentence_of(
    found: tuple[Verdict, ...], drawn: Funnel, per: float, unit: str, left_out: list[tuple[str, str]]
) -> str:
    outside = []
    for status, words in _SIDES:
        names = [one.code for one in found if one.certain and one.status is status]
        if names:
            outside.append(f"{words}: {listing(names)}")
    unsure = [one.code for one in found if not one.certain]
    if unsure:
        outside.append(f"possibly outside, which cannot be told because counts are withheld: {listing(unsure)}")
    level = "compared with what is expected" if drawn.kind.ratio else with_unit(per * drawn.centre, unit)
    said = "; ".join(outside) or "all inside the limits"
    without = f"; {len(left_out)} left out ({left_out[0][1]})" if left_out else ""
    return f"{plural(len(found), 'organisation')}, {level}: {said}{without}"


def picture_of(
    name: str,
    found: tuple[Verdict, ...],
    drawn: Funnel,
    bounds: CountBounds,
    per: float,
    unit: str,
    size_title: str,
) -> Spec:
    lowest, highest = (per * ends for ends in ends_of(drawn, bounds))
    sites = tuple(
        FunnelSite(
            name=one.code,
            size=float(drawn.denominators[at]),
            value=None if np.isnan(drawn.values[at]) else per * float(drawn.values[at]),
            bounds=(float(lowest[at]), float(highest[at])),
            outside=one.certain and one.status is not Outlier.INSIDE,
            far_outside=one.certain and one.status in _FAR,
            limits95=(per * float(drawn.lower95[at]), per * float(drawn.upper95[at])),
            limits998=(per * float(drawn.lower998[at]), per * float(drawn.upper998[at])),
        )
        for at, one in enumerate(found)
    )
    return funnel_chart(
        sites=sites,
        centre=per * drawn.centre,
        size_title=size_title,
        title=f"{name}, {unit}",
        centre_label="As expected" if drawn.kind.ratio else "Network",
    )


def ends_of(drawn: Funnel, bounds: CountBounds) -> tuple[Vector, Vector]:
    return rate_ends(bounds, most=1.0 if drawn.kind is FunnelKind.PROPORTION else np.inf)

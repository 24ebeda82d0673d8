"""Score tables from what sites released: counts of each band of a score, and what they say of how well it warns."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from rounds.centre.pooling import pooled_cells
from rounds.disclosure.bounded import State
from rounds.exchange.messages import Reply
from rounds.learning.deterioration.score_table import ScoreTable, add_tables, table_of_released
from rounds.learning.deterioration.shares import Known, NoAnswer
from rounds.measures.definitions import Measure
from rounds.measures.score_levels import bands_of, level_bands, score_of
from rounds.network.members import Membership
from rounds.reports.content.score_warning import score_warning
from rounds.reports.content.silences import silent_score_table
from rounds.reports.insight import Insight, Provenance


def warning_insights(
    measure: Measure, replies: Sequence[Reply], *, membership: Membership, provenance: Provenance
) -> tuple[tuple[Insight, ...], tuple[str, ...]]:
    """Return what a measure's score table says, and why it says nothing.

    A member that did not send every band is left out, and named.

    Args:
        measure: whose bands the sites were asked for.
        replies: of the sites that answered.
        membership: to name the members.
        provenance: where the numbers come from.
    """
    score = score_of(measure)
    levels = level_bands(score)
    cells = {level.low: pooled_cells(replies, band.ref) for level, band in zip(levels, bands_of(measure), strict=True)}
    sent = [set(one["member"].to_list()) if one.height else set() for one in cells.values()]
    whole, left_out = set.intersection(*sent), set.union(*sent) - set.intersection(*sent)
    if not whole:
        return (), (silent_score_table(measure, "no organisation has sent every band of the score"),)
    tables = score_tables({low: one.filter(pl.col("member").is_in(sorted(whole))) for low, one in cells.items()})
    order = [member.ods_code for member in membership.members]
    said = score_warning(
        add_tables([tables[member] for member in sorted(tables)]),
        measure=measure,
        score=score.title,
        bands=levels,
        members=[code for code in order if code in whole],
        left_out=[code for code in order if code in left_out],
        membership=membership,
        provenance=provenance,
    )
    return ((), (silent_score_table(measure, said.reason),)) if isinstance(said, NoAnswer) else (said, ())


def score_tables(released: Mapping[int, pl.DataFrame]) -> dict[str, ScoreTable]:
    """Return each member's score table over all periods and strata it released.

    A noisy number is taken as withheld between its bounds: it may be below 0, and its bounds are what is likely.

    Args:
        released: by the lowest total of each band (see `measures.score_levels`), cells with the columns of
            `disclosure.bounded.bounded_schema`.

    Raises:
        ValueError: if there is no band, or a member released some bands only: its table would lack those sets.
    """
    if not released:
        raise ValueError("there is no band of a score; ask for at least one measure of each")
    bands = sorted(released)
    members = {band: set(released[band]["member"].to_list()) for band in bands}
    everybody = set.union(*members.values())
    for band in bands:
        if lacking := sorted(everybody - members[band]):
            raise ValueError(
                f"{', '.join(lacking)} released no counts of scores from {band} on; leave them out, or ask again"
            )
    scores = np.array(bands, dtype=np.float64)
    return {
        member: table_of_released(
            scores=scores,
            numerators=_known([released[band].filter(pl.col("member") == member) for band in bands], "numerator"),
            denominators=_known([released[band].filter(pl.col("member") == member) for band in bands], "denominator"),
        )
        for member in sorted(everybody)
    }


def _known(bands: list[pl.DataFrame], quantity: str) -> Known:
    """Return a quantity of each band, its cells added up."""
    told = pl.col(f"{quantity}_state").is_in([State.EXACT.value, State.ROUNDED.value])
    sums = pl.concat(
        cells.select(
            pl.when(told.all()).then(pl.col(f"{quantity}_value").sum()).otherwise(None).cast(pl.Float64).alias("value"),
            pl.col(f"{quantity}_lower").sum().alias("lower"),
            pl.col(f"{quantity}_upper").sum().alias("upper"),
        )
        for cells in bands
    )
    lower, upper = (sums[end].cast(pl.Float64).to_numpy() for end in ("lower", "upper"))
    value = sums["value"].fill_null(float("nan")).to_numpy()
    return Known(value=np.where(lower == upper, lower, value), lower=lower, upper=upper)

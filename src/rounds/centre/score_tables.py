"""Score tables from what sites released: counts of each band of a score, with and without the outcome."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from rounds.disclosure.bounded import State
from rounds.learning.deterioration.score_table import ScoreTable, table_of_released
from rounds.learning.deterioration.shares import Known


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

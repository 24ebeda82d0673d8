"""Pooling with bounds: a sum over withheld numbers is an interval, never a smaller number."""

from collections.abc import Iterable, Sequence

import polars as pl

from rounds.disclosure.bounded import QUANTITIES, State
from rounds.exchange.messages import Reply
from rounds.measures.definitions import MeasureRef


def pooled_cells(replies: Iterable[Reply], measure: MeasureRef) -> pl.DataFrame:
    """Return every cell of a measure that the sites sent, with a column `site`, in the order of the replies."""
    tables = [
        table.cells.with_columns(pl.lit(reply.site).alias("site"))
        for reply in replies
        for table in reply.tables
        if table.measure == measure
    ]
    return pl.concat(tables) if tables else pl.DataFrame()


def totals(cells: pl.DataFrame, *, by: Sequence[str]) -> pl.DataFrame:
    """Return sums of bounded numbers over all other keys.

    Args:
        cells: columns as in `rounds.disclosure.bounded.bounded_schema`.
        by: the key columns to keep; may be empty for one grand total.

    Returns:
        One row a group, sorted by `by`: for each quantity its state, value, lower and upper, and `_has_noise`: whether
        a number in the sum has noise, which its state does not say if another is withheld. A value is there only if
        every number in the sum has one; the bounds are the sums of the bounds. Numbers with noise are added up as they
        are, below 0 too, and what their noise leaves open is that of their sum: it grows with the root of how many
        there are.
    """
    expressions = []
    for quantity in QUANTITIES:
        state = pl.col(f"{quantity}_state")
        withheld, rounded, noise = ((state == one).any() for one in (State.WITHHELD, State.ROUNDED, State.NOISY))
        value, lower, upper = (pl.col(f"{quantity}_{part}") for part in ("value", "lower", "upper"))
        noisy, sure = state == State.NOISY, state != State.NOISY
        before = f"{quantity}_has_noise"
        has_noise = noise | pl.col(before).any() if before in cells.columns else noise
        drawn, reach = value.filter(noisy).sum(), (upper - value).filter(noisy).pow(2).sum().sqrt().ceil()
        reach = reach.cast(pl.Int64)
        expressions += [
            pl.when(withheld)
            .then(pl.lit(State.WITHHELD.value))
            .when(noise)
            .then(pl.lit(State.NOISY.value))
            .when(rounded)
            .then(pl.lit(State.ROUNDED.value))
            .otherwise(pl.lit(State.EXACT.value))
            .alias(f"{quantity}_state"),
            pl.when(withheld).then(None).otherwise(value.sum()).alias(f"{quantity}_value"),
            lower.filter(sure).sum() + (drawn - reach).clip(lower_bound=0),
            upper.filter(sure).sum() + (drawn + reach).clip(lower_bound=0),
            has_noise.alias(before),
        ]
    if not by:
        return cells.select(expressions)
    return cells.group_by(list(by), maintain_order=True).agg(expressions).sort(list(by))


def withheld_cells(cells: pl.DataFrame) -> int:
    """Return how many cells hold a number that is withheld."""
    if not cells.height:
        return 0
    return cells.filter(
        pl.any_horizontal([pl.col(f"{quantity}_state") == State.WITHHELD for quantity in QUANTITIES])
    ).height

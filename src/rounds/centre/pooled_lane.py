"""From all participants' shares to the sums of the network: what is known of them, and what is said of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from rounds.disclosure.attempt import Attempt
from rounds.disclosure.pooled import QUANTITIES, add_shares, most_of_one_person, pooled_keys
from rounds.disclosure.skellam import half_width
from rounds.errors import MessageError
from rounds.exchange.messages import Reply
from rounds.measures.definitions import Measure
from rounds.measures.kinds import CountKind
from rounds.measures.periods import Period
from rounds.reports.content.network_total import network_total
from rounds.reports.content.observed import Known, Observed
from rounds.reports.insight import Insight, Provenance

_LEVEL = 0.975
"""Of each of two intervals: both hold together in at least 95 of 100, however the two hang together."""

_IMPLAUSIBLE = 1 << 48
"""No network counts so much. Masks that do not cancel leave a number that is larger, but for one in 32,768."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledSum:
    """The sums of one measure over all participants, noise included. They may be below 0."""

    measure: Measure
    periods: tuple[Period, ...]
    attempt: Attempt
    cells: pl.DataFrame
    """`period`, the strata, and for each quantity its sum and the variance of the noise in it, `numerator_variance`"""

    @property
    def over_strata(self) -> pl.DataFrame:
        """The sums by period alone: noise adds up as sums do."""
        columns = [name for quantity in QUANTITIES for name in (quantity, f"{quantity}_variance")]
        return self.cells.group_by("period", maintain_order=True).agg(pl.col(columns).sum()).sort("period")


def pooled_sums(
    attempt: Attempt, replies: Sequence[Reply], measures: Sequence[Measure], periods: Sequence[tuple[Period, ...]]
) -> tuple[PooledSum, ...]:
    """Return the sums of an attempt to which all participants have answered.

    Args:
        attempt: who takes part.
        replies: one of each participant, checked.
        measures: what was asked, in the order of the shares.
        periods: of each measure.

    Raises:
        ValueError: if a participant's reply is not there: a sum without it is not one.
        MessageError: if the masks have not cancelled.
    """
    if tuple(reply.site for reply in replies) != attempt.sites:
        raise ValueError(f"round {attempt.round_id}, pooled attempt {attempt.number}: not everybody has answered")
    found = []
    for place, (measure, span) in enumerate(zip(measures, periods, strict=True)):
        sums = add_shares(tuple(reply.shares[place].numbers for reply in replies))
        if any(abs(number) >= _IMPLAUSIBLE for number in sums):
            raise MessageError(
                f"round {attempt.round_id}, pooled attempt {attempt.number}: the masks of {measure.ref} do not cancel: "
                "a site has answered with other participants or keys in mind; ask again without it, or have all sites "
                "compare the fingerprints of their keys"
            )
        keys = pooled_keys(measure, span)
        most = {period.start: most_of_one_person(measure, period) for period in span}
        cells = keys.with_columns(
            column
            for index, name in enumerate(QUANTITIES)
            for column in (
                pl.Series(name, sums[index :: len(QUANTITIES)], dtype=pl.Int64()),
                pl.Series(
                    f"{name}_variance",
                    [attempt.variance * most[start][index] ** 2 for start in keys["period"]],
                    dtype=pl.Int64(),
                ),
            )
        )
        found.append(PooledSum(measure=measure, periods=span, attempt=attempt, cells=cells))
    return tuple(found)


def noisy(value: int, variance: int) -> Known:
    """Return what is known of a sum with noise: the nearest number there can be, and an interval.

    Only what is shown is brought to 0 or above. The interval holds the true sum in 97.5 of 100 or more.

    >>> noisy(-2, 9)
    Known(value=0, lower=0, upper=5)
    """
    reach = half_width(variance, level=_LEVEL)
    return Known(value=max(0, value), lower=max(0, value - reach), upper=max(0, value + reach))


def pooled_insights(found: PooledSum, provenance: Provenance) -> tuple[Insight, ...]:
    """Return what is said of a measure's sums: nothing if no period surely has a denominator."""
    amount = found.measure.amount
    lowest, most = (0.0, 1) if amount is None else (amount.low / amount.step, amount.steps)
    observed = tuple(
        Observed(
            numerator=noisy(row["numerator"], row["numerator_variance"]),
            denominator=noisy(row["denominator"], row["denominator_variance"]),
            over_time=found.measure.kind is CountKind.RATE,
            lowest=lowest,
            most=most,
        )
        for row in found.over_strata.iter_rows(named=True)
    )
    if not any(item.denominator.lower for item in observed):
        return ()
    return (
        network_total(
            periods=tuple(found.measure.label(period.start) for period in found.periods),
            observed=observed,
            sites=len(found.attempt.sites),
            measure=found.measure,
            provenance=provenance,
        ),
    )

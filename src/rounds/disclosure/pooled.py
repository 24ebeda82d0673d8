"""`PooledShare`: what a site adds to a pooled sum, its count, its part of the noise and its masks. Only made here.

Alone, or together with all shares but one, it is a row of numbers that look drawn by chance. Only when the shares of
all participants are added do the masks cancel, and the sum shows itself with one draw of noise. Nothing is cut off at 0
on the way: a sum below 0 is a legal state, and cutting it would bias every rate that is made of it.

Source: Bonawitz et al. (2017), Practical secure aggregation, CCS, without its recovery of dropped parties: a missing
    site restarts the attempt.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Final

import polars as pl

from rounds.disclosure.attempt import NUMBER_BITS, Attempt
from rounds.disclosure.skellam import RandomBits, draw_skellam, skellam_rho
from rounds.errors import DisclosureRefusal
from rounds.measures.counts import Count
from rounds.measures.definitions import Measure, MeasureRef
from rounds.measures.kinds import CountKind
from rounds.measures.periods import Period
from rounds.measures.questions import People, PersonTime, RecordsQuestion

QUANTITIES: Final = ("numerator", "denominator")
NUMBER_BYTES: Final = NUMBER_BITS // 8
_MODULUS: Final = 1 << NUMBER_BITS


class _Seal:
    """Proof that a value was made in this module."""


_SEAL: Final = _Seal()


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledShare:
    """A site's part of one measure's pooled sums. Only `pool_share` makes one."""

    measure: MeasureRef
    attempt: int
    numbers: tuple[int, ...]
    """For each row of `pooled_keys` its numerator and denominator, modulo two to the power of `NUMBER_BITS`."""
    seal: _Seal = field(repr=False)

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise DisclosureRefusal(
                "only disclosure control may make a share; call rounds.disclosure.pooled.pool_share"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What the sums of a period tell of one person at most, in zCDP. It is spent even if no sum comes of an attempt."""

    measure: MeasureRef
    period: Period
    rho: float


def most_of_one_person(measure: Measure, period: Period) -> tuple[int, int]:
    """Return the most that one person can add to a period's numerator and to its denominator, over all strata together.

    Raises:
        DisclosureRefusal: if there is no such number, so that no noise would hide a person.
    """
    question = measure.question
    if not isinstance(question, RecordsQuestion):
        raise DisclosureRefusal(
            f"{measure.ref}: published data are pooled in the site lane, for everybody may see them; remove `lane`"
        )
    if (amount := measure.amount) is not None:
        return amount.steps * amount.most_each, amount.most_each
    match measure.kind, question.unit:
        case CountKind.RATE, PersonTime(most_each=most_each):
            return most_each, (period.end - period.start).days + 1
        case CountKind.PROPORTION, People():
            return 1, 1
        case _:
            raise DisclosureRefusal(
                f"{measure.ref}: one person may have any number of its {measure.unit}, so no noise is enough to hide a "
                "person; ask for it in the site lane, or ask for a measure of people"
            )


def pooled_keys(measure: Measure, periods: tuple[Period, ...]) -> pl.DataFrame:
    """Return the rows of a pooled sum in their order: `period` and one column for each of the measure's strata."""
    strata = [str(stratum) for stratum in measure.strata]
    levels = [sorted(measure.levels(stratum)) for stratum in measure.strata]
    rows = [(period.start, *level) for period in periods for level in product(*levels)]
    return pl.DataFrame(rows, schema={"period": pl.Date(), **dict.fromkeys(strata, pl.String())}, orient="row")


def charges(measure: Measure, *, periods: tuple[Period, ...], attempt: Attempt) -> tuple[Charge, ...]:
    """Return what an attempt spends of a measure: one charge a period, for a person is in one stratum of it.

    Numerator and denominator are two draws, and every participant knows its own part of the noise: what is charged is
    what the rest hides from it.

    Raises:
        DisclosureRefusal: if the measure may not be pooled.
    """
    return tuple(
        Charge(
            measure=measure.ref,
            period=period,
            rho=sum(
                skellam_rho(variance=attempt.hidden_variance(most), most=most)
                for most in most_of_one_person(measure, period)
            ),
        )
        for period in periods
    )


def pool_share(
    count: Count,
    *,
    measure: Measure,
    periods: tuple[Period, ...],
    attempt: Attempt,
    site: str,
    streams: Mapping[str, bytes],
    random_bits: RandomBits,
) -> PooledShare:
    """Return what a site adds to the pooled sums of a measure.

    Args:
        count: exact counts at the site, of one member, with every period and level.
        measure: what was counted.
        periods: over which.
        attempt: who takes part, and how much noise is asked for.
        site: whose count it is.
        streams: for every other participant the bytes that only it and this site know, `NUMBER_BYTES` a number.
        random_bits: the operating system's.

    Raises:
        DisclosureRefusal: if the measure may not be pooled, the count is not what it should be, the site takes no part,
            or a stream is missing, too short, or one that hides nothing.
    """
    exact = _exact(count, measure, periods)
    most = {period.start: most_of_one_person(measure, period) for period in periods}
    peers = set(attempt.sites) - {site}
    if site not in attempt.sites or set(streams) != peers:
        raise DisclosureRefusal(f"{measure.ref}: site {site} needs a mask for each other participant, and has not")
    variances = {one: attempt.share_variance(one) for both in most.values() for one in both}
    numbers = []
    for start, *values in exact.select("period", *QUANTITIES).iter_rows():
        for value, most_here in zip(values, most[start], strict=True):
            numbers.append(value + draw_skellam(variances[most_here], random_bits))
    for peer in sorted(peers):
        sign = 1 if site < peer else -1
        numbers = [
            number + sign * mask for number, mask in zip(numbers, _masks(streams[peer], len(numbers)), strict=True)
        ]
    return PooledShare(
        measure=measure.ref,
        attempt=attempt.number,
        numbers=tuple(number % _MODULUS for number in numbers),
        seal=_SEAL,
    )


def add_shares(shares: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    """Return the sums of all participants' numbers, each from minus to plus half of what the modulus allows.

    >>> add_shares(((2**64 - 5, 1), (3, 2**64 - 1)))
    (-2, 0)
    """
    half = _MODULUS // 2
    return tuple((sum(column) + half) % _MODULUS - half for column in zip(*shares, strict=True))


def _exact(count: Count, measure: Measure, periods: tuple[Period, ...]) -> pl.DataFrame:
    keys = pooled_keys(measure, periods)
    names = keys.columns
    if count.measure != measure.ref or count.strata != measure.strata or count.kind is not measure.kind:
        raise DisclosureRefusal(f"{measure.ref}: what was counted is {count.measure}; nothing of it may be pooled")
    if count.cells["member"].n_unique() != 1 or not keys.sort(names).equals(count.cells.select(names).sort(names)):
        raise DisclosureRefusal(
            f"{measure.ref}: a site pools the counts of its one member, for each period and stratum; these are others"
        )
    most = {period.start: most_of_one_person(measure, period) for period in periods}
    for place, name in enumerate(QUANTITIES):
        told = f"{name}_most"
        if told in count.cells.columns and any(
            most[start][place] != found for start, found in count.cells.select("period", told).unique().iter_rows()
        ):
            raise DisclosureRefusal(f"{measure.ref}: one person can add more to a {name} than the noise is made for")
    return keys.join(count.cells, on=names, how="left", maintain_order="left")


def _masks(stream: bytes, numbers: int) -> list[int]:
    if len(stream) != numbers * NUMBER_BYTES or not any(stream):
        raise DisclosureRefusal("a mask does not fit its numbers; nothing was shared")
    return [int.from_bytes(stream[at : at + NUMBER_BYTES], "little") for at in range(0, len(stream), NUMBER_BYTES)]

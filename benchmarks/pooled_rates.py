"""How far pooled rates are from the truth where many sites' numbers are small: secure sums beside what else is done.

Twenty hospitals and their cardiac arrests by month, as `rounds demo` draws them; only months are looked at in which 40
to 50 % of the hospitals have 1 to 7 arrests. Every month's rate over all hospitals is made

- by secure sums: each hospital's counts with its share of the noise and its masks, as a site sends them, added up;
- from what the `hes` policy shows of each hospital, with hospitals dropped whose number is withheld, or 0 or 4 for it;
- from counts rounded to the midpoints of six (`ceil(x / 6) * 6 - 3`, 0 stays 0);

and compared with the rate of the true counts. Fails if the secure sums have a bias of more than 0.5 % or a relative
root mean square error of more than 2.5 % in at least 50 seeds.

    python benchmarks/pooled_rates.py [seeds]
"""

import random
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl

from rounds.audit.heads import Head, SignedHead, Standing
from rounds.audit.merkle import EMPTY_ROOT
from rounds.centre.pooled_lane import pooled_sums
from rounds.disclosure.attempt import LEAST_VARIANCE, Attempt, Participant
from rounds.disclosure.pooled import NUMBER_BYTES, QUANTITIES, pool_share, pooled_keys
from rounds.exchange.masking import MaskingKey, mask_streams
from rounds.exchange.messages import Reply
from rounds.exchange.question import Question
from rounds.exchange.shares import ReceivedShare
from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import Measure
from rounds.measures.periods import Grain
from rounds.records.synthetic import Arrests, SyntheticNetwork, draw_arrests
from rounds.storage.library import read_library, shipped_library_folder

HOSPITALS, ADOPTERS = 20, 12
FEWEST_SMALL, MOST_SMALL = 0.4, 0.5
MOST_BIAS, MOST_RMSE = 0.005, 0.025
ENOUGH_SEEDS = 50

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Relative errors of one seed's monthly rates, by how they were made, and how many of its numbers were small."""

    of: dict[str, Numbers]
    small: Numbers


@cache
def monthly() -> Measure:
    """Return a measure of people, so that one person adds at most 1; its numbers are drawn here, not counted."""
    library = read_library(shipped_library_folder())
    return replace(library.measure("people-admitted", 1), grain=Grain.MONTH, strata=(), needs=())


def secure_rates(arrests: Arrests, measure: Measure, *, seed: int) -> Numbers:
    """Return the rate of each month over all hospitals, as the centre has it in the pooled lane."""
    plan, chance = arrests.plan, random.Random(seed)  # noqa: S311 - the same seed, the same table; sites draw from the system
    periods = measure.periods(first=plan.first_month, last=plan.last_day)
    names = [hospital.site for hospital in arrests.hospitals]
    keys = {name: MaskingKey(chance.randbytes(32)) for name in names}
    attempt = Attempt(
        round_id="benchmark",
        number=1,
        variance=LEAST_VARIANCE,
        participants=tuple(Participant(site=name, key=keys[name].public) for name in sorted(names)),
    )
    question = Question(
        first=plan.first_month, last=plan.last_day, as_of=plan.last_day, measures=(measure.ref,), members=()
    )
    replies = {}
    for name, events, admissions in zip(names, arrests.events, arrests.admissions, strict=True):
        rows = [
            (name, period.start, int(one), int(of)) for period, one, of in zip(periods, events, admissions, strict=True)
        ]
        share = pool_share(
            Count(measure=measure.ref, strata=(), cells=pl.DataFrame(rows, schema=count_schema(()), orient="row")),
            measure=measure,
            periods=periods,
            attempt=attempt,
            site=name,
            streams=mask_streams(
                attempt,
                site=name,
                key=keys[name],
                measure=measure.ref,
                question=question,
                length=NUMBER_BYTES * len(QUANTITIES) * pooled_keys(measure, periods).height,
            ),
            random_bits=chance.getrandbits,
        )
        received = (ReceivedShare(measure=measure.ref, numbers=share.numbers),)
        head = SignedHead(head=Head(log=name, size=0, root=EMPTY_ROOT), signature=b"")
        replies[name] = Reply(
            round_id="benchmark",
            site=name,
            answers="",
            issued=date(2025, 7, 1),
            tables=(),
            log=Standing(own=head, earlier=(), held=None),
            digest="",
            shares=received,
        )
    (sums,) = pooled_sums(attempt, [replies[name] for name in attempt.sites], [measure], [periods])
    return (sums.cells["numerator"] / sums.cells["denominator"]).to_numpy()


def _hes(counts: Numbers, *, small: float) -> Numbers:
    rounded = np.floor((counts + 2) / 5) * 5
    return np.where((counts >= 1) & (counts <= 7), small, rounded)


def _rate(tops: Numbers, bottoms: Numbers) -> Numbers:
    rates: Numbers = np.nansum(tops, axis=0) / np.nansum(np.where(np.isnan(tops), np.nan, bottoms), axis=0)
    return rates


OTHERS: dict[str, Callable[[Numbers, Numbers], Numbers]] = {
    "hes, withheld dropped": lambda tops, bottoms: _rate(_hes(tops, small=np.nan), _hes(bottoms, small=np.nan)),
    "hes, withheld as 0": lambda tops, bottoms: _rate(_hes(tops, small=0), _hes(bottoms, small=0)),
    "hes, withheld as 4": lambda tops, bottoms: _rate(_hes(tops, small=4), _hes(bottoms, small=4)),
    "midpoints of 6": lambda tops, bottoms: _rate(
        *(np.where(one > 0, np.ceil(one / 6) * 6 - 3, 0) for one in (tops, bottoms))
    ),
}
OURS = "secure sums"


def errors_of(seed: int) -> Errors:
    """Return the relative errors of one seed's months."""
    arrests = draw_arrests(SyntheticNetwork(seed=seed, hospitals=HOSPITALS, adopters=ADOPTERS))
    tops, bottoms = arrests.events.astype(float), arrests.admissions.astype(float)
    small = ((tops >= 1) & (tops <= 7)).mean(axis=0)
    kept = (small >= FEWEST_SMALL) & (small <= MOST_SMALL)
    true = tops.sum(axis=0) / bottoms.sum(axis=0)
    rates = {OURS: secure_rates(arrests, monthly(), seed=seed)}
    rates |= {name: rate(tops, bottoms) for name, rate in OTHERS.items()}
    return Errors(of={name: (found / true - 1)[kept] for name, found in rates.items()}, small=small[kept])


def together(found: list[Errors]) -> dict[str, tuple[float, float]]:
    """Return the bias and the relative root mean square error of each way, over all months of all seeds."""
    whole = {name: np.concatenate([one.of[name] for one in found]) for name in found[0].of}
    return {name: (float(errors.mean()), float((errors**2).mean() ** 0.5)) for name, errors in whole.items()}


def main() -> None:
    """Print bias and error over many seeds."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with ProcessPoolExecutor() as pool:
        found = list(pool.map(errors_of, range(1, seeds + 1), chunksize=5))
    small = np.concatenate([one.small for one in found])
    print(
        f"{seeds} seeds, {len(small)} months of {HOSPITALS} hospitals; {small.mean():.0%} of the numerators are 1 to 7"
    )
    table = together(found)
    for name, (bias, error) in table.items():
        print(f"{name:<24} bias {bias:+7.2%}   relative RMSE {error:6.2%}")
    bias, error = table[OURS]
    if seeds >= ENOUGH_SEEDS and (abs(bias) > MOST_BIAS or error > MOST_RMSE):
        sys.exit("the secure sums are farther off than they should be")


if __name__ == "__main__":
    main()

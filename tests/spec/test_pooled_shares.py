"""What a site adds to a pooled sum: by itself it looks drawn by chance, and all of them together are the sum."""

import secrets
from dataclasses import replace
from datetime import date
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pooled_sites import attempt, count, key, measure, periods, share, streams
from scipy import stats
from small_site import DRUG, drug_event, make_measure, visits_measure

from rounds.disclosure.attempt import Attempt, Participant
from rounds.disclosure.pooled import (
    PooledShare,
    add_shares,
    charges,
    most_of_one_person,
    pool_share,
    pooled_keys,
)
from rounds.disclosure.skellam import skellam_rho
from rounds.errors import DisclosureRefusal, MessageError
from rounds.exchange.masking import MaskingKey
from rounds.measures.amounts import Amount, HowMany
from rounds.measures.counts import Count, count_schema
from rounds.measures.criteria import Events, Has
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.measures.kinds import CountKind
from rounds.measures.periods import Grain, Period
from rounds.measures.questions import People, PersonTime, PublishedQuestion, RecordsQuestion
from rounds.measures.strata import Stratum

SITES = ("a", "b", "c", "d")
KEYS = {site: key() for site in SITES}
PLAIN = measure()
MONTH = Period(start=date(2024, 2, 1), end=date(2024, 2, 29))
UNLIKELY = 1e-6


def _no_noise(bits: int) -> int:
    """The middle of what bits can be: every draw of a small mean is 0, or the same as the one it is taken from."""
    return 1 << (bits - 1)


def _share(counted: Count, site: str, asked: Attempt, keys: dict[str, MaskingKey], of: Measure = PLAIN) -> PooledShare:
    return pool_share(
        counted,
        measure=of,
        periods=periods(of),
        attempt=asked,
        site=site,
        streams=streams(of, asked, site, keys),
        random_bits=_no_noise,
    )


@given(
    values=st.lists(
        st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), min_size=4, max_size=4),
        min_size=3,
        max_size=4,
    )
)
@settings(max_examples=60)
def test_masks_cancel_exactly(values: list[list[tuple[int, int]]]) -> None:
    """Whatever is counted, however many take part: without noise the sum of the shares is the sum of the counts."""
    tables = [[(min(pair), max(pair)) for pair in site] for site in values]
    keys = {site: KEYS[site] for site in SITES[: len(tables)]}
    asked = attempt(keys)
    shares = tuple(_share(count(PLAIN, table), site, asked, keys) for site, table in zip(keys, tables, strict=True))
    sums = add_shares(tuple(one.numbers for one in shares))
    assert sums == tuple(sum(table[row][part] for table in tables) for row in range(4) for part in (0, 1))


@given(st.lists(st.lists(st.integers(-(2**40), 2**40), min_size=3, max_size=3), min_size=3, max_size=8))
def test_sums_below_nothing_are_sums(numbers: list[list[int]]) -> None:
    shares = tuple(tuple(number % 2**64 for number in site) for site in numbers)
    assert add_shares(shares) == tuple(sum(column) for column in zip(*numbers, strict=True))


def test_what_is_counted_comes_back_with_noise_of_the_variance_that_was_asked() -> None:
    of = measure(grain=Grain.DAY)
    asked, rows = attempt(KEYS), pooled_keys(of, periods(of)).height
    shares = [share(of, count(of, [(0, 3)] * rows), asked, site, KEYS) for site in SITES]
    sums = np.array(add_shares(tuple(one.numbers for one in shares))).reshape(rows, 2) - [0, 12]
    assert (sums < 0).any(), "nothing is cut off at 0"
    for column in sums.T:
        assert abs(column.mean()) < 5 * np.sqrt(9 / rows)
        assert abs(column.var() - 9) < 5 * np.sqrt((2 * 81 + 9) / rows)
    assert abs(np.corrcoef(sums.T)[0, 1]) < 5 / np.sqrt(rows), "numerators and denominators have draws of their own"


def test_any_messages_but_all_of_them_are_drawn_by_chance() -> None:
    """One message, and the sum of any that are not all, is uniform in its highest and its lowest byte."""
    of = measure(grain=Grain.DAY)
    asked, rows = attempt(KEYS), pooled_keys(of, periods(of)).height
    same = count(of, [(1, 2)] * rows)
    numbers = {site: np.array(share(of, same, asked, site, KEYS).numbers, dtype=np.uint64) for site in SITES}
    for some in (some for size in (1, 2, 3) for some in combinations(SITES, size)):
        together = sum((numbers[site] for site in some), np.zeros(2 * rows, dtype=np.uint64))
        for byte in (together >> np.uint64(56), together & np.uint64(255)):
            assert stats.chisquare(np.bincount(byte.astype(int), minlength=256)).pvalue > UNLIKELY, some
    whole = sum(numbers.values(), np.zeros(2 * rows, dtype=np.uint64))
    assert stats.chisquare(np.bincount((whole >> np.uint64(56)).astype(int), minlength=256)).pvalue < UNLIKELY


def test_whatever_one_site_counts_the_others_messages_fit() -> None:
    """For each count of a site there are masks that make the very messages of all others: they tell nothing of it."""
    asked = attempt({site: KEYS[site] for site in "abc"})
    masks = {("a", "b"): 11, ("a", "c"): 22, ("b", "c"): 33}

    def message(site: str, value: int, masks: dict[tuple[str, str], int]) -> tuple[int, ...]:
        found = {
            other: (masks[min(site, other), max(site, other)] % 2**64).to_bytes(8, "little") * 8
            for other in "abc"
            if other != site
        }
        counted = count(PLAIN, [(value, value)] * 4)
        return pool_share(
            counted,
            measure=PLAIN,
            periods=periods(PLAIN),
            attempt=asked,
            site=site,
            streams=found,
            random_bits=_no_noise,
        ).numbers

    seen = message("a", 5, masks), message("b", 7, masks)
    for more in (1, 2, 1000):
        # What a and b have more, their masks with c have less.
        other = {**masks, ("a", "c"): masks["a", "c"] - more, ("b", "c"): masks["b", "c"] - more}
        assert (message("a", 5 + more, other), message("b", 7 + more, other)) == seen


def test_streams_are_those_of_the_pair_and_of_nothing_else() -> None:
    asked, other = attempt(KEYS), measure(grain=Grain.QUARTER)
    mine = streams(PLAIN, asked, "a", KEYS)
    assert mine["b"] == streams(PLAIN, asked, "b", KEYS)["a"]
    different = [
        mine["c"],
        streams(PLAIN, attempt(KEYS, number=2), "a", KEYS)["b"],
        streams(PLAIN, attempt(KEYS, variance=10), "a", KEYS)["b"],
        streams(PLAIN, replace(asked, round_id="r2"), "a", KEYS)["b"],
        streams(PLAIN, attempt({site: KEYS[site] for site in "abc"}), "a", KEYS)["b"],
        streams(other, asked, "a", KEYS)["b"][:64],
    ]
    assert len({mine["b"], *different}) == len(different) + 1


def test_a_key_that_makes_the_same_secret_with_everybody_is_refused() -> None:
    asked = attempt(KEYS)
    weak = replace(asked, participants=(*asked.participants[:3], Participant(site="d", key=bytes(32))))
    with pytest.raises(MessageError, match="a participant's masking key is no key"):
        streams(PLAIN, weak, "a", KEYS)


def _attempt(**changes: object) -> Attempt:
    return replace(attempt(KEYS), **changes)  # type: ignore[arg-type]


A, B, C = (Participant(site=site, key=KEYS[site].public) for site in "abc")

REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "two sites": ({"participants": (A, B)}, "2 sites take part, and a sum of fewer than 3 would tell of one of them"),
    "nobody": ({"participants": ()}, "0 sites take part"),
    "a site that is named twice": ({"participants": (A, A, B)}, "named once each"),
    "sites in disorder": ({"participants": (B, A, C)}, "named once each and in order"),
    "two sites with one key": ({"participants": (A, B, replace(B, site="c"))}, "two participants have the same key"),
    "too little noise": ({"variance": 8}, "noise of variance 8 is asked for, and 9 is the least"),
    "no noise": ({"variance": 0}, "noise of variance 0"),
    "no number": ({"number": 0}, "attempts are numbered from 1"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_attempts_refused(what: str) -> None:
    changes, says = REFUSED[what]
    with pytest.raises(DisclosureRefusal, match=says):
        _attempt(**changes)


TIME = PersonTime(most_each=4)
FALLS = Has(events=Events(table=EventTable.DRUG_ERA, codes=DRUG))
OVER_TIME = replace(
    make_measure(RecordsQuestion(unit=TIME, numerator=FALLS), grain=Grain.MONTH, unit="person-days"), per=1
)
MEAN = make_measure(
    RecordsQuestion(unit=People(), amount=Amount(of=HowMany(rows=FALLS), low=0.0, high=20.0, step=1.0)),
    grain=Grain.MONTH,
)


@pytest.mark.parametrize(
    ("of", "most"),
    [(measure(grain=Grain.MONTH), (1, 1)), (OVER_TIME, (4, 29)), (MEAN, (20, 1))],
)
def test_noise_is_made_for_the_most_that_one_person_adds(of: Measure, most: tuple[int, int]) -> None:
    assert most_of_one_person(of, MONTH) == most
    asked = attempt(KEYS)
    (charge,) = charges(of, periods=(MONTH,), attempt=asked)
    left = [asked.hidden_variance(one) for one in most]
    assert left == [9 * one**2 * 3 / 4 for one in most], "each participant knows its own part of the noise"
    assert charge.rho == sum(skellam_rho(variance=one, most=two) for one, two in zip(left, most, strict=True))
    assert charge.period == MONTH


UNBOUNDED = {
    "rows": (visits_measure(drug_event()), "one person may have any number of its people"),
    "published data": (
        make_measure(PublishedQuestion(numerator="n", denominator="d")),
        "published data are pooled in the site lane",
    ),
}


@pytest.mark.parametrize("what", UNBOUNDED)
def test_what_one_person_adds_without_a_bound_is_refused(what: str) -> None:
    of, says = UNBOUNDED[what]
    with pytest.raises(DisclosureRefusal, match=says):
        most_of_one_person(of, MONTH)
    with pytest.raises(DisclosureRefusal, match=says):
        charges(of, periods=(MONTH,), attempt=attempt(KEYS))


def test_time_at_risk_is_pooled_too() -> None:
    schema = count_schema((), CountKind.RATE)
    span = periods(OVER_TIME)
    rows = [("ZZ1", one.start, 8, 900, 4, 40, 4, (one.end - one.start).days + 1) for one in span]
    cells = pl.DataFrame(rows, schema=schema, orient="row")
    counted = Count(measure=OVER_TIME.ref, strata=(), cells=cells, kind=CountKind.RATE)
    asked = attempt(KEYS)
    shares = [share(OVER_TIME, counted, asked, site, KEYS) for site in SITES]
    sums = np.array(add_shares(tuple(one.numbers for one in shares))).reshape(len(span), 2) - [32, 3600]
    for column, most in zip(sums.T, (4, 30.4), strict=True):
        assert abs(column.var() / (9 * most**2) - 1) < 5 * np.sqrt(2.2 / len(span))
    more = counted.cells.with_columns(numerator_most=pl.lit(5, dtype=pl.Int64()))
    other = Count(measure=OVER_TIME.ref, strata=(), cells=more, kind=CountKind.RATE)
    with pytest.raises(DisclosureRefusal, match="one person can add more to a numerator than the noise is made for"):
        share(OVER_TIME, other, asked, "a", KEYS)


def test_counts_that_are_not_those_of_the_measure_are_refused() -> None:
    asked, good = attempt(KEYS), count(PLAIN, [(1, 2)] * 4)
    others = {
        "what was counted is": Count(measure=measure(grain=Grain.MONTH).ref, strata=(), cells=good.cells),
        "its one member": Count(measure=PLAIN.ref, strata=(), cells=good.cells.head(3)),
        "these are others": Count(
            measure=PLAIN.ref,
            strata=(),
            cells=good.cells.with_columns(member=pl.Series(["ZZ1", "ZZ1", "ZZ2", "ZZ2"])),
        ),
    }
    for says, wrong in others.items():
        with pytest.raises(DisclosureRefusal, match=says):
            share(PLAIN, wrong, asked, "a", KEYS)


def test_strata_travel_in_the_order_that_both_sides_know() -> None:
    of = measure(strata=(Stratum.AGE_BAND, Stratum.SEX))
    rows = pooled_keys(of, periods(of))
    values = [(place, 100 + place) for place in range(rows.height)]
    asked = attempt(KEYS)
    shares = tuple(_share(count(of, values), site, asked, KEYS, of).numbers for site in SITES)
    assert add_shares(shares) == tuple(4 * number for pair in values for number in pair)


MASKS = {
    "a missing stream": (lambda found: {site: found[site] for site in "bc"}, "needs a mask for each other participant"),
    "a stream too many": (lambda found: {**found, "z": found["b"]}, "needs a mask for each other participant"),
    "a short stream": (lambda found: {**found, "b": found["b"][:-1]}, "a mask does not fit its numbers"),
    "a long stream": (lambda found: {**found, "b": found["b"] * 2}, "a mask does not fit its numbers"),
    "a stream of nothing": (lambda found: {**found, "b": bytes(64)}, "a mask does not fit its numbers"),
}


@pytest.mark.parametrize("what", MASKS)
def test_without_proper_masks_nothing_is_shared(what: str) -> None:
    change, says = MASKS[what]
    asked = attempt(KEYS)
    with pytest.raises(DisclosureRefusal, match=says):
        pool_share(
            count(PLAIN, [(1, 2)] * 4),
            measure=PLAIN,
            periods=periods(PLAIN),
            attempt=asked,
            site="a",
            streams=change(streams(PLAIN, asked, "a", KEYS)),
            random_bits=secrets.randbits,
        )


def test_who_takes_no_part_has_no_share() -> None:
    asked = attempt({site: KEYS[site] for site in "abc"})
    with pytest.raises(DisclosureRefusal, match="site d needs a mask"):
        pool_share(
            count(PLAIN, [(1, 2)] * 4),
            measure=PLAIN,
            periods=periods(PLAIN),
            attempt=asked,
            site="d",
            streams={},
            random_bits=secrets.randbits,
        )


def test_nobody_else_can_make_a_share() -> None:
    with pytest.raises(DisclosureRefusal, match="only disclosure control may make a share"):
        PooledShare(measure=PLAIN.ref, attempt=1, numbers=(1, 2), seal=object())  # type: ignore[arg-type]

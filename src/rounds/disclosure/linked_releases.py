"""The gate over whole releases: every number that is to leave, every number that has left, and what ties them.

What one measure shows of a group can be subtracted from what another, or an earlier round, shows of a larger one. The
definitions of the measures say which numbers are parts or sums of others (`measures.linked`); what follows from parts
and wholes is worked out here, what follows from sums by the attacker of `disclosure.gate`. What would tell too much is
withheld as well.

The attacker believes that records have not changed since whatever has left was counted: numbers of other dates
(`as_of`) and epochs are tied like those of the same. Where these contradict each other, records have changed, and there
nothing follows from the one for the other (docs/decisions/0025).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from rounds.disclosure.again import Again, leave_again
from rounds.disclosure.components import Flags, Ties, agreed, apart_by, names, summed, ties
from rounds.disclosure.known import UNKNOWN, Known, Numbers
from rounds.disclosure.linked_numbers import Linked, read
from rounds.measures.kinds import CountKind
from rounds.measures.linked import Quantities, Relations, Why, relations


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """What the gate has found."""

    again: tuple[pl.DataFrame, ...]
    """For each release the numbers that leave as they have left: columns `role`, `period`, the strata, `state`,
    `value`, `lower` and `upper`."""
    hidden: tuple[pl.DataFrame, ...]
    """For each release the numbers that must be withheld too: columns `role`, `period` and the strata."""
    upper: int
    """What is said of them: 0 to this, which no single number decides."""
    overlapping: tuple[tuple[str, str, str], ...]
    """Measures whose numbers largely count the same units, nothing certain tying them, and why; each pair once."""


def gate(releases: Sequence[Linked]) -> Gated:
    """Return what must be withheld in addition, certified; nothing if nothing more must.

    It never refuses, for a refusal would depend on the records: if nothing less is proved to be enough, all that is
    tied to what is in danger is withheld.

    Args:
        releases: all that is to leave, and all that has left of the same member, however it was counted.
    """
    quantities = Quantities(tables=tuple(one.table for one in releases))
    frames = [quantities.frame(place) for place in range(len(releases))]
    found = read(releases, frames, len(quantities))
    room = int(10 ** len(str(int(found.known.upper[found.there].max(initial=1)))))
    if not found.known.free.any():
        none = tuple(frame.drop("number").clear() for frame in frames)
        return Gated(again=tuple(map(_nothing_again, none)), hidden=none, upper=room, overlapping=())
    tied = relations(quantities).among(found.there)
    same = names(len(quantities), tied)
    again = leave_again(found, same)
    known, label = again.read.known, found.label
    hidden = np.union1d(again.hidden, _in_rows(quantities, known, again.stand))
    # First what is certain, then what follows for whoever believes that records have not changed.
    by_records = apart_by(label, same, found.there)
    passes = [(agreed(by_records, known, label), True), (agreed(same, known, label), False)]
    for name, certain in passes if label.any() else passes[:1]:
        bound = ties(same, name, label, tied, there=found.there, certain=certain)
        withheld = _withheld(known.under(name).without(name[hidden]), bound, room)
        hidden = np.union1d(hidden, (np.isin(name, withheld) & known.free).nonzero()[0])
    return Gated(
        again=tuple(_as_they_left(frame, again, np.setdiff1d(again.stand, hidden)) for frame in frames),
        hidden=tuple(frame.filter(pl.col("number").is_in(hidden.tolist())).drop("number") for frame in frames),
        upper=room,
        overlapping=_overlaps(quantities, tied),
    )


def _withheld(known: Known, bound: Ties, room: int) -> Numbers:
    """Return what to withhold, by the names of numbers."""
    hidden = _apart(known, bound)
    for group in summed(len(bound.name), bound):
        now = known.without(hidden)
        numbers = sorted(group.numbers)
        if now.free[numbers].any() and (now.few[numbers] > 0).any():
            from rounds.disclosure.summed import certified  # the solver is slow to load, and seldom needed

            hidden = np.union1d(hidden, certified(now, group, room))
    return hidden


def _in_rows(quantities: Quantities, known: Known, stand: Numbers) -> Numbers:
    """Return what to withhold so that no numerator that stands is above a denominator that does not, or other way."""
    stands = np.zeros(len(quantities), dtype=np.bool_)
    stands[stand] = True
    found = [np.empty(0, dtype=np.int64)]
    for place, table in enumerate(quantities.tables):
        kind = table.measure.kind
        if kind is CountKind.RATE:
            continue
        numbers = np.arange(quantities.starts[place], quantities.starts[place + 1], dtype=np.int64)
        numerators, denominators = numbers.reshape(-1, 2, table.cells).transpose(1, 0, 2).reshape(2, -1)
        most = table.measure.amount.steps if table.measure.amount is not None else 1
        either = stands[numerators] | stands[denominators]
        wrong = either & (known.lower[numerators] > most * known.upper[denominators])
        found.append(np.where(known.free[denominators], denominators, numerators)[wrong])
    return np.concatenate(found)


def _apart(known: Known, bound: Ties) -> Numbers:
    """Return what to withhold so that no part can be taken from its whole.

    What was known too closely before anything of this is added stays so, and is nobody's fault now. So something new is
    tied to whatever is known too closely, and not withheld yet: each turn withholds more.
    """
    hidden, contained = np.empty(0, dtype=np.int64), bound.contained
    before = _narrow(known.without(known.free.nonzero()[0]), bound)
    while True:
        now = known.without(hidden)
        narrow = contained[_narrow(now, bound) & ~before]
        if not len(narrow):
            return hidden
        part, whole = narrow[:, 0], narrow[:, 1]
        may = known.free.copy()
        may[hidden] = False
        more = np.where(may[part], part, np.where(may[whole], whole, UNKNOWN))
        more = more[more != UNKNOWN]
        if not len(more):  # neither can be withheld: something else that is new bounds one of them closer
            more = np.intersect1d(_tied_to(narrow, contained, len(known.free)), may.nonzero()[0])
        hidden = np.union1d(hidden, more)


def _narrow(known: Known, bound: Ties) -> Flags:
    """Return of which parts and wholes the difference is known too closely, where they do not contradict each other."""
    contained = bound.contained
    kept = known.agreeing(contained, bound.certain)
    found = np.zeros(len(contained), dtype=np.bool_)
    found[kept] = known.within(contained[kept]).narrow(contained[kept])
    return found


def _tied_to(some: Numbers, contained: Numbers, size: int) -> Numbers:
    """Return all numbers that some are tied to as parts and wholes, directly or by others."""
    reached = np.zeros(size, dtype=np.bool_)
    reached[some] = True
    while True:
        more = reached[contained].any(axis=1) & ~reached[contained].all(axis=1)
        if not more.any():
            return reached.nonzero()[0]
        reached[contained[more]] = True


def _as_they_left(frame: pl.DataFrame, again: Again, stand: Numbers) -> pl.DataFrame:
    """Return of a release what leaves as it has left."""
    mine = frame.filter(pl.col("number").is_in(stand.tolist()))
    at = mine["number"].to_numpy().astype(np.int64)
    value = pl.Series(again.read.value[at], dtype=pl.Int64)
    return mine.drop("number").with_columns(
        pl.Series(again.read.state[at].tolist(), dtype=pl.String).alias("state"),
        value.alias("value").set(value == UNKNOWN, None),
        pl.Series(again.read.known.lower[at], dtype=pl.Int64).alias("lower"),
        pl.Series(again.read.known.upper[at], dtype=pl.Int64).alias("upper"),
    )


def _nothing_again(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        pl.lit(None, pl.String).alias("state"), *(pl.lit(None, pl.Int64).alias(n) for n in ("value", "lower", "upper"))
    )


def _overlaps(quantities: Quantities, tied: Relations) -> tuple[tuple[str, str, str], ...]:
    tables = np.searchsorted(quantities.starts, tied.overlapping, side="right") - 1
    found = {(*sorted(pair), int(why)) for pair, why in zip(tables.tolist(), tied.why.tolist(), strict=True)}
    words = {
        (str(quantities.tables[one].measure.ref), str(quantities.tables[other].measure.ref), Why(why).words)
        for one, other, why in found
    }
    return tuple(sorted(words))

"""The gate over whole releases: every number that is to leave, every number that has left, and what ties them.

What one measure shows of a group can be subtracted from what another, or an earlier round, shows of a larger one. The
definitions of the measures say which numbers are parts or sums of others (`measures.linked`); what follows from parts
and wholes is worked out here, what follows from sums by the attacker of `disclosure.gate`. What would tell too much is
withheld as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from rounds.disclosure.bounded import QUANTITIES, State
from rounds.disclosure.components import Ties, summed, ties
from rounds.disclosure.gate.statements import Bounds, Problem, Protected, Statement, Terms, exactly
from rounds.disclosure.known import MOST, UNKNOWN, Known, Numbers
from rounds.errors import DisclosureRefusal
from rounds.measures.kinds import CountKind
from rounds.measures.linked import Quantities, Relations, Table, Why, relations

GATED: Final = (CountKind.PROPORTION, CountKind.PROPORTION_OF_ROWS)
"""Kinds that the gate looks at. Of others what is shown are days or steps, rounded to what several people add."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """One release of a measure, as the gate looks at it."""

    table: Table
    cells: pl.DataFrame
    """What leaves or has left, columns as in `bounded_schema`."""
    fresh: pl.DataFrame
    """The exact counts of the cells that have not left yet and can be withheld."""
    few: int
    """Numbers from 1 to this are protected; 0 if nothing is, as of noise and of what is public."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """What the gate has found."""

    hidden: tuple[pl.DataFrame, ...]
    """For each release the numbers that must be withheld too: columns `role`, `period` and the strata."""
    upper: int
    """What is said of them: 0 to this, which no single number decides."""
    overlapping: tuple[tuple[str, str, str], ...]
    """Measures whose numbers largely count the same units, nothing certain tying them, and why; each pair once."""


def gate(releases: Sequence[Linked]) -> Gated:
    """Return what must be withheld in addition, certified; nothing if nothing more must.

    Args:
        releases: all that is to leave, and all that has left of the same member.

    Raises:
        DisclosureRefusal: if what has left already tells too much, or nothing that can be withheld is enough.
    """
    quantities = Quantities(tables=tuple(one.table for one in releases))
    frames = [quantities.frame(place) for place in range(len(releases))]
    there, known = _known(releases, frames, len(quantities))
    room = int(10 ** len(str(int(known.upper[there].max(initial=1)))))
    if not known.free.any():
        return Gated(hidden=tuple(frame.drop("number").clear() for frame in frames), upper=room, overlapping=())
    tied = relations(quantities).among(there)
    found = ties(len(quantities), tied)
    own, known = known, known.under(found.name)
    hidden = _apart(known, found.contained)
    for group in summed(len(quantities), found):
        hidden = np.union1d(hidden, _certified(known.without(hidden), group, room))
    names = (np.isin(found.name, hidden) & own.free).nonzero()[0]
    return Gated(
        hidden=tuple(frame.filter(pl.col("number").is_in(names.tolist())).drop("number") for frame in frames),
        upper=room,
        overlapping=_overlaps(quantities, tied),
    )


def _known(
    releases: Sequence[Linked], frames: Sequence[pl.DataFrame], size: int
) -> tuple[npt.NDArray[np.bool_], Known]:
    """Return which numbers there are, and what is known of each."""
    there, free = np.zeros(size, dtype=np.bool_), np.zeros(size, dtype=np.bool_)
    lower, upper = np.zeros(size, dtype=np.int64), np.full(size, MOST, dtype=np.int64)
    truth, few = np.full(size, UNKNOWN, dtype=np.int64), np.zeros(size, dtype=np.int64)
    withheld = np.zeros(size, dtype=np.bool_)
    for one, frame in zip(releases, frames, strict=True):
        if one.table.measure.kind not in GATED:
            continue
        keys = [name for name in frame.columns if name not in ("number", "role")]
        for name in QUANTITIES:
            of = frame.filter(pl.col("role") == name)
            shown = of.join(one.cells, on=keys, how="inner")
            at = shown["number"].to_numpy().astype(np.int64)
            lower[at], upper[at] = shown[f"{name}_lower"].to_numpy(), shown[f"{name}_upper"].to_numpy()
            there[at], few[at] = True, one.few
            withheld[at] = shown[f"{name}_state"] == State.WITHHELD
            new = of.join(one.fresh, on=keys, how="inner")
            at = new["number"].to_numpy().astype(np.int64)
            truth[at], free[at] = new[name].to_numpy(), one.few > 0
    left_lower, left_upper = np.where(free, 0, lower), np.where(free, MOST, upper)
    return there, Known(
        lower=lower,
        upper=upper,
        truth=truth,
        few=few,
        free=free,
        left_lower=left_lower,
        left_upper=left_upper,
        withheld=withheld,
    )


def _apart(known: Known, contained: Numbers) -> Numbers:
    """Return what to withhold so that no part can be taken from its whole.

    What was known too closely before anything of this is added stays so, and is nobody's fault now.

    Raises:
        DisclosureRefusal: if numbers that have left would be known too closely by what is new.
    """
    hidden = np.empty(0, dtype=np.int64)
    before = known.without(known.free.nonzero()[0]).within(contained).narrow(contained)
    while True:
        now = known.without(hidden)
        narrow = contained[now.within(contained).narrow(contained) & ~before]
        if not len(narrow):
            return hidden
        part, whole = narrow[:, 0], narrow[:, 1]
        more = np.where(known.free[part], part, np.where(known.free[whole], whole, UNKNOWN))
        more = np.setdiff1d(more[more != UNKNOWN], hidden)
        if not len(more):
            raise DisclosureRefusal(
                f"the gate refuses: {len(narrow)} differences of two numbers would tell more than the policy allows, "
                "and both have been released already; ask for coarser strata or longer periods"
            )
        hidden = np.union1d(hidden, more)


def _certified(known: Known, group: Ties, room: int) -> Numbers:
    """Return what an attacker who knows sums forces to be withheld."""
    numbers = {n for one, other in group.sums for n in (*one, *other)} | set(group.contained.ravel().tolist())
    if not known.free[sorted(numbers)].any():
        return np.empty(0, dtype=np.int64)
    problem = _problem(known, group, sorted(numbers), room)
    if not problem.protected:
        return np.empty(0, dtype=np.int64)
    from rounds.disclosure.gate.certify import certify  # the solver is slow to load, and seldom needed

    return np.array([int(name) for name in certify(problem).withheld], dtype=np.int64)


def _problem(known: Known, group: Ties, numbers: list[int], room: int) -> Problem:
    """Return what is known as sums of atoms: each number, and what is missing of it to more than it can be.

    So a difference is a sum as well: part + rest = whole says part + rest + missing of the whole = room.
    """
    atoms, size = {number: place for place, number in enumerate(numbers)}, len(numbers)
    statements, protected = [], []
    for number, atom in atoms.items():
        low, high, few = int(known.lower[number]), int(known.upper[number]), int(known.few[number])
        whole = Statement(name=f"all of {number}", terms=((atom, 1), (size + atom, 1)), shown=exactly(room))
        shown, weight = Bounds(lower=low, upper=min(high, room)), max(1, int(known.truth[number]))
        least, most = int(known.left_lower[number]), min(int(known.left_upper[number]), room)
        withheld = Bounds(lower=least, upper=most) if known.free[number] else None
        own = Statement(name=str(number), terms=((atom, 1),), shown=shown, withheld=withheld, weight=weight)
        statements += [whole, own]
        if few and low >= 1 and (high <= few or (known.withheld[number] and high <= room)):
            owed = tuple(range(low, high + 1)) if high <= few else (low, high)
            protected.append(Protected(name=f"number {number}", terms=((atom, 1),), owed=owed))
    last = 2 * size
    for part, whole_of in group.contained.tolist():
        terms = _added([(atoms[part], 1), (last, 1), (size + atoms[whole_of], 1)])
        statements.append(Statement(name=f"{part} in {whole_of}", terms=terms, shown=exactly(room)))
        few, rest = int(min(known.few[part], known.few[whole_of])), int(known.truth[whole_of] - known.truth[part])
        told = UNKNOWN not in (known.truth[whole_of], known.truth[part])
        if told and 1 <= rest <= few < known.truth[whole_of]:
            name = f"{whole_of} without {part}"
            protected.append(Protected(name=name, terms=((last, 1),), owed=_owed(known, part, whole_of, few)))
        last += 1
    for place, (one, other) in enumerate(group.sums):
        terms = _added([*((atoms[n], 1) for n in one), *((size + atoms[n], 1) for n in other)])
        statements.append(Statement(name=f"sum {place}", terms=terms, shown=exactly(room * len(other))))
    return Problem(atoms=last, statements=tuple(statements), protected=tuple(protected))


def _owed(known: Known, part: int, whole: int, few: int) -> tuple[int, ...]:
    """Return as many values of what is left as there are protected numbers, the least that are possible by the two."""
    lowest = max(int(known.lower[whole] - known.upper[part]), 0)
    highest = int(known.upper[whole] - known.lower[part])
    first = min(max(lowest, 1), highest - few + 1)
    return tuple(range(first, first + few))


def _added(terms: Sequence[tuple[int, int]]) -> Terms:
    times: dict[int, int] = {}
    for atom, one in terms:
        times[atom] = times.get(atom, 0) + one
    return tuple(sorted(times.items()))


def _overlaps(quantities: Quantities, tied: Relations) -> tuple[tuple[str, str, str], ...]:
    tables = np.searchsorted(quantities.starts, tied.overlapping, side="right") - 1
    found = {(*sorted(pair), int(why)) for pair, why in zip(tables.tolist(), tied.why.tolist(), strict=True)}
    names = [str(one.measure.ref) for one in quantities.tables]
    return tuple((names[one], names[other], Why(why).words) for one, other, why in sorted(found))

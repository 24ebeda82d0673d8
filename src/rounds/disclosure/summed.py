"""What an attacker who knows sums forces to be withheld: numbers as sums of atoms, given to the gate's certificates."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import highspy
import numpy as np

from rounds.disclosure.components import Ties
from rounds.disclosure.gate.attack import attack
from rounds.disclosure.gate.certify import certify, only_fixed
from rounds.disclosure.gate.solver import CLOSE, Columns, Effort, Solver
from rounds.disclosure.gate.statements import Bounds, Contradiction, Problem, Protected, Statement, Terms, exactly
from rounds.disclosure.known import UNKNOWN, Known, Numbers
from rounds.errors import DisclosureRefusal

_MOST_OWED: Final = 25
"""Of more values than these only the least and the greatest are proved to be possible."""
_SURE: Final = 1000.0
"""So many ties of numbers from other records are believed to be broken before one of the same records is."""


def certified(known: Known, group: Ties, room: int) -> Numbers:
    """Return what to withhold so that nobody who knows sums knows too much, by the names of numbers.

    Ties that contradict what is shown are left out first: there, records have changed. If nothing is proved to be
    enough, everything in the group that can be withheld is.

    Args:
        known: what is known and true of all numbers.
        group: numbers that sums tie, and what ties them.
        room: above every number.
    """
    everything = np.array([one for one in sorted(group.numbers) if known.free[one]], dtype=np.int64)
    try:
        problem = _problem(known, group, room)
        if not problem.protected:
            return everything[:0]
        try:
            return _names(certify(problem).withheld)
        except Contradiction:
            problem = _problem(known, _agreeing(known, group), room)
        except DisclosureRefusal:
            pass
        return _names(certify(_still_owed(problem)).withheld)
    except DisclosureRefusal:
        return everything


def _names(withheld: Sequence[str]) -> Numbers:
    return np.array([int(name) for name in withheld], dtype=np.int64)


def _still_owed(problem: Problem) -> Problem:
    """Return a problem in which nothing is owed that what has left rules out by itself: it is nobody's fault now."""
    ruled_out = {one.name: set(one.impossible) for one in attack(only_fixed(problem)).narrow}
    left = (
        (one, tuple(value for value in one.owed if value not in ruled_out.get(one.name, ())))
        for one in problem.protected
    )
    return replace(problem, protected=tuple(replace(one, owed=owed) for one, owed in left if owed))


def _agreeing(known: Known, group: Ties) -> Ties:
    """Return ties that do not contradict what is shown: the fewest are left out, of other records before the same.

    Raises:
        DisclosureRefusal: if the solver cannot tell.
    """
    numbers = sorted(group.numbers)
    place = {number: at for at, number in enumerate(numbers)}
    pairs = [(int(part), int(whole)) for part, whole in group.contained.tolist()]
    rows: list[list[tuple[int, int]]] = [[(place[whole], 1), (place[part], -1)] for part, whole in pairs]
    rows += [[*((place[n], 1) for n in one), *((place[n], -1) for n in other)] for one, other in group.sums]
    wants = [(0.0, highspy.kHighsInf)] * len(pairs) + [(0.0, 0.0)] * len(group.sums)
    costs = [_SURE if sure else 1.0 for sure in group.certain.tolist()] + [1.0] * len(group.sums)
    size, many = len(numbers), len(rows)
    terms = [(*_merged(row), (size + at, 1), (size + many + at, -1)) for at, row in enumerate(rows)]
    columns = Columns(
        costs=np.array([*[0.0] * size, *costs, *costs]),
        lower=np.array([*known.lower[numbers], *[0] * (2 * many)], dtype=np.float64),
        upper=np.array([*known.upper[numbers], *[highspy.kHighsInf] * (2 * many)], dtype=np.float64),
    )
    found = Solver(columns, terms, wants, effort=Effort()).optimum("what is published contradicts itself")
    broken = (found.columns[size : size + many] + found.columns[size + many :]) > CLOSE
    kept = ~broken[: len(pairs)]
    sums = tuple(one for one, wrong in zip(group.sums, broken[len(pairs) :], strict=True) if not wrong)
    return Ties(name=group.name, contained=group.contained[kept], certain=group.certain[kept], sums=sums)


def _merged(terms: Sequence[tuple[int, int]]) -> Terms:
    times: dict[int, int] = {}
    for atom, one in terms:
        times[atom] = times.get(atom, 0) + one
    return tuple(sorted((atom, one) for atom, one in times.items() if one))


def _problem(known: Known, group: Ties, room: int) -> Problem:
    """Return what is known as sums of atoms: each number, and what is missing of it to more than it can be.

    So a difference is a sum as well: part + rest = whole says part + rest + missing of the whole = room.
    """
    numbers = sorted(group.numbers)
    atoms, size = {number: place for place, number in enumerate(numbers)}, len(numbers)
    statements, protected = [], []
    for number, atom in atoms.items():
        low, high = int(known.lower[number]), int(known.upper[number])
        few = int(known.few[number] * known.most[number])
        whole = Statement(name=f"all of {number}", terms=((atom, 1), (size + atom, 1)), shown=exactly(room))
        shown, weight = Bounds(lower=low, upper=min(high, room)), max(1, int(known.truth[number]))
        least, most = int(known.left_lower[number]), min(int(known.left_upper[number]), room)
        withheld = Bounds(lower=least, upper=most) if known.free[number] else None
        own = Statement(name=str(number), terms=((atom, 1),), shown=shown, withheld=withheld, weight=weight)
        statements += [whole, own]
        # From 0 to more than few is what is said of a number that is withheld besides: nothing of it is owed.
        if (
            few
            and low < high
            and ((low >= 1 and high <= few) or (known.withheld[number] and _owes(known, number, room)))
        ):
            owed = tuple(range(low, high + 1)) if high - low < _MOST_OWED else (low, high)
            protected.append(Protected(name=f"number {number}", terms=((atom, 1),), owed=owed))
    last = 2 * size
    for part, whole_of in group.contained.tolist():
        terms = _merged([(atoms[part], 1), (last, 1), (size + atoms[whole_of], 1)])
        statements.append(Statement(name=f"{part} in {whole_of}", terms=terms, shown=exactly(room)))
        few = int(min(known.few[part], known.few[whole_of]) * known.most[whole_of])
        told = UNKNOWN not in (known.truth[whole_of], known.truth[part])
        rest = int(known.truth[whole_of] - known.truth[part])
        if told and 1 <= rest <= few < known.truth[whole_of]:
            name = f"{whole_of} without {part}"
            protected.append(Protected(name=name, terms=((last, 1),), owed=_owed(known, part, whole_of, few)))
        last += 1
    for place, (one, other) in enumerate(group.sums):
        terms = _merged([*((atoms[n], 1) for n in one), *((size + atoms[n], 1) for n in other)])
        statements.append(Statement(name=f"sum {place}", terms=terms, shown=exactly(room * len(other))))
    return Problem(atoms=last, statements=tuple(statements), protected=tuple(protected))


def _owes(known: Known, number: int, room: int) -> bool:
    return bool(known.upper[number] <= (room if known.lower[number] else known.few[number] * known.most[number]))


def _owed(known: Known, part: int, whole: int, few: int) -> tuple[int, ...]:
    """Return as many values of what is left as there are protected numbers, the least that are possible by the two."""
    lowest = max(int(known.lower[whole] - known.upper[part]), 0)
    highest = int(known.upper[whole] - known.lower[part])
    first = min(max(lowest, 1), highest - few + 1)
    values = range(first, first + few)
    return tuple(values) if few <= _MOST_OWED else (values[0], values[-1])

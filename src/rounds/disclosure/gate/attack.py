"""The attacker: everything that is published is known, and every protected sum is narrowed as far as it goes.

Bounds come from linear programmes, and from whole-number programmes where these leave a doubt. That a value is
possible is believed only of a world found in whole numbers; that it is impossible is the solver's word, and refuses.
"""

from collections.abc import Collection
from math import ceil

import numpy as np

from rounds.disclosure.gate.audit import Audit, Certificate, Finding
from rounds.disclosure.gate.moves import Moves
from rounds.disclosure.gate.narrowing import Narrowed, Part, narrow
from rounds.disclosure.gate.solver import ANYTHING, CLOSE, Columns, Effort, Solution, Solver, reals
from rounds.disclosure.gate.statements import Bounds, Contradiction, Problem, Sums, Whole, published
from rounds.errors import DisclosureRefusal


def attack(
    problem: Problem, *, withheld: Collection[str] = (), exact: bool = False, effort: Effort | None = None
) -> Audit:
    """Return what an attacker can say of every protected sum.

    Args:
        problem: statements and protected sums.
        withheld: names of the statements that are withheld in addition.
        exact: whether bounds are to be the least and the largest whole number itself also where every value that is
            owed is possible; otherwise they may be a little wider there, never narrower.
        effort: how much the solver may work at one question.

    Raises:
        DisclosureRefusal: if the statements contradict each other, or the solver cannot settle a question.

    Source: Fischetti and Salazar (2001), Management Science 47:1008-1027 (the attacker's two programmes).
    """
    bounds = published(problem, withheld)
    narrowed = narrow(problem, known=bounds, shown=bounds)
    worlds = _Worlds(narrowed, problem)
    findings: dict[int, Finding] = {}
    for of, value in narrowed.settled.items():
        findings[of] = _found(problem, of, value, value, possible={value})
        worlds.show(problem.protected[of].name, value, 0)
    parts = [_PartAttack(part, problem, bounds, effort or Effort()) for part in narrowed.parts]
    for one in parts:
        worlds.complete(one.part, one.any_world())
    for one in parts:
        for row in range(len(one.part.asked)):
            finding, shown = one.find(row, exact=exact)
            findings[one.part.asked[row].of] = finding
            for value, world in shown.items():
                worlds.show(finding.name, value, worlds.add(one.part, world))
    return Audit(findings=tuple(findings[of] for of in range(len(problem.protected))), certificate=worlds.certificate())


class _Worlds:
    """Worlds over all atoms, put together from worlds of parts."""

    def __init__(self, narrowed: Narrowed, problem: Problem) -> None:
        self._base = narrowed.base.copy()
        self._owed = {one.name: set(one.owed) for one in problem.protected}
        self._changes: list[tuple[Part, Whole]] = []
        self._numbers: dict[int, int] = {}
        self._shown_by: dict[tuple[str, int], int] = {}

    def complete(self, part: Part, world: Whole) -> None:
        """Give a part some world; others of its own are put in its place."""
        self._base[part.first_atoms] = world

    def add(self, part: Part, world: Whole) -> int:
        """Return the number of a world of a part."""
        if id(world) not in self._numbers:
            self._changes.append((part, world))
            self._numbers[id(world)] = len(self._changes)
        return self._numbers[id(world)]

    def show(self, name: str, value: int, number: int) -> None:
        if value in self._owed[name]:
            self._shown_by[name, value] = number

    def certificate(self) -> Certificate:
        worlds = [self._base]
        for part, world in self._changes:
            changed = self._base.copy()
            changed[part.first_atoms] = world
            worlds.append(changed)
        return Certificate(worlds=tuple(worlds), shown_by=dict(self._shown_by))


class _PartAttack:
    """The attack on one part: a linear programme, moves from one world to others, and the worlds seen so far."""

    def __init__(self, part: Part, problem: Problem, bounds: tuple[Bounds, ...], effort: Effort) -> None:
        self.part = part
        self._problem, self._effort = problem, effort
        self._bounds = [bounds[row.of] for row in part.rows]
        self._sums = Sums([row.terms for row in (*part.rows, *part.asked)])
        self._settled = np.array([row.settled for row in (*part.rows, *part.asked)], dtype=np.int64)
        self._lower = np.array([one.lower for one in self._bounds], dtype=np.int64)
        highest = np.iinfo(np.int64).max
        self._upper = np.array([highest if one.upper is None else one.upper for one in self._bounds], dtype=np.int64)
        self._highest = np.array([highest if one is None else one for one in part.upper], dtype=np.int64)
        self._seen: list[dict[int, Whole]] = [{} for _ in part.asked]
        columns = Columns(
            costs=np.zeros(len(part.lower)),
            lower=part.lower.astype(np.float64),
            upper=np.array([np.inf if one is None else one for one in part.upper], dtype=np.float64),
        )
        rows = [reals(one, settled=row.settled) for one, row in zip(self._bounds, part.rows, strict=True)]
        self._given = (
            columns,
            [row.terms for row in (*part.rows, *part.asked)],
            [*rows, *[ANYTHING] * len(part.asked)],
        )
        self._linear = Solver(*self._given, effort=effort)
        self._whole: Solver | None = None
        self._moves: Moves | None = None
        self._costed = np.zeros(0, dtype=np.int32)

    def any_world(self) -> Whole:
        """Return some world that looks as published.

        Raises:
            DisclosureRefusal: if there is none.
        """
        found = self._linear.solve()
        world = None if found is None else self._remember(found.whole())
        if found is not None and world is None:
            found = self._in_whole_numbers().solve()
            world = None if found is None else self._remember(found.whole())
        if world is None:
            raise Contradiction(
                "the gate refuses: no records could give what is published, so nobody can say what it tells; check "
                "that every number of this release was counted from the same records as those released before"
            )
        self._world = world
        return world

    def find(self, row: int, *, exact: bool) -> tuple[Finding, dict[int, Whole]]:
        """Return what can be said of one protected sum, and worlds that show its values."""
        asked, seen = self.part.asked[row], self._seen[row]
        lower = self._extreme(row, largest=False, exact=exact)
        limited = all(self.part.upper[column] is not None for column, _ in asked.terms)
        upper = self._extreme(row, largest=True, exact=exact) if limited else None
        for value in self._problem.protected[asked.of].owed:
            if value not in seen and lower <= value and (upper is None or value <= upper):
                self._try(row, value)
        return _found(self._problem, asked.of, lower, upper, possible=set(seen)), seen

    def _extreme(self, row: int, *, largest: bool, exact: bool) -> int:
        """Return a bound of a protected sum among all worlds; if exact, the least or largest value itself."""
        asked, seen, sign = self.part.asked[row], self._seen[row], -1 if largest else 1
        ends = self.part.upper if largest else self.part.lower
        at_best = asked.settled + sum(times * int(ends[column] or 0) for column, times in asked.terms)
        if at_best in seen:
            return at_best
        index = np.array([column for column, _ in asked.terms], dtype=np.int32)
        costs = np.array([sign * times for _, times in asked.terms], dtype=np.float64)
        if self._costed.size:
            self._linear.cost(self._costed, np.zeros(len(self._costed)))
        self._linear.cost(index, costs)
        self._costed = index
        found = self._linear.solve(costs_changed=True)
        limit = _needed(found, sign) + asked.settled
        self._remember(found.whole() if found else None)
        if limit not in seen and exact:
            whole = self._in_whole_numbers()
            whole.cost(np.arange(len(self.part.lower), dtype=np.int32), np.zeros(len(self.part.lower)))
            whole.cost(index, costs)
            found = whole.solve()
            limit = _needed(found, sign) + asked.settled
            self._remember(found.whole() if found else None)
            if limit not in seen:
                raise _unsettled()
        return limit

    def _try(self, row: int, value: int) -> None:
        """Look for a world in which a protected sum has a value."""
        if self._moves is None:
            target = float(value - self.part.asked[row].settled)
            place = len(self.part.rows) + row
            self._linear.bound_row(place, target, target)
            found = self._linear.solve()
            self._linear.bound_row(place, *ANYTHING)
            if found is None or self._remember(found.whole()) is not None:
                return
            self._moves = Moves(*self._given, start=self._world, effort=self._effort)
        world = self._moves.to(len(self.part.rows) + row, value - self.part.asked[row].settled)
        if world is not None and self._remember(world) is None:
            raise _unsettled()

    def _remember(self, world: Whole | None) -> Whole | None:
        """Return whole numbers if they are a world that looks as published, and keep what it shows."""
        if world is None or (world < self.part.lower).any() or (world > self._highest).any():
            return None
        values = self._sums.of(world) + self._settled
        rows = values[: len(self.part.rows)]
        if (rows < self._lower).any() or (rows > self._upper).any():
            return None
        for seen, value in zip(self._seen, values[len(self.part.rows) :].tolist(), strict=True):
            seen.setdefault(value, world)
        return world

    def _in_whole_numbers(self) -> Solver:
        if self._whole is None:
            self._whole = Solver(*self._given, effort=self._effort, whole=True)
        return self._whole


def _needed(found: Solution | None, sign: int) -> int:
    if found is None:
        raise _unsettled()
    return sign * ceil(found.bound - CLOSE)


def _found(problem: Problem, of: int, lower: int, upper: int | None, *, possible: set[int]) -> Finding:
    one = problem.protected[of]
    return Finding(
        name=one.name,
        lower=lower,
        upper=upper,
        impossible=tuple(value for value in one.owed if value not in possible),
    )


def _unsettled() -> DisclosureRefusal:
    return DisclosureRefusal(
        "the gate refuses: the solver contradicts itself about what an attacker can find out; release fewer tables at "
        "a time"
    )

"""What others publish of the same tables, written from their documentation: what an attacker sees of each."""

from collections.abc import Callable

import numpy as np
from disclosure_tables import SMALL, Case

from rounds.disclosure.gate.attack import attack
from rounds.disclosure.gate.statements import (
    NOTHING_KNOWN,
    Bounds,
    Problem,
    Protected,
    Statement,
    Terms,
    exactly,
)

LABELLED = Bounds(lower=1, upper=7)
PRIME = 2_147_483_629


def hes_bounds(value: int) -> Bounds:
    """Return what NHS England's rule of 2018 tells of a count."""
    if value == 0:
        return exactly(0)
    if value in SMALL:
        return LABELLED
    rounded = (value + 2) // 5 * 5
    return Bounds(lower=rounded - 2, upper=rounded + 2)


def midpoint_bounds(value: int) -> Bounds:
    """Return what midpoint-6 rounding tells of a count: it shows ceil(x / 6) * 6 - 3."""
    if value == 0:
        return exactly(0)
    shown = -(-value // 6) * 6 - 3
    return Bounds(lower=shown - 2, upper=shown + 3)


def naive_bounds(value: int) -> Bounds:
    """Return what blanking small cells beside true margins tells."""
    return LABELLED if value in SMALL else exactly(value)


def owed_by(name: str, value: int) -> tuple[int, ...]:
    """Return what a rule promises of a small cell: the bounds that it gives it."""
    if name == "midpoint-6":
        bounds = midpoint_bounds(value)
        return (bounds.lower, bounds.upper or 0)
    return (1, 7)


def displayed(case: Case, name: str, rule: Callable[[int], Bounds]) -> Problem:
    """Return what an attacker knows if each cell is published by itself by a rule."""
    cells = case.cells()
    statements = [
        Statement(name=label, terms=terms, shown=rule(value))
        for (terms, label), value in zip(cells.items(), case.values(list(cells)), strict=True)
    ]
    return problem(case, statements, lambda value: owed_by(name, value))


def acro(case: Case) -> Problem:
    """Return what ACRO 1.0.2's mode tells: margins are added up anew without the cells that are blanked.

    Such margins tell nothing of the blanked cells. The totals by one side are released too, as tables of their own.
    """
    statements = {}
    for one in case.tables:
        for codes, terms in one.cells.items():
            value = case.values([terms])[0]
            inner = not any(_inside(other, terms) for other in one.cells.values())
            if inner or sum(code != "all" for code in codes) == 1:
                statements[terms] = Statement(name=one.label(codes), terms=terms, shown=naive_bounds(value))
    return problem(case, list(statements.values()), lambda _: (1, 7))


def acro_deviation(case: Case) -> float:
    """Return how far ACRO's margins are from the true ones on average, over all cells that it shows."""
    wrong = []
    for one in case.tables:
        inner = [
            terms for terms in one.cells.values() if not any(_inside(other, terms) for other in one.cells.values())
        ]
        small = {terms for terms, value in zip(inner, case.values(inner), strict=True) if value in SMALL}
        for terms in one.cells.values():
            if terms not in small:
                atoms = {atom for atom, _ in terms}
                gone = [cell for cell in small if cell != terms and atoms >= {atom for atom, _ in cell}]
                wrong.append(sum(case.values(gone)) if gone else 0)
    return float(np.mean(wrong))


def ours(case: Case, rule: Callable[[int], Bounds] | None = None) -> Problem:
    """Return what the gate is given: cells as they are, or by a rule, small ones withheld without a label.

    Zeros are shown: that a man is not pregnant is known anyway.
    """
    cells = case.cells()
    statements = []
    for (terms, label), value in zip(cells.items(), case.values(list(cells)), strict=True):
        shown = rule(value) if rule else (NOTHING_KNOWN if value in SMALL else exactly(value))
        free = value > 0 and shown != NOTHING_KNOWN
        statements.append(Statement(name=label, terms=terms, shown=shown, withheld=NOTHING_KNOWN if free else None))
    return problem(case, statements, lambda _: (1, 7) if rule else (1, 8))


def problem(case: Case, statements: list[Statement], owed: Callable[[int], tuple[int, ...]]) -> Problem:
    """Return statements with every small cell, and small difference if the case has them, protected."""
    cells = case.cells() | case.differences()
    protected = [
        Protected(name=label, terms=terms, owed=owed(value))
        for (terms, label), value in zip(cells.items(), case.values(list(cells)), strict=True)
        if value in SMALL
    ]
    return Problem(atoms=len(case.truth), statements=tuple(statements), protected=tuple(protected))


def gauss(case: Case) -> tuple[int, bool]:
    """Return how many cells secondary suppression by Gaussian elimination withholds after an audit by LP.

    Our own implementation of the algorithm as it is published, not the R package: a cell is published, the largest
    first, unless it and those published before determine a small one linearly. Then the audit: in the same order, a
    cell is withheld too if an interval would become narrower than 1 to 8; all that is withheld is protected in turn.
    The number counts small cells too. The second value is whether the intervals hold.

    Source: Langsrud (2024), Privacy in Statistical Databases, doi:10.1007/978-3-031-69651-0_6; GaussSuppression 1.2.3,
        `GaussSuppression` (singletonMethod "none") and `FixRiskyIntervals`.
    """
    given = ours(case)
    values = case.values([one.terms for one in given.statements])
    size = [len(one.terms) for one in given.statements]
    order = sorted(range(len(values)), key=lambda one: (values[one] != 0, -values[one], -size[one], one))
    primary = [one for one, value in enumerate(values) if value in SMALL]
    hidden = _eliminate(given, order, primary)
    published = [one for one in order if one not in hidden]
    extra: set[int] = set()

    def holds(last: int) -> bool:
        known = {one for one in published[: last + 1] if one not in extra}
        return not attack(_showing(given, known)).narrow

    first = 0
    while not holds(len(published) - 1):
        low, high = first, len(published) - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if holds(middle) else (low, middle)
        extra.add(published[low])
        first = low + 1
    hidden = _eliminate(given, [one for one in order if one not in hidden | extra], sorted(hidden | extra))
    return len(hidden), not attack(_showing(given, set(range(len(values))) - hidden)).narrow


def _showing(given: Problem, known: set[int]) -> Problem:
    statements = tuple(
        one if number in known else Statement(name=one.name, terms=one.terms, shown=NOTHING_KNOWN)
        for number, one in enumerate(given.statements)
    )
    return Problem(atoms=given.atoms, statements=statements, protected=given.protected)


def _eliminate(given: Problem, order: list[int], primary: list[int]) -> set[int]:
    """Return what is withheld, primary and secondary, by elimination modulo a prime."""
    left = np.zeros((len(given.statements), given.atoms), dtype=np.int64)
    for number, one in enumerate(given.statements):
        for atom, times in one.terms:
            left[number, atom] = times
    hidden = set(primary)
    for number in order:
        if number in hidden:
            continue
        row = left[number]
        pivots = np.flatnonzero(row)
        if not pivots.size:
            continue
        pivot = int(pivots[0])
        row = row * pow(int(row[pivot]), -1, PRIME) % PRIME
        rest = (left - left[:, pivot : pivot + 1] * row) % PRIME
        if any(not rest[one].any() for one in primary):
            hidden.add(number)
        else:
            left = rest
    return hidden


def _inside(smaller: Terms, larger: Terms) -> bool:
    return smaller != larger and {atom for atom, _ in smaller} < {atom for atom, _ in larger}

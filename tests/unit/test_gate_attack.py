"""The attacker: what follows without a solver, what with one, and what it refuses to answer."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pytest

from rounds.disclosure.gate import attack as attack_module
from rounds.disclosure.gate import narrowing
from rounds.disclosure.gate.attack import attack
from rounds.disclosure.gate.audit import Certificate, certificate_problem
from rounds.disclosure.gate.moves import Moves
from rounds.disclosure.gate.narrowing import narrow
from rounds.disclosure.gate.solver import ANYTHING, Columns, Effort, Reals, Solution, Solver
from rounds.disclosure.gate.statements import (
    NOTHING_KNOWN,
    Bounds,
    Problem,
    Protected,
    Statement,
    Terms,
    exactly,
    published,
)
from rounds.errors import DisclosureRefusal


def said(name: str, shown: Bounds, *atoms: int, times: int = 1) -> Statement:
    return Statement(name=name, terms=tuple((atom, times) for atom in atoms), shown=shown)


def made(*statements: Statement, owed: tuple[int, ...] = (1, 7), of: Terms = ((0, 1),)) -> Problem:
    atoms = 1 + max(one.terms[-1][0] for one in statements)
    return Problem(atoms=atoms, statements=statements, protected=(Protected(name="cell", terms=of, owed=owed),))


CUBE = [(a, b, c) for a in range(3) for b in range(3) for c in range(3)]


def cube(world: list[int], **shown: Bounds) -> tuple[Statement, ...]:
    """Return the two-way margins of a cube of three by three by three."""
    found = []
    for sides in ((0, 1), (0, 2), (1, 2)):
        for one in range(3):
            for other in range(3):
                atoms = [n for n, code in enumerate(CUBE) if code[sides[0]] == one and code[sides[1]] == other]
                name = f"{sides}{one}{other}"
                found.append(said(name, shown.get(name, exactly(sum(world[atom] for atom in atoms))), *atoms))
    return tuple(found)


def test_subtraction_recovers_a_cell_without_a_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attack_module, "Solver", None)
    found = attack(made(said("total", exactly(20), 0, 1), said("other", exactly(17), 1))).findings[0]
    assert (found.lower, found.upper, found.recovered, found.narrow, found.impossible) == (3, 3, True, True, (1, 7))


def test_hes_rounding_can_tell_more_than_its_label() -> None:
    """20 and a small one are 20 in all: rounded to five, the small one is 4 at most."""
    around = Bounds(lower=18, upper=22)
    problem = made(said("label", Bounds(lower=1, upper=7), 0), said("other", around, 1), said("total", around, 0, 1))
    found = attack(problem).findings[0]
    assert (found.lower, found.upper, found.impossible) == (1, 4, (7,))


def test_without_a_limit_there_is_no_upper_bound() -> None:
    audit = attack(made(said("total", Bounds(lower=5), 0, 1), owed=(1, 7, 900)))
    found = audit.findings[0]
    assert (found.lower, found.upper, found.narrow, found.recovered) == (0, None, False, False)
    assert (
        certificate_problem(made(said("total", Bounds(lower=5), 0, 1), owed=(1, 7, 900)), (), audit.certificate) is None
    )


def test_what_only_whole_numbers_tell_is_found() -> None:
    """Twice the cell and thrice another make 12: the cell is 0, 3 or 6, which no linear programme says."""
    total = Statement(name="total", terms=((0, 2), (1, 3)), shown=exactly(12))
    found = attack(made(total, owed=(0, 1, 3, 5, 6)), exact=True).findings[0]
    assert (found.lower, found.upper, found.impossible) == (0, 6, (1, 5))


def test_bounds_are_whole_numbers_if_they_are_to_be() -> None:
    """Of three people-counts any two make 1 to 3: half a person more or less each, says a linear programme."""
    pairs = [
        said(f"{one} and {other}", Bounds(lower=1, upper=3), one, other)
        for first in (0, 3)
        for one, other in combinations(range(first, first + 3), 2)
    ]
    problem = made(*pairs, owed=(5, 6), of=tuple((atom, 1) for atom in range(6)))
    near, exact = attack(problem).findings[0], attack(problem, exact=True).findings[0]
    assert (near.lower, near.upper, near.narrow) == (3, 9, False)
    assert (exact.lower, exact.upper, exact.narrow) == (4, 8, False)


def test_fractions_at_the_corners_of_a_cube_are_not_taken_for_people() -> None:
    """Every two-way margin of a cube is 1: its worlds are the twelve Latin squares, each in whole numbers."""
    squares = [
        [1 if (row[b] + shift * a) % 3 == c else 0 for a, b, c in CUBE]
        for row in permutations(range(3))
        for shift in (1, 2)
    ]
    of = ((0, 1), (4, 1), (8, 1))
    possible = {sum(world[atom] for atom, _ in of) for world in squares}
    audit = attack(made(*cube(squares[0]), owed=(0, 1, 2, 3), of=of), exact=True)
    found = audit.findings[0]
    assert (found.lower, found.upper) == (min(possible), max(possible))
    assert found.impossible == tuple(value for value in range(4) if value not in possible)


def test_statements_over_known_atoms_are_checked() -> None:
    with pytest.raises(DisclosureRefusal, match="contradicts itself"):
        attack(made(said("one", exactly(3), 0), said("same", exactly(4), 0)))
    with pytest.raises(DisclosureRefusal, match="contradicts itself"):
        attack(made(said("one", exactly(3), 0), said("same", exactly(2), 0)))
    with pytest.raises(DisclosureRefusal, match="contradicts itself"):
        attack(made(said("more", Bounds(lower=9), 0, 1), said("one", exactly(3), 0, 1)))
    with pytest.raises(DisclosureRefusal, match="contradicts itself"):
        attack(made(said("one", exactly(3), 0, 1), said("more", Bounds(lower=9), 0, 1)))


def test_narrowing_stops_and_the_solver_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = made(said("total", exactly(20), 0, 1), said("other", exactly(17), 1))
    monkeypatch.setattr(narrowing, "ROUNDS", 1)
    found = attack(problem).findings[0]
    assert (found.lower, found.upper) == (3, 3)


def test_known_atoms_that_a_shown_statement_contradicts_are_refused() -> None:
    problem = made(said("one", exactly(3), 0), said("same", exactly(4), 0))
    with pytest.raises(DisclosureRefusal, match="contradicts itself"):
        narrow(problem, known=[exactly(3), exactly(3)], shown=published(problem, ()))


@pytest.mark.parametrize("last", [1, 3])
def test_three_pairs_that_no_records_could_give_are_refused(last: int) -> None:
    """Pairs of 1 each would be three halves of a person; 1, 1 and 3 cannot be at all."""
    pairs = [said("ab", exactly(1), 0, 1), said("bc", exactly(1), 1, 2), said("ac", exactly(last), 0, 2)]
    with pytest.raises(DisclosureRefusal, match=r"no records could give|contradicts itself"):
        attack(made(*pairs))


def test_a_solver_that_may_not_work_enough_is_a_refusal() -> None:
    rng = np.random.default_rng(1)
    world = rng.integers(0, 9, 27).tolist()
    with pytest.raises(DisclosureRefusal, match="could not settle"):
        attack(made(*cube(world)), effort=Effort(steps=1))


@pytest.mark.parametrize(
    "answer",
    [None, lambda columns: columns + 0.5, lambda columns: columns[::-1]],
)
def test_a_solver_that_contradicts_itself_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[Reals], Reals] | None
) -> None:
    """Once a world is known every later question has an answer; whole numbers have whole answers."""
    solve = Solver.solve

    def broken(self: Solver, *, costs_changed: bool = False) -> Solution | None:
        found = solve(self, costs_changed=costs_changed)
        if not costs_changed and not self._whole:
            return found
        return None if answer is None or found is None else replace(found, columns=answer(found.columns))

    monkeypatch.setattr(Solver, "solve", broken)
    total = Statement(name="total", terms=((0, 2), (1, 3)), shown=exactly(12))
    with pytest.raises(DisclosureRefusal, match=r"contradicts itself|no records"):
        attack(made(total, said("sum", Bounds(upper=5), 0, 1), owed=(3,)), exact=True)


@pytest.mark.parametrize("wrong", [(5, 4), (2, 1)])
def test_a_world_that_the_solver_makes_up_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, wrong: tuple[int, int]
) -> None:
    """Too many people in all, or too few: the value that it shows stays impossible."""
    solve = Solver.solve

    def lying(self: Solver, *, costs_changed: bool = False) -> Solution | None:
        found = solve(self, costs_changed=costs_changed)
        if found is None or len(found.columns) != len(wrong) or not (costs_changed or found.columns[0] == wrong[0]):
            return found
        return replace(found, columns=np.array(wrong, dtype=np.float64))

    monkeypatch.setattr(Solver, "solve", lying)
    total = Statement(name="total", terms=((0, 2), (1, 3)), shown=exactly(12))
    assert attack(made(total, owed=(wrong[0],))).findings[0].impossible == (wrong[0],)


def test_a_move_that_leads_nowhere_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attack_module.Moves, "to", lambda _self, _row, _value: np.array([99, 99], dtype=np.int64))
    total = Statement(name="total", terms=((0, 2), (1, 3)), shown=exactly(12))
    with pytest.raises(DisclosureRefusal, match="contradicts itself"):
        attack(made(total, owed=(1,)))


def test_moves_reach_a_value_of_a_cell_or_a_sum_or_say_that_nothing_does() -> None:
    columns = Columns(costs=np.zeros(3), lower=np.zeros(3), upper=np.full(3, 5.0))
    rows: list[Terms] = [((0, 1), (1, 1), (2, 1)), ((0, 1),), ((0, 1), (1, 1)), ((0, 2),)]
    bounds = [(7.0, 7.0), ANYTHING, ANYTHING, ANYTHING]
    moves = Moves(columns, rows, bounds, start=np.array([2, 2, 3], dtype=np.int64), effort=Effort())
    for row, value in ((1, 0), (1, 5), (1, 2), (2, 6), (2, 2), (3, 8)):
        world = moves.to(row, value)
        assert world is not None
        assert world.sum() == 7
        assert (world >= 0).all()
        assert (world <= 5).all()
        assert sum(times * world[column] for column, times in rows[row]) == value
    assert moves.to(1, 6) is None
    assert moves.to(2, 1) is None
    assert moves.to(3, 3) is None


def test_the_solver_refuses_what_it_cannot_take() -> None:
    columns = Columns(costs=np.ones(1), lower=np.zeros(1), upper=np.ones(1))
    solver = Solver(columns, [((0, 1),)], [(0.0, 1.0)], effort=Effort())
    with pytest.raises(DisclosureRefusal, match="did not take"):
        solver.bound_row(7, 0.0, 1.0)


@pytest.mark.parametrize(
    ("worlds", "shown_by", "wrong"),
    [
        ([[3, 4]], {("cell", 3): 0}, None),
        ([[3.0, 4.0]], {("cell", 3): 0}, "not a whole number"),
        ([[3, 4, 0]], {("cell", 3): 0}, "not a whole number"),
        ([[8, -1]], {("cell", 3): 0}, "not a whole number"),
        ([[3, 5]], {("cell", 3): 0}, "total differs"),
        ([[3, 3]], {("cell", 3): 0}, "total differs"),
        ([[3, 4]], {}, "no world is named"),
        ([[4, 3]], {("cell", 3): 0}, "has not the value"),
        ([[3, 4]], {("cell", 3): 1}, "has not the value"),
        ([[3, 4]], {("cell", 3): -1}, "has not the value"),
    ],
)
def test_a_proof_is_checked_in_whole_numbers(
    worlds: list[list[float]], shown_by: dict[tuple[str, int], int], wrong: str | None
) -> None:
    problem = made(said("total", exactly(7), 0, 1), said("some", NOTHING_KNOWN, 0), owed=(3,))
    found = certificate_problem(
        problem, (), Certificate(worlds=tuple(np.array(world) for world in worlds), shown_by=shown_by)
    )
    assert (found is None) if wrong is None else (found is not None and wrong in found)

"""The attacker against an enumeration of every world, and the gate against the attacker's best.

Small tables in which every assignment of people to atoms can be listed: what is possible is what some world in the list
shows. Neither the solver nor the gate's own proof is trusted.
"""

from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rounds.disclosure.gate.attack import attack
from rounds.disclosure.gate.audit import certificate_problem
from rounds.disclosure.gate.certify import certify
from rounds.disclosure.gate.statements import Bounds, Problem, Protected, Statement, Terms, exactly, published
from rounds.errors import DisclosureRefusal

MOST = 5
"""People in an atom: a statement about each says so, or there would be no end of worlds."""
LIMITS = Bounds(lower=0, upper=MOST)


def worlds(problem: Problem, withheld: tuple[str, ...] = ()) -> list[tuple[int, ...]]:
    """Return every world that looks as published."""
    bounds = published(problem, withheld)
    return [
        world
        for world in product(range(MOST + 1), repeat=problem.atoms)
        if all(
            one.lower <= total(statement.terms, world) <= (MOST * 99 if one.upper is None else one.upper)
            for statement, one in zip(problem.statements, bounds, strict=True)
        )
    ]


def total(terms: Terms, world: tuple[int, ...]) -> int:
    return sum(times * world[atom] for atom, times in terms)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Return statements over two to five atoms, true of some world."""
    atoms = draw(st.integers(2, 5))
    truth = draw(st.lists(st.integers(0, MOST), min_size=atoms, max_size=atoms))
    times = st.sampled_from((0, 1, 1, 1, 2))
    sums = st.lists(times, min_size=atoms, max_size=atoms).filter(any)
    statements = [Statement(name=f"atom {atom}", terms=((atom, 1),), shown=LIMITS, weight=1) for atom in range(atoms)]
    for number in range(draw(st.integers(1, 4))):
        terms = tuple((atom, one) for atom, one in enumerate(draw(sums)) if one)
        value = total(terms, tuple(truth))
        shown = draw(
            st.sampled_from((exactly(value), Bounds(lower=max(0, value - 2), upper=value + 1), Bounds(lower=value)))
        )
        withheld = draw(st.sampled_from((None, Bounds(), Bounds(lower=0, upper=value + 20))))
        if withheld is not None and not withheld.holds(shown):
            withheld = None
        weight = draw(st.integers(1, 3))
        statements.append(Statement(name=f"sum {number}", terms=terms, shown=shown, withheld=withheld, weight=weight))
    protected = []
    for number in range(draw(st.integers(1, 3))):
        terms = tuple((atom, one) for atom, one in enumerate(draw(sums)) if one)
        value = total(terms, tuple(truth))
        owed = sorted({value, *draw(st.lists(st.integers(0, 6), max_size=3))})
        protected.append(Protected(name=f"protected {number}", terms=terms, owed=tuple(owed)))
    return Problem(atoms=atoms, statements=tuple(statements), protected=tuple(protected))


@settings(max_examples=60, deadline=None)
@given(problems())
def test_an_attack_finds_what_listing_every_world_finds(problem: Problem) -> None:
    listed = worlds(problem)
    audit = attack(problem, exact=True)
    quick = attack(problem)
    for one, finding, near in zip(problem.protected, audit.findings, quick.findings, strict=True):
        values = {total(one.terms, world) for world in listed}
        assert (finding.lower, finding.upper) == (min(values), max(values))
        assert finding.impossible == tuple(value for value in one.owed if value not in values)
        assert finding.recovered == (len(values) == 1)
        assert near.impossible == finding.impossible
        assert near.lower <= finding.lower
        assert near.upper is not None
        assert finding.upper <= near.upper
    if not audit.narrow:
        assert certificate_problem(problem, (), audit.certificate) is None


def enough(problem: Problem, withheld: tuple[str, ...]) -> bool:
    """Return whether listing every world finds every value possible that is owed."""
    listed = worlds(problem, withheld)
    return all(set(one.owed) <= {total(one.terms, world) for world in listed} for one in problem.protected)


@settings(max_examples=60, deadline=None)
@given(problems())
def test_what_is_certified_is_safe_and_what_is_refused_hopeless(problem: Problem) -> None:
    names = [one.name for one in problem.statements if one.withheld is not None]
    weights = {one.name: one.weight for one in problem.statements}
    choices = [choice for size in range(len(names) + 1) for choice in combinations(names, size)]
    safe = [choice for choice in choices if enough(problem, choice)]
    try:
        certified = certify(problem)
    except DisclosureRefusal:
        assert not safe
        return
    assert certified.withheld in safe
    cheapest = min(sum(weights[name] for name in choice) for choice in safe)
    assert certified.weight == sum(weights[name] for name in certified.withheld)
    assert certified.least <= cheapest <= certified.weight
    assert certify(problem).withheld == certified.withheld


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=4, max_size=6), st.integers(0, 20))
def test_statements_that_no_records_could_give_are_refused(counts: list[int], wrong: int) -> None:
    everything = tuple((atom, 1) for atom in range(len(counts)))
    statements = [
        Statement(name="total", terms=everything, shown=exactly(sum(counts))),
        Statement(name="part", terms=everything[:2], shown=exactly(sum(counts[:2]))),
        Statement(name="rest", terms=everything[2:], shown=exactly(sum(counts[2:]) + wrong)),
    ]
    protected = (Protected(name="first", terms=((0, 1),), owed=(counts[0],)),)
    problem = Problem(atoms=len(counts), statements=tuple(statements), protected=protected)
    if wrong:
        with pytest.raises(DisclosureRefusal, match=r"contradicts itself|no records could give"):
            attack(problem)
    else:
        assert not attack(problem).narrow

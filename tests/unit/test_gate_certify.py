"""What is withheld in addition, and when nothing helps."""

import numpy as np
import pytest

from rounds.disclosure.gate import certify as certify_module
from rounds.disclosure.gate.audit import certificate_problem
from rounds.disclosure.gate.certify import certify
from rounds.disclosure.gate.cuts import Cheapest, Reach, candidates, ends_owed
from rounds.disclosure.gate.flows import Flows
from rounds.disclosure.gate.narrowing import Part, narrow
from rounds.disclosure.gate.solver import Columns, Effort, Solver
from rounds.disclosure.gate.statements import NOTHING_KNOWN, Bounds, Problem, Protected, Statement, exactly
from rounds.disclosure.gate.suppression import Suppression
from rounds.disclosure.gate.tables import flat, table
from rounds.errors import DisclosureRefusal

PUBLIC = Bounds(upper=50_000)
"""Nobody has more people than this."""


def two_way(
    rows: list[list[int]], *, fixed: frozenset[str] = frozenset(), weights: dict[str, int] | None = None
) -> Problem:
    """Return a table with margins, small cells withheld; all that is fixed, and zeros, cannot be withheld."""
    made = table("t", [flat("row", "abcdef"[: len(rows)]), flat("column", "uvwxyz"[: len(rows[0])])])
    counts = np.array(rows, dtype=np.int64).ravel()
    statements, protected = [], []
    for codes, terms in made.cells.items():
        value = sum(int(counts[atom]) for atom, _ in terms)
        name = "".join(code.replace("all", "*") for code in codes)
        if 1 <= value <= 7:
            protected.append(Protected(name=name, terms=terms, owed=(1, 8)))
        shown = NOTHING_KNOWN if 1 <= value <= 7 else exactly(value)
        free = value > 7 and name not in fixed
        weight = (weights or {}).get(name, 1)
        statements.append(
            Statement(name=name, terms=terms, shown=shown, withheld=PUBLIC if free else None, weight=weight)
        )
    return Problem(atoms=len(counts), statements=tuple(statements), protected=tuple(protected))


TABLE = [[20, 3, 41], [50, 60, 70], [80, 90, 15]]
MARGINS = frozenset({"a*", "b*", "c*", "*u", "*v", "*w", "**"})


def whole_part(problem: Problem) -> Part:
    weakest = [one.withheld or one.shown for one in problem.statements]
    (part,) = (
        one
        for one in narrow(problem, known=weakest, shown=[one.shown for one in problem.statements]).parts
        if one.asked
    )
    return part


def test_a_rectangle_hides_a_cell_among_true_margins() -> None:
    certified = certify(two_way(TABLE, fixed=MARGINS))
    assert len(certified.withheld) == 3
    assert (certified.weight, certified.least) == (3, 3)
    assert all(name not in MARGINS for name in certified.withheld)
    finding = certified.audit.findings[0]
    assert finding.lower <= 1
    assert finding.upper is not None
    assert finding.upper >= 8


def test_weights_decide_which() -> None:
    dear = dict.fromkeys(("au", "bu", "bv"), 10)
    certified = certify(two_way(TABLE, fixed=MARGINS, weights=dear))
    assert set(certified.withheld) == {"aw", "cv", "cw"}
    assert certified.weight == 3


def test_nothing_is_withheld_where_nothing_is_told() -> None:
    certified = certify(two_way([[30, 40], [50, 60]]))
    assert (certified.withheld, certified.weight, certified.audit.findings) == ((), 0, ())


def test_what_has_left_already_cannot_be_taken_back() -> None:
    everything = frozenset(one.name for one in two_way(TABLE).statements)
    with pytest.raises(DisclosureRefusal, match="released already tells more of av"):
        certify(two_way(TABLE, fixed=everything))


def test_if_all_that_can_be_withheld_is_not_enough_it_is_refused() -> None:
    """The total may be withheld, but it is public that it is 25 at most."""
    statements = (
        Statement(name="other", terms=((1, 1),), shown=exactly(20)),
        Statement(name="total", terms=((0, 1), (1, 1)), shown=exactly(23), withheld=Bounds(upper=25)),
    )
    problem = Problem(atoms=2, statements=statements, protected=(Protected(name="cell", terms=((0, 1),), owed=(1, 8)),))
    with pytest.raises(DisclosureRefusal, match="even if all that can be withheld is, more is told of cell"):
        certify(problem)
    part = whole_part(problem)
    with pytest.raises(DisclosureRefusal, match="even if all"):
        Flows(part, problem, candidates(part, problem), effort=Effort()).to(0, 8, hidden=set())
    with pytest.raises(DisclosureRefusal, match="even if all"):
        Suppression(part, problem, effort=Effort()).choose()


def test_the_same_question_has_the_same_answer() -> None:
    rng = np.random.default_rng(3)
    rows = rng.poisson(rng.exponential(30.0, (5, 6))).tolist()
    found = [certify(two_way(rows)) for _ in range(2)]
    assert found[0].withheld == found[1].withheld
    assert certificate_problem(two_way(rows), found[0].withheld, found[0].audit.certificate) is None


def test_with_little_effort_flows_finish_what_cuts_began() -> None:
    rng = np.random.default_rng(5)
    rows = rng.poisson(rng.exponential(30.0, (5, 6))).tolist()
    thorough, hasty, once, untidy = (
        certify(two_way(rows, fixed=MARGINS), effort=Effort(rounds=rounds, master_steps=steps, tries=tries))
        for rounds, steps, tries in ((60, 60_000, 60_000), (2, 0, 60_000), (1, 60_000, 60_000), (60, 60_000, -1))
    )
    assert thorough.least == thorough.weight
    for little in (hasty, once, untidy):
        assert little.least <= thorough.weight <= little.weight


def test_cuts_stop_where_flows_are_as_cheap_as_can_be() -> None:
    problem = two_way(TABLE, fixed=MARGINS)
    found = Suppression(whole_part(problem), problem, effort=Effort()).choose()
    assert found.weight == found.least == 3
    assert Suppression(whole_part(problem), problem, effort=Effort()).by_flows().weight >= 3


def test_whole_numbers_are_repaired_where_linear_programmes_see_nothing() -> None:
    """Twice the cell and twice another are 10: a linear programme finds 2.5, people come whole."""
    statements = (
        Statement(name="odd", terms=((0, 2), (1, 4)), shown=exactly(12), withheld=NOTHING_KNOWN),
        Statement(name="most", terms=((0, 1),), shown=Bounds(upper=6)),
    )
    problem = Problem(
        atoms=2, statements=statements, protected=(Protected(name="cell", terms=((0, 1),), owed=(2, 3, 4)),)
    )
    certified = certify(problem)
    assert certified.withheld == ("odd",)


def test_what_cannot_be_repaired_or_proved_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(certify_module, "REPAIRS", 0)
        patched.setattr(Suppression, "choose", Suppression.by_flows)
        patched.setattr(Suppression, "_complete", lambda _self, hidden: set(hidden))
        with pytest.raises(DisclosureRefusal, match="no choice of what to withhold was found that protects av"):
            certify(two_way(TABLE, fixed=MARGINS))
    monkeypatch.setattr(certify_module, "certificate_problem", lambda *_: "planted")
    with pytest.raises(DisclosureRefusal, match="its own proof does not hold"):
        certify(two_way(TABLE))


def test_bounds_that_withholding_does_not_widen_are_in_no_cut() -> None:
    statements = (
        Statement(name="other", terms=((1, 1), (2, 1)), shown=exactly(15)),
        Statement(name="apart", terms=((1, 1),), shown=Bounds(upper=14)),
        Statement(
            name="total", terms=((0, 1), (1, 1), (2, 1)), shown=Bounds(lower=16, upper=20), withheld=Bounds(upper=20)
        ),
    )
    problem = Problem(atoms=3, statements=statements, protected=(Protected(name="cell", terms=((0, 1),), owed=(1, 8)),))
    part = whole_part(problem)
    reached = Reach(part, problem, candidates(part, problem), effort=Effort()).to(0, 8)
    assert (reached.needs, reached.cut) == (None, ())


def test_a_statement_that_only_limits_from_above_is_withheld_too() -> None:
    most = Statement(name="most", terms=((0, 1), (1, 1)), shown=Bounds(upper=6), withheld=NOTHING_KNOWN)
    apart = [
        Statement(name=name, terms=terms, shown=exactly(12), withheld=NOTHING_KNOWN)
        for name, terms in (("ab", ((2, 1), (3, 1))), ("bc", ((3, 1), (4, 1))))
    ]
    problem = Problem(
        atoms=5, statements=(most, *apart), protected=(Protected(name="cell", terms=((0, 1),), owed=(1, 8)),)
    )
    assert certify(problem).withheld == ("most",)


def test_a_cut_that_nothing_satisfies_and_a_programme_without_answer_are_refusals() -> None:
    problem = two_way(TABLE, fixed=MARGINS)
    part = whole_part(problem)
    choice = candidates(part, problem)
    cheapest = Cheapest(choice, effort=Effort())
    with pytest.raises(DisclosureRefusal, match="even if all"):
        cheapest.add(())
    cheapest.add(((0, 0.25),))
    with pytest.raises(DisclosureRefusal, match="even if all"):
        cheapest.choose()
    wrong = Problem(
        atoms=problem.atoms,
        statements=tuple(
            Statement(name=one.name, terms=one.terms, shown=exactly(9), withheld=one.withheld)
            if one.name == "**"
            else one
            for one in problem.statements
        ),
        protected=problem.protected,
    )
    with pytest.raises(DisclosureRefusal, match="contradicts itself"):
        Reach(part, wrong, choice, effort=Effort()).to(*ends_owed(part, problem)[0])


def test_rows_that_contradict_each_other_have_no_optimum() -> None:
    columns = Columns(costs=np.ones(1), lower=np.zeros(1), upper=np.full(1, 9.0))
    solver = Solver(columns, [((0, 1),)], [(2.0, 10.0)], effort=Effort())
    assert solver.optimum("x").columns.tolist() == [2.0]
    solver.bound_row(0, 10.0, 12.0)
    assert solver.solve() is None
    with pytest.raises(DisclosureRefusal, match=r"^the gate refuses: what is published contradicts itself$"):
        solver.optimum("what is published contradicts itself")

"""What must be withheld in addition, with the proof that it is enough; or a refusal.

The proof: for every value that is owed there is a world, in whole numbers of people, in which everything published is
as it is. It holds against an attacker who knows all statements and the policy. What it does not say: that this search,
run in that other world, would have withheld the same. Who runs it in all of them can rule some out, as with every way
of withholding that looks at the numbers (2 of 468 cells in the smallest tables came back that way). Against that only
noise helps.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from rounds.disclosure.gate.attack import attack
from rounds.disclosure.gate.audit import Audit, certificate_problem
from rounds.disclosure.gate.cuts import candidates
from rounds.disclosure.gate.flows import Flows
from rounds.disclosure.gate.narrowing import Part, narrow
from rounds.disclosure.gate.solver import Effort
from rounds.disclosure.gate.statements import NOTHING_KNOWN, Problem, Statement
from rounds.disclosure.gate.suppression import Suppression
from rounds.errors import DisclosureRefusal

REPAIRS: Final = 20
"""So often more is withheld because whole numbers tell what linear programmes do not see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """What must be withheld in addition so that no protected sum is known more closely than the policy allows."""

    withheld: tuple[str, ...]
    """Names of statements, as the problem has them in order; none if nothing more must be withheld."""
    weight: int
    least: int
    """No safe choice costs less than this; 0 where it was not worked out."""
    audit: Audit
    """What an attacker can say of every protected sum, and the worlds that prove what stays possible."""


def certify(problem: Problem, *, effort: Effort | None = None) -> Certified:
    """Return what must be withheld in addition, proved to be enough.

    Only for policies without noise. The same problem gives the same answer on every machine.

    Args:
        problem: what has been and what is to be released, and what is protected. Statements that have left already are
            fixed (`withheld` is None).
        effort: how much the solver may work at one question.

    Raises:
        DisclosureRefusal: if what has left already tells too much, if nothing that can be withheld is enough, if the
            statements contradict each other, or if the solver cannot settle it.
    """
    effort = effort or Effort()
    audit = attack(problem, effort=effort)
    if not audit.narrow:
        return _certified(problem, frozenset(), least=0, audit=audit)
    _refuse_if_hopeless(problem, effort)
    weakest = [one.withheld or one.shown for one in problem.statements]
    narrowed = narrow(problem, known=weakest, shown=[one.shown for one in problem.statements])
    withheld: frozenset[str] = frozenset()
    least = 0
    for part in narrowed.parts:
        if part.asked:
            chosen = Suppression(part, problem, effort=effort).choose()
            withheld, least = withheld | chosen.names, least + chosen.least
    audit = attack(problem, withheld=withheld, effort=effort)
    for _ in range(REPAIRS):
        if not audit.narrow:
            break
        withheld = _repaired(problem, narrowed.parts, withheld, audit, effort)
        audit = attack(problem, withheld=withheld, effort=effort)
    return _certified(problem, withheld, least=least, audit=audit)


def _refuse_if_hopeless(problem: Problem, effort: Effort) -> None:
    everything = [one.name for one in problem.statements if one.withheld is not None]
    told = attack(problem, withheld=everything, effort=effort).narrow
    if not told:
        return
    fixed = attack(only_fixed(problem), effort=effort).narrow
    if fixed:
        raise DisclosureRefusal(
            f"the gate refuses: what has been released already tells more of {fixed[0].name} than the policy allows "
            f"({len(fixed)} protected numbers in all); release nothing that is linked to it"
        )
    raise DisclosureRefusal(
        f"the gate refuses: even if all that can be withheld is, more is told of {told[0].name} than the policy allows "
        f"({len(told)} protected numbers in all); ask for coarser strata or longer periods"
    )


def only_fixed(problem: Problem) -> Problem:
    """Return a problem in which nothing is known of what has not left yet."""
    statements = tuple(
        one if one.withheld is None else Statement(name=one.name, terms=one.terms, shown=NOTHING_KNOWN)
        for one in problem.statements
    )
    return Problem(atoms=problem.atoms, statements=statements, protected=problem.protected)


def _repaired(
    problem: Problem, parts: tuple[Part, ...], withheld: frozenset[str], audit: Audit, effort: Effort
) -> frozenset[str]:
    """Return what is withheld and what whole numbers need besides, for each value that is still impossible."""
    impossible = {one.name: one.impossible for one in audit.narrow}
    for part in parts:
        choice = candidates(part, problem)
        hidden = {number for number, one in enumerate(choice) if one.name in withheld}
        flows: Flows | None = None
        for place, row in enumerate(part.asked):
            for value in impossible.get(problem.protected[row.of].name, ()):
                flows = flows or Flows(part, problem, choice, effort=effort, whole=True)
                hidden |= flows.to(place, value, hidden=hidden)
        withheld |= {choice[number].name for number in hidden}
    return withheld


def _certified(problem: Problem, withheld: Collection[str], *, least: int, audit: Audit) -> Certified:
    """Return an audit as a certificate.

    Raises:
        DisclosureRefusal: if it does not hold.
    """
    if audit.narrow:
        raise DisclosureRefusal(
            f"the gate refuses: no choice of what to withhold was found that protects {audit.narrow[0].name}; ask for "
            "coarser strata or longer periods"
        )
    wrong = certificate_problem(problem, withheld, audit.certificate)
    if wrong is not None:
        raise DisclosureRefusal(f"the gate refuses: its own proof does not hold ({wrong})")
    return Certified(
        withheld=tuple(one.name for one in problem.statements if one.name in withheld),
        weight=sum(one.weight for one in problem.statements if one.name in withheld),
        least=least,
        audit=audit,
    )

"""What an attack found, and the worlds that prove what stays possible."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from rounds.disclosure.gate.statements import Problem, Sums, Whole, published


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What an attacker can say of one protected sum."""

    name: str
    lower: int
    upper: int | None
    """None: without limit."""
    impossible: tuple[int, ...]
    """Values that the policy owes and the attacker can rule out."""

    @property
    def recovered(self) -> bool:
        """Whether the attacker knows the number."""
        return self.lower == self.upper

    @property
    def narrow(self) -> bool:
        """Whether the attacker knows more than the policy allows."""
        return bool(self.impossible)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Worlds that look the same from outside: in each, people are in atoms as whole numbers.

    For every value that a protected sum must be able to have there is one in which it has it.
    """

    worlds: tuple[Whole, ...]
    """Numbers of people, shape (atoms,) each."""
    shown_by: dict[tuple[str, int], int]
    """(protected sum, value) to the number of a world in which the sum has the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an attacker can say of every protected sum."""

    findings: tuple[Finding, ...]
    certificate: Certificate

    @property
    def narrow(self) -> tuple[Finding, ...]:
        """Return what is known more closely than the policy allows."""
        return tuple(one for one in self.findings if one.narrow)


def certificate_problem(problem: Problem, withheld: Collection[str], certificate: Certificate) -> str | None:
    """Return what is wrong with a certificate, in whole numbers and without a solver; None if it proves its case.

    Args:
        problem: statements and protected sums.
        withheld: names of the statements that are withheld in addition.
        certificate: worlds, and which of them shows which value.
    """
    bounds = published(problem, withheld)
    statements, protected = (Sums([one.terms for one in what]) for what in (problem.statements, problem.protected))
    most = np.iinfo(np.int64).max
    lower = np.array([one.lower for one in bounds], dtype=np.int64)
    upper = np.array([most if one.upper is None else one.upper for one in bounds], dtype=np.int64)
    values = []
    for number, world in enumerate(certificate.worlds):
        if world.shape != (problem.atoms,) or world.dtype != np.int64 or (world < 0).any():
            return f"world {number} is not a whole number of people, 0 or more, in each of {problem.atoms} atoms"
        sums = statements.of(world)
        wrong = np.flatnonzero((sums < lower) | (sums > upper))
        if wrong.size:
            return f"world {number} does not look the same from outside: {problem.statements[wrong[0]].name} differs"
        values.append(protected.of(world))
    for place, one in enumerate(problem.protected):
        for value in one.owed:
            shown = certificate.shown_by.get((one.name, value))
            if shown is None:
                return f"no world is named in which {one.name} has one of the values that it must be able to have"
            if not 0 <= shown < len(values) or values[shown][place] != value:
                return f"{one.name} has not the value in a world that is named for it"
    return None

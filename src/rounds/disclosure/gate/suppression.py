"""Complementary suppression of one part: a choice that the attacker's linear programme finds safe, as cheap as can be.

First by the cheapest flow for each value that is impossible, after which what turned out to be superfluous is shown
again. Then by cuts: they end in the cheapest choice of all. If that takes too long, what they have is completed by
flows, and the cheaper of the two choices is taken.
"""

from dataclasses import dataclass

from rounds.disclosure.gate.cuts import Candidate, Cheapest, Reach, candidates, ends_owed
from rounds.disclosure.gate.flows import Flows
from rounds.disclosure.gate.narrowing import Part
from rounds.disclosure.gate.solver import Effort
from rounds.disclosure.gate.statements import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What is withheld of a part."""

    names: frozenset[str]
    weight: int
    least: int
    """No choice that is safe costs less."""


class Suppression:
    """The search over one part. It can be told that more must be withheld than linear programmes see."""

    def __init__(self, part: Part, problem: Problem, *, effort: Effort) -> None:
        self._part, self._problem, self._effort = part, problem, effort
        self._choice: tuple[Candidate, ...] = candidates(part, problem)
        self._targets = ends_owed(part, problem)
        self._reach = Reach(part, problem, self._choice, effort=effort)
        self._needs: dict[tuple[int, int], frozenset[int]] = {}
        self._last_cut: tuple[tuple[int, float], ...] = ()
        self._most_tries = effort.allowed(effort.tries, rows=len(part.rows))
        self._most_steps = effort.allowed(effort.master_steps, rows=len(self._choice))
        self._tries = 0

    def choose(self) -> Chosen:
        """Return a choice that linear programmes find safe.

        Raises:
            DisclosureRefusal: if there is none.
        """
        best = self._complete(set())
        cheapest = Cheapest(self._choice, effort=self._effort)
        hidden: set[int] = set()
        self._tries = 0
        for _ in range(self._effort.rounds):
            cuts = self._cuts(hidden)
            if not cuts:
                return self._chosen(hidden, least=cheapest.least)
            for cut in cuts:
                cheapest.add(cut)
            hidden = cheapest.choose()
            if cheapest.least >= self._weight(best):
                return self._chosen(best, least=cheapest.least)
            if cheapest.worked > self._most_steps or self._tries > self._most_tries:
                break
        other = self._complete(hidden)
        return self._chosen(min(other, best, key=self._weight), least=cheapest.least)

    def by_flows(self) -> Chosen:
        """Return a choice by flows alone, from nothing withheld."""
        return self._chosen(self._complete(set()), least=0)

    def _cuts(self, hidden: set[int]) -> list[tuple[tuple[int, float], ...]]:
        """Return what shows that a choice is not safe; nothing if it is."""
        self._reach.hide(hidden)
        cuts = []
        for target in self._targets:
            if not self._possible(target, hidden):
                cuts.append(self._last_cut)
        return cuts

    def _possible(self, target: tuple[int, int], hidden: set[int]) -> bool:
        known = self._needs.get(target)
        if known is not None and known <= hidden:
            return True
        self._tries += 1
        reached = self._reach.to(*target)
        if reached.needs is None:
            self._last_cut = reached.cut
            return False
        self._needs[target] = reached.needs
        return True

    def _complete(self, hidden: set[int]) -> set[int]:
        """Return a choice with what a flow for each impossible value adds, less what is superfluous then."""
        flows = Flows(self._part, self._problem, self._choice, effort=self._effort)
        hidden = set(hidden)
        self._reach.hide(hidden)
        for target in self._targets:
            if not self._possible(target, hidden):
                hidden |= flows.to(*target, hidden=hidden)
                self._reach.hide(hidden)
        return self._cleaned(hidden)

    def _cleaned(self, hidden: set[int]) -> set[int]:
        """Show again what is not needed, the costliest first, as far as the effort goes."""
        self._tries = 0
        for number in sorted(hidden, key=lambda one: (-self._choice[one].weight, one)):
            if self._tries > self._most_tries:
                break
            fewer = hidden - {number}
            self._reach.hide(fewer)
            if all(self._possible(target, fewer) for target in self._targets):
                hidden = fewer
        return hidden

    def _weight(self, hidden: set[int]) -> int:
        return sum(self._choice[number].weight for number in hidden)

    def _chosen(self, hidden: set[int], *, least: int) -> Chosen:
        return Chosen(
            names=frozenset(self._choice[number].name for number in hidden), weight=self._weight(hidden), least=least
        )

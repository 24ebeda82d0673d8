"""Concepts that are asked for with the same windows, by who asks for them, so that each is looked at once."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rounds.engines.pack.layout import Array
from rounds.engines.pack.steps import Combined, Contrary, HavingAny, Shared


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Classes:
    """Concepts that are asked for with the same windows, in groups that the same steps ask for."""

    groups: list[tuple[Array, int]]
    """The places of the concepts in their table, and how many layers are needed."""
    of: dict[Hashable, list[int]]
    """The groups of each step's concepts."""

    @classmethod
    def of_steps(cls, several: Sequence[HavingAny]) -> "Classes":
        asking: dict[int, set[Hashable]] = defaultdict(set)
        layers: dict[Hashable, int] = {}
        for one in several:
            wanted = (one.coded.key, one.at_least)
            layers[wanted] = one.at_least
            for concept in one.coded.places.tolist():
                asking[concept].add(wanted)
        alike: dict[frozenset[Hashable], list[int]] = defaultdict(list)
        for concept, who in sorted(asking.items()):
            alike[frozenset(who)].append(concept)
        of: dict[Hashable, list[int]] = {wanted: [] for wanted in layers}
        groups = []
        for number, (together, concepts) in enumerate(alike.items()):
            groups.append((np.array(concepts), max(layers[one] for one in together)))
            for wants in together:
                of[wants].append(number)
        return cls(groups=groups, of=of)


def key_of(having: HavingAny) -> Hashable:
    return having.coded.table.table, id(having.of_first), id(having.of_last), having.inside


def leaves(roots: Iterable[Shared]) -> list[HavingAny]:
    """Return the steps that look at rows one by one, without more to ask of them, below some steps."""
    found: dict[Shared, HavingAny | None] = {}
    waiting = list(roots)
    while waiting:
        shared = waiting.pop()
        if shared in found:
            continue
        step = shared.step
        found[shared] = step if isinstance(step, HavingAny) and step.sieve is None else None
        if isinstance(step, Combined):
            waiting += step.of
        elif isinstance(step, Contrary):
            waiting.append(step.of)
    return [step for step in found.values() if step is not None]

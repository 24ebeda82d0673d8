"""Successions: which organisation carries on the work of which, from what day."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from rounds.errors import DefinitionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Succession:
    """From `day` on, `new_code` does what `old_code` did, or a part of it."""

    old_code: str
    new_code: str
    day: date

    def __str__(self) -> str:
        return f"{self.old_code} to {self.new_code} on {self.day}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Successions:
    """Mergers (several old, one new), splits (one old, several new) and changes of code, chained by date."""

    all: tuple[Succession, ...] = ()
    _of: Mapping[str, tuple[Succession, ...]] = field(init=False, repr=False, compare=False)
    """by old code, in order of day and new code"""

    def __post_init__(self) -> None:
        if cycle := cycle_in(self.all):
            raise DefinitionError(f"successions run in a circle: {', '.join(map(str, cycle))}; correct one of them")
        found: dict[str, tuple[Succession, ...]] = {}
        for one in sorted(self.all, key=lambda each: (each.day, each.new_code)):
            found[one.old_code] = (*found.get(one.old_code, ()), one)
        object.__setattr__(self, "_of", found)

    def ended(self, code: str) -> date | None:
        """Return the day from which others carry on an organisation's work; None if there is none."""
        following = self._of.get(code, ())
        return following[0].day if following else None

    def after(self, code: str, day: date) -> tuple[str, ...]:
        """Return who does on a day what `code` did: itself before its first succession, several after a split.

        >>> merged = Succession(old_code="RD3", new_code="R0D", day=date(2020, 10, 1))
        >>> Successions(all=(merged,)).after("RD3", date(2021, 1, 1))
        ('R0D',)
        """
        following = [one for one in self._of.get(code, ()) if one.day <= day]
        if not following:
            return (code,)
        return tuple(sorted({last for one in following for last in self.after(one.new_code, day)}))

    def counts_under(self, code: str, day: date) -> str:
        """Return under whose code counts what happened at an organisation on a day: its own if it was divided.

        >>> merged = Succession(old_code="RD3", new_code="R0D", day=date(2020, 10, 1))
        >>> Successions(all=(merged,)).counts_under("RD3", date(2020, 9, 30))
        'RD3'
        """
        following = self.after(code, day)
        return following[0] if len(following) == 1 else code

    def known_by(self, day: date) -> "Successions":
        """Return only those that have happened by the end of a day."""
        return Successions(all=tuple(one for one in self.all if one.day <= day))

    def before(self, code: str) -> frozenset[str]:
        """Return whose work an organisation carries on, theirs included, whenever it took it over."""
        backward: dict[str, set[str]] = {}
        for one in self.all:
            backward.setdefault(one.new_code, set()).add(one.old_code)
        return frozenset(_reach(backward, (code,)) - {code})

    def of_members(self, codes: Collection[str]) -> "Successions":
        """Return only the successions that lead to or from one of these organisations."""
        return Successions(all=connected(self.all, codes))


def connected(successions: Iterable[Succession], codes: Collection[str]) -> tuple[Succession, ...]:
    """Return the successions that lead to or from one of some organisations, in their order."""
    successions = tuple(successions)
    forward: dict[str, set[str]] = {}
    backward: dict[str, set[str]] = {}
    for one in successions:
        forward.setdefault(one.old_code, set()).add(one.new_code)
        backward.setdefault(one.new_code, set()).add(one.old_code)
    # Whoever they come from, and whatever became of those: a split leads on to organisations that no member is.
    known = _reach(backward, codes)
    known = _reach(forward, known)
    return tuple(one for one in successions if one.old_code in known)


def cycle_in(successions: Iterable[Succession]) -> tuple[Succession, ...]:
    """Return successions that lead from an organisation back to itself; none if there are none."""
    of: dict[str, list[Succession]] = {}
    for one in successions:
        of.setdefault(one.old_code, []).append(one)
    done: set[str] = set()
    for start, first in of.items():
        path: list[Succession] = []
        on_path = [start]
        pending = [iter(first)] if start not in done else []
        while pending:
            following = next(pending[-1], None)
            if following is None:
                pending.pop()
                done.add(on_path.pop())
                if path:
                    path.pop()
            elif following.new_code in on_path:
                return (*path, following)[on_path.index(following.new_code) :]
            elif following.new_code not in done:
                path.append(following)
                on_path.append(following.new_code)
                pending.append(iter(of.get(following.new_code, ())))
    return ()


def _reach(steps: Mapping[str, Collection[str]], start: Iterable[str]) -> set[str]:
    known = set(start)
    pending = list(known)
    while pending:
        for following in steps.get(pending.pop(), ()):
            if following not in known:
                known.add(following)
                pending.append(following)
    return known


NO_SUCCESSIONS: Final = Successions()

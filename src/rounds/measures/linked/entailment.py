"""Entailment: what follows from limits that are met, whatever the records hold. When in doubt, nothing."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from rounds.measures.choices import Choose, Covers, Distinct, Touches
from rounds.measures.linked.conditions import (
    ANYTHING,
    NOT_SO,
    SO,
    Answered,
    Box,
    Changed,
    Coded,
    Covered,
    Limit,
    Limits,
    Looked,
    Lying,
    Measured,
    Opaque,
    Points,
    SomeOf,
    Span,
    Summarised,
    Trait,
)
from rounds.measures.windows import Anchor, Edge, PeriodAnchor

_FARTHEST_MONTHS: Final = 6000
"""Beyond it an edge could meet the ends of the calendar, where later days no longer have later edges."""

_WEAKER: Final = {
    Touches.INSIDE: frozenset(Touches),
    Touches.STARTS: frozenset({Touches.STARTS, Touches.OVERLAPS}),
    Touches.ENDS: frozenset({Touches.ENDS, Touches.OVERLAPS}),
    Touches.OVERLAPS: frozenset({Touches.OVERLAPS}),
}
"""How a row also lies in a window in which it lies in one of these ways; no row ends before it starts."""


def within(inner: Box, outer: Box) -> bool:
    """Say whether every unit of a box is surely in another, counted there as it is here."""
    return inner.kind == outer.kind and all(entails(inner.by_trait, trait, allowed) for trait, allowed in outer.limits)


def entails(given: Mapping[Trait, int], trait: Trait, allowed: int) -> bool:
    """Say whether units that meet all that is given surely meet a limit."""
    if given.get(trait, ANYTHING) & ~allowed == 0:
        return True
    if trait[0] == "is" and allowed in (SO, NOT_SO):
        sought: Opaque = trait[1]  # type: ignore[assignment]  # the trait is one that `opaque` made
        for known, so in given.items():
            if known[0] != "is" or so != allowed:
                continue
            stronger, weaker = (known[1], sought) if allowed == SO else (sought, known[1])
            if _implies(stronger, weaker):
                return True
        if allowed == SO and isinstance(sought, SomeOf):
            met = sum(times for limits, times in sought.of if _all_entailed(given, limits))
            if met >= sought.at_least:
                return True
        if allowed == NOT_SO and isinstance(sought, SomeOf):
            unmet = sum(times for limits, times in sought.of if _one_refuted(given, limits))
            if sum(times for _, times in sought.of) - unmet < sought.at_least:
                return True
    return any(
        all(entails(dict(limits), trait, allowed) for limits, _ in known[1].of)
        for known, so in given.items()
        if so == SO and known[0] == "is" and isinstance(known[1], SomeOf)
    )


def _all_entailed(given: Mapping[Trait, int], limits: Limits) -> bool:
    return all(entails(given, trait, allowed) for trait, allowed in limits)


def _one_refuted(given: Mapping[Trait, int], limits: Limits) -> bool:
    return any(entails(given, trait, ~allowed) for trait, allowed in limits)


def _implies(stronger: object, weaker: object) -> bool:  # noqa: PLR0912  one branch for each kind
    """Say whether one opaque thing follows from another, asked of the same unit."""
    if stronger == weaker:
        return True
    match stronger, weaker:
        case Coded(), Coded():
            return stronger.within(weaker)
        case Answered(), Answered():
            return stronger.detail == weaker.detail and stronger.codes.within(weaker.codes)
        case Measured(), Measured():
            return _measured(stronger, weaker)
        case Covered(), Covered():
            return _covered(stronger, weaker)
        case Lying(), Lying():
            return weaker.touches in _WEAKER[stronger.touches] and inside(stronger.window, weaker.window)
        case Looked(), Looked():
            return _looked(stronger, weaker)
        case Summarised(), Summarised():
            same = (stronger.of, stronger.values) == (weaker.of, weaker.values)
            return same and _narrower(stronger.least, weaker.least, up=1)
        case Summarised(), Looked():  # of no value there is no mean
            return _looked(stronger.values, weaker)
        case Changed(), Changed():
            same = (stronger.of, stronger.since) == (weaker.of, weaker.since)
            return same and _narrower(stronger.least, weaker.least, up=1)
        case Changed(), Looked():
            return _looked(stronger.of, weaker) or _looked(stronger.since, weaker)
        case SomeOf(), SomeOf():
            return (stronger.of == weaker.of and stronger.at_least >= weaker.at_least) or _any_of(stronger, weaker)
        case Points(), Points():
            return stronger.of == weaker.of and stronger.at_least >= weaker.at_least
        case _:
            return False


def _any_of(stronger: SomeOf, weaker: SomeOf) -> bool:
    """Say whether enough of some sets are met whichever of others is."""
    several = [dict(limits) for limits, _ in stronger.of]
    met = (times for limits, times in weaker.of if all(_all_entailed(given, limits) for given in several))
    return sum(met) >= weaker.at_least


def _measured(stronger: Measured, weaker: Measured) -> bool:
    if weaker.units and not (stronger.units and stronger.units <= weaker.units):
        return False
    return _narrower(stronger.low, weaker.low, up=1) and _narrower(stronger.high, weaker.high, up=-1)


def _narrower(inner: Limit | None, outer: Limit | None, *, up: int) -> bool:
    """Say whether what meets a limit surely meets another: a lower limit if `up` is 1, an upper one if it is -1."""
    if outer is None or inner is None:
        return outer is None
    further = up * (inner[0] - outer[0])
    return further > 0 or (further == 0 and (outer[1] or not inner[1]))


def _covered(stronger: Covered, weaker: Covered) -> bool:
    if weaker.covers is Covers.EVERY_DAY:
        return (
            stronger.covers is Covers.EVERY_DAY
            and inside(weaker.window, stronger.window)
            and _surely_a_day(weaker.window)
        )
    if inside(stronger.window, weaker.window):
        return True
    return (
        stronger.covers is Covers.EVERY_DAY and inside(weaker.window, stronger.window) and _surely_a_day(weaker.window)
    )


def _looked(stronger: Looked, weaker: Looked) -> bool:
    if weaker.same_visit and not stronger.same_visit:
        return False
    if weaker.choose is not Choose.ANY:
        return (
            (stronger.chosen_among, stronger.window, stronger.touches, stronger.choose, stronger.stands)
            == (weaker.chosen_among, weaker.window, weaker.touches, weaker.choose, weaker.stands)
            and stronger.same_visit == weaker.same_visit
            and within(stronger.rows, weaker.rows)
        )
    enough = weaker.at_least == 1 or (
        weaker.at_least <= stronger.at_least and weaker.distinct in (stronger.distinct, Distinct.ROWS)
    )
    return (
        enough
        and weaker.touches in _WEAKER[stronger.touches]
        and inside(stronger.window, weaker.window)
        and within(stronger.rows, weaker.rows)
    )


def inside(inner: Span, outer: Span) -> bool:
    """Say whether every day of a window is surely in another, both laid on the same unit."""
    return _not_after(outer[0], inner[0], open_first=True) and _not_after(inner[1], outer[1], open_first=False)


def _not_after(one: Edge | None, other: Edge | None, *, open_first: bool) -> bool:
    """Say whether an edge is surely on the day of another or before it. Open edges are the calendar's own ends."""
    if one == other:
        return True
    if one is None or other is None:
        return (one if open_first else other) is None
    if isinstance(one.anchor, date) or isinstance(other.anchor, date):
        return isinstance(one.anchor, date) and isinstance(other.anchor, date) and one.anchor <= other.anchor
    if isinstance(one.anchor, Anchor) != isinstance(other.anchor, Anchor):
        return False
    ends = (Anchor.END, PeriodAnchor.END)
    if one.anchor in ends and other.anchor not in ends:
        return False
    near = max(abs(one.months), abs(other.months)) <= _FARTHEST_MONTHS
    return near and one.months <= other.months and one.days <= other.days


def _surely_a_day(window: Span) -> bool:
    first, last = window
    return first is None or last is None or _not_after(first, last, open_first=True)

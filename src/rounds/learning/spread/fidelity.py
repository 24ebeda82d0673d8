"""Is it still used as it was meant: fidelity that has fallen, that is low, and that nobody knows.

Rules `fidelity@1`. A share of 80 % or more is full use, from 50 % partial, below that low, as levels in words are. A
member's last reading is held against the best that it had before, of the same thing, since it last began. It has fallen
where it lies 20 points lower, or 10 points lower and in a lower band; of levels, where it lies a level lower. Where
something was counted, the chance of a fall as deep if nothing changed is told: few counted are little proof. A member
without a reading, or whose last is older than a year, is unknown, which is neither low nor high.

Source: of the bands, Perepletchikova and Kazdin (2005), Clin Psychol Sci Pract 12:365-383. The points and the year are
stated choices: less than 10 points apart is what two people reading the same notes differ by.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from scipy.stats import hypergeom

from rounds.learning.spread.adoption import AdoptionEvent, Fidelity, FidelityLevel, Stage

FULL_FROM: Final = 0.8
PARTIAL_FROM: Final = 0.5
FALLS_BY: Final = 0.2
FALLS_A_BAND_BY: Final = 0.1
KNOWN_FOR: Final = timedelta(days=366)
"""After that long, nobody knows how it is used now."""
PROOF: Final = 0.05
"""Chance of a fall as deep where nothing changed, below which what was counted proves it."""
RULE: Final = (
    "Fidelity has fallen where it is 20 points below the best before, or 10 points and no longer full (80% and more) "
    "or no longer partial (50% and more); a word, where it is a level lower. Older than a year it counts as unknown, "
    "and unknown is not low."
)
_ORDER: Final = (FidelityLevel.LOW, FidelityLevel.PARTIAL, FidelityLevel.FULL)
_CLOSE: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How fully a member used it on a day."""

    day: date
    fidelity: Fidelity


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallen:
    """A member that uses it less fully than it did."""

    member: str
    before: Reading
    """the best it had"""
    now: Reading
    chance: float | None
    """of a fall as deep where nothing changed; None where nothing was counted"""

    @property
    def proven(self) -> bool:
        """Whether more than chance lies behind it; of a word or a share nobody has said that it was a sample."""
        return self.chance is None or self.chance < PROOF


@dataclass(frozen=True, slots=True, kw_only=True)
class FidelityWatch:
    """Members that use an innovation, each in one place, by what is known of how fully they do; in order of code."""

    fallen: tuple[Fallen, ...]
    low: tuple[str, ...]
    """low, and not known to have been better"""
    held: tuple[str, ...]
    """not low, and as before"""
    read_once: tuple[str, ...]
    """not low, and nothing to hold it against: one reading, or others of something else"""
    out_of_date: tuple[str, ...]
    """unknown: the last reading is older than a year"""
    unknown: tuple[str, ...]
    """nobody has said"""

    @property
    def users(self) -> int:
        parts = (self.fallen, self.low, self.held, self.read_once, self.out_of_date, self.unknown)
        return sum(len(part) for part in parts)


def level_of(fidelity: Fidelity) -> FidelityLevel:
    """Return the band in which a fidelity lies.

    >>> level_of(Fidelity(share=0.79)).value
    'partial'
    """
    if fidelity.level is not None:
        return fidelity.level
    share = fidelity.share or 0.0
    if share >= FULL_FROM - _CLOSE:
        return FidelityLevel.FULL
    return FidelityLevel.PARTIAL if share >= PARTIAL_FROM - _CLOSE else FidelityLevel.LOW


def fidelity_watch(
    events: Iterable[AdoptionEvent], *, innovation: str, users: Collection[str], as_of: date
) -> FidelityWatch:
    """Return how fully those who use an innovation do, and who no longer does.

    Args:
        events: of adoption, in any order; their fidelity is what was read on their day (of a stretch, its last).
        innovation: whose.
        users: ODS codes of the members that use it on the day.
        as_of: the day asked about; what came later is not known.
    """
    of_member: dict[str, list[AdoptionEvent]] = defaultdict(list)
    for event in events:
        if event.innovation == innovation and event.day <= as_of and event.ods_code in users:
            of_member[event.ods_code].append(event)
    readings = {code: _readings(of_member[code]) for code in users}
    return watch_readings(readings, as_of=as_of)


def watch_readings(readings: dict[str, list[Reading]], *, as_of: date) -> FidelityWatch:
    """Return how fully each user uses it, of readings in the order of their days.

    >>> read = [Reading(day=date(2024, 1, 1), fidelity=Fidelity(share=0.9)),
    ...         Reading(day=date(2024, 9, 1), fidelity=Fidelity(share=0.6))]
    >>> [one.member for one in watch_readings({"RX1": read, "RX2": []}, as_of=date(2024, 12, 31)).fallen]
    ['RX1']
    """
    fallen: list[Fallen] = []
    rest: dict[str, list[str]] = defaultdict(list)
    for code, read in sorted(readings.items()):
        if not read:
            rest["unknown"].append(code)
        elif as_of - read[-1].day > KNOWN_FOR:
            rest["out_of_date"].append(code)
        elif (fell := _fell(code, read)) is not None:
            fallen.append(fell)
        elif level_of(read[-1].fidelity) is FidelityLevel.LOW:
            rest["low"].append(code)
        else:
            rest["held" if _before(read) else "read_once"].append(code)
    return FidelityWatch(
        fallen=tuple(fallen),
        low=tuple(rest["low"]),
        held=tuple(rest["held"]),
        read_once=tuple(rest["read_once"]),
        out_of_date=tuple(rest["out_of_date"]),
        unknown=tuple(rest["unknown"]),
    )


def _readings(events: list[AdoptionEvent]) -> list[Reading]:
    """Return what was read since a member last began."""
    ordered = sorted(events, key=lambda event: (event.day, tuple(Stage).index(event.stage)))
    stops = [at for at, event in enumerate(ordered) if event.stage is Stage.STOPPED]
    began = stops[-1] + 1 if stops else 0
    return [Reading(day=one.day, fidelity=one.fidelity) for one in ordered[began:] if one.fidelity is not None]


def _before(read: list[Reading]) -> list[Reading]:
    """Return the earlier readings of the same thing as the last."""
    return [one for one in read[:-1] if _what(one.fidelity) == _what(read[-1].fidelity)]


def _what(fidelity: Fidelity) -> str | None:
    return None if fidelity.level is not None else fidelity.of.casefold()


def _fell(member: str, read: list[Reading]) -> Fallen | None:
    before, now = _before(read), read[-1]
    if not before:
        return None
    best = max(before, key=lambda one: (_height(one.fidelity), one.day))
    lower = _ORDER.index(level_of(best.fidelity)) > _ORDER.index(level_of(now.fidelity))
    drop = _height(best.fidelity) - _height(now.fidelity)
    if now.fidelity.level is None:
        lower = drop >= FALLS_BY - _CLOSE or (lower and drop >= FALLS_A_BAND_BY - _CLOSE)
    if not lower:
        return None
    return Fallen(member=member, before=best, now=now, chance=_chance(best.fidelity, now.fidelity, len(before)))


def _height(fidelity: Fidelity) -> float:
    return float(_ORDER.index(fidelity.level)) if fidelity.level is not None else fidelity.share or 0.0


def _chance(before: Fidelity, now: Fidelity, looked_at: int) -> float | None:
    """Return Fisher's exact chance of as few now, times the readings among which the best was chosen."""
    if before.counted is None or now.counted is None:
        return None
    (had, of), (has, out_of) = before.counted, now.counted
    chance = float(hypergeom.cdf(has, of + out_of, had + has, out_of))
    return min(chance * looked_at, 1.0)

"""Places: which values belong to which level of a stratum, so that strata can be compared with one another."""

from collections.abc import Iterable

from rounds.measures.groupings import Attribute, Grouping
from rounds.measures.linked.conditions import Trait, ages, frozen
from rounds.measures.linked.laying import Asked
from rounds.measures.strata import AGE_BANDS, LEVELS, UNKNOWN, Stratum

BANDS = tuple(
    ages(None if place == 0 else low, None if place == len(AGE_BANDS) - 1 else high) or 0
    for place, (_, low, high) in enumerate(AGE_BANDS)
)
SEXES = tuple(~0b11 if level == UNKNOWN else 1 << place for place, level in enumerate(LEVELS[Stratum.SEX]))


class Places:
    """The values of attributes. In all groupings that are compared a value has the same bit."""

    def __init__(self) -> None:
        self._bits: dict[Attribute, dict[str, int]] = {}
        self._levels: dict[Grouping, tuple[int, ...]] = {}

    def trait(self, grouping: Grouping, asked: Asked) -> Trait:
        """Return what a grouping tells of a unit."""
        if _by_value(grouping, asked):
            return ("holds", grouping.attribute)
        return ("level", asked.rows, frozen(grouping.meaning))

    def values(self, grouping: Grouping, asked: Asked) -> tuple[int, ...]:
        """Return for each level which values belong to it; unknown is every other."""
        if not _by_value(grouping, asked):
            alone = [1 << place for place in range(len(grouping.named))]
            return (*alone, ~sum(alone))
        if grouping not in self._levels:
            bits = self._bits.setdefault(grouping.attribute, {})
            places: dict[str, list[int]] = {level: [] for level in grouping.named}
            for value, level in grouping.values or ():
                places[level].append(bits.setdefault(value, len(bits)))
            named = [_with_bits(places[level]) for level in grouping.named]
            self._levels[grouping] = (*named, ~sum(named))  # no value belongs to two levels
        return self._levels[grouping]


def _by_value(grouping: Grouping, asked: Asked) -> bool:
    """Say whether somebody has one value, so that levels of two groupings can be compared by their values.

    A visit or a stay whose number stands in several rows may be at several places: of one level in a grouping in which
    these are together, and unknown in another.
    """
    of_place = asked.rows and grouping.by in (Stratum.CARE_SITE, Stratum.WARD)
    return grouping.values is not None and not grouping.held_by_site and not of_place


def _with_bits(places: Iterable[int]) -> int:
    several = list(places)
    packed = bytearray(max(several, default=0) // 8 + 1)
    for place in several:
        packed[place // 8] |= 1 << (place % 8)
    return int.from_bytes(packed, "little")


def of_levels(values: tuple[int, ...], levels: tuple[str, ...], among: tuple[str, ...]) -> int:
    """Return the values that belong to any of some levels."""
    found = 0
    for level in among:
        found |= values[levels.index(level)]
    return found

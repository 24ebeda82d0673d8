"""Standard populations: how many people of each age band and sex there would be in a population to compare by."""

from dataclasses import dataclass

from rounds.errors import DefinitionError
from rounds.measures.strata import LEVELS, UNKNOWN, Stratum

Group = tuple[str, str]
"""An age band and a sex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """A named, versioned standard population. Nobody of unknown sex is in one."""

    id: str
    version: int
    title: str
    people: tuple[tuple[Group, int], ...]
    """(age band, sex) and how many, for every age band and both sexes, in the order of these."""

    def __post_init__(self) -> None:
        if [group for group, _ in self.people] != list(STANDARD_GROUPS):
            raise DefinitionError("a standard population names every age band of both sexes once", field="people")
        if any(number < 1 for _, number in self.people):
            raise DefinitionError("a standard population has somebody in every group", field="people")

    @property
    def meaning(self) -> list[int]:
        """What decides a standardised rate; no id, title or version does."""
        return [number for _, number in self.people]

    def __str__(self) -> str:
        return f"{self.title} (version {self.version})"


STANDARD_GROUPS: tuple[Group, ...] = tuple(
    (band, sex) for sex in LEVELS[Stratum.SEX] if sex != UNKNOWN for band in LEVELS[Stratum.AGE_BAND]
)

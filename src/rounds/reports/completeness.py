"""How complete the records behind a measure are at each organisation, and whether that is what the measure needs."""

from dataclasses import dataclass
from enum import StrEnum


class Met(StrEnum):
    """Whether a need is met."""

    YES = "yes"
    NO = "no"
    NOT_KNOWN = "not known"
    NOTHING_NEEDED = "nothing is needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletenessLine:
    """Of one thing that a measure looks at, between which per cent is there at an organisation."""

    measure: str
    """as insights call it"""
    measure_title: str
    scope: str
    scope_name: str
    name: str
    lower: int
    upper: int
    need: int | None
    told: bool = True
    """Whether the organisation said anything of it; the bounds are 0 and 100 if not."""

    @property
    def met(self) -> Met:
        if self.need is None:
            return Met.NOTHING_NEEDED
        if self.lower >= self.need:
            return Met.YES
        return Met.NO if self.upper <= self.need else Met.NOT_KNOWN

    @property
    def withheld(self) -> bool:
        """Whether nothing is known because there are too few to say."""
        return self.told and (self.lower, self.upper) == (0, 100)

    @property
    def words(self) -> str:
        """How much is there."""
        if not self.told:
            return "not told"
        if self.withheld:
            return "withheld: too few to say"
        return f"{self.lower} to {self.upper}%"


def shortfall(line: CompletenessLine) -> str:
    """Return a sentence about a need that is not met."""
    return (
        f"The records of {line.scope_name} are less complete than this measure needs: {line.name} is there in "
        f"{line.words}, and {line.need}% are needed. Read its numbers with that in mind."
    )

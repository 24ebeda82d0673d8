"""How complete records are, as it may leave a site: between two multiples of five per cent, or not at all."""

from dataclasses import dataclass
from typing import Final

from rounds.measures.completeness import STEP_PERCENT, Share

LEAST_ROWS: Final = 200
"""Of fewer people or rows nothing is said: a step of five per cent must hold more of them than a count may show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundedShare:
    """The per cent of people or rows of which something is there, between two bounds; 0 to 100 if withheld."""

    name: str
    lower: int
    upper: int

    @property
    def withheld(self) -> bool:
        return (self.lower, self.upper) == (0, 100)


def bound_share(share: Share) -> BoundedShare:
    """Return a share as it may leave: never the exact one, and never that nothing at all is missing."""
    if share.of < LEAST_ROWS:
        return BoundedShare(name=share.name, lower=0, upper=100)
    lower = min(100 * share.filled // share.of // STEP_PERCENT * STEP_PERCENT, 100 - STEP_PERCENT)
    return BoundedShare(name=share.name, lower=lower, upper=lower + STEP_PERCENT)


def share_problem(share: BoundedShare) -> str | None:
    """Return what is wrong with a share that is to leave, or came; None if nothing is."""
    if share.withheld or (
        0 <= share.lower <= 100 - STEP_PERCENT
        and share.lower % STEP_PERCENT == 0
        and share.upper == share.lower + STEP_PERCENT
    ):
        return None
    return f"its completeness is not in steps of {STEP_PERCENT} per cent"

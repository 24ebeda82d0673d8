"""From when a member's control limits start anew: a dated fact that people state, with a reason, never a finding."""

from dataclasses import dataclass
from datetime import date

from rounds.errors import DefinitionError


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedRebase:
    """What is known to have changed in how a member's work is done or counted."""

    ods_code: str
    measure: str
    """its id"""
    since: date
    """limits are recalculated from the period that this day lies in"""
    reason: str

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise DefinitionError(
                f"{self.ods_code}, {self.measure}: limits are to start anew on {self.since} and no reason is given; "
                "say what changed"
            )

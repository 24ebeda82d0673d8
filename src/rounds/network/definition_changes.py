"""From when the counts of a measure mean something else: a dated fact that people state, never a finding."""

from dataclasses import dataclass
from datetime import date

from rounds.errors import DefinitionError


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionChange:
    """What is known to have changed in what the counts of a measure mean, though its text is the same.

    Within a round every period is counted by one version of a measure. What its words or codes come to can change all
    the same: a hospital records otherwise, or the publisher of a number counts otherwise.
    """

    measure: str
    """its id"""
    ods_code: str | None
    """at whom; None: at all members"""
    day: date
    """the first day that counts by the new definition"""
    reason: str

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise DefinitionError(
                f"{self.ods_code or 'all members'}, {self.measure}: its definition changed on {self.day} and no reason "
                "is given; say what is counted otherwise"
            )

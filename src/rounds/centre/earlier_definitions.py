"""By which definitions earlier rounds counted what a round counts: as their plans, once fixed, say."""

import json
from dataclasses import dataclass
from pathlib import Path

from rounds.centre.post import Desk
from rounds.errors import RoundsError
from rounds.exchange.folder import ExchangeFolder
from rounds.exchange.question import WireQuestion, read_question
from rounds.measures.definitions import Measure, MeasureRef
from rounds.storage.round_files import RoundDeclaration
from rounds.storage.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """The latest round before another that counted a measure by another definition."""

    round_id: str
    ref: MeasureRef

    def says(self, measure: Measure) -> str:
        """Return in words how its numbers stand beside those of the measure as it is."""
        how = (
            f"version {self.ref.version}"
            if self.ref.version != measure.version
            else f"version {self.ref.version} as it was written then"
        )
        return (
            f"Round {self.round_id} counted {measure.title} by {how}. Here every period is counted by version "
            f"{measure.version} as it is written now, so no two definitions meet in this estimate, and its numbers are "
            "not those of that round."
        )


def earlier_definition(workspace: Workspace, declared: RoundDeclaration, measure: Measure) -> Earlier | None:
    """Return the latest earlier round that was asked for a measure by another version or digest; None if there is none.

    Raises:
        RoundsError: if the plan of an earlier round cannot be read.
    """
    desk = Desk(folder=workspace.centre, exchange=ExchangeFolder(path=workspace.exchange))
    before = [one for one in workspace.rounds if (one.as_of, one.id) < (declared.as_of, declared.id)]
    for one in sorted(before, key=lambda other: (other.as_of, other.id), reverse=True):
        for ref in _refs(desk.plan_path(one.id)):
            if ref.id == measure.id:
                return None if ref == measure.ref else Earlier(round_id=one.id, ref=ref)
    return None


def _refs(plan: Path) -> tuple[MeasureRef, ...]:
    """Return which measures a plan asks for; none if the round has not begun."""
    if not plan.exists():
        return ()
    try:
        asked = json.loads(plan.read_bytes())["sites"].values()
        questions = [WireQuestion.model_validate(one) for one in asked]
    except (ValueError, KeyError, AttributeError):
        raise RoundsError(
            f"{plan}: the plan of this round cannot be read; restore it from a copy, or remove the round"
        ) from None
    return tuple(sorted({ref for one in questions for ref in read_question(one, source=str(plan)).measures}))

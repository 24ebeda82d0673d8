"""Innovations ranked by need x evidence x readiness, each as a span: what is not known is not zero, it widens the span.

Rules `rank@1`. Each of the three is from 0 to 1, as a lowest and a highest value that what is known allows. Their
products are ordered by the product of the middles, and of each innovation the ranks are given that the spans allow.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from rounds.network.innovations import EvidenceStage
from rounds.network.pipeline import (
    Approval,
    Better,
    Design,
    Evidence,
    Pipeline,
    PipelineInnovation,
    Regulatory,
)

METHOD: Final = "rank@1"

FEWEST_PEOPLE: Final = 10
MOST_PEOPLE: Final = 1_000_000
"""A need of so few people and fewer, or so many and more, is the least or the most that is told apart."""
LEAST_NEED: Final = 0.05

STRENGTH: Final[Mapping[Design, float]] = {
    Design.SYSTEMATIC_REVIEW: 1.0,
    Design.RANDOMISED: 0.9,
    Design.CONTROLLED: 0.7,
    Design.BEFORE_AFTER: 0.45,
    Design.OBSERVATIONAL: 0.45,
    Design.MODEL: 0.3,
    Design.QUALITATIVE: 0.25,
    Design.OPINION: 0.1,
}
"""How much a clear finding of a design counts; of one that is not stated anything is possible."""
NEAR: Final = 0.15
"""Studies so much weaker than the strongest are weighed with it."""

READY: Final[Mapping[EvidenceStage, float]] = {
    EvidenceStage.DEVELOPMENT: 0.15,
    EvidenceStage.PILOT: 0.4,
    EvidenceStage.EVALUATION: 0.7,
    EvidenceStage.ADOPTION: 1.0,
}
ALLOWED: Final[Mapping[Approval, tuple[float, float]]] = {
    Approval.HELD: (1.0, 1.0),
    Approval.NOT_NEEDED: (1.0, 1.0),
    Approval.IN_PROGRESS: (0.5, 1.0),
    Approval.NOT_STARTED: (0.1, 0.5),
    Approval.EXPIRED: (0.0, 0.1),
    Approval.REFUSED: (0.0, 0.1),
}
APPROVALS_UNKNOWN: Final = (0.25, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The lowest and the highest value that what is known allows, each from 0 to 1."""

    low: float
    high: float

    def __mul__(self, other: "Span") -> "Span":
        return Span(low=self.low * other.low, high=self.high * other.high)

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2


UNKNOWN: Final = Span(low=0.0, high=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One of need, evidence and readiness: its span, and why."""

    span: Span
    why: str
    missing: str = ""
    """what would settle it; empty if nothing is missing"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A need that a measure of a round shows: people or events in a year, in the network."""

    lower: float
    upper: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMeasured:
    """Why a measure shows no need, as the end of a sentence."""

    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """An innovation in its place."""

    innovation: PipelineInnovation
    stage: EvidenceStage | None
    need: Factor
    evidence: Factor
    readiness: Factor
    first: int
    """the best rank that is possible, from 1"""
    last: int
    """the worst"""

    @property
    def score(self) -> Span:
        return self.need.span * self.evidence.span * self.readiness.span

    @property
    def central(self) -> float:
        """The product of the middles, which orders the list."""
        return self.need.span.middle * self.evidence.span.middle * self.readiness.span.middle

    @property
    def missing(self) -> tuple[str, ...]:
        """What would settle its rank."""
        return tuple(one.missing for one in (self.need, self.evidence, self.readiness) if one.missing)


def ranked(
    pipeline: Pipeline,
    *,
    stages: Mapping[str, EvidenceStage] | None = None,
    measured: Mapping[str, Measured | NotMeasured] | None = None,
) -> tuple[Ranked, ...]:
    """Return a pipeline's innovations, the one that should come first first.

    Args:
        pipeline: what is known; see `Pipeline.up_to` for what was known on a day.
        stages: stages of innovations that have no dated one, by id.
        measured: needs that measures show, by the measure's id, or why one shows none.
    """
    found = []
    for one in pipeline.innovations:
        stage = stage_of(pipeline, one.id) or (stages or {}).get(one.id)
        found.append(
            Ranked(
                innovation=one,
                stage=stage,
                need=need_of(one, measured or {}),
                evidence=evidence_of([row for row in pipeline.evidence if row.innovation == one.id]),
                readiness=readiness_of(stage, [row for row in pipeline.regulatory if row.innovation == one.id]),
                first=1,
                last=1,
            )
        )
    found.sort(key=lambda row: (-row.central, row.innovation.id))
    return tuple(_placed(row, found) for row in found)


def stage_of(pipeline: Pipeline, innovation: str) -> EvidenceStage | None:
    """Return the stage that an innovation came to last; None if none is recorded."""
    reached = [row for row in pipeline.stages if row.innovation == innovation]
    return max(reached, key=lambda row: row.date).stage if reached else None


def need_of(innovation: PipelineInnovation, measured: Mapping[str, Measured | NotMeasured]) -> Factor:
    """Return how large the need is that an innovation addresses, by how many people it concerns in a year."""
    shown = measured.get(innovation.need_measure)
    unshown = f"; its measure shows nothing, because {shown.because}" if isinstance(shown, NotMeasured) else ""
    if isinstance(shown, Measured):
        span = Span(low=_by_people(shown.lower), high=_by_people(shown.upper))
        return Factor(span=span, why=shown.words)
    if innovation.people_lower is not None and innovation.people_upper is not None:
        low, high = innovation.people_lower, innovation.people_upper
        span = Span(low=_by_people(low), high=_by_people(high))
        who = f" ({innovation.need_by})" if innovation.need_by else ""
        many = f"{low:,.0f}" if low == high else f"{low:,.0f} to {high:,.0f}"
        return Factor(span=span, why=f"concerns {many} people a year{who}{unshown}")
    if isinstance(shown, NotMeasured):
        stated = f" Stated: {innovation.need_stated}" if innovation.need_stated else ""
        why = f"unknown, because {shown.because}.{stated}"
        return Factor(span=UNKNOWN, why=why, missing="how many people the need concerns")
    stated = innovation.need_stated or (f"measure {innovation.need_measure}" if innovation.need_measure else "")
    why = f"how many people it concerns is not known: {stated}" if stated else "no need is stated"
    return Factor(span=UNKNOWN, why=why, missing="how many people the need concerns")


def evidence_of(records: Sequence[Evidence]) -> Factor:
    """Return how strong the evidence is that an innovation works, by its strongest studies and what they found.

    A clear benefit counts as its design does, a clear harm 0; an interval that holds no effect at most half; a finding
    without an interval anything up to its design. Studies much weaker than the strongest are not weighed.
    """
    if not records:
        return Factor(span=UNKNOWN, why="no study is recorded", missing="any study of whether it works")
    strongest = max(STRENGTH.get(row.design, 1.0) for row in records)
    weighed = [row for row in records if STRENGTH.get(row.design, 1.0) >= strongest - NEAR]
    spans = [_of_study(row) for row in weighed]
    span = Span(low=min(one.low for one in spans), high=max(one.high for one in spans))
    said = sorted({_finding(row) for row in weighed})
    against = " They do not agree." if len({_clear(row) for row in weighed}) > 1 else ""
    words = {row.design for row in weighed}
    best = ", ".join(sorted(design.replace("_", " ") for design in words))
    more = f" ({len(records) - len(weighed)} weaker not weighed)" if len(records) > len(weighed) else ""
    missing = ""
    if any(row.lower is None for row in weighed):
        missing = "an interval around what the studies found"
    elif all(_clear(row) is None for row in weighed):
        missing = "a study large enough to tell benefit from none"
    return Factor(span=span, why=f"{best}: {'; '.join(said)}.{against}{more}", missing=missing)


def readiness_of(stage: EvidenceStage | None, approvals: Sequence[Regulatory]) -> Factor:
    """Return how ready an innovation is to be used, by its stage and the approval that it lacks most."""
    of_stage = Span(low=READY[stage], high=READY[stage]) if stage else UNKNOWN
    latest: dict[str, Regulatory] = {}
    for row in sorted(approvals, key=lambda one: one.date or date.min):
        latest[row.kind] = row
    spans = [Span(low=ALLOWED[row.status][0], high=ALLOWED[row.status][1]) for row in latest.values()]
    of_approvals = Span(
        low=min((one.low for one in spans), default=APPROVALS_UNKNOWN[0]),
        high=min((one.high for one in spans), default=APPROVALS_UNKNOWN[1]),
    )
    told = ", ".join(f"{kind} {row.status.replace('_', ' ')}" for kind, row in sorted(latest.items()))
    why = f"{stage.value if stage else 'no stage is recorded'}; {told or 'no approval is recorded'}"
    missing = [] if stage else ["its stage"]
    missing += [] if latest else ["which approvals it needs and holds"]
    return Factor(span=of_stage * of_approvals, why=why, missing=" and ".join(missing))


def _by_people(people: float) -> float:
    if people <= FEWEST_PEOPLE:
        return LEAST_NEED
    return min(max(math.log(people / FEWEST_PEOPLE) / math.log(MOST_PEOPLE / FEWEST_PEOPLE), LEAST_NEED), 1.0)


def _of_study(row: Evidence) -> Span:
    strength = STRENGTH.get(row.design)
    most = 1.0 if strength is None else strength
    least = STRENGTH[Design.OPINION] if strength is None else strength
    if row.lower is None:
        return Span(low=0.0, high=most)
    match _clear(row):
        case True:
            return Span(low=least, high=most)
        case False:
            return Span(low=0.0, high=0.0)
        case _:
            return Span(low=0.0, high=most / 2)


def _clear(row: Evidence) -> bool | None:
    """Return whether a study found a clear benefit or a clear harm; None if its interval holds no effect."""
    if row.lower is None or row.upper is None or row.no_effect is None:
        return None
    if row.lower <= row.no_effect <= row.upper:
        return None
    return (row.upper < row.no_effect) == (row.better is Better.LOWER)


def _finding(row: Evidence) -> str:
    if row.lower is None or row.upper is None:
        return f"{row.finding} (no interval)"
    verdict = {True: "better", False: "worse", None: "no clear difference"}[_clear(row)]
    about = f"{row.outcome} " if row.outcome else ""
    value = "" if row.value is None else f"{row.value:g} "
    return f"{about}{verdict}, {value}({row.lower:g} to {row.upper:g})"


def _placed(row: Ranked, all_rows: Sequence[Ranked]) -> Ranked:
    others = [one for one in all_rows if one is not row]
    above = sum(one.score.low > row.score.high for one in others)
    below = sum(one.score.high < row.score.low for one in others)
    return Ranked(
        innovation=row.innovation,
        stage=row.stage,
        need=row.need,
        evidence=row.evidence,
        readiness=row.readiness,
        first=1 + above,
        last=len(all_rows) - below,
    )

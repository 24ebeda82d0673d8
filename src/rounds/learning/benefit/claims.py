"""What is claimed beside what is known: next to each other, never merged, with a status and its reason."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from rounds.errors import DefinitionError

AS_MANY = 0.05
"""A claim this close to the number reached, relatively, may be that number."""


class Quantity(StrEnum):
    """What a number says of a programme."""

    REACHED = "reached"
    BENEFITED = "benefited"
    EFFECT = "effect"
    """how much something changed for those it concerns, such as days to diagnosis"""


class Source(StrEnum):
    """Where a number comes from."""

    CLAIM = "claim"
    EVALUATION = "evaluation"
    """somebody else's study"""
    LEDGER = "ledger"
    """the network's own estimate"""


class Status(StrEnum):
    """What the evidence makes of a claim, the gravest first."""

    CONTRADICTED = "contradicted"
    NOT_SUPPORTED = "not supported"
    SUPPORTED = "supported"
    NO_EVIDENCE = "no evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One number that somebody states, about a programme in a place and time."""

    id: str
    source: Source
    by: str
    """who says it"""
    innovation: str
    scope: str
    """an ODS code, or "network" """
    quantity: Quantity
    what: str
    """of what: a measure's id, or words such as "days to diagnosis" """
    value: float | None
    """None where only bounds are known"""
    lower: float | None = None
    upper: float | None = None
    unit: str
    first: date
    last: date
    basis: str
    """how it was come by, and where it is written"""
    dated: date
    part_of: str = ""
    """id of the number of which this is said to be a part"""
    precision: float = 0.0
    """the unit of its last digit, as printed"""

    def __post_init__(self) -> None:
        where = f"{self.source} {self.id}"
        numbers = [number for number in (self.value, self.lower, self.upper) if number is not None]
        if not all(math.isfinite(number) for number in numbers):
            raise DefinitionError(f"{where}: a number is not finite; correct it")
        if not self.unit:
            raise DefinitionError(f"{where}: it has no unit; say what it is a number of, such as patients or days")
        if self.value is None and (self.lower is None or self.upper is None):
            raise DefinitionError(f"{where}: it has no number; give one, or leave the row out")
        if (self.lower is None) != (self.upper is None):
            raise DefinitionError(f"{where}: it has one end of an interval; give both or neither")
        if (
            self.lower is not None
            and self.upper is not None
            and not self.lower <= (self.lower if self.value is None else self.value) <= self.upper
        ):
            raise DefinitionError(f"{where}: its number does not lie in its interval; correct them")
        if self.quantity is Quantity.REACHED and any(number < 0 for number in numbers):
            raise DefinitionError(f"{where}: fewer than 0 are reached; correct the number")
        if self.last < self.first:
            raise DefinitionError(f"{where}: its period ends ({self.last}) before it starts ({self.first})")
        if self.last > self.dated:
            raise DefinitionError(
                f"{where}: it is dated {self.dated}, and speaks of days until {self.last}; what is still to come is a "
                "forecast, correct the dates"
            )

    @property
    def about(self) -> tuple[str, str, Quantity, str, str]:
        """What claim and evidence must agree in to be compared."""
        return self.innovation, self.scope, self.quantity, self.what, self.unit

    @property
    def has_interval(self) -> bool:
        return self.lower is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A claim beside one piece of evidence."""

    evidence: Said
    status: Status
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimBeside:
    """A claim with all the evidence there is."""

    claim: Said
    beside: tuple[Judged, ...]
    status: Status
    because: str


def side_by_side(claims: Sequence[Said], evidence: Sequence[Said]) -> tuple[ClaimBeside, ...]:
    """Return every claim with all the evidence on the same quantity, and what that makes of it.

    Evidence speaks to a claim if it is on the same programme, scope, quantity and unit, and its period is the claim's;
    of an effect, which is not a sum, if the periods share a day.

    Args:
        claims: as they were stated, those that were replaced left out.
        evidence: evaluations and the ledger's own estimates.
    """
    return tuple(_beside(claim, [one for one in evidence if _speaks_to(one, claim)], evidence) for claim in claims)


def _speaks_to(evidence: Said, claim: Said) -> bool:
    if evidence.about != claim.about:
        return False
    if claim.quantity is Quantity.EFFECT:
        return evidence.first <= claim.last and claim.first <= evidence.last
    return (evidence.first, evidence.last) == (claim.first, claim.last)


def _beside(claim: Said, found: Sequence[Said], everything: Sequence[Said]) -> ClaimBeside:
    judged = tuple(_judge(claim, one) for one in found)
    hint = _reached_not_benefited(claim, everything)
    if not judged:
        because = f"Nothing is known of {claim.what} in {claim.unit} for this programme, place and time."
        because += _in_another_unit(claim, everything) + hint
        return ClaimBeside(claim=claim, beside=(), status=Status.NO_EVIDENCE, because=because)
    order = list(Status)
    gravest = min(judged, key=lambda one: order.index(one.status))
    differ = len({one.status for one in judged}) > 1
    because = gravest.because + (" Other evidence says otherwise; all of it is shown." if differ else "") + hint
    return ClaimBeside(claim=claim, beside=judged, status=gravest.status, because=because)


def _judge(claim: Said, evidence: Said) -> Judged:
    if claim.quantity is Quantity.REACHED:
        status, because = _judge_reached(claim, evidence)
    else:
        status, because = _judge_change(claim, evidence)
    return Judged(evidence=evidence, status=status, because=because)


def _judge_reached(claim: Said, evidence: Said) -> tuple[Status, str]:
    stated, known = _stated(claim), f"{_ends(evidence)} {evidence.unit}"
    lower, upper = _interval(evidence)
    if stated > upper:
        return Status.CONTRADICTED, f"No more than {upper:,.10g} {evidence.unit} can have been reached."
    if stated < lower:
        return Status.NOT_SUPPORTED, f"At least {lower:,.10g} {evidence.unit} were reached; the claim is below."
    return Status.SUPPORTED, f"It lies within what is known: {known}."


def _judge_change(claim: Said, evidence: Said) -> tuple[Status, str]:
    stated = _stated(claim)
    found = f"{evidence.by} found {_ends(evidence)} {evidence.unit}"
    if not evidence.has_interval:
        value = _stated(evidence)
        way = "the other way" if value * stated < 0 else "without an interval"
        return (
            Status.NOT_SUPPORTED,
            f"{found}, {way}, and gives no interval, so how sure that is cannot be said.",
        )
    lower, upper = _interval(evidence)
    if (stated > 0 and upper < 0) or (stated < 0 and lower > 0):
        return Status.CONTRADICTED, f"{found}: the whole interval lies on the other side of 0."
    if lower <= 0 <= upper:
        return Status.NOT_SUPPORTED, f"{found}: the interval includes no effect."
    if lower <= stated <= upper:
        return Status.SUPPORTED, f"{found}: the claim lies inside."
    less = "more" if abs(stated) > max(abs(lower), abs(upper)) else "less"
    return Status.NOT_SUPPORTED, f"{found}: the claim is {less} than the interval allows."


def _in_another_unit(claim: Said, everything: Sequence[Said]) -> str:
    for one in everything:
        if one.unit != claim.unit and (*one.about[:4], one.first, one.last) == (
            *claim.about[:4],
            claim.first,
            claim.last,
        ):
            return f" {one.by} counts {one.unit}, not {claim.unit}: {_ends(one)}."
    return ""


def _reached_not_benefited(claim: Said, everything: Sequence[Said]) -> str:
    """A number of those reached is often passed on as one of those who benefited: say so where it looks like that."""
    if claim.quantity is not Quantity.BENEFITED:
        return ""
    for one in everything:
        same = (one.innovation, one.scope, one.first, one.last) == (
            claim.innovation,
            claim.scope,
            claim.first,
            claim.last,
        )
        if one.quantity is Quantity.REACHED and same:
            lower, upper = _interval(one)
            if lower * (1 - AS_MANY) <= _stated(claim) <= upper * (1 + AS_MANY):
                return f" It is as many as were reached ({_ends(one)} {one.unit}); reached is not benefited."
    return ""


def _stated(said: Said) -> float:
    if said.value is not None:
        return said.value
    lower, upper = _interval(said)
    return (lower + upper) / 2.0


def _interval(said: Said) -> tuple[float, float]:
    if said.lower is not None and said.upper is not None:
        return said.lower, said.upper
    value = said.value if said.value is not None else math.nan
    return value, value


def _ends(said: Said) -> str:
    if said.lower is None or said.upper is None:
        return f"{_stated(said):+,.6g}" if said.quantity is not Quantity.REACHED else f"{_stated(said):,.6g}"
    if said.value is None:
        return f"{said.lower:,.6g} to {said.upper:,.6g}"
    return f"{said.value:,.6g} ({said.lower:,.6g} to {said.upper:,.6g})"

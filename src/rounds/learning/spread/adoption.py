"""Adoption: who uses an innovation, at which stage, since when, how fully and why."""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from rounds.errors import DefinitionError


class Stage(StrEnum):
    """The stages of adoption, in order; `stopped` ends them."""

    AWARE = "aware"
    PLANNED = "planned"
    IN_PROGRESS = "in_progress"
    LIVE = "live"
    EMBEDDED = "embedded"
    STOPPED = "stopped"


class FidelityLevel(StrEnum):
    """How fully an innovation is used where nobody counted it."""

    FULL = "full"
    PARTIAL = "partial"
    LOW = "low"


_SHARE: Final = re.compile(r"(\d{1,3}(?:\.\d{1,4})?) ?%(?: of (.+))?")
_COUNTED: Final = re.compile(r"(\d{1,7}) of (\d{1,7})(?: (.+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """How fully a member uses an innovation: a share of what it could be used for, or a level."""

    share: float | None = None
    """0 to 1, of `of`"""
    counted: tuple[int, int] | None = None
    """n and N, where the share was counted"""
    of: str = ""
    """what the share is of: "wards", "eligible patients" """
    level: FidelityLevel | None = None

    def __post_init__(self) -> None:
        if (self.share is None) == (self.level is None):
            raise DefinitionError("fidelity is a share or a level, and one of them only")
        if self.share is not None and not 0 <= self.share <= 1:
            raise DefinitionError("a share is from 0% to 100%; correct it")

    def __str__(self) -> str:
        if self.level is not None:
            return self.level.value
        if self.counted is not None:
            return f"{self.counted[0]} of {self.counted[1]}" + (f" {self.of}" if self.of else "")
        return f"{100 * (self.share or 0):.4f}".rstrip("0").rstrip(".") + "%" + (f" of {self.of}" if self.of else "")


def read_fidelity(text: str) -> Fidelity:
    """Return the fidelity that is written as "85% of eligible patients", "12 of 14 wards", "full" or "partial".

    Raises:
        DefinitionError: if it is none of these, or a share above all.

    >>> read_fidelity("12 of 14 wards").counted
    (12, 14)
    >>> str(read_fidelity("62.5 % of eligible patients"))
    '62.5% of eligible patients'
    """
    text = " ".join(text.split())
    if text.lower() in list(FidelityLevel):
        return Fidelity(level=FidelityLevel(text.lower()))
    if found := _SHARE.fullmatch(text):
        return Fidelity(share=float(found[1]) / 100, of=found[2] or "")
    if (found := _COUNTED.fullmatch(text)) and int(found[2]):
        part, whole = int(found[1]), int(found[2])
        return Fidelity(share=part / whole, counted=(part, whole), of=found[3] or "")
    levels = ", ".join(FidelityLevel)
    raise DefinitionError(f'fidelity is written as "85% of eligible patients", "12 of 14 wards" or one of {levels}')


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptionEvent:
    """A member reached a stage of an innovation on a day, or on some day of a stretch."""

    ods_code: str
    innovation: str
    stage: Stage
    day: date
    """the day, or the last on which it can have been"""
    earliest: date | None = None
    """the first day on which it can have been; None where the day is known"""
    fidelity: Fidelity | None = None
    reason: str = ""
    """why it was planned, stopped or never begun, in the words of whoever recorded it"""

    def __post_init__(self) -> None:
        if self.earliest is not None and self.earliest >= self.day:
            raise DefinitionError(
                f"member {self.ods_code}: {self.stage} of {self.innovation} has earliest {self.earliest}, which is not "
                f"before its date {self.day}; leave earliest empty where the day is known"
            )

    @property
    def first_day(self) -> date:
        """The first day on which it can have been."""
        return self.earliest or self.day


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """n of N members at a stage or beyond, on a day, against the membership as it was on that day."""

    day: date
    adopted: int
    """those who surely were"""
    members: int
    not_yet: tuple[str, ...]
    """ODS codes of the members that are not, or not surely, there; sorted"""
    maybe: tuple[str, ...] = ()
    """those of them that may be: the day is known only as a stretch that holds the one asked about"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptionCurve:
    """Coverage at the end of each period."""

    innovation: str
    stage: Stage
    points: tuple[Coverage, ...]

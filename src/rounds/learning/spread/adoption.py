"""Adoption: who uses an innovation, at which stage, since when."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Stage(StrEnum):
    """The stages of adoption, in order; `stopped` ends them."""

    AWARE = "aware"
    PLANNED = "planned"
    IN_PROGRESS = "in_progress"
    LIVE = "live"
    EMBEDDED = "embedded"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptionEvent:
    """A member reached a stage of an innovation on a day."""

    ods_code: str
    innovation: str
    stage: Stage
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """n of N members at a stage or beyond, on a day, against the membership as it was on that day."""

    day: date
    adopted: int
    members: int
    not_yet: tuple[str, ...]
    """ODS codes of the members that are not there, sorted"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptionCurve:
    """Coverage at the end of each period."""

    innovation: str
    stage: Stage
    points: tuple[Coverage, ...]

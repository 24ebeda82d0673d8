"""A cohort definition: which people, each from which day to which day."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from rounds.measures.cohorts.criteria import Correlated, Criterion, Group
from rounds.measures.cohorts.filters import CareSiteRegionFilter, ConceptSetFilter
from rounds.measures.field_names import field_names


@dataclass(frozen=True, slots=True, kw_only=True)
class ConceptItem:
    """One line of a concept set."""

    concept_id: int
    name: str
    excluded: bool
    descendants: bool
    mapped: bool
    """With the concepts that map to it, or to its descendants if these are meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConceptSet:
    """What its included lines mean, without what its excluded lines mean."""

    id: int
    name: str
    items: tuple[ConceptItem, ...]


class Limit(StrEnum):
    """Which of a person's events go on."""

    ALL = "all"
    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrimaryCriteria:
    """The events that may start a person's time in the cohort, each within an observation period."""

    criteria: tuple[Criterion, ...]
    prior_days: int
    """Days of observation needed before the event."""
    post_days: int
    limit: Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class InclusionRule:
    """A named group of conditions on the events that start a cohort entry."""

    name: str
    group: Group


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationEnd:
    """An entry ends with the observation period of its event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DateOffset:
    """An entry ends so many days after its event starts or ends, and no later than the observation period."""

    from_end: bool
    offset_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuousExposure:
    """An entry ends with the run of drug exposures its event falls into, and no later than the observation period."""

    concept_set: int
    gap_days: int
    offset_days: int
    days_supply: int | None
    """How long each exposure lasts, instead of what the records say."""


EndStrategy = ObservationEnd | DateOffset | ContinuousExposure


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortDefinition:
    """What ATLAS calls a cohort expression. Made by `circe.read_circe`.

    Primary events that meet the additional criteria, and are left by the qualified limit, qualify. Those that meet all
    inclusion rules, and are left by the expression limit, start entries. An entry ends at the earliest of the end
    strategy's day and the censoring events. Entries of a person that touch, within `era_pad_days`, become one. At last
    the censor window cuts what lies outside it.
    """

    name: str
    concept_sets: tuple[ConceptSet, ...]
    primary: PrimaryCriteria
    additional: Group | None
    qualified_limit: Limit
    """Looked at only if there are additional criteria."""
    rules: tuple[InclusionRule, ...]
    expression_limit: Limit
    end: EndStrategy
    censoring: tuple[Criterion, ...]
    era_pad_days: int
    censor_start: date | None
    censor_end: date | None

    @property
    def digest(self) -> str:
        """The SHA-256 of everything that decides who is in the cohort: all but names."""
        text = json.dumps(_meaning(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def criteria(self) -> Iterator[Criterion]:
        """Give every criterion, nested ones too."""
        groups = [group for group in (self.additional, *(rule.group for rule in self.rules)) if group is not None]
        pending: list[Criterion | Group] = [*self.primary.criteria, *self.censoring, *groups]
        while pending:
            part = pending.pop()
            if isinstance(part, Group):
                pending += [
                    member.criterion if isinstance(member, Correlated) else member
                    for member in part.members
                    if isinstance(member, Correlated | Group)
                ]
                continue
            yield part
            if part.correlated is not None:
                pending.append(part.correlated)

    def groups(self) -> Iterator[Group]:
        """Give every group of conditions, nested ones too."""
        pending = [group for group in (self.additional, *(rule.group for rule in self.rules)) if group is not None]
        pending += [criterion.correlated for criterion in self.criteria() if criterion.correlated is not None]
        while pending:
            group = pending.pop()
            yield group
            pending += [member for member in group.members if isinstance(member, Group)]

    def used_concept_sets(self) -> frozenset[int]:
        """Return the ids of the concept sets that something refers to."""
        used = {self.end.concept_set} if isinstance(self.end, ContinuousExposure) else set()
        filters = [each for group in self.groups() for member in group.members for each in _filters(member)]
        for criterion in self.criteria():
            used |= {each for each in (criterion.concept_set, criterion.source_concept_set) if each is not None}
            filters += criterion.filters
        for each in filters:
            if isinstance(each, ConceptSetFilter | CareSiteRegionFilter) and each.concept_set is not None:
                used.add(each.concept_set)
        return frozenset(used)


def _filters(member: object) -> tuple[object, ...]:
    return getattr(member, "filters", ())


def _meaning(part: object) -> object:
    if isinstance(part, tuple):
        return [_meaning(each) for each in part]
    names = field_names(type(part))
    if names is not None:
        kept = {name: _meaning(getattr(part, name)) for name in names if name != "name"}
        return {"kind": type(part).__name__, **kept}
    return part.isoformat() if isinstance(part, date) else part

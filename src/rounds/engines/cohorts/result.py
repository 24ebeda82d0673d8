"""What an engine finds for a cohort definition."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from rounds.measures.cohorts.definition import CohortDefinition

ENTRIES_SCHEMA = pl.Schema({"person_id": pl.Int64(), "start_date": pl.Date(), "end_date": pl.Date()})


@dataclass(frozen=True, slots=True, kw_only=True)
class InclusionCount:
    """How many a rule leaves."""

    rule: str
    people_meeting: int
    """People with an event that meets this rule, whatever the others say."""
    people_remaining: int
    """People with an event that meets this rule and all rules before it."""
    events_remaining: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How many people and events meet which rules. Rule number n is bit n of a mask."""

    events: Mapping[int, int]
    """Qualifying events by the rules they meet: ATLAS's `cohort_inclusion_result` of mode 0."""
    people: Mapping[int, int]
    """People by the rules that their best event meets: mode 1.

    Best is what meets most rules, then the earliest rule, then is earliest.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortResult:
    """A cohort at one site. These are people: nothing of it leaves the site uncounted."""

    entries: pl.DataFrame
    """As `ENTRIES_SCHEMA`, in order of person and start; the entries of a person do not overlap."""
    qualifying_people: int
    """People with an event that the inclusion rules were asked about."""
    inclusion_counts: tuple[InclusionCount, ...]
    judged: Judged
    empty_concept_sets: tuple[str, ...]
    """Names of the concept sets that are used and mean no concept of this site's vocabulary."""


def empty_names(definition: CohortDefinition, concepts: Mapping[int, frozenset[int]]) -> tuple[str, ...]:
    """Return the names of the concept sets that mean nothing at a site."""
    return tuple(each.name or str(each.id) for each in definition.concept_sets if concepts.get(each.id) == frozenset())

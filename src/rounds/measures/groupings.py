"""Groupings: the few named levels that ethnicity, deprivation, areas, care sites and wards are counted by.

A grouping is a reviewed list: which column is looked at, which levels there are, and which of its values belong to
which level. Whatever is in no list is `unknown`, so that no code, postcode or name of a place becomes a label.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rounds.errors import DefinitionError
from rounds.measures.events import WITH_STAY, WITH_VISIT, EventTable, asked_of
from rounds.measures.strata import UNKNOWN, Stratum

MOST_LEVELS: Final = 50
"""More is a list of places, not a way to see a difference. England has 42 integrated care boards."""

MOST_VALUES: Final = 50_000
"""England has some 34,000 small areas."""

_LABEL: Final = re.compile(r"[^\W_][\w ,.+/()&'-]{0,39}")
_LIKE_AN_ID: Final = re.compile(r"[0-9]{5}")
_SPOILT: Final = re.compile(r"[\x00-\x1f\x7f\\]")


class Attribute(StrEnum):
    """The columns whose values may be grouped."""

    RACE = "person.race_concept_id"
    RACE_SOURCE = "person.race_source_concept_id"
    ETHNICITY = "person.ethnicity_concept_id"
    ETHNICITY_SOURCE = "person.ethnicity_source_concept_id"
    AREA_CODE = "location.location_source_value"
    POSTCODE = "location.zip"
    COUNTY = "location.county"
    STATE = "location.state"
    CARE_SITE_CODE = "care_site.care_site_source_value"
    CARE_SITE_NAME = "care_site.care_site_name"

    @property
    def table(self) -> str:
        return self.partition(".")[0]

    @property
    def column(self) -> str:
        return self.partition(".")[2]

    @property
    def is_concept(self) -> bool:
        return self.table == "person"


_TABLES: Final = {
    Stratum.ETHNICITY: "person",
    Stratum.DEPRIVATION: "location",
    Stratum.AREA: "location",
    Stratum.CARE_SITE: "care_site",
    Stratum.WARD: "care_site",
}
GROUPED: Final = tuple(_TABLES)
"""The strata whose levels a grouping says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """Levels, and which values of a column belong to each. A text is compared without the spaces around it."""

    id: str
    version: int
    title: str
    by: Stratum
    attribute: Attribute
    named: tuple[str, ...]
    """The levels in the order in which they are shown, without `unknown`."""
    values: tuple[tuple[str, str], ...] | None = None
    """(value, level) pairs, sorted by value; concepts are written as their ids. None where the site's are not known."""
    held_by_site: bool = False
    """Each site says itself which of its values belong to which level: only it knows what its wards are called."""

    def __post_init__(self) -> None:
        if self.by not in _TABLES:
            raise DefinitionError(f"{self.by} has levels of its own and needs no grouping", field="by")
        if self.attribute.table != _TABLES[self.by]:
            allowed = " or ".join(one for one in Attribute if one.table == _TABLES[self.by])
            raise DefinitionError(f"{self.by} is grouped by {allowed}, not {self.attribute}", field="attribute")
        self._check_levels()
        if self.values is None and not self.held_by_site:
            raise DefinitionError("no value belongs to any level; name some", field="values")
        self._check_values()

    def _check_levels(self) -> None:
        if not 1 <= len(self.named) <= MOST_LEVELS:
            raise DefinitionError(f"a grouping has 1 to {MOST_LEVELS} levels, not {len(self.named)}", field="levels")
        for level in self.named:
            if level == UNKNOWN:
                raise DefinitionError(f"`{UNKNOWN}` is there in any case; remove it", field="levels")
            if not _LABEL.fullmatch(level) or _LIKE_AN_ID.search(level):
                raise DefinitionError(
                    f"`{level}` is no level: write a few plain words, 40 letters at most and no long numbers",
                    field="levels",
                )
        if len(set(self.named)) != len(self.named):
            raise DefinitionError("a level is named twice; keep one", field="levels")

    def _check_values(self) -> None:
        values = self.values or ()
        if len(values) > MOST_VALUES:
            raise DefinitionError(f"a grouping has at most {MOST_VALUES:,} values, not {len(values):,}", field="values")
        seen = {value for value, _ in values}
        if len(seen) != len(values):
            raise DefinitionError("a value belongs to two levels, or is written twice; keep one", field="values")
        for value, level in values:
            if level not in self.named:
                raise DefinitionError(f"`{level}` is not among the levels; add it or correct it", field="values")
            if not value or value != value.strip(" ") or _SPOILT.search(value):
                raise DefinitionError("a value is empty, or has a space or a sign that no code has", field="values")
            if self.attribute.is_concept and not re.fullmatch(r"0|[1-9][0-9]{0,17}", value):
                raise DefinitionError(
                    f"{self.attribute} holds concepts; write their ids, digits only and no leading zeros",
                    field="values",
                )
        if not self.held_by_site and set(self.named) != {level for _, level in values}:
            raise DefinitionError("a level has no value; add one or remove the level", field="levels")

    @property
    def levels(self) -> tuple[str, ...]:
        """Every level, `unknown` last."""
        return (*self.named, UNKNOWN)

    @property
    def meaning(self) -> dict[str, object]:
        """What decides which level something is of. What each site says itself is not in it, but its name is."""
        if self.held_by_site:
            said = f"by each site as {self.id} v{self.version}"
        else:
            said = hashlib.sha256(json.dumps(self.values).encode()).hexdigest()
        return {"by": self.by, "attribute": self.attribute, "levels": self.named, "values": said}


def check_grouped(grouping: Grouping, *, of: EventTable | None) -> None:
    """Raise unless rows of a table, or people in a period if there is no table, have a level of a grouping.

    Raises:
        DefinitionError: if they name no visit or no stay in a unit.
    """
    if grouping.by is Stratum.CARE_SITE and of is not None and of not in WITH_VISIT:
        raise DefinitionError(f"{asked_of(of)} does not say during which visit it happened, so it has no care site")
    if grouping.by is Stratum.WARD and of not in WITH_STAY:
        raise DefinitionError(f"{asked_of(of)} has no one ward; count rows of visit_detail, or events that name one")

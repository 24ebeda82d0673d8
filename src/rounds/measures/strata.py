"""Strata: the coarse, registered groups a count may be split by."""

from enum import StrEnum
from typing import Final


class Stratum(StrEnum):
    """A way to split a count. Which levels the later ones have is said by a grouping, see `groupings`."""

    AGE_BAND = "age_band"
    SEX = "sex"
    ETHNICITY = "ethnicity"
    DEPRIVATION = "deprivation"
    AREA = "area"
    CARE_SITE = "care_site"
    WARD = "ward"


AGE_BANDS: tuple[tuple[str, int, int], ...] = (
    ("0-17", 0, 17),
    ("18-39", 18, 39),
    ("40-59", 40, 59),
    ("60-79", 60, 79),
    ("80+", 80, 150),
)
"""Label, youngest and oldest age in years, both included."""

SEX_BY_CONCEPT: dict[int, str] = {8532: "female", 8507: "male"}
"""OMOP gender concepts that have a level of their own."""

UNKNOWN_SEX_CONCEPTS: frozenset[int] = frozenset({0, 8521, 8551, 8570})
"""No matching concept, other, unknown and ambiguous: counted as `unknown`."""

UNKNOWN: Final = "unknown"
"""The last level of every stratum but age: what is not recorded, or is in no list, is counted and never dropped."""

LEVELS: dict[Stratum, tuple[str, ...]] = {
    Stratum.AGE_BAND: tuple(label for label, _, _ in AGE_BANDS),
    Stratum.SEX: ("female", "male", UNKNOWN),
}
"""Every level of the strata that need no grouping. A count carries all, so that its shape says nothing of patients."""


def age_band(age_years: int) -> str:
    """Return the band of an age. Somebody born in the period, after its first day, is not yet 0 and in the youngest.

    Ages above 150 are a records error, found before anything is counted.

    >>> age_band(40)
    '40-59'
    """
    for label, _, oldest in AGE_BANDS:
        if age_years <= oldest:
            return label
    raise ValueError("an age above 150 has no age band")

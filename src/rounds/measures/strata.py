"""Strata: the coarse, registered groups a count may be split by."""

from enum import StrEnum


class Stratum(StrEnum):
    """A way to split a count."""

    AGE_BAND = "age_band"
    SEX = "sex"


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

LEVELS: dict[Stratum, tuple[str, ...]] = {
    Stratum.AGE_BAND: tuple(label for label, _, _ in AGE_BANDS),
    Stratum.SEX: ("female", "male", "unknown"),
}
"""Every level of every stratum. A count carries all of them, so that its shape says nothing about the patients."""


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

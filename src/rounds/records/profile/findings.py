"""What was found out about a site's records, and what a check of them came to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import polars as pl

from rounds.measures.quality import CATEGORY, Category, Check
from rounds.records.profile.lives import Lives
from rounds.records.profile.scan import TableProfile


class Verdict(StrEnum):
    """What a check came to."""

    FAILED = "failed"
    PASSED = "passed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check of one table, column or concept. Its numbers are exact: it stays at the site."""

    check: Check
    table: str
    verdict: Verdict
    column: str = ""
    subject: str = ""
    """which concept, unit or months, if not the whole table"""
    broken: int = 0
    of: int = 0
    at_most: float = 0.0
    because: str = ""
    """why it was not checked, or why so much is borne"""

    @property
    def category(self) -> Category:
        return CATEGORY[self.check]

    @property
    def percent(self) -> float:
        """How many of a hundred, from 0."""
        return 100 * self.broken / self.of if self.of else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything that was found out about a site's records."""

    lives: Lives
    tables: tuple[TableProfile, ...]
    structure: tuple[Finding, ...]
    """tables and columns that could not be read at all"""
    concepts: pl.DataFrame | None
    """of those that occur: concept, standard, domain, and sex where only one can have it; None without a vocabulary"""
    links: Mapping[tuple[str, str], tuple[int, int] | None]
    """by table and column that names a visit or place: rows that name one that is not there, and rows that name one;
    None where the table of these is missing"""
    values: Mapping[str, Mapping[tuple[str, int], tuple[int, int]]] = field(default_factory=dict)
    """by table: values outside what is plausible, and values, by quantity and concept"""
    deaths: int = 0
    """rows of `death` beyond the first of a person"""
    born: tuple[int, int] = (0, 0)
    """people with an impossible year of birth, and people"""

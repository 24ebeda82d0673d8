"""The `published:` block of a site.yaml: where a file of published aggregates keeps what a measure needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from rounds.measures.periods import Grain
from rounds.storage.csv_files import CsvDialect, Encoding
from rounds.storage.yaml_files import Definition

DECLARED_IN = "the `published` block of site.yaml"


class UnknownOrganisations(StrEnum):
    """What to do with rows of organisations that are not members."""

    REFUSE = "refuse"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedColumns:
    """The two columns a measure is made of."""

    numerator: str
    denominator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSource:
    """A file of counts per organisation and period, and how its columns map to ours."""

    file: Path
    organisation: str
    """the column of ODS codes"""
    period: str
    """the column of dates; a row is about the calendar month, quarter or year its date lies in, as `covers` says"""
    filters: Mapping[str, tuple[str, ...]]
    """column -> the values whose rows are counted; rows are summed over them"""
    measures: Mapping[str, PublishedColumns]
    """measure id -> its columns"""
    dialect: CsvDialect
    covers: Grain = Grain.MONTH
    """how long a time one row is about: a month, a quarter or a year"""
    unknown_organisations: UnknownOrganisations = UnknownOrganisations.REFUSE


class _ColumnsModel(Definition):
    numerator: str = Field(min_length=1)
    denominator: str = Field(min_length=1)


class PublishedBlock(Definition):
    """The block as it is written.

    published:
      file: ae_attendances.csv
      organisation: org_code
      period: period
      date_format: "%Y-%m-%d"          # may be left out for YYYY-MM-DD
      covers: quarter                  # month, quarter or year: what one row is about; month if left out
      filters: {type: ["1"]}           # optional
      measures:
        ae-type1-over-4-hours: {numerator: breaches, denominator: attendances}
      encoding: latin-1                # optional; UTF-8 if left out
      thousands: ","                   # optional
      not_published: ["*"]             # optional: cells that mean the same as an empty one
      unknown_organisations: ignore    # optional; refuse if left out
    """

    file: str = Field(min_length=1)
    organisation: str = Field(min_length=1)
    period: str = Field(min_length=1)
    date_format: str | None = None
    covers: Literal[Grain.MONTH, Grain.QUARTER, Grain.YEAR] = Grain.MONTH
    filters: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    measures: dict[str, _ColumnsModel] = Field(min_length=1)
    encoding: Encoding = Encoding.UTF_8
    thousands: Literal[",", ".", " ", "'"] | None = None
    not_published: tuple[str, ...] = ()
    unknown_organisations: UnknownOrganisations = UnknownOrganisations.REFUSE

    @field_validator("date_format")
    @classmethod
    def _says_year_and_month(cls, value: str | None) -> str | None:
        if value is not None and not ("%Y" in value and any(part in value for part in ("%m", "%B", "%b"))):
            raise ValueError('say where year and month stand, as in "%d/%m/%Y" or "%B %Y"')
        return value

    @field_validator("filters")
    @classmethod
    def _allows_something(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for column, allowed in value.items():
            if not allowed:
                raise ValueError(f"the filter on {column} allows no value; name at least one or remove it")
        return value

    def source(self, folder: Path) -> PublishedSource:
        """Return what the block says, for a file in the site's folder."""
        return PublishedSource(
            file=folder / self.file,
            organisation=self.organisation,
            period=self.period,
            covers=self.covers,
            filters=dict(self.filters),
            measures={
                measure: PublishedColumns(numerator=columns.numerator, denominator=columns.denominator)
                for measure, columns in self.measures.items()
            },
            dialect=CsvDialect(
                encoding=self.encoding,
                thousands=self.thousands,
                date_format=self.date_format,
                blank_marks=self.not_published,
                declared_in=DECLARED_IN,
            ),
            unknown_organisations=self.unknown_organisations,
        )

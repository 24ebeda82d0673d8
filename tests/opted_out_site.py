"""A small hospital whose people have NHS numbers, some of whom have opted out."""

import os
from collections.abc import Collection
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from rounds.disclosure.policy import Policy, SitePolicy, Terms
from rounds.records.nhs_numbers import are_valid
from rounds.records.synthetic.tables import vocabulary_tables
from rounds.site.folder import RecordsBlock, Site, read_site
from rounds.storage.library import Library

PEOPLE = 30
SETTINGS = """site: hospital
policy: hes
records: {{member: ZZ1}}
opt_outs: {{nhs_numbers: numbers.csv, without_number: {without}{more}}}
"""


class Silent:
    """Progress that nobody watches."""

    def step(self, title: str, total: int) -> None:
        """Say nothing."""

    def advance(self) -> None:
        """Say nothing."""


def valid_numbers(many: int, *, first: int = 9_000_000_000) -> list[int]:
    """Return NHS numbers of the range that is kept for tests."""
    some = np.arange(first, first + 12 * many + 100)
    return [int(number) for number in some[are_valid(some)][:many]]


NUMBERS = dict(zip(range(1, PEOPLE + 1), valid_numbers(PEOPLE), strict=True))
"""By person_id."""


def bare_site(folder: Path) -> Site:
    """Return a site with nothing in its folder, for what needs neither records nor a library."""
    folder.mkdir(parents=True, exist_ok=True)
    review = {"author": "A", "reviewer": "B", "next_review": date(2030, 1, 1)}
    return Site(
        id="hospital",
        folder=folder,
        policy=SitePolicy(name="hes", terms=Terms(rule=Policy.HES), **review),
        source=RecordsBlock(member="ZZ1"),
        library=Library(
            measures=(), code_lists=(), groupings=(), standards=(), scores=(), person_scores=(), innovations=()
        ),
    )


def write_numbers(folder: Path, *, without: Collection[int] = ()) -> None:
    """Write who has which number; some have none."""
    rows = (f"{person},{'' if person in without else number}\n" for person, number in NUMBERS.items())
    (folder / "numbers.csv").write_text("person_id,nhs_number\n" + "".join(rows), encoding="utf-8")


def write_list_of(path: Path, people: Collection[int]) -> Path:
    """Write a list as the service does, of some people, long ago."""
    path.write_text("".join(f"{NUMBERS[person]:010d},\n" for person in people), encoding="ascii")
    os.utime(path, (0, 0))
    return path


def write_hospital(folder: Path, *, without: str = "exclude", more: str = "", people: Collection[int] = ()) -> Site:
    """Write a hospital with thirty people, or those named, each with a visit in 2024."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "site.yaml").write_text(SETTINGS.format(without=without, more=more), encoding="utf-8")
    write_tables(folder / "records", people or range(1, PEOPLE + 1))
    write_numbers(folder)
    return read_site(folder)


def write_tables(records: Path, people: Collection[int]) -> None:
    """Write the tables of some people: odd ones are women, every third died in hospital."""
    frame = pl.DataFrame({"person_id": sorted(people)}).with_columns(
        gender_concept_id=pl.when(pl.col("person_id") % 2 == 1).then(8532).otherwise(8507), year_of_birth=pl.lit(1960)
    )
    spans = frame.select(
        "person_id",
        observation_period_start_date=pl.date(2023, 1, 1),
        observation_period_end_date=pl.date(2024, 3, 31),
    )
    visits = frame.select(
        "person_id",
        visit_occurrence_id=pl.col("person_id"),
        visit_concept_id=pl.lit(9201),
        visit_start_date=pl.date(2024, 2, 1),
        visit_end_date=pl.date(2024, 2, 2),
    )
    deaths = frame.filter(pl.col("person_id") % 3 == 0).select("person_id", death_date=pl.date(2024, 2, 2))
    records.mkdir(parents=True, exist_ok=True)
    tables = {"person": frame, "observation_period": spans, "visit_occurrence": visits, "death": deaths}
    for name, table in (tables | vocabulary_tables()).items():
        table.write_parquet(records / f"{name}.parquet")

"""A made-up source that is exported at the end of each month: everything, or what is new since the last time."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

ENDS: Final = (date(2023, 1, 31), date(2023, 2, 28), date(2023, 3, 31))
_OVERLAP: Final = timedelta(days=3)
"""So far an export of what is new looks back behind the one before."""
_PEOPLE: Final = 60
_EVENTS: Final = {
    "condition_occurrence": ("condition_concept_id", "condition_start_date", 11),
    "drug_exposure": ("drug_concept_id", "drug_exposure_start_date", 11),
    "measurement": ("measurement_concept_id", "measurement_date", 3020891),
}
EVENT_TABLES: Final = ("visit_occurrence", *_EVENTS, "death")


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlySite:
    """Writes exports as CSV files. In one of `more` people and rows everything is that much larger."""

    more: int = 1

    def export(self, folder: Path, month: int, *, since_last: bool = False, without: tuple[str, ...] = ()) -> Path:
        """Write what the source has at the end of a month.

        Args:
            folder: where to; made if need be.
            month: 1 to 3.
            since_last: whether only what is new or other than at the end of the month before.
            without: tables that are left out.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in self._tables(month, since_last=since_last).items():
            if name not in without:
                frame.write_csv(folder / f"{name}.csv")
        return folder

    def _tables(self, month: int, *, since_last: bool) -> dict[str, pl.DataFrame]:
        end = ENDS[month - 1]
        before = ENDS[month - 2] if since_last else date(2000, 1, 1)
        rng = np.random.default_rng(7)
        people = self._people(rng)
        came, moved = people["came"] <= end, (people["person_id"] % 9 == 0) & (month > 2)
        there = people.filter(came)
        whom = there.filter((pl.col("came") > before) | (moved.filter(came) & (before.year > 2000)))
        visits = self._visits(rng, people).filter(pl.col("visit_start_date") <= end)
        going_on = pl.col("visit_end_date") > before
        tables = {
            "person": (whom if since_last else there)
            .with_columns(care_site_id=pl.when(pl.col("person_id") % 9 == 0).then(1 + month // 3).otherwise(1))
            .drop("came"),
            "observation_period": there.select(
                observation_period_id=pl.col("person_id"),
                person_id=pl.col("person_id"),
                observation_period_start_date=pl.col("came"),
                observation_period_end_date=pl.lit(end),
                period_type_concept_id=pl.lit(32817),
            ),
            "visit_occurrence": visits.filter((pl.col("visit_start_date") > before) | going_on).with_columns(
                visit_end_date=pl.min_horizontal("visit_end_date", pl.lit(end))
            ),
            "care_site": pl.DataFrame({"care_site_id": [1, 2], "care_site_name": ["A", "B"]}).filter(
                pl.col("care_site_id") <= 1 + month // 3
            ),
            "death": people.filter((pl.col("person_id") % 17 == 0) & (pl.col("came").dt.year() == 2022))
            .select("person_id", death_date=pl.lit(date(2023, 1, 1)) + pl.duration(days=pl.col("person_id") * 19 % 88))
            .filter(pl.col("death_date").is_between(before + timedelta(days=1), end)),
        }
        for name, (concept, start, of) in _EVENTS.items():
            rows = self._events(rng, people, name, concept, start, of)
            tables[name] = rows.filter((rows[start] > before - _OVERLAP) & (rows[start] <= end))
        if not since_last:
            known = {11: "", 9201: "", 9202: "", 3020891: "", 500: "[degF]", 586323: "Cel"}
            units = [("UCUM" if code else "made-up", code or str(number)) for number, code in known.items()]
            vocabulary, codes = zip(*units, strict=True)
            tables["concept"] = pl.DataFrame(
                {"concept_id": list(known), "concept_name": codes, "vocabulary_id": vocabulary, "concept_code": codes}
            )
            tables["concept_ancestor"] = pl.DataFrame({"ancestor_concept_id": [11], "descendant_concept_id": [11]})
        return tables

    def _people(self, rng: np.random.Generator) -> pl.DataFrame:
        number = _PEOPLE * self.more
        later = (date(2023, 2, 1), date(2023, 3, 1))
        came = [date(2022, 1, 1) if one < number * 9 // 10 else later[one % 2] for one in range(number)]
        return pl.DataFrame(
            {
                "person_id": np.arange(1, number + 1),
                "gender_concept_id": rng.choice([8507, 8532], number),
                "year_of_birth": rng.integers(1930, 2010, number),
                "came": came,
            }
        )

    def _visits(self, rng: np.random.Generator, people: pl.DataFrame) -> pl.DataFrame:
        number = 4 * len(people)
        whose = people.sample(number, with_replacement=True, seed=1)
        start = whose.select(pl.max_horizontal("came", pl.lit(date(2023, 1, 1)) + pl.Series(_days(rng, number, 88))))
        first = start.to_series().alias("visit_start_date")
        return pl.DataFrame(
            {
                "visit_occurrence_id": np.arange(1, number + 1) * 10,
                "person_id": whose["person_id"],
                "visit_concept_id": rng.choice([9201, 9202], number),
                "visit_start_date": first,
                "visit_end_date": first + pl.Series(_days(rng, number, 12)),
            }
        )

    def _events(
        self, rng: np.random.Generator, people: pl.DataFrame, name: str, concept: str, start: str, of: int
    ) -> pl.DataFrame:
        number = 10 * len(people)
        whose = people.sample(number, with_replacement=True, seed=len(name))
        day = whose.select(pl.max_horizontal("came", pl.lit(date(2022, 11, 1)) + pl.Series(_days(rng, number, 149))))
        columns = {
            f"{name}_id": rng.permutation(number) + 1,
            "person_id": whose["person_id"],
            concept: np.full(number, of),
            start: day.to_series(),
        }
        if name == "measurement":
            fahrenheit = rng.random(number) < 0.3
            celsius = rng.normal(37, 1, number).round(2)
            columns["value_as_number"] = np.where(fahrenheit, celsius * 9 / 5 + 32, celsius).round(2)
            columns["unit_concept_id"] = np.where(fahrenheit, 500, 586323)
        return pl.DataFrame(columns)


def _days(rng: np.random.Generator, number: int, most: int) -> np.ndarray:
    return rng.integers(0, most, number).astype("timedelta64[D]").astype("timedelta64[us]")

"""The truth that stands beside synthetic records: what was planted, and what a count should find."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rounds.records.synthetic.population.activities import REVIEWED
from rounds.records.synthetic.population.drugs import STARTED_WITHIN_DAYS
from rounds.records.synthetic.population.laboratory import HIGH_HBA1C, LOWEST_HBA1C
from rounds.records.synthetic.population.places import HBA1C_HIGH, METFORMIN_STARTED, PROGRAMME_RATE_RATIO, Places
from rounds.records.synthetic.population.plan import FIRST_DAY, LAST_DAY, NEVER, YEARS, Ints, Population
from rounds.records.synthetic.population.rates import CONDITIONS, DEPRIVATION_GRADIENT
from rounds.records.synthetic.population.tally import MEASURED, Tally
from rounds.records.synthetic.population.vitals import OBSERVED_ON_ADMISSION, UNWELL_SHARE
from rounds.records.synthetic.population.vocabulary import CODING_CHANGES

_MEANS = {
    "prevalence": "of people observed on 1 July, those with a record of the condition on that day or before",
    "incidence": "of people observed on every day of the year and of the one before, with no record of the condition "
    "before the year, those with a first record in it",
    "deaths": "of people observed on 1 January, those who died in the year without an interruption of the observation",
    "expected": "the mean of the count, given who is asked; variance is its variance; drawn is what the records hold",
    "hba1c_high": f"share of HbA1c values of {HIGH_HBA1C} mmol/mol or more in each year, over people with a record of "
    f"diabetes; of all such values, and of the last of each person and year. Values below {LOWEST_HBA1C} and those in "
    "per cent are to be converted, missing ones left out",
    "hba1c_checked": "by practice: of its people with a record of type 2 diabetes before the year who are observed on "
    "every day of it, the share with an HbA1c in it, whether or not its value is missing",
    "metformin_started": f"of people with type 2 diabetes observed for {STARTED_WITHIN_DAYS} days after its first "
    f"record, the share with metformin on one of the {STARTED_WITHIN_DAYS} days from that record on",
    "arrests_per_1000_stays": "by hospital: stays with a cardiac arrest, before the day of embedding; from that day on "
    "the rate is multiplied by programme_rate_ratio",
    "over_four_hours": "by hospital: share of A&E visits that last longer than 240 minutes",
    "news2_high": "by hospital: share of complete sets of vital signs during a stay (same visit, same time) that score "
    "7 or more in NEWS2",
    "rows": "as written; everything else in this file describes settled records, whatever as_of",
}


def truth(
    plan: Population, *, tallies: list[Tally], places: list[Places], rows: list[dict[str, int]], known_twice: int
) -> dict[str, Any]:
    """Return what stands in truth.json.

    Args:
        plan: what is laid down.
        tallies: of each site.
        places: of each site.
        rows: of each site, by table.
        known_twice: people who are known at two sites.
    """
    return {
        "seed": plan.seed,
        "people": plan.people,
        "as_of": plan.as_of.isoformat() if plan.as_of else None,
        "first_day": FIRST_DAY.isoformat(),
        "last_day": LAST_DAY.isoformat(),
        "known_at_two_sites": known_twice,
        "means": _MEANS,
        "hba1c_high": dict(zip(map(str, YEARS), HBA1C_HIGH, strict=True)),
        "metformin_started": METFORMIN_STARTED,
        "programme_rate_ratio": PROGRAMME_RATE_RATIO,
        "observed_on_admission": OBSERVED_ON_ADMISSION,
        "news2_five_or_six": UNWELL_SHARE,
        "bedside_review": REVIEWED,
        "deprivation_gradient": list(DEPRIVATION_GRADIENT),
        "flaws": {name: getattr(plan.flaws, name) for name in plan.flaws.__slots__},
        "coding_changes": [
            {
                "name": change.name,
                "before": change.before,
                "after": change.after,
                "first_day": np.datetime64(change.day, "D").item().isoformat(),
            }
            for change in CODING_CHANGES
        ],
        "sites": [
            {
                "site": plan.site_name(number),
                "residents": plan.residents[number],
                "rows": rows[number],
                **_counts(tallies[number]),
                **_places(places[number]),
            }
            for number in range(plan.sites)
        ],
    }


def _counts(counted: Tally) -> dict[str, Any]:
    return {
        "prevalence": {condition.name: _by_year(counted.prevalence[row]) for row, condition in enumerate(CONDITIONS)},
        "incidence": {condition.name: _by_year(counted.incidence[row]) for row, condition in enumerate(CONDITIONS)},
        "deaths": _by_year(counted.deaths),
    }


def _by_year(measured: NDArray[np.float64]) -> dict[str, dict[str, float]]:
    return {
        str(year): dict(zip(MEASURED, (int(row[0]), round(row[1], 3), round(row[2], 3), int(row[3])), strict=True))
        for year, row in zip(YEARS, measured, strict=True)
        if row[0]
    }


def _places(places: Places) -> dict[str, Any]:
    hospitals = np.arange(places.hospitals, dtype=np.int32)
    practices = np.arange(places.practices, dtype=np.int32)
    return {
        "hospitals": [
            {
                "care_site_id": care_site,
                "arrests_per_1000_stays": round(1000 * float(places.arrests[row]), 4),
                "embedded": _day(places.embedded, row),
                "over_four_hours": round(float(places.over_four_hours[row]), 4),
                "news2_high": round(float(places.news2_high[row]), 4),
            }
            for row, care_site in enumerate(places.hospital_id(hospitals).tolist())
        ],
        "practices": [
            {"care_site_id": care_site, "hba1c_checked": round(float(places.checked[row]), 4)}
            for row, care_site in enumerate(places.practice_id(practices).tolist())
        ],
    }


def _day(days: Ints, row: int) -> str | None:
    if days[row] == NEVER:
        return None
    day: str = np.datetime64(int(days[row]), "D").item().isoformat()
    return day

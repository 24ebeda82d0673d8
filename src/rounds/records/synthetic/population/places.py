"""Where care is given and people live: hospitals and their wards, practices, areas, and what is planted of each."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rounds.records.synthetic.population.plan import FIRST, LAST, NEVER, YEARS, Ints, Population, Stream

WARDS: Final = ("Acute medical unit", "General medicine", "Surgery", "Care of older people", "Intensive care")
"""of every hospital, in this order"""

INPATIENT_PLACE: Final = 8717
OFFICE: Final = 8940

_PEOPLE_A_HOSPITAL: Final = 300_000
_PEOPLE_A_PRACTICE: Final = 8_000
_PEOPLE_AN_AREA: Final = 1_500
_CARE_SITES_A_SITE: Final = 100_000

HBA1C_HIGH: Final = tuple(round(0.38 - 0.01 * number, 2) for number in range(len(YEARS)))
"""share of HbA1c values of 58 mmol/mol or more in each year"""
PROGRAMME_RATE_RATIO: Final = 0.6
"""what becomes of a hospital's arrests per admission from the day the deterioration programme is embedded"""
METFORMIN_STARTED: Final = 0.62
"""share of people with diabetes who get metformin within 90 days"""
NEWS2_HIGH: Final = (0.04, 0.10)
"""least and greatest share, over hospitals, of sets of observations that score 7 or more"""
OVER_FOUR_HOURS: Final = (0.15, 0.40)
"""least and greatest share, over hospitals, of A&E visits that last longer than four hours"""
HBA1C_CHECKED: Final = (0.70, 0.92)
"""least and greatest share, over practices, of people with diabetes whose HbA1c is measured in a year"""
ARRESTS_PER_1000: Final = (3.0, 8.0)
"""least and greatest rate of cardiac arrest per 1,000 admissions, over hospitals, without the programme"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """A site's places. Rows of one kind have the same order in every array."""

    site: int
    deprivation: NDArray[np.int8]
    """of each area, from 0, the most deprived fifth, to 4"""
    practice_of_area: Ints
    hospital_of_area: Ints
    checked: NDArray[np.float64]
    """of each practice: share of its people with diabetes whose HbA1c is measured in a year"""
    arrests: NDArray[np.float64]
    """of each hospital: arrests per admission without the programme"""
    embedded: Ints
    """of each hospital: the day the programme is embedded, or `NEVER`"""
    over_four_hours: NDArray[np.float64]
    news2_high: NDArray[np.float64]

    @property
    def areas(self) -> int:
        return len(self.deprivation)

    @property
    def practices(self) -> int:
        return len(self.checked)

    @property
    def hospitals(self) -> int:
        return len(self.arrests)

    def hospital_id(self, hospital: Ints) -> Ints:
        """Return the care_site_id of hospitals, by their row."""
        ids: Ints = self.site * _CARE_SITES_A_SITE + 1 + hospital * (len(WARDS) + 1)
        return ids

    def ward_id(self, hospital: Ints, ward: Ints) -> Ints:
        """Return the care_site_id of wards, by the row of the hospital and the ward's place in `WARDS`."""
        ids: Ints = self.hospital_id(hospital) + 1 + ward
        return ids

    def practice_id(self, practice: Ints) -> Ints:
        """Return the care_site_id of practices, by their row."""
        ids: Ints = self.site * _CARE_SITES_A_SITE + 1 + self.hospitals * (len(WARDS) + 1) + practice
        return ids

    def location_id(self, area: Ints) -> Ints:
        """Return the location_id of areas, by their row."""
        ids: Ints = self.site * _CARE_SITES_A_SITE + 1 + area
        return ids


def draw_places(plan: Population, site: int) -> Places:
    """Return a site's places. About half of its hospitals embed the programme, one of two or more at the least."""
    rng = plan.generator(Stream.PLACES, site=site)
    people = plan.residents[site]
    hospitals = max(2, round(people / _PEOPLE_A_HOSPITAL))
    practices = max(4, people // _PEOPLE_A_PRACTICE)
    areas = max(20, people // _PEOPLE_AN_AREA)
    practice_of_area = np.arange(areas) * practices // areas
    days = rng.integers(FIRST + 2 * 365, LAST - 3 * 365, hospitals)
    adopts = rng.permutation(hospitals) < (hospitals + 1) // 2
    fewest, most = ARRESTS_PER_1000
    return Places(
        site=site,
        deprivation=rng.permutation(np.arange(areas) * 5 // areas).astype(np.int8),
        practice_of_area=practice_of_area.astype(np.int32),
        hospital_of_area=(np.arange(areas) * hospitals // areas).astype(np.int32),
        checked=rng.uniform(*HBA1C_CHECKED, practices),
        arrests=np.exp(rng.uniform(math.log(fewest), math.log(most), hospitals)) / 1000,
        embedded=np.where(adopts, days, NEVER).astype(np.int32),
        over_four_hours=rng.uniform(*OVER_FOUR_HOURS, hospitals),
        news2_high=rng.uniform(*NEWS2_HIGH, hospitals),
    )

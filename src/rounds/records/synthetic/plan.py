"""The plan of an invented network: its hospitals, how big they are, and when each took up the programme.

Everything is drawn from Philox streams keyed by (seed, stream), so that hospital 7 is the same whatever is drawn for
the others, in any order and on any machine.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

REGIONS: Final = ("Eastmarch", "Northmoor", "Southmere")
NAMES: Final = (
    "Aldermere General Hospital",
    "Brackenford Infirmary",
    "Copperdale Royal Hospital",
    "Dunwick District Hospital",
    "Elmstow University Hospital",
    "Fallowfield Cross Hospital",
    "Greywater General Hospital",
    "Hollinbeck Infirmary",
    "Inverholme Hospital",
    "Jessamy Park Hospital",
    "Kestrel Bay Hospital",
    "Larkhaven Hospital",
    "Mossgate University Hospital",
    "Netherquay Hospital",
    "Oakenshade Hospital",
    "Pellworth Hospital",
    "Quillbrook Infirmary",
    "Rookhope General Hospital",
    "Silverfen Hospital",
    "Tarnwick Royal Hospital",
)
"""Invented, and so are the codes ZZ1 to ZZ20: a real hospital trust has a code that begins with R."""

_STREAMS_A_HOSPITAL: Final = 4
_FEWEST_MONTHS: Final = 24
_MONTHS_BEFORE_FIRST: Final = 7
_MONTHS_AFTER_LAST: Final = 12


class Stream(IntEnum):
    """What a stream of random numbers is for. Streams of one seed never overlap.

    Those from 1,000 on came later, and are numbered so that the ones before stay as they were.
    """

    HOSPITALS = 0
    ARRESTS = 1
    RECORDS = 2
    ADOPTIONS = 3
    AREAS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticNetwork:
    """What is laid down about an invented network before anything is drawn."""

    seed: int
    hospitals: int = 15
    adopters: int = 12
    first_month: date = date(2022, 4, 1)
    months: int = 36
    admissions: tuple[int, int] = (1200, 4000)
    """fewest and most admissions a month of a hospital, on average"""
    arrests_per_1000: tuple[float, float] = (4.0, 10.0)
    """lowest and highest rate of cardiac arrest per 1,000 admissions of a hospital, without the programme"""
    arrests_a_month: tuple[float, float] = (4.0, 20.0)
    """fewest and most arrests in a mean month of a hospital, as far as `arrests_per_1000` allows it"""
    rate_ratio: float = 0.5
    """what becomes of the rate for admissions from the day the programme is embedded"""
    season: float = 0.08
    """the rate in January is this share above, in July this share below its yearly mean"""
    yearly_change: float = -0.02
    """relative change of every hospital's rate per year, programme or not"""
    dispersion: float = 0.02
    """variance of a hospital-month's own relative rate around 1: months differ a little more than chance alone"""
    observed_on_admission: tuple[float, float] = (0.82, 0.93)
    """share of admissions with a respiratory rate before and after going live"""
    reviewed: tuple[float, float] = (0.025, 0.045)
    """share of admissions with an outreach review before and after going live"""

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"a seed is a whole number from 0 to 2^63 - 1, not {self.seed}")
        if not 1 <= self.hospitals <= len(NAMES):
            raise ValueError(f"there are names for 1 to {len(NAMES)} hospitals, not {self.hospitals}")
        if not 0 <= self.adopters <= self.hospitals:
            raise ValueError(f"of {self.hospitals} hospitals {self.adopters} cannot adopt")
        if self.months < _FEWEST_MONTHS or self.first_month.day != 1:
            raise ValueError(f"give {_FEWEST_MONTHS} months or more, from the first day of one")
        if not 0 < self.rate_ratio <= 1:
            raise ValueError("arrests are thinned, so the rate ratio is above 0 and at most 1")
        if self.dispersion <= 0:
            raise ValueError("the dispersion of months is above 0; 1e-9 is as good as none")

    @property
    def month_starts(self) -> tuple[date, ...]:
        """The first day of every month, and of the one after the last: shape (months + 1,)."""
        start = self.first_month.year * 12 + self.first_month.month - 1
        return tuple(date(index // 12, index % 12 + 1, 1) for index in range(start, start + self.months + 1))

    @property
    def last_day(self) -> date:
        return self.month_starts[-1] - timedelta(days=1)

    def generator(self, stream: Stream, *, hospital: int = 0) -> np.random.Generator:
        """Return the random numbers of a stream, at their beginning."""
        key = np.array([self.seed, hospital * _STREAMS_A_HOSPITAL + stream], dtype=np.uint64)
        return np.random.Generator(np.random.Philox(key=key))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hospital:
    """One hospital of an invented network, as it truly is."""

    number: int
    """from 0"""
    site: str
    ods_code: str
    name: str
    region: str
    joined: date
    admissions_a_month: float
    arrests_per_1000: float
    """without the programme, in an average month of the first year"""
    live: date | None
    """the day the programme went live, or None if it never did"""
    embedded: date | None


def draw_hospitals(plan: SyntheticNetwork) -> tuple[Hospital, ...]:
    """Return the hospitals of a plan. Those that adopt are spread over small and large, good and bad.

    Sizes are log-uniform and rates log-normal around 6 per 1,000, both inside the plan's limits, with the rate held to
    where a hospital has as many arrests in a mean month as the plan says if those limits allow it.
    """
    rng = plan.generator(Stream.HOSPITALS)
    count = plan.hospitals
    fewest, most = plan.admissions
    sizes = np.exp(rng.uniform(np.log(fewest), np.log(most), count))
    rates = np.exp(rng.normal(np.log(6.0), 0.28, count))
    rates = np.clip(rates, 1000 * plan.arrests_a_month[0] / sizes, 1000 * plan.arrests_a_month[1] / sizes)
    rates = np.clip(rates, *plan.arrests_per_1000)
    joined = plan.first_month - timedelta(days=90)
    joins = rng.integers(0, 900, count)
    live = dict(zip(rng.permutation(count)[: plan.adopters].tolist(), _live_days(plan, rng), strict=True))
    to_embed = rng.integers(61, 121, count)
    return tuple(
        Hospital(
            number=number,
            site=f"hospital-{number + 1:02}",
            ods_code=f"ZZ{number + 1}",
            name=NAMES[number],
            region=REGIONS[number % len(REGIONS)],
            joined=joined - timedelta(days=int(joins[number])),
            admissions_a_month=float(sizes[number]),
            arrests_per_1000=float(rates[number]),
            live=live.get(number),
            embedded=live[number] + timedelta(days=int(to_embed[number])) if number in live else None,
        )
        for number in range(count)
    )


def _live_days(plan: SyntheticNetwork, rng: np.random.Generator) -> list[date]:
    """Days spread over the middle of the plan, so that every adopter has months before and after."""
    starts = plan.month_starts
    places: NDArray[np.int64] = (
        np.linspace(_MONTHS_BEFORE_FIRST, plan.months - _MONTHS_AFTER_LAST, plan.adopters).round().astype(np.int64)
    )
    days = rng.integers(0, 28, plan.adopters)
    return [starts[place] + timedelta(days=int(day)) for place, day in zip(places, days, strict=True)]

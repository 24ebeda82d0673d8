"""Where an invented hospital's patients live: a few areas, each in one fifth of deprivation, and who has arrests."""

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rounds.records.synthetic.plan import Hospital, Stream, SyntheticNetwork

Fifths = NDArray[np.int64]
"""From 0, the most deprived, to 4; -1 for a patient without an address."""
Mask = NDArray[np.bool_]
Shares = NDArray[np.float64]

LEVELS: Final = ("1 most deprived", "2", "3", "4", "5 least deprived")
"""As the grouping `imd-quintile` of the library names them."""
RISKS: Final = (1.35, 1.15, 1.0, 0.85, 0.7)
"""How likely an arrest is in each fifth, against the middle one: what is planted of unequal need."""
_NO_ADDRESS: Final = 0.01
_EVENNESS: Final = 4.0
"""The higher, the more alike the hospitals: at this one some serve hardly anybody of one fifth."""
LOOK_UP: Final = "groupings/imd-quintile.csv"


def draw_mix(plan: SyntheticNetwork, hospital: Hospital) -> Shares:
    """Return which share of a hospital's patients lives in each fifth, shape (5,)."""
    return _mix(plan.generator(Stream.AREAS, hospital=hospital.number))


def _mix(rng: np.random.Generator) -> Shares:
    return np.asarray(rng.dirichlet(np.full(len(LEVELS), _EVENNESS)))


def arrest_shares(mix: Shares) -> Shares:
    """Return which share of a hospital's arrests is of each fifth, on average; shape (5,)."""
    found = mix * np.array(RISKS)
    return np.asarray(found / found.sum())


def draw_fifths(plan: SyntheticNetwork, hospital: Hospital, arrested: Mask) -> Fifths:
    """Return in which fifth each patient of a hospital lives; those who had an arrest more often in deprived ones.

    Args:
        plan: of the network.
        hospital: of the patients.
        arrested: who of them had an arrest, shape (patients,).
    """
    rng = plan.generator(Stream.AREAS, hospital=hospital.number)
    mix = _mix(rng)
    chance = rng.random(len(arrested))
    found = np.where(
        arrested,
        np.searchsorted(np.cumsum(arrest_shares(mix))[:-1], chance),
        np.searchsorted(np.cumsum(mix)[:-1], chance),
    )
    return np.where(rng.random(len(arrested)) < _NO_ADDRESS, -1, found)


def area_codes(hospital: Hospital) -> tuple[str, ...]:
    """Return the codes of the areas of a hospital, one in each fifth: invented, as the hospital's own is."""
    return tuple(f"{hospital.ods_code}-area-{number + 1}" for number in range(len(LEVELS)))


def location_ids(base: int, fifths: Fifths) -> pl.Series:
    """Return the location of each patient; none without an address."""
    return pl.Series(base + fifths).set(pl.Series(fifths < 0), None)


def locations(hospital: Hospital, base: int) -> pl.DataFrame:
    """Return a hospital's table of locations."""
    codes = area_codes(hospital)
    return pl.DataFrame({"location_id": base + np.arange(len(codes)), "location_source_value": codes})


def look_up_csv(hospital: Hospital) -> str:
    """Return what a site says of its areas: which fifth each belongs to."""
    rows = [f"{code},{level}" for code, level in zip(area_codes(hospital), LEVELS, strict=True)]
    return "\n".join(("value,level", *rows, ""))

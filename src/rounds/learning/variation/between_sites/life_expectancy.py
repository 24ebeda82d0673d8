"""Life expectancy of an area from an abridged life table."""

from dataclasses import dataclass

import numpy as np

from rounds.learning.intervals import Vector, normal_quantile

AGES = (0, 1, *range(5, 95, 5))
"""Where the bands begin: 0, 1 to 4, fives of years, 90 and over."""
FIRST_YEAR_LIVED = 0.1
"""The part of their last year that those who die in the first year of life have lived; elsewhere a half."""
FEWEST_PEOPLE = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeExpectancy:
    """Years of life expected at the start of each age band. Arrays have shape (bands,), NaN where there is a reason."""

    ages: tuple[int, ...]
    years: Vector
    lower: Vector
    upper: Vector
    reason: str | None
    """None, or a whole sentence saying why there is no life table"""


def life_expectancy(
    *, deaths: Vector, people: Vector, ages: tuple[int, ...] = AGES, confidence: float = 0.95
) -> LifeExpectancy:
    """Return the years of life expected at each age, by Chiang's abridged life table.

    Args:
        deaths: shape (bands,), each 0 or more. Of withheld deaths give each end of the bounds: life expectancy only
            falls with any of them.
        people: years lived in each band, same shape; customarily three years of the mid-year population.
        ages: where each band begins; the last is open.
        confidence: above 0, below 1.

    Returns:
        The table, or a reason: fewer than 5,000 people, nobody in a band, more deaths than people, or no deaths in the
        last band.

    Raises:
        ValueError: if shapes differ or a number is missing, infinite or below 0.

    Source: Chiang (1968), Introduction to Stochastic Processes in Biostatistics, with the variance of the last band
        (Silcocks, Jenner and Reza 2001, J Epidemiol Community Health 55:38-43), as in PHEindicatormethods.
    """
    _check(deaths, people, ages)
    reason = _reason(deaths, people)
    if reason is not None:
        nothing = np.full(len(ages), np.nan)
        return LifeExpectancy(ages=ages, years=nothing, lower=nothing, upper=nothing, reason=reason)
    mortality = deaths / people
    width = np.append(np.diff(np.array(ages, dtype=np.float64)), 2 / mortality[-1])
    lived = np.where(np.array(ages) == 0, FIRST_YEAR_LIVED, 0.5)
    dying = width * mortality / (1 + width * (1 - lived) * mortality)
    dying[-1] = 1.0
    alive = np.concatenate([[1.0], np.cumprod(1 - dying[:-1])])
    years_lived = width * (alive * (1 - dying) + lived * alive * dying)
    years_lived[-1] = alive[-1] / mortality[-1]
    years = np.cumsum(years_lived[::-1])[::-1] / alive
    some = np.maximum(deaths, 1.0)
    parts = np.where(deaths > 0, dying**2 * (1 - dying) / some, 0.0)
    ahead = (1 - lived) * width + np.append(years[1:], 0.0)
    parts = parts * (alive * ahead) ** 2
    # of the years that the last band lives, 1 / mortality, with mortality a proportion of those at risk
    parts[-1] = alive[-1] ** 2 * (1 - mortality[-1]) / (deaths[-1] * mortality[-1] ** 2)
    half = normal_quantile(confidence) * np.sqrt(np.cumsum(parts[::-1])[::-1]) / alive
    return LifeExpectancy(ages=ages, years=years, lower=years - half, upper=years + half, reason=None)


def _check(deaths: Vector, people: Vector, ages: tuple[int, ...]) -> None:
    if deaths.shape != (len(ages),) or people.shape != deaths.shape:
        raise ValueError(f"give deaths and people of each of the {len(ages)} age bands")
    if list(ages) != sorted(set(ages)) or len(ages) < 2:
        raise ValueError("age bands begin one after another, and are at least two")
    for part, name in ((deaths, "deaths"), (people, "people")):
        bad = ~np.isfinite(part) | (part < 0)
        if bad.any():
            raise ValueError(f"{name} from age {ages[int(np.argmax(bad))]} are missing, infinite or below 0")


def _reason(deaths: Vector, people: Vector) -> str | None:
    if people.sum() < FEWEST_PEOPLE:
        return f"Fewer than {FEWEST_PEOPLE:,} people were at risk: too few for a life table."
    if (people == 0).any():
        return "Nobody was at risk in an age band, so nothing is known of dying in it."
    if (deaths > people).any():
        return "More deaths than people are counted in an age band: their numbers do not belong together."
    if deaths[-1] == 0:
        return "Nobody died in the last age band, so how long its people live cannot be told."
    return None

"""What each rule makes of a count: four columns (state, value, lower, upper) for each of its quantities."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import polars as pl

from rounds.disclosure.bounded import QUANTITIES as RELEASED
from rounds.disclosure.bounded import State
from rounds.disclosure.policy import MIDPOINT_BASE, Policy, Terms
from rounds.measures.kinds import CountKind

FEWEST_OF_A_MEAN: Final = 11
"""A sum of fewer people is withheld: a mean leaves ten degrees of freedom, whatever the rule for small numbers is."""
MIDPOINT: Final = 3
_LARGEST: Final = 2**63 - 1
NOISE_SPAN: Final = 4
"""A noisy number's bounds are this many standard deviations away; the truth lies outside once in 15,000 draws."""

Draw = Callable[[float, int], list[int]]
"""A standard deviation and how many: so many integers of a discrete Gaussian around 0, from a source of true chance."""


def apply_terms(terms: Terms, kind: CountKind) -> list[pl.Expr] | None:
    """Return the expressions that a deterministic rule makes of a count.

    Args:
        terms: what holds for the measure.
        kind: what kind of number the count is of.

    Returns:
        The expressions, or None if the rule has none for such numbers; then nothing may leave.

    Source: NHS Digital, HES analysis guide (small numbers: 1 to 7 suppressed, others rounded to the nearest 5);
        OpenSAFELY, midpoint-6 derived rounding; docs/decisions 0011 for rates, 0013 for
        means, 0018 for rows.
    """
    if terms.never:
        return None
    few, base = terms.highest_withheld, terms.round_to
    match terms.rule, kind:
        case Policy.OPEN, CountKind.PROPORTION:
            return [part for name in RELEASED for part in _as_it_is(name)]
        case Policy.HES, CountKind.PROPORTION:
            return [part for name in RELEASED for part in _hes(name, few, base)]
        case Policy.HES, CountKind.PROPORTION_OF_ROWS:
            return [part for name in RELEASED for part in _of_rows(name, few, _to_nearest(pl.col(name), base))]
        case Policy.HES, CountKind.RATE:
            of_days = _times_most("denominator", base)
            return [*_of_people("numerator", few, pl.lit(base)), *_of_people("denominator", few, of_days)]
        case Policy.HES, CountKind.MEAN:
            of_people = _times_most("denominator", base)
            return [*_of_a_sum("numerator", few, base), *_of_people("denominator", few, of_people)]
        case Policy.MIDPOINT6, CountKind.PROPORTION:
            return [part for name in RELEASED for part in _midpoint(name)]
        case Policy.MIDPOINT6, CountKind.PROPORTION_OF_ROWS:
            return [part for name in RELEASED for part in _of_rows(name, MIDPOINT_BASE, _to_middle(pl.col(name)))]
        case _:
            return None


def add_noise(cells: pl.DataFrame, terms: Terms, kind: CountKind, draw: Draw) -> pl.DataFrame | None:
    """Return a count with noise: one draw for each number, as wide as what one person adds.

    A noisy number may be negative, and a numerator above its denominator: nothing is clamped, or sums would be biased.

    Args:
        cells: as in a count.
        terms: of the rule `noise`.
        kind: what kind of number the count is of.
        draw: the source of chance.

    Returns:
        The table, or None if one person can change such a number by more than is known; then nothing may leave.

    Source: Canonne, Kamath, Steinke (2020), The Discrete Gaussian for Differential Privacy, NeurIPS.
    """
    if terms.never or kind not in (CountKind.PROPORTION, CountKind.RATE, CountKind.MEAN):
        return None
    for name in RELEASED:
        most = [1] * cells.height if kind is CountKind.PROPORTION else cells[f"{name}_most"].to_list()
        drawn, span = [0] * cells.height, [0] * cells.height
        for one in sorted(set(most)):
            rows = [row for row, own in enumerate(most) if own == one]
            for row, noise in zip(rows, draw(terms.sigma * one, len(rows)), strict=True):
                drawn[row], span[row] = noise, round(NOISE_SPAN * terms.sigma * one + 0.5)
        value = pl.Series(cells[name] + pl.Series(drawn, dtype=pl.Int64))
        around = pl.Series(span, dtype=pl.Int64)
        cells = cells.with_columns(
            pl.lit(State.NOISY.value).alias(f"{name}_state"),
            value.alias(f"{name}_value"),
            (value - around).clip(lower_bound=0).alias(f"{name}_lower"),
            (value + around).clip(lower_bound=0).alias(f"{name}_upper"),
        )
    return cells


def _times_most(name: str, base: int) -> pl.Expr:
    """Days are rounded to five people's, for one person can have all days of a period; so are units of a mean."""
    return base * pl.col(f"{name}_most")


def _as_it_is(name: str) -> list[pl.Expr]:
    column = pl.col(name)
    return _bounded(name, state=pl.lit(State.EXACT.value), value=column, lower=column, upper=column)


def _hes(name: str, few: int, base: int) -> list[pl.Expr]:
    column = pl.col(name)
    return _rounded(name, _to_nearest(column, base), withheld=column.is_between(1, few), bounds=(1, few))


def _midpoint(name: str) -> list[pl.Expr]:
    return _rounded(name, _to_middle(pl.col(name)), withheld=pl.lit(False), bounds=(0, 0))


def _of_rows(name: str, few: int, rounded: "_Rounding") -> list[pl.Expr]:
    """Return a number of visits or events: withheld if few people are behind it.

    Up to so few rows have the bounds that they have for people. More rows of so few people are known by their decade
    alone: 8 to 70, 71 to 700 and so on. A denominator in the decade of such a numerator is withheld as well, whoever is
    behind it: rounded it would be a closer bound of the numerator than the decade is.
    """
    highest = _decade_of(name, few)
    lowest = pl.when(highest == few).then(pl.lit(1, pl.Int64)).otherwise(highest // 10 + 1)
    alike = _few_behind("numerator", few) & (_decade_of("numerator", few) == highest)
    return _rounded(name, rounded, withheld=_few_behind(name, few) | alike, bounds=(lowest, highest))


def _few_behind(name: str, few: int) -> pl.Expr:
    return pl.col(f"{name}_people").is_between(1, few)


def _decade_of(name: str, few: int) -> pl.Expr:
    """Return 7, 70, 700 and so on, whichever is the first that a number is not above."""
    ends = [*(few * 10**zeros for zeros in range(18) if few * 10**zeros < _LARGEST), _LARGEST]
    return pl.min_horizontal(pl.when(pl.col(name) <= end).then(pl.lit(end, pl.Int64)) for end in ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rounding:
    """What is shown of a number, and how far below and above it the number can be."""

    shown: pl.Expr
    below: int | pl.Expr
    above: int | pl.Expr


def _to_nearest(column: pl.Expr, base: int | pl.Expr) -> _Rounding:
    return _Rounding(shown=(column + base // 2) // base * base, below=base // 2, above=base // 2)


def _to_middle(column: pl.Expr) -> _Rounding:
    shown = (column + MIDPOINT_BASE - 1) // MIDPOINT_BASE * MIDPOINT_BASE - MIDPOINT
    return _Rounding(shown=shown, below=MIDPOINT_BASE - MIDPOINT - 1, above=MIDPOINT)


def _rounded(
    name: str, to: _Rounding, *, withheld: pl.Expr, bounds: tuple[int | pl.Expr, int | pl.Expr]
) -> list[pl.Expr]:
    """Return a number rounded, or withheld with its bounds; 0 stays 0."""
    zero = pl.col(name) == 0
    return _bounded(
        name,
        state=_state(zero, withheld),
        value=pl.when(zero).then(0).when(withheld).then(None).otherwise(to.shown),
        lower=pl.when(zero).then(0).when(withheld).then(bounds[0]).otherwise(to.shown - to.below),
        upper=pl.when(zero).then(0).when(withheld).then(bounds[1]).otherwise(to.shown + to.above),
    )


def _of_people(name: str, few: int, base: pl.Expr) -> list[pl.Expr]:
    """Return a number of which one person may be more than 1: withheld if few people are behind it.

    What is rounded to nothing is withheld too: it is not 0.
    """
    rounded = _to_nearest(pl.col(name), base)
    highest = pl.max_horizontal(few * pl.col(f"{name}_most"), base // 2)
    withheld = _few_behind(name, few) | (rounded.shown == 0)
    return _rounded(name, rounded, withheld=withheld, bounds=(1, highest))


def _of_a_sum(name: str, few: int, base: int) -> list[pl.Expr]:
    """Return what people add up to: withheld if few have an amount, or few add more than the lowest.

    It is rounded to five people's most. What is rounded to nothing is withheld, and so is nothing: that everybody is at
    the lowest would tell of each of them. Only the sum of nobody is 0.
    """
    column, most, step = pl.col(name), pl.col(f"{name}_most"), _times_most(name, base)
    fewest = max(FEWEST_OF_A_MEAN, few + 1)
    nobody = pl.col("denominator_people") == 0
    rounded = (column + step // 2) // step * step
    withheld = ~nobody & ((pl.col("denominator_people") < fewest) | (pl.col(f"{name}_people") <= few) | (rounded == 0))
    return _bounded(
        name,
        state=_state(nobody, withheld),
        value=pl.when(withheld).then(None).otherwise(rounded),
        lower=pl.when(nobody | withheld).then(0).otherwise(rounded - step // 2),
        upper=pl.when(nobody)
        .then(0)
        .when(withheld)
        .then(pl.max_horizontal((fewest - 1) * most, step // 2))
        .otherwise(rounded + step // 2),
    )


def _state(zero: pl.Expr, withheld: pl.Expr) -> pl.Expr:
    return (
        pl.when(zero)
        .then(pl.lit(State.EXACT.value))
        .when(withheld)
        .then(pl.lit(State.WITHHELD.value))
        .otherwise(pl.lit(State.ROUNDED.value))
    )


def _bounded(name: str, *, state: pl.Expr, value: pl.Expr, lower: pl.Expr, upper: pl.Expr) -> list[pl.Expr]:
    numbers = {"value": value, "lower": lower, "upper": upper}
    shown = [number.cast(pl.Int64).alias(f"{name}_{part}") for part, number in numbers.items()]
    return [state.alias(f"{name}_state"), *shown]

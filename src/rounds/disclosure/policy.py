"""Policies: named rules for what may leave a site. A policy is chosen at the site, never by the centre."""

from enum import StrEnum

import polars as pl

from rounds.disclosure.bounded import QUANTITIES as RELEASED
from rounds.disclosure.bounded import State
from rounds.measures.kinds import CountKind


class Policy(StrEnum):
    """A reviewed rule.

    `HES`: NHS England's rule since 2018: 0 is shown, 1-7 are withheld, everything else is rounded to the nearest 5.
    `OPEN`: as it is. Only for data that are already public.
    """

    HES = "hes"
    OPEN = "open"


HES_LOWEST_WITHHELD = 1
HES_HIGHEST_WITHHELD = 7
HES_BASE = 5
_DECADES = tuple(HES_HIGHEST_WITHHELD * 10**zeros for zeros in range(19))
"""The last number of each decade; the last of all is nearly the most that eight bytes hold."""
FEWEST_OF_A_MEAN = 11
"""A sum of fewer people is withheld: a mean leaves ten degrees of freedom, whatever the rule for small numbers is."""


def apply_policy(policy: Policy, kind: CountKind) -> list[pl.Expr] | None:
    """Return the expressions that a policy makes of a count: four columns (state, value, lower, upper) a quantity.

    Args:
        policy: the site's rule.
        kind: what kind of number the count is of.

    Returns:
        The expressions, or None if the policy has no rule for such numbers; then nothing may leave.

    Source: NHS Digital, HES analysis guide (small numbers: 1 to 7 suppressed, others rounded to the nearest 5); for
        rates docs/decisions/0011, for means docs/decisions/0013, for rows docs/decisions/0016.
    """
    match policy, kind:
        case Policy.OPEN, CountKind.PROPORTION:
            return [part for name in RELEASED for part in _as_it_is(name)]
        case Policy.HES, CountKind.PROPORTION:
            return [part for name in RELEASED for part in _hes(name)]
        case Policy.HES, CountKind.PROPORTION_OF_ROWS:
            return [part for name in RELEASED for part in _hes_of_rows(name)]
        case Policy.HES, CountKind.RATE:
            return [part for name in RELEASED for part in _hes_of_people(name, base=_RATE_BASE[name])]
        case Policy.HES, CountKind.MEAN:
            return [*_hes_of_a_sum("numerator"), *_hes_of_people("denominator", base=_base("denominator"))]
        case _:
            return None


def _base(name: str) -> pl.Expr:
    return HES_BASE * pl.col(f"{name}_most")


_RATE_BASE = {"numerator": pl.lit(HES_BASE), "denominator": _base("denominator")}
"""Events are rounded as counts are. Days are rounded to five people's, for one person can have all days of a period."""


def _as_it_is(name: str) -> list[pl.Expr]:
    column = pl.col(name)
    return _bounded(name, state=pl.lit(State.EXACT.value), value=column, lower=column, upper=column)


def _hes(name: str) -> list[pl.Expr]:
    column = pl.col(name)
    zero = column == 0
    withheld = column.is_between(HES_LOWEST_WITHHELD, HES_HIGHEST_WITHHELD)
    rounded = (column + HES_BASE // 2) // HES_BASE * HES_BASE
    return _bounded(
        name,
        state=_state(zero, withheld),
        value=pl.when(withheld).then(None).otherwise(rounded),
        lower=pl.when(zero).then(0).when(withheld).then(HES_LOWEST_WITHHELD).otherwise(rounded - HES_BASE // 2),
        upper=pl.when(zero).then(0).when(withheld).then(HES_HIGHEST_WITHHELD).otherwise(rounded + HES_BASE // 2),
    )


def _hes_of_rows(name: str) -> list[pl.Expr]:
    """Return a number of visits or events: withheld if seven people or fewer are behind it.

    Up to seven rows have the bounds that they have for people. More rows of so few people are known by their decade
    alone: 8 to 70, 71 to 700 and so on. A denominator in the decade of such a numerator is withheld as well, whoever is
    behind it: rounded it would be a closer bound of the numerator than the decade is.
    """
    column, highest = pl.col(name), _decade_of(name)
    zero = column == 0
    withheld = _few_behind(name) | (_few_behind("numerator") & (_decade_of("numerator") == highest))
    rounded = (column + HES_BASE // 2) // HES_BASE * HES_BASE
    lowest = pl.when(highest == HES_HIGHEST_WITHHELD).then(HES_LOWEST_WITHHELD).otherwise(highest // 10 + 1)
    return _bounded(
        name,
        state=_state(zero, withheld),
        value=pl.when(withheld).then(None).otherwise(rounded),
        lower=pl.when(zero).then(0).when(withheld).then(lowest).otherwise(rounded - HES_BASE // 2),
        upper=pl.when(zero).then(0).when(withheld).then(highest).otherwise(rounded + HES_BASE // 2),
    )


def _few_behind(name: str) -> pl.Expr:
    return pl.col(f"{name}_people").is_between(HES_LOWEST_WITHHELD, HES_HIGHEST_WITHHELD)


def _decade_of(name: str) -> pl.Expr:
    """Return 7, 70, 700 and so on, whichever is the first that a number is not above."""
    return pl.min_horizontal(pl.when(pl.col(name) <= most).then(pl.lit(most, pl.Int64)) for most in _DECADES)


def _hes_of_people(name: str, *, base: pl.Expr) -> list[pl.Expr]:
    """Return a number of which one person may be more than 1: withheld if seven people or fewer are behind it.

    What is rounded to nothing is withheld too: it is not 0.
    """
    column, most = pl.col(name), pl.col(f"{name}_most")
    zero = column == 0
    rounded = (column + base // 2) // base * base
    withheld = ~zero & (pl.col(f"{name}_people").is_between(HES_LOWEST_WITHHELD, HES_HIGHEST_WITHHELD) | (rounded == 0))
    highest = pl.max_horizontal(HES_HIGHEST_WITHHELD * most, base // 2)
    return _bounded(
        name,
        state=_state(zero, withheld),
        value=pl.when(withheld).then(None).otherwise(rounded),
        lower=pl.when(zero).then(0).when(withheld).then(HES_LOWEST_WITHHELD).otherwise(rounded - base // 2),
        upper=pl.when(zero).then(0).when(withheld).then(highest).otherwise(rounded + base // 2),
    )


def _hes_of_a_sum(name: str) -> list[pl.Expr]:
    """Return what people add up to: withheld if few have an amount, or few add more than the lowest.

    It is rounded to five people's most. What is rounded to nothing is withheld, and so is nothing: that everybody is at
    the lowest would tell of each of them. Only the sum of nobody is 0.
    """
    column, most, base = pl.col(name), pl.col(f"{name}_most"), _base(name)
    nobody = pl.col("denominator_people") == 0
    rounded = (column + base // 2) // base * base
    few = (pl.col("denominator_people") < FEWEST_OF_A_MEAN) | (pl.col(f"{name}_people") <= HES_HIGHEST_WITHHELD)
    withheld = ~nobody & (few | (rounded == 0))
    return _bounded(
        name,
        state=_state(nobody, withheld),
        value=pl.when(withheld).then(None).otherwise(rounded),
        lower=pl.when(nobody | withheld).then(0).otherwise(rounded - base // 2),
        upper=pl.when(nobody).then(0).when(withheld).then((FEWEST_OF_A_MEAN - 1) * most).otherwise(rounded + base // 2),
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

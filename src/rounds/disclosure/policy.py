"""Policies: named rules for what may leave a site. A policy is chosen at the site, never by the centre."""

from enum import StrEnum

import polars as pl

from rounds.disclosure.bounded import State


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


def apply_policy(column: pl.Expr, policy: Policy, *, name: str) -> list[pl.Expr]:
    """Return the four expressions (state, value, lower, upper) that a policy makes of a column of exact counts.

    Args:
        column: non-negative integers.
        policy: the site's rule.
        name: the prefix of the four columns made.

    Source: NHS Digital, HES analysis guide (small numbers: 1 to 7 suppressed, others rounded to the nearest 5).
    """
    match policy:
        case Policy.OPEN:
            return [
                pl.lit(State.EXACT.value).alias(f"{name}_state"),
                column.alias(f"{name}_value"),
                column.alias(f"{name}_lower"),
                column.alias(f"{name}_upper"),
            ]
        case Policy.HES:
            zero = column == 0
            withheld = column.is_between(HES_LOWEST_WITHHELD, HES_HIGHEST_WITHHELD)
            rounded = (column + HES_BASE // 2) // HES_BASE * HES_BASE
            return [
                pl.when(zero)
                .then(pl.lit(State.EXACT.value))
                .when(withheld)
                .then(pl.lit(State.WITHHELD.value))
                .otherwise(pl.lit(State.ROUNDED.value))
                .alias(f"{name}_state"),
                pl.when(withheld).then(None).otherwise(rounded).cast(pl.Int64).alias(f"{name}_value"),
                pl.when(zero)
                .then(0)
                .when(withheld)
                .then(HES_LOWEST_WITHHELD)
                .otherwise(rounded - HES_BASE // 2)
                .cast(pl.Int64)
                .alias(f"{name}_lower"),
                pl.when(zero)
                .then(0)
                .when(withheld)
                .then(HES_HIGHEST_WITHHELD)
                .otherwise(rounded + HES_BASE // 2)
                .cast(pl.Int64)
                .alias(f"{name}_upper"),
            ]

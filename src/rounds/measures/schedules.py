"""Schedules: how soon the next set of observations is due, by the score of the last."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rounds.errors import DefinitionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Totals from one number up to the next band's, and after how many minutes the next set is due."""

    at_least: int
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How soon a next set is due: by the total, or sooner because of one component alone."""

    id: str
    version: int
    title: str
    scores: tuple[str, ...]
    """ids of the scores whose totals it is for"""
    bands: tuple[Band, ...]
    """from 0 upwards"""
    single: Band
    """points that one component alone must give, and after how many minutes the next set is due then at the latest"""

    def __post_init__(self) -> None:
        starts = [band.at_least for band in self.bands]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)):
            raise DefinitionError("the bands of a schedule rise, from 0", field="bands")
        limits = [band.minutes for band in self.bands]
        if limits != sorted(limits, reverse=True):
            raise DefinitionError("the next set is due no later after a higher score than after a lower", field="bands")
        if self.single.at_least < 1 or min(*limits, self.single.minutes) < 1:
            raise DefinitionError(
                "a set is due after a minute at the soonest, and points are at least 1", field="single"
            )

    def due_minutes(self, *, totals: NDArray[Any], highest: NDArray[Any]) -> NDArray[np.int64]:
        """Return after how many minutes the next set is due, shape (sets,).

        Args:
            totals: of complete sets, shape (sets,), each 0 or more.
            highest: the most points that one component gives, same shape.

        Raises:
            ValueError: if a total is below 0: a partial set has none.
        """
        if (totals < 0).any():
            raise ValueError(f"{int((totals < 0).sum()):,} sets have no total; leave partial sets out")
        limits = np.array([band.minutes for band in self.bands], dtype=np.int64)
        by_total = limits[np.searchsorted([band.at_least for band in self.bands], totals, side="right") - 1]
        alone = np.where(highest >= self.single.at_least, self.single.minutes, by_total)
        return np.minimum(by_total, alone)

"""The cells of a count as kernels number them: by sex, then age band, then the levels of the groupings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rounds.engines.pack.blocks import Block, RowSet
from rounds.engines.pack.cell_kernels import BANDS
from rounds.engines.pack.layout import Array, Pack
from rounds.engines.pack.levels import Levels
from rounds.measures.definitions import Measure
from rounds.measures.groupings import Grouping
from rounds.measures.kinds import CountKind
from rounds.measures.periods import Period
from rounds.measures.strata import AGE_BANDS, LEVELS, Stratum

OLDEST_AGE: Final = AGE_BANDS[-1][2]
SEXES: Final = len(LEVELS[Stratum.SEX])


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """How people and rows are told apart for a measure; measures that tell them apart alike can share a tally."""

    sexes: int = SEXES
    bands: int = BANDS
    groupings: tuple[Grouping, ...] = ()

    @classmethod
    def of(cls, measure: Measure) -> "Cells":
        """Return the fewest cells a measure needs. Without groupings all of people share those by sex and age.

        Those of rows never do: somebody may have rows at two ages, and people of two cells cannot be added up.
        """
        if not measure.groupings and measure.kind is not CountKind.PROPORTION_OF_ROWS:
            return cls()
        return cls(
            sexes=SEXES if Stratum.SEX in measure.strata else 1,
            bands=BANDS if Stratum.AGE_BAND in measure.strata else 1,
            groupings=measure.groupings,
        )

    @property
    def levels(self) -> tuple[int, ...]:
        return tuple(len(grouping.levels) for grouping in self.groupings)

    @property
    def number(self) -> int:
        return self.sexes * self.bands * math.prod(self.levels)

    @property
    def weights(self) -> tuple[int, int]:
        """What sex and age band are multiplied by in the number of a cell, to which the level is added."""
        levels = math.prod(self.levels)
        return (self.bands * levels if self.sexes > 1 else 0), (levels if self.bands > 1 else 0)

    def of_people(self, levels: Levels, block: Block) -> Array:
        """Return everybody's level in all groupings together."""
        found = np.zeros(block.people, dtype=np.uint16)
        for grouping, number in zip(self.groupings, self.levels, strict=True):
            found = found * number + levels.of_people(grouping, block)
        return found.astype(np.uint16)

    def of_rows(self, levels: Levels, units: RowSet) -> Array:
        """Return every row's level in all groupings together."""
        found = np.zeros(len(units.at), dtype=np.uint16)
        for grouping, number in zip(self.groupings, self.levels, strict=True):
            found = found * number + levels.of_rows(grouping, units)
        return found.astype(np.uint16)

    def in_order(self, totals: Array, measure: Measure) -> Array:
        """Return totals, of shape (cells, periods), for every period and level of the measure's strata, in that order.

        Raises:
            ValueError: if somebody has an age that has no band.
        """
        found = totals.reshape(self.sexes, self.bands, *self.levels, -1)
        if Stratum.AGE_BAND in measure.strata:
            if found[:, -1].any():
                raise ValueError(f"{measure.ref}: an age above {OLDEST_AGE} has no age band")
            found = found[:, :-1]
        axes = {Stratum.SEX: 0, Stratum.AGE_BAND: 1}
        axes |= {grouping.by: 2 + place for place, grouping in enumerate(self.groupings)}
        others = tuple(axis for stratum, axis in axes.items() if stratum not in measure.strata)
        kept = [axes[stratum] for stratum in measure.strata]
        summed = found.sum(axis=others, keepdims=True)
        return np.asarray(summed.transpose([found.ndim - 1, *kept, *others]).ravel())


def band_of_age() -> Array:
    """Return the band of each age from 0 to one above the oldest; whoever is not yet 0 is in the first."""
    ages = np.arange(OLDEST_AGE + 2)
    return np.searchsorted([high for _, _, high in AGE_BANDS], ages, side="left")


def sexes_and_bands(pack: Pack, chunks: Sequence[tuple[Period, ...]]) -> Array:
    """Return of every range of people in every period their sex, and the age band on its first day, as one number."""
    starts = pack.ranges[:-1]
    found = np.zeros((len(chunks), len(starts), max(map(len, chunks), default=0)), dtype=np.int64)
    for place, periods in enumerate(chunks):
        age = np.array([period.start.year for period in periods]) - pack.born[starts].astype(np.int64)[:, None]
        band = band_of_age()[np.clip(age, 0, OLDEST_AGE + 1)]
        found[place, :, : len(periods)] = pack.sex[starts].astype(np.int64)[:, None] * BANDS + band
    return found

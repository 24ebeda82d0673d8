"""Tallies of people by the levels of groupings: which there are, and what a worker needs to make them."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rounds.engines.pack.blocks import BLOCK_PEOPLE, Block
from rounds.engines.pack.cell_kernels import BANDS, Leveled, order_by_level
from rounds.engines.pack.cells import Cells
from rounds.engines.pack.levels import Levels
from rounds.engines.pack.tallies import PLANES, ROOM, WHOLE, Counter
from rounds.measures.groupings import Grouping


@dataclass(slots=True, kw_only=True, eq=False)
class LeveledTallies:
    """The tallies of a program that tell people apart by more than sex and age."""

    levels: Levels
    _ways: list[tuple[Grouping, ...]] = field(default_factory=list)
    _kinds: list[Cells] = field(default_factory=list)
    _size: int = 0

    def add(self, cells: Cells, periods: int) -> tuple[int, int]:
        """Return where the totals of another tally begin, and of which kind it is."""
        if cells.groupings not in self._ways:
            self._ways.append(cells.groupings)
        if cells not in self._kinds:
            self._kinds.append(cells)
        self._size += cells.number * periods
        return self._size - cells.number * periods, self._kinds.index(cells)

    def room(self, people_at_a_time: int, periods: int, word: type[np.unsignedinteger[Any]]) -> "LeveledRoom":
        """Return what one worker needs.

        Args:
            people_at_a_time: so many at most.
            periods: so many at most.
            word: the type of a mask.
        """
        ways = len(self._ways)
        stretches = (ways, BLOCK_PEOPLE)
        about = [(self._ways.index(cells.groupings), *cells.weights) for cells in self._kinds]
        arrays = Leveled(
            order=np.empty(stretches, dtype=np.int32),
            begin=np.empty((ways, -(-BLOCK_PEOPLE // people_at_a_time) + 1), dtype=np.int32),
            stop=np.empty(stretches, dtype=np.int32),
            range_of=np.empty(stretches, dtype=np.int32),
            level_of=np.empty(stretches, dtype=np.int32),
            about=np.array(about, dtype=np.int64).reshape(-1, 3),
            totals=np.zeros(self._size, dtype=np.int64),
            counts=np.empty(max((_levels(way) for way in self._ways), default=0) + 1, dtype=np.int64),
            together=np.empty(-(-people_at_a_time // WHOLE) * WHOLE, dtype=word),
            edges=np.empty(people_at_a_time + 1, dtype=np.int64),
            cells=np.empty((people_at_a_time if ways else 0, periods), dtype=np.int64),
            listed=np.empty(0, dtype=np.int32),
            counter=Counter(
                planes=np.zeros(PLANES, dtype=np.uint64),
                waiting=np.empty(0, dtype=word),
                wait=np.zeros(1, dtype=np.int64),
                room=np.empty(ROOM, dtype=np.uint64),
            ),
            bands=BANDS,
        )
        return LeveledRoom(levels=self.levels, ways=self._ways, arrays=arrays, people_at_a_time=people_at_a_time)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LeveledRoom:
    """Brings the people of a block into the order of their levels."""

    levels: Levels
    ways: list[tuple[Grouping, ...]]
    arrays: Leveled
    people_at_a_time: int

    def order(self, block: Block) -> None:
        arrays = self.arrays
        for way, groupings in enumerate(self.ways):
            cells = Cells(groupings=groupings)
            order_by_level(
                cells.of_people(self.levels, block),
                _levels(groupings),
                block.base,
                block.pack.ranges,
                self.people_at_a_time,
                arrays.order[way],
                arrays.begin[way],
                arrays.stop[way],
                arrays.range_of[way],
                arrays.level_of[way],
                arrays.counts,
            )


def _levels(groupings: tuple[Grouping, ...]) -> int:
    return int(np.prod(Cells(groupings=groupings).levels))

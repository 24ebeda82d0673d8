"""Runs a program over blocks of people: what one worker holds, and the call of the kernel."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from rounds.engines.pack.addresses import address_of
from rounds.engines.pack.blocks import BLOCK_PEOPLE, Block
from rounds.engines.pack.days import DAYS
from rounds.engines.pack.few_kernels import Work
from rounds.engines.pack.layout import Array, empty_array
from rounds.engines.pack.leveled import LeveledRoom
from rounds.engines.pack.program import Program
from rounds.engines.pack.program_kernels import run
from rounds.engines.pack.tallies import PLANES, ROOM, WAITING_BYTES, Counter

PEOPLE_AT_A_TIME: Final = 4_096
"""If a mask has 64 bits; with shorter masks as many times more. Few enough that masks of everybody fit into the fastest
cache one at a time, and those of few all into the next."""
FEW_OF: Final = 16
"""Of so many masks of 64 bits one has bits at most, where those who have are few."""


@dataclass(slots=True, kw_only=True, eq=False)
class Runner:
    """Runs a program over blocks with rising numbers."""

    program: Program
    tables: Array
    ranges: Array
    cursor: Array
    lately: Array
    of_days: Array
    of_ranges: Array
    within: Array
    of_list: Array
    work: Work
    totals: Array
    """Shape (tallies, groups, periods)."""
    counters: Counter
    leveled: LeveledRoom
    kept: Array
    """The masks that the program keeps, of the last block."""
    _given: Array = field(default_factory=lambda: empty_array("uint64").reshape(0, 0))
    _listed_who: Array = field(default_factory=lambda: empty_array("int32").reshape(0, 0))
    _listed_masks: Array = field(default_factory=lambda: empty_array("uint64").reshape(0, 0))

    def run(self, block: Block) -> None:
        """Add a block to the totals."""
        given, pack = self.program.given, self.program.pack
        if self._given.shape[1] < block.people:
            at_a_time = self.work.masks.shape[1]
            whole = -(-block.people // at_a_time) * at_a_time
            self._given = np.empty((len(given), whole), dtype=self.work.masks.dtype)
        for place, step in enumerate(given):
            step.masks(block, self._given[place, : block.people])
        if self._listed_who.shape[1] < block.people + 1:
            shape = len(self.program.listed), block.people + 1
            self._listed_who = np.empty(shape, dtype=np.int32)
            self._listed_masks = np.empty(shape, dtype=self.work.masks.dtype)
        for place, chosen in enumerate(self.program.listed):
            who = self._listed_who[place]
            who[chosen.listed(block, who, self._listed_masks[place])] = block.people
        self.leveled.order(block)
        run(
            self.program.operations,
            self.tables,
            self.ranges,
            self.cursor,
            self.lately,
            self.of_days,
            self.of_ranges,
            self.within,
            pack.birth,
            pack.ranges,
            self.program.groups,
            self._given,
            self._listed_who,
            self._listed_masks,
            self.of_list,
            self.work,
            block.base,
            block.people,
            self.totals.reshape(len(self.totals), self.totals.shape[1] * self.totals.shape[2]),
            self.totals.shape[2],
            self.counters,
            self.leveled.arrays,
            self.kept,
        )


def runner_of(program: Program) -> Runner:
    """Return what one worker needs to run a program."""
    rows = []
    for table in program.tables:
        column = table.columns
        known = [address_of(column["person"], "i4"), address_of(table.first, "u2"), address_of(table.last, "u2")]
        rows.append([*known, 0, len(column["person"])])
        rows.append([*known, address_of(column["inside"], "u1"), len(column["person"])])
    ranges = np.array(program.ranges, dtype=np.int64).reshape(-1, 2)
    at_a_time, periods = PEOPLE_AT_A_TIME * 8 // np.dtype(program.word).itemsize, program.groups.shape[2]
    return Runner(
        program=program,
        tables=np.array(rows, dtype=np.int64).reshape(-1, 5),
        ranges=ranges,
        cursor=np.zeros(len(ranges), dtype=np.int64),
        lately=np.zeros(len(ranges), dtype=np.int64),
        of_days=_stacked(program.word, program.of_days, (DAYS,)),
        of_ranges=_stacked(program.word, program.of_ranges, (len(program.pack.ranges) - 1,)),
        within=_stacked(np.dtype(np.int32), program.within, (len(program.pack.ranges) - 1, 2)),
        of_list=np.empty(len(program.listed), dtype=np.int64),
        work=_room_of(program, at_a_time),
        totals=np.zeros((len(program.tallies), program.group_number, periods), dtype=np.int64),
        counters=_counters(len(program.tallies), program.word),
        leveled=program.leveled.room(at_a_time, periods, program.word),
        kept=np.empty((len(program.kept), BLOCK_PEOPLE if program.kept else 0), dtype=np.uint64),
    )


def _room_of(program: Program, at_a_time: int) -> Work:
    """Return room for masks. Few are as many of the shorter masks, of which more go through the processor at once."""
    layers = program.most_layers
    return Work(
        masks=np.empty((program.places, at_a_time), dtype=program.word),
        number=np.zeros(program.places, dtype=np.int64),
        who=np.empty((program.places, at_a_time), dtype=np.uint16),
        most=max(PEOPLE_AT_A_TIME // FEW_OF, 1),
        aside=np.zeros((layers, at_a_time), dtype=program.word),
        listed=np.empty(at_a_time + 1, dtype=np.int32),
        found=np.empty((layers, at_a_time + 1), dtype=program.word),
        day_of=np.full(at_a_time, DAYS, dtype=np.int32),
    )


def _counters(number: int, word: type[np.unsignedinteger[Any]]) -> Counter:
    """Return counters with nothing in them, as one."""
    return Counter(
        planes=np.zeros((number, PLANES), dtype=np.uint64),
        waiting=np.empty((number, WAITING_BYTES // np.dtype(word).itemsize), dtype=word),
        wait=np.zeros((number, 1), dtype=np.int64),
        room=np.empty(ROOM, dtype=np.uint64),
    )


def _stacked(kind: npt.DTypeLike, several: Sequence[Array], shape: tuple[int, ...]) -> Array:
    stacked = np.empty((len(several), *shape), dtype=kind)
    for place, one in enumerate(several):
        stacked[place] = one
    return stacked

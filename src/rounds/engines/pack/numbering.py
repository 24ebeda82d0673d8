"""Numbers instead of ids: everybody's place among the people, a concept's place among those met so far."""

from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Final, Self

import numpy as np

from rounds.engines.pack import sorting
from rounds.engines.pack.files import room_aside
from rounds.engines.pack.layout import Array

_WIDE: Final = 8
"""Ids that spread over at most so many times their number are looked up at their own place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The number of each of some ids."""

    base: int
    slots: Array
    """Empty where `places` is by id, from `base` on."""
    places: Array

    @classmethod
    def of(cls, ids: Array, *, aside: Path | None = None) -> Self:
        """Number ids from 0 in the order they are given in.

        Args:
            ids: each once.
            aside: a folder for a file without a name to hold them, so that many take no memory.
        """
        ids = np.ascontiguousarray(ids, dtype=np.int64)
        base = int(ids.min()) if len(ids) else 0
        span = int(ids.max()) - base + 1 if len(ids) else 1
        if span <= _WIDE * len(ids) + 16:
            places = _room(span, "int32", aside)
            places[:] = -1
            sorting.lay_down(ids, base, places)
            return cls(base=base, slots=np.empty(0, dtype=np.int64), places=places)
        size = 1 << (len(ids) * 2).bit_length()
        slots, places = _room(size, "int64", aside), _room(size, "int32", aside)
        places[:] = -1
        sorting.make_lookup(ids, slots, places)
        return cls(base=base, slots=slots, places=places)

    def numbers(self, ids: Array) -> Array:
        """Return the numbers of some ids; -1 where one is unknown."""
        found = np.empty(len(ids), dtype=np.int32)
        if len(self.slots):
            sorting.look_up(ids, self.slots, self.places, found)
        else:
            sorting.look_up_place(ids, self.base, self.places, found)
        return found


@dataclass(slots=True, kw_only=True, eq=False)
class Met:
    """Ids numbered as they are met. Several threads may meet them."""

    ids: Array = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """In the order they were met."""
    _known: Known = field(default_factory=lambda: Known.of(np.empty(0, dtype=np.int64)))
    _adding: Lock = field(default_factory=Lock)

    def numbers(self, ids: Array) -> Array:
        """Return the number of each id; one that was never met gets the next."""
        found = self._known.numbers(ids)
        if len(found) and found.min() < 0:
            with self._adding:
                unknown = np.unique(ids[self._known.numbers(ids) < 0])
                if len(unknown):
                    self.ids = np.concatenate([self.ids, unknown])
                    self._known = Known.of(self.ids)
            found = self._known.numbers(ids)
        return found

    def ranked(self) -> tuple[Array, Array]:
        """Return the ids sorted, and for each number the place of its id among them."""
        order = np.argsort(self.ids)
        ranks = np.empty(len(order), dtype=np.int32)
        ranks[order] = np.arange(len(order), dtype=np.int32)
        return self.ids[order], ranks


def _room(length: int, kind: str, aside: Path | None) -> Array:
    return np.empty(length, dtype=kind) if aside is None else room_aside(aside, length, kind)

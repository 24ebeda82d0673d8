"""The numbers of many releases, one after the other, as the gate looks at them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from rounds.disclosure.bounded import QUANTITIES, State
from rounds.disclosure.components import Flags
from rounds.disclosure.known import MOST, UNKNOWN, Known, Numbers
from rounds.disclosure.pooled import most_of_one_person
from rounds.disclosure.rules import FEWEST_OF_A_MEAN
from rounds.measures.kinds import CountKind
from rounds.measures.linked import NUMERATOR, Table

_BOUNDED_EACH = (CountKind.RATE, CountKind.MEAN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """What is to leave and what has left of a measure in one epoch, as the gate looks at it."""

    table: Table
    """All its periods, so that those of other rounds add up with these."""
    epoch: int
    few: int
    """Up to so many people are protected; 0 if nobody is, as under noise and of what is public."""
    step: int
    """How many people's numbers are rounded to the same."""
    cells: pl.DataFrame
    """What is to leave for the first time, columns as in `bounded_schema`."""
    fresh: pl.DataFrame
    """The exact counts of these, columns as in `count_schema`."""
    left: pl.DataFrame
    """What the ledger keeps, columns as in `bounded_schema`, `records` (what it was counted from), and of each quantity
    `_people`: how many were behind it, where that is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Arrays of one shape, (numbers,)."""

    there: Flags
    fresh: Flags
    """Whether it is to leave for the first time."""
    known: Known
    state: npt.NDArray[np.object_]
    value: Numbers
    """What is shown; UNKNOWN if nothing is."""
    step: Numbers
    epoch: Numbers
    label: Numbers
    """The same for numbers that were counted from the same records; 0 for what is to leave."""


def read(releases: Sequence[Linked], frames: Sequence[pl.DataFrame], size: int) -> Read:
    """Return what is known, and what is true, of the numbers of some releases.

    Args:
        releases: all that is to leave, and all that has left.
        frames: the place of each number of each, from `Quantities.frame`.
        size: how many numbers there are.
    """
    found = _Reading(size)
    for one, frame in zip(releases, frames, strict=True):
        most = _most(one.table)
        for role in QUANTITIES:
            of = frame.filter(pl.col("role") == role)
            found.left(one, role, of, most)
            found.fresh(one, role, of, most)
    return found.read()


class _Reading:
    def __init__(self, size: int) -> None:
        self._there, self._fresh, self._free = (np.zeros(size, dtype=np.bool_) for _ in range(3))
        self._withheld, self._rows = (np.zeros(size, dtype=np.bool_) for _ in range(2))
        self._lower, self._few, self._step, self._epoch, self._label, self._behind_least = (
            np.zeros(size, dtype=np.int64) for _ in range(6)
        )
        self._upper, self._behind_most = (np.full(size, MOST, dtype=np.int64) for _ in range(2))
        self._truth, self._value = (np.full(size, UNKNOWN, dtype=np.int64) for _ in range(2))
        self._most = np.ones(size, dtype=np.int64)
        self._state = np.full(size, None, dtype=np.object_)
        self._labels: dict[tuple[str, int], int] = {}

    def left(self, one: Linked, role: str, of: pl.DataFrame, most: Mapping[date, Mapping[str, int]]) -> None:
        """Read what has left. Noise is charged, and says nothing for certain."""
        shown = of.join(one.left, on=_keys(of), how="inner").filter(pl.col(f"{role}_state") != State.NOISY)
        at = self._shown(one, role, shown, most)
        records = shown["records"].to_list()
        self._label[at] = [self._labels.setdefault((some, one.epoch), 1 + len(self._labels)) for some in records]
        if one.table.measure.kind is CountKind.PROPORTION_OF_ROWS:
            rounded, kept = shown[f"{role}_state"] == State.ROUNDED, shown[f"{role}_people"]
            least = np.where(rounded, one.few + 1, np.minimum(self._lower[at], 1))
            self._behind_least[at] = kept.fill_null(UNKNOWN).to_numpy()
            self._behind_least[at] = np.where(kept.is_null(), least, self._behind_least[at])
            self._behind_most[at] = np.where(kept.is_null(), self._upper[at], self._behind_least[at])

    def fresh(self, one: Linked, role: str, of: pl.DataFrame, most: Mapping[date, Mapping[str, int]]) -> None:
        """Read what is to leave."""
        keys = _keys(of)
        shown = of.join(one.cells, on=keys, how="inner").join(
            one.fresh.rename({name: f"true_{name}" for name in one.fresh.columns if name not in keys}),
            on=keys,
            how="inner",
        )
        at = self._shown(one, role, shown, most)
        self._truth[at], self._fresh[at], self._free[at] = shown[f"true_{role}"].to_numpy(), True, one.few > 0
        if one.table.measure.kind is CountKind.PROPORTION_OF_ROWS:
            self._behind_least[at] = self._behind_most[at] = shown[f"true_{role}_people"].to_numpy()

    def _shown(self, one: Linked, role: str, shown: pl.DataFrame, most: Mapping[date, Mapping[str, int]]) -> Numbers:
        at = shown["number"].to_numpy().astype(np.int64)
        kind = one.table.measure.kind
        few = max(one.few, FEWEST_OF_A_MEAN - 1) if kind is CountKind.MEAN and role == NUMERATOR else one.few
        self._there[at], self._few[at], self._step[at], self._epoch[at] = (
            True,
            few if one.few else 0,
            one.step,
            one.epoch,
        )
        self._rows[at] = kind is CountKind.PROPORTION_OF_ROWS
        self._lower[at], self._upper[at] = shown[f"{role}_lower"].to_numpy(), shown[f"{role}_upper"].to_numpy()
        self._value[at] = shown[f"{role}_value"].fill_null(UNKNOWN).to_numpy()
        self._state[at] = shown[f"{role}_state"].to_list()
        self._withheld[at] = shown[f"{role}_state"] == State.WITHHELD
        self._most[at] = [most[start][role] for start in shown["period"]] if most else 1
        return at

    def read(self) -> Read:
        known = Known(
            lower=self._lower,
            upper=self._upper,
            truth=self._truth,
            few=self._few,
            most=self._most,
            rows=self._rows,
            people_lower=self._behind_least,
            people_upper=self._behind_most,
            free=self._free,
            left_lower=np.where(self._free, 0, self._lower),
            left_upper=np.where(self._free, MOST, self._upper),
            withheld=self._withheld,
        )
        return Read(
            there=self._there,
            fresh=self._fresh,
            known=known,
            state=self._state,
            value=self._value,
            step=self._step,
            epoch=self._epoch,
            label=self._label,
        )


def _keys(frame: pl.DataFrame) -> list[str]:
    return [name for name in frame.columns if name not in ("number", "role")]


def _most(table: Table) -> dict[date, dict[str, int]]:
    """Return by period how much of either quantity one person can be; nothing where it is 1, or not known."""
    if table.measure.kind not in _BOUNDED_EACH:
        return {}
    each = {period.start: most_of_one_person(table.measure, period) for period in table.periods}
    return {start: dict(zip(QUANTITIES, most, strict=True)) for start, most in each.items()}

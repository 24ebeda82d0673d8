"""What somebody outside knows of many numbers, what is true of them, and which of them can still be withheld."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]

UNKNOWN: Final = -1
MOST: Final = 1 << 40
"""Above any number of people."""

_GREATEST: Final = ("lower", "left_lower", "people_lower", "truth", "few", "most")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Arrays of one shape, (numbers,)."""

    lower: Numbers
    upper: Numbers
    """What is shown."""
    truth: Numbers
    """UNKNOWN where a number left earlier, counted from records as they were then."""
    few: Numbers
    """Up to so many people are protected; 0 if nothing is."""
    most: Numbers
    """So much of a number one person can be at most: 1 of people, days of time. Of rows, 1: there is no such number."""
    rows: npt.NDArray[np.bool_]
    """Whether rows are counted, of which one person may have any number."""
    people_lower: Numbers
    people_upper: Numbers
    """How many people are behind a number of rows. It never leaves."""
    free: npt.NDArray[np.bool_]
    """Whether it can be withheld: it has not left yet."""
    left_lower: Numbers
    left_upper: Numbers
    """What is known of it if it is withheld: what has left earlier under another name, or nothing."""
    withheld: npt.NDArray[np.bool_]
    """Whether its rule withholds it, or has, so that its bounds are owed."""

    def under(self, name: Numbers) -> "Known":
        """Return what is known of numbers that go by other numbers' names, gathered under these names."""
        least = {field: getattr(self, field).copy() for field in ("upper", "left_upper", "people_upper")}
        most = {field: getattr(self, field).copy() for field in _GREATEST}
        some = {field: getattr(self, field).copy() for field in ("free", "withheld", "rows")}
        for field, gathered in least.items():
            np.minimum.at(gathered, name, getattr(self, field))
        for field, gathered in most.items():
            np.maximum.at(gathered, name, getattr(self, field))
        for field, gathered in some.items():
            np.logical_or.at(gathered, name, getattr(self, field))
        return Known(**least, **most, **some)

    def without(self, hidden: Numbers) -> "Known":
        """Return what is known if some numbers are withheld."""
        lower, upper = self.lower.copy(), self.upper.copy()
        lower[hidden], upper[hidden] = self.left_lower[hidden], self.left_upper[hidden]
        return replace(self, lower=lower, upper=upper)

    def within(self, contained: Numbers) -> "Known":
        """Return the closest bounds that follow from parts being no more than their wholes.

        Args:
            contained: shape (pairs, 2), a part and its whole.
        """
        lower, upper = self.lower.copy(), self.upper.copy()
        part, whole = contained[:, 0], contained[:, 1]
        while True:
            before = (lower.sum(), upper.sum())
            np.maximum.at(lower, whole, lower[part])
            np.minimum.at(upper, part, upper[whole])
            if (lower.sum(), upper.sum()) == before:
                return replace(self, lower=lower, upper=upper)

    def agreeing(self, contained: Numbers, certain: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Return which pairs contradict neither each other nor what is shown, shape (pairs,).

        Where records have changed between two releases, a part may be more than its whole. Nobody can take the one from
        the other then: such pairs are left out, those first that are of different records.

        Args:
            contained: shape (pairs, 2), a part and its whole.
            certain: whether both were counted from the same records, shape (pairs,).
        """
        kept = self.lower[contained[:, 0]] <= self.upper[contained[:, 1]]
        while True:
            closest = self.within(contained[kept])
            wrong = closest.lower > closest.upper
            out = kept & wrong[contained].any(axis=1)
            if not out.any():
                return kept
            kept &= ~(out & ~certain) if (out & ~certain).any() else ~out

    def narrow(self, contained: Numbers) -> npt.NDArray[np.bool_]:
        """Return of which wholes what is left without their parts is known too closely, shape (pairs,).

        Between the closest bounds every pair of values is possible that keeps a part below its whole, whatever else is
        contained in what. What is left, if it is a protected number, or where the truth is not known any more could be
        one, must not be known more closely than such numbers are.

        Of rows, few people may be behind many that are left. Surely behind them are those who have rows in the whole
        and none in the part. If these may be few, more than the decade of what is left must not be known (decision 18).
        """
        part, whole = contained[:, 0], contained[:, 1]
        people = np.minimum(self.few[part], self.few[whole])
        few = people * self.most[whole]
        lowest = np.maximum(self.lower[whole] - self.upper[part], 0)
        highest = self.upper[whole] - self.lower[part]
        told = (self.truth[whole] != UNKNOWN) & (self.truth[part] != UNKNOWN)
        left = self.truth[whole] - self.truth[part]
        protected = np.where(
            told, (left >= 1) & (left <= few) & (self.truth[whole] > few), (lowest <= few) & (highest >= 1)
        )
        found: npt.NDArray[np.bool_] = protected & (few > 0) & (highest - lowest < few - 1)
        some = np.where(told, left, highest)
        least, most = _decade(some, np.maximum(people, 1))
        rows = self.rows[part] & self.rows[whole] & (people > 0) & (some >= 1) & (self.people_upper[whole] > people)
        sure = self.people_lower[whole] - self.people_upper[part] > people
        close = (lowest > least) | (told & (highest < most) & (self.upper[part] < self.upper[whole]))
        found |= rows & ~sure & close
        return found


def _decade(numbers: Numbers, few: Numbers) -> tuple[Numbers, Numbers]:
    """Return the bounds that numbers of rows are withheld with if few people are behind them."""
    most = few.copy()
    while (above := (numbers > most) & (most < MOST)).any():
        most = np.where(above, most * 10, most)
    return np.where(most == few, 1, most // 10 + 1), most

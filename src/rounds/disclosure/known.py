"""What somebody outside knows of many numbers, what is true of them, and which of them can still be withheld."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]

UNKNOWN: Final = -1
MOST: Final = 1 << 40
"""Above any number of people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Arrays of one shape, (numbers,)."""

    lower: Numbers
    upper: Numbers
    """What is shown."""
    truth: Numbers
    """UNKNOWN where a number left earlier, counted from records as they were then."""
    few: Numbers
    """Numbers from 1 to this are protected; 0 if nothing is."""
    free: npt.NDArray[np.bool_]
    """Whether it can be withheld: it has not left yet."""
    left_lower: Numbers
    left_upper: Numbers
    """What is known of it if it is withheld: what has left earlier under another name, or nothing."""
    withheld: npt.NDArray[np.bool_]
    """Whether its rule withholds it, or has, so that its bounds are owed."""

    def under(self, name: Numbers) -> "Known":
        """Return what is known of numbers that go by other numbers' names, gathered under these names."""
        least = {field: getattr(self, field).copy() for field in ("upper", "left_upper")}
        most = {field: getattr(self, field).copy() for field in ("lower", "left_lower", "truth", "few")}
        some = {field: getattr(self, field).copy() for field in ("free", "withheld")}
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

    def narrow(self, contained: Numbers) -> npt.NDArray[np.bool_]:
        """Return of which wholes what is left without their parts is known too closely, shape (pairs,).

        Between the closest bounds every pair of values is possible that keeps a part below its whole, whatever else is
        contained in what. What is left, if it is a protected number, or where the truth is not known any more could be
        one, must not be known more closely than such numbers are.
        """
        part, whole = contained[:, 0], contained[:, 1]
        few = np.minimum(self.few[part], self.few[whole])
        lowest = np.maximum(self.lower[whole] - self.upper[part], 0)
        highest = self.upper[whole] - self.lower[part]
        told = (self.truth[whole] != UNKNOWN) & (self.truth[part] != UNKNOWN)
        left = self.truth[whole] - self.truth[part]
        protected = np.where(
            told, (left >= 1) & (left <= few) & (self.truth[whole] > few), (lowest <= few) & (highest >= 1)
        )
        found: npt.NDArray[np.bool_] = protected & (few > 0) & (highest - lowest < few - 1)
        return found

"""Equal groups of areas by a value: quintiles of deprivation and the like."""

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def quantiles(values: Vector, *, number: int, highest_first: bool = False) -> Vector:
    """Return the quantile of each value, 1 to `number`; NaN where the value is NaN.

    Equal values share the quantile of the first of them.

    Args:
        values: shape (areas,); NaN where an area has none, which counts in no group.
        number: of groups; at least 2, and no more than there are values.
        highest_first: quantile 1 holds the highest values in place of the lowest.

    Raises:
        ValueError: if a value is infinite, or there are fewer values than groups.

    Source: PHEindicatormethods 2.1.0, `phe_quantile`.

    >>> quantiles(np.array([3.0, 1, 2, 4]), number=2).tolist()
    [2.0, 1.0, 1.0, 2.0]
    """
    there = ~np.isnan(values)
    count = int(there.sum())
    if np.isinf(values).any():
        raise ValueError(f"value {int(np.argmax(np.isinf(values))) + 1} is infinite")
    if not 2 <= number <= count:
        raise ValueError(
            f"{count} values cannot be cut into {number} groups: give at least 2 groups, and a value to each"
        )
    known = -values[there] if highest_first else values[there]
    rank = np.searchsorted(np.sort(known), known, side="left") + 1
    found = np.full(values.shape, np.nan)
    found[there] = np.floor(number + 1 - np.ceil((count + 1 - rank) / (count / number)))
    return np.where(there, np.maximum(found, 1.0), np.nan)

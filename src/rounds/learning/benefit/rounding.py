"""Whole numbers whose shown parts add up to shown totals: controlled rounding.

Source: Cox and Ernst (1982), INFOR 20:423-432. Sums over rows and over columns, each family nested, make a totally
unimodular system, so that the linear programme has a whole solution.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import LinearConstraint, milp
from scipy.sparse import coo_array

from rounds.learning.benefit.entries import Matrix

Whole = NDArray[np.int64]

_WHOLE = 1e-9
"""A number this close to a whole one is it."""


def whole_parts(
    values: Matrix, *, rows: Sequence[NDArray[np.bool_]] = (), columns: Sequence[NDArray[np.bool_]] = ()
) -> Whole:
    """Return each value rounded up or down, so that every sum over a row, a column and a group is off by less than 1.

    Args:
        values: shape (rows, columns), finite; below 0 too.
        rows: groups of rows, such as those of a region, nested or apart; each row and all of them are groups already.
        columns: groups of columns, such as the quarters of a year, likewise.

    Returns:
        Whole numbers, shape (rows, columns). Any total is to be shown as the sum of these.

    Raises:
        ValueError: if a value is not finite, or groups cross each other.
    """
    if not np.isfinite(values).all():
        raise ValueError("only finite numbers are rounded")
    if values.size == 0:
        return np.zeros(values.shape, dtype=np.int64)
    near = np.rint(values)
    exact = np.abs(values - near) < _WHOLE
    floor = np.where(exact, near, np.floor(values))
    left = np.where(exact, 0.0, values - floor)
    height, width = values.shape
    at = np.arange(values.size).reshape(values.shape)
    groups = [
        *(at[row] for row in range(height)),
        *(at[:, column] for column in range(width)),
        *(at[group].ravel() for group in rows),
        *(at[:, group].ravel() for group in columns),
        at.ravel(),
    ]
    flat = left.ravel()
    sums = np.array([flat[group].sum() for group in groups])
    nearest = np.rint(sums)
    whole = np.abs(sums - nearest) < _WHOLE
    least, most = np.where(whole, nearest, np.floor(sums)), np.where(whole, nearest, np.ceil(sums))
    place = np.concatenate([np.full(len(group), index) for index, group in enumerate(groups)])
    system = coo_array((np.ones(len(place)), (place, np.concatenate(groups))), shape=(len(groups), values.size)).tocsc()
    found = milp(
        1.0 - 2.0 * flat,
        constraints=LinearConstraint(system, least, most),
        bounds=(0.0, np.where(flat > 0, 1.0, 0.0)),
        integrality=np.zeros(values.size),
    )
    if found.x is None:
        raise ValueError("the groups to be rounded together cross each other; nest them or keep them apart")
    up = np.rint(found.x)
    if np.abs(up - found.x).max() > 1e-6:
        raise ValueError("the groups to be rounded together cross each other; nest them or keep them apart")
    return np.asarray(floor + up.reshape(values.shape), dtype=np.int64)

"""Which points lie in a window of a series where something holds.

Flags have shape (series, periods). A point at which a flag is not set, as where there is no number, breaks a window.
"""

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]


def all_in_window(flags: Flags, length: int) -> Flags:
    """Return, per window of `length` that fits, whether all its flags are set: shape (series, periods - length + 1)."""
    if flags.shape[1] < length:
        return np.zeros((flags.shape[0], 0), dtype=bool)
    held, found = 1, flags
    while held < length:
        step = min(held, length - held)
        found, held = found[:, :-step] & found[:, step:], held + step
    return found


def some_in_window(flags: Flags, least: int, length: int) -> Flags:
    """Return, per window of `length` that fits, whether at least `least` of its flags are set."""
    windows = flags.shape[1] - length + 1
    if windows <= 0:
        return np.zeros((flags.shape[0], 0), dtype=bool)
    counted = flags[:, :windows].astype(np.int8)
    for offset in range(1, length):
        counted += flags[:, offset : offset + windows]
    return np.asarray(counted >= least)


def part_of(windows: Flags, length: int, periods: int) -> Flags:
    """Return, per point, whether it lies in any flagged window of `length`: shape (series, periods)."""
    part = np.zeros((windows.shape[0], periods), dtype=bool)
    if not windows.shape[1] or not windows.any():
        return part
    part[:, : windows.shape[1]] = windows
    held = 1
    while held < length:
        step = min(held, length - held)
        spread = part.copy()
        spread[:, step:] |= part[:, :-step]
        part, held = spread, held + step
    return part

"""Arrays by their address, so that one kernel may read the columns of any number of tables."""

from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
import numpy.typing as npt
from numba import types
from numba.extending import intrinsic

Array = npt.NDArray[Any]


@intrinsic
def _pointer(_: Any, address: Any) -> Any:

    def generated(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(address), generated


pointer_to: Callable[..., Any] = cast("Callable[..., Any]", _pointer)
"""A whole number as a pointer, in kernels only. Whoever passes it must keep the array that lies there."""

array_at: Callable[..., Array] = numba.carray  # type: ignore[attr-defined]  # numba has no types of its own
"""The array of some shape and type that a pointer points to, in kernels only."""


def address_of(array: Array, kind: str) -> int:
    """Return where an array begins, or 0 if it is empty; its owner must outlive whoever reads there."""
    if len(array) == 0:
        return 0
    if array.dtype != np.dtype(kind) or not array.flags.c_contiguous or not array.flags.aligned:
        raise TypeError(f"a kernel reads {kind} in one piece, not {array.dtype}")
    return int(array.ctypes.data)

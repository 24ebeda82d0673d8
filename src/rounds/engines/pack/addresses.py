"""Arrays by their address, so that one kernel may read the columns of any number of tables."""

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

Array = npt.NDArray[Any]


@intrinsic  # type: ignore[untyped-decorator]  # numba has no types of its own
def pointer_to(_: Any, address: Any) -> Any:
    """Return a whole number as a pointer; for `carray` in kernels only. Whoever passes it must keep the array."""

    def generated(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(address), generated


def address_of(array: Array, kind: str) -> int:
    """Return where an array begins, or 0 if it is empty; its owner must outlive whoever reads there."""
    if len(array) == 0:
        return 0
    if array.dtype != np.dtype(kind) or not array.flags.c_contiguous or not array.flags.aligned:
        raise TypeError(f"a kernel reads {kind} in one piece, not {array.dtype}")
    return int(array.ctypes.data)

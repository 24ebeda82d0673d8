"""Arrays by their address, so that one kernel may read the columns of any number of tables."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from numba import types
from numba.extending import intrinsic

Array = npt.NDArray[Any]


@intrinsic
def _array_at(_: Any, _address: Any, _number: Any, kind: Any) -> Any:
    found = types.Array(kind.dtype, 1, "C")

    def generated(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        data = builder.inttoptr(arguments[0], context.get_data_type(kind.dtype).as_pointer())
        return _array(context, builder, found, data, arguments[1])

    return found(types.int64, types.int64, kind), generated


@intrinsic
def _words_of(_: Any, masks: Any) -> Any:
    found = types.Array(types.uint64, 1, "C")

    def generated(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        of_masks = context.make_array(masks)(context, builder, arguments[0])
        data = builder.bitcast(of_masks.data, context.get_data_type(types.uint64).as_pointer())
        each = context.get_constant(types.intp, 64 // masks.dtype.bitwidth)
        return _array(context, builder, found, data, builder.sdiv(of_masks.nitems, each))

    return found(masks), generated


def _array(context: Any, builder: Any, kind: Any, data: Any, number: Any) -> Any:
    from numba.np.arrayobj import populate_array  # only the compiler needs it, and it takes long to import

    array = context.make_array(kind)(context, builder)
    each = context.get_constant(types.intp, kind.dtype.bitwidth // 8)
    populate_array(array, data=data, shape=[number], strides=[each], itemsize=each, meminfo=None)  # type: ignore[no-untyped-call]  # numba has few types of its own
    return array._getvalue()


array_at: Callable[..., Array] = cast("Callable[..., Array]", _array_at)
"""So many of a type that lie at an address, in kernels only. Whoever passes it must keep the array that lies there."""

words_of: Callable[..., Array] = cast("Callable[..., Array]", _words_of)
"""An array's whole words of 64 bits, in kernels only. NumPy's own view of it loads numba's compiler with the kernel."""


def address_of(array: Array, kind: str) -> int:
    """Return where an array begins, or 0 if it is empty; its owner must outlive whoever reads there."""
    if len(array) == 0:
        return 0
    if array.dtype != np.dtype(kind) or not array.flags.c_contiguous or not array.flags.aligned:
        raise TypeError(f"a kernel reads {kind} in one piece, not {array.dtype}")
    return int(array.ctypes.data)

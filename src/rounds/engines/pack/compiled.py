"""How kernels are compiled: once on a machine, without holding the interpreter's lock while they run."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel on its first call and keep the machine code for later processes, where there is a place to."""
    try:
        kernel: Callable[P, R] = numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # neither beside the program nor in the home of whoever runs it can anything be written
        kernel = numba.njit(nogil=True)(function)
    return kernel

"""How kernels are compiled: once on a machine, without holding the interpreter's lock while they run.

Machine code is kept by the text of all kernels. By itself numba keeps it by the file a kernel stands in and does not
see that a kernel of another file, which it calls, has become another: after an update it would count with the old one.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, update_wrapper
from hashlib import blake2b
from pathlib import Path
from threading import RLock
from typing import Any, Final, Generic, ParamSpec, TypeVar

import numba
from numba.core.caching import FunctionCache
from numba.core.runtime.nrt import rtsys

P = ParamSpec("P")
R = TypeVar("R")

_ENGINES = Path(__file__).parents[1]
_MAKING: Final = RLock()
"""Several workers come to a kernel at once, and making one makes those that it calls."""


class Kernel(Generic[P, R]):
    """A function that is machine code from its first call on, whether from Python or from another kernel."""

    def __init__(self, function: Callable[P, R], *, makes_arrays: bool) -> None:
        update_wrapper(self, function)
        self._function = function
        self._makes_arrays = makes_arrays
        self._made: Any = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        found: R = self.dispatcher(*args, **kwargs)
        return found

    @property
    def dispatcher(self) -> Any:
        """What numba makes of the function: only a kernel that is called needs one."""
        if self._made is None:
            with _MAKING:
                if self._made is None:
                    self._made = _dispatcher(self._function, makes_arrays=self._makes_arrays)
        return self._made

    @property
    def _numba_type_(self) -> Any:
        """Tell numba, which asks under this name, what a kernel is to the kernels that call it."""
        return self.dispatcher._numba_type_


def compiled(function: Callable[P, R]) -> Kernel[P, R]:
    """Compile a kernel on its first call and keep the machine code for later processes, where there is a place to.

    It makes no array: numba then counts nowhere who holds one, up and down again for every row that is looked at, which
    takes ten times as long as to look at it. A kernel that makes one after all is refused when it is compiled.
    """
    return Kernel(function, makes_arrays=False)


def compiled_making_arrays(function: Callable[P, R]) -> Kernel[P, R]:
    """Compile as `compiled` a kernel that makes arrays. What it does for every row belongs into one that does not."""
    return Kernel(function, makes_arrays=True)


def _dispatcher(function: Callable[..., object], *, makes_arrays: bool) -> Any:
    folder = kept_in()
    how: Any = numba.njit(nogil=True, cache=folder is not None, _nrt=makes_arrays)  # type: ignore[call-overload]  # numba's types leave `_nrt` out
    if folder is None:
        return how(function)
    with _numba_keeps_in(folder):
        made = how(function)
        made._cache = (_KeptMakingArrays if makes_arrays else _Kept)(function)  # type: ignore[no-untyped-call]  # numba has few types of its own
    return made


class _Kept(FunctionCache):
    """Machine code as numba keeps it, loaded without what it takes to compile.

    Before it looks for machine code numba itself imports all that it can compile, and SciPy: a quarter of a second and
    more. What is found runs without that, and where nothing is found the compiler imports it. So does a kernel in which
    a function of numba's own is compiled, such as the one behind `in`: what such a function stands in is imported.
    """

    def load_overload(self, signature: Any, target: Any) -> Any:
        with self._guard_against_spurious_io_errors():
            return self._load_overload(signature, target)  # type: ignore[no-untyped-call]


class _KeptMakingArrays(_Kept):
    def load_overload(self, signature: Any, target: Any) -> Any:
        rtsys.initialize(target)  # what arrays are made with
        return super().load_overload(signature, target)


@cache
def kept_in() -> Path | None:
    """Return the folder for machine code: beside the program, else in the user's cache, else none."""
    name = f"kernels-{digest_of_kernels(_ENGINES)}"
    beside = Path(__file__).parent / "__pycache__"
    of_user = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "rounds"
    for place in (beside, of_user):
        folder = place / name
        if not folder.is_dir():
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError:
                continue
            if place is beside:
                _remove_others(folder)
        if os.access(folder, os.W_OK):
            return folder
    return None


def digest_of_kernels(folder: Path) -> str:
    """Return a digest of every file below a folder that has kernels."""
    digest = blake2b(digest_size=8)
    for path in sorted(folder.rglob("*.py")):
        text = path.read_bytes()
        if b"@compiled" in text or b"@intrinsic" in text:
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + text + b"\0")
    return digest.hexdigest()


def _remove_others(folder: Path) -> None:
    for other in folder.parent.glob("kernels-*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)


@contextmanager
def _numba_keeps_in(folder: Path) -> Iterator[None]:
    before = numba.config.CACHE_DIR  # type: ignore[attr-defined]  # numba has no types of its own
    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before  # type: ignore[attr-defined]

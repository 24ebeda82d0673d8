"""How kernels are compiled: once on a machine, without holding the interpreter's lock while they run.

Machine code is kept by the text of all kernels. By itself numba keeps it by the file a kernel stands in and does not
see that a kernel of another file, which it calls, has become another: after an update it would count with the old one.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")

_ENGINES = Path(__file__).parents[1]


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel on its first call and keep the machine code for later processes, where there is a place to.

    It makes no array: numba then counts nowhere who holds one, up and down again for every row that is looked at, which
    takes ten times as long as to look at it. A kernel that makes one after all is refused when it is compiled.
    """
    return _compiled(function, counting_holders=False)


def compiled_making_arrays(function: Callable[P, R]) -> Callable[P, R]:
    """Compile as `compiled` a kernel that makes arrays. What it does for every row belongs into one that does not."""
    return _compiled(function, counting_holders=True)


def _compiled(function: Callable[P, R], *, counting_holders: bool) -> Callable[P, R]:
    folder = kept_in()
    how = numba.njit(nogil=True, cache=folder is not None, _nrt=counting_holders)  # type: ignore[call-overload]  # numba's types leave `_nrt` out
    if folder is None:
        alone: Callable[P, R] = how(function)
        return alone
    with _numba_keeps_in(folder):
        kernel: Callable[P, R] = how(function)
    return kernel


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

"""Memory that a thread writes to again and again.

What is given back to the system and asked for again is met page by page each time, which takes longer than sorting.
"""

from threading import local

import numpy as np

from rounds.engines.pack.layout import Array


class Scratch(local):
    """Arrays of each thread, by name: what was in one of a name is gone when another is asked for."""

    def __init__(self) -> None:
        self._held: dict[str, Array] = {}

    def array(self, name: str, length: int, kind: str) -> Array:
        size = length * np.dtype(kind).itemsize
        held = self._held.get(name)
        if held is None or len(held) < size:
            held = self._held[name] = np.empty(size, dtype=np.uint8)
        return held[:size].view(kind)

"""Who watches while something long runs."""

from typing import Protocol


class Progress(Protocol):
    """Told of every step as it begins and of every piece as it is done."""

    def step(self, title: str, total: int) -> None:
        """A step begins that consists of `total` pieces."""

    def advance(self) -> None:
        """A piece is done."""

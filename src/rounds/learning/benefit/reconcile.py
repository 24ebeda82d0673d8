"""Do totals equal the sums of their parts? Of a return before it is published, and of figures that others publish."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rounds.errors import RoundsError


class Unreconciled(RoundsError):
    """A total is not the sum of its parts. Nothing was published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A number as it stands in a table: a total, or one of its parts."""

    place: str
    """who and when, in words: "the network, Oct to Dec 2024" """
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """A total and the parts it is said to be the sum of."""

    total: Shown
    parts: tuple[Shown, ...]


def refuse_unreconciled(sums: Iterable[Sum], *, what: str, tolerance: float = 0.0) -> None:
    """Raise if a total is not the sum of its parts, naming the places.

    Args:
        sums: every total that is shown.
        what: the table, for the message.
        tolerance: by how much they may differ; 0 for whole numbers.

    Raises:
        Unreconciled: naming each total that does not add up, and by how much.
    """
    wrong = []
    for one in sums:
        parts = math.fsum(part.value for part in one.parts)
        if not abs(one.total.value - parts) <= tolerance:
            wrong.append(
                f"{one.total.place}: {one.total.value:,.10g} is shown, and its parts ({len(one.parts)}) add up to "
                f"{parts:,.10g}"
            )
    if wrong:
        many = (
            "a total is not the sum of its parts" if len(wrong) == 1 else f"{len(wrong)} totals are not sums of parts"
        )
        raise Unreconciled(f"{what}: {many}, so it is not published:\n  " + "\n  ".join(wrong))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A published figure: what was printed, and how finely."""

    place: str
    value: float
    precision: float
    """the last digit's unit: 100,000 for "2.3 million", 1,000 for "1.228 million"; 0 if it is exact"""

    @property
    def lower(self) -> float:
        return self.value - self.precision / 2.0

    @property
    def upper(self) -> float:
        return self.value + self.precision / 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether published parts can add up to a published total, whatever was rounded."""

    adds_up: bool
    says: str


def published_sum(total: Figure, parts: Sequence[Figure]) -> Verdict:
    """Return whether some published figures can add up to a published total, given how each is rounded.

    >>> def printed(million, last_digit):
    ...     return Figure(place="benefited", value=million * 1e6, precision=last_digit * 1e6)
    >>> published_sum(printed(3.8, 0.1), [printed(2.3, 0.1), printed(1.228, 0.001)]).adds_up
    False
    """
    if not parts:
        raise ValueError("a sum needs parts")
    least, most = math.fsum(part.lower for part in parts), math.fsum(part.upper for part in parts)
    said = " + ".join(f"{part.value:,.10g}" for part in parts)
    if least <= total.upper and total.lower <= most:
        return Verdict(adds_up=True, says=f"{total.place}: {said} can be {total.value:,.10g} as rounded.")
    middle = math.fsum(part.value for part in parts)
    gap = total.lower - most if total.lower > most else total.upper - least
    return Verdict(
        adds_up=False,
        says=f"{total.place}: {said} = {middle:,.10g}, and {total.value:,.10g} is stated: a difference of "
        f"{total.value - middle:+,.10g}, of which rounding cannot explain {gap:+,.10g}.",
    )


def precision_of(text: str) -> float:
    """Return the unit of the last digit of a number as it is printed: trailing noughts of a whole one do not count.

    >>> precision_of("2300000"), precision_of("1228000"), precision_of("55"), precision_of("0.6")
    (100000.0, 1000.0, 1.0, 0.1)
    """
    digits = text.strip().lstrip("+-\u2212").replace(",", "")
    _, point, decimals = digits.partition(".")
    if point:
        return float(10.0 ** -len(decimals))
    noughts = len(digits) - len(digits.rstrip("0"))
    return float(10.0 ** (noughts if noughts < len(digits) else 0))

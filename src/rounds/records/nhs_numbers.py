"""NHS numbers: ten digits of which the last proves the others. None ever stands in a message or a repr."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rounds.errors import RecordsError

DIGITS: Final = 10
WEIGHTS: Final = (10, 9, 8, 7, 6, 5, 4, 3, 2)
"""Of the first nine digits; the tenth is what their weighted sum lacks to a multiple of 11, and 10 is no digit."""

_ONE_DIGIT: Final = 1_111_111_111
"""Ten times one digit, such as 0000000000, passes the check: it is what people type where there is no number."""

Numbers = NDArray[np.int64]
"""NHS numbers as whole numbers; a leading zero is not seen in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NhsNumber:
    """One person's NHS number. Its repr does not tell it, so that it gets into no traceback and no log."""

    number: int

    def __post_init__(self) -> None:
        if not 0 <= self.number < 10**DIGITS or not are_valid(np.array([self.number]))[0]:
            raise ValueError("not an NHS number: its check digit is wrong")

    def __repr__(self) -> str:
        return "NhsNumber(not shown)"

    def __format__(self, spec: str) -> str:
        return repr(self)


def parse_nhs_number(text: str, *, where: str) -> NhsNumber:
    """Return the NHS number that a text holds. Spaces are let pass: `943 476 5919` is how it is printed.

    Args:
        text: ten digits.
        where: the file and the row, for the message, which does not repeat the text.

    Raises:
        RecordsError: if it is anything else, or the check digit is wrong.
    """
    digits = text.replace(" ", "")
    if len(digits) != DIGITS or not (digits.isascii() and digits.isdigit()):
        raise RecordsError(f"{where}: not an NHS number, which has ten digits; correct the file")
    try:
        return NhsNumber(number=int(digits))
    except ValueError:
        raise RecordsError(
            f"{where}: the check digit of this NHS number is wrong, so that a digit was mistyped; correct the file"
        ) from None


def are_valid(numbers: Numbers) -> NDArray[np.bool_]:
    """Say of each number, of at most ten digits, whether its check digit is right and it is no placeholder.

    Args:
        numbers: shape (n,), each at least 0.

    Source: NHS Data Dictionary, NHS NUMBER (modulus 11; weights 10 to 2; a remainder that needs 10 is invalid).
    """
    rest, last = np.divmod(numbers, 10)
    total = np.zeros(len(numbers), dtype=np.int64)
    for weight in reversed(WEIGHTS):
        rest, digit = np.divmod(rest, 10)
        total += weight * digit
    return np.asarray(((total + last) % 11 == 0) & (rest == 0) & (numbers % _ONE_DIGIT != 0))

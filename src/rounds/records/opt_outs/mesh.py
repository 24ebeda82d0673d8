"""Reads and writes the list of NHS numbers that the national opt-out service takes and gives back over MESH.

One NHS number a line, ten digits and a comma, each line ended by a line feed alone:

    9434765919,

The list that comes back is the one that was sent, less the people who have opted out.

Source: NHS England, Check for National Data Opt-outs Service (workflow SPINE_NTT_UPHOLDING); what happens with a number
whose check digit is wrong (the answer is one sentence instead of a list): UK Kidney Association, National Opt-Out
Processes.
"""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rounds.errors import RecordsError
from rounds.records.nhs_numbers import DIGITS, Numbers, are_valid
from rounds.storage.atomic import write_private_file
from rounds.storage.progress import Progress

LINE_BYTES: Final = DIGITS + 2
_LINES_AT_ONCE: Final = 100_000
_LONGEST_SHOWN: Final = 4_096
_POWERS: Final = 10 ** np.arange(DIGITS - 1, -1, -1, dtype=np.int64)
_NO_LIST: Final = b"The file contains one or more invalid NHS Numbers"
_MARK: Final = b"\xef\xbb\xbf"
_WHAT_TO_DO: Final = "nothing was taken; fetch the file from the mailbox again and do not open it in other programs"


def read_list(path: Path, *, progress: Progress) -> Numbers:
    """Return the NHS numbers of a list in their order, every line checked.

    It is read in pieces: of a list of millions only the numbers themselves are held, eight bytes each.

    Args:
        path: the file.
        progress: told of every piece.

    Raises:
        RecordsError: naming the line that is not as above, that is cut off, or that repeats another; never its content.
    """
    try:
        size = path.stat().st_size
        stream = path.open("rb", buffering=0)
    except OSError as error:
        raise RecordsError(f"{path}: it cannot be read ({error.strerror}); give the file of the list") from None
    progress.step(f"reading {path.name}", -(-size // (LINE_BYTES * _LINES_AT_ONCE)))
    found: list[Numbers] = []
    lines = 0
    with stream:
        while block := _block(stream):
            numbers = _numbers(block)
            if numbers is None:
                number, what = _first_wrong(block)
                raise RecordsError(f"{path}: line {lines + number} {what}; {_WHAT_TO_DO}")
            found.append(numbers)
            lines += len(numbers)
            progress.advance()
    if not found:
        raise RecordsError(f"{path}: the file is empty, so that nobody's records might be used; {_WHAT_TO_DO}")
    whole = np.concatenate(found)
    refuse_repeated(whole, what=f"{path}: line", of="number", do=_WHAT_TO_DO)
    return whole


def write_list(path: Path, numbers: Numbers) -> None:
    """Write a list that the service takes, for its owner's eyes alone.

    Raises:
        RecordsError: if there is nobody on it. The service would answer nothing.
    """
    if not len(numbers):
        raise RecordsError(f"{path}: nobody has an NHS number; there is nothing to ask")
    lines = np.empty((len(numbers), LINE_BYTES), dtype=np.uint8)
    for at in range(0, len(numbers), _LINES_AT_ONCE):
        rest = numbers[at : at + _LINES_AT_ONCE]
        for place in reversed(range(DIGITS)):
            rest, digit = np.divmod(rest, 10)
            lines[at : at + _LINES_AT_ONCE, place] = digit + ord("0")
    lines[:, DIGITS:] = tuple(b",\n")
    write_private_file(path, lines.tobytes())


def refuse_repeated(numbers: Numbers, *, what: str, of: str, do: str) -> None:
    """Raise if a number comes twice.

    Args:
        numbers: of each line or row, from 1.
        what: what comes before its place in the message.
        of: what it repeats.
        do: what to do, for the message.

    Raises:
        RecordsError: naming the first place that repeats another.
    """
    order = np.argsort(numbers, kind="stable")
    again = np.flatnonzero(numbers[order][1:] == numbers[order][:-1]) + 1
    if len(again):
        at = again[np.argmin(order[again])]
        more = f" ({len(again):,} are repeated in all)" if len(again) > 1 else ""
        raise RecordsError(f"{what} {order[at] + 1:,} has the {of} of {order[at - 1] + 1:,}{more}; {do}")


def _block(stream: object) -> bytes:
    """Return the next bytes, full pieces except at the end: a pipe may give fewer at a time than are asked for."""
    wanted = LINE_BYTES * _LINES_AT_ONCE
    pieces = b""
    while len(pieces) < wanted and (more := stream.read(wanted - len(pieces))):  # type: ignore[attr-defined]  # raw stream
        pieces += more
    return pieces


def _numbers(block: bytes) -> Numbers | None:
    """Return the numbers of some lines; None if any of them is not as it should be."""
    if len(block) % LINE_BYTES:
        return None
    lines: NDArray[np.uint8] = np.frombuffer(block, dtype=np.uint8).reshape(-1, LINE_BYTES)
    digits = lines[:, :DIGITS] - np.uint8(ord("0"))  # below 0 it wraps to large numbers
    if (digits > 9).any() or (lines[:, DIGITS] != ord(",")).any() or (lines[:, DIGITS + 1] != ord("\n")).any():
        return None
    numbers = np.asarray(digits.astype(np.int64) @ _POWERS)
    return numbers if are_valid(numbers).all() else None


def _first_wrong(block: bytes) -> tuple[int, str]:
    """Return which line of a block is the first that is wrong, from 1, and what is wrong with it."""
    start = number = 0
    while start < len(block):
        number += 1
        end = block.find(b"\n", start)
        line = block[start : end if end >= 0 else start + _LONGEST_SHOWN]
        if wrong := _wrong(line, first=number == 1, ended=end >= 0):
            return number, wrong
        start = end + 1
    raise AssertionError("every line is as it should be, but the whole is not")


def _wrong(line: bytes, *, first: bool, ended: bool) -> str | None:
    if line.startswith(_NO_LIST):
        return "is the service's refusal, not a list: the list that was sent had a wrong NHS number in it"
    if first and line.startswith((_MARK, b"\xff\xfe", b"\xfe\xff")):
        return "begins with a byte order mark: some other program has saved the file"
    if line.endswith(b"\r") and ended:
        return "ends in CR LF; the format is one NHS number, a comma and LF alone"
    if b"\r" in line:
        return "holds a carriage return; the format is one NHS number, a comma and LF alone"
    if not ended and len(line) < LINE_BYTES:
        return "is cut off: no line feed ends it"
    if not line:
        return "is empty"
    if not line.endswith(b","):
        return "does not end in a comma"
    digits = line[:-1]
    if len(digits) != DIGITS or not digits.isdigit():
        return "is not ten digits and a comma"
    if not are_valid(np.array([int(digits)]))[0]:
        return "has an NHS number whose check digit is wrong"
    return None

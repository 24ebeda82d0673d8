"""Lists of NHS numbers that a site keeps, each with the day it speaks of: what was asked, and who may be used."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from rounds.errors import RecordsError
from rounds.records.nhs_numbers import Numbers

_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class KeptList:
    """NHS numbers as of a day."""

    on: date
    numbers: Numbers
    """Sorted, none twice; shape (numbers,)."""

    def __post_init__(self) -> None:
        if (self.numbers[1:] <= self.numbers[:-1]).any():
            raise ValueError("a kept list is sorted, and no number comes twice")

    def holds(self, numbers: Numbers) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Say of each number whether it is on the list; shape as `numbers`."""
        if not len(self.numbers):
            return np.zeros(len(numbers), dtype=np.bool_)
        order = np.argsort(numbers)  # looked up in order, for millions looked up at random wait for memory
        wanted = numbers[order]
        places = np.minimum(np.searchsorted(self.numbers, wanted), len(self.numbers) - 1)
        found = np.empty(len(numbers), dtype=np.bool_)
        found[order] = self.numbers[places] == wanted
        return found

    @property
    def content(self) -> bytes:
        """The numbers as bytes, of which a keyed digest stands in the audit log."""
        return self.numbers.astype("<i8").tobytes()

    def __repr__(self) -> str:
        return f"KeptList(on={self.on}, numbers not shown)"


def encode_kept(kept: KeptList) -> bytes:
    """Return a list as it is kept in a file."""
    head = {"format": _FORMAT, "on": kept.on.isoformat(), "sha256": _sum(kept.on, kept.content)}
    return json.dumps(head).encode() + b"\n" + kept.content


def read_kept(path: Path) -> KeptList | None:
    """Return a list that was kept; None if there is none.

    Raises:
        RecordsError: if it is damaged, or its day was changed. Nobody's records may be used by it then.
    """
    try:
        head, _, content = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    try:
        said = json.loads(head)
        on = date.fromisoformat(said["on"])
        as_it_was = said["format"] == _FORMAT and said["sha256"] == _sum(on, content)
    except (ValueError, KeyError, TypeError):
        as_it_was = False
    if not as_it_was:
        raise RecordsError(
            f"{path} is damaged or was changed; delete it and take the service's answer in again "
            "(`rounds site opt-outs take`)"
        )
    return KeptList(on=on, numbers=np.frombuffer(content, dtype="<i8").astype(np.int64))


def _sum(on: date, content: bytes) -> str:
    return hashlib.sha256(on.isoformat().encode() + b"\n" + content).hexdigest()

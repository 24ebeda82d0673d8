"""People's marks: whoever has the key beside a pack knows by them whose a number is, and no id is in the pack."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from rounds.engines.pack.compiled import compiled
from rounds.engines.pack.numbering import Known
from rounds.errors import RecordsError

Array = npt.NDArray[Any]

KEY_BYTES: Final = 16
_PORTION: Final = 1 << 20


def marks_of(ids: Array, key: bytes, out: Array | None = None) -> Array:
    """Return the mark of each id under a key of sixteen bytes, in `out` if that is given."""
    marks = np.empty(len(ids), dtype=np.int64) if out is None else out
    low, high = np.frombuffer(key, dtype="<u8")
    make_marks(np.ascontiguousarray(ids, dtype=np.int64), low, high, marks)
    return marks


@dataclass(frozen=True, slots=True, kw_only=True)
class ByMark:
    """The numbers of people whose ids nobody wrote down."""

    key: bytes
    known: Known
    """The number of each mark."""

    def tells_apart(self, marks: Array) -> bool:
        """Say whether no two people have one mark, as two do at one in a million sites.

        Args:
            marks: of everybody, by number.
        """
        return all(
            np.array_equal(self.known.numbers(marks[at : at + _PORTION]), np.arange(at, min(at + _PORTION, len(marks))))
            for at in range(0, len(marks), _PORTION)
        )

    def numbers(self, ids: Array) -> Array:
        """Return the numbers of some ids; -1 where one is unknown."""
        return self.known.numbers(marks_of(ids, self.key))


def numbers_of_few(ids: Array, marks: Array, key: bytes) -> Array:
    """Return the numbers of some ids, each once, among many people: without a table of all of them. -1 is unknown.

    Raises:
        RecordsError: if two people have one mark.
    """
    wanted = Known.of(marks_of(ids, key))
    found = np.full(len(ids), -1, dtype=np.int32)
    met = 0
    for at in range(0, len(marks), _PORTION):
        places = wanted.numbers(marks[at : at + _PORTION])
        there = np.flatnonzero(places >= 0)
        found[places[there]] = at + there
        met += len(there)
    if met > np.count_nonzero(found >= 0):
        raise RecordsError("two people have the same mark in the pack, as at one in a million sites; delete its folder")
    return found


@compiled
def make_marks(ids: Array, low: np.uint64, high: np.uint64, marks: Array) -> None:  # pragma: no cover
    """Write the mark of each id: nobody without the key can tell whose it is.

    Source: Aumasson and Bernstein (2012), SipHash: a fast short-input PRF. SipHash-2-4 of eight bytes.
    """
    for place in range(len(ids)):
        word = np.uint64(ids[place])
        v0 = low ^ np.uint64(0x736F6D6570736575)
        v1 = high ^ np.uint64(0x646F72616E646F6D)
        v2 = low ^ np.uint64(0x6C7967656E657261)
        v3 = high ^ np.uint64(0x7465646279746573) ^ word
        for turn in range(8):
            if turn == 2:
                v0 ^= word
                v3 ^= np.uint64(8 << 56)
            if turn == 4:
                v0 ^= np.uint64(8 << 56)
                v2 ^= np.uint64(0xFF)
            v0 += v1
            v1 = (v1 << np.uint64(13)) | (v1 >> np.uint64(51))
            v1 ^= v0
            v0 = (v0 << np.uint64(32)) | (v0 >> np.uint64(32))
            v2 += v3
            v3 = (v3 << np.uint64(16)) | (v3 >> np.uint64(48))
            v3 ^= v2
            v0 += v3
            v3 = (v3 << np.uint64(21)) | (v3 >> np.uint64(43))
            v3 ^= v0
            v2 += v1
            v1 = (v1 << np.uint64(17)) | (v1 >> np.uint64(47))
            v1 ^= v2
            v2 = (v2 << np.uint64(32)) | (v2 >> np.uint64(32))
        marks[place] = np.int64(v0 ^ v1 ^ v2 ^ v3)

"""The files a table of a pack was read from: which of them are as they were, whatever they are called by now."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from rounds.engines.pack.layout import Array
from rounds.records.quality import Source
from rounds.records.table_files import parts_of, seen

MOST_PARTS: Final = 1 << 16
"""A row says in two bytes which of the files it is from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file, and what became of its rows."""

    seen: str
    """What the disk says of it."""
    content: str
    """The digest of every byte."""
    rows: int
    left_out: int
    """Rows of people who are not counted."""
    vague: list[str]
    """Columns with something that the pack's types cannot hold."""

    @classmethod
    def of_manifest(cls, said: Mapping[str, Any]) -> Self:
        return cls(**said)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def contents(source: Source, before: Sequence[Part] = ()) -> list[tuple[str, str]]:
    """Return of each file of a table what the disk says of it, and the digest of every byte.

    Args:
        source: the table.
        before: files that were read before; one that the disk says is still the same is not read again.
    """
    known = {part.seen: part.content for part in before}
    found = []
    for path in parts_of(source.path):
        said = seen(path)
        found.append((said, known.get(said) or _digest(path)))
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def kept_parts(before: Sequence[Part], now: Sequence[tuple[str, str]], *, gained: bool) -> Array | None:
    """Return where each file of before stands now, -1 where it is read again or gone; None if they swapped places.

    Args:
        before: the files as they were read.
        now: what the disk says of each, and its digest.
        gained: whether there are people who were not counted before: then rows that were left out may be theirs.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for place, (_, content) in enumerate(now):
        places[content].append(place)
    found = np.full(len(before), -1, dtype=np.int32)
    for number, part in enumerate(before):
        if places[part.content] and not (gained and part.left_out):
            found[number] = places[part.content].pop(0)
    kept = found[found >= 0]
    return found if np.all(kept[1:] > kept[:-1]) else None

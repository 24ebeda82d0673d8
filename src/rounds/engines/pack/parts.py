"""The files a table of a pack was read from: which of them are as they were, whatever they are called by now."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from rounds.records.quality import Source
from rounds.records.table_files import parts_of, seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file, and what became of its rows."""

    seen: str
    """What the disk says of it."""
    content: str
    """The digest of every byte."""
    left_out: int = 0
    """Rows of people who are not counted."""
    unplaced: int = 0
    """Rows at care sites that the site's table of them does not have."""
    vague: tuple[str, ...] = ()
    """Columns with something that the pack's types cannot hold."""

    @classmethod
    def of_manifest(cls, said: Mapping[str, Any]) -> Self:
        return cls(**{**said, "vague": tuple(said["vague"])})

    def as_json(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def parts_now(source: Source, before: Sequence[Part] = ()) -> list[Part]:
    """Return each file of a table as it is now, of which nothing has been read.

    Args:
        source: the table.
        before: files that were read before; the digest of one that the disk says is still the same is not taken again.
    """
    known = {part.seen: part.content for part in before}
    found = []
    for path in parts_of(source.path):
        said = seen(path)
        found.append(Part(seen=said, content=known.get(said) or _digest(path)))
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def added_parts(before: Sequence[Part], now: Sequence[Part]) -> list[int] | None:
    """Return the places of the files that are new; None if one that was there is gone or has become another."""
    left = Counter(part.content for part in before)
    added = []
    for place, part in enumerate(now):
        if left[part.content]:
            left[part.content] -= 1
        else:
            added.append(place)
    return added if not left.total() else None

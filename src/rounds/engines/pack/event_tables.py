"""Tables of events while a pack is made: what is to be read of each, and what the manifest says of it."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import duckdb

from rounds.engines.pack.build_table import stored_columns
from rounds.engines.pack.parts import Part, parts_now
from rounds.engines.pack.reading import Batch, Wanted, batches, events_wanted
from rounds.engines.pack.workshop import Workshop
from rounds.measures.events import EventTable
from rounds.records.quality import Source


@dataclass(frozen=True, kw_only=True, eq=False)
class EventSource:
    """What is to be read of a table."""

    source: Source
    stored: list[str]
    """The columns that the pack has of it, but for `inside`."""
    parts: Sequence[Part]
    """Its files as they are now."""

    @classmethod
    def of(cls, source: Source, *, has_care_sites: bool, before: Sequence[Part] = ()) -> Self:
        """Return what is to be read of a table of which some files may have been read before."""
        stored = stored_columns(EventTable(source.table.name), source, has_care_sites=has_care_sites)
        return cls(source=source, stored=stored, parts=parts_now(source, before))

    @property
    def table(self) -> EventTable:
        return EventTable(self.source.table.name)

    @cached_property
    def wanted(self) -> Wanted:
        return events_wanted(self.table, tuple(name for name in self.stored if name != "person"))

    @property
    def how(self) -> str:
        """What changes when the same files would be read otherwise."""
        casts = self.source.select.partition(" FROM (")[0]
        return hashlib.sha256(repr((self.stored, self.wanted.sql, casts)).encode()).hexdigest()

    def batches(self, connection: duckdb.DuckDBPyConnection, *, only: Collection[int] | None = None) -> list[Batch]:
        """Return what is to be read of its files, or of some."""
        return batches(self.source, self.wanted, connection, only=only)

    def said(self, *, parts: Mapping[int, Part], segments: Sequence[int], has_inside: bool) -> dict[str, Any]:
        """Return what the manifest says of the table.

        Args:
            parts: what became of the rows of its files, by the place of each; a file without rows may be left out.
            segments: how many rows there were each time that rows came.
            has_inside: whether there is a column that says which rows lie in observation.
        """
        of_all = [parts.get(place, part) for place, part in enumerate(self.parts)]
        return {
            "rows": segments[-1],
            "segments": list(segments),
            "columns": sorted([*self.stored, "inside"] if has_inside else self.stored),
            "vague": sorted({name for part in of_all for name in part.vague}),
            "how": self.how,
            "parts": [part.as_json() for part in of_all],
        }


def build_anew(shop: Workshop, asked: EventSource, several: list[Batch]) -> dict[str, Any]:
    """Write a table from its batches, and return what the manifest says of it."""
    built = shop.build(shop.folder, asked.table, several, asked.stored)
    return asked.said(parts=built.parts(asked.parts), segments=[built.rows], has_inside=built.inside is not None)

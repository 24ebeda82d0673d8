"""Makes a pack from the one before when records have grown: new rows are sorted by themselves and come behind the old.

Everything that is as it was is the same file (see `grown_files`). Where the records are not what they were and more, or
too much has come since the pack was built, it is to be built anew.
"""

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from rounds.engines.pack import sorting
from rounds.engines.pack.before import Before
from rounds.engines.pack.bench import Bench
from rounds.engines.pack.build_table import write_index
from rounds.engines.pack.event_tables import EventSource, build_anew
from rounds.engines.pack.files import new_array
from rounds.engines.pack.grown_files import CannotGrow, GrownFiles
from rounds.engines.pack.layout import (
    COLUMN_TYPES,
    INDEX,
    Array,
    empty_array,
    mapped,
)
from rounds.engines.pack.marks import ByMark
from rounds.engines.pack.more_people import MOST_STRETCHES, more_people, stretches
from rounds.engines.pack.numbering import Known
from rounds.engines.pack.observed_kernels import are_as_they_were, lost_cover
from rounds.engines.pack.parts import Part, added_parts, parts_now
from rounds.engines.pack.people import Numbered, Observation, People, build_observation, build_people, source_of
from rounds.engines.pack.reading import Batch
from rounds.engines.pack.vocabulary import write_vocabulary
from rounds.engines.pack.workshop import Workshop
from rounds.records.quality import Source
from rounds.records.tables import PERSON

MOST_SEGMENTS: Final = 12
"""Of a table: every run of rows is looked at by itself, so that many cost more than building anew once a year."""
MOST_ADDED: Final = 0.25
"""Of the rows, since the pack was built. With more, building it anew takes no longer, or counting from it would."""
_ROWS_AT_ONCE: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """A table that is going to be written."""

    asked: EventSource
    about: Mapping[str, Any] | None
    """What the manifest before said of it; None if it is built anew."""
    batches: list[Batch]


def grow_pack(bench: Bench, before: Before, files: GrownFiles) -> dict[str, Any]:
    """Write a pack from the one before, and return what the manifest says.

    Args:
        bench: what it is made with.
        before: the pack before.
        files: gets what is shared with it.

    Raises:
        CannotGrow: if it is to be built anew.
        RecordsError: if the records cannot be read.
        OSError: if the folder cannot be written.
    """
    as_before = {part for part, digest in bench.made_of.items() if before.said["made_of"][part] == digest}
    people = _people(bench, before, files, as_before)
    same = "observation" in as_before and len(people) == before.said["people"]
    observation = _observation(bench, before, files, people, same=same)
    if "vocabulary" in as_before:
        files.link(*before.names("vocabulary."))
    else:
        write_vocabulary(bench)
    shop = bench.shop(people, observation)
    lost = _lost(before, observation)
    planned = [_planned(shop, before, source) for source in bench.records.sources if source.table.is_event]
    _refuse_much(before, planned)

    def write(table: _Table) -> tuple[str, dict[str, Any]]:
        name = table.asked.table.value
        if table.about is None:
            return name, build_anew(shop, table.asked, table.batches)
        grown = _Grown(shop=shop, before=before, files=files, asked=table.asked, about=table.about, lost=lost)
        return name, grown.written(table.batches)

    tables = dict(shop.each_table(write, planned))
    return people.manifest | {"observed_vague": observation.vague, "tables": tables}


def _people(bench: Bench, before: Before, files: GrownFiles, as_before: Collection[str]) -> People:
    parts = parts_now(source_of(bench.records, PERSON.name), before.parts_of_people)
    found = more_people(bench, before, files, parts) if "places" in as_before else None
    if found is not None:
        return found
    numbered = Numbered(
        number=before.said["people"],
        known=ByMark(key=bench.key, known=Known.of(before.of_people("mark"), aside=bench.folder)),
        care_sites=before.care_sites,
        parts=parts,
    )
    people = build_people(bench.folder, bench.connection, bench.records, bench.key, bench.pool, before=numbered)
    sex, born = (mapped(bench.folder, f"people.{name}") for name in ("sex", "born"))
    if stretches(sex, born) >= MOST_STRETCHES:
        raise CannotGrow("people of one sex and year of birth have numbers too far apart")
    return people


def _observation(bench: Bench, before: Before, files: GrownFiles, people: People, *, same: bool) -> Observation:
    if not same:
        return build_observation(bench.folder, bench.connection, bench.records, people, bench.pool)
    files.link(*before.names("observed."))
    arrays = {name: before.array(f"observed.{name}") for name in ("start", "first", "last")}
    return Observation(vague=before.said["observed_vague"], **arrays)


def _lost(before: Before, now: Observation) -> Array:
    """Mark people who may have been observed when they are not now; nothing if there is nobody."""
    start, first, last = (before.array(f"observed.{name}") for name in ("start", "first", "last"))
    lost = np.zeros(len(start) - 1, dtype=np.uint8)
    return lost if lost_cover(start, first, last, now.start, now.first, now.last, lost) else empty_array("uint8")


def _planned(shop: Workshop, before: Before, source: Source) -> _Table:
    about = before.said["tables"].get(source.table.name)
    parts = [] if about is None else [Part.of_manifest(said) for said in about["parts"]]
    asked = EventSource.of(source, has_care_sites=shop.people.care_sites is not None, before=parts)
    added = added_parts(parts, asked.parts)
    if (
        about is None
        or added is None
        or about["how"] != asked.how
        # Who is new may be whose rows were left out, and a care site that is new may be where rows lie.
        or (len(shop.people) > before.said["people"] and any(part.left_out for part in parts))
        or (any(part.unplaced for part in parts) and _more_care_sites(shop, before))
    ):
        return _Table(asked=asked, about=None, batches=asked.batches(shop.connection))
    return _Table(asked=asked, about=about, batches=asked.batches(shop.connection, only=added))


def _more_care_sites(shop: Workshop, before: Before) -> bool:
    if shop.people.care_sites is None:
        return False
    return len(mapped(shop.folder, "ids.care_site_id")) > len(before.array("ids.care_site_id"))


def _refuse_much(before: Before, planned: list[_Table]) -> None:
    said = before.said["tables"].values()
    rows = sum(about["rows"] for about in said)
    since = sum(about["rows"] - about["segments"][0] for about in said)
    if since + sum(batch.rows for table in planned for batch in table.batches) > MOST_ADDED * rows:
        raise CannotGrow("too much is to be read")
    if any(table.batches and table.about and len(table.about["segments"]) >= MOST_SEGMENTS for table in planned):
        raise CannotGrow("rows lie in too many segments")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Grown:
    """A table while new rows come behind the old."""

    shop: Workshop
    before: Before
    files: GrownFiles
    asked: EventSource
    about: Mapping[str, Any]
    lost: Array

    def written(self, several: list[Batch]) -> dict[str, Any]:
        """Write the table with the rows of some batches, and return what the manifest says of it."""
        self.files.link(*map(self._name, self.asked.stored))
        kept = self._kept_parts()
        if not several:
            has_inside = self._mark_inside(empty_array("uint8"))
            self.files.link(*map(self._name, INDEX))
            return self.asked.said(parts=kept, segments=self.about["segments"], has_inside=has_inside)
        aside = self.shop.folder / f"added-{self.asked.table.value}"
        aside.mkdir()
        new = self.shop.build(aside, self.asked.table, several, self.asked.stored)
        for name in self.asked.stored:
            self.files.lengthen(self._name(name), new.columns[name])
        inside = np.ones(new.rows, dtype=np.uint8) if new.inside is None else new.inside
        has_inside = self._mark_inside(inside)
        self._write_index(aside)
        shutil.rmtree(aside)
        segments = [*self.about["segments"], self.rows + new.rows] if new.rows else self.about["segments"]
        return self.asked.said(parts=kept | new.parts(self.asked.parts), segments=segments, has_inside=has_inside)

    @property
    def rows(self) -> int:
        """How many there were."""
        return int(self.about["rows"])

    def _name(self, column: str) -> str:
        return f"{self.asked.table.value}.{column}"

    def _kept_parts(self) -> dict[int, Part]:
        """Return the files that were read before, by their places now."""
        before: dict[str, list[Part]] = {}
        for said in self.about["parts"]:
            before.setdefault(said["content"], []).append(Part.of_manifest(said))
        return {
            place: replace(before[part.content].pop(0), seen=part.seen)
            for place, part in enumerate(self.asked.parts)
            if before.get(part.content)
        }

    def _write_index(self, aside: Path) -> None:
        old = [self.before.array(self._name(part)) for part in INDEX]
        new = [mapped(aside, self._name(part)) for part in INDEX]
        concepts = np.union1d(old[0], new[0])
        codes = [np.searchsorted(concepts, of[0])[of[1]].astype(np.int32) for of in (old, new)]
        starts, stops = (np.concatenate([old[part], new[part] + self.rows]) for part in (2, 3))
        write_index(self.shop.folder, self.asked.table, concepts, np.concatenate(codes), starts, stops)

    def _mark_inside(self, new: Array) -> bool:
        """Say of every row whether it lies in observation, unless all do; return whether not all do.

        Args:
            new: of the rows that are new.
        """
        name, had_some_outside = self._name("inside"), "inside" in self.about["columns"]
        person, first = (self.before.array(self._name(column), self.rows) for column in ("person", "first"))
        was = self.before.array(name, self.rows) if had_some_outside else empty_array("uint8")
        observed = self.shop.observation
        periods = observed.start, observed.first, observed.last
        some = [slice(at, at + _ROWS_AT_ONCE) for at in range(0, self.rows, _ROWS_AT_ONCE)]

        def same(rows: slice) -> bool:
            return are_as_they_were(person[rows], first[rows], was[rows], self.lost, *periods)

        if all(self.shop.all_of(same, some if had_some_outside or len(self.lost) else [])):
            if had_some_outside:
                self.files.link(name)
                self.files.lengthen(name, new)
                return True
            if new.all():
                return False
        inside = new_array(self.shop.folder, name, kind=COLUMN_TYPES["inside"], length=self.rows + len(new))
        mark = partial(_mark, person, first, periods, inside)
        self.shop.all_of(mark, some)
        inside[self.rows :] = new
        return True


def _mark(person: Array, first: Array, periods: tuple[Array, Array, Array], inside: Array, rows: slice) -> None:
    end = min(rows.stop, len(person))
    sorting.mark_inside(person[rows], first[rows], *periods, inside[rows.start : end])

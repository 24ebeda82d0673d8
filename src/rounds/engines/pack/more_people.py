"""Numbers people who come in files of their own, behind those whom a pack has, who are not read again."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from rounds.engines.pack.before import Before
from rounds.engines.pack.bench import Bench
from rounds.engines.pack.build_groups import PLACES, columns_held
from rounds.engines.pack.grown_files import CannotGrow, GrownFiles
from rounds.engines.pack.layout import Array, counts_whom
from rounds.engines.pack.marks import ByMark, marks_of
from rounds.engines.pack.numbering import Known
from rounds.engines.pack.parts import Part, added_parts
from rounds.engines.pack.people import YEARS, People, Told, source_of, told_of
from rounds.engines.pack.reading import NOTHING, Batch, batches, people_wanted
from rounds.engines.pack.together import all_of
from rounds.records.tables import PERSON

MOST_MORE: Final = 0.25
"""Of the people there were: so many are read into memory at once."""

MOST_STRETCHES: Final = 8_192
"""Of people of one sex and year of birth: what a criterion says of age is worked out for each."""
_UNHEARD_OF: Final = -2


def more_people(bench: Bench, before: Before, files: GrownFiles, parts: Sequence[Part]) -> People | None:
    """Return everybody, those in files that were read before as they were; None if somebody must be read again.

    Args:
        bench: what the pack is made with; places are those of the pack before.
        before: that pack.
        files: gets what is shared with it.
        parts: the files of people as they are now.

    Raises:
        CannotGrow: if two people have one mark, or somebody else lets the pack before grow.
        RecordsError: if the records cannot be read.
    """
    said, source = before.said, source_of(bench.records, PERSON.name)
    added = added_parts(before.parts_of_people, parts)
    if added is None or not counts_whom(said, bench.records) or said["of_people"] != columns_held(bench.records):
        return None
    several = batches(source, people_wanted(tuple(said["of_people"])), bench.connection, only=added)
    if sum(batch.rows for batch in several) > MOST_MORE * said["people"]:
        return None
    more = _read(bench, before, several)
    if more is None:
        return None
    columns, latest, left_out = more
    _refuse_scattered(before, columns)
    marks = np.concatenate([before.of_people("mark"), columns["mark"]])
    known_now = ByMark(key=bench.key, known=Known.of(marks, aside=bench.folder))
    if not known_now.tells_apart(marks):
        raise CannotGrow("two people have one mark")
    files.link(*before.names("people."), *before.names("ids."))
    for name, column in columns.items():
        if len(column):
            files.lengthen(f"people.{name}", column)
    manifest = {name: said[name] for name in ("unsure", "ids", "of_people")}
    manifest |= {"people": len(marks), "born": [max(said["born"][0], latest), min(said["born"][1], left_out)]}
    manifest["parts_of_people"] = [part.as_json() for part in parts]
    care_sites = None if before.care_sites is None else Known.of(before.care_sites)
    return People(number=len(marks), known=known_now, care_sites=care_sites, manifest=manifest)


def stretches(sex: Array, born: Array) -> int:
    """Return how often people of another sex or year of birth follow."""
    return int(np.count_nonzero((sex[1:] != sex[:-1]) | (born[1:] != born[:-1])))


def _refuse_scattered(before: Before, more: Mapping[str, Array]) -> None:
    if not len(more["sex"]):
        return
    found = stretches(before.of_people("sex"), before.of_people("born")) + 1 + stretches(more["sex"], more["born"])
    if found >= MOST_STRETCHES:
        raise CannotGrow("people of one sex and year of birth have numbers too far apart")


def _read(bench: Bench, before: Before, several: list[Batch]) -> tuple[dict[str, Array], int, int] | None:
    """Return what the pack says of people in some batches, in the order of their numbers.

    And the latest year of birth among them, and the earliest of who is born too late to be counted. None if the pack
    before cannot say it: its ids of concepts are sorted, and where it knows everybody's day of birth it has one column.
    """
    unsure = before.said["unsure"]
    places = {column: Known.of(before.array(f"ids.{column}")) for column in before.said["of_people"]}

    def take(batch: Batch) -> tuple[Told, dict[str, Array]]:
        found = batch.read(bench.connection)
        told = told_of(found, bench.records)
        return told, {column: _placed(found[column], told.counted, known) for column, known in places.items()}

    taken = all_of(bench.pool, take, several)
    told = [one for one, _ in taken]
    if not unsure and not all(one.sure for one in told):
        return None
    if any((of[column] == _UNHEARD_OF).any() for _, of in taken for column in places if column not in PLACES):
        return None
    ids, group, birth, earliest = (
        np.concatenate([np.empty(0, dtype=np.int64), *(getattr(one, name) for one in told)])
        for name in ("id", "group", "birth", "earliest")
    )
    order = np.lexsort((ids, group))
    order = order[group[order] >= 0]
    sex, born = np.divmod(group[order], YEARS)
    columns: dict[str, Array] = {
        "sex": sex.astype(np.uint8),
        "born": born.astype(np.int16),
        "birth": birth[order].astype(np.uint16),
        "earliest": earliest[order if unsure else order[:0]].astype(np.uint16),
        "mark": marks_of(ids[order], bench.key),
    }
    for column in places:
        of_all = np.concatenate([np.empty(0, dtype=np.int32), *(of[column] for _, of in taken)])
        columns[column] = np.maximum(of_all, -1)[order].astype(np.int32)
    return columns, int(born.max(initial=0)), min((one.left_out for one in told), default=YEARS)


def _placed(values: Array, counted: Array, known: Known) -> Array:
    """Return everybody's place among the ids of a column: -1 for none, `_UNHEARD_OF` if theirs is not among them."""
    there = counted & (values != NOTHING)
    found = np.full(len(values), -1, dtype=np.int32)
    numbers = known.numbers(values[there])
    found[there] = np.where(numbers < 0, _UNHEARD_OF, numbers)
    return found

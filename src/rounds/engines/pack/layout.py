"""What a pack is on disk, and how it is opened.

    pack.json                     format, digest of what it was built from, people, tables, sizes and checksums of files
    written.json                  when and where the disk says that those were written
    people.{birth,sex,born}.npy   by person; a person's place in the order by sex, year of birth and id is their number,
                                  and who comes later has a number behind all who were there, in the same order; a
                                  later pack may have more behind them, as of a table
    people.earliest               the first day on which they may have been born; empty if all days of birth are known
    people.<column>, ids.<column> which of some ids a person has in a column, such as of a place: what groupings look at
    people.mark                   whose number somebody has, under a key beside the pack
    observed.{start,first,last}   observation periods; those of person p stand at start[p]..start[p + 1]
    <table>.{person,first,...}    rows by concept, person, day, minute and the order of rows at one moment; behind them,
                                  in the same order by themselves, those that have come since, one segment each time
    <table>.{starts,stops,codes}  runs: the rows of one concept in one segment stand at starts..stops
    <table>.concepts              sorted; `codes` says which of them each run is of

No person's id is in it, but every row of every person is: only its owner may read it. Arrays are mapped from disk, so
that what a count holds in memory does not grow with them.

A column with rows that came later is one file with two names, in the pack of now and in the one before, which reads no
more of it than there was: nothing that was written is ever written over. What its own header says is how many rows it
began with; how many a pack has of it, `pack.json` says.
"""

import hashlib
import json
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from rounds.measures.events import EventTable
from rounds.records.omop import Records
from rounds.records.table_files import parts_of, seen, stamp

FORMAT: Final = 6
MANIFEST: Final = "pack.json"
WRITTEN: Final = "written.json"
FOLDER: Final = "pack"
KEY: Final = "key"
"""The file beside the packs with which their people's marks are made."""
_PORTION_BYTES: Final = 1 << 18
_PORTION_PEOPLE: Final = 1 << 18
_HEADER_BYTES: Final = 128
"""Of an array of one dimension as NumPy writes it."""

Array = npt.NDArray[Any]

COLUMN_TYPES: Final[Mapping[str, str]] = {
    "person": "int32",
    "first": "uint16",
    "last": "uint16",
    "minute": "uint16",
    "value": "float32",
    "unit": "int32",
    "answer": "int32",
    "visit": "int64",
    "stay": "int64",
    "care_site": "int32",
    "inside": "uint8",
}
"""`care_site` is the place of the id among `ids.care_site_id`, -1 for none.

`inside` says that the first day lies in an observation period; a table whose every row does has no such column."""

INDEX: Final = ("concepts", "codes", "starts", "stops")
"""What a table has beside its columns."""

MEANS_IN_SQL: Final = "means are added up in SQL"
VALUES_IN_SQL: Final = "the values of several rows are added up, or compared, in SQL"


class NotCovered(Exception):
    """A measure asks something that the pack cannot tell exactly; another engine can."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackTable:
    """The rows of one table. A column that the table does not have is an empty array."""

    table: EventTable
    concepts: Array
    """Sorted."""
    codes: Array
    """The place of each run's concept among `concepts`. A concept has a run in every segment that has rows of it."""
    starts: Array
    """Rising."""
    stops: Array
    columns: Mapping[str, Array]
    vague: tuple[str, ...]
    """Columns with something that the pack's types cannot hold."""

    def has(self, column: str) -> bool:
        return len(self.columns[column]) > 0

    @property
    def first(self) -> Array:
        return self.columns["first"]

    @property
    def last(self) -> Array:
        return self.columns["last"] if self.has("last") else self.first


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pack:
    """An opened pack."""

    folder: Path
    people: int
    birth: Array
    sex: Array
    born: Array
    mark: Array
    """Whose number each is, under the key beside the pack."""
    earliest: Array
    """The first day on which somebody may have been born; empty if that is everybody's `birth`."""
    ids: Mapping[str, Array]
    """By the name of a column, the ids that there are; those that came later stand behind the others."""
    of_people: Mapping[str, Array]
    """By the name of a column of `person`, everybody's place among its ids; -1 for none. What is empty is not there."""
    ranges: Array
    """Where each stretch of one sex and one year of birth begins, and after the last the number of people."""
    observed_start: Array
    observed_first: Array
    observed_last: Array
    observed_vague: bool
    concept: Array
    """Sorted; empty if the site has no vocabulary."""
    ancestor: Array
    """Sorted."""
    descendant: Array
    """Of the ancestor at the same place."""
    tables: Mapping[EventTable, PackTable]


def packs_folder(records: Records) -> Path:
    """Return where packs of some records lie: with them, so that they go when they go."""
    return records.folder / FOLDER


def digest_of(records: Records, *, only: Collection[str] | None = None) -> str:
    """Return a digest that changes when the records change, or who is excluded from them.

    Of each file it takes the name and what is `seen` of it.

    Args:
        records: the site's.
        only: the names of tables, if no others matter.
    """
    said = hashlib.sha256(str(FORMAT).encode())
    said.update(records.without_whom.encode())
    for source in records.sources:
        if only is not None and source.table.name not in only:
            continue
        said.update(source.select.replace(str(records.folder), "").encode())
        for part in parts_of(source.path):
            said.update(f"{part.name} {seen(part)} ".encode())
    return said.hexdigest()


def open_pack(records: Records, folder: Path | None = None, *, digest: str | None = None) -> Pack | None:
    """Return the pack of some records; None if there is none that is whole, or it was built from anything else.

    Without the key of its people's marks it is not whole: nobody could say whose a number is.

    Args:
        records: the site's.
        folder: where it was built, if not beside the tables.
        digest: of the records, if it has just been taken.

    Raises:
        OSError: if there is one that cannot be read.
    """
    digest = digest or digest_of(records)
    folder = folder or packs_folder(records) / digest[:16]
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        if manifest["format"] != FORMAT or manifest["digest"] != digest or not counts_whom(manifest, records):
            return None
        if manifest["key"] != name_of_key(key_beside(folder)):
            return None
        return _opened(folder, manifest) if is_whole(folder, manifest["files"]) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def counts_whom(manifest: Mapping[str, Any], records: Records) -> bool:
    """Say whether the people of a pack are those whom some records count: nobody born later than they look back from.

    Rounds that look back from other years share a pack unless somebody was born in between.
    """
    born_until, left_out_from = manifest["born"]
    return bool(born_until <= records.as_of.year < left_out_from)


def key_beside(folder: Path) -> bytes:
    """Return the key of people's marks. It lies beside the packs, so that a pack alone tells nobody's id."""
    return (folder.parent / KEY).read_bytes()


def name_of_key(key: bytes) -> str:
    """Return what tells a key from others without telling it."""
    return hashlib.sha256(key).hexdigest()[:16]


def written(folder: Path) -> dict[str, list[int]]:
    """Return when and where the disk says that each array was written."""
    return {path.name: _written(path) for path in sorted(folder.glob("*.npy"))}


def _written(path: Path) -> list[int]:
    # When the file itself was changed is left out: it is again when a pack that shares the file is removed.
    when, _, *where = stamp(path)
    return [when, *where]


def damaged(folder: Path) -> list[str]:
    """Return the arrays of a pack that are not what was written, every byte of them read.

    Raises:
        OSError: if something cannot be read.
        ValueError: if there is no manifest, or none that can be read.
    """
    try:
        files = json.loads((folder / MANIFEST).read_bytes())["files"]
    except (KeyError, TypeError):
        raise ValueError(f"{folder / MANIFEST} says nothing of files") from None
    there = {path.name for path in folder.glob("*.npy")}
    return sorted(name for name in {*files, *there} if name not in files or not _holds(folder / name, *files[name]))


def is_whole(folder: Path, files: Mapping[str, list[int]]) -> bool:
    """Say whether every array is there as it was written.

    Reading all of them takes longer than most counts. So a file that nobody has written to since, as far as the disk
    knows, is taken for what it was; of any other, such as one from a copy of the disk, every byte is read. A file may
    have become longer: a later pack has rows of its own behind those of this one.
    """
    stamps = json.loads((folder / WRITTEN).read_bytes())
    paths = {path.name: path for path in folder.glob("*.npy")}
    return paths.keys() == files.keys() and all(
        path.stat().st_size >= files[name][0] and (_written(path) == stamps.get(name) or _holds(path, *files[name]))
        for name, path in paths.items()
    )


def _holds(path: Path, size: int, sum_of: int) -> bool:
    """Say whether a file begins with what was written."""
    return path.exists() and path.stat().st_size >= size and checksum(path, size) == sum_of


def checksum(path: Path, size: int | None = None) -> int:
    """Return the CRC-32 of a file, or of so many bytes of it."""
    found, some = 0, memoryview(bytearray(_PORTION_BYTES))
    left = path.stat().st_size if size is None else size
    with path.open("rb", buffering=0) as stream:
        while number := stream.readinto(some[: min(left, _PORTION_BYTES)]):
            found, left = zlib.crc32(some[:number], found), left - number
    return found


def _opened(folder: Path, manifest: Mapping[str, Any]) -> Pack:
    number = manifest["people"]
    of_people = {name: mapped(folder, f"people.{name}", number) for name in manifest["of_people"]}
    people = {name: mapped(folder, f"people.{name}", number) for name in ("birth", "sex", "born", "mark")}
    return Pack(
        folder=folder,
        people=number,
        ranges=_ranges(people["sex"], people["born"]),
        earliest=mapped(folder, "people.earliest", number if manifest["unsure"] else 0),
        ids={name: mapped(folder, f"ids.{name}") for name in manifest["ids"]},
        of_people=of_people,
        observed_start=mapped(folder, "observed.start"),
        observed_first=mapped(folder, "observed.first"),
        observed_last=mapped(folder, "observed.last"),
        observed_vague=manifest["observed_vague"],
        concept=mapped(folder, "vocabulary.concept"),
        ancestor=mapped(folder, "vocabulary.ancestor"),
        descendant=mapped(folder, "vocabulary.descendant"),
        tables={EventTable(name): _table(folder, name, about) for name, about in manifest["tables"].items()},
        **people,
    )


def _ranges(sex: Array, born: Array) -> Array:
    """Return where each group of one sex and one year of birth begins, and after the last the number of people.

    People who came later stand behind the others, so that a sex and year can have several groups: everybody is looked
    at, not only every group's edges.
    """
    found = [np.zeros(1, dtype=np.int64)]
    for at in range(0, len(sex), _PORTION_PEOPLE):  # some at a time, so that many take no memory
        now, then = slice(at, min(at + _PORTION_PEOPLE, len(sex) - 1)), slice(at + 1, at + 1 + _PORTION_PEOPLE)
        found.append(np.flatnonzero((sex[now] != sex[then]) | (born[now] != born[then])) + at + 1)
    return np.concatenate([*found, [len(sex)]]).astype(np.int64)


def _table(folder: Path, name: str, about: Mapping[str, Any]) -> PackTable:
    columns = {
        column: mapped(folder, f"{name}.{column}", about["rows"]) if column in about["columns"] else empty_array(kind)
        for column, kind in COLUMN_TYPES.items()
    }
    index = {part: mapped(folder, f"{name}.{part}") for part in INDEX}
    return PackTable(table=EventTable(name), columns=columns, vague=tuple(about["vague"]), **index)


def mapped(folder: Path, name: str, length: int | None = None) -> Array:
    """Return an array that is read from disk as it is used, with another length if it has become longer."""
    path = folder / f"{name}.npy"
    with path.open("rb") as stream:
        kind, shape, offset = _header(stream.read(_HEADER_BYTES))
    shape = shape if length is None else (length,)
    if 0 in shape:  # nothing to map
        return empty_array(kind)
    array: Array = np.asarray(np.memmap(path, mode="r", dtype=kind, shape=shape, offset=offset))
    array.setflags(write=False)
    return array


@lru_cache(maxsize=1024)
def _header(start: bytes) -> tuple[Any, tuple[int, ...], int]:
    """Return type, shape and where the values begin. Many arrays are alike in that, and to read it takes long."""
    stream = BytesIO(start)
    np.lib.format.read_magic(stream)
    shape, _, kind = np.lib.format.read_array_header_1_0(stream)
    return kind, shape, stream.tell()


def empty_array(kind: npt.DTypeLike) -> Array:
    """Return an array of nothing, such as a column that a table does not have."""
    array: Array = np.empty(0, dtype=kind)
    array.setflags(write=False)
    return array

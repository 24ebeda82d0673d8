"""What a pack is on disk, and how it is opened.

    pack.json                     format, digest of what it was built from, people, tables, sizes and checksums of files
    written.json                  when and where the disk says that those were written
    people.{birth,sex,born}.npy   by person; a person's place in the order by sex, year of birth and id is their number
    people.earliest               the first day on which they may have been born; empty if all days of birth are known
    people.<column>, ids.<column> which of some ids a person has in a column, such as of a place: what groupings look at
    observed.{start,first,last}   observation periods; those of person p stand at start[p]..start[p + 1]
    <table>.{concepts,starts,stops}  the rows of a concept stand at starts..stops
    <table>.{person,first,...}    rows by concept, person, day, minute and the order of rows at one moment
    people.mark, <table>.part     whose somebody is, under a key beside the pack, and which file a row is from: what it
                                  takes to bring the pack up to date when the records have grown; no count looks at it

No person's id is in it, but every row of every person is: only its owner may read it. Arrays are mapped from disk, so
that what a count holds in memory does not grow with them.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from rounds.measures.events import EventTable
from rounds.records.omop import Records
from rounds.records.table_files import parts_of, seen, stamp

FORMAT: Final = 4
MANIFEST: Final = "pack.json"
WRITTEN: Final = "written.json"
FOLDER: Final = "pack"
KEY: Final = "key"
"""The file beside the packs with which their people's marks are made."""
_PORTION_BYTES: Final = 1 << 18
_PORTION_PEOPLE: Final = 1 << 18

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


PART: Final = "part"
"""The column that says which file a row is from."""
PART_TYPE: Final = "uint16"

MEANS_IN_SQL: Final = "means are added up in SQL"


class NotCovered(Exception):
    """A measure asks something that the pack cannot tell exactly; another engine can."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackTable:
    """The rows of one table. A column that the table does not have is an empty array."""

    table: EventTable
    concepts: Array
    starts: Array
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
    earliest: Array
    """The first day on which somebody may have been born; empty if that is everybody's `birth`."""
    ids: Mapping[str, Array]
    """By the name of a column, the ids that there are, sorted."""
    of_people: Mapping[str, Array]
    """By the name of a column of `person`, everybody's place among its ids; -1 for none. What is empty is not there."""
    ranges: Array
    """Where each group of one sex and one year of birth begins, and after the last the number of people."""
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


def digest_of(records: Records) -> str:
    """Return a digest that changes when the records change.

    Of each file it takes the name and what is `seen` of it.
    """
    said = hashlib.sha256(str(FORMAT).encode())
    for source in records.sources:
        said.update(source.select.replace(str(records.folder), "").encode())
        for part in parts_of(source.path):
            said.update(f"{part.name} {seen(part)} ".encode())
    return said.hexdigest()


def open_pack(records: Records, folder: Path | None = None) -> Pack | None:
    """Return the pack of some records; None if there is none that is whole, or it was built from anything else.

    Args:
        records: the site's.
        folder: where it was built, if not beside the tables.

    Raises:
        OSError: if there is one that cannot be read.
    """
    digest = digest_of(records)
    folder = folder or packs_folder(records) / digest[:16]
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        if manifest["format"] != FORMAT or manifest["digest"] != digest or not counts_whom(manifest, records):
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


def written(folder: Path) -> dict[str, list[int]]:
    """Return when and where the disk says that each array was written."""
    return {path.name: stamp(path) for path in sorted(folder.glob("*.npy"))}


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
    found = {path.name: [path.stat().st_size, checksum(path)] for path in folder.glob("*.npy")}
    return sorted(name for name in {*files, *found} if files.get(name) != found.get(name))


def is_whole(folder: Path, files: Mapping[str, list[int]]) -> bool:
    """Say whether every array is there as it was written.

    Reading all of them takes longer than most counts. So a file that nobody has written to since, as far as the disk
    knows, is taken for what it was; of any other, such as one from a copy of the disk, every byte is read.
    """
    stamps = json.loads((folder / WRITTEN).read_bytes())
    paths = {path.name: path for path in folder.glob("*.npy")}
    return paths.keys() == files.keys() and all(
        path.stat().st_size == files[name][0] and (stamp(path) == stamps.get(name) or checksum(path) == files[name][1])
        for name, path in paths.items()
    )


def checksum(path: Path) -> int:
    """Return the CRC-32 of a file."""
    found, some = 0, memoryview(bytearray(_PORTION_BYTES))
    with path.open("rb", buffering=0) as stream:
        while number := stream.readinto(some):
            found = zlib.crc32(some[:number], found)
    return found


def _opened(folder: Path, manifest: Mapping[str, Any]) -> Pack:
    people = {name: mapped(folder, f"people.{name}") for name in ("birth", "sex", "born")}
    return Pack(
        folder=folder,
        people=manifest["people"],
        ranges=_ranges(people["sex"], people["born"]),
        earliest=mapped(folder, "people.earliest"),
        ids={name: mapped(folder, f"ids.{name}") for name in manifest["ids"]},
        of_people={name: mapped(folder, f"people.{name}") for name in manifest["of_people"]},
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
    """Return where each group of one sex and one year of birth begins, and after the last the number of people."""
    found = [np.zeros(1, dtype=np.int64)]
    for at in range(0, len(sex), _PORTION_PEOPLE):  # some at a time, so that many take no memory
        pairs = slice(at, at + _PORTION_PEOPLE), slice(at + 1, at + 1 + _PORTION_PEOPLE)
        mine, others = (np.stack([sex[some], born[some]]) for some in pairs)
        found.append(np.flatnonzero(np.any(mine[:, : others.shape[1]] != others, axis=0)) + at + 1)
    return np.concatenate([*found, [len(sex)]])


def _table(folder: Path, name: str, about: Mapping[str, Any]) -> PackTable:
    columns = {
        column: mapped(folder, f"{name}.{column}") if column in about["columns"] else empty_array(kind)
        for column, kind in COLUMN_TYPES.items()
    }
    index = {part: mapped(folder, f"{name}.{part}") for part in ("concepts", "starts", "stops")}
    return PackTable(table=EventTable(name), columns=columns, vague=tuple(about["vague"]), **index)


def mapped(folder: Path, name: str) -> Array:
    """Return an array that is read from disk as it is used."""
    path = folder / f"{name}.npy"
    with path.open("rb") as stream:
        np.lib.format.read_magic(stream)
        shape, _, kind = np.lib.format.read_array_header_1_0(stream)
        offset = stream.tell()
    if 0 in shape:  # nothing to map
        return empty_array(kind)
    array: Array = np.asarray(np.memmap(path, mode="r", dtype=kind, shape=shape, offset=offset))
    array.setflags(write=False)
    return array


def empty_array(kind: npt.DTypeLike) -> Array:
    """Return an array of nothing, such as a column that a table does not have."""
    array: Array = np.empty(0, dtype=kind)
    array.setflags(write=False)
    return array

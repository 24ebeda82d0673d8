# ruff: noqa: S608  SQL is built from our own words and quoted paths only
"""Finds FHIR resources in a folder: bulk NDJSON by resource, mixed NDJSON, Bundles."""

import gzip
import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import duckdb

from rounds.errors import RecordsError
from rounds.records.importing.fhir.shapes import LARGEST_BYTES, MEDICATION, SHAPES, USUAL_BYTES, scan_columns
from rounds.records.importing.session import Session

_NDJSON: Final = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
_BUNDLES: Final = (".json", ".json.gz")
_LARGEST_BUNDLE: Final = 256_000_000
"""Bytes of JSON: a Bundle is read as a whole, and takes several times as much memory."""
_GZIP_FACTOR: Final = 12
"""FHIR is repetitive text: gzip makes a twelfth of it."""
_FLAT: Final = 0.35
"""What the flat tables and the OMOP tables need of the NDJSON's size, with room to spill."""
_MAPPED: Final = frozenset(SHAPES) - {MEDICATION}
"""What is staged; of Medication only what other resources refer to is wanted."""
_RESOURCE: Final = re.compile(r"[A-Z][A-Za-z]{2,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirFiles:
    """NDJSON files by resource."""

    by_resource: dict[str, tuple[str, ...]]
    numbers: dict[str, int]
    """how many resources there are, of every type that OMOP has no table for, and of Medication"""
    left_alone: tuple[str, ...]
    empty: tuple[str, ...]
    """names of files with no resource in them"""
    trusting: bool
    """whether only the first line said what the files of a mapped resource hold"""
    largest_bytes: int
    """of one resource; who meets a longer one looks again without trusting"""


def needed_bytes(source: Path) -> int:
    """Return how much an import of FHIR may write."""
    total = 0.0
    for path in _paths(source):
        zipped = path.name.lower().endswith(".gz")
        total += path.stat().st_size * (_GZIP_FACTOR if zipped else 1) * (_FLAT + (1 if _is(path, _BUNDLES) else 0))
    return int(total)


def find_resources(session: Session, source: Path, *, trusting: bool) -> FhirFiles:
    """Return every resource in a folder or file.

    Mixed files and Bundles are taken apart into the private folder first.

    Args:
        session: the import.
        source: the folder or file.
        trusting: take the first line's word for what a file of a mapped resource holds, for whoever reads the others
            checks them and asks again if one is something else; if not, look at each line.

    Raises:
        RecordsError: naming the file and line that is not a whole resource.
        duckdb.Error: instead of that if it was trusting, and of a line that is longer than usual.
    """
    paths = _paths(source)
    lines = [path for path in paths if _is(path, _NDJSON)]
    # DuckDB does not know the mark of Windows at the beginning of a text.
    taken_apart = {path for path in lines if not path.stat().st_size or _marked(path)}
    plain = [path for path in lines if path not in taken_apart]
    largest = USUAL_BYTES if trusting else LARGEST_BYTES
    trusted = {path: kind for path in plain if (kind := _first_type(path)) in _MAPPED} if trusting else {}
    counted = _count(session, [path for path in plain if path not in trusted], largest=largest, trusting=trusting)
    by_resource: dict[str, list[str]] = {}
    mixed = sorted(taken_apart)
    left = [path.name for path in paths if not _is(path, _NDJSON + _BUNDLES)]
    for path in plain:
        types = {trusted[path]} if path in trusted else {kind for (name, kind) in counted if name == str(path)}
        if types == {""}:
            left.append(path.name)  # a log of the export, say: no line is a resource
        elif len(types) == 1 and "Bundle" not in types:
            by_resource.setdefault(next(iter(types)), []).append(str(path))
        else:
            mixed.append(path)
    apart, empty = _take_apart(session, [*mixed, *(path for path in paths if _is(path, _BUNDLES))])
    numbers: dict[str, int] = {}
    for (name, kind), number in counted.items():
        if name not in {str(path) for path in mixed} and kind:
            numbers[kind] = numbers.get(kind, 0) + number
    for kind, (path, number) in apart.items():
        by_resource.setdefault(kind, []).append(str(path))
        numbers[kind] = numbers.get(kind, 0) + number
    if not by_resource:
        raise RecordsError(
            f"site {session.site}: {source}: there are no FHIR resources; bulk files end in .ndjson or .ndjson.gz, "
            "Bundles in .json"
        )
    return FhirFiles(
        by_resource={kind: tuple(files) for kind, files in by_resource.items()},
        numbers={kind: number for kind, number in numbers.items() if kind not in _MAPPED},
        left_alone=tuple(left),
        empty=tuple(empty),
        trusting=trusting,
        largest_bytes=largest,
    )


def _first_type(path: Path) -> str:
    """Return what the first line of a file says it is; nothing if that cannot be told."""
    try:
        with _open(path) as stream:
            kind = json.loads(stream.readline(USUAL_BYTES)).get("resourceType")
    except (ValueError, EOFError, OSError, AttributeError):
        return ""
    return kind if isinstance(kind, str) else ""


def unreadable(session: Session, error: duckdb.Error, files: list[Path]) -> RecordsError:
    """Return the refusal for a line that is not what it should be; DuckDB's words may hold a patient's values."""
    words = str(error)
    named = re.search(r'in file "([^"]+)"', words)
    line = re.search(r"in (?:line|record/value) (\d+)", words)
    cut = "transform" not in words.lower()
    where = f"{Path(named[1]).name if named else files[0].parent.name}{f', line {line[1]}' if line else ''}"
    if cut:
        # DuckDB counts one too many where a file ends in the middle of a line, and not at all in a broken gzip.
        for path in [Path(named[1])] if named else files:
            found = _first_bad_line(path)
            if found is not None:
                where = f"{path.name}, line {found}"
                break
    what = (
        "the line is not whole JSON (was the file cut?)" if cut else "an element has a type that FHIR R4 does not allow"
    )
    return RecordsError(f"site {session.site}: {where}: {what}; export it again")


def _first_bad_line(path: Path) -> int | None:
    number = 1
    try:
        with _open(path) as stream:
            for line in stream:
                if line.strip():
                    json.loads(line)
                number += 1
    except (ValueError, EOFError, OSError):
        return number
    return None


def _paths(source: Path) -> list[Path]:
    return sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]


def _is(path: Path, endings: tuple[str, ...]) -> bool:
    return path.name.lower().endswith(endings)


def _marked(path: Path) -> bool:
    try:
        with _open(path) as stream:
            return stream.read(len(BOM_UTF8)) == BOM_UTF8
    except (EOFError, OSError):
        return False  # whoever reads it says what is wrong with it


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb")  # type: ignore[return-value]  # a GzipFile reads like any other


def _count(session: Session, files: list[Path], *, largest: int, trusting: bool) -> dict[tuple[str, str], int]:
    if not files:
        return {}
    names = [str(path) for path in files]
    scan = scan_columns({"resourceType": "VARCHAR"}, names, largest_bytes=largest, named=True)
    try:
        rows = session.query(f"SELECT filename, coalesce(resourceType, ''), count(*) FROM {scan} GROUP BY ALL")
    except duckdb.Error as error:
        if trusting or isinstance(error, duckdb.OutOfMemoryException):
            raise
        raise unreadable(session, error, files) from None
    return {(str(name), str(kind)): int(str(number)) for name, kind, number in rows}


def _take_apart(session: Session, paths: list[Path]) -> tuple[dict[str, tuple[Path, int]], list[str]]:
    """Write the resources of Bundles and mixed files, by type, into NDJSON files of their own; name the empty ones."""
    found: dict[str, tuple[Path, int]] = {}
    empty: list[str] = []
    if not paths:
        return found, empty
    session.progress.step("Taking Bundles apart", len(paths))
    with ExitStack() as stack:
        streams: dict[str, IO[bytes]] = {}
        for path in paths:
            before = sum(number for _, number in found.values())
            for kind, resource in _resources(session, path):
                if kind not in streams:
                    target = session.scratch / f"apart-{kind}.ndjson"
                    found[kind] = (target, 0)
                    streams[kind] = stack.enter_context(target.open("wb"))
                streams[kind].write(json.dumps(resource, separators=(",", ":")).encode() + b"\n")
                found[kind] = (found[kind][0], found[kind][1] + 1)
            if before == sum(number for _, number in found.values()):
                empty.append(path.name)
            session.progress.advance()
    return found, empty


def _resources(session: Session, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    line = 1
    try:
        with _open(path) as stream:
            if _is(path, _BUNDLES):
                whole = stream.read(_LARGEST_BUNDLE + 1)
                if len(whole) > _LARGEST_BUNDLE:
                    raise RecordsError(
                        f"site {session.site}: {path.name}: a Bundle of more than {_LARGEST_BUNDLE / 1e6:.0f} MB is "
                        "not read; export NDJSON, or a Bundle for each patient"
                    )
                yield from _inside(json.loads(whole))
            else:
                for text in stream:
                    if text.strip():
                        yield from _inside(json.loads(text))
                    line += 1
    except (json.JSONDecodeError, UnicodeDecodeError, EOFError, gzip.BadGzipFile) as error:
        at = error.lineno if isinstance(error, json.JSONDecodeError) and _is(path, _BUNDLES) else line
        raise RecordsError(
            f"site {session.site}: {path.name}, line {at}: this is not whole JSON (was the file cut?); export it again"
        ) from None


def _inside(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a resource, or every resource of a Bundle or a list. An entry without an id is named by its address."""
    for one in value if isinstance(value, list) else ():
        yield from _inside(one)
    kind = value.get("resourceType") if isinstance(value, dict) else None
    if not isinstance(kind, str) or not _RESOURCE.fullmatch(kind):
        return
    if kind != "Bundle":
        yield kind, value
        return
    for entry in value.get("entry") or ():
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict):
            if "id" not in resource and isinstance(entry.get("fullUrl"), str):
                resource = {**resource, "id": re.split(r"[/:]", entry["fullUrl"])[-1]}
            yield from _inside(resource)

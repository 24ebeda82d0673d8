"""Remembers that a site's records were checked, so that the same records are not checked twice.

What is remembered is a digest of the files and of the rules they were held against, and what columns each table has.
Anything that does not fit the digest to the letter counts as never checked.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from rounds.records.quality import MINIMUM_PEOPLE, LeftOut, QualityReport, Source, rules_of
from rounds.records.sources import source_of
from rounds.records.table_files import parts_of, seen
from rounds.records.tables import TABLES
from rounds.storage.atomic import write_private_file

_FORMAT: Final = 1
_SETTLED_SECONDS: Final = 2.0
"""The coarsest clock of a file system: whatever changed more recently may change again and look the same."""


def digest_of_opening(
    folder: Path, sources: tuple[Source, ...], *, site: str, exclude: bool, as_of: date
) -> str | None:
    """Return a digest that changes when the records change, or what they are checked for.

    Of each file it takes the name and what is `seen` of it.

    Args:
        folder: of the tables.
        sources: the tables, opened.
        site: the site's id.
        exclude: whether rows outside observation are left out instead of refused.
        as_of: the day the round looks back from.

    Returns:
        None if a file changed so recently that it may still be changing.
    """
    names = {source.table.name for source in sources}
    said = hashlib.sha256(json.dumps([_FORMAT, site, exclude, MINIMUM_PEOPLE]).encode())
    newest = 0.0
    for source in sources:
        rules = rules_of(source.table, source.missing, names, as_of=as_of)
        said.update(repr([source.table, source.checked.replace(str(folder), ""), rules]).encode())
        for part in parts_of(source.path):
            about = part.stat()
            newest = max(newest, about.st_mtime, about.st_ctime)
            said.update(f"{part.relative_to(folder)} {seen(part)} ".encode())
    return said.hexdigest() if newest < time.time() - _SETTLED_SECONDS else None


def recall_sources(path: Path, files: Mapping[str, Path]) -> tuple[Source, ...] | None:
    """Return the tables as they were when records were checked, if these are the same tables.

    Whether they still have those columns is for the digest of opening to say, which is another if they do not.

    Args:
        path: where it was written down.
        files: the file or folder of each table.
    """
    try:
        columns = json.loads(path.read_bytes())["columns"]
        if list(columns) != list(files):
            return None
        return tuple(
            source_of(
                TABLES[name],
                files[name],
                casts=tuple((str(our), str(its), str(cast)) for our, its, cast in about["casts"]),
                missing=tuple(map(str, about["missing"])),
            )
            for name, about in columns.items()
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def recall(path: Path, digest: str | None, *, site: str) -> QualityReport | None:
    """Return what was found when records of this digest were checked; None if they were not, or it is not certain."""
    if digest is None:
        return None
    try:
        known = json.loads(path.read_bytes())
        if known["digest"] != digest or known["seal"] != _seal(known):
            return None
        left_out = tuple(LeftOut(**item) for item in known["left_out"])
        return QualityReport(site=site, people=int(known["people"]), left_out=left_out)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def remember(path: Path, digest: str | None, sources: tuple[Source, ...], quality: QualityReport) -> None:
    """Write down that records of this digest were checked and nothing was wrong with them."""
    if digest is None:
        return
    left_out = [
        {"file": item.file, "reason": item.reason, "outcome": item.outcome, "rows": item.rows}
        for item in quality.left_out
    ]
    known: dict[str, Any] = {"digest": digest, "people": quality.people, "left_out": left_out}
    known["columns"] = {one.table.name: {"casts": one.casts, "missing": one.missing} for one in sources}
    write_private_file(path, json.dumps({**known, "seal": _seal(known)}, indent=1).encode())


def _seal(known: dict[str, Any]) -> str:
    """Return a digest of what is remembered, so that a damaged file is not believed."""
    said = json.dumps([known["digest"], known["people"], known["left_out"]])
    return hashlib.sha256(said.encode()).hexdigest()

"""What a generation says of the import that made it: a later one knows whether it can add, a reader what must be there.

Files that are shared are links, which some ways of copying a disk leave out: a table would have fewer rows and nobody
would see it.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Literal

from rounds.records.cdm import CDM
from rounds.records.table_files import parts_of, table_in

MADE: Final = "import.json"

Kind = Literal["omop", "fhir", "extracts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """An extract that was added."""

    generation: str
    digest: str
    """of every row of it"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """How a generation was made."""

    kind: Kind
    periods_derived: bool
    """whether its observation periods were worked out of everything else"""
    added: tuple[Added, ...] = ()
    files: tuple[str, ...] = ()
    """of its tables, as they lie in it"""


def write_made(made: Made, folder: Path) -> None:
    """Write it beside the tables, which it lists."""
    tables = [path for name in CDM if (path := table_in(folder, name)) is not None]
    files = (part.relative_to(folder).as_posix() for table in tables for part in parts_of(table))
    made = replace(made, files=tuple(files))
    (folder / MADE).write_text(json.dumps(asdict(made), indent=1) + "\n", encoding="utf-8")


def read_made(folder: Path) -> Made | None:
    """Return how a generation was made; None if an earlier version made it, or it cannot be read."""
    try:
        said = json.loads((folder / MADE).read_bytes())
        added = tuple(Added(**one) for one in said.pop("added"))
        files = tuple(map(str, said.pop("files")))
        return Made(**said, added=added, files=files)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def missing_files(folder: Path) -> list[str]:
    """Return the files of tables that a generation was made with and that are gone, or lead to what is gone."""
    made = read_made(folder)
    return [name for name in (made.files if made else ()) if not (folder / name).exists()]

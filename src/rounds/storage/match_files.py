"""adoption-matches.csv: which organisation each name of a tracker means, for people to review and confirm.

A row a name: what was written, the code and name proposed, how alike (0 to 1), why, other candidates, and `confirmed`:
`certain` (used at once), `yes` (a person has said so), `no` (never use it), or empty (waits for a person).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from rounds.errors import DefinitionError
from rounds.network.matching import Certainty, Match, Register
from rounds.storage.csv_files import LINE, ColumnType, read_csv
from rounds.storage.spreadsheet_text import csv_of, unguarded

MATCHES: Final = "adoption-matches.csv"
_COLUMNS: Final = ("as_written", "ods_code", "name", "score", "why", "candidates", "confirmed")


class Confirmed(StrEnum):
    """What is settled of a match."""

    CERTAIN = "certain"
    YES = "yes"
    NO = "no"
    WAITS = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchRow:
    """A row of the match file."""

    as_written: str
    ods_code: str
    name: str
    score: str
    why: str
    candidates: str
    confirmed: Confirmed

    @property
    def used(self) -> str | None:
        """The code that may be used; None if none may."""
        return self.ods_code if self.confirmed in (Confirmed.CERTAIN, Confirmed.YES) else None


def match_row(match: Match) -> MatchRow:
    """Return a match as a row that nobody has looked at yet."""
    best = match.best
    return MatchRow(
        as_written=match.as_written,
        ods_code=best.organisation.ods_code if best else "",
        name=best.organisation.name if best else "",
        score=f"{best.score:.2f}" if best else "",
        why=match.why,
        candidates="; ".join(
            f"{one.organisation.ods_code} {one.organisation.name} ({one.score:.2f})" for one in match.others
        ),
        confirmed=Confirmed.CERTAIN if match.certainty is Certainty.CERTAIN else Confirmed.WAITS,
    )


def read_matches(path: Path, *, register: Register) -> Mapping[str, MatchRow]:
    """Return what people have settled, by name as written in small letters; nothing if there is no file.

    Args:
        path: the match file.
        register: the organisations there are; a confirmed code must be one of them.

    Raises:
        DefinitionError: naming file, line and what to correct: an unknown code or word, a name settled in two ways.
    """
    if not path.exists():
        return {}
    columns = dict.fromkeys(_COLUMNS, ColumnType.TEXT)
    blank = {"ods_code", "name", "score", "why", "candidates", "confirmed"}
    found: dict[str, MatchRow] = {}
    lines: dict[str, int] = {}
    for row in read_csv(path, columns, error=DefinitionError, may_be_blank=blank).iter_rows(named=True):
        where = f"{path.name}, line {row.pop(LINE)}"
        texts = {name: unguarded(value or "") for name, value in row.items()}
        word = texts.pop("confirmed").lower()
        if word not in list(Confirmed):
            raise DefinitionError(f'{where}, column confirmed: write yes or no, or leave it empty; not "{word[:20]}"')
        confirmed = Confirmed(word)
        code = texts["ods_code"].upper()
        if confirmed is Confirmed.YES and register.with_code(code) is None:
            what = f'"{code[:12]}" is no code of a member or of the register' if code else "no ODS code stands in it"
            raise DefinitionError(f"{where}: it is confirmed, but {what}; correct the code, or give --register")
        key = key_of(texts["as_written"])
        if key in found and (found[key].confirmed, found[key].ods_code) != (confirmed, code):
            raise DefinitionError(f"{where}: the same name is settled otherwise on line {lines[key]}; keep one row")
        lines[key] = int(where.rsplit(" ", 1)[1])
        found[key] = MatchRow(**{**texts, "ods_code": code}, confirmed=confirmed)
    return found


def key_of(as_written: str) -> str:
    """Return what makes two names as written the same: all but spaces and capitals."""
    return " ".join(as_written.lower().split())


def matches_csv(rows: Iterable[MatchRow]) -> bytes:
    """Return the match file's bytes, those that wait first, then by name."""
    ordered = sorted(rows, key=lambda one: (one.confirmed is not Confirmed.WAITS, key_of(one.as_written)))
    cells = [
        (row.as_written, row.ods_code, row.name, row.score, row.why, row.candidates, row.confirmed) for row in ordered
    ]
    return csv_of(_COLUMNS, cells, for_excel=True)

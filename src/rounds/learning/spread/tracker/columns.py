"""Which row of a sheet names its columns, and which column holds what, guessed from the headings."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rounds.errors import DefinitionError
from rounds.learning.spread.adoption import Stage

Cells = Sequence[object]
LOOKED_AT: Final = 40
"""A header stands in the first so many rows."""


class Role(StrEnum):
    """What a column of a tracker can hold, besides the date of each stage."""

    ORGANISATION = "organisation"
    CODE = "code"
    STATUS = "status"
    STATUS_DATE = "status_date"
    UPDATED = "updated"
    PLANNED_FOR = "planned_for"
    FIDELITY = "fidelity"
    REASON = "reason"


Meaning = Role | Stage
ROLES: Final[Mapping[str, Meaning]] = {one.value: one for one in (*Role, *Stage)}
"""By the word that people write for it: a role, or the stage whose dates a column holds."""

_ABOUT: Final = frozenset({"name", "of", "the", "participating", "adopting", "deployment", "nhs", "or", "and", "list"})
_WHO: Final = frozenset(
    {
        "organisation", "organization", "organisations", "org", "trust", "trusts", "site", "sites", "provider",
        "providers", "hospital", "hospitals", "practice", "member", "partner",
    }
)  # fmt: skip
_STATUS: Final = frozenset({"status", "stage", "phase", "progress"})
_STATUS_TOO: Final = _STATUS | {
    "adoption",
    "implementation",
    "current",
    "of",
    "the",
    "project",
    "rollout",
    "roll",
    "out",
    "latest",
}
_WHEN: Final = frozenset({"date", "since", "when", "month", "quarter"})
_WHEN_TOO: Final = _WHEN | _STATUS | {"of", "the", "reached", "at"}
_UPDATED: Final = frozenset({"updated", "update", "reviewed", "checked"})
_FIDELITY: Final = frozenset({"fidelity", "coverage", "uptake", "%", "percent", "percentage", "share", "extent"})
_REASON: Final = frozenset({"reason", "reasons", "comment", "comments", "note", "notes", "why", "barrier", "barriers"})
_AHEAD: Final = frozenset({"planned", "target", "expected", "forecast", "anticipated", "proposed", "due", "estimated"})
_LATER: Final = frozenset({"live", "launch", "start", "adoption", "implementation", "go", "completion"})
_DATED: Final = frozenset(
    {"date", "dates", "of", "the", "when", "actual", "month", "on", "confirmed", "went", "has", "site", "trust"}
)
_STAGES: Final[Mapping[str, Stage]] = {
    words: stage
    for stage, said in {
        Stage.AWARE: ("aware", "awareness", "first contact", "contacted", "engaged", "expression interest", "eoi"),
        Stage.PLANNED: ("planned", "committed", "signed up", "sign up", "agreed", "plan agreed", "planning"),
        Stage.IN_PROGRESS: (
            "in progress", "started", "start", "implementation started", "implementation start", "kick off",
            "mobilised", "training", "pilot", "implementing", "underway",
        ),
        Stage.LIVE: ("live", "go live", "gone live", "launch", "launched", "implemented", "adopted", "adoption"),
        Stage.EMBEDDED: ("embedded", "sustained", "bau", "business as usual"),
        Stage.STOPPED: ("stopped", "stop", "withdrawn", "ended", "discontinued", "end"),
    }.items()
    for words in said
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a tracker and what it holds."""

    at: int
    """its place, from 0"""
    heading: str
    meaning: Meaning


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where a sheet's header stands and what its columns hold."""

    header: int
    """the index of the row that names the columns"""
    columns: tuple[Column, ...]
    left_alone: tuple[str, ...]
    """headings that say nothing of adoption, or say it again"""

    def at(self, meaning: Meaning) -> int | None:
        """Return the place of the column that holds something; None if there is none."""
        return next((column.at for column in self.columns if column.meaning is meaning), None)


def layout_of(rows: Sequence[Cells], said: Mapping[str, Meaning] | None = None) -> Layout:
    """Return the header and the columns of a sheet.

    The header is the row, of the first 40, with the most headings that are known; it needs an organisation, and
    something that says how far it is. A heading that says nothing alone is read with the one above it.

    Args:
        rows: the sheet's cells, merged ones filled.
        said: what somebody has said of headings, by heading as written; it goes before any guess.

    Raises:
        DefinitionError: if there is no header, or it has no column of organisations, or none of stages, or lacks a
            heading that was named.
    """
    said = {_plain(heading): meaning for heading, meaning in (said or {}).items()}
    best: Layout | None = None
    for index in range(min(len(rows), LOOKED_AT)):
        found = _layout(rows, index, said)
        if best is None or len(found.columns) > len(best.columns):
            best = found
    if best is None or len(best.columns) < 2:
        raise DefinitionError(
            f"no header is found in the first {LOOKED_AT} rows; a row must name the columns, such as Trust, Status, "
            "Go live date"
        )
    headings = [_text(cell) for cell in rows[best.header] if _text(cell)]
    missing = sorted(heading for heading in said if heading not in {_plain(one) for one in headings})
    if missing:
        raise DefinitionError(f'no column is headed "{missing[0]}"; the header says {", ".join(headings[:12])}')
    if best.at(Role.ORGANISATION) is None and best.at(Role.CODE) is None:
        raise DefinitionError(
            f"the header ({', '.join(headings[:8])}) has no column of organisations; say which it is: "
            '--column "HEADING=organisation"'
        )
    if not any(isinstance(column.meaning, Stage) or column.meaning is Role.STATUS for column in best.columns):
        raise DefinitionError(
            f"the header ({', '.join(headings[:8])}) has no column of a status or a stage; say which it is: "
            '--column "HEADING=status" or --column "HEADING=live"'
        )
    return best


def _layout(rows: Sequence[Cells], index: int, said: Mapping[str, Meaning]) -> Layout:
    columns: list[Column] = []
    rest: list[str] = []
    above = rows[index - 1] if index else ()
    for at, cell in enumerate(rows[index]):
        own = _text(cell)
        over = _text(above[at]) if at < len(above) else ""
        heading = own or over
        if not heading or len(heading) > 80:
            continue
        both = f"{over} {own}".strip()
        meaning = said.get(_plain(heading))
        # Of "Planned" under a "Go live" that stands over several columns, the two together say what it is.
        together = meaning_of(both) if over and (not own or _over_some(above, rows[index], over)) else None
        if meaning is None and together is not None:
            meaning, heading = together, both
        if meaning is None and own:
            meaning = meaning_of(own)
        if meaning is None and over and (alone := meaning_of(both)) is not None:
            meaning, heading = alone, both
        if meaning is None or meaning in {column.meaning for column in columns}:
            rest.append(heading)
        else:
            columns.append(Column(at=at, heading=heading, meaning=meaning))
    return Layout(header=index, columns=tuple(columns), left_alone=tuple(rest))


def _over_some(above: Cells, header: Cells, over: str) -> bool:
    """Return whether a heading stands over several columns, and not over all as a title does."""
    times = sum(_text(cell) == over for cell in above)
    headed = sum(bool(_text(own) or _text(high)) for own, high in zip(header, above, strict=True))
    return 1 < times < headed


def meaning_of(heading: str) -> Meaning | None:
    """Return what a column with a heading holds; None if the heading says nothing of adoption.

    >>> meaning_of("Planned go-live date"), meaning_of("Go Live"), meaning_of("Trust name"), meaning_of("Site lead")
    (<Role.PLANNED_FOR: 'planned_for'>, <Stage.LIVE: 'live'>, <Role.ORGANISATION: 'organisation'>, None)
    """
    words = re.findall(r"[a-z]+|%", heading.lower())
    all_words = set(words)
    if not words or len(words) > 8:
        return None
    if all_words & _AHEAD and all_words & _LATER:
        return Role.PLANNED_FOR
    for role, some in ((Role.REASON, _REASON), (Role.FIDELITY, _FIDELITY)):
        if all_words & some:
            return role
    if all_words & {"code", "ods", "nacs"} and all_words <= _WHO | {"code", "ods", "nacs"}:
        return Role.CODE
    if stage := _STAGES.get(" ".join(word for word in words if word not in _DATED)):
        return stage
    if all_words & _STATUS and all_words <= _STATUS_TOO:
        return Role.STATUS
    if all_words & _UPDATED:
        return Role.UPDATED
    if all_words & _WHEN and all_words <= _WHEN_TOO:
        return Role.STATUS_DATE
    if all_words & _WHO and all_words <= _WHO | _ABOUT:
        return Role.ORGANISATION
    return None


def _text(cell: object) -> str:
    return cell.strip() if isinstance(cell, str) else ""


def _plain(heading: str) -> str:
    return " ".join(heading.lower().split())

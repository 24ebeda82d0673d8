# ruff: noqa: S608  SQL is built from our own column names only
"""Brings together what several files, or several rows of one, say of the same people, stays and places."""

from typing import Final

from rounds.records.importing.session import Session
from rounds.records.importing.staged import StagedTable, columns_of, stage

_ALIKE: Final = {
    "person": ("max", "updated"),
    "visit": ("max", "updated"),
    "stay": ("max", "end_time"),
    "place": ("max", "name"),
}
"""By kind: the one column in which rows that are otherwise the same may differ, and which of its values holds."""
_SAID: Final = (
    *("patient", "visit", "usual_table", "codes", "start_date", "start_time"),
    *("number", "comparator", "unit", "value_codes", "value_text"),
)


def ranked(fuller: str, order: int, row: str) -> str:
    """Return SQL for which of several rows about one person or stay counts: the greatest.

    One that can be imported goes before one that cannot, one that knows the death or the end before one that does not;
    then the last of the last file.

    Args:
        fuller: the column that knows.
        order: the place of the file among all.
        row: SQL for the place of the row in its file.
    """
    known = f"CAST(reason IS NULL AS INTEGER), CAST({fuller} IS NOT NULL AS INTEGER)"
    return f"concat('row ', {known}, ' {order:06d} ', lpad(CAST({row} AS VARCHAR), 18, '0'))"


def together(session: Session, staged: list[StagedTable]) -> list[StagedTable]:
    """Return the staged tables with one for all people, one for all visits, one for all stays, one for all places.

    Patients of January may be there in February again: the file of each month has a row for them.
    """
    merged = [table for table in staged if table.kind not in _ALIKE]
    for kind, (greatest, column) in _ALIKE.items():
        tables = [table for table in staged if table.kind == kind]
        if not tables:
            continue
        names = dict.fromkeys(table.origin.removesuffix(f" ({kind})") for table in tables)
        apart = [name for name in columns_of(kind) if name not in (column, "version")]
        rows = " UNION ALL ".join(f"SELECT {', '.join([*apart, column])} FROM {table.sql}" for table in tables)
        select = f"SELECT {', '.join(apart)}, {greatest}({column}) AS {column} FROM ({rows}) GROUP BY ALL"
        if kind in ("person", "visit"):
            select = f"SELECT *, hash(r) AS version FROM ({select}) r"
        origin = f"{', '.join(names)} ({kind})"
        merged.append(stage(session, origin=origin, kind=kind, select=select, title=f"Gathering {kind}"))
    return merged


def said_twice(session: Session, staged: list[StagedTable]) -> list[str]:
    """Return what to tell of events that say the same as another: a copy, or a thing that happened twice."""
    rows = " UNION ALL ".join(
        f"SELECT hash({', '.join(_SAID)}) AS said FROM {table.sql} WHERE reason IS NULL"
        for table in staged
        if table.kind == "event"
    )
    twice = session.number(f"SELECT count(*) - count(DISTINCT said) FROM ({rows})") if rows else 0
    if not twice:
        return []
    return [
        f"{twice:,} {'value or event says' if twice == 1 else 'values or events say'} the same as another, of the same "
        "person at the same time: all are counted; if extracts overlap, take the copies out"
    ]

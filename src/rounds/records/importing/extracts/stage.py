# ruff: noqa: S608  SQL is built from quoted names and our own words only
"""Stages one extract: its people, its visits, its events."""

from rounds.errors import RecordsError
from rounds.records.importing.extracts.cells import Cells
from rounds.records.importing.extracts.column_map import (
    FACT_TABLES,
    VISIT_CLASSES,
    ClassColumn,
    CodedColumn,
    Log,
    Long,
    People,
    Visits,
    Wide,
)
from rounds.records.importing.extracts.together import ranked
from rounds.records.importing.resolve import number_of
from rounds.records.importing.rules import FROM_EHR, GENDERS
from rounds.records.importing.session import Session
from rounds.records.importing.sql import text
from rounds.records.importing.staged import StagedTable, stage
from rounds.records.importing.typed import refusing_wrong_cells

_ROWS = "(SELECT *, row_number() OVER () AS rounds_row FROM {scan})"


def stage_file(session: Session, cells: Cells) -> list[StagedTable]:
    """Stage everything that a column map says about one file.

    Raises:
        RecordsError: naming columns that are not there, and cells that are not what the map says.
    """
    selects = []
    if cells.file.people:
        selects.append(("person", _people(cells, cells.file.people)))
    if cells.file.visits:
        selects += _visits(cells, cells.file.visits)
    for number, event in enumerate(cells.file.events):
        match event:
            case Wide():
                selects.append(("event", _wide(cells, event, number)))
            case Long():
                selects.append(("event", _long(cells, event, number)))
            case Log():
                selects.append(("event", _log(cells, event, number)))
    if cells.problems:
        where = f"site {session.site}: {cells.path.name}"
        raise RecordsError("\n".join(f"{where}: {problem}" for problem in dict.fromkeys(cells.problems)))
    table = cells.source()
    # DuckDB would stop at the first wrong cell only where it is used; every check is made before anything is staged.
    with refusing_wrong_cells(session, table, cells.checks), table.open() as scan:
        _check(session, cells, scan)
    staged = []
    for kind, select in selects:
        with refusing_wrong_cells(session, table, cells.checks), table.open() as scan:
            rows = _ROWS.format(scan=scan)
            title = f"Reading {cells.path.name} ({kind})"
            origin = f"{cells.path.name} ({kind})"
            staged.append(stage(session, origin=origin, kind=kind, select=select.replace("{rows}", rows), title=title))
    return staged


def _check(session: Session, cells: Cells, scan: str) -> None:
    wrong = " OR ".join(f"({one.present} IS NOT NULL AND ({one.sql}) IS NULL)" for one in cells.checks)
    if wrong:
        session.run(
            f"SELECT count(*) FROM {scan} WHERE CASE WHEN {wrong} THEN error('rounds: wrong type') ELSE false END",
            title=f"Checking {cells.path.name}",
        )


def _people(cells: Cells, people: People) -> str:
    born, died = cells.moment(people.born), cells.moment(people.died) if people.died else "NULL::TIMESTAMP"
    sex = cells.one_of(people.sex.column, {word: GENDERS[meant] for word, meant in people.sex.words.items()})
    reason = (
        f"CASE WHEN {cells.word(people.id)} IS NULL THEN 'without an id' "
        f"WHEN ({born}) IS NULL THEN 'without a date of birth' END"
    )
    columns = {
        "id": cells.word(people.id),
        "reason": reason,
        "gender_concept_id": f"coalesce({sex}, 0)",
        "gender_source": cells.word(people.sex.column),
        "year": f"year({born})",
        "month": f"month({born})",
        "day": f"dayofmonth({born})",
        "zip": cells.word(people.postcode) if people.postcode else "NULL",
        "ethnicity_codes": _coded(cells, people.ethnicity),
        "death_date": f"CAST({died} AS DATE)",
        "death_time": died,
    }
    return _distinct(cells, columns, fuller="death_date")


def _distinct(cells: Cells, columns: dict[str, str], *, fuller: str) -> str:
    """The same person stands in a row for each stay: only what differs is a second version of them."""
    rows = f"SELECT {_listed(columns)}, max(rounds_row) AS last FROM {{rows}} GROUP BY ALL"
    return f"SELECT * EXCLUDE (last), {ranked(fuller, cells.order, 'last')} AS updated FROM ({rows})"


def _visits(cells: Cells, visits: Visits) -> list[tuple[str, str]]:
    start, end = cells.moment(visits.start), cells.moment(visits.end)
    if isinstance(visits.kind, ClassColumn):
        meant = {word: VISIT_CLASSES[meaning] for word, meaning in visits.kind.words.items()}
        concept, written = cells.one_of(visits.kind.column, meant), cells.word(visits.kind.column)
    else:
        concept, written = str(VISIT_CLASSES[visits.kind]), text(visits.kind)
    reason = (
        f"CASE WHEN {cells.word(visits.id)} IS NULL THEN 'without an id' "
        f"WHEN ({start}) IS NULL THEN 'without a start' "
        f"WHEN ({end}) < ({start}) THEN 'it ends before it starts' END"
    )
    columns = {
        "id": cells.word(visits.id),
        "reason": reason,
        "patient": cells.word(visits.person),
        "class_concept_id": f"coalesce({concept}, 0)",
        "class_source": written,
        "start_date": f"CAST({start} AS DATE)",
        "start_time": start,
        "end_date": f"CAST({end} AS DATE)",
        "end_time": end,
        "going_on": f"({end}) IS NULL",
        "place": cells.word(visits.hospital) if visits.hospital else "NULL",
        "admitted_codes": _coded(cells, visits.admitted_from),
        "discharged_codes": _coded(cells, visits.discharged_to),
    }
    staged = [("visit", _distinct(cells, columns, fuller="end_date"))]
    for kind, column in (("Organization", visits.hospital), ("Location", visits.ward)):
        if column:
            place = {"id": f"'{kind}/' || {cells.word(column)}", "kind": f"'{kind}'", "name": cells.word(column)}
            rows = f"SELECT DISTINCT {_listed(place)} FROM {{rows}} WHERE {cells.word(column)} IS NOT NULL"
            staged.append(("place", rows))
    if visits.ward:
        at = cells.word(visits.ward)
        stay = {
            "visit": cells.word(visits.id),
            "part": number_of(f"coalesce({at}, '')", f"coalesce(CAST({start} AS VARCHAR), '')"),
            "place": at,
            "start_time": start,
            "end_time": f"max({end})",
        }
        staged.append(("stay", f"SELECT {_listed(stay)} FROM {{rows}} WHERE {at} IS NOT NULL GROUP BY ALL"))
    return staged


def _event(cells: Cells, event: Wide | Long | Log, number: int) -> dict[str, str]:
    at = cells.moment(event.at)
    return {
        "id": f"{text(f'{cells.path.name}/{number}/')} || rounds_row",
        "version": "0",
        "part": "0",
        "reason": f"CASE WHEN ({at}) IS NULL THEN 'without a date' END",
        "patient": cells.word(event.person),
        "visit": cells.word(event.visit) if event.visit else "NULL",
        "start_date": f"CAST({at} AS DATE)",
        "start_time": at,
        "type_concept_id": str(FROM_EHR),
    }


def _wide(cells: Cells, event: Wide, number: int) -> str:
    """One row becomes one event for each of its cells that holds something."""
    packs = []
    for place, value in enumerate(event.values, start=1):
        keep = value.other_words == "keep as text"
        figure, comparator, concept, words = cells.number(value.column, listed=value.words, keep=keep)
        unit = cells.word(value.unit_column) if value.unit_column else text(value.unit)
        packs.append(
            f"{{'place': {place}, 'codes': {text(f'{value.code.system}|{value.code.code}')}, "
            f"'usual_table': {text(FACT_TABLES[value.table])}, 'written': {cells.word(value.column)}, "
            f"'number': {figure}, 'comparator': {comparator}, 'value_codes': {concept}, 'value_text': {words}, "
            f"'unit': CASE WHEN ({figure}) IS NOT NULL THEN nullif({unit}, '') END}}"
        )
    shared = _listed(_event(cells, event, number))
    return (
        "SELECT e.* EXCLUDE (id, v), e.id || '/' || v.place AS id, v.codes, v.usual_table, v.number, v.comparator, "
        f"v.value_codes, v.value_text, v.unit FROM (SELECT {shared}, unnest([{', '.join(packs)}]) AS v "
        "FROM {rows}) e WHERE v.written IS NOT NULL"
    )


def _long(cells: Cells, event: Long, number: int) -> str:
    columns = _event(cells, event, number)
    columns["codes"] = _coded(cells, event.item)
    columns["usual_table"] = text(FACT_TABLES[event.table])
    if event.value:
        keep = event.other_words == "keep as text"
        figure, comparator, concept, words = cells.number(event.value, listed=event.words, keep=keep)
        unit = cells.word(event.unit_column) if event.unit_column else text(event.unit)
        columns |= {"number": figure, "comparator": comparator, "value_codes": concept, "value_text": words}
        columns["unit"] = f"CASE WHEN ({figure}) IS NOT NULL THEN nullif({unit}, '') END"
    return f"SELECT {_listed(columns)} FROM {{rows}}"


def _log(cells: Cells, event: Log, number: int) -> str:
    columns = _event(cells, event, number)
    columns["codes"] = text(f"{event.code.system}|{event.code.code}")
    columns["usual_table"] = text(FACT_TABLES[event.table])
    return f"SELECT {_listed(columns)} FROM {{rows}}"


def _coded(cells: Cells, coded: CodedColumn | None) -> str:
    if coded is None:
        return "NULL"
    return f"{text(f'{coded.system}|')} || {cells.word(coded.column)}"


def _listed(columns: dict[str, str]) -> str:
    return ", ".join(f"{sql} AS {name}" for name, sql in columns.items())

"""The rules of the measure language as cases: small tables, a measure as people write it, and what it counts.

The cases are the YAML files of tests/spec/measure_language/. Tests count them with every engine, and docs/ shows them.
"""

import json
import re
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import polars as pl
from pydantic import Field
from small_site import parse_rows, write_site

from rounds.measures.codelists import CodeList
from rounds.measures.cohorts.circe import read_circe
from rounds.measures.cohorts.cohort import Cohort
from rounds.measures.counts import Count
from rounds.measures.criteria import Events, Given, Graded, Has
from rounds.measures.definitions import Measure
from rounds.measures.events import Detail, EventTable
from rounds.measures.groupings import Attribute, Grouping
from rounds.measures.periods import Grain, Period
from rounds.measures.person_scores import PersonScore
from rounds.measures.questions import RecordsQuestion
from rounds.measures.scores import Component, Score, ScoredTable, Step
from rounds.measures.strata import Stratum
from rounds.measures.traits import Age, Observed
from rounds.measures.windows import Anchor
from rounds.records.tables import CONCEPT_ANCESTOR, TABLES, ColumnType
from rounds.storage.defined import Defined
from rounds.storage.library_files import MeasureFile
from rounds.storage.yaml_files import Definition, read_yaml

FOLDER = Path(__file__).resolve().parent / "spec" / "measure_language"

CONCEPTS = {
    "anti-inflammatory": 101,
    "ibuprofen": 102,
    "diclofenac": 103,
    "diclofenac-gel": 104,
    "aspirin": 110,
    "antibiotic": 111,
    "diabetes": 201,
    "pneumonia": 202,
    "fall": 203,
    "cardiac-arrest": 204,
    "head-scan": 301,
    "hip-repair": 302,
    "catheter": 401,
    "hba1c": 501,
    "heart-rate": 502,
    "urine": 503,
    "smoking-status": 601,
    "smokes": 602,
    "stopped": 603,
    "never": 604,
    "order": 701,
    "main-diagnosis": 702,
    "nursing-home": 703,
    "home": 704,
    "declined": 705,
    "inpatient": 9201,
    "outpatient": 9202,
    "intensive-care": 32037,
    "percent": 8554,
    "mmol/mol": 9579,
    "per-minute": 8541,
    "millilitre": 8587,
    "asian": 8515,
    "black": 8516,
    "white": 8527,
}
"""The words that stand for concepts in the tables of cases."""

ANCESTORS = (
    ("anti-inflammatory", "ibuprofen"),
    ("anti-inflammatory", "diclofenac"),
    ("anti-inflammatory", "diclofenac-gel"),
    ("diclofenac", "diclofenac-gel"),
)
"""The second is more specific than the first."""


def _list(id_: str, *words: str, descendants: bool = False, excluded: tuple[str, ...] = ()) -> CodeList:
    named = tuple(sorted((CONCEPTS[word], word) for word in words or (id_,)))
    left_out = tuple((CONCEPTS[word], word) for word in excluded)
    title = id_.replace("-", " ").capitalize()
    return CodeList(id=id_, version=1, title=title, concepts=named, descendants=descendants, excluded=left_out)


CODE_LISTS = (
    _list("anti-inflammatory"),
    _list("anti-inflammatory-drugs", "anti-inflammatory", descendants=True),
    _list("all-but-diclofenac", "anti-inflammatory", descendants=True, excluded=("diclofenac",)),
    *map(_list, ("aspirin", "antibiotic", "diabetes", "pneumonia", "fall", "cardiac-arrest", "head-scan")),
    *map(_list, ("hip-repair", "catheter", "hba1c", "heart-rate", "urine", "smoking-status", "smokes")),
    *map(_list, ("inpatient", "outpatient", "intensive-care")),
    *map(_list, ("order", "main-diagnosis", "nursing-home", "home", "declined")),
)

_CODES = {codes.id: codes for codes in CODE_LISTS}
WARNING = Score(
    id="warning",
    version=1,
    title="Warning",
    components=(
        Component(
            id="heart-rate",
            codes=_CODES["heart-rate"],
            units=(CONCEPTS["per-minute"],),
            steps=(Step(up_to=90.0, points=0), Step(up_to=130.0, points=1), Step(up_to=None, points=3)),
        ),
        Component(
            id="smoking",
            codes=_CODES["smoking-status"],
            table=ScoredTable.OBSERVATION,
            answers=((_CODES["smokes"], 2),),
            if_missing=0,
        ),
    ),
)


BREATHING = Score(
    id="breathing",
    version=1,
    title="Breathing",
    components=(
        Component(
            id="smoking",
            codes=_CODES["smoking-status"],
            table=ScoredTable.OBSERVATION,
            answers=((_CODES["smokes"], 1),),
            if_missing=0,
        ),
        Component(
            id="rate", codes=_CODES["heart-rate"], steps=(Step(up_to=90.0, points=0), Step(up_to=None, points=2))
        ),
        Component(
            id="sugar-of-smokers",
            codes=_CODES["hba1c"],
            steps=(Step(up_to=48.0, points=0), Step(up_to=None, points=4)),
            only_if=(("smoking", 1),),
        ),
    ),
)


def _had(codes: str) -> Has:
    return Has(events=Events(table=EventTable.CONDITION_OCCURRENCE, codes=_CODES[codes], where=Observed()))


RISK = PersonScore(
    id="risk",
    version=1,
    title="Risk",
    of=(
        Graded(
            given=(
                Given(points=2, to=Age(low=75, at=Anchor.END)),
                Given(points=1, to=Age(low=65, at=Anchor.END)),
            )
        ),
        Graded(given=(Given(points=3, to=_had("diabetes")),)),
        Graded(given=(Given(points=1, to=_had("fall")),)),
    ),
)


def _grouping(id_: str, by: Stratum, attribute: Attribute, levels: dict[str, tuple[str, ...]]) -> Grouping:
    values = tuple(sorted((str(CONCEPTS.get(value, value)), level) for level, of in levels.items() for value in of))
    title = id_.replace("-", " ").capitalize()
    return Grouping(id=id_, version=1, title=title, by=by, attribute=attribute, named=tuple(levels), values=values)


GROUPINGS = (
    _grouping(
        "ethnic-group",
        Stratum.ETHNICITY,
        Attribute.ETHNICITY,
        {"Asian": ("asian",), "Black": ("black",), "White": ("white",)},
    ),
    _grouping(
        "deprivation-half",
        Stratum.DEPRIVATION,
        Attribute.AREA_CODE,
        {"more deprived": ("E01", "E02"), "less deprived": ("E03",)},
    ),
    _grouping("care-board", Stratum.AREA, Attribute.AREA_CODE, {"north": ("E01", "E03"), "south": ("E02",)}),
    _grouping("hospital", Stratum.CARE_SITE, Attribute.CARE_SITE_NAME, {"General": ("general",), "Royal": ("royal",)}),
    _grouping(
        "kind-of-ward",
        Stratum.WARD,
        Attribute.CARE_SITE_NAME,
        {"critical care": ("icu", "hdu"), "medical": ("ward-7", "ward-8")},
    ),
)


def _cohort(id_: str, title: str, *, event: str, word: str, limit: str, ends: dict[str, object] | None) -> Cohort:
    """Return the cohort of people with an event, as ATLAS writes it."""
    item = {"concept": {"CONCEPT_ID": CONCEPTS[word], "CONCEPT_NAME": word}}
    expression = {
        "ConceptSets": [{"id": 0, "name": word, "expression": {"items": [item]}}],
        "PrimaryCriteria": {
            "CriteriaList": [{event: {"CodesetId": 0}}],
            "ObservationWindow": {"PriorDays": 0, "PostDays": 0},
            "PrimaryCriteriaLimit": {"Type": limit},
        },
        "ExpressionLimit": {"Type": limit},
    }
    if ends:
        expression["EndStrategy"] = {"DateOffset": ends}
    definition = read_circe(json.dumps(expression), name=id_)
    return Cohort(id=id_, version=1, title=title, definition=definition)


COHORTS = (
    _cohort("with-diabetes", "With diabetes", event="ConditionOccurrence", word="diabetes", limit="First", ends=None),
    _cohort(
        "on-aspirin",
        "On aspirin",
        event="DrugEra",
        word="aspirin",
        limit="All",
        ends={"DateField": "EndDate", "Offset": 0},
    ),
)
COHORTS_IN_WORDS = {
    "with-diabetes": "from the first diagnosis of diabetes while observed to the end of that observation",
    "on-aspirin": "from the first to the last day of each course of aspirin that starts while observed",
}
"""What the ATLAS definitions of the cohorts say."""

BORN, OBSERVED = 1950, (date(2020, 1, 1), date(2023, 12, 31))
"""Year of birth, and days of observation, of everybody of whom a case says nothing else."""

_UNSAID = {
    "id": "example",
    "version": "1",
    "title": "Example",
    "description": "An example.",
    "per": "100",
    "unit": "people",
    "better": "neither",
    "author": "A",
    "reviewer": "B",
    "next_review": "2030-01-01",
}

Text = Annotated[str, Field(min_length=1)]


class Asked(Definition):
    """A measure as it is written, less what does not decide the count, and its counts: `2020: 1 of 2` on each line."""

    measure: Text
    counts: Text
    so: str | None = None
    """What to see in the counts."""

    @property
    def expected(self) -> tuple[tuple[str, int, int], ...]:
        """Period and levels, numerator and denominator."""
        found = re.findall(r"^(.+): ([0-9]+) of ([0-9]+)$", self.counts, re.MULTILINE)
        assert len(found) == len(self.counts.strip().splitlines()), self.counts
        return tuple((cell, int(numerator), int(denominator)) for cell, numerator, denominator in found)


class Case(Definition):
    """One rule."""

    title: Text
    why: Text
    tables: dict[str, str] = Field(default_factory=dict)
    first: date = date(2020, 1, 1)
    last: date = date(2020, 12, 31)
    asked: tuple[Asked, ...] = Field(min_length=1)


class Theme(Definition):
    """The rules of one part of the language."""

    theme: Text
    about: Text
    cases: tuple[Case, ...] = Field(min_length=1)


def read_themes() -> tuple[Theme, ...]:
    """Return every theme, in the order of their files' names."""
    return tuple(read_yaml(path, Theme) for path in sorted(FOLDER.glob("*.yaml")))


def read_measure(text: str, scratch: Path) -> Measure:
    """Return the measure that a case writes."""
    said = set(re.findall(r"^(\w+):", text, re.MULTILINE))
    unsaid = "".join(f"{field}: {value}\n" for field, value in _UNSAID.items() if field not in said)
    path = scratch / "measure.yaml"
    path.write_text(f"{text.rstrip()}\n{unsaid}", encoding="utf-8")
    scores = (WARNING, BREATHING)
    find = Defined(code_lists=CODE_LISTS, scores=scores, person_scores=(RISK,), cohorts=COHORTS, groupings=GROUPINGS)
    return read_yaml(path, MeasureFile, context=find).to_measure(find)


def periods_of(case: Case, measure: Measure) -> tuple[Period, ...]:
    """Return the periods that a case counts a measure in."""
    return measure.periods(first=case.first, last=case.last)


def write_case(case: Case, folder: Path) -> None:
    """Write the site that a case describes."""
    frames = {name: _frame(name, rows_of(rows)) for name, rows in case.tables.items()}
    named = sorted(
        {person for frame in frames.values() if "person_id" in frame.columns for person in frame["person_id"]}
    )
    described = frames.pop("person")["person_id"].to_list() if "person" in frames else []
    others = [(person, CONCEPT_OF_FEMALE, BORN) for person in named if person not in described]
    people = [parse_rows("person", others)]
    if described:
        people.insert(0, _frame("person", rows_of(case.tables["person"])))
    observed = frames.pop("observation_period", None)
    if observed is None:
        observed = parse_rows("observation_period", [(person, *OBSERVED) for person in named])
    ancestors = [(CONCEPTS[one], CONCEPTS[other]) for one, other in (*ANCESTORS, *((word, word) for word in CONCEPTS))]
    write_site(
        folder,
        person=pl.concat(people, how="diagonal"),
        observation_period=observed,
        concept=[(concept, word) for word, concept in CONCEPTS.items()],
        concept_ancestor=ancestors,
        **{name: frames.get(name, _frame(name, [[]])) for name in TABLES if name not in _WRITTEN_ABOVE},
    )


def counted(found: Count, measure: Measure) -> tuple[tuple[str, int, int], ...]:
    """Return a count as cases write it: every period, or with strata every cell that holds anybody."""
    assert isinstance(measure.question, RecordsQuestion)
    cells = found.cells.select("period", *map(str, measure.strata), "numerator", "denominator")
    if measure.strata:
        cells = cells.filter(pl.col("denominator") > 0)
    return tuple(
        (
            " ".join((_label(start, measure.grain), *(level.replace(" ", "-") for level in levels))),
            numerator,
            denominator,
        )
        for start, *levels, numerator, denominator in cells.rows()
    )


def rows_of(text: str) -> list[list[str]]:
    """Return the cells of a table: its names, then its rows."""
    return [line.split() for line in text.strip().splitlines()]


def column_names(table: str) -> dict[str, str]:
    """Return what the columns of a table are called in cases, and which they are."""
    of = TABLES[table]
    if table == "person":
        return {
            "person": "person_id",
            "sex": "gender_concept_id",
            "born": "year_of_birth",
            "month": "month_of_birth",
            "day": "day_of_birth",
            "ethnicity": "ethnicity_concept_id",
            "place": "location_id",
            "site": "care_site_id",
        }
    if table == "location":
        return {"place": "location_id", "area": "location_source_value"}
    if table == "care_site":
        return {"site": "care_site_id", "name": "care_site_name"}
    parts = {
        "code": of.concept,
        ("first" if of.end and table not in _ON_A_DAY else "day"): of.start,
        "last": of.end,
        "time": of.time,
        "value": of.value,
        "unit": of.unit,
        "answer": of.answer,
        "visit": of.visit,
        "words": of.words,
        **{_SHORT.get(detail, detail.value): column for detail, column in of.details.items()},
        "stay": of.stay,
        "site": "care_site_id" if table in ("visit_occurrence", "visit_detail") else None,
    }
    return {"person": "person_id", **{word: column for word, column in parts.items() if column}}


_ON_A_DAY = ("procedure_occurrence", "measurement", "observation")
_SHORT = {Detail.ADMITTED_FROM: "from", Detail.DISCHARGED_TO: "to"}
CONCEPT_OF_FEMALE = 8532
_SEXES = {"female": CONCEPT_OF_FEMALE, "male": 8507, "unknown": 0}
_WRITTEN_ABOVE = ("person", "observation_period", "concept", CONCEPT_ANCESTOR.name)
_TYPES = {
    ColumnType.INTEGER: pl.Int64(),
    ColumnType.NUMBER: pl.Float64(),
    ColumnType.DATE: pl.Date(),
    ColumnType.TIME: pl.Datetime("us"),
    ColumnType.TEXT: pl.String(),
}


def _frame(table: str, rows: list[list[str]]) -> pl.DataFrame:
    """Return a table; columns that a case leaves out are empty, but a row lasts one day and visits are numbered."""
    of, columns = TABLES[table], column_names(table)
    names, *cells = rows
    assert set(names) <= set(columns), f"{table}: no column {set(names) - set(columns)}"
    filled = []
    for number, row in enumerate(cells, start=1):
        said = dict(zip(names, row, strict=True))
        if of.end and said.get("last", "-") == "-" and of.column(of.end).required:
            said["last"] = said["first"]
        if of.key and of.key == of.visit:
            said.setdefault("visit", str(number))
        if said.get("time", "-") != "-":
            said["time"] = f"{said.get('first') or said['day']}T{said['time']}"
        by_column = {columns[word]: cell for word, cell in said.items()}
        filled.append([_value(by_column.get(column.name, "-"), column.type) for column in of.columns])
    return pl.DataFrame(filled, schema={column.name: _TYPES[column.type] for column in of.columns}, orient="row")


def _value(cell: str, kind: ColumnType) -> object:
    if cell == "-":
        return None
    match kind:
        case ColumnType.INTEGER:
            return (_SEXES | CONCEPTS).get(cell) if cell in _SEXES | CONCEPTS else int(cell)
        case ColumnType.NUMBER:
            return float(cell)
        case ColumnType.DATE:
            return date.fromisoformat(cell)
        case ColumnType.TIME:
            return datetime.fromisoformat(cell)
        case ColumnType.TEXT:
            return cell


def _label(start: date, grain: Grain) -> str:
    match grain:
        case Grain.YEAR:
            return str(start.year)
        case Grain.ALL:
            return "all"
        case Grain.QUARTER:
            return f"{start.year} Q{(start.month + 2) // 3}"
        case Grain.MONTH:
            return f"{start:%Y-%m}"
        case Grain.WEEK | Grain.DAY:
            return start.isoformat()

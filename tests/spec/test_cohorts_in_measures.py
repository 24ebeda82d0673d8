"""Cohorts in the library and in measures: what is refused where, what decides the digest, and the words."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from language_cases import COHORTS, read_measure
from small_site import make_measure, open_site, write_site

from rounds.engines import duck, pack, reference
from rounds.engines.cohorts.tables import OmopTables
from rounds.errors import DefinitionError, RecordsError
from rounds.measures.cohorts.cohort import Cohort
from rounds.measures.cohorts.criteria import Criterion
from rounds.measures.cohorts.domains import Domain
from rounds.measures.criteria import Events, Has
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.measures.periods import Grain
from rounds.measures.questions import People, RecordsQuestion
from rounds.measures.traits import Age
from rounds.measures.words import question_in_words
from rounds.storage.library import Library, read_library

FIRST, LAST = date(2020, 1, 1), date(2020, 12, 31)
HEADER = {
    "id": "stroke",
    "version": "1",
    "title": "Stroke",
    "definition": "stroke.json",
    "author": "A",
    "reviewer": "B",
    "next_review": "2030-01-01",
}
EXPRESSION = {
    "ConceptSets": [{"id": 0, "name": "Stroke", "expression": {"items": [{"concept": {"CONCEPT_ID": 11}}]}}],
    "PrimaryCriteria": {
        "CriteriaList": [{"ConditionOccurrence": {"CodesetId": 0}}],
        "ObservationWindow": {"PriorDays": 0, "PostDays": 0},
    },
}
MEASURE = """\
id: with-stroke
version: 1
title: With stroke
description: People with stroke.
count: people
numerator: {in_cohort: {cohort: stroke}}
grain: year
per: 100
unit: people
better: lower
author: A
reviewer: B
next_review: 2030-01-01
"""


def _library(folder: Path, *, expression: object = EXPRESSION, measure: str = MEASURE, **header: str) -> Library:
    for name in ("cohorts", "measures"):
        (folder / name).mkdir(exist_ok=True)
    written = "".join(f"{name}: {value}\n" for name, value in {**HEADER, **header}.items())
    (folder / "cohorts" / "stroke.yaml").write_text(written, encoding="utf-8")
    (folder / "cohorts" / "stroke.json").write_text(json.dumps(expression), encoding="utf-8")
    (folder / "measures" / "with-stroke.yaml").write_text(measure, encoding="utf-8")
    return read_library(folder)


def test_a_cohort_is_its_definition(tmp_path: Path) -> None:
    library = _library(tmp_path)
    (measure,) = library.measures
    (cohort,) = library.cohorts
    assert library.cohort("stroke") == cohort
    retitled = _library(tmp_path, title="Apoplexy").measures[0]
    assert retitled.digest == measure.digest
    other = json.loads(json.dumps(EXPRESSION).replace("11", "12"))
    assert _library(tmp_path, expression=other).measures[0].digest != measure.digest


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            {"definition": "strok.json"},
            "stroke.yaml line 4 column 1: `definition`: there is no `strok.json` beside this file; did you mean "
            "`stroke.json`? If not, export the cohort from ATLAS as JSON into this folder",
        ),
        (
            {"reviewer": "A"},
            "stroke.yaml line 6 column 1: `reviewer`: the reviewer must be somebody other than the author",
        ),
        ({"version": "0"}, "stroke.yaml line 2 column 1: `version` must be 1 or more, not 0"),
    ],
    ids=["no file", "own reviewer", "no version"],
)
def test_a_wrong_header(tmp_path: Path, header: dict[str, str], expected: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        _library(tmp_path, **header)
    assert expected in str(refused.value)


def test_a_wrong_definition_is_refused_by_its_json_path(tmp_path: Path) -> None:
    wrong = {**EXPRESSION, "PrimaryCriteria": {"CriteriaList": [{"CustomEra": {}}]}}
    with pytest.raises(DefinitionError, match=r"stroke\.yaml: cohort stroke: PrimaryCriteria\.CriteriaList\[0\]"):
        _library(tmp_path, expression=wrong)


@pytest.mark.parametrize(
    ("numerator", "expected"),
    [
        (
            "{in_cohort: {cohort: strok}}",
            "`numerator.in_cohort.cohort`: there is no cohort `strok`; did you mean `stroke`?",
        ),
        ("{had: {cohort: stroke, codes: any}}", "a cohort finds its own rows; remove `event`, `codes`, `score`"),
        ("{had: {event: cohort, codes: any}}", "write `cohort` and the name of a cohort instead"),
        ("{had: {cohort: stroke, provided: {value: {from: 1}}}}", "a row of cohort has no value"),
        ("{had: {cohort: stroke, same_visit: true}}", "remove `same_visit`"),
        ("{in_cohort: {cohort: stroke, from: end, to: start - 1 day}}", "ends before it begins"),
    ],
)
def test_a_wrong_measure(tmp_path: Path, numerator: str, expected: str) -> None:
    written = MEASURE.replace("{in_cohort: {cohort: stroke}}", numerator)
    with pytest.raises(DefinitionError, match=r"with-stroke\.yaml line 6 column ") as refused:
        _library(tmp_path, measure=written)
    assert expected in str(refused.value)


WORDS = {
    "{in_cohort: {cohort: with-diabetes}}": "in the cohort “With diabetes” at some time in the period",
    "{in_cohort: {cohort: with-diabetes, to: start}}": ("in the cohort “With diabetes” on the first day of the period"),
    "{not: {in_cohort: {cohort: with-diabetes, from: any time, to: start - 1 day}}}": (
        "not in the cohort “With diabetes” at some time up to 1 day before the first day of the period"
    ),
    "{had: {cohort: on-aspirin, at_least: 2}}": (
        "had at least 2 entries into the cohort “On aspirin” that started in the period"
    ),
}


@pytest.mark.parametrize(("text", "expected"), WORDS.items())
def test_words(tmp_path: Path, text: str, expected: str) -> None:
    measure = read_measure(f"count: people\nnumerator: {text}\ngrain: year\n", tmp_path)
    assert question_in_words(measure.question)[-1] == ("numerator", expected)


def _asking(cohort: Cohort) -> Measure:
    in_it = Has(events=Events(table=EventTable.COHORT, codes=cohort))
    return make_measure(RecordsQuestion(unit=People(), numerator=in_it))


ENGINES: dict[str, Callable[..., object]] = {"reference": reference.count, "duckdb": duck.count, "pack": pack.count}


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_site_cannot_find_is_refused(tmp_path: Path, engine: str) -> None:
    records = open_site(write_site(tmp_path, concept=[(1, "c1")]))
    no_table = _asking(COHORTS[0])
    count = ENGINES[engine]
    with pytest.raises(RecordsError, match="cohort with-diabetes v1: the records have no condition_occurrence"):
        count(no_table, records, member="RX1", periods=no_table.periods(first=FIRST, last=LAST))
    deaths = Criterion(domain=Domain.OBSERVATION_PERIOD)
    definition = COHORTS[0].definition
    asked = replace(definition, primary=replace(definition.primary, criteria=(deaths,)))
    no_code = _asking(replace(COHORTS[0], definition=asked))
    assert count(no_code, records, member="RX1", periods=no_code.periods(first=FIRST, last=LAST))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_concept_set_that_means_nothing_is_refused(tmp_path: Path, engine: str) -> None:
    site = write_site(tmp_path, concept=[(1, "c1")], condition_occurrence="")
    asked = _asking(COHORTS[0])
    with pytest.raises(RecordsError, match="the concept set `diabetes` means no concept of the site's vocabulary"):
        ENGINES[engine](asked, open_site(site), member="RX1", periods=asked.periods(first=FIRST, last=LAST))


def test_first_rows_of_a_table_without_a_key(tmp_path: Path) -> None:
    eras = """
        1 110 2020-03-01 2020-04-01
        1 110 2020-01-01 2020-02-01
    """
    site = write_site(
        tmp_path,
        person="1 female 1950",
        observation_period="1 2019-01-01 2020-12-31",
        drug_era="| person_id drug_concept_id drug_era_start_date drug_era_end_date" + eras,
    )
    definition = COHORTS[1].definition
    (eras_of_aspirin,) = definition.primary.criteria
    primary = replace(definition.primary, criteria=(replace(eras_of_aspirin, first=True),))
    asked = _asking(replace(COHORTS[1], definition=replace(definition, primary=primary)))
    months = replace(asked, grain=Grain.MONTH)
    found = [
        engine(months, open_site(site), member="RX1", periods=months.periods(first=FIRST, last=LAST))
        for engine in (reference.count, duck.count)
    ]
    assert [count.cells["numerator"].to_list() for count in found] == [[1] + [0] * 11] * 2


def test_only_entries_are_into_cohorts() -> None:
    with pytest.raises(DefinitionError, match="entries are into a cohort"):
        Events(table=EventTable.COHORT, codes=None)
    with pytest.raises(DefinitionError, match="entries are into a cohort"):
        Events(table=EventTable.DRUG_ERA, codes=COHORTS[0], where=Age(low=1))


def test_a_column_that_cannot_be_read_is_not_taken_for_an_empty_one() -> None:
    unfit = frozenset({"drug_exposure.days_supply"})
    tables = OmopTables(columns={"drug_exposure": frozenset({"person_id"})}, prefix="main.", unfit=unfit)
    assert tables.optional("t", "drug_exposure", "refills", "INTEGER") == "CAST(NULL AS INTEGER)"
    tables.check("aspirin")
    tables.optional("t", "drug_exposure", "days_supply", "INTEGER")
    with pytest.raises(RecordsError, match=r"no drug_exposure\.days_supply of a type that can be read"):
        tables.check("aspirin")

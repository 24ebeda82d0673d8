"""How a measure reads to the clinician who reviews it and to a site's owner who is asked."""

import json
from pathlib import Path

import pytest
from language_cases import read_measure
from typer.testing import CliRunner

from rounds.cli.app import app
from rounds.measures.criteria import Events, Has
from rounds.measures.events import EventTable
from rounds.measures.questions import PersonTime, RecordsQuestion
from rounds.measures.traits import Age
from rounds.measures.words import question_in_words

HBA1C = "event: measurement, codes: hba1c"
RISK = (
    "“Risk” (points that add up: 2: aged 75 or more on the last day of the period, else 1: aged 65 or more on the last "
    "day of the period; 3: had a diagnosis “Diabetes” up to the last day of the period while observed; 1: had a "
    "diagnosis “Fall” up to the last day of the period while observed)"
)
WORDS = {
    "{sex: [female, unknown]}": "female or of unknown sex",
    "{age: {from: 18, to: 18}}": "aged 18",
    "{age: {from: 65, by: birthday, on: end}}": "aged 65 or more (completed years) on the last day of the period",
    "{observed: {from: start - 1 year, to: start}}": (
        "observed on every day from 12 months before the first day of the period to that day"
    ),
    f"{{had: {{{HBA1C}, from: end - 24 months + 1 day}}}}": (
        "had a measurement “Hba1c” in the 2 years up to the last day of the period while observed"
    ),
    f"{{had: {{{HBA1C}, which: last, provided: {{value: {{from: 48, below: 58}}}}}}}}": (
        "had measurements “Hba1c” in the period while observed, the last of them with a value "
        "of at least 48 and below 58"
    ),
    f"{{had: {{{HBA1C}, at_least: 2, distinct: days, from: any time, inside_observation: false}}}}": (
        "had at least 2 different days with measurements “Hba1c” up to the last day of the period"
    ),
    f"{{had: {{{HBA1C}, at_most: 1, distinct: days, inside_observation: false}}}}": (
        "had at most 1 day with measurements “Hba1c” in the period"
    ),
    f"{{had: {{{HBA1C}, at_most: 2}}}}": "had at most 2 measurements “Hba1c” in the period while observed",
    f"{{not: {{had: {{{HBA1C}, from: 2020-03-01, to: 2020-03-31}}}}}}": (
        "had no measurement “Hba1c” from 1 March 2020 to 31 March 2020 while observed"
    ),
    "{had: {event: drug_era, codes: aspirin, which: first ever, provided: {age: {from: 41}}}}": (
        "had their first ever course of treatment “Aspirin” while observed, that started in the period, "
        "aged 41 or more then"
    ),
    "{had: {event: drug_exposure, codes: any, touching: overlaps}}": (
        "had a drug record under way at some time in the period while observed"
    ),
    "{not: {any: [{sex: male}, {age: {to: 17}}]}}": "none of these: male; aged 17 or less",
    "{scores: {score: risk, at_least: 3, on: end}}": f"scoring 3 or more in {RISK}",
    "{scores: {score: risk, at_most: 0, on: end}}": f"scoring 0 or less in {RISK}",
    "{not: {scores: {score: risk, at_least: 3, on: end}}}": f"scoring 2 or less in {RISK}",
    f"{{summary: {{of: mean, had: {{{HBA1C}, from: end - 12 months + 1 day}}, units: {{9579: mmol}}, below: 58}}}}": (
        "with a mean value below 58, of all measurements “Hba1c” (with a value recorded in the unit 9579) in the 12 "
        "months up to the last day of the period while observed"
    ),
    f"{{summary: {{of: sum, had: {{{HBA1C}}}, units: any, from: 1234567.25}}}}": (
        "with a sum of values of at least 1234567.25, of all measurements “Hba1c” (with a value recorded) in the "
        "period while observed"
    ),
    "{not: {summary: {of: lowest, had: {score: warning, from: end - 7 days}, from: 1, to: 4}}}": (
        "not (with the lowest value from 1 to 4, of all sets of observations with a “Warning” score from 7 days before "
        "the last day of the period to that day while observed)"
    ),
    f"{{summary: {{of: highest, had: {{{HBA1C}, provided: {{age: {{from: 40}}}}}}, units: any, above: 3}}}}": (
        "with the highest value above 3, of all measurements “Hba1c” (with a value recorded) in the period while "
        "observed, each aged 40 or more then"
    ),
    f"{{change: {{of: {{{HBA1C}, which: last}}, since: {{{HBA1C}, which: first ever}}, units: any, to: -10}}}}": (
        "with a change of at most -10 in value, from their first ever measurement “Hba1c” (with a value recorded) "
        "while observed, in the period, to the last of measurements “Hba1c” (with a value recorded) in the period "
        "while observed"
    ),
    "{at_least: {number: 2, of: [{sex: male}, {age: {to: 17}}, {age: {from: 80}}]}}": (
        "at least 2 of these: male; aged 17 or less; aged 80 or more"
    ),
}


@pytest.mark.parametrize(("text", "expected"), WORDS.items())
def test_a_criterion_in_words(tmp_path: Path, text: str, expected: str) -> None:
    measure = read_measure(f"count: people\nnumerator: {text}\ngrain: year\n", tmp_path)
    assert question_in_words(measure.question)[-1] == ("numerator", expected)


def test_a_readmission_in_words(tmp_path: Path) -> None:
    numerator = "{had: {event: visit_occurrence, codes: inpatient, from: end + 1 day, to: end + 30 days}}"
    measure = read_measure(f"count: visits\nvisits: inpatient\nnumerator: {numerator}\ngrain: year\n", tmp_path)
    assert question_in_words(measure.question) == (
        ("counted", "visits “Inpatient” that started in the period"),
        (
            "numerator",
            "with a visit “Inpatient” that started from 1 day after the last day of the visit to 30 days after "
            "that day while observed",
        ),
    )


def test_nights_of_some_stays_in_words() -> None:
    stays = Events(table=EventTable.VISIT_DETAIL, codes=None, where=Age(low=65), first=True)
    asked = Has(events=Events(table=EventTable.DEATH, codes=None))
    assert question_in_words(RecordsQuestion(unit=PersonTime(visits=stays), numerator=asked))[0] == (
        "counted",
        "nights in the period that people are in first ever stays in a unit (aged 65 or more then) that started",
    )


def test_one_measure_is_explained() -> None:
    found = CliRunner().invoke(app, ["measures", "cardiac-arrests"])
    assert found.exit_code == 0
    assert found.stdout.startswith("Cardiac arrests in hospital\n")
    assert "numerator          with a diagnosis “Cardiac arrest” during the visit while observed\n" in found.stdout


def test_programs_read_the_same() -> None:
    found = CliRunner().invoke(app, ["--json", "measures", "cardiac-arrests"])
    (measure,) = json.loads(found.stdout)["measures"]
    assert measure["title"] == "Cardiac arrests in hospital"
    assert measure["shown"] == "per 1,000 admissions, each month"

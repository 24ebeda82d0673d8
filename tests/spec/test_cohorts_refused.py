"""What is wrong with a cohort definition is said by its JSON path, all at once, and nothing is read halfway."""

import json
from collections.abc import Callable
from typing import Any

import duckdb
import pytest
from cohort_cases import load_site

from rounds.engines.cohorts import duck
from rounds.errors import DefinitionError, RecordsError
from rounds.measures.cohorts.circe import read_circe
from rounds.measures.cohorts.criteria import Edge, Window
from rounds.measures.cohorts.domains import Domain
from rounds.measures.cohorts.json_node import DEEPEST

Json = dict[str, Any]


def _cohort(**changed: object) -> Json:
    criterion = {"ConditionOccurrence": {"CodesetId": 0}}
    return {
        "ConceptSets": [{"id": 0, "name": "a", "expression": {"items": [{"concept": {"CONCEPT_ID": 1}}]}}],
        "PrimaryCriteria": {
            "CriteriaList": [criterion],
            "ObservationWindow": {"PriorDays": 0, "PostDays": 0},
            "PrimaryCriteriaLimit": {"Type": "All"},
        },
        **changed,
    }


def _primary(domain: str, **body: object) -> Json:
    window = {"PriorDays": 0, "PostDays": 0}
    return _cohort(PrimaryCriteria={"CriteriaList": [{domain: body}], "ObservationWindow": window})


def _correlated(**changed: object) -> Json:
    return {
        "Criteria": {"Measurement": {}},
        "StartWindow": _window(-30, 0),
        "Occurrence": {"Type": 2, "Count": 1},
        **changed,
    }


def _window(first: int, last: int) -> Json:
    return {
        "Start": {"Days": abs(first), "Coeff": -1 if first < 0 else 1},
        "End": {"Days": abs(last), "Coeff": -1 if last < 0 else 1},
    }


def _group(*members: Json, **changed: object) -> Json:
    return {"Type": "ALL", "CriteriaList": list(members), "DemographicCriteriaList": [], "Groups": [], **changed}


def _rule(group: Json) -> Json:
    return _cohort(InclusionRules=[{"name": "a rule", "expression": group}])


def _refusal(cohort: Json | str) -> list[str]:
    text = cohort if isinstance(cohort, str) else json.dumps(cohort)
    with pytest.raises(DefinitionError) as caught:
        read_circe(text, name="x")
    lines = str(caught.value).splitlines()
    assert all(line.startswith("cohort x: ") for line in lines)
    return [line.removeprefix("cohort x: ") for line in lines]


BODY = "PrimaryCriteria.CriteriaList[0]"
RULE = "InclusionRules[0].expression"
MEMBER = f"{RULE}.CriteriaList[0]"

REFUSED = {
    "a kind of criterion that is not known": (
        _primary("CustomEra"),
        f"{BODY}.CustomEra: this kind of criterion is not supported; use one of {', '.join(Domain)}",
    ),
    "an attribute of another domain": (
        _primary("DrugExposure", ConditionStatusCS={"CodesetId": 0}),
        f"{BODY}.DrugExposure.ConditionStatusCS: this element is not supported here; "
        "remove it, or use a definition without it",
    ),
    "an element of the whole that is not known": (
        _cohort(Sampling={"Size": 10}),
        "Sampling: this element is not supported here; remove it, or use a definition without it",
    ),
    "a concept set that is not there": (
        _primary("Measurement", CodesetId=7),
        f"{BODY}.Measurement.CodesetId: the definition has no concept set 7; add it, or nobody would be found",
    ),
    "a selected concept set that is not there": (
        _primary("Measurement", UnitCS={"CodesetId": 7}),
        f"{BODY}.Measurement.UnitCS.CodesetId: the definition has no concept set 7; add it, or nobody would be found",
    ),
    "two concept sets of one id": (
        _cohort(ConceptSets=[{"id": 0, "expression": {"items": []}}, {"id": 0, "expression": {"items": []}}]),
        "ConceptSets[1].id: two concept sets have the id 0",
    ),
    "a comparison that is not known": (
        _primary("Measurement", ValueAsNumber={"Value": 1, "Op": "about"}),
        f"{BODY}.Measurement.ValueAsNumber.Op: `about` is not one of lt, lte, eq, !eq, gt, gte, bt, !bt",
    ),
    "a range without its other end": (
        _primary("Measurement", ValueAsNumber={"Value": 1, "Op": "bt"}),
        f"{BODY}.Measurement.ValueAsNumber.Extent: this element is missing",
    ),
    "a fraction of a year": (
        _primary("Measurement", Age={"Value": 17.5, "Op": "gt"}),
        f"{BODY}.Measurement.Age.Value: write a whole number",
    ),
    "a number that is none": (
        _primary("Measurement", ValueAsNumber={"Value": float("nan"), "Op": "gt"}),
        f"{BODY}.Measurement.ValueAsNumber.Value: write a number",
    ),
    "a day that no calendar has": (
        _primary("Measurement", OccurrenceStartDate={"Value": "2023-02-29", "Op": "gt"}),
        f"{BODY}.Measurement.OccurrenceStartDate.Value: write a date as year-month-day",
    ),
    "a way to compare text that is not known": (
        _primary("Observation", ValueAsString={"Text": "a", "Op": "like"}),
        f"{BODY}.Observation.ValueAsString.Op: write one of eq, startsWith, endsWith, contains, "
        "each with or without ! before it",
    ),
    "half a character": (
        _primary("Observation", ValueAsString={"Text": "\ud800", "Op": "eq"}),
        f"{BODY}.Observation.ValueAsString.Text: write text",
    ),
    "an era that is no era": (
        _cohort(CollapseSettings={"CollapseType": "NONE", "EraPad": 0}),
        "CollapseSettings.CollapseType: write ERA",
    ),
    "a limit that is not known": (
        _cohort(ExpressionLimit={"Type": "Middle"}),
        "ExpressionLimit.Type: write one of All, First, Last",
    ),
    "an end that is not known": (
        _cohort(EndStrategy={"Never": {}}),
        "EndStrategy.Never: this element is not supported here; remove it, or use a definition without it",
    ),
    "a run of exposures to nothing": (
        _cohort(EndStrategy={"CustomEra": {"GapDays": 1}}),
        "EndStrategy.CustomEra.DrugCodesetId: this element is missing",
    ),
    "days beyond any calendar": (
        _cohort(EndStrategy={"DateOffset": {"DateField": "StartDate", "Offset": 9_999_999}}),
        "EndStrategy.DateOffset.Offset: write a whole number of at most 200000",
    ),
    "a window of negative length": (
        _rule(_group(_correlated(StartWindow=_window(0, -30)))),
        f"{MEMBER}.StartWindow: the window ends before it starts (0 to -30 days); correct its days",
    ),
    "a window without a side": (
        _rule(_group(_correlated(StartWindow={"Start": {"Coeff": -1}}))),
        f"{MEMBER}.StartWindow.End: this element is missing",
    ),
    "a window in no direction": (
        _rule(_group(_correlated(StartWindow={"Start": {"Coeff": 0}, "End": {"Coeff": 1}}))),
        f"{MEMBER}.StartWindow.Start.Coeff: write -1 for before or 1 for after",
    ),
    "no window": (
        _rule(_group(_correlated(StartWindow=None))),
        f"{MEMBER}.StartWindow: this element is missing",
    ),
    "a way to count that is not known": (
        _rule(_group(_correlated(Occurrence={"Type": -99, "Count": 1}))),
        f"{MEMBER}.Occurrence.Type: write 0 for exactly, 1 for at most or 2 for at least",
    ),
    "a count below nothing": (
        _rule(_group(_correlated(Occurrence={"Type": 2, "Count": -1}))),
        f"{MEMBER}.Occurrence.Count: a count is 0 or more, not -1",
    ),
    "a column that the domain does not have": (
        _rule(
            _group(_correlated(Occurrence={"Type": 2, "Count": 1, "IsDistinct": True, "CountColumn": "DAYS_SUPPLY"}))
        ),
        f"{MEMBER}.Occurrence.CountColumn: Measurement has no DAYS_SUPPLY to count; use one of "
        "DOMAIN_CONCEPT, DURATION, END_DATE, RANGE_HIGH, RANGE_LOW, START_DATE, VALUE_AS_NUMBER, VISIT_ID",
    ),
    "a group of no kind": (
        _rule(_group(_correlated(), Type="SOME")),
        f"{RULE}.Type: write one of ALL, ANY, AT_LEAST, AT_MOST",
    ),
    "a group that counts to nothing": (
        _rule(_group(_correlated(), Type="AT_LEAST")),
        f"{RULE}.Count: AT_LEAST needs a count of 0 or more",
    ),
    "a group that asks for more than it has": (
        _rule(_group(_correlated(), _correlated(), Type="AT_LEAST", Count=3)),
        f"{RULE}.Count: the group has 2 conditions, so that it would never hold; write 2 or less",
    ),
    "a range of negative length": (
        _primary("Measurement", Age={"Value": 74, "Op": "bt", "Extent": 18}),
        f"{BODY}.Measurement.Age.Extent: the range ends before it starts; exchange Value and Extent, or correct them",
    ),
    "a range of dates of negative length": (
        _primary("Measurement", OccurrenceStartDate={"Value": "2023-02-01", "Op": "!bt", "Extent": "2023-01-01"}),
        f"{BODY}.Measurement.OccurrenceStartDate.Extent: the range ends before it starts; "
        "exchange Value and Extent, or correct them",
    ),
    "a period of negative length": (
        _primary("ObservationPeriod", UserDefinedPeriod={"StartDate": "2023-02-01", "EndDate": "2023-01-31"}),
        f"{BODY}.ObservationPeriod.UserDefinedPeriod.EndDate: the period ends before it starts; "
        "exchange its dates or correct them",
    ),
    "a censor window of negative length": (
        _cohort(CensorWindow={"StartDate": "2023-02-01", "EndDate": "2023-01-31"}),
        "CensorWindow.EndDate: the window ends before it starts; exchange its dates or correct them",
    ),
    "too many rules": (
        _cohort(InclusionRules=[{"name": "r", "expression": _group()} for _ in range(63)]),
        "InclusionRules: there are 63 rules, and at most 62 are possible",
    ),
    "no primary criteria": (_cohort(PrimaryCriteria=None), "PrimaryCriteria: this element is missing"),
    "a list that is none": (_cohort(InclusionRules={"a": 1}), "InclusionRules: write a list of objects"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_definition_is_refused_by_the_path_of_the_element(case: str) -> None:
    cohort, expected = REFUSED[case]
    assert expected in _refusal(cohort)


def test_everything_wrong_is_said_at_once() -> None:
    cohort = _primary("Measurement", CodesetId=7, Age={"Value": "old", "Op": "gt"}, Mood=1)
    assert len(_refusal(cohort | {"ExpressionLimit": {"Type": "Middle"}})) == 4


@pytest.mark.parametrize("text", ["", "[]", "{", '"cohort"', '{"expression": "{"}', "[" * 100_000])
def test_what_is_no_definition_is_refused(text: str) -> None:
    assert _refusal(text)[0].endswith("export it from ATLAS again")


def test_elements_nested_without_end_are_refused() -> None:
    group = _group()
    for _ in range(2 * DEEPEST):
        group = _group(Groups=[group])
    assert any(f"nested more than {DEEPEST} deep" in line for line in _refusal(_rule(group)))


@pytest.mark.parametrize("wrap", [json.dumps, lambda cohort: cohort])
def test_the_envelope_of_the_webapi_is_opened(wrap: Callable[[Json], object]) -> None:
    bare = read_circe(json.dumps(_cohort()), name="x")
    assert read_circe(json.dumps({"id": 5, "name": "named", "expression": wrap(_cohort())}), name="x") == bare


def test_names_are_not_part_of_the_meaning() -> None:
    named = _rule(_group())
    renamed = _rule(_group())
    renamed["InclusionRules"][0]["name"] = "another name"
    renamed["ConceptSets"][0]["name"] = "another"
    changed = _rule(_group(_correlated()))
    digests = [read_circe(json.dumps(each), name=str(n)).digest for n, each in enumerate((named, renamed, changed))]
    assert digests[0] == digests[1] != digests[2]


def test_a_window_may_be_one_day_long() -> None:
    edge = Edge(days=0, sign=-1)
    assert Window(start=edge, end=Edge(days=0, sign=1), from_index_end=False, on_event_end=False).start == edge


def test_tables_and_columns_that_the_records_lack_are_named() -> None:
    definition = read_circe(json.dumps(_primary("Observation", ValueAsString={"Text": "a", "Op": "eq"})), name="x")
    with duckdb.connect() as connection:
        load_site(connection, {})
        connection.execute("ALTER TABLE observation DROP COLUMN value_as_string")
        connection.execute("DROP TABLE observation_period")
        with pytest.raises(RecordsError, match=r"cohort x: the records have no observation\.value_as_string, obs"):
            duck.find_cohort(connection, definition)


def test_descendants_are_not_left_out_without_a_word() -> None:
    cohort = _cohort()
    cohort["ConceptSets"][0]["expression"]["items"][0]["includeDescendants"] = True
    definition = read_circe(json.dumps(cohort), name="x")
    with duckdb.connect() as connection:
        load_site(connection, {})
        connection.execute("DROP TABLE concept_ancestor")
        with pytest.raises(RecordsError, match="the records have no concept_ancestor; export them"):
            duck.find_cohort(connection, definition)


@pytest.mark.parametrize("schema", ["main; DROP TABLE person", "a.b.c", ""])
def test_only_names_of_schemas_are_taken(schema: str) -> None:
    with duckdb.connect() as connection, pytest.raises(ValueError, match="is not the name of a schema"):
        duck.find_cohort(connection, read_circe(json.dumps(_cohort()), name="x"), schema=schema)


def test_a_quote_in_a_text_is_only_a_quote() -> None:
    text = "'; DROP TABLE observation; --"
    definition = read_circe(json.dumps(_primary("Observation", ValueAsString={"Text": text, "Op": "eq"})), name="x")
    with duckdb.connect() as connection:
        load_site(connection, {})
        assert duck.find_cohort(connection, definition).entries.is_empty()
        assert connection.execute("SELECT count(*) FROM observation").fetchall() == [(0,)]

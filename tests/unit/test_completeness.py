"""Completeness beside every result: what a measure looks at, and what leaves of how much of it is there."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_site import DRUG, drug_event, make_measure, open_site, people_measure, write_site

from rounds.disclosure.bounded import State
from rounds.disclosure.completeness import LEAST_ROWS, BoundedShare, bound_share, share_problem
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import Released, release
from rounds.engines import duck
from rounds.engines.completeness import shares
from rounds.errors import DefinitionError, MessageError
from rounds.exchange.tables import read_table, wire_table
from rounds.measures.codelists import CodeList
from rounds.measures.completeness import Need, Share, looked_at
from rounds.measures.criteria import Events, Has
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.measures.questions import People, RecordsQuestion
from rounds.measures.strata import Stratum
from rounds.measures.traits import Answer, Value
from rounds.reports.completeness import CompletenessLine, Met, shortfall
from rounds.storage.library import read_library, shipped_library_folder

PRESSURE = CodeList(id="pressure", version=1, title="Pressure", concepts=((30, "P"), (31, "Q")), descendants=False)
RAISED = Has(
    events=Events(table=EventTable.MEASUREMENT, codes=PRESSURE), provided=Value(units=(8876,), low=140.0), at_least=1
)
ANSWERED = Has(events=Events(table=EventTable.OBSERVATION, codes=DRUG, where=Answer(codes=PRESSURE)))


def _measure(*needs: Need) -> Measure:
    plain = people_measure(RAISED, strata=(Stratum.SEX,))
    return replace(plain, needs=needs)


def test_what_a_measure_looks_at() -> None:
    def names(measure: Measure) -> list[str]:
        return [one.name for one in looked_at(measure.question, measure.strata)]

    assert names(_measure()) == ["sex", "unit of pressure", "value of pressure"]
    assert names(people_measure(ANSWERED)) == ["answer of drug"]
    assert names(people_measure(drug_event())) == []
    library = read_library(shipped_library_folder())
    score = next(measure for measure in library.measures if measure.id == "news2-high")
    assert {"value of heart-rate", "unit of heart-rate", "answer of consciousness"} <= set(names(score))


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ((Need(name="value of presure", at_least=80),), "does not look at `value of presure`; it looks at `sex`"),
        ((Need(name="sex", at_least=80), Need(name="sex", at_least=85)), "needed twice"),
    ],
)
def test_needs_that_make_no_sense_are_refused(needs: tuple[Need, ...], said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        _measure(*needs)


@pytest.mark.parametrize("at_least", [0, 97, 100, 105, -5])
def test_a_need_is_in_the_steps_that_sites_answer_in(at_least: int) -> None:
    with pytest.raises(DefinitionError, match="from 5 % to 95 %"):
        Need(name="sex", at_least=at_least)


def test_needs_do_not_change_what_is_counted() -> None:
    assert _measure(Need(name="sex", at_least=95)).digest == _measure().digest


def test_shares_are_counted_of_the_time_and_codes_asked_about(tmp_path: Path) -> None:
    rows = [
        (1, 30, date(2021, 3, 4), 150.0, 8876),
        (1, 31, date(2021, 12, 31), None, 8876),
        (2, 30, date(2021, 1, 1), 120.0, None),
        (2, 30, date(2021, 1, 1), 120.0, 0),
        (2, 99, date(2021, 3, 4), None, None),  # another code
        (2, 30, date(2020, 12, 31), None, None),  # before
        (2, 30, date(2022, 1, 1), None, None),  # after
    ]
    columns = ["person_id", "measurement_concept_id", "measurement_date", "value_as_number", "unit_concept_id"]
    folder = write_site(
        tmp_path,
        person="1 female 1950\n2 unknown 1950\n3 male 1950",
        observation_period="1 2020-01-01 2022-12-31\n2 2020-01-01 2022-12-31\n3 2020-01-01 2020-12-31",
        measurement=pl.DataFrame(rows, schema=columns, orient="row"),
        drug_era="1 drug 2021-03-04",
    )
    records = open_site(folder)
    found = shares([_measure(), people_measure(drug_event())], records, first=date(2021, 1, 1), last=date(2021, 12, 31))
    assert [(one.name, one.filled, one.of) for one in found[0]] == [
        ("sex", 1, 2),
        ("unit of pressure", 2, 4),
        ("value of pressure", 3, 4),
    ]
    assert found[1] == ()


@given(of=st.integers(0, 5000), missing=st.integers(0, 5000))
def test_a_share_that_leaves_holds_the_truth_and_never_says_that_nothing_is_missing(of: int, missing: int) -> None:
    filled = max(0, of - missing)
    bounded = bound_share(Share(name="sex", filled=filled, of=of))
    assert share_problem(bounded) is None
    if of < LEAST_ROWS:
        assert bounded.withheld
        return
    assert bounded.lower <= 100 * filled / of <= bounded.upper
    assert bounded.upper - bounded.lower == 5
    # As many rows fit between the bounds as a small count has to hide among.
    assert (bounded.upper - bounded.lower) * of / 100 >= 10
    complete = bound_share(Share(name="sex", filled=of, of=of))
    assert complete == bound_share(Share(name="sex", filled=of - 1, of=of))


def _released(*completeness: Share) -> Released:
    cells = pl.DataFrame(
        {"member": ["RX1"], "period": [date(2021, 1, 1)], "numerator": [10], "denominator": [100]},
        schema_overrides={"numerator": pl.Int64, "denominator": pl.Int64},
    )
    measure = make_measure(RecordsQuestion(unit=People(), who=None, numerator=drug_event()))
    count = duck.Count(measure=measure.ref, strata=(), cells=cells)
    return release(count, terms=Terms(rule=Policy.HES), already_public=False, completeness=completeness)


def test_shares_travel_bounded() -> None:
    released = _released(Share(name="sex", filled=993, of=1000), Share(name="value of pressure", filled=3, of=7))
    assert released.completeness == (
        BoundedShare(name="sex", lower=95, upper=100),
        BoundedShare(name="value of pressure", lower=0, upper=100),
    )
    wire = wire_table(released)
    assert "993" not in wire.model_dump_json()
    received = read_table(wire, source="reply")
    assert received.completeness == released.completeness
    assert received.cells["numerator_state"].to_list() == [State.ROUNDED]


@pytest.mark.parametrize(("lower", "upper"), [(93, 98), (95, 95), (90, 100), (-5, 0), (100, 105), (0, 99)])
def test_a_share_in_other_steps_is_refused(lower: int, upper: int) -> None:
    wire = wire_table(_released(Share(name="sex", filled=1000, of=1000)))
    changed = wire.model_copy(
        update={"completeness": [wire.completeness[0].model_copy(update={"lower": lower, "upper": upper})]}
    )
    with pytest.raises(MessageError, match="steps of 5 per cent"):
        read_table(changed, source="reply")


@pytest.mark.parametrize(
    ("lower", "upper", "need", "met"),
    [
        (95, 100, 95, Met.YES),
        (90, 95, 95, Met.NO),
        (0, 100, 95, Met.NOT_KNOWN),
        (40, 45, None, Met.NOTHING_NEEDED),
        (80, 85, 80, Met.YES),
    ],
)
def test_a_need_is_met_or_not_or_nobody_knows(lower: int, upper: int, need: int | None, met: Met) -> None:
    line = CompletenessLine(
        measure="example v1",
        measure_title="Example",
        scope="RX1",
        scope_name="Hospital 1",
        name="sex",
        lower=lower,
        upper=upper,
        need=need,
    )
    assert line.met is met
    if met is Met.NO:
        assert "sex is there in 90 to 95%, and 95% are needed" in shortfall(line)


MEASURE = """
id: raised
version: 1
title: Raised
description: Raised.
count: people
numerator: {had: {event: measurement, codes: pressure, provided: {value: {from: 140, units: {8876: mmHg}}}}}
strata: [sex]
needs: {sex: 95 %, value of pressure: 80%}
grain: year
per: 100
unit: people
better: lower
author: A
reviewer: B
next_review: 2030-01-01
"""
CODES = """
id: pressure
version: 1
title: Pressure
descendants: false
concepts: {30: Pressure}
author: A
reviewer: B
next_review: 2030-01-01
"""


def _library(folder: Path, measure: str) -> Path:
    for kind, name, text in (("measures", "raised", measure), ("codelists", "pressure", CODES)):
        (folder / kind).mkdir(parents=True)
        (folder / kind / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_needs_are_written_in_a_measures_file(tmp_path: Path) -> None:
    (measure,) = read_library(_library(tmp_path, MEASURE)).measures
    assert measure.needs == (Need(name="sex", at_least=95), Need(name="value of pressure", at_least=80))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("{sex: 97 %}", "in steps of 5 %"),
        ("{sex: 95}", "needs"),
        ("{sex: most}", "needs"),
        ("{value of weight: 80 %}", "does not look at `value of weight`"),
    ],
)
def test_needs_that_are_wrong_name_the_file_and_line(tmp_path: Path, wrong: str, said: str) -> None:
    text = MEASURE.replace("{sex: 95 %, value of pressure: 80%}", wrong)
    with pytest.raises(DefinitionError, match=r"raised\.yaml") as caught:
        read_library(_library(tmp_path, text))
    assert said in str(caught.value)
    assert "line" in str(caught.value)

"""NEWS2 and qSOFA against their published charts, and against scores that were planted in invented records.

Charts: Royal College of Physicians (2017), National Early Warning Score (NEWS) 2, chart 1, SpO2 scales 1 and 2; Singer
and others (2016), JAMA 315:801-810, box 4 (qSOFA). Each row below is a parameter, the first and the last value of a
step as printed, and its points.
"""

import csv
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import pytest
from every_engine import Engine, packed
from small_site import make_measure, open_site, write_site

from rounds.engines import duck, reference
from rounds.engines.asked import Asked
from rounds.measures.criteria import Scored
from rounds.measures.periods import Grain, periods_between
from rounds.measures.questions import RecordsQuestion, Rows
from rounds.measures.scores import Component, Score
from rounds.measures.traits import Value
from rounds.records.omop import open_records
from rounds.records.synthetic.population import Population, records_folder, write_population
from rounds.storage.library import read_library, shipped_library_folder

HELD_AGAINST = (("NEWS2 (both scales of SpO2), qSOFA", "their published charts, 3,000 totals", "exact"),)

CHART = (
    ("respiratory-rate", 1, 8, 3),
    ("respiratory-rate", 9, 11, 1),
    ("respiratory-rate", 12, 20, 0),
    ("respiratory-rate", 21, 24, 2),
    ("respiratory-rate", 25, 60, 3),
    ("oxygen-saturation", 50, 91, 3),
    ("oxygen-saturation", 92, 93, 2),
    ("oxygen-saturation", 94, 95, 1),
    ("oxygen-saturation", 96, 100, 0),
    ("oxygen", 0, 0, 0),
    ("oxygen", 1, 15, 2),
    ("systolic-blood-pressure", 40, 90, 3),
    ("systolic-blood-pressure", 91, 100, 2),
    ("systolic-blood-pressure", 101, 110, 1),
    ("systolic-blood-pressure", 111, 219, 0),
    ("systolic-blood-pressure", 220, 300, 3),
    ("pulse", 20, 40, 3),
    ("pulse", 41, 50, 1),
    ("pulse", 51, 90, 0),
    ("pulse", 91, 110, 1),
    ("pulse", 111, 130, 2),
    ("pulse", 131, 250, 3),
    ("temperature", 30.0, 35.0, 3),
    ("temperature", 35.1, 36.0, 1),
    ("temperature", 36.1, 38.0, 0),
    ("temperature", 38.1, 39.0, 1),
    ("temperature", 39.1, 43.0, 2),
)
NORMAL = {
    "respiratory-rate": 16,
    "oxygen-saturation": 97,
    "oxygen": 0,
    "systolic-blood-pressure": 120,
    "pulse": 70,
    "temperature": 37.0,
}
SCALE_2 = (
    (0, 50, 83, 3),
    (0, 84, 85, 2),
    (0, 86, 87, 1),
    (0, 88, 92, 0),
    (0, 93, 100, 0),
    (2, 50, 83, 3),
    (2, 84, 85, 2),
    (2, 86, 87, 1),
    (2, 88, 92, 0),
    (2, 93, 94, 1),
    (2, 95, 96, 2),
    (2, 97, 100, 3),
)
"""Litres of oxygen, the first and the last saturation of a step, and its points, without the 2 for oxygen."""
QSOFA = (
    ({"respiratory-rate": 21}, 0),
    ({"respiratory-rate": 22}, 1),
    ({"respiratory-rate": 60}, 1),
    ({"systolic-blood-pressure": 101}, 0),
    ({"systolic-blood-pressure": 100}, 1),
    ({"systolic-blood-pressure": 40}, 1),
    ({"consciousness": 2_000_400_012}, 1),
    ({"consciousness": 2_000_400_015}, 1),
    ({"respiratory-rate": 22, "systolic-blood-pressure": 100}, 2),
    ({"respiratory-rate": 22, "systolic-blood-pressure": 100, "consciousness": 2_000_400_013}, 3),
    ({}, 0),
)
TABLE = Path(__file__).resolve().parents[3] / "shared" / "oracles" / "deterioration" / "news2_table"
ALERT, CONFUSED, UNRESPONSIVE = 2_000_400_011, 2_000_400_012, 2_000_400_015
DAY = "2020-03-01"
THAT_DAY = periods_between(grain=Grain.DAY, first=date(2020, 3, 1), last=date(2020, 3, 1))


SCORES = {score.id: score for score in read_library(shipped_library_folder()).scores}
ENGINES = pytest.mark.parametrize("count", [reference.count, duck.count, packed], ids=["reference", "duckdb", "pack"])


@pytest.fixture(scope="module")
def news2() -> Score:
    return SCORES["news2"]


def _sets(score: Score, changes: Sequence[Mapping[str, float]]) -> str:
    """Return one set of observations a person, each normal but for what is changed."""
    # Saturation that is scored in two ways is one row all the same.
    by_id = {component.id.removesuffix("-on-air"): component for component in score.components}
    lines = ["| person_id measurement_concept_id measurement_date value_as_number unit_concept_id value_as_concept_id"]
    for person, change in enumerate(changes, start=1):
        for sign, normal in NORMAL.items():
            if sign in by_id:
                value = change.get(sign, normal)
                lines.append(f"{person} {_concept(by_id[sign])} {DAY} {value} {by_id[sign].units[0]} -")
        answer = int(change.get("consciousness", ALERT))
        lines.append(f"{person} {_concept(by_id['consciousness'])} {DAY} - - {answer}")
    return "\n".join(lines)


def _concept(component: Component) -> int:
    return component.codes.concept_ids[0]


def _check(
    count: Engine, score: Score, cases: Sequence[tuple[Mapping[str, float], int]], folder: Path, *, most: int
) -> None:
    """Count the sets of each score from 0 up."""
    people = range(1, len(cases) + 1)
    write_site(
        folder,
        person="\n".join(f"{person} female 1950" for person in people),
        observation_period="\n".join(f"{person} 2020-01-01 2020-12-31" for person in people),
        measurement=_sets(score, [change for change, _ in cases]),
    )
    records = open_site(folder)
    unit, number = Rows(events=Scored(score=score)), Counter(given for _, given in cases)
    for points in range(most + 1):
        asked = RecordsQuestion(unit=unit, numerator=Value(units=(), low=points, high=points))
        found = count(make_measure(asked, grain=Grain.DAY), records, member="RX1", periods=THAT_DAY).cells
        assert (found["numerator"].sum(), found["denominator"].sum()) == (number[points], len(cases)), points


@ENGINES
def test_every_step_of_the_chart(count: Engine, news2: Score, tmp_path: Path) -> None:
    cases = [({sign: value}, points) for sign, low, high, points in CHART for value in (low, high)]
    cases += [({"consciousness": CONFUSED}, 3), ({"consciousness": UNRESPONSIVE}, 3), ({}, 0)]
    cases += [({"pulse": 131, "temperature": 39.1, "oxygen": 2, "consciousness": CONFUSED}, 3 + 2 + 2 + 3)]
    _check(count, news2, cases, tmp_path, most=12)


@ENGINES
def test_every_step_of_scale_2(count: Engine, tmp_path: Path) -> None:
    cases = [
        ({"oxygen": oxygen, "oxygen-saturation": value}, points + (2 if oxygen else 0))
        for oxygen, low, high, points in SCALE_2
        for value in (low, high)
    ]
    cases += [
        ({"oxygen-saturation": 90, sign: value}, points)
        for sign, low, high, points in CHART
        if sign not in ("oxygen-saturation", "oxygen")
        for value in (low, high)
    ]
    _check(count, SCORES["news2-scale-2"], cases, tmp_path, most=12)


@ENGINES
def test_every_step_of_qsofa(count: Engine, tmp_path: Path) -> None:
    _check(count, SCORES["qsofa"], QSOFA, tmp_path, most=3)


@pytest.mark.skipif(not TABLE.is_dir(), reason="the table of NEWS2 totals is not beside this checkout")
@ENGINES
@pytest.mark.parametrize(("scale", "score"), [("1", "news2"), ("2", "news2-scale-2")])
def test_three_thousand_totals(count: Engine, scale: str, score: str, tmp_path: Path) -> None:
    signs = {
        "rr": "respiratory-rate",
        "spo2": "oxygen-saturation",
        "sbp": "systolic-blood-pressure",
        "pulse": "pulse",
        "temp": "temperature",
    }
    answers = {"A": ALERT, "C": CONFUSED, "V": CONFUSED + 1, "P": CONFUSED + 2, "U": UNRESPONSIVE}
    cases = []
    with (TABLE / "expected_total_3000.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["scale"] == scale:
                taken = {sign: float(row[column]) for column, sign in signs.items()}
                taken |= {"oxygen": 2.0 if row["o2"] == "True" else 0.0, "consciousness": answers[row["acvpu"]]}
                cases.append((taken, int(row["total"])))
    assert len(cases) > 1_000
    _check(count, SCORES[score], cases, tmp_path, most=20)


def test_a_set_without_a_sign_has_no_score(news2: Score, tmp_path: Path) -> None:
    sets = _sets(news2, [{}, {}]).splitlines()
    write_site(
        tmp_path,
        person="1 female 1950\n2 male 1950",
        observation_period="1 2020-01-01 2020-12-31\n2 2020-01-01 2020-12-31",
        measurement="\n".join(sets[:-2]),
    )
    measure = make_measure(
        RecordsQuestion(unit=Rows(events=Scored(score=news2)), numerator=Value(units=())), grain=Grain.DAY
    )
    assert duck.count(measure, open_site(tmp_path), member="RX1", periods=THAT_DAY).cells["denominator"].sum() == 1


class _Silent:
    def step(self, title: str, total: int) -> None: ...

    def advance(self) -> None: ...


def test_planted_scores_are_found(news2: Score, tmp_path: Path) -> None:
    """The generator draws signs so that a planted share of sets scores 5 or 6, or 7 or more; engines see the signs."""
    plan = Population(seed=11, people=4_000)
    write_population(tmp_path / "site", plan=plan, progress=_Silent(), workers=1)
    folder = records_folder(tmp_path / "site", plan, 0)
    records = open_records(folder, site="site-a", as_of=date(2024, 12, 31), outside_observation="exclude")
    everything = periods_between(grain=Grain.ALL, first=date(2000, 1, 1), last=date(2030, 12, 31))
    asked = [
        Asked(
            measure=make_measure(
                RecordsQuestion(unit=Rows(events=Scored(score=news2)), numerator=Value(units=(), low=low, high=high)),
                grain=Grain.ALL,
            ),
            periods=everything,
        )
        for low, high in ((5, 6), (7, None))
    ]
    unwell, critical = (found.cells for found in duck.count_all(asked, records, member="RX1"))
    sets = unwell["denominator"].sum()
    assert sets > 500
    truth = json.loads((tmp_path / "site" / "truth.json").read_text())
    planted = [hospital["news2_high"] for hospital in truth["sites"][0]["hospitals"]]
    error = 4 * math.sqrt(0.12 * 0.88 / sets)
    assert unwell["numerator"].sum() / sets == pytest.approx(truth["news2_five_or_six"], abs=error)
    assert min(planted) - error < critical["numerator"].sum() / sets < max(planted) + error

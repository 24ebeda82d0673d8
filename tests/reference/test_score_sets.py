"""NEWS2 over columns of observations against every value and total of the published table, and the engines' rule."""

import csv
from pathlib import Path

import numpy as np
import pytest

from rounds.engines.pack.score_kernels import NO_POINTS
from rounds.measures.score_sets import NO_TOTAL, columns_of, score_sets
from rounds.storage.library import read_library, shipped_library_folder

HELD_AGAINST = (("NEWS2 over columns: values, totals, flags", "its published chart; 3,000 totals", "exact"),)

TABLE = Path(__file__).resolve().parents[3] / "shared" / "oracles" / "deterioration" / "news2_table"
SCORES = {score.id: score for score in read_library(shipped_library_folder()).scores}
ANSWERS = {"A": 2_000_400_011, "C": 2_000_400_012, "V": 2_000_400_013, "P": 2_000_400_014, "U": 2_000_400_015}
NORMAL = {
    "respiratory-rate": 16.0,
    "oxygen-saturation": 97.0,
    "oxygen-flow": 0.0,
    "systolic-blood-pressure": 120.0,
    "heart-rate": 70.0,
    "consciousness": ANSWERS["A"],
    "body-temperature": 37.0,
}
needs_table = pytest.mark.skipif(not TABLE.is_dir(), reason="the table of NEWS2 totals is not beside this checkout")


def _columns(number: int, **changed: object) -> dict[str, np.ndarray]:
    columns = {name: np.full(number, value) for name, value in NORMAL.items()}
    return columns | {name.replace("_", "-"): np.asarray(values) for name, values in changed.items()}


@needs_table
@pytest.mark.parametrize(
    ("parameter", "column", "score", "part", "oxygen"),
    [
        ("resp", "respiratory-rate", "news2", "respiratory-rate", 0.0),
        ("pulse", "heart-rate", "news2", "pulse", 0.0),
        ("sbp", "systolic-blood-pressure", "news2", "systolic-blood-pressure", 0.0),
        ("temp", "body-temperature", "news2", "temperature", 0.0),
        ("spo2_scale1", "oxygen-saturation", "news2", "oxygen-saturation", 0.0),
        ("spo2_scale2_air", "oxygen-saturation", "news2-scale-2", "oxygen-saturation-on-air", 0.0),
        ("spo2_scale2_o2", "oxygen-saturation", "news2-scale-2", "oxygen-saturation-on-oxygen", 2.0),
    ],
)
def test_every_value(parameter: str, column: str, score: str, part: str, oxygen: float) -> None:
    with (TABLE / "expected_parameter_scores.csv").open(encoding="utf-8") as file:
        rows = [
            (float(row["value"]), int(row["score"])) for row in csv.DictReader(file) if row["parameter"] == parameter
        ]
    values, points = np.array(rows).T
    assert len(values) > 40
    given = _columns(len(values), oxygen_flow=np.full(len(values), oxygen)) | {column: values}
    found = score_sets(SCORES[score], given, with_parts=True)
    np.testing.assert_array_equal(found.parts[part], points)
    others = 2 if oxygen else 0
    assert found.complete.all()
    if score == "news2":
        np.testing.assert_array_equal(found.totals, points + others)


@needs_table
@pytest.mark.parametrize(("scale", "score"), [("1", "news2"), ("2", "news2-scale-2")])
def test_three_thousand_totals(scale: str, score: str) -> None:
    with (TABLE / "expected_total_3000.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["scale"] == scale]
    assert len(rows) > 1_000
    names = {
        "rr": "respiratory-rate",
        "spo2": "oxygen-saturation",
        "sbp": "systolic-blood-pressure",
        "pulse": "heart-rate",
        "temp": "body-temperature",
    }
    given = {name: np.array([float(row[column]) for row in rows]) for column, name in names.items()}
    given["oxygen-flow"] = np.array([2.0 if row["o2"] == "True" else 0.0 for row in rows])
    given["consciousness"] = np.array([ANSWERS[row["acvpu"]] for row in rows])
    found = score_sets(SCORES[score], given)
    np.testing.assert_array_equal(found.totals, [int(row["total"]) for row in rows])
    np.testing.assert_array_equal(found.highest >= 3, [row["any_red_3"] == "True" for row in rows])


@pytest.mark.parametrize("lacking", sorted(NORMAL))
@pytest.mark.parametrize("score", ["news2", "news2-scale-2"])
def test_a_set_that_lacks_anything_has_no_total(score: str, lacking: str) -> None:
    given = _columns(2)
    given[lacking] = given[lacking].copy()
    given[lacking][1] = 0 if lacking == "consciousness" else np.nan
    found = score_sets(SCORES[score], given)
    assert found.totals.tolist() == [0, NO_TOTAL]
    if lacking != "oxygen-saturation" or score == "news2":
        named = {"heart-rate": "pulse", "oxygen-flow": "oxygen", "body-temperature": "temperature"}
        assert found.lacking[named.get(lacking, lacking)] == 1


def test_a_partial_set_still_tells_of_one_red_parameter() -> None:
    found = score_sets(SCORES["news2"], _columns(1, heart_rate=[140.0], body_temperature=[np.nan]))
    assert (found.totals.tolist(), found.highest.tolist()) == ([NO_TOTAL], [3])


def test_more_sets_than_are_scored_at_a_time_and_none() -> None:
    number = (1 << 15) * 2 + 5
    rates = np.where(np.arange(number) % 2, 140.0, 70.0)
    np.testing.assert_array_equal(
        score_sets(SCORES["news2"], _columns(number, heart_rate=rates)).totals, (rates > 100) * 3
    )
    assert len(score_sets(SCORES["news2"], _columns(0)).totals) == 0


def test_what_is_wrong_with_columns_is_named() -> None:
    whole = _columns(3)
    with pytest.raises(ValueError, match="needs the column heart-rate"):
        score_sets(SCORES["news2"], {name: whole[name] for name in columns_of(SCORES["news2"]) if name != "heart-rate"})
    with pytest.raises(ValueError, match=r"heart-rate \(2,\)"):
        score_sets(SCORES["news2"], whole | {"heart-rate": np.ones(2)})
    with pytest.raises(ValueError, match="heart-rate of score news2 holds"):
        score_sets(SCORES["news2"], whole | {"heart-rate": np.array(["a", "b", "c"])})


def test_random_sets_score_as_the_kernel_of_the_pack_adds_them() -> None:
    """The rule of missing and conditional components, written a second time here, one set at a time."""
    generator = np.random.default_rng(3)
    score, number = SCORES["news2-scale-2"], 400
    given = {
        name: np.where(generator.random(number) < 0.1, np.nan, generator.uniform(low, high, number))
        for name, low, high in (
            ("respiratory-rate", 5, 30),
            ("oxygen-saturation", 80, 100),
            ("oxygen-flow", -1, 2),
            ("systolic-blood-pressure", 80, 230),
            ("heart-rate", 35, 140),
            ("body-temperature", 34, 40),
        )
    }
    given["consciousness"] = generator.choice([0, *ANSWERS.values()], number)
    found = score_sets(score, given)
    for at in range(number):
        points = {}
        for one in score.components:
            value = given[one.codes.id][at]
            points[one.id] = NO_POINTS
            if one.steps and not np.isnan(value):
                points[one.id] = next(step.points for step in one.steps if step.up_to is None or value <= step.up_to)
            points[one.id] = max(
                [points[one.id], *(given_ for codes, given_ in one.answers if value in codes.concept_ids)]
            )
        asked = [one for one in score.components if all(points[name] == wanted for name, wanted in one.only_if)]
        total = sum(points[one.id] for one in asked)
        assert found.totals[at] == (NO_TOTAL if any(points[one.id] == NO_POINTS for one in asked) else total)
    assert 50 < int(found.complete.sum()) < 350

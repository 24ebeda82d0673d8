# ruff: noqa: S608  SQL is built from our own names only
"""What is counted in a synthetic population's records, by SQL of its own, is what was planted there."""

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pytest
from scipy import stats

from rounds.records.synthetic.population import Population, records_folder, write_population
from rounds.records.synthetic.population.concepts import concepts
from rounds.records.synthetic.population.drugs import STARTED_WITHIN_DAYS
from rounds.records.synthetic.population.rates import CONDITIONS
from rounds.records.synthetic.population.vocabulary import (
    CARDIAC_ARREST,
    CONSCIOUSNESS,
    HBA1C_ANY,
    HEART_RATE,
    MMOL_PER_MOL,
    OXYGEN_FLOW,
    OXYGEN_SATURATION,
    PER_CENT,
    RESPIRATORY_RATE,
    SYSTOLIC,
    TEMPERATURE,
)

HELD_AGAINST = (("Invented populations", "the rates they were planted with", "inside chance"),)

SEEDS = (1, 2, 3, 4)
PEOPLE = 50_000
SIGNIFICANCE = 1e-4
"""of every test here: one in 10,000 sets of seeds would fail a correct generator, and these seeds are fixed"""


class Nobody:
    """Does not watch."""

    def step(self, title: str, total: int) -> None: ...

    def advance(self) -> None: ...


Sites = list[tuple[duckdb.DuckDBPyConnection, dict[str, Any]]]


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """Populations of several seeds: a connection to the records of each, and its truth."""
    opened: Sites = []
    for seed in SEEDS:
        folder = tmp_path_factory.mktemp("truth") / str(seed)
        plan = Population(seed=seed, people=PEOPLE)
        write_population(folder, plan=plan, progress=Nobody(), workers=1)
        connection = duckdb.connect()
        for path in records_folder(folder, plan, 0).glob("*.parquet"):
            connection.execute(f"CREATE VIEW {path.stem} AS FROM '{path}'")
        opened.append((connection, json.loads((folder / "truth.json").read_text())))
    yield opened
    for connection, _ in opened:
        connection.close()


def assert_standard_normal(scores: list[float]) -> None:
    """Hold the scores of independent counts to mean 0 and variance 1."""
    assert len(scores) >= len(SEEDS)
    centred = sum(scores) / len(scores) ** 0.5
    assert 2 * stats.norm.sf(abs(centred)) > SIGNIFICANCE, f"all are off in one direction: {centred:+.1f}"
    square = sum(score**2 for score in scores)
    assert stats.chi2.sf(square, len(scores)) > SIGNIFICANCE, "they are farther off than by chance"
    assert stats.chi2.cdf(square, len(scores)) > SIGNIFICANCE, "they are nearer than by chance"


def codes(condition: str) -> str:
    concept = next(one.concept_id for one in CONDITIONS if one.name == condition)
    return f"(SELECT descendant_concept_id FROM concept_ancestor WHERE ancestor_concept_id = {concept})"


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql).fetchall()


@pytest.mark.parametrize("condition", [one.name for one in CONDITIONS])
def test_prevalence_is_as_planted(sites: Sites, condition: str) -> None:
    scores = []
    for connection, truth in sites:
        planted = truth["sites"][0]["prevalence"][condition]
        found = rows(
            connection,
            f"""
            WITH first AS (SELECT person_id, min(condition_start_date) AS day FROM condition_occurrence
                WHERE condition_concept_id IN {codes(condition)} GROUP BY 1)
            SELECT y, count(*), count(*) FILTER (first.day <= make_date(y, 7, 1))
            FROM range(2015, 2025) t(y) JOIN observation_period o
                ON make_date(y, 7, 1) BETWEEN observation_period_start_date AND observation_period_end_date
            LEFT JOIN first USING (person_id) GROUP BY 1 ORDER BY 1""",
        )
        for year, asked, ill in found:
            assert (asked, ill) == (planted[str(year)]["asked"], planted[str(year)]["drawn"])
        # One year of each seed: the years of one population hold the same people.
        last = planted["2024"]
        scores.append((last["drawn"] - last["expected"]) / last["variance"] ** 0.5)
    assert_standard_normal(scores)


@pytest.mark.parametrize("condition", [one.name for one in CONDITIONS])
def test_incidence_is_as_planted(sites: Sites, condition: str) -> None:
    scores = []
    for connection, truth in sites:
        planted = truth["sites"][0]["incidence"][condition]
        found = rows(
            connection,
            f"""
            WITH first AS (SELECT person_id, min(condition_start_date) AS day FROM condition_occurrence
                WHERE condition_concept_id IN {codes(condition)} GROUP BY 1)
            SELECT y, count(*), count(*) FILTER (year(first.day) = y)
            FROM range(2016, 2025) t(y) JOIN observation_period o
                ON observation_period_start_date <= make_date(y - 1, 1, 1)
                AND observation_period_end_date >= make_date(y, 12, 31)
            LEFT JOIN first USING (person_id) WHERE first.day IS NULL OR first.day >= make_date(y, 1, 1)
            GROUP BY 1 ORDER BY 1""",
        )
        assert len(found) == 9
        for year, asked, new in found:
            year_planted = planted[str(year)]
            assert (asked, new) == (year_planted["asked"], year_planted["drawn"])
            if year_planted["expected"] >= 5:
                scores.append((new - year_planted["expected"]) / year_planted["variance"] ** 0.5)
    assert_standard_normal(scores)


def test_deaths_are_as_planted(sites: Sites) -> None:
    scores = []
    for connection, truth in sites:
        planted = truth["sites"][0]["deaths"]
        found = rows(
            connection,
            """
            SELECT y, count(*), count(*) FILTER (
                year(death_date) = y
                AND death_date BETWEEN observation_period_start_date AND observation_period_end_date)
            FROM range(2015, 2025) t(y) JOIN observation_period o
                ON make_date(y, 1, 1) BETWEEN observation_period_start_date AND observation_period_end_date
            LEFT JOIN death USING (person_id) GROUP BY 1 ORDER BY 1""",
        )
        for year, asked, died in found:
            year_planted = planted[str(year)]
            assert (asked, died) == (year_planted["asked"], year_planted["drawn"])
            scores.append((died - year_planted["expected"]) / year_planted["variance"] ** 0.5)
    assert_standard_normal(scores)


def binomial_scores(found: list[tuple[int, int, float]]) -> list[float]:
    """Scores of events, cases and planted share, of those with enough cases for a score to be nearly normal."""
    return [(k - n * p) / (n * p * (1 - p)) ** 0.5 for k, n, p in found if n * p * (1 - p) >= 5]


def test_high_hba1c_is_as_planted_by_year(sites: Sites) -> None:
    """The last value of each person and year, in mmol/mol, those in per cent converted."""
    scores = []
    for connection, truth in sites:
        found = rows(
            connection,
            f"""
            WITH diabetic AS (SELECT DISTINCT person_id FROM condition_occurrence
                WHERE condition_concept_id IN {codes("type-2-diabetes")}),
            tested AS (SELECT person_id, year(measurement_date) AS y, arg_max(
                CASE WHEN unit_concept_id = {PER_CENT} OR value_as_number < 20
                    THEN round(10.929 * (value_as_number - 2.15)) ELSE value_as_number END,
                (measurement_date, measurement_id)) AS value
                FROM measurement JOIN diabetic USING (person_id)
                WHERE measurement_concept_id IN (SELECT descendant_concept_id FROM concept_ancestor
                    WHERE ancestor_concept_id = {HBA1C_ANY}) AND value_as_number IS NOT NULL
                GROUP BY ALL)
            SELECT y, count(*), count(*) FILTER (value >= 58) FROM tested GROUP BY 1""",
        )
        scores += binomial_scores([(high, asked, truth["hba1c_high"][str(year)]) for year, asked, high in found])
    # The same people are tested again: years of one seed are not independent, so each is held to its own error.
    assert len(scores) == 10 * len(SEEDS)
    assert max(map(abs, scores)) < 4


def test_high_hba1c_is_as_planted_in_the_first_value_of_each_person(sites: Sites) -> None:
    """People are independent of each other, so these years are too."""
    scores = []
    for connection, truth in sites:
        found = rows(
            connection,
            f"""
            WITH diabetic AS (SELECT DISTINCT person_id FROM condition_occurrence
                WHERE condition_concept_id IN {codes("type-2-diabetes")}),
            tested AS (SELECT arg_min((year(measurement_date), value_as_number), (measurement_date, measurement_id))
                    AS t
                FROM measurement JOIN diabetic USING (person_id)
                WHERE measurement_concept_id IN (SELECT descendant_concept_id FROM concept_ancestor
                    WHERE ancestor_concept_id = {HBA1C_ANY})
                AND unit_concept_id = {MMOL_PER_MOL} AND value_as_number >= 20 GROUP BY person_id)
            SELECT t[1], count(*), count(*) FILTER (t[2] >= 58) FROM tested GROUP BY 1""",
        )
        scores += binomial_scores([(high, asked, truth["hba1c_high"][str(year)]) for year, asked, high in found])
    assert_standard_normal(scores)


def test_hba1c_is_checked_as_planted_by_practice(sites: Sites) -> None:
    scores = []
    for connection, truth in sites:
        planted = {one["care_site_id"]: one["hba1c_checked"] for one in truth["sites"][0]["practices"]}
        found = rows(
            connection,
            f"""
            WITH first AS (SELECT person_id, min(condition_start_date) AS day FROM condition_occurrence
                WHERE condition_concept_id IN {codes("type-2-diabetes")} GROUP BY 1),
            tested AS (SELECT DISTINCT person_id, year(measurement_date) AS y FROM measurement
                WHERE measurement_concept_id IN (SELECT descendant_concept_id FROM concept_ancestor
                    WHERE ancestor_concept_id = {HBA1C_ANY}))
            SELECT care_site_id, count(*), count(tested.y)
            FROM range(2015, 2025) t(y) JOIN observation_period o
                ON observation_period_start_date <= make_date(t.y, 1, 1)
                AND observation_period_end_date >= make_date(t.y, 12, 31)
            JOIN person USING (person_id)
            JOIN first ON first.person_id = o.person_id AND first.day < make_date(t.y, 1, 1)
            LEFT JOIN tested ON tested.person_id = o.person_id AND tested.y = t.y GROUP BY 1""",
        )
        scores += binomial_scores([(checked, asked, planted[place]) for place, asked, checked in found])
    assert_standard_normal(scores)


def test_metformin_is_started_as_planted(sites: Sites) -> None:
    found = []
    for connection, truth in sites:
        ((asked, started),) = rows(
            connection,
            f"""
            WITH first AS (SELECT person_id, min(condition_start_date) AS day FROM condition_occurrence
                WHERE condition_concept_id IN {codes("type-2-diabetes")} GROUP BY 1),
            metformin AS (SELECT person_id, min(drug_era_start_date) AS day FROM drug_era
                WHERE drug_concept_id = 1503297 GROUP BY 1)
            SELECT count(*), count(*) FILTER (m.day - first.day < {STARTED_WITHIN_DAYS})
            FROM first JOIN observation_period o ON o.person_id = first.person_id
                AND first.day >= observation_period_start_date
                AND first.day + {STARTED_WITHIN_DAYS - 1} <= observation_period_end_date
            LEFT JOIN metformin m ON m.person_id = first.person_id""",
        )
        found.append((started, asked, truth["metformin_started"]))
        others = f"""SELECT count(*) FROM drug_era WHERE drug_concept_id = 1503297 AND person_id NOT IN (
            SELECT person_id FROM condition_occurrence WHERE condition_concept_id IN {codes("type-2-diabetes")})"""
        assert rows(connection, others) == [(0,)]
    assert_standard_normal(binomial_scores(found))


def test_arrests_are_as_planted_by_hospital_and_programme(sites: Sites) -> None:
    scores = []
    for connection, truth in sites:
        for hospital in truth["sites"][0]["hospitals"]:
            day = hospital["embedded"] or "2099-12-31"
            found = rows(
                connection,
                f"""
                SELECT visit_start_date >= DATE '{day}', count(*), count(*) FILTER (EXISTS (
                    FROM condition_occurrence c WHERE c.visit_occurrence_id = v.visit_occurrence_id
                    AND condition_concept_id = {CARDIAC_ARREST}
                    AND condition_start_date BETWEEN visit_start_date AND visit_end_date))
                FROM visit_occurrence v WHERE visit_concept_id = 9201 AND care_site_id = {hospital["care_site_id"]}
                GROUP BY 1""",
            )
            rate = hospital["arrests_per_1000_stays"] / 1000
            ratio = truth["programme_rate_ratio"]
            scores += binomial_scores([(k, n, rate * (ratio if after else 1)) for after, n, k in found])
    assert_standard_normal(scores)


def test_waits_are_as_planted_by_hospital(sites: Sites) -> None:
    scores = []
    for connection, truth in sites:
        planted = {one["care_site_id"]: one["over_four_hours"] for one in truth["sites"][0]["hospitals"]}
        found = rows(
            connection,
            """SELECT care_site_id, count(*),
                count(*) FILTER (date_diff('minute', visit_start_datetime, visit_end_datetime) > 240)
            FROM visit_occurrence WHERE visit_concept_id = 9203 AND care_site_id IS NOT NULL GROUP BY 1""",
        )
        scores += binomial_scores([(long, asked, planted[place]) for place, asked, long in found])
    assert_standard_normal(scores)


NEWS2 = """
    CASE WHEN rr <= 8 THEN 3 WHEN rr <= 11 THEN 1 WHEN rr <= 20 THEN 0 WHEN rr <= 24 THEN 2 ELSE 3 END
    + CASE WHEN spo2 <= 91 THEN 3 WHEN spo2 <= 93 THEN 2 WHEN spo2 <= 95 THEN 1 ELSE 0 END
    + CASE WHEN oxygen > 0 THEN 2 ELSE 0 END
    + CASE WHEN sbp <= 90 THEN 3 WHEN sbp <= 100 THEN 2 WHEN sbp <= 110 THEN 1 WHEN sbp <= 219 THEN 0 ELSE 3 END
    + CASE WHEN hr <= 40 THEN 3 WHEN hr <= 50 THEN 1 WHEN hr <= 90 THEN 0 WHEN hr <= 110 THEN 1
        WHEN hr <= 130 THEN 2 ELSE 3 END
    + CASE WHEN alert THEN 0 ELSE 3 END
    + CASE WHEN t <= 35.05 THEN 3 WHEN t <= 36.05 THEN 1 WHEN t <= 38.05 THEN 0 WHEN t <= 39.05 THEN 1 ELSE 2 END
"""
"""Royal College of Physicians (2017), National Early Warning Score 2, SpO2 scale 1."""


def test_news2_is_as_planted_by_hospital(sites: Sites) -> None:
    signs = {
        "rr": RESPIRATORY_RATE, "spo2": OXYGEN_SATURATION, "oxygen": OXYGEN_FLOW, "sbp": SYSTOLIC,
        "hr": HEART_RATE, "t": TEMPERATURE,
    }  # fmt: skip
    pivoted = ", ".join(
        f"max(value_as_number) FILTER (measurement_concept_id = {concept}) AS {name}" for name, concept in signs.items()
    )
    names = {one.concept_id: one.name for one in concepts()}
    alert = next(concept for concept, name in names.items() if name == "Alert")
    scores, points = [], set()
    for connection, truth in sites:
        planted = {one["care_site_id"]: one for one in truth["sites"][0]["hospitals"]}
        found = rows(
            connection,
            f"""
            WITH sets AS (SELECT visit_occurrence_id, measurement_datetime, {pivoted}, bool_or(
                value_as_concept_id = {alert}) FILTER (measurement_concept_id = {CONSCIOUSNESS}) AS alert
                FROM measurement WHERE measurement_datetime IS NOT NULL GROUP BY 1, 2),
            scored AS (SELECT care_site_id, {NEWS2} AS points FROM sets
                JOIN visit_occurrence USING (visit_occurrence_id)
                WHERE care_site_id IS NOT NULL AND {" AND ".join(f"{name} IS NOT NULL" for name in signs)})
            SELECT care_site_id, count(*), count(*) FILTER (points >= 7), count(*) FILTER (points IN (5, 6)),
                list(DISTINCT points) FROM scored GROUP BY 1""",
        )
        for place, asked, high, middle, some in found:
            scores += binomial_scores(
                [(high, asked, planted[place]["news2_high"]), (middle, asked, truth["news2_five_or_six"])]
            )
            points |= set(some)
    assert_standard_normal(scores)
    assert points >= set(range(14))


def test_flaws_are_as_stated(sites: Sites) -> None:
    scores = []
    for connection, truth in sites:
        flaws = truth["flaws"]
        hba1c = (
            f"measurement_concept_id IN (SELECT descendant_concept_id FROM concept_ancestor "
            f"WHERE ancestor_concept_id = {HBA1C_ANY}) AND person_id IN (SELECT person_id FROM condition_occurrence "
            f"WHERE condition_concept_id IN {codes('type-2-diabetes')})"
        )
        for table, among, condition, share in (
            ("measurement", f"measurement_concept_id <> {CONSCIOUSNESS}", "value_as_number IS NULL", "value_missing"),
            ("measurement", hba1c, f"unit_concept_id = {PER_CENT}", "other_unit"),
            ("measurement", f"{hba1c} AND value_as_number IS NOT NULL",
             f"unit_concept_id = {MMOL_PER_MOL} AND value_as_number < 20", "mislabelled_unit"),
            ("person", "true", "gender_concept_id = 0", "sex_unknown"),
            ("person", "true", "day_of_birth IS NULL", "day_of_birth_missing"),
            ("person", "true", "location_id IS NULL", "address_missing"),
            ("visit_occurrence", "true", "care_site_id IS NULL", "place_missing"),
        ):  # fmt: skip
            ((asked, flawed),) = rows(
                connection, f"SELECT count(*), count(*) FILTER ({condition}) FROM {table} WHERE {among}"
            )
            scores += binomial_scores([(flawed, asked, flaws[share])])
    assert len(scores) == 7 * len(SEEDS)
    assert_standard_normal(scores)


def test_contacts_come_more_in_winter_and_at_the_ages_planted(sites: Sites) -> None:
    connection, _ = sites[0]
    monthly = np.array(
        rows(
            connection,
            """SELECT month(visit_start_date), count(*) FROM visit_occurrence WHERE visit_concept_id = 9201
            AND year(visit_start_date) <> 2020 GROUP BY 1 ORDER BY 1""",
        )
    )[:, 1]
    winter, summer = monthly[[0, 1, 11]].sum(), monthly[[5, 6, 7]].sum()
    assert winter > summer + 3 * (winter + summer) ** 0.5
    ((weekend, week),) = rows(
        connection,
        """SELECT count(*) FILTER (isodow(visit_start_date) >= 6), count(*) FROM visit_occurrence
        WHERE visit_concept_id = 581477""",
    )
    assert 0 < weekend / week < 0.02
    busiest = rows(
        connection, "SELECT count(*) FROM condition_occurrence GROUP BY condition_concept_id ORDER BY 1 DESC"
    )
    assert busiest[0][0] > 50 * busiest[len(busiest) // 2][0], "concepts are as skewed as Zipf's law makes them"
    assert len(busiest) > 1500

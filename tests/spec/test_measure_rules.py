"""What a measure means: one rule, one small table, both engines.

Columns: person (id, sex, year of birth); observation_period (person, first day, last day); drug_era (person, drug,
day); visit_occurrence (visit, person, kind, first day, last day); death (person, day).
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from small_site import drug_event, make_measure, open_site, people_measure, visits_measure, write_site, years

from rounds.engines import duck, reference
from rounds.measures.counts import Count
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.measures.periods import Grain, Period, periods_between
from rounds.measures.questions import People, RecordsQuestion
from rounds.measures.strata import Stratum

Engine = Callable[..., Count]
ALWAYS = "1 2020-01-01 2023-12-31"


@pytest.fixture(params=[reference.count, duck.count], ids=["reference", "duckdb"])
def count(request: pytest.FixtureRequest) -> Engine:
    engine: Engine = request.param
    return engine


def _counted(
    count: Engine, folder: Path, measure: Measure, periods: tuple[Period, ...], *, outside: bool = False, **tables: str
) -> list[tuple[object, ...]]:
    """Return the cells that hold anybody, without the member."""
    write_site(folder, **tables)
    records = open_site(folder, outside="exclude" if outside else "refuse")
    found = count(measure, records, member="RX1", periods=periods)
    assert set(found.cells["member"]) == {"RX1"}
    seen = found.cells.filter(pl.col("denominator") > 0).drop("member")
    return [(row[0].year if measure.grain is Grain.YEAR else row[0].isoformat(), *row[1:]) for row in seen.rows()]


def test_people_observed_in_the_period_are_the_denominator(count: Engine, tmp_path: Path) -> None:
    found = _counted(
        count,
        tmp_path,
        people_measure(drug_event()),
        years(2020, 2023),
        person="""
            1 female 1950
            2 male   1960
            3 male   1970
        """,
        observation_period="""
            1 2020-06-01 2021-01-01
            2 2021-12-31 2022-06-30
        """,
        drug_era="""
            1 drug  2020-07-01
            2 drug  2022-06-30
            2 other 2021-12-31
        """,
    )
    assert found == [(2020, 1, 1), (2021, 0, 2), (2022, 1, 1)]


def test_somebody_with_two_observations_in_a_period_is_one_person(count: Engine, tmp_path: Path) -> None:
    found = _counted(
        count,
        tmp_path,
        people_measure(drug_event()),
        years(2020, 2023),
        person="1 female 1950",
        observation_period="""
            1 2020-01-01 2020-03-31
            1 2020-05-01 2021-02-01
            1 2020-06-01 2020-06-30
            1 2021-10-01 2021-12-31
            1 2023-01-01 2023-01-01
        """,
        drug_era="""
            1 drug 2020-02-01
            1 drug 2020-06-01
            1 drug 2020-06-01
        """,
    )
    assert found == [(2020, 1, 1), (2021, 0, 1), (2023, 0, 1)]


def test_an_event_outside_observation_counts_only_if_the_measure_says_so(count: Engine, tmp_path: Path) -> None:
    site = {
        "person": "1 female 1950",
        "observation_period": "1 2020-01-01 2020-06-30",
        "drug_era": "1 drug 2020-07-01",
    }
    inside, anywhere = people_measure(drug_event()), people_measure(drug_event(observed=False))
    assert _counted(count, tmp_path, inside, years(2020, 2020), outside=True, **site) == [(2020, 0, 1)]
    assert _counted(count, tmp_path, anywhere, years(2020, 2020), outside=True, **site) == [(2020, 1, 1)]


def test_somebody_not_observed_in_the_period_is_in_no_numerator(count: Engine, tmp_path: Path) -> None:
    found = _counted(
        count,
        tmp_path,
        people_measure(drug_event(observed=False)),
        years(2020, 2021),
        outside=True,
        person="1 female 1950",
        observation_period="1 2020-01-01 2020-06-30",
        drug_era="1 drug 2021-07-01",
    )
    assert found == [(2020, 0, 1)]


def test_the_first_and_last_day_of_an_observation_are_observed(count: Engine, tmp_path: Path) -> None:
    found = _counted(
        count,
        tmp_path,
        people_measure(drug_event(), grain=Grain.MONTH),
        periods_between(grain=Grain.MONTH, first=date(2020, 1, 1), last=date(2020, 3, 31)),
        person="1 female 1950",
        observation_period="1 2020-01-31 2020-03-01",
        drug_era="""
            1 drug 2020-01-31
            1 drug 2020-03-01
        """,
    )
    assert found == [("2020-01-01", 1, 1), ("2020-02-01", 0, 1), ("2020-03-01", 1, 1)]


def test_first_is_the_first_inside_observation(count: Engine, tmp_path: Path) -> None:
    site = {
        "person": "1 female 1950",
        "observation_period": ALWAYS,
        "drug_era": """
            1 drug 2019-05-01
            1 drug 2021-05-01
            1 drug 2022-05-01
        """,
    }
    inside, anywhere = people_measure(drug_event(first=True)), people_measure(drug_event(first=True, observed=False))
    assert _counted(count, tmp_path, inside, years(2020, 2022), outside=True, **site) == [
        (2020, 0, 1),
        (2021, 1, 1),
        (2022, 0, 1),
    ]
    # Without the observation rule the first is in 2019, before anybody asks.
    assert _counted(count, tmp_path, anywhere, years(2020, 2022), outside=True, **site) == [
        (2020, 0, 1),
        (2021, 0, 1),
        (2022, 0, 1),
    ]


def test_two_first_events_on_the_same_day_are_one(count: Engine, tmp_path: Path) -> None:
    found = _counted(
        count,
        tmp_path,
        people_measure(drug_event(first=True)),
        years(2020, 2020),
        person="1 female 1950",
        observation_period=ALWAYS,
        drug_era="""
            1 drug 2020-05-01
            1 drug 2020-05-01
        """,
    )
    assert found == [(2020, 1, 1)]


def test_age_at_the_event_is_the_difference_of_calendar_years(count: Engine, tmp_path: Path) -> None:
    measure = people_measure(drug_event(age_min=41, age_max=41))
    found = _counted(
        count,
        tmp_path,
        measure,
        years(2020, 2022),
        person="1 female 1980",
        observation_period=ALWAYS,
        drug_era="""
            1 drug 2020-12-31
            1 drug 2021-01-01
            1 drug 2022-01-01
        """,
    )
    assert found == [(2020, 0, 1), (2021, 1, 1), (2022, 0, 1)]


def test_the_age_limit_comes_after_choosing_the_first(count: Engine, tmp_path: Path) -> None:
    found = _counted(
        count,
        tmp_path,
        people_measure(drug_event(first=True, age_min=41)),
        years(2020, 2021),
        person="1 female 1980",
        observation_period=ALWAYS,
        drug_era="""
            1 drug 2020-12-31
            1 drug 2021-01-01
        """,
    )
    assert found == [(2020, 0, 1), (2021, 0, 1)]


def test_age_bands_and_limits_use_the_first_day_of_the_period(count: Engine, tmp_path: Path) -> None:
    measure = people_measure(drug_event(), strata=(Stratum.AGE_BAND, Stratum.SEX), age_min=17)
    found = _counted(
        count,
        tmp_path,
        measure,
        years(2020, 2022),
        person="""
            1 female 2004
            2 unknown 1940
        """,
        observation_period="""
            1 2020-01-01 2023-12-31
            2 2020-01-01 2020-12-31
        """,
        drug_era="""
            1 drug 2020-12-01
            1 drug 2021-12-01
            2 drug 2020-12-01
        """,
    )
    assert found == [
        (2020, "80+", "unknown", 1, 1),
        (2021, "0-17", "female", 1, 1),
        (2022, "18-39", "female", 0, 1),
    ]


def test_every_cell_is_there_even_at_nought(count: Engine, tmp_path: Path) -> None:
    write_site(tmp_path, person="1 female 1980", observation_period=ALWAYS, drug_era="")
    measure = people_measure(drug_event(), strata=(Stratum.AGE_BAND, Stratum.SEX))
    cells = count(measure, open_site(tmp_path), member="RX1", periods=years(2020, 2021)).cells
    assert cells.height == 2 * 5 * 3
    assert cells.drop("numerator", "denominator").rows() == sorted(cells.drop("numerator", "denominator").rows())
    assert cells["numerator"].sum() == 0
    assert cells["denominator"].sum() == 2


def test_an_event_belongs_to_a_visit_from_its_first_to_its_last_day(count: Engine, tmp_path: Path) -> None:
    found = _counted(
        count,
        tmp_path,
        visits_measure(drug_event(), grain=Grain.MONTH),
        periods_between(grain=Grain.MONTH, first=date(2020, 1, 1), last=date(2020, 5, 31)),
        person="""
            1 female 1950
            2 male   1950
        """,
        observation_period="""
            1 2020-01-01 2023-12-31
            2 2020-01-01 2023-12-31
        """,
        visit_occurrence="""
            1 1 inpatient  2020-01-10 2020-01-20
            2 1 inpatient  2020-02-10 2020-02-20
            3 1 inpatient  2020-03-30 2020-04-02
            4 1 inpatient  2020-04-10 2020-04-10
            5 1 outpatient 2020-05-01 2020-05-01
            6 2 inpatient  2020-01-10 2020-01-20
        """,
        drug_era="""
            1 drug 2020-01-10
            1 drug 2020-01-20
            1 drug 2020-02-09
            1 drug 2020-02-21
            1 drug 2020-04-02
            1 drug 2020-05-01
        """,
    )
    # The third visit started in March, so its event of 2 April counts there.
    assert found == [("2020-01-01", 1, 2), ("2020-02-01", 0, 1), ("2020-03-01", 1, 1), ("2020-04-01", 0, 1)]


def test_an_event_in_two_visits_happened_in_both(count: Engine, tmp_path: Path) -> None:
    found = _counted(
        count,
        tmp_path,
        visits_measure(drug_event(first=True)),
        years(2020, 2020),
        person="1 female 1950",
        observation_period=ALWAYS,
        visit_occurrence="""
            1 1 inpatient 2020-01-10 2020-01-20
            2 1 inpatient 2020-01-20 2020-01-25
        """,
        drug_era="1 drug 2020-01-20",
    )
    assert found == [(2020, 2, 2)]


def test_strata_and_ages_of_a_visit_use_its_first_day(count: Engine, tmp_path: Path) -> None:
    found = _counted(
        count,
        tmp_path,
        visits_measure(drug_event(), strata=(Stratum.AGE_BAND,), age_max=18),
        years(2020, 2022),
        person="1 female 2003",
        observation_period=ALWAYS,
        visit_occurrence="""
            1 1 inpatient 2020-12-31 2021-01-02
            2 1 inpatient 2021-01-10 2021-01-10
            3 1 inpatient 2022-01-10 2022-01-10
        """,
        drug_era="1 drug 2021-01-01",
    )
    assert found == [(2020, "0-17", 1, 1), (2021, "18-39", 0, 1)]


def test_a_visit_without_observation_is_still_a_visit(count: Engine, tmp_path: Path) -> None:
    found = _counted(
        count,
        tmp_path,
        visits_measure(drug_event(table=EventTable.DEATH, observed=False)),
        years(2020, 2020),
        outside=True,
        person="1 female 1950",
        visit_occurrence="1 1 inpatient 2020-12-31 2021-01-02",
        death="1 2021-01-02",
    )
    assert found == [(2020, 1, 1)]


@pytest.mark.parametrize(
    ("periods", "expected"),
    [
        pytest.param((), "no period", id="none"),
        pytest.param(tuple(reversed(years(2020, 2021))), "must follow each other", id="out of order"),
        pytest.param(years(2020, 2020) * 2, "must follow each other", id="twice"),
    ],
)
def test_periods_that_cannot_be_counted(
    count: Engine, tmp_path: Path, periods: tuple[Period, ...], expected: str
) -> None:
    write_site(tmp_path, drug_era="")
    measure = people_measure(drug_event(), strata=(Stratum.AGE_BAND,))
    with pytest.raises(ValueError, match=expected):
        count(measure, open_site(tmp_path), member="RX1", periods=periods)


def test_no_whole_period_is_no_period() -> None:
    with pytest.raises(ValueError, match="no whole month"):
        periods_between(grain=Grain.MONTH, first=date(2020, 1, 2), last=date(2020, 2, 28))


def test_somebody_born_during_a_period_is_in_the_youngest_band(count: Engine, tmp_path: Path) -> None:
    found = _counted(
        count,
        tmp_path,
        make_measure(RecordsQuestion(unit=People(), numerator=drug_event()), strata=(Stratum.AGE_BAND,)),
        (Period(start=date(2020, 7, 1), end=date(2021, 6, 30)),),
        person="1 female 2021",
        observation_period="1 2021-01-01 2021-12-31",
        drug_era="1 drug 2021-03-01",
    )
    assert found == [(2020, "0-17", 1, 1)]


@pytest.mark.parametrize(
    ("grain", "span", "last", "expected"),
    [
        (Grain.DAY, 1, date(2024, 1, 2), ["2024-01-01/2024-01-01", "2024-01-02/2024-01-02"]),
        (Grain.WEEK, 1, date(2024, 1, 15), ["2024-01-01/2024-01-07", "2024-01-08/2024-01-14"]),
        (Grain.MONTH, 3, date(2024, 4, 30), ["2024-01-01/2024-03-31", "2024-02-01/2024-04-30"]),
        (Grain.QUARTER, 2, date(2024, 9, 30), ["2024-01-01/2024-06-30", "2024-04-01/2024-09-30"]),
    ],
)
def test_periods_may_be_short_or_overlap(grain: Grain, span: int, last: date, expected: list[str]) -> None:
    found = periods_between(grain=grain, span=span, first=date(2024, 1, 1), last=last)
    assert [f"{period.start}/{period.end}" for period in found] == expected


def test_an_event_counts_in_every_period_that_holds_it(count: Engine, tmp_path: Path) -> None:
    question = RecordsQuestion(unit=People(), numerator=drug_event())
    measure = make_measure(question, grain=Grain.MONTH, span=3)
    found = _counted(
        count,
        tmp_path,
        measure,
        measure.periods(first=date(2020, 1, 1), last=date(2020, 6, 30)),
        person="1 female 1950",
        observation_period="1 2020-01-01 2020-12-31",
        drug_era="1 drug 2020-03-31",
    )
    assert found == [("2020-01-01", 1, 1), ("2020-02-01", 1, 1), ("2020-03-01", 1, 1), ("2020-04-01", 0, 1)]

"""What a measure means: one rule, one small case, every engine. The cases are in measure_language/."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import get_args

import polars as pl
import pytest
from every_engine import ENGINES, Engine
from language_cases import Asked, Case, counted, periods_of, read_measure, read_themes, write_case
from question_choices import everything, said
from small_site import drug_event, open_site, people_measure, write_site, years

from rounds.errors import RecordsError
from rounds.measures.criteria import Criterion
from rounds.measures.periods import Grain, Period, periods_between
from rounds.measures.questions import RecordsQuestion
from rounds.measures.strata import Stratum

THEMES = read_themes()
CASES = {f"{theme.theme}: {case.title}": case for theme in THEMES for case in theme.cases}
QUESTIONS = [
    pytest.param(title, asked, id=f"{title} ({number})" if len(case.asked) > 1 else title)
    for title, case in CASES.items()
    for number, asked in enumerate(case.asked, start=1)
]


@pytest.fixture(params=ENGINES.values(), ids=ENGINES.keys())
def count(request: pytest.FixtureRequest) -> Engine:
    engine: Engine = request.param
    return engine


@pytest.fixture(scope="module")
def site_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return what writes the site of a case once, whatever is asked of it."""
    written: dict[str, Path] = {}

    def folder_of(title: str) -> Path:
        if title not in written:
            written[title] = tmp_path_factory.mktemp("case")
            write_case(CASES[title], written[title])
        return written[title]

    return folder_of


@pytest.mark.parametrize(("title", "asked"), QUESTIONS)
def test_rule(count: Engine, site_of: Callable[[str], Path], tmp_path: Path, title: str, asked: Asked) -> None:
    case: Case = CASES[title]
    measure = read_measure(asked.measure, tmp_path)
    records = open_site(site_of(title), outside="exclude")
    found = count(measure, records, member="RX1", periods=periods_of(case, measure))
    assert set(found.cells["member"]) == {"RX1"}
    assert counted(found, measure) == asked.expected


def test_every_case_has_a_title_of_its_own() -> None:
    assert len(CASES) == sum(len(theme.cases) for theme in THEMES)


def test_everything_a_question_can_say_is_in_a_case(tmp_path: Path) -> None:
    questions = [read_measure(asked.measure, tmp_path).question for case in CASES.values() for asked in case.asked]
    met = {_once(choice) for question in questions for choice in said(question)}
    assert not {_once(choice) for choice in everything(RecordsQuestion)} - met


def _once(choice: str) -> str:
    """Return a choice, but a kind of criterion by its name alone: it need not be met in every place it may stand."""
    kind = choice.rpartition(": ")[2]
    return kind if kind in {criterion.__name__ for criterion in get_args(Criterion)} else choice


def test_every_period_and_stratum_is_in_a_case(tmp_path: Path) -> None:
    measures = [read_measure(asked.measure, tmp_path) for case in CASES.values() for asked in case.asked]
    assert {measure.grain for measure in measures} == set(Grain)
    assert {stratum for measure in measures for stratum in measure.strata} == set(Stratum)


def test_every_cell_is_there_even_at_nought(count: Engine, tmp_path: Path) -> None:
    write_site(tmp_path, person="1 female 1980", observation_period="1 2020-01-01 2023-12-31", drug_era="")
    measure = people_measure(drug_event(), strata=(Stratum.AGE_BAND, Stratum.SEX))
    cells = count(measure, open_site(tmp_path), member="RX1", periods=years(2020, 2021)).cells
    assert cells.height == 2 * 5 * 3
    assert cells.drop("numerator", "denominator").rows() == sorted(cells.drop("numerator", "denominator").rows())
    assert cells["numerator"].sum() == 0
    assert cells["denominator"].sum() == 2


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


SAME_VISIT = """
count: events
events: {event: condition_occurrence, codes: fall}
numerator: {had: {event: procedure_occurrence, codes: head-scan, same_visit: true}}
grain: year
"""
MEAN_OF_THE_SAME_VISIT = """
count: events
events: {event: condition_occurrence, codes: fall}
mean:
  of: number
  had: {event: procedure_occurrence, codes: head-scan, same_visit: true}
  shown_in: scans
  low: 0
  high: 3
  step: 1
  most_each: 1
per: 1
grain: year
"""
TWO_TABLES = """
count: people
numerator:
  - {had: {event: measurement, codes: hba1c, provided: {value: {from: 48}}}}
  - {had: {event: observation, codes: smoking-status}}
grain: year
"""


@pytest.mark.parametrize("text", [SAME_VISIT, MEAN_OF_THE_SAME_VISIT], ids=["met", "mean"])
@pytest.mark.parametrize("table", ["condition_occurrence", "procedure_occurrence"])
def test_without_visits_on_either_side_the_same_visit_is_refused(
    count: Engine, tmp_path: Path, table: str, text: str
) -> None:
    measure = read_measure(text, tmp_path)
    site = _site_without(tmp_path, table, "visit_occurrence_id")
    with pytest.raises(RecordsError, match=rf"needs the column `visit_occurrence_id` of {table}\.parquet"):
        count(measure, open_site(site), member="RX1", periods=years(2020, 2020))


def test_a_value_is_needed_only_where_it_is_asked(count: Engine, tmp_path: Path) -> None:
    measure = read_measure(TWO_TABLES, tmp_path)
    site = _site_without(tmp_path, "observation", "value_as_number")
    found = count(measure, open_site(site), member="RX1", periods=years(2020, 2020))
    assert counted(found, measure) == (("2020", 1, 1),)


def _site_without(folder: Path, table: str, column: str) -> Path:
    tables = {
        "condition_occurrence": "person code first visit\n1 fall 2020-01-11 7",
        "procedure_occurrence": "person code day visit\n1 head-scan 2020-01-11 7",
        "measurement": "person code day value\n1 hba1c 2020-01-11 50",
        "observation": "person code day\n1 smoking-status 2020-01-11",
    }
    write_case(Case(title="A", why="B", tables=tables, asked=(Asked(measure="-", counts="-"),)), folder / "site")
    path = folder / "site" / f"{table}.parquet"
    pl.read_parquet(path).drop(column).write_parquet(path)
    return folder / "site"

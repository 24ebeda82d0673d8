"""What published counts mean, and what a reader is told when a file does not say what its mapping claims."""

from datetime import date
from pathlib import Path

import pytest

from rounds.engines.published import PublishedCount, read_published
from rounds.errors import DefinitionError, PublishedDataError
from rounds.measures.criteria import Events, Has
from rounds.measures.definitions import Better, Measure, Question
from rounds.measures.events import EventTable
from rounds.measures.periods import Grain, periods_between
from rounds.measures.questions import People, PublishedQuestion, RecordsQuestion
from rounds.storage.csv_files import CsvDialect
from rounds.storage.published_source import PublishedBlock, PublishedSource
from rounds.storage.yaml_files import Definition, read_yaml

HEADER = "org,month,type,late,all\n"
BLOCK = """\
file: late.csv
organisation: org
period: month
filters: {type: ["1"]}
measures:
  late-attendances: {numerator: late, denominator: all}
"""
QUARTER = periods_between(grain=Grain.MONTH, first=date(2024, 1, 1), last=date(2024, 3, 31))


def measure(
    question: Question | None = None, measure_id: str = "late-attendances", grain: Grain = Grain.MONTH
) -> Measure:
    return Measure(
        id=measure_id,
        version=1,
        title="Late",
        description="Late attendances.",
        question=question or PublishedQuestion(numerator="late attendances", denominator="all attendances"),
        grain=grain,
        strata=(),
        per=100,
        unit="attendances",
        better=Better.LOWER,
        author="An author",
        reviewer="A reviewer",
        next_review=date(2027, 1, 1),
    )


def source(tmp_path: Path, rows: str, block: str = BLOCK) -> PublishedSource:
    (tmp_path / "late.csv").write_text(HEADER + rows, encoding="utf-8")
    (tmp_path / "block.yaml").write_text(block, encoding="utf-8")
    return read_yaml(tmp_path / "block.yaml", PublishedBlock).source(tmp_path)


def read(tmp_path: Path, rows: str, block: str = BLOCK) -> PublishedCount:
    return read_published(measure(), source(tmp_path, rows, block), member_codes={"ZZ1", "ZZ2"}, periods=QUARTER)


def read_by(grain: Grain, tmp_path: Path, rows: str, block: str = BLOCK) -> PublishedCount:
    """Read the two years 2023 and 2024 by another grain than the month."""
    return read_published(
        measure(grain=grain),
        source(tmp_path, rows, block),
        member_codes={"ZZ1", "ZZ2"},
        periods=periods_between(grain=grain, first=date(2023, 1, 1), last=date(2024, 12, 31)),
    )


def monthly(org: str, *, year: int, months: range, kind: int = 1) -> str:
    return "".join(f"{org},{year}-{month:02}-01,{kind},{month},100\n" for month in months)


def cells(published: PublishedCount) -> list[tuple[str, str, int, int]]:
    return [(member, f"{day:%Y-%m}", num, den) for member, day, num, den in published.count.cells.iter_rows()]


def test_rows_are_summed_over_the_values_a_filter_allows(tmp_path: Path) -> None:
    rows = "ZZ2,2024-01-01,1,1,10\nZZ1,2024-01-01,1,2,20\nZZ1,2024-01-01,2,3,30\nZZ1,2024-01-01,3,4,40\n"
    found = read(tmp_path, rows, BLOCK.replace('["1"]', '["1", "2"]'))
    assert cells(found) == [("ZZ1", "2024-01", 5, 50), ("ZZ2", "2024-01", 1, 10)]
    assert found.notes == ()


def test_an_empty_number_is_left_out_counted_and_never_zero(tmp_path: Path) -> None:
    rows = "ZZ1,2024-01-01,1,,20\nZZ1,2024-02-01,1,0,0\nZZ2,2024-01-01,1,1,\nZZ2,2024-02-01,1,1,9\n"
    found = read(tmp_path, rows)
    assert cells(found) == [("ZZ1", "2024-02", 0, 0), ("ZZ2", "2024-02", 1, 9)]
    assert found.not_published == 2
    assert "2 organisation-periods" in found.notes[0]


def test_one_empty_row_of_a_sum_leaves_the_whole_sum_out(tmp_path: Path) -> None:
    rows = "ZZ1,2024-01-01,1,2,20\nZZ1,2024-01-01,2,,30\n"
    found = read(tmp_path, rows, BLOCK.replace('["1"]', '["1", "2"]'))
    assert (cells(found), found.not_published) == ([], 1)


def test_only_the_periods_asked_for_are_counted_and_dates_may_be_any_day(tmp_path: Path) -> None:
    rows = "ZZ1,2023-12-31,1,9,9\nZZ1,2024-01-31,1,2,20\nZZ1,2024-04-01,1,9,9\n"
    assert cells(read(tmp_path, rows)) == [("ZZ1", "2024-01", 2, 20)]


def test_month_names_thousands_and_marks_are_read_as_declared(tmp_path: Path) -> None:
    block = BLOCK + 'date_format: "%B %Y"\nthousands: ","\nnot_published: ["*"]\n'
    found = read(tmp_path, 'ZZ1,January 2024,1,"1,234","12,345"\nZZ1,March 2024,1,*,10\n', block)
    assert (cells(found), found.not_published) == ([("ZZ1", "2024-01", 1234, 12345)], 1)


def test_organisations_that_are_not_members_are_ignored_only_when_told(tmp_path: Path) -> None:
    rows = "ZZ1,2024-01-01,1,2,20\nZZ9,2024-01-01,1,2,20\n"
    found = read(tmp_path, rows, BLOCK + "unknown_organisations: ignore\n")
    assert cells(found) == [("ZZ1", "2024-01", 2, 20)]
    assert found.ignored_organisations == ("ZZ9",)
    assert "ZZ9" in found.notes[0]


def test_monthly_rows_are_summed_into_quarters_years_and_all_dates(tmp_path: Path) -> None:
    rows = monthly("ZZ1", year=2023, months=range(1, 13)) + monthly("ZZ1", year=2024, months=range(1, 13))
    quarters = read_by(Grain.QUARTER, tmp_path, rows)
    assert cells(quarters)[:5] == [
        ("ZZ1", "2023-01", 6, 300),
        ("ZZ1", "2023-04", 15, 300),
        ("ZZ1", "2023-07", 24, 300),
        ("ZZ1", "2023-10", 33, 300),
        ("ZZ1", "2024-01", 6, 300),
    ]
    assert cells(read_by(Grain.YEAR, tmp_path, rows)) == [("ZZ1", "2023-01", 78, 1200), ("ZZ1", "2024-01", 78, 1200)]
    assert cells(read_by(Grain.ALL, tmp_path, rows)) == [("ZZ1", "2023-01", 156, 2400)]
    assert quarters.not_published == 0


@pytest.mark.parametrize(
    "second",
    [
        pytest.param("ZZ1,2024-02-01,1,,100\n", id="one month is empty"),
        pytest.param("ZZ1,2024-02-01,2,2,100\n", id="one month is of another type"),
        pytest.param("", id="one month has no row"),
    ],
)
def test_a_quarter_without_one_of_its_months_is_left_out(tmp_path: Path, second: str) -> None:
    one = monthly("ZZ1", year=2024, months=range(1, 2)) + second + monthly("ZZ1", year=2024, months=range(3, 7))
    found = read_by(Grain.QUARTER, tmp_path, one + monthly("ZZ2", year=2024, months=range(1, 7)))
    assert cells(found) == [("ZZ1", "2024-04", 15, 300), ("ZZ2", "2024-01", 6, 300), ("ZZ2", "2024-04", 15, 300)]
    assert found.not_published == 1
    assert "1 organisation-periods" in found.notes[0]


def test_a_quarter_that_nobody_has_published_to_its_end_is_left_out_for_all(tmp_path: Path) -> None:
    rows = monthly("ZZ1", year=2024, months=range(1, 6)) + monthly("ZZ2", year=2024, months=range(1, 6))
    found = read_by(Grain.QUARTER, tmp_path, rows)
    assert cells(found) == [("ZZ1", "2024-01", 6, 300), ("ZZ2", "2024-01", 6, 300)]
    assert found.not_published == 2


def test_every_type_that_an_organisation_has_needs_every_month(tmp_path: Path) -> None:
    both = monthly("ZZ1", year=2024, months=range(1, 4)) + monthly("ZZ1", year=2024, months=range(1, 3), kind=2)
    found = read_by(
        Grain.QUARTER,
        tmp_path,
        both + monthly("ZZ2", year=2024, months=range(1, 4)),
        BLOCK.replace('["1"]', '["1", "2"]'),
    )
    assert cells(found) == [("ZZ2", "2024-01", 6, 300)]
    assert found.not_published == 1


def test_a_month_given_twice_is_refused_in_a_quarter_too(tmp_path: Path) -> None:
    rows = monthly("ZZ1", year=2024, months=range(1, 4)) + "ZZ1,2024-02-28,1,2,100\n"
    with pytest.raises(PublishedDataError, match=r"line 5: this organisation and month is already on line 3"):
        read_by(Grain.QUARTER, tmp_path, rows)


def test_quarterly_rows_are_read_when_declared(tmp_path: Path) -> None:
    rows = "ZZ1,2024-03-31,1,1,10\nZZ1,2024-06-30,1,2,20\nZZ1,2024-09-30,1,3,30\nZZ1,2024-12-31,1,4,40\n"
    block = BLOCK + "covers: quarter\n"
    assert cells(read_by(Grain.QUARTER, tmp_path, rows, block))[:2] == [
        ("ZZ1", "2024-01", 1, 10),
        ("ZZ1", "2024-04", 2, 20),
    ]
    assert cells(read_by(Grain.YEAR, tmp_path, rows, block)) == [("ZZ1", "2024-01", 10, 100)]
    with pytest.raises(PublishedDataError, match=r"late\.csv covers a quarter.*periods are shorter"):
        read(tmp_path, rows, block)
    with pytest.raises(PublishedDataError, match=r"one row for each quarter.*`covers: quarter`"):
        read_by(Grain.QUARTER, tmp_path, rows)


REFUSED = {
    "not a member": ("ZZ1,2024-01-01,1,2,20\nZZ9,2024-01-01,1,2,20\n", ["line 3", '"ZZ9"', "unknown_organisations"]),
    "twice": (
        "ZZ1,2024-01-01,1,2,20\nZZ2,2024-01-01,1,2,20\nZZ1,2024-01-01,1,3,20\n",
        ["line 4", "already on line 2", "filters"],
    ),
    "two days of one month": ("ZZ1,2024-01-01,1,2,20\nZZ1,2024-01-02,1,2,20\n", ["line 3", "already on line 2"]),
    "numerator above denominator": ("ZZ1,2024-01-01,1,2,20\nZZ2,2024-01-01,1,21,20\n", ["line 3", "late is above all"]),
    "no row passes a filter": ("ZZ1,2024-01-01,A,2,20\n", ["column type", '"1"', "correct the filter"]),
    "negative": ("ZZ1,2024-01-01,1,-2,20\n", ["line 2", "column late", "below 0"]),
    "thousands": ('ZZ1,2024-01-01,1,2,"1,020"\n', ["line 2", "column all", 'thousands: ","', "site.yaml"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_line_and_remedy(tmp_path: Path, case: str) -> None:
    rows, words = REFUSED[case]
    with pytest.raises(PublishedDataError) as refusal:
        read(tmp_path, rows)
    for word in ["late.csv", *words]:
        assert word in str(refusal.value)


def test_latin_1_is_refused_until_declared(tmp_path: Path) -> None:
    mapping = source(tmp_path, "")
    mapping.file.write_bytes(HEADER.encode() + b"ZZ1,2024-01-01,1,2,20\nZZ2,2024-01-01,\xe9,2,20\n")
    with pytest.raises(PublishedDataError, match=r"late\.csv, line 3, column type.*encoding: latin-1"):
        read_published(measure(), mapping, member_codes=["ZZ1"], periods=QUARTER)


def test_a_measure_without_columns_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(PublishedDataError) as refusal:
        read_published(
            measure(measure_id="late-attendance"), source(tmp_path, ""), member_codes=["ZZ1"], periods=QUARTER
        )
    assert str(refusal.value) == (
        "late-attendance v1: the `published` block of site.yaml names no columns for `late-attendance`; did you mean "
        "`late-attendances`? If not, add its columns under `measures`"
    )


def test_one_column_cannot_mean_two_things(tmp_path: Path) -> None:
    with pytest.raises(PublishedDataError, match="column type for two different things"):
        read(tmp_path, "ZZ1,2024-01-01,1,2,20\n", BLOCK.replace("numerator: late", "numerator: type"))


def test_a_measure_of_records_is_refused(tmp_path: Path) -> None:
    question = RecordsQuestion(unit=People(), numerator=Has(events=Events(table=EventTable.DEATH, codes=None)))
    with pytest.raises(DefinitionError, match="counted from records"):
        read_published(measure(question), source(tmp_path, ""), member_codes=["ZZ1"], periods=QUARTER)


class _SiteFile(Definition):
    published: PublishedBlock


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("organisation: org", "organization: org"), ["organization", "did you mean `organisation`"]),
        (("period: month", 'period: month\n  date_format: "%d/%m"'), ["date_format", "year and month"]),
        (("period: month", 'period: month\n  thousands: ";"'), ["thousands"]),
        (('["1"]', "[]"), ["filter on type", "at least one"]),
        (("numerator: late", "numerater: late"), ["numerater", "did you mean `numerator`"]),
        (("period: month", "period: month\n  covers: week"), ["covers", "`week`", "`month`, `quarter`, `year`"]),
    ],
    ids=["field", "date format", "thousands", "empty filter", "numerator", "covers"],
)
def test_a_wrong_mapping_is_refused(tmp_path: Path, change: tuple[str, str], words: list[str]) -> None:
    indented = "".join(f"  {line}\n" for line in BLOCK.splitlines())
    (tmp_path / "site.yaml").write_text("published:\n" + indented.replace(*change), encoding="utf-8")
    with pytest.raises(DefinitionError) as refusal:
        read_yaml(tmp_path / "site.yaml", _SiteFile)
    for word in ["site.yaml", "line", *words]:
        assert word in str(refusal.value)


def test_an_unknown_thousands_separator_is_a_callers_mistake() -> None:
    with pytest.raises(ValueError, match="none of"):
        CsvDialect(thousands=";")

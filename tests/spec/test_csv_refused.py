"""What a CSV may look like, and what a reader is told when it may not."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from rounds.errors import DefinitionError, PublishedDataError
from rounds.storage.csv_files import LINE, ColumnType, CsvDialect, Encoding, read_csv
from rounds.storage.suggestions import nearest

COLUMNS = {"name": ColumnType.TEXT, "total": ColumnType.COUNT, "day": ColumnType.DATE}
HEADER = "name,total,day\n"


def read(tmp_path: Path, content: str | bytes, dialect: CsvDialect | None = None) -> pl.DataFrame:
    path = tmp_path / "file.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_csv(path, COLUMNS, error=PublishedDataError, dialect=dialect, may_be_blank={"total"})


EXPECTED = {LINE: [2], "name": ["Zoë"], "total": [1234], "day": [date(2024, 3, 31)]}


@pytest.mark.parametrize(
    "content",
    [
        "name,total,day\nZoë,1234,2024-03-31\n",
        b"\xef\xbb\xbf" + "name,total,day\nZoë,1234,2024-03-31\n".encode(),
        "name,total,day\r\nZoë,1234,2024-03-31\r\n",
        "name,total,day\rZoë,1234,2024-03-31\r",
        "name,total,day\nZoë,1234,2024-03-31",
        " name , total,day\n Zoë ,\u00a01234 ,2024-03-31\n\n,,\n",
        '"day","extra","total","name"\n"2024-03-31","x, y","1234","Zoë"\n',
        "name,total,day\nZoë,1234.0,2024-03-31\n",
    ],
    ids=["plain", "byte-order mark", "CRLF", "CR", "no last line end", "spaces and empty rows", "quoted", "pandas"],
)
def test_harmless_differences_are_read(tmp_path: Path, content: str | bytes) -> None:
    assert read(tmp_path, content).to_dict(as_series=False) == EXPECTED


@pytest.mark.parametrize(
    ("content", "dialect"),
    [
        ("name,total,day\nZoë,1234,2024-03-31\n".encode("latin-1"), CsvDialect(encoding=Encoding.LATIN_1)),
        ('name,total,day\nZoë,"1,234",2024-03-31\n', CsvDialect(thousands=",")),
        ('name,total,day\nZoë,"1,234.00",2024-03-31\n', CsvDialect(thousands=",")),
        ("name,total,day\nZoë,1\u202f234,2024-03-31\n", CsvDialect(thousands=" ")),
        ("name,total,day\nZoë,1.234,2024-03-31\n", CsvDialect(thousands=".")),
        ("name,total,day\nZoë,1234,31/03/2024\n", CsvDialect(date_format="%d/%m/%Y")),
    ],
    ids=["latin-1", "comma", "comma and pence", "thin space", "point", "date format"],
)
def test_what_is_declared_is_read(tmp_path: Path, content: str | bytes, dialect: CsvDialect) -> None:
    assert read(tmp_path, content, dialect).to_dict(as_series=False) == EXPECTED


def test_blank_and_declared_marks_are_null_and_never_zero(tmp_path: Path) -> None:
    table = read(tmp_path, HEADER + "a,,2024-01-01\nb,*,2024-01-01\nc,0,2024-01-01\n", CsvDialect(blank_marks=("*",)))
    assert table["total"].to_list() == [None, None, 0]


def test_a_month_without_a_day_is_its_first(tmp_path: Path) -> None:
    table = read(tmp_path, HEADER + "a,1,April 2021\n", CsvDialect(date_format="%B %Y"))
    assert table["day"].to_list() == [date(2021, 4, 1)]


def test_lines_count_what_an_editor_counts(tmp_path: Path) -> None:
    table = read(tmp_path, HEADER + '"a\nb",1,2024-01-01\n\nc,2,2024-01-01\n')
    assert table[LINE].to_list() == [2, 5]


SITE = CsvDialect(declared_in="site.yaml")
REFUSED = {
    "latin-1": (HEADER.encode() + b"a,1,2024-01-01\nZo\xeb,1,2024-01-01\n", ["line 3", "column name", "latin-1"]),
    "latin-1 after a quoted break": (
        HEADER.encode() + b'"a\nb",1,2024-01-01\n"c\nd\xeb",1,2024-01-01\n',
        ["line 4", "column name", "latin-1"],
    ),
    "latin-1 header": (b"name,t\xf6tal,day\n", ["line 1", "column 2", "latin-1"]),
    "latin-1 after a byte-order mark": (
        b"\xef\xbb\xbf" + HEADER.encode() + b"Zo\xeb,1,2024-01-01\n",
        ["line 2, column name:", "latin-1"],
    ),
    "latin-1 after an endless cell": (b'name\n"' + b"a" * 200_000 + b"\xeb", ["line 2", "latin-1"]),
    "workbook": (b"PK\x03\x04" + bytes(20), ["Excel workbook", "CSV UTF-8"]),
    "utf-16": (HEADER.encode("utf-16"), ["CSV UTF-8"]),
    "thousands": (HEADER + 'a,"1,234",2024-01-01\n', ["line 2", "column total", 'thousands: ","', "digits only"]),
    "thousands unquoted": (HEADER + "a,1,234,2024-01-01\n", ["line 2", "4 cells", "header 3", "thousands"]),
    "point that may be thousands": (HEADER + "a,1.234,2024-01-01\n", ["line 2", "column total", 'thousands: "."']),
    "negative": (HEADER + "a,-1,2024-01-01\n", ["line 2", "column total", "below 0"]),
    "fraction": (HEADER + "a,1.5,2024-01-01\n", ["line 2", "column total", "whole number"]),
    "word": (HEADER + "a,*,2024-01-01\n", ["line 2", "column total", "not_published"]),
    "other digits": (HEADER + "a,\u0661,2024-01-01\n", ["line 2", "column total", "not a count"]),
    "huge": (HEADER + "a,99999999999999999999,2024-01-01\n", ["line 2", "column total", "too large"]),
    "blank": (HEADER + "a,1,2024-01-01\n,1,2024-01-01\n", ["line 3", "column name", "empty"]),
    "ragged": (HEADER + "a,1\n", ["line 2", "2 cells"]),
    "missing column": ("nme,total,day\na,1,2024-01-01\n", ["line 1", "no column name", "`nme`"]),
    "duplicate column": ("name,total,total,day\na,1,2,2024-01-01\n", ["line 1", "two columns", "total"]),
    "semicolons": ("name;total;day\na;1;2024-01-01\n", ["line 1", "semicolons"]),
    "empty": ("", ["empty", "first row"]),
    "date": (HEADER + "a,1,31/03/2024\n", ["line 2", "column day", "write it so or declare `date_format`"]),
    "compact date": (HEADER + "a,1,20240331\n", ["line 2", "column day", "2024-03-31"]),
    "no such day": (HEADER + "a,1,2024-02-30\n", ["line 2", "column day", "calendar"]),
    "open quotation": (HEADER + 'a,1,2024-01-01\n"b,1,2024-01-01\n', ["line 3", "quotation"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_place_and_remedy(tmp_path: Path, case: str) -> None:
    content, words = REFUSED[case]
    with pytest.raises(PublishedDataError) as refusal:
        read(tmp_path, content, SITE)
    message = str(refusal.value)
    assert message.startswith("file.csv")
    for word in words:
        assert word in message


def test_a_misplaced_separator_is_refused_even_when_declared(tmp_path: Path) -> None:
    with pytest.raises(PublishedDataError, match="line 2, column total"):
        read(tmp_path, HEADER + 'a,"12,34",2024-01-01\n', CsvDialect(thousands=","))


def test_a_wrong_declaration_of_latin_1_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PublishedDataError, match="the file is in UTF-8; remove"):
        read(tmp_path, HEADER + "Zoë,1,2024-01-01\n", CsvDialect(encoding=Encoding.LATIN_1))


def test_nothing_to_declare_is_not_suggested(tmp_path: Path) -> None:
    with pytest.raises(PublishedDataError) as refusal:
        read(tmp_path, HEADER + 'a,"1,234",2024-01-01\n')
    assert "declare" not in str(refusal.value)


def test_a_refusal_never_repeats_a_cell(tmp_path: Path) -> None:
    with pytest.raises(PublishedDataError) as refusal:
        read(tmp_path, HEADER + "a,1,17/06/1961\n", SITE)
    assert "1961" not in str(refusal.value)


def test_a_missing_file_is_refused_as_the_caller_says(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"members\.csv: there is no such file"):
        read_csv(tmp_path / "members.csv", COLUMNS, error=DefinitionError)


def test_an_unknown_word_names_the_nearest_or_a_few() -> None:
    assert nearest("regoin", ["name", "region"]) == "; did you mean `region`?"
    assert nearest("zzz", [f"c{i}" for i in range(10)]).endswith("and 2 more")


@pytest.mark.parametrize(
    ("word", "valid", "sentence"),
    [
        ("regoin", ["name", "region"], "; did you mean `region`? If not, add it"),
        ("zzz", ["name", "region"], "; choose one of `name`, `region`, or add it"),
        ("zzz", ["name"], "; choose `name`, or add it"),
        ("zzz", [], "; add it"),
    ],
)
def test_what_to_do_if_no_word_fits_ends_the_sentence(word: str, valid: list[str], sentence: str) -> None:
    assert nearest(word, valid, otherwise="add it") == sentence

"""Texts from people never run in a spreadsheet, and come back from a CSV as they were."""

import csv
import io
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rounds.learning.spread.adoption import AdoptionEvent, Stage
from rounds.network.matching import Organisation, register_of
from rounds.network.members import Member, Membership
from rounds.network.pipeline import Contact, Design, Evidence, Pipeline, PipelineInnovation, ValueClaim
from rounds.storage.match_files import Confirmed, MatchRow, matches_csv, read_matches
from rounds.storage.members import adoptions_csv, read_adoptions
from rounds.storage.pipeline_files import FOLDER, pipeline_csvs, read_pipeline
from rounds.storage.spreadsheet_text import csv_of, guarded, unguarded

RUN = ("=HYPERLINK(A1)", "+44 20 x", "-153 days", "@SUM(1)", "'=1+1", "''-x", "\uff1d1")
QUIET = ("A&E", "'tis", "5 = 5", "-", "a-b", "O'Brien")
DAY = date(2024, 3, 1)


@pytest.mark.parametrize("text", [*RUN, "\t=1", "\r=1", "\n1", " =1"])
def test_what_a_spreadsheet_would_run_is_quoted(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "A&E", "'tis", "a=1", "-5", "+5.25", "-0.5", "2024-03-01"])
def test_numbers_and_plain_words_are_left_alone(text: str) -> None:
    assert guarded(text) == text == unguarded(text)


@given(st.text(alphabet="'=+-@\t\r\n 5.a\uff1d") | st.text())
def test_every_text_comes_back(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert text.isdigit() or not guarded(text).startswith(("=", "@", "\t", "\r"))


def test_numbers_and_dates_are_written_as_such() -> None:
    made = csv_of(("-a", "n", "x", "day", "none"), [("=1", -5, -0.25, DAY, None)], for_excel=True)
    assert made == b"\xef\xbb\xbf'-a,n,x,day,none\n'=1,-5,-0.25,2024-03-01,\n"


def _cells(content: bytes) -> list[str]:
    return [cell for row in list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))[1:] for cell in row]


def _quiet(content: bytes) -> None:
    for cell in _cells(content):
        assert not cell.startswith(("=", "+", "-", "@")) or cell.lstrip("+-").replace(".", "", 1).isdigit(), cell


def test_a_pipeline_with_formulas_comes_back(tmp_path: Path) -> None:
    texts = (*RUN, *QUIET)
    pipeline = Pipeline(
        innovations=(PipelineInnovation(id="x", title=RUN[0], owner=RUN[1], description=RUN[4]),),
        value=tuple(ValueClaim(innovation="x", says=text, by=text, amount=-153.0, unit=text) for text in texts),
        evidence=tuple(
            Evidence(innovation="x", study=text, design=Design.OPINION, finding=text, value=-0.25) for text in texts
        ),
        contacts=tuple(Contact(company=text, date=DAY, programme=text, about=text) for text in texts),
    )
    (tmp_path / FOLDER).mkdir()
    for name, content in pipeline_csvs(pipeline).items():
        _quiet(content)
        (tmp_path / FOLDER / name).write_bytes(content)
    assert read_pipeline(tmp_path) == pipeline


def test_reasons_of_adoption_come_back(tmp_path: Path) -> None:
    texts = (*RUN, *QUIET)
    codes = [f"RX{at:02d}" for at in range(len(texts))]
    events = tuple(
        AdoptionEvent(ods_code=code, innovation="x", stage=Stage.STOPPED, day=DAY, reason=text)
        for code, text in zip(codes, texts, strict=True)
    )
    members = Membership(
        members=tuple(Member(ods_code=code, name=code, kind="k", region="r", joined=date(2020, 1, 1)) for code in codes)
    )
    path = tmp_path / "adoptions.csv"
    path.write_bytes(adoptions_csv(events))
    _quiet(path.read_bytes())
    assert read_adoptions(path, membership=members) == events


def test_names_of_a_tracker_come_back(tmp_path: Path) -> None:
    row = MatchRow(
        as_written="", ods_code="RX1", name="A", score="0.93", why="w", candidates="", confirmed=Confirmed.WAITS
    )
    rows = [replace(row, as_written=text, why=text) for text in (*RUN, *QUIET)]
    path = tmp_path / "adoption-matches.csv"
    path.write_bytes(matches_csv(rows))
    _quiet(path.read_bytes())
    found = read_matches(path, register=register_of([Organisation(ods_code="RX1", name="A")]))
    assert {one.as_written: one for one in found.values()} == {one.as_written: one for one in rows}

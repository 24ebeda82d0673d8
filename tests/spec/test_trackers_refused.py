"""Trackers, successions and match files that cannot be read: what a reader is told, and where."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from messy_trackers import AS_OF, members, network
from typer.testing import CliRunner

from rounds.centre.adoptions import AskedTracker, read_tracker
from rounds.cli.app import app
from rounds.errors import DefinitionError
from rounds.learning.spread.adoption import AdoptionEvent, Stage
from rounds.learning.spread.tracker.columns import Role
from rounds.network.members import Member, Membership
from rounds.network.successions import Succession, Successions
from rounds.storage.match_files import matches_csv
from rounds.storage.members import read_adoptions, read_membership, refuse_succeeded
from rounds.storage.succession_files import read_successions
from rounds.storage.workspace import Workspace, read_workspace

INNOVATION = "deterioration-programme"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return read_workspace(network(tmp_path_factory.mktemp("network") / "n", members(1, count=4)))


def refusal(empty: Workspace, path: Path, content: bytes, **said: object) -> str:
    path.write_bytes(content)
    asked = AskedTracker(path=path, innovation=INNOVATION, as_of=AS_OF)
    with pytest.raises(DefinitionError) as refused:
        read_tracker(empty, replace(asked, **said))  # type: ignore[arg-type]  # chosen by the case
    assert path.name in str(refused.value)
    return str(refused.value)


ENCRYPTED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 600


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", b"", ["the file is empty"]),
        ("t.csv", b" \n\n ", ["the file is empty"]),
        ("t.csv", b",,,\n,,\n", ["every sheet is empty"]),
        ("t.csv", b"hello\nworld\n", ["no header is found", "Trust, Status"]),
        ("t.csv", b"Status,Go live\nLive,1/2/2024\n", ["no column of organisations", "=organisation"]),
        ("t.csv", b"Trust,ODS code\nA,R1A\n", ["no column of a status or a stage", "=live"]),
        ("t.pdf", b"%PDF-1.7 \n binary", ["this is not an Excel workbook"]),
        ("t.docx", b"PK\x03\x04 not a zip", ["not an Excel workbook", "damaged"]),
        ("t.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", ["not an Excel workbook"]),
        ("t.xlsx", ENCRYPTED, ["protected by a password"]),
        ("t.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, ["damaged"]),
    ],
    ids=[
        "empty",
        "blank",
        "commas",
        "no header",
        "no organisation",
        "no stage",
        "pdf",
        "zip",
        "png",
        "password",
        "old",
    ],
)
def test_files_are_refused(empty: Workspace, tmp_path: Path, name: str, content: bytes, words: list[str]) -> None:
    said = refusal(empty, tmp_path / name, content)
    for word in words:
        assert word in said


def test_an_empty_workbook_and_an_unknown_sheet_are_refused(empty: Workspace, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.save(tmp_path / "t.xlsx")
    assert "every sheet is empty" in refusal(empty, tmp_path / "u.xlsx", (tmp_path / "t.xlsx").read_bytes())
    assert book.active is not None
    book.active.append(["Trust", "Live"])
    book.active.title = "Sites"
    book.save(tmp_path / "t.xlsx")
    said = refusal(empty, tmp_path / "u.xlsx", (tmp_path / "t.xlsx").read_bytes(), sheet="Other")
    assert "no visible sheet Other" in said
    assert "there is Sites" in said


def test_a_heading_that_is_not_there_is_refused(empty: Workspace, tmp_path: Path) -> None:
    said = refusal(empty, tmp_path / "t.csv", b"Trust,Live\nA,1/2/2024\n", columns={"Lead": Role.REASON})
    assert 'no column is headed "lead"' in said


def test_a_file_that_is_not_there_and_a_folder_are_refused(empty: Workspace, tmp_path: Path) -> None:
    for path, words in ((tmp_path / "none.xlsx", "no such file"), (tmp_path, "this is no file")):
        with pytest.raises(DefinitionError, match=words):
            read_tracker(empty, AskedTracker(path=path, innovation=INNOVATION, as_of=AS_OF))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("x,ZZ9,Z,,,,maybe", ["line 2", "column confirmed", "yes or no"]),
        ("x,ZZ9,Z,,,,yes", ["line 2", '"ZZ9" is no code of a member', "--register"]),
        ("x,,,,,,yes", ["line 2", "no ODS code stands in it"]),
        ("x,Z01,,,,,yes\nX ,Z02,,,,,no", ["line 3", "settled otherwise on line 2"]),
    ],
)
def test_match_files_are_refused(empty: Workspace, tmp_path: Path, row: str, words: list[str]) -> None:
    (tmp_path / "t.csv").write_text("Trust,Live\nA,1/2/2024\n")
    header = "as_written,ods_code,name,score,why,candidates,confirmed\n"
    (tmp_path / "adoption-matches.csv").write_text(header + row + "\n")
    with pytest.raises(DefinitionError) as refused:
        read_tracker(
            replace(empty, folder=tmp_path),
            AskedTracker(path=tmp_path / "t.csv", innovation=INNOVATION, as_of=AS_OF),
        )
    for word in ["adoption-matches.csv", *words]:
        assert word in str(refused.value)


def test_no_name_runs_as_a_formula(empty: Workspace, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("Trust,Live\n=cmd|calc,1/2/2024\n")
    asked = AskedTracker(path=tmp_path / "t.csv", innovation=INNOVATION, as_of=AS_OF)
    reading = read_tracker(empty, asked)
    written = matches_csv(reading.matches)
    assert b"\n'=cmd|calc," in written


def test_a_tracker_cannot_tell_of_the_future(tmp_path: Path) -> None:
    command = ["adoption", "import", str(tmp_path / "t.csv"), "--network", str(tmp_path), "--innovation", INNOVATION]
    for wrong in (["--as-of", "2026-01-01", "--today", "2025-01-01"], ["--as-of", "soon"], ["--status", "x=flying"]):
        folder = tmp_path / "n"
        if not folder.exists():
            network(folder, members(1, count=4))
        done = CliRunner().invoke(app, [*command[:4], str(folder), *command[5:], *wrong])
        assert done.exit_code == 2, done.output


SUCCESSIONS = "old_code,new_code,date\n"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("RA1,RA1,2020-04-01\n", ["line 2 (RA1 to RA1 on 2020-04-01)", "circle"]),
        ("RA1,RB1,2020-04-01\nRX1,RX2,2020-04-01\nRB1,RA1,2021-04-01\n", ["line 2 ", "line 4 ", "circle"]),
        ("RA1,RB1,01/04/2020\n", ["line 2", "column date"]),
        ("RA1,,2020-04-01\n", ["line 2", "column new_code", "empty"]),
    ],
)
def test_successions_are_refused(tmp_path: Path, rows: str, words: list[str]) -> None:
    path = tmp_path / "successions.csv"
    path.write_text(SUCCESSIONS + rows)
    with pytest.raises(DefinitionError) as refused:
        read_successions(path, about=["RA1"])
    for word in ["successions.csv", *words]:
        assert word in str(refused.value)


def test_what_concerns_nobody_in_the_network_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "successions.csv"
    path.write_text(SUCCESSIONS + "RX1,RX1,2020-04-01\nRA1,RB1,2020-04-01\nRY1,RY2,2020-04-01\n")
    found = read_successions(path, about=["RB1"])
    assert found.all == (Succession(old_code="RA1", new_code="RB1", day=date(2020, 4, 1)),)
    assert read_successions(tmp_path / "none.csv", about=["RB1"]).all == ()


MERGED = Successions(all=(Succession(old_code="ZA1", new_code="ZB1", day=date(2022, 4, 1)),))
SUCCESSOR = Membership(
    members=(Member(ods_code="ZB1", name="B", kind="trust", region="North", joined=date(2022, 4, 1)),)
)


def adoptions(tmp_path: Path, rows: str) -> tuple[AdoptionEvent, ...]:
    path = tmp_path / "adoptions.csv"
    path.write_text("ods_code,innovation,stage,date,earliest,fidelity,reason\n" + rows)
    return read_adoptions(path, membership=SUCCESSOR, successions=MERGED)


def test_a_predecessor_may_have_adopted_until_it_ended(tmp_path: Path) -> None:
    found = adoptions(tmp_path, "ZA1,x,live,2021-05-01,,12 of 14 wards,asked for it\n")
    assert (found[0].ods_code, found[0].stage, str(found[0].fidelity)) == ("ZA1", Stage.LIVE, "12 of 14 wards")
    straddling = adoptions(tmp_path, "ZA1,x,live,2022-06-30,2022-01-01,,\n")
    assert (straddling[0].first_day, straddling[0].day) == (date(2022, 1, 1), date(2022, 3, 31))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("ZA1,x,live,2022-04-01,,,\n", ["line 2", "from 2022-04-01 ZB1 carries on", "write ZB1"]),
        ("ZB1,x,live,2021-05-01,,,\n", ["line 2", "ZB1 joined the network on 2022-04-01"]),
        ("ZC1,x,live,2021-05-01,,,\n", ["line 2", '"ZC1" is not a member']),
        ("ZB1,x,live,2022-05-01,2022-05-01,,\n", ["line 2", "earliest 2022-05-01"]),
        ("ZB1,x,live,2022-05-01,,150%,\n", ["line 2", "0% to 100%"]),
        ("ZB1,x,live,2022-05-01,,lots,\n", ["line 2", "fidelity is written as"]),
        ("ZB1,x,flying,2022-05-01,,,\n", ["line 2", 'unknown stage "flying"']),
        ("ZB1,x,live,2022-05-01,,,\nZB1,x,embedded,2022-05-01,,,\n", ["line 3", "line 2", "at live and at embedded"]),
    ],
    ids=["after it ended", "before joining", "stranger", "earliest", "share", "fidelity", "stage", "two on one day"],
)
def test_adoptions_with_successions_are_refused(tmp_path: Path, rows: str, words: list[str]) -> None:
    with pytest.raises(DefinitionError) as refused:
        adoptions(tmp_path, rows)
    for word in ["adoptions.csv", *words]:
        assert word in str(refused.value)


def test_a_member_leaves_when_others_carry_on_its_work() -> None:
    old = Member(ods_code="ZA1", name="A", kind="trust", region="North", joined=date(2020, 4, 1))
    with pytest.raises(DefinitionError, match=r"ZA1 is a member after 2022-04-01.*ZB1 carries on"):
        refuse_succeeded(Path("members.csv"), Membership(members=(old,)), MERGED)
    left = replace(old, left=date(2022, 4, 1))
    refuse_succeeded(Path("members.csv"), Membership(members=(left,)), MERGED)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("ZZ1,One,a,N,2020-01-01,\nZZ1,One,a,N,2021-01-01,\n", ["line 3", "already on line 2", "same days"]),
        ("ZZ1,One,a,N,2020-01-01,2021-06-01\nZZ1,One,a,N,2021-01-01,\n", ["line 3", "same days"]),
        ("ZZ1,One,a,N,2020-01-01,2021-01-01\nZZ1,Two,a,N,2022-01-01,\n", ["line 3", "another name"]),
    ],
)
def test_spells_that_overlap_are_refused(tmp_path: Path, rows: str, words: list[str]) -> None:
    path = tmp_path / "members.csv"
    path.write_text("ods_code,name,kind,region,joined,left\n" + rows)
    with pytest.raises(DefinitionError) as refused:
        read_membership(path)
    for word in ["members.csv", *words]:
        assert word in str(refused.value)


def test_spells_are_read(tmp_path: Path) -> None:
    path = tmp_path / "members.csv"
    path.write_text(
        "ods_code,name,kind,region,joined,left\nZZ1,One,a,N,2022-01-01,\nZZ1,One,a,N,2020-01-01,2021-01-01\n"
    )
    (member,) = read_membership(path).members
    assert [member.belongs_on(date(year, 6, 1)) for year in (2019, 2020, 2021, 2022)] == [False, True, False, True]

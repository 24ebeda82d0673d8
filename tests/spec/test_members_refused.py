"""members.csv and adoptions.csv: what is read, and what a reader is told when it cannot be true."""

from datetime import date
from pathlib import Path

import pytest

from rounds.errors import DefinitionError
from rounds.learning.spread.adoption import AdoptionEvent, Stage
from rounds.network.members import Member, Membership
from rounds.storage.members import read_adoptions, read_membership

MEMBERS = "ods_code,name,kind,region,joined,left\n"
ADOPTIONS = "ods_code,innovation,stage,date\n"
MEMBERSHIP = Membership(
    members=(
        Member(ods_code="ZZ1", name="One", kind="acute", region="North", joined=date(2020, 1, 1)),
        Member(
            ods_code="ZZ2", name="Two", kind="acute", region="North", joined=date(2020, 1, 1), left=date(2022, 1, 1)
        ),
    )
)


def membership(tmp_path: Path, rows: str) -> Membership:
    path = tmp_path / "members.csv"
    path.write_text(MEMBERS + rows, encoding="utf-8")
    return read_membership(path)


def adoptions(tmp_path: Path, rows: str) -> tuple[AdoptionEvent, ...]:
    path = tmp_path / "adoptions.csv"
    path.write_text(ADOPTIONS + rows, encoding="utf-8")
    return read_adoptions(path, membership=MEMBERSHIP)


def test_members_are_read(tmp_path: Path) -> None:
    rows = "ZZ1,One,acute,North,2020-01-01,\nZZ2,Two,acute,North,2020-01-01,2022-01-01\n"
    assert membership(tmp_path, rows) == MEMBERSHIP


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("", ["no members"]),
        ("zz1,One,acute,North,2020-01-01,\n", ["line 2", '"zz1"', "capital"]),
        (
            "ZZ1,One,acute,North,2020-01-01,\nZZ2,Two,acute,North,2020-01-01,\nZZ1,One,acute,North,2021-01-01,\n",
            ["line 4", "ZZ1", "line 2"],
        ),
        ("ZZ1,One,acute,North,2020-01-01,2020-01-01\n", ["line 2", "ZZ1", "left"]),
        ("ZZ1,One,acute,,2020-01-01,\n", ["line 2", "column region", "empty"]),
        ("ZZ1,One,acute,North,01/01/2020,\n", ["line 2", "column joined", "2024-03-31"]),
    ],
    ids=["none", "small letters", "twice", "left before joined", "no region", "date"],
)
def test_members_are_refused(tmp_path: Path, rows: str, words: list[str]) -> None:
    with pytest.raises(DefinitionError) as refusal:
        membership(tmp_path, rows)
    for word in ["members.csv", *words]:
        assert word in str(refusal.value)


def test_adoptions_are_read_and_may_be_none(tmp_path: Path) -> None:
    assert adoptions(tmp_path, "") == ()
    found = adoptions(tmp_path, "ZZ1,early-warning,live,2021-03-01\n")
    assert found == (AdoptionEvent(ods_code="ZZ1", innovation="early-warning", stage=Stage.LIVE, day=date(2021, 3, 1)),)


def test_a_member_may_stop_and_start_again_and_stop_on_leaving(tmp_path: Path) -> None:
    rows = (
        "ZZ1,early-warning,live,2020-03-01\nZZ1,early-warning,stopped,2021-01-01\nZZ1,early-warning,live,2022-01-01\n"
        "ZZ2,early-warning,live,2020-03-01\nZZ2,early-warning,stopped,2022-01-01\n"
    )
    assert len(adoptions(tmp_path, rows)) == 5


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("ZZ11,early-warning,live,2021-03-01\n", ["line 2", '"ZZ11"', "did you mean `ZZ1`?", "members.csv"]),
        ("ZZ1,early-warning,embeded,2021-03-01\n", ["line 2", '"embeded"', "did you mean `embedded`?"]),
        ("ZZ1,Early Warning,live,2021-03-01\n", ["line 2", '"Early Warning"', "hyphens"]),
        ("ZZ1,early-warning,live,2019-12-31\n", ["line 2", "ZZ1", "joined the network on 2020-01-01"]),
        ("ZZ2,early-warning,live,2022-01-01\n", ["line 2", "ZZ2", "left the network on 2022-01-01"]),
        (
            "ZZ1,early-warning,live,2021-03-01\nZZ2,early-warning,live,2021-03-01\nZZ1,early-warning,live,2021-03-01\n",
            ["line 4", "ZZ1", "already reached live", "line 2"],
        ),
        (
            "ZZ1,early-warning,live,2021-03-01\nZZ1,early-warning,live,2021-06-01\n",
            ["line 3", "already reached live", "line 2"],
        ),
        (
            "ZZ1,early-warning,live,2021-03-01\nZZ1,early-warning,embedded,2021-01-01\n",
            ["line 3", "line 2", "live", "after embedded", "stopped"],
        ),
    ],
    ids=["member", "stage", "innovation", "before joining", "after leaving", "duplicate", "stage twice", "backwards"],
)
def test_adoptions_are_refused(tmp_path: Path, rows: str, words: list[str]) -> None:
    with pytest.raises(DefinitionError) as refusal:
        adoptions(tmp_path, rows)
    for word in ["adoptions.csv", *words]:
        assert word in str(refusal.value)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("ZZ11", 'line 2: "ZZ11" is not a member; did you mean `ZZ1`? If not, add it to members.csv'),
        ("R0A", 'line 2: "R0A" is not a member; choose one of `ZZ1`, `ZZ2`, or add it to members.csv'),
    ],
)
def test_a_stranger_is_refused_in_a_whole_sentence(tmp_path: Path, code: str, says: str) -> None:
    with pytest.raises(DefinitionError) as refusal:
        adoptions(tmp_path, f"{code},early-warning,live,2021-03-01\n")
    assert str(refusal.value) == f"adoptions.csv, {says}"


def test_an_innovation_that_is_not_in_the_library_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "adoptions.csv"
    path.write_text(ADOPTIONS + "ZZ1,early-warming,live,2021-03-01\n", encoding="utf-8")
    with pytest.raises(DefinitionError, match=r'line 2: no innovation "early-warming".*`early-warning`'):
        read_adoptions(path, membership=MEMBERSHIP, innovations={"early-warning"})

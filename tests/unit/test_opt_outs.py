"""Opt-outs at a site: numbers drop by just those who have opted out, and what was remembered before is not used."""

import stat
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from every_engine import ENGINES
from hypothesis import given, settings
from hypothesis import strategies as st
from opted_out_site import NUMBERS, PEOPLE, Silent, valid_numbers, write_hospital, write_list_of, write_numbers

import rounds
from rounds.engines.pack.layout import open_pack
from rounds.engines.pack.serving import served_pack
from rounds.errors import RecordsError
from rounds.exchange.question import Question
from rounds.measures.periods import Grain, periods_between
from rounds.records.exclusion import Exclusion
from rounds.records.nhs_numbers import NhsNumber, are_valid, parse_nhs_number
from rounds.records.omop import Records, open_records
from rounds.records.opt_outs.kept import KeptList
from rounds.records.opt_outs.mesh import read_list, write_list
from rounds.records.opt_outs.people import read_people_numbers
from rounds.site.answer import count
from rounds.site.folder import RecordsBlock, Site, read_site
from rounds.site.ledger import would_release
from rounds.site.opt_outs import open_site_records, request_opt_outs, said_of_opt_outs, take_opt_outs
from rounds.storage.audit_log import read_log

TODAY = date(2025, 7, 1)
OUT = (3, 7, 30)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return write_hospital(tmp_path / "hospital")


def opened(site: Site, *, keep: bool = False) -> Records:
    assert isinstance(site.source, RecordsBlock)
    return open_site_records(site, site.source, as_of=date(2024, 4, 1), today=TODAY, progress=lambda _: None, keep=keep)


def take(site: Site, *, out: tuple[int, ...], people: range = range(1, PEOPLE + 1)) -> tuple[int, int]:
    """Ask about everybody, and be told that some have opted out."""
    request_opt_outs(site, out=None, today=TODAY, progress=Silent())
    file = write_list_of(site.folder / "answer.dat", [person for person in people if person not in out])
    return take_opt_outs(site, file, made_on=None, today=TODAY, progress=Silent())


def deaths(records: Records, site: Site, engine: str) -> tuple[int, int]:
    measure = site.library.measure("in-hospital-deaths", 1)
    periods = periods_between(first=date(2024, 1, 1), last=date(2024, 3, 31), grain=Grain.MONTH)
    cells = ENGINES[engine](measure, records, member="ZZ1", periods=periods).cells
    return int(cells["numerator"].sum()), int(cells["denominator"].sum())


@pytest.mark.parametrize("engine", ENGINES)
def test_counts_drop_by_just_those_who_have_opted_out(site: Site, engine: str) -> None:
    everybody = open_records(site.folder / "records", site=site.id, as_of=date(2024, 4, 1))
    assert deaths(everybody, site, engine) == (10, PEOPLE)
    assert take(site, out=OUT) == (PEOPLE - 3, PEOPLE)
    assert deaths(opened(site), site, engine) == (8, PEOPLE - 3)  # 3 and 30 are among those who died
    take(site, out=(7,))
    assert deaths(opened(site), site, engine) == (10, PEOPLE - 1)


def test_a_request_is_what_the_service_takes(site: Site) -> None:
    path, people = request_opt_outs(site, out=None, today=TODAY, progress=Silent())
    assert path == site.folder / "opt-outs" / "request-2025-07-01.dat"
    assert people == PEOPLE
    assert path.read_bytes() == b"".join(b"%d,\n" % number for number in sorted(NUMBERS.values()))
    for kept in site.opt_outs_folder.iterdir():
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(site.opt_outs_folder.stat().st_mode) == 0o700


def test_lists_stand_in_the_log_by_a_keyed_digest(site: Site) -> None:
    take(site, out=OUT)
    made, asked, taken = (entry.event for entry in read_log(site.ledger_path))
    assert [made.action, asked.action, taken.action] == ["key made", "opt-outs asked", "opt-outs taken"]
    assert asked.digest != taken.digest
    (site.folder / "keys" / "proofs.key").unlink()
    take(site, out=OUT)
    assert {entry.event.digest for entry in read_log(site.ledger_path)[3:]}.isdisjoint({asked.digest, taken.digest})


@pytest.mark.parametrize(("without", "left"), [("exclude", PEOPLE - 4), ("keep", PEOPLE - 2)])
def test_people_without_a_number_are_left_out_or_kept_as_the_site_says(tmp_path: Path, without: str, left: int) -> None:
    site = write_hospital(tmp_path / "hospital", without=without)
    write_numbers(site.folder, without=(1, 2))
    told: list[str] = []
    assert isinstance(site.source, RecordsBlock)
    take(site, out=(1, 2, 3, 7))
    records = open_site_records(site, site.source, as_of=date(2024, 4, 1), today=TODAY, progress=told.append)
    assert deaths(records, site, "duckdb")[1] == left
    assert "2 have no NHS number and are " + ("kept" if without == "keep" else "left out") in told[-1]


def test_whoever_came_after_the_request_is_in_no_count(tmp_path: Path) -> None:
    site = write_hospital(tmp_path / "hospital", people=range(1, 25))
    take(site, out=OUT, people=range(1, 25))
    write_hospital(tmp_path / "hospital")
    assert deaths(opened(site), site, "duckdb")[1] == 24 - 2
    records = opened(site)
    write_hospital(tmp_path / "hospital")
    with pytest.raises(RecordsError, match=r"person\.parquet was written to since it was looked up who must not be"):
        deaths(records, site, "duckdb")


def test_what_was_remembered_before_is_not_used(site: Site) -> None:
    question = Question(
        first=date(2024, 1, 1),
        last=date(2024, 3, 31),
        as_of=date(2024, 4, 1),
        measures=(site.library.measure("in-hospital-deaths", 1).ref,),
        members=("ZZ1",),
    )
    seen = []
    for out in ((), range(1, 13), (), (3,)):
        take(site, out=tuple(out))
        told: list[str] = []
        found = count(site, question, today=TODAY, progress=told.append)
        ((table,), _) = would_release(site, question, found)
        assert "1 of 1 periods counted" in told[-1]
        seen.append(int(table.cells["denominator_value"].fill_null(0).sum()))
    assert seen == [30, 20, 30, 30]  # 30, 18, 30 and 29, shown to the nearest 5
    told = []
    count(site, question, today=TODAY, progress=told.append)
    assert "0 of 1 periods counted" in told[-1]


def test_a_pack_is_not_grown_from_one_that_others_were_excluded_from(site: Site) -> None:
    """The rows of somebody who is counted again stand in no pack; growing it would count the person without them."""
    take(site, out=OUT)
    first = opened(site)
    assert not isinstance(served_pack(first, build=True, tell=lambda _: None), str)
    take(site, out=())
    again = opened(site)
    assert open_pack(again) is None
    pack = served_pack(again, build=True, tell=lambda _: None)
    assert not isinstance(pack, str)
    assert pack.people == PEOPLE
    assert open_pack(first) is None  # those who had opted out are in no index of before either
    assert deaths(again, site, "pack") == (10, PEOPLE)


def test_a_site_that_asks_nobody_is_told_in_its_preview(tmp_path: Path) -> None:
    site = write_hospital(tmp_path / "hospital")
    assert said_of_opt_outs(site) == ()
    settings_of = (site.folder / "site.yaml").read_text().splitlines()
    (site.folder / "site.yaml").write_text("\n".join(line for line in settings_of if "opt_outs" not in line))
    (line,) = said_of_opt_outs(read_site(site.folder))
    assert "For patients of the NHS in England say in site.yaml, under `opt_outs`" in line


def test_the_numbers_of_an_import_serve(tmp_path: Path) -> None:
    path = tmp_path / "person.parquet"
    numbers = valid_numbers(4)
    pl.DataFrame({"source_id": [f"{number}" for number in numbers], "number": [4, 3, 2, 1]}).write_parquet(path)
    people = read_people_numbers(path, site="hospital")
    assert people.of(np.array([1, 4, 5])).tolist() == [numbers[3], numbers[0], -1]
    pl.DataFrame({"source_id": ["P-17"], "number": [1]}).write_parquet(path)
    with pytest.raises(RecordsError, match=r"row 1: not an NHS number.*; if the source does not call people by their"):
        read_people_numbers(path, site="hospital")


@pytest.mark.parametrize("text", ["943 476 5919", "9434765919", "4010232137", "450 557 7104"])
def test_a_number_is_read_with_and_without_spaces(text: str) -> None:
    found = parse_nhs_number(text, where="row 1")
    assert found.number == int(text.replace(" ", ""))


@pytest.mark.parametrize(
    "text", ["", "943476591", "94347659190", "9434765918", "943-476-5919", "٩٤٣٤٧٦٥٩١٩", "+943476591"]
)
def test_anything_else_is_no_number_and_is_not_repeated(text: str) -> None:
    with pytest.raises(RecordsError, match=r"numbers\.csv row 7: ") as refused:
        parse_nhs_number(text, where="numbers.csv row 7")
    assert not text or text not in str(refused.value)


def test_a_remainder_that_needs_ten_is_no_number() -> None:
    """The weighted sum of 123456789 is 210, 1 more than a multiple of 11: no last digit makes it a number."""
    assert not are_valid(1_234_567_890 + np.arange(10)).any()


def test_just_ten_in_eleven_of_nine_digits_have_a_number() -> None:
    some = np.arange(4_000_000_000, 4_000_110_000)
    assert int(are_valid(some).sum()) == 10_000


@pytest.mark.parametrize("shown", [repr, str, "{}".format, "{0!r:>40}".format])
def test_nothing_of_who_it_is_stands_in_a_repr(shown: object, tmp_path: Path) -> None:
    number = NUMBERS[1]
    path = tmp_path / "numbers.csv"
    path.write_text(f"person_id,nhs_number\n1,{number}\n", encoding="utf-8")
    for value in (
        NhsNumber(number=number),
        KeptList(on=TODAY, numbers=np.array([number])),
        Exclusion(person_ids=np.array([4_711]), files=""),
        read_people_numbers(path, site="hospital"),
    ):
        text = shown(value)  # type: ignore[operator]
        assert str(number) not in text
        assert "4711" not in text


@settings(max_examples=150)
@given(st.lists(st.binary(max_size=14) | st.sampled_from([b"%010d,\n" % one for one in valid_numbers(9)]), max_size=9))
def test_a_list_is_read_as_written_or_refused(lines: list[bytes]) -> None:
    """Whatever bytes come: numbers that write to the same bytes, or a refusal that holds none of them."""
    with tempfile.TemporaryDirectory() as folder:
        path, content = Path(folder) / "answer.dat", b"".join(lines)
        path.write_bytes(content)
        try:
            numbers = read_list(path, progress=Silent())
        except RecordsError as error:
            said = str(error).removeprefix(str(path))
            assert not any(line.strip(b",\n").decode("latin-1") in said for line in lines if len(line) > 8)
            return
        write_list(path, numbers)
        assert path.read_bytes() == content
        assert are_valid(numbers).all()


def test_records_are_opened_for_counting_in_one_place() -> None:
    """Who opens them elsewhere counts people who have opted out; a check of an import or an erasure counts nothing."""
    may = {"site/opt_outs.py", "site/importing.py", "site/erasure.py"}
    package = Path(rounds.__file__).parent
    sources = {path.relative_to(package).as_posix(): path.read_text(encoding="utf-8") for path in package.rglob("*.py")}
    calling = {name for name, text in sources.items() if "open_records(" in text.replace("def open_records(", "")}
    assert calling == may

"""Lists of opt-outs that are not what they should be: refused by the line, and nothing is counted without one."""

import os
import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from opted_out_site import NUMBERS, PEOPLE, Silent, valid_numbers, write_hospital, write_list_of, write_numbers

from rounds.errors import DefinitionError, DisclosureRefusal, RecordsError, RoundsError
from rounds.exchange.question import Question
from rounds.records.opt_outs.mesh import read_list
from rounds.records.opt_outs.people import read_people_numbers
from rounds.site.answer import check, count
from rounds.site.folder import Site, read_site
from rounds.site.opt_outs import request_opt_outs, take_opt_outs
from rounds.storage.atomic import write_private_file

TODAY = date(2025, 7, 1)
GOOD = b"".join(b"%010d,\n" % number for number in valid_numbers(5))
THIRD = GOOD[24:36]

LINES = {
    "CR LF": (GOOD[:24] + THIRD[:11] + b"\r\n" + GOOD[36:], "line 3 ends in CR LF; the format is one NHS number"),
    "CR LF throughout": (GOOD.replace(b"\n", b"\r\n"), "line 1 ends in CR LF"),
    "CR alone": (GOOD.replace(b"\n", b"\r"), "line 1 holds a carriage return"),
    "no comma": (GOOD.replace(THIRD, THIRD[:10] + b"\n"), "line 3 does not end in a comma"),
    "nine digits": (GOOD.replace(THIRD, THIRD[1:]), "line 3 is not ten digits and a comma"),
    "eleven digits": (GOOD.replace(THIRD, b"1" + THIRD), "line 3 is not ten digits and a comma"),
    "letters": (GOOD.replace(THIRD, b"9A00000009,\n"), "line 3 is not ten digits and a comma"),
    "spaces": (GOOD.replace(THIRD, b"943 476 5919,\n"), "line 3 is not ten digits and a comma"),
    "a wrong check digit": (GOOD.replace(THIRD, b"9434765918,\n"), "line 3 has an NHS number whose check digit is wr"),
    "a placeholder": (GOOD.replace(THIRD, b"0000000000,\n"), "line 3 has an NHS number whose check digit is wrong"),
    "an empty line": (GOOD[:24] + b"\n" + GOOD[24:], "line 3 is empty"),
    "an empty line at the end": (GOOD + b"\n", "line 6 is empty"),
    "a cut last line": (GOOD[:-1], "line 5 is cut off: no line feed ends it"),
    "a cut last number": (GOOD[:-5], "line 5 is cut off: no line feed ends it"),
    "a number twice": (GOOD + THIRD, "line 6 has the number of 3"),
    "a number thrice": (GOOD + THIRD + THIRD, r"line 6 has the number of 3 \(2 are repeated in all\)"),
    "a byte order mark": (b"\xef\xbb\xbf" + GOOD, "line 1 begins with a byte order mark"),
    "UTF-16": (GOOD.decode().encode("utf-16"), "line 1 begins with a byte order mark"),
    "nothing": (b"", "the file is empty, so that nobody's records might be used"),
    "the service's refusal": (
        b"The file contains one or more invalid NHS Numbers. \n",
        "line 1 is the service's refusal, not a list",
    ),
    "a long line": (b"1" * 2_000_000, "line 1 does not end in a comma"),
}


@pytest.mark.parametrize("case", LINES)
def test_a_wrong_line_is_refused_by_its_number(tmp_path: Path, case: str) -> None:
    content, words = LINES[case]
    path = tmp_path / "answer.dat"
    path.write_bytes(content)
    with pytest.raises(RecordsError, match=words) as refused:
        read_list(path, progress=Silent())
    assert not re.search(r"\d{6}", str(refused.value).removeprefix(str(path)))


def test_a_wrong_line_far_down_is_found(tmp_path: Path) -> None:
    path = tmp_path / "answer.dat"
    lines = [b"%010d,\n" % number for number in valid_numbers(200_010)]
    path.write_bytes(b"".join([*lines[:200_003], b"9434765918,\n", *lines[200_003:]]))
    with pytest.raises(RecordsError, match="line 200004 has an NHS number whose check digit"):
        read_list(path, progress=Silent())


ROWS = {
    "a wrong check digit": ("2,9434765918\n", "row 2: the check digit of this NHS number is wrong"),
    "nine digits": ("2,943476591\n", "row 2: not an NHS number, which has 10 digits"),
    "words": ("2,not known\n", "row 2: not an NHS number, which has 10 digits"),
    "no person": ("two,9434765919\n", "row 2: `person_id` is not a whole number"),
    "a person twice": ("1,9434765919\n", "row 2 has the person_id of 1; .* give each person one row"),
    "a number twice": (f"2,{NUMBERS[1]}\n", "row 2 has the NHS number of 1; .*: merge the two people"),
    "two rows": ("2,1\n3,2\n", r"row 2: not an NHS number, which has 10 digits \(2 such rows in all\)"),
}


@pytest.mark.parametrize("case", ROWS)
def test_numbers_of_people_are_refused_by_their_row(tmp_path: Path, case: str) -> None:
    rows, words = ROWS[case]
    path = tmp_path / "numbers.csv"
    path.write_text(f"person_id,nhs_number\n1,{NUMBERS[1]}\n{rows}", encoding="utf-8")
    with pytest.raises(RecordsError, match=words) as refused:
        read_people_numbers(path, site="hospital")
    assert "hospital" in str(refused.value)
    assert "94347659" not in str(refused.value)
    assert str(NUMBERS[1]) not in str(refused.value)


def test_numbers_of_people_need_their_columns_and_their_file(tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    with pytest.raises(RecordsError, match=r"no such file; correct `opt_outs\.nhs_numbers`"):
        read_people_numbers(path, site="hospital")
    path.write_text("person,nhs\n1,2\n", encoding="utf-8")
    with pytest.raises(RecordsError, match="column `person_id` is missing"):
        read_people_numbers(path, site="hospital")
    path.with_suffix(".parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(RecordsError, match="not complete Parquet"):
        read_people_numbers(path.with_suffix(".parquet"), site="hospital")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return write_hospital(tmp_path / "hospital")


def question(site: Site) -> Question:
    return Question(
        first=date(2024, 1, 1),
        last=date(2024, 3, 31),
        as_of=date(2024, 4, 1),
        measures=(site.library.measure("in-hospital-deaths", 1).ref,),
        members=("ZZ1",),
    )


def asked_and_taken(site: Site, *, on: date = TODAY, made_on: date | None = None) -> None:
    request_opt_outs(site, out=None, today=on, progress=Silent())
    file = write_list_of(site.folder / "answer.dat", range(1, PEOPLE))
    take_opt_outs(site, file, made_on=made_on, today=on, progress=Silent())


def refused(site: Site, words: str, *, today: date = TODAY) -> None:
    """See that neither a check nor an answer is given."""
    for act in (check, count):
        with pytest.raises(DisclosureRefusal, match=words):
            act(site, question(site), today=today, progress=lambda _: None)


def test_nothing_is_counted_without_a_list(site: Site) -> None:
    refused(site, "it is not known who has opted out, and site.yaml has `opt_outs`; ask the service")


def test_nothing_is_counted_with_a_stale_list(site: Site) -> None:
    asked_and_taken(site)
    check(site, question(site), today=TODAY + timedelta(days=21), progress=lambda _: None)
    refused(site, "of 2025-07-01, 22 days old, and may be 21", today=TODAY + timedelta(days=22))


def test_a_site_may_be_stricter_and_not_weaker(tmp_path: Path) -> None:
    site = write_hospital(tmp_path / "hospital", more=", at_most_days: 7")
    asked_and_taken(site)
    refused(site, "8 days old, and may be 7", today=TODAY + timedelta(days=8))
    with pytest.raises(DefinitionError, match="at_most_days"):
        write_hospital(tmp_path / "weaker", more=", at_most_days: 22")


def test_a_clock_set_back_makes_no_list_fresh(site: Site) -> None:
    asked_and_taken(site)
    refused(site, "is of 2025-07-01, and today is 2025-06-30 by the clock", today=TODAY - timedelta(days=1))
    request_opt_outs(site, out=None, today=TODAY + timedelta(days=20), progress=Silent())  # anything that is logged
    refused(site, "the clock was set back.* but something was logged on 2025-07-21", today=TODAY + timedelta(days=2))


def test_a_damaged_or_altered_list_is_no_list(site: Site) -> None:
    asked_and_taken(site)
    kept = site.opt_outs_folder / "allowed.list"
    content = kept.read_bytes()
    for changed in (content[:-3], content.replace(b"2025-07-01", b"2025-07-09"), b"", content[:-1] + b"\x01"):
        write_private_file(kept, changed)
        with pytest.raises(RecordsError, match=r"allowed\.list is damaged or was changed; delete it and take"):
            check(site, question(site), today=TODAY, progress=lambda _: None)


def test_a_list_that_answers_no_request_is_refused(site: Site) -> None:
    file = write_list_of(site.folder / "answer.dat", range(1, 20))
    with pytest.raises(RecordsError, match="nobody has been asked about; write the request first"):
        take_opt_outs(site, file, made_on=None, today=TODAY, progress=Silent())
    request_opt_outs(site, out=None, today=TODAY, progress=Silent())
    stranger = valid_numbers(PEOPLE + 1)[-1]
    file.write_text(file.read_text() + f"{stranger},\n", encoding="ascii")
    os.utime(file, (0, 0))
    with pytest.raises(RecordsError, match="line 20 names somebody who was not asked about") as refusal:
        take_opt_outs(site, file, made_on=TODAY, today=TODAY, progress=Silent())
    assert str(stranger) not in str(refusal.value)


def test_the_day_of_a_list_must_be_possible(site: Site) -> None:
    request_opt_outs(site, out=None, today=TODAY, progress=Silent())
    file = write_list_of(site.folder / "answer.dat", range(1, 20))
    for made_on, today, words in (
        (TODAY - timedelta(days=1), TODAY, "made on 2025-06-30 does not answer the request of 2025-07-01"),
        (TODAY + timedelta(days=1), TODAY, "is of 2025-07-02, and today is 2025-07-01 by the clock"),
        (TODAY, TODAY + timedelta(days=40), "40 days old"),
    ):
        with pytest.raises(RoundsError, match=words):
            take_opt_outs(site, file, made_on=made_on, today=today, progress=Silent())
    os.utime(file, (4e9, 4e9))
    with pytest.raises(RecordsError, match="was written in the future"):
        take_opt_outs(site, file, made_on=None, today=TODAY, progress=Silent())
    assert not (site.opt_outs_folder / "allowed.list").exists()


def test_an_older_list_does_not_replace_a_newer(site: Site) -> None:
    asked_and_taken(site, made_on=TODAY)
    later = TODAY + timedelta(days=3)
    file = site.folder / "answer.dat"
    take_opt_outs(site, file, made_on=later, today=later, progress=Silent())
    with pytest.raises(RecordsError, match="a list of 2025-07-04 is kept, which is newer than of 2025-07-01"):
        take_opt_outs(site, file, made_on=TODAY, today=later, progress=Silent())


def test_too_few_people_left_are_refused(site: Site) -> None:
    request_opt_outs(site, out=None, today=TODAY, progress=Silent())
    file = write_list_of(site.folder / "answer.dat", range(1, 6))
    take_opt_outs(site, file, made_on=None, today=TODAY, progress=Silent())
    with pytest.raises(RecordsError, match="fewer than 10 people are left"):
        check(site, question(site), today=TODAY, progress=lambda _: None)


def test_two_people_with_one_number_stop_the_site(site: Site) -> None:
    asked_and_taken(site)
    path = site.folder / "numbers.csv"
    path.write_text(path.read_text().replace(f"30,{NUMBERS[30]}", f"30,{NUMBERS[4]}"), encoding="utf-8")
    with pytest.raises(RecordsError, match="row 30 has the NHS number of 4"):
        check(site, question(site), today=TODAY, progress=lambda _: None)


def test_nobody_with_a_number_is_no_request(site: Site) -> None:
    write_numbers(site.folder, without=range(1, PEOPLE + 1))
    with pytest.raises(RecordsError, match="nobody has an NHS number; there is nothing to ask"):
        request_opt_outs(site, out=None, today=TODAY, progress=Silent())
    assert not site.opt_outs_folder.exists()


DATABASE = "records: {member: ZZ1, postgres: {schema: cdm, service: omop}}"
PUBLISHED = "published: {file: a.csv, organisation: o, period: p, measures: {late: {numerator: a, denominator: b}}}"


@pytest.mark.parametrize(
    ("place", "words"),
    [(DATABASE, "applied to records in a folder, not in a database"), (PUBLISHED, "published data name nobody")],
)
def test_where_opt_outs_cannot_be_applied_they_are_refused(tmp_path: Path, place: str, words: str) -> None:
    block = "opt_outs: {nhs_numbers: numbers.csv, without_number: exclude}"
    (tmp_path / "site.yaml").write_text(f"site: hospital\npolicy: hes\n{place}\n{block}\n", encoding="utf-8")
    with pytest.raises(DefinitionError, match=words):
        read_site(tmp_path)

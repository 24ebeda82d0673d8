"""Fidelity that has fallen, is low, or is not known: by dated readings, each member in one place."""

from datetime import date

import pytest
import reports_fixture as given

from rounds.errors import DefinitionError
from rounds.learning.spread.adoption import AdoptionEvent, Stage, read_fidelity
from rounds.learning.spread.coverage import Stopped, coverage, first_reached, stopped_members
from rounds.learning.spread.fidelity import FidelityWatch, Reading, fidelity_watch, watch_readings
from rounds.reports.content.fidelity import fidelity_words
from rounds.storage.members import check_adoptions

AS_OF = date(2024, 12, 31)


def read(*texts: str, last: date = date(2024, 11, 1)) -> list[Reading]:
    days = [date(2023, month, 1) for month in range(1, len(texts))]
    return [Reading(day=day, fidelity=read_fidelity(text)) for day, text in zip([*days, last], texts, strict=True)]


def place(*texts: str, last: date = date(2024, 11, 1)) -> str:
    """Return in which part of the watch a member with some readings is."""
    found = watch_readings({"RX1": read(*texts, last=last)}, as_of=AS_OF)
    parts = ("fallen", "low", "held", "read_once", "out_of_date", "unknown")
    (there,) = [name for name in parts if getattr(found, name)]
    return there


@pytest.mark.parametrize(
    ("texts", "where"),
    [
        (["90%", "60%"], "fallen"),  # 30 points
        (["90%", "71%"], "fallen"),  # 19 points, and no longer full
        (["85%", "76%"], "held"),  # no longer full, by 9 points
        (["100%", "81%"], "held"),  # 19 points, and still full
        (["100%", "80%"], "fallen"),  # 20 points
        (["79%", "59%"], "fallen"),
        (["40%", "90%", "65%"], "fallen"),  # against the best, not the first
        (["90%", "60%", "88%"], "held"),  # it has come back
        (["full", "partial"], "fallen"),
        (["partial", "low"], "fallen"),
        (["partial", "full"], "held"),
        (["low"], "low"),
        (["30%", "35%"], "low"),
        (["full", "30% of wards"], "low"),  # two measures: no fall can be told, and it is low
        (["full", "85% of wards"], "read_once"),
        (["85% of wards", "60% of patients"], "read_once"),
        (["85% of Wards", "60% of wards"], "fallen"),
        (["12 of 14 wards", "13 of 14 wards"], "held"),
        ([], "unknown"),
    ],
)
def test_each_member_is_in_one_place(texts: list[str], where: str) -> None:
    if texts:
        assert place(*texts) == where
    else:
        assert watch_readings({"RX1": []}, as_of=AS_OF).unknown == ("RX1",)


def test_what_was_read_long_ago_is_unknown_and_not_low() -> None:
    assert place("90%", "20%", last=date(2023, 12, 30)) == "out_of_date"
    assert place("90%", "20%", last=date(2023, 12, 31)) == "fallen"


def test_few_counted_are_little_proof() -> None:
    (few,) = watch_readings({"RX1": read("5 of 6 wards", "3 of 6 wards")}, as_of=AS_OF).fallen
    (many,) = watch_readings({"RX1": read("50 of 60 wards", "30 of 60 wards")}, as_of=AS_OF).fallen
    # Fisher's exact test by hand: of 12 wards 8 do, and of 6 drawn 3 or fewer do in 28 + 224 of 924 ways.
    assert few.chance == pytest.approx(252 / 924, abs=1e-9)
    assert (few.proven, many.proven) == (False, True)
    (twice,) = watch_readings({"RX1": read("5 of 6 wards", "4 of 6 wards", "3 of 6 wards")}, as_of=AS_OF).fallen
    assert twice.chance == pytest.approx(2 * 252 / 924, abs=1e-9)


def event(code: str, stage: Stage, day: date, fidelity: str = "", reason: str = "") -> AdoptionEvent:
    how = read_fidelity(fidelity) if fidelity else None
    return AdoptionEvent(ods_code=code, innovation="x", stage=stage, day=day, fidelity=how, reason=reason)


RESTARTED = (
    event("RX1", Stage.LIVE, date(2023, 1, 1), "95%"),
    event("RX1", Stage.STOPPED, date(2023, 6, 1), reason="no staff"),
    event("RX1", Stage.LIVE, date(2024, 1, 1), "60%"),
)


def test_what_was_before_a_stop_is_another_use() -> None:
    assert fidelity_watch(RESTARTED, innovation="x", users={"RX1"}, as_of=AS_OF).read_once == ("RX1",)
    later = (*RESTARTED, event("RX1", Stage.LIVE, date(2024, 6, 1), "30%"))
    check_adoptions(later)
    (fell,) = fidelity_watch(later, innovation="x", users={"RX1", "RX2"}, as_of=AS_OF).fallen
    assert (str(fell.before.fidelity), str(fell.now.fidelity)) == ("60%", "30%")
    before = fidelity_watch(later, innovation="x", users={"RX1", "RX2"}, as_of=date(2024, 5, 31))
    assert (before.fallen, before.read_once, before.unknown) == ((), ("RX1",), ("RX2",))


def test_a_later_reading_is_no_second_adoption() -> None:
    readings = (event("RX1", Stage.LIVE, date(2023, 1, 1)), event("RX1", Stage.LIVE, date(2024, 1, 1), "80%"))
    check_adoptions(readings)
    assert first_reached(readings, "x", Stage.LIVE) == {"RX1": date(2023, 1, 1)}
    counted = coverage(readings, innovation="x", stage=Stage.LIVE, day=AS_OF, members_on_day=["RX1"])
    assert (counted.adopted, counted.not_yet) == (1, ())
    with pytest.raises(
        DefinitionError, match=r"RX1 already reached live of x \(live on 2023-01-01\); keep one row, or write"
    ):
        check_adoptions((readings[0], event("RX1", Stage.LIVE, date(2024, 1, 1))))
    with pytest.raises(DefinitionError, match="already reached live"):
        check_adoptions((readings[0], event("RX1", Stage.LIVE, date(2023, 1, 1), "80%")))


def test_who_stopped_is_known_with_when_and_why() -> None:
    assert stopped_members(RESTARTED, "x", Stage.LIVE, AS_OF, among={"RX1"}) == ()
    then = stopped_members(RESTARTED, "x", Stage.LIVE, date(2023, 12, 31), among={"RX1"})
    assert then == (
        Stopped(member="RX1", day=date(2023, 6, 1), had=Stage.LIVE, since=date(2023, 1, 1), reason="no staff"),
    )
    assert stopped_members(RESTARTED, "x", Stage.LIVE, date(2023, 12, 31), among=()) == ()
    # At a programme whose stage is embedded, one that was live and stopped never reached it, and is no never-adopter.
    (early,) = stopped_members(RESTARTED, "x", Stage.EMBEDDED, date(2023, 12, 31), among={"RX1"})
    assert early.had is Stage.LIVE
    assert stopped_members(RESTARTED, "x", Stage.EMBEDDED, AS_OF, among={"RX1"}) == ()
    fell_back = (event("RX1", Stage.LIVE, date(2023, 1, 1)), event("RX1", Stage.PLANNED, date(2023, 5, 1)))
    (back,) = stopped_members(fell_back, "x", Stage.LIVE, AS_OF, among={"RX1"})
    assert (back.day, back.had) == (date(2023, 5, 1), Stage.LIVE)


def words(**parts: object) -> str:
    empty: dict[str, object] = dict.fromkeys(("fallen", "low", "held", "read_once", "out_of_date", "unknown"), ())
    return " ".join(fidelity_words(FidelityWatch(**{**empty, **parts}), given.MEMBERSHIP))  # type: ignore[arg-type]


def test_a_board_reads_what_is_low_apart_from_what_is_unknown() -> None:
    one, two, three = given.CODES[:3]
    assert words() == ""
    assert "is not known of any of the 2 members" in words(unknown=(one, two))
    fallen = watch_readings({one: read("5 of 6 wards", "3 of 6 wards"), two: [], three: read("low")}, as_of=AS_OF)
    said = " ".join(fidelity_words(fallen, given.MEMBERSHIP))
    name = given.MEMBERSHIP.name_of
    assert (
        f"{name(one)} uses it less fully than it did: 5 of 6 wards in January 2023, 3 of 6 wards in November 2024, of "
        "so few that chance alone could do it. It still counts as using it; ask what changed."
    ) in said
    assert f"Low, and not known to have been better: {name(three)}." in said
    assert f"is known of 2 of 3; never recorded at {name(two)}. Unknown is not low." in said
    assert "cannot be told: nobody has two readings" in words(read_once=(one,))
    assert "None of 2 members that can be compared" in words(held=(one, two))

"""Adoption: who is at a stage on a day, n of N against the membership of that day, and the curve."""

from datetime import date

import pytest

from rounds.errors import DefinitionError
from rounds.learning.spread.adoption import AdoptionEvent, Stage
from rounds.learning.spread.coverage import (
    adoption_curve,
    coverage,
    first_reached,
    stage_reached,
    stopped_on,
)


def event(code: str, stage: Stage, day: str, innovation: str = "news2") -> AdoptionEvent:
    return AdoptionEvent(ods_code=code, innovation=innovation, stage=stage, day=date.fromisoformat(day))


STORY = (
    event("RX1", Stage.EMBEDDED, "2024-05-01"),
    event("RX1", Stage.PLANNED, "2024-01-01"),
    event("RX1", Stage.LIVE, "2024-03-01"),
    event("RX2", Stage.LIVE, "2024-02-01"),
    event("RX2", Stage.STOPPED, "2024-04-01"),
    event("RX2", Stage.LIVE, "2024-06-01"),
    event("RX3", Stage.AWARE, "2024-01-01"),
    event("RX4", Stage.LIVE, "2024-01-01", "another"),
)


@pytest.mark.parametrize(
    ("stage", "day", "there"),
    [
        (Stage.LIVE, "2024-01-31", set()),
        (Stage.LIVE, "2024-02-01", {"RX2"}),
        (Stage.LIVE, "2024-03-01", {"RX1", "RX2"}),
        (Stage.LIVE, "2024-04-01", {"RX1"}),  # RX2 stopped
        (Stage.AWARE, "2024-04-01", {"RX1", "RX3"}),  # and stopped means no stage at all
        (Stage.LIVE, "2024-06-01", {"RX1", "RX2"}),  # and started again
        (Stage.EMBEDDED, "2024-06-01", {"RX1"}),
        (Stage.AWARE, "2024-06-01", {"RX1", "RX2", "RX3"}),
    ],
)
def test_the_latest_event_says_where_a_member_is(stage: Stage, day: str, there: set[str]) -> None:
    assert stage_reached(STORY, stage, date.fromisoformat(day), innovation="news2") == there


def test_a_later_event_at_an_earlier_stage_moves_a_member_back() -> None:
    events = [event("RX1", Stage.EMBEDDED, "2024-01-01"), event("RX1", Stage.AWARE, "2024-03-01")]
    assert stage_reached(events, Stage.EMBEDDED, date(2024, 2, 29)) == {"RX1"}
    assert stage_reached(events, Stage.EMBEDDED, date(2024, 3, 1)) == set()
    assert stage_reached(events, Stage.AWARE, date(2024, 3, 1)) == {"RX1"}


def test_two_stages_on_one_day_are_refused() -> None:
    events = [*STORY, event("RX1", Stage.STOPPED, "2024-03-01")]
    with pytest.raises(DefinitionError, match="RX1: news2 is both live and stopped on 2024-03-01; keep one"):
        stage_reached(events, Stage.LIVE, date(2024, 3, 1), innovation="news2")


def test_the_same_event_twice_counts_once_and_other_innovations_do_not_clash() -> None:
    events = [*STORY, STORY[0], event("RX1", Stage.AWARE, "2024-05-01", "another")]
    assert stage_reached(events, Stage.EMBEDDED, date(2024, 6, 1), innovation="news2") == {"RX1"}


def test_mixed_innovations_must_be_told_apart() -> None:
    with pytest.raises(ValueError, match=r"another, news2.*say which"):
        stage_reached(STORY, Stage.LIVE, date(2024, 6, 1))


def test_stopped_is_no_stage_to_reach() -> None:
    with pytest.raises(ValueError, match="cannot be reached"):
        first_reached(STORY, "news2", Stage.STOPPED)


def test_coverage_counts_members_of_the_day_only() -> None:
    found = coverage(
        STORY, innovation="news2", stage=Stage.LIVE, day=date(2024, 3, 1), members_on_day=["RX9", "RX1", "RX3"]
    )
    assert (found.adopted, found.members, found.not_yet) == (1, 3, ("RX3", "RX9"))


def test_coverage_of_nobody_is_none_of_none() -> None:
    found = coverage([], innovation="news2", stage=Stage.LIVE, day=date(2024, 3, 1), members_on_day=[])
    assert (found.adopted, found.members, found.not_yet) == (0, 0, ())


def test_the_curve_follows_the_membership() -> None:
    members = {date(2024, 2, 29): ["RX1", "RX2"], date(2024, 3, 31): ["RX1", "RX2"], date(2024, 4, 30): ["RX1", "RX5"]}
    curve = adoption_curve(
        STORY, innovation="news2", stage=Stage.LIVE, days=sorted(members), members_on=members.__getitem__
    )
    assert [(point.adopted, point.members) for point in curve.points] == [(1, 2), (2, 2), (1, 2)]
    assert curve.points[-1].not_yet == ("RX5",)


def test_the_days_of_a_curve_rise() -> None:
    days = [date(2024, 3, 31), date(2024, 2, 29)]
    with pytest.raises(ValueError, match="rise"):
        adoption_curve(STORY, innovation="news2", stage=Stage.LIVE, days=days, members_on=lambda _: [])


def test_first_reached_counts_stages_beyond() -> None:
    events = [event("RX1", Stage.EMBEDDED, "2024-05-01"), event("RX2", Stage.PLANNED, "2024-01-01")]
    assert first_reached(events, "news2", Stage.LIVE) == {"RX1": date(2024, 5, 1)}
    assert first_reached(STORY, "news2", Stage.LIVE) == {"RX1": date(2024, 3, 1), "RX2": date(2024, 2, 1)}


def test_stopped_on_is_the_first_end_after_reaching_the_stage() -> None:
    assert stopped_on(STORY, "news2", Stage.LIVE) == {"RX2": date(2024, 4, 1)}
    events = [
        event("RX1", Stage.LIVE, "2024-01-01"),
        event("RX1", Stage.STOPPED, "2024-02-01"),  # before it was embedded
        event("RX1", Stage.EMBEDDED, "2024-04-01"),
        event("RX1", Stage.IN_PROGRESS, "2024-06-01"),
    ]
    assert stopped_on(events, "news2", Stage.EMBEDDED) == {"RX1": date(2024, 6, 1)}
    assert stopped_on(events, "news2", Stage.LIVE) == {"RX1": date(2024, 2, 1)}

"""The benefit ledger's rules against counting day by day; shown parts against shown totals; generated cases."""

from datetime import date, timedelta

import benefit_cases as given
import numpy as np
import pytest
from hypothesis import assume, event, settings
from hypothesis import given as generated
from hypothesis import strategies as st

from rounds.errors import DefinitionError
from rounds.learning.benefit.entries import Counted, Entry
from rounds.learning.benefit.rounding import whole_parts
from rounds.learning.benefit.rules import FIRST_IN_EFFECT, SPLIT_EVENLY, Line, reached_together, shares
from rounds.learning.benefit.totals import benefited, counted_once, totals_by

DAY = date(2024, 1, 1)
PROGRAMMES = ("a", "b", "c")


@st.composite
def overlaps(draw: st.DrawFn) -> list[Line]:
    """Programmes in effect at two members, in periods of any length that overlap as they like, but not their own."""
    lines = []
    for member in ("X1", "X2"):
        for name in PROGRAMMES:
            since = DAY - timedelta(days=draw(st.integers(0, 3)))
            start = draw(st.integers(0, 6))
            for _ in range(draw(st.integers(0, 3))):
                length = draw(st.integers(1, 8))
                first = DAY + timedelta(days=start)
                value = draw(st.one_of(st.none(), st.integers(-9, 9).map(float)))
                many = draw(st.integers(0, 20))
                last = first + timedelta(days=length - 1)
                lines.append(
                    Line(
                        name,
                        draw(st.sampled_from(["m", "n"])),
                        given.entry(
                            member, first, last, value, since=since, reached=(many, many + draw(st.integers(0, 5)))
                        ),
                    )
                )
                start += length + draw(st.integers(0, 3))
    return lines


def _days(entry: Entry) -> list[date]:
    return [entry.start + timedelta(days=day) for day in range(entry.days)]


@settings(max_examples=60, deadline=None)
@generated(overlaps(), st.booleans())
def test_shares_are_those_of_counting_day_by_day(lines: list[Line], first: bool) -> None:
    lines = [line._replace(measure="m") for line in lines]
    found = shares(lines, rule=FIRST_IN_EFFECT if first else SPLIT_EVENLY)
    told = [line for line in lines if line.entry.avoided is not None]
    whole: dict[tuple[str, date], float] = {}
    for line, share in zip(lines, found, strict=True):
        if line.entry.avoided is None:
            assert share == 1.0
            continue
        due = 0.0
        for day in _days(line.entry):
            present = [one for one in told if one.entry.member == line.entry.member and day in _days(one.entry)]
            if first:
                due += min(present, key=lambda one: (one.entry.since, one.innovation)) is line
            else:
                due += 1 / len(present)
            event(f"programmes on one day: {len(present)}")
        assert abs(share - due / line.entry.days) < 1e-12
        for day in _days(line.entry):
            whole[line.entry.member, day] = whole.get((line.entry.member, day), 0.0)
    counted = sum(share * line.entry.days for line, share in zip(lines, found, strict=True) if line.entry.avoided)
    assert abs(counted - len(whole)) < 1e-9  # each day of each member counts once, however many programmes there are


@settings(max_examples=40, deadline=None)
@generated(overlaps(), st.booleans(), st.randoms(use_true_random=False))
def test_no_assignment_of_patients_lies_outside_the_bounds_of_reached(
    lines: list[Line], people: bool, chance: "np.random.RandomState"
) -> None:
    """Give everybody reached a number of their own, or one that somebody else reached has, wherever that can be."""
    unlike: dict[tuple[str, str, date], Line] = {}
    for line in lines:
        key = (line.measure, line.entry.member, line.entry.start)
        unlike.setdefault(key, line)
    lines = [line for key, line in unlike.items()]
    assume(not any(_clash(one, two) for one in lines for two in lines if one is not two))
    counted = Counted.PEOPLE if people else Counted.EVENTS
    bounds = reached_together(lines, counted=counted)
    for mode in ("apart", "together", "mixed"):
        reached: set[tuple[object, ...]] = set()
        for line in lines:
            entry = line.entry
            for number in range(entry.reached.lower):
                join = mode == "together" or (mode == "mixed" and chance.random() < 0.5)
                where: tuple[object, ...] = (line.measure, entry.member, entry.start)
                if join:
                    where = () if people else (entry.member, _group(line, lines), _place(line, lines))
                reached.add((*where, number))
        assert bounds.lower <= len(reached) <= bounds.upper
        if people and mode == "together":
            assert len(reached) == bounds.lower, "the lower bound is reached"
        if mode == "apart" and all(line.entry.reached.lower == line.entry.reached.upper for line in lines):
            assert len(reached) == bounds.upper, "the upper bound is reached"


def _clash(one: Line, two: Line) -> bool:
    """Two entries of one measure and member never share days but in whole: they are the same denominator."""
    return (
        one.measure == two.measure
        and one.entry.member == two.entry.member
        and one.entry.start <= two.entry.end
        and two.entry.start <= one.entry.end
    )


def _group(line: Line, lines: list[Line]) -> date:
    """The first day of those that share days with a line, directly or through others, at its member."""
    first, last = line.entry.start, line.entry.end
    while True:
        near = [
            one.entry
            for one in lines
            if one.entry.member == line.entry.member and one.entry.start <= last and first <= one.entry.end
        ]
        wider = min(one.start for one in near), max(one.end for one in near)
        if wider == (first, last):
            return first
        first, last = wider


def _place(line: Line, lines: list[Line]) -> int:
    """Which of its measure's periods in its group a line is: events of one measure are never the same ones."""
    own = [
        one.entry.start
        for one in lines
        if one.measure == line.measure
        and one.entry.member == line.entry.member
        and _group(one, lines) == _group(line, lines)
    ]
    return sorted(own).index(line.entry.start)


@settings(max_examples=30, deadline=None)
@generated(
    st.integers(1, 6),
    st.integers(1, 8),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.3, 5.0, 4000.0]),
    st.booleans(),
)
def test_shown_parts_add_up_and_are_off_by_less_than_one(
    height: int, width: int, seed: int, size: float, some_whole: bool
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(0.0, size, (height, width))
    if some_whole:
        values[rng.random(values.shape) < 0.4] = np.rint(size)
    regions = [np.arange(height) % 2 == region for region in range(min(2, height))]
    years = [np.arange(width) // 4 == year for year in range((width + 3) // 4)]
    shown = whole_parts(values, rows=regions, columns=years)
    assert np.all(np.abs(shown - values) < 1)
    for axis in (0, 1, None):
        assert np.all(np.abs(shown.sum(axis=axis) - values.sum(axis=axis)) < 1 + 1e-9)
    for group in regions:
        assert abs(shown[group].sum() - values[group].sum()) < 1 + 1e-9
    for group in years:
        assert abs(shown[:, group].sum() - values[:, group].sum()) < 1 + 1e-9
    assert np.array_equal(shown[values == np.rint(values)], values[values == np.rint(values)])


@settings(max_examples=20, deadline=None)
@generated(overlaps(), st.integers(0, 2**32 - 1))
def test_totals_of_parts_add_up_whatever_the_rule(lines: list[Line], seed: int) -> None:
    rng = np.random.default_rng(seed)
    statements = []
    for name in PROGRAMMES:
        own = [line.entry for line in lines if line.innovation == name]
        if own:
            statements.append(given.statement(own, innovation=name, members=("X1", "X2")))
    for rule in (SPLIT_EVENLY, FIRST_IN_EFFECT):
        counting = counted_once(statements, rule=rule)
        whole = benefited(counting)
        for key in (lambda one: one.entry.member, lambda one: one.entry.start, lambda _: rng.integers(0, 3)):
            parts = [found.benefited for found in totals_by(counting, key).values() if found.benefited]
            if whole is None:
                assert not parts
            else:
                assert abs(sum(part.value for part in parts) - whole.value) < 1e-9


def test_a_programme_never_overlaps_itself() -> None:
    month, quarter = given.entry("X1", DAY, DAY + timedelta(days=30)), given.entry("X1", DAY, DAY + timedelta(days=90))
    lines = [Line("a", "m", month), Line("a", "m", quarter)]
    with pytest.raises(DefinitionError, match="share days"):
        shares(lines, rule=SPLIT_EVENLY)

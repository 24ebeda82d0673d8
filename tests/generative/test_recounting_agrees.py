"""What a site remembers and what it counts again is, cell for cell, what a full count gives, whatever was corrected."""

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from generated_sites import ANY_DAY, EDGES, PEOPLE, Site, measures, periods_of, sites, write_generated
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from small_site import open_site

from rounds.engines import duck
from rounds.engines.asked import Asked, records_question
from rounds.measures.counts import Count
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.measures.questions import PersonTime
from rounds.measures.traits import Marked, Result
from rounds.records.omop import Records
from rounds.site.recounting import Recounted, count_changed

NEW_PERSON = 6
DAYS = st.one_of(ANY_DAY, st.sampled_from(EDGES))


def _with_rows(site: Site, table: EventTable, rows: list[dict[str, Any]]) -> Site:
    return replace(site, events=site.events | {table: rows})


def _table(draw: st.DrawFn, site: Site) -> EventTable:
    filled = [table for table in sorted(site.events) if table is not EventTable.DEATH and site.events[table]]
    return draw(st.sampled_from(filled or [EventTable.DRUG_ERA]))


def _row(draw: st.DrawFn, person: int) -> dict[str, Any]:
    span = sorted([draw(DAYS), draw(DAYS)])
    return {
        "person": person,
        "concept": 11,
        "span": span,
        "lasting": True,
        "minute": 600,
        "value": 6.5,
        "unit": 8753,
        "answer": 11,
        "visit": 1,
    }


def _add_row(draw: st.DrawFn, site: Site) -> Site:
    table = _table(draw, site)
    return _with_rows(site, table, [*site.events[table], _row(draw, draw(st.sampled_from(PEOPLE)))])


def _remove_row(draw: st.DrawFn, site: Site) -> Site:
    table = _table(draw, site)
    return _with_rows(site, table, site.events[table][1:])


def _changed(draw: st.DrawFn, site: Site, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Site:
    table = _table(draw, site)
    rows = site.events[table]
    return _with_rows(site, table, [*(row | change(row) for row in rows[:1]), *rows[1:]])


def _move_row(draw: st.DrawFn, site: Site) -> Site:
    return _changed(draw, site, lambda _: {"span": sorted([draw(DAYS), draw(DAYS)])})


def _end_later(draw: st.DrawFn, site: Site) -> Site:
    days = timedelta(days=draw(st.sampled_from((1, 40, 400))))
    return _changed(draw, site, lambda row: {"span": [row["span"][0], row["span"][1] + days], "lasting": True})


def _other_code(draw: st.DrawFn, site: Site) -> Site:
    return _changed(draw, site, lambda row: {"concept": 12 if row["concept"] != 12 else 11})


def _other_value(draw: st.DrawFn, site: Site) -> Site:
    return _changed(draw, site, lambda row: {"value": 48.1 if row.get("value") != 48.1 else None, "unit": 8753})


def _other_moment(draw: st.DrawFn, site: Site) -> Site:
    return _changed(draw, site, lambda row: {"minute": 5 if row["minute"] != 5 else 1439, "visit": 3, "answer": 13})


def _other_person(draw: st.DrawFn, site: Site) -> Site:
    return _changed(draw, site, lambda row: {"person": 1 if row["person"] != 1 else 2})


def _observe_more(draw: st.DrawFn, site: Site) -> Site:
    first, last = sorted([draw(DAYS), draw(DAYS)])
    return replace(site, observed=[*site.observed, (draw(st.sampled_from(PEOPLE)), first, last)])


def _observe_longer(draw: st.DrawFn, site: Site) -> Site:
    days = timedelta(days=draw(st.sampled_from((1, 31, 200))))
    return replace(site, observed=[(person, first, last + days) for person, first, last in site.observed])


def _observe_earlier(draw: st.DrawFn, site: Site) -> Site:
    days = timedelta(days=draw(st.sampled_from((1, 31))))
    return replace(site, observed=[(p, lo - days, hi) for p, lo, hi in site.observed[:1]] + site.observed[1:])


def _split_observation(draw: st.DrawFn, site: Site) -> Site:
    spans = []
    for person, first, last in site.observed:
        middle = first + (last - first) / 2
        cut = date(middle.year, middle.month, 1)
        spans += [(person, first, cut - timedelta(days=1)), (person, cut, last)] if first < cut <= last else []
        spans += [] if first < cut <= last else [(person, first, last)]
    return replace(site, observed=spans)


def _exchange_ends(draw: st.DrawFn, site: Site) -> Site:
    """Two overlapping observations of one person exchange their ends: every month is covered as before."""
    first = draw(DAYS)
    ends = [first + timedelta(days=days) for days in (100, 200)]
    spans = [(1, first, ends[0]), (1, first + timedelta(days=20), ends[1])]
    return replace(site, observed=[*(one for one in site.observed if one[0] != 1), *spans])


def _other_sex(draw: st.DrawFn, site: Site) -> Site:
    (person, sex, *born), *others = site.people
    return replace(site, people=[(person, 8532 if sex == 8507 else 8507, *born), *others])


def _other_birth(draw: st.DrawFn, site: Site) -> Site:
    (person, sex, year, _, _, *rest), *others = site.people
    return replace(site, people=[(person, sex, 1979 if year != 1979 else 2003, 6, 1, *rest), *others])


def _elsewhere(draw: st.DrawFn, site: Site) -> Site:
    """Somebody moves, and belongs to another practice and ethnicity."""
    (*known, _, _, _, _, _, _), *others = site.people
    concept = draw(st.sampled_from((8515, 8527)))
    return replace(site, people=[(*known, concept, concept, 0, 0, draw(st.sampled_from((1, 2))), 1), *others])


def _other_care_site(draw: st.DrawFn, site: Site) -> Site:
    """A visit or a stay in a unit is at another care site."""
    table = draw(st.sampled_from((EventTable.VISIT_OCCURRENCE, EventTable.VISIT_DETAIL)))
    rows = [row | {"site": 2 if row.get("site") == 1 else 1} for row in site.events[table]]
    return _with_rows(site, table, rows)


def _somebody_new(draw: st.DrawFn, site: Site) -> Site:
    if any(person == NEW_PERSON for person, *_ in site.people):
        return site
    first, last = sorted([draw(DAYS), draw(DAYS)])
    table = _table(draw, site)
    return replace(
        _with_rows(site, table, [*site.events[table], _row(draw, NEW_PERSON)]),
        people=[*site.people, (NEW_PERSON, 8532, 1979, None, None, 8515, 0, 8515, 0, 1, 1)],
        observed=[*site.observed, (NEW_PERSON, first, last)],
    )


def _nothing(draw: st.DrawFn, site: Site) -> Site:
    # Visits are numbered in their order, so they keep it: another number is another visit.
    keep = EventTable.VISIT_OCCURRENCE
    return replace(site, events={table: rows if table is keep else rows[::-1] for table, rows in site.events.items()})


EDITS: dict[str, Callable[[st.DrawFn, Site], Site]] = {
    "a row more": _add_row,
    "a row less": _remove_row,
    "a row moved": _move_row,
    "a row that ends later": _end_later,
    "another code": _other_code,
    "another value": _other_value,
    "another moment and visit": _other_moment,
    "another person": _other_person,
    "another observation": _observe_more,
    "observed longer": _observe_longer,
    "observed from an earlier day": _observe_earlier,
    "an observation split at a month's end": _split_observation,
    "overlapping observations": _exchange_ends,
    "another sex": _other_sex,
    "another birthday": _other_birth,
    "another place and ethnicity": _elsewhere,
    "another care site": _other_care_site,
    "somebody new": _somebody_new,
    "the rows in another order": _nothing,
}


@st.composite
def corrected(draw: st.DrawFn, kinds: tuple[str, ...]) -> list[Site]:
    """Draw a site, and what it is after each of some corrections."""
    found = [draw(sites())]
    for kind in kinds:
        found.append(EDITS[kind](draw, found[-1]))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("number", range(6))
def test_remembered_and_recounted_is_what_a_full_count_gives(number: int) -> None:
    kinds = tuple(sorted(EDITS))[number::6]
    periods: Counter[str] = Counter()

    @seed(number)
    @settings(max_examples=2, suppress_health_check=list(HealthCheck), phases=[Phase.generate], deadline=None)
    @given(after=corrected(kinds), asked=st.lists(measures(), min_size=6, max_size=6))
    def agree(after: list[Site], asked: list[Measure]) -> None:
        batch = [Asked(measure=one, periods=periods_of(one)) for one in asked]
        with tempfile.TemporaryDirectory() as folder:
            memory = Path(folder) / "remembered"
            before, counted = _count(Path(folder) / "first", after[0], batch, memory)
            assert counted.counted == counted.periods
            for kind, site in zip(kinds, after[1:], strict=True):
                full, again = _count(Path(folder) / kind, site, batch, memory)
                for one, whole, remembered in zip(batch, full, again.counts, strict=True):
                    assert remembered.cells.equals(whole.cells), (kind, one.measure.question)
                changed = _periods_changed(before, full)
                periods.update(asked=again.periods, counted=again.counted, changed=changed)
                assert changed <= again.counted
                # Cohorts, time at risk and what a row says of itself are counted again whenever a file was written.
                questions = {one.measure: records_question(one.measure) for one in batch}
                of_any_file = [
                    one
                    for one, of in questions.items()
                    if of.cohorts
                    or isinstance(of.unit, PersonTime)
                    or any(isinstance(part, Marked | Result) for part in of.criteria)
                ]
                whatever = sum(len(one.periods) for one in batch if one.measure in of_any_file)
                assert again.counted <= whatever or kind != "the rows in another order"
                before = full

    agree()
    assert periods["changed"] <= periods["counted"] < periods["asked"]


def _count(folder: Path, site: Site, batch: list[Asked], memory: Path) -> tuple[Sequence[Count], Recounted]:
    write_generated(folder, site)
    records = open_site(folder, outside="exclude")
    full = duck.count_all(batch, records, member="RX1")

    def engine(wanted: Sequence[Asked], needed: Records) -> tuple[Count, ...]:
        return duck.count_all(wanted, needed, member="RX1")

    return full, count_changed(batch, records, member="RX1", folder=memory, engine=engine)


def _periods_changed(before: Sequence[Count], after: Sequence[Count]) -> int:
    """Return in how many periods any cell is another than before."""
    return sum(
        old.cells.join(new.cells, on=old.cells.columns, how="anti", nulls_equal=True)["period"].n_unique()
        for old, new in zip(before, after, strict=True)
    )

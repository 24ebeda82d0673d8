"""Who gains is told from the events of those that use a programme while they use it, and never from everybody's."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
import reports_fixture as given

from rounds.centre.impact_panel import impact_panel
from rounds.centre.pooled_measure import PooledMeasure
from rounds.centre.pooling import totals
from rounds.centre.value_groups import groups_in_use
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import release
from rounds.learning.impact.did import estimate_effect
from rounds.learning.impact.effect import Effect, Panel
from rounds.learning.spread.adoption import AdoptionEvent, Stage
from rounds.learning.value.equity import Part, split
from rounds.learning.value.programme import StatedGroups
from rounds.learning.value.simulations import Interval
from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import Measure
from rounds.measures.periods import Grain
from rounds.measures.strata import Stratum
from rounds.network.members import Member, Membership
from rounds.network.successions import NO_SUCCESSIONS, Succession, Successions
from rounds.records.synthetic import Arrests, SyntheticNetwork, draw_arrests
from rounds.records.synthetic.areas import LEVELS, arrest_shares, draw_mix
from rounds.records.synthetic.network import BY_DEPRIVATION, INNOVATION, OUTCOME, draw_adoptions, truth
from rounds.storage.library import read_library, shipped_library_folder
from rounds.storage.round_files import Programme

LIBRARY = read_library(shipped_library_folder())
MONTHLY, BY_FIFTH = LIBRARY.measure(OUTCOME, 1), LIBRARY.measure(BY_DEPRIVATION, 1)
PROGRAMME = Programme(innovation=INNOVATION, outcome=OUTCOME, stage=Stage.EMBEDDED)
FIRST, LAST = date(2023, 1, 1), date(2024, 12, 31)
USER, OTHER = given.CODES[:2]
CERTAIN = Interval(estimate=100.0, lower=100.0, upper=100.0)
Row = tuple[object, ...]


def _pooled(measure: Measure, rows: Sequence[Row], *, first: date = FIRST, last: date = LAST) -> PooledMeasure:
    """Counts (member, period, strata..., numerator, denominator) as the usual policy lets them leave."""
    strata = tuple(measure.strata)
    count = Count(
        measure=measure.ref, strata=strata, cells=pl.DataFrame(list(rows), schema=count_schema(strata), orient="row")
    )
    cells = release(count, terms=Terms(rule=Policy.HES), already_public=False).cells
    return PooledMeasure(
        measure=measure,
        periods=measure.periods(first=first, last=last),
        cells=cells.with_columns(site=pl.col("member")),
        series=totals(cells, by=["member", "period"]),
    )


def _of_two(yearly: Mapping[str, Sequence[int]], measure: Measure = BY_FIFTH) -> PooledMeasure:
    """Two members with the same arrests by fifth in each period."""
    rows = [
        (code, period.start, level, events, 3000)
        for code, by_level in yearly.items()
        for period in measure.periods(first=FIRST, last=LAST)
        for level, events in zip(LEVELS, by_level, strict=True)
    ]
    return _pooled(measure, rows)


def _panel(*stages: tuple[Stage, str], code: str = USER, successions: Successions = NO_SUCCESSIONS) -> Panel:
    """Both have 20 arrests among 900 admissions in every month."""
    months = MONTHLY.periods(first=FIRST, last=LAST)
    outcome = _pooled(MONTHLY, [(one, month.start, 20, 900) for one in (USER, OTHER) for month in months])
    events = tuple(
        AdoptionEvent(ods_code=code, innovation=INNOVATION, stage=stage, day=date.fromisoformat(day))
        for stage, day in stages
    )
    return impact_panel(PROGRAMME, outcome=outcome, events=events, membership=given.MEMBERSHIP, successions=successions)


def _groups(counted: PooledMeasure, panel: Panel) -> StatedGroups | str:
    months = MONTHLY.periods(first=FIRST, last=LAST)
    return groups_in_use(counted, panel, months, membership=given.MEMBERSHIP, published=given.PROVENANCE)


def _parts(found: StatedGroups, benefit: Interval = CERTAIN) -> dict[str, Part]:
    return {one.group: one for one in split(found.names, found.lower, found.upper, benefit, values=found.values)}


SINCE_2024 = ((Stage.LIVE, "2023-10-10"), (Stage.EMBEDDED, "2024-01-01"))
MIXES = {USER: (150, 50, 25, 10, 3), OTHER: (3, 10, 25, 50, 150)}


def test_the_events_are_those_of_who_uses_it_while_they_use_it() -> None:
    """The other site serves other people, and what the user had before says nothing: both would be half and half."""
    found = _groups(_of_two(MIXES), _panel(*SINCE_2024))
    assert isinstance(found, StatedGroups)
    assert found.names == LEVELS
    assert found.values == (150, 50, 25, 10, None)
    assert (found.lower, found.upper) == ((148, 48, 23, 8, 1), (152, 52, 27, 12, 7))
    assert (found.where, found.left_out) == ("at the sites that use it, while they use it", "")
    assert "1 of 5 numbers withheld" in found.source
    parts = _parts(found)
    assert parts[LEVELS[0]].share_lower < 150 / 238 < parts[LEVELS[0]].share_upper
    assert parts[LEVELS[0]].share_lower > 0.5  # of all sites it is 0.32
    assert parts[LEVELS[4]].share is None
    assert 0 < parts[LEVELS[4]].share_lower < 3 / 238 < parts[LEVELS[4]].share_upper < 0.1


def test_a_period_of_partial_use_is_left_out_and_who_is_in_no_whole_one_is_named() -> None:
    quarterly = _of_two(MIXES, replace(BY_FIFTH, grain=Grain.QUARTER))
    found = _groups(quarterly, _panel((Stage.EMBEDDED, "2024-02-10"), (Stage.STOPPED, "2024-11-05")))
    assert isinstance(found, StatedGroups)
    assert found.values == (300, 100, 50, 20, None)  # of the second and third quarter
    assert found.left_out == "Each quarter throughout which a site used it is in them: 6 of 8 site-periods of use."
    both = (*_events(USER, "2023-01-01"), *_events(OTHER, "2024-06-01"))
    yearly = groups_in_use(
        _of_two(MIXES), _of_events(both), MONTHLY.periods(first=FIRST, last=LAST), membership=given.MEMBERSHIP,
        published=given.PROVENANCE,
    )  # fmt: skip
    assert isinstance(yearly, StatedGroups)
    assert yearly.values == (300, 100, 50, 20, None)
    assert "24 of 31 site-periods of use. Of 1 site that used it nothing is in them (St Agnes' Infirmary)" in (
        yearly.left_out
    )


def _events(code: str, embedded: str) -> tuple[AdoptionEvent, ...]:
    day = date.fromisoformat(embedded)
    return (AdoptionEvent(ods_code=code, innovation=INNOVATION, stage=Stage.EMBEDDED, day=day),)


def _of_events(events: tuple[AdoptionEvent, ...]) -> Panel:
    months = MONTHLY.periods(first=FIRST, last=LAST)
    outcome = _pooled(MONTHLY, [(one, month.start, 20, 900) for one in (USER, OTHER) for month in months])
    return impact_panel(PROGRAMME, outcome=outcome, events=events, membership=given.MEMBERSHIP)


def test_what_a_member_had_before_it_became_another_is_in_it() -> None:
    """Both had it from 2023 on; one carries on the other's work from 2024. Each had events under its own name."""
    became = Successions(all=(Succession(old_code=OTHER, new_code=USER, day=date(2024, 1, 1)),))
    months = MONTHLY.periods(first=FIRST, last=LAST)

    def there(code: str, start: date) -> bool:
        return code == USER or start.year == 2023

    outcome = _pooled(MONTHLY, [(c, m.start, 20, 900) for c in (USER, OTHER) for m in months if there(c, m.start)])
    events = (*_events(USER, "2023-01-01"), *_events(OTHER, "2023-01-01"))
    panel = impact_panel(PROGRAMME, outcome=outcome, events=events, membership=given.MEMBERSHIP, successions=became)
    assert panel.sites == (USER,)
    whole = _of_two(MIXES)
    counted = replace(whole, cells=whole.cells.filter((pl.col("member") == USER) | (pl.col("period") == FIRST)))
    found = _groups(counted, panel)
    assert isinstance(found, StatedGroups)
    assert found.values == (None, 110, 75, 70, None)
    assert (found.lower[0], found.upper[0]) == (297, 311)


@pytest.mark.parametrize(
    ("measure", "stages", "mixes", "why"),
    [
        (BY_FIFTH, (), MIXES, "no site used it throughout a period"),
        (BY_FIFTH, ((Stage.EMBEDDED, "2024-02-10"),), MIXES, "no site used it throughout a period of cardiac arrests"),
        (replace(BY_FIFTH, grain=Grain.ALL), SINCE_2024, MIXES, "by deprivation (all); ask for it by shorter ones"),
        (replace(BY_FIFTH, grain=Grain.WEEK), SINCE_2024, MIXES, "are not made up of those of the outcome"),
        (replace(BY_FIFTH, span=2), SINCE_2024, MIXES, "overlap and would count events twice"),
        (BY_FIFTH, SINCE_2024, {**MIXES, USER: (0,) * 5}, "the sites that use it counted no event"),
    ],
)
def test_why_it_cannot_be_said(
    measure: Measure, stages: tuple[tuple[Stage, str], ...], mixes: dict[str, Sequence[int]], why: str
) -> None:
    found = _groups(_of_two(mixes, measure), _panel(*stages))
    assert isinstance(found, str)
    assert why in found


def _released(arrests: Arrests, by_fifth: Measure) -> tuple[PooledMeasure, PooledMeasure]:
    """The outcome by month, and arrests by fifth as they fall to the fifths of each hospital; both as they leave."""
    chance = np.random.default_rng(arrests.plan.seed)
    plan = arrests.plan
    monthly = {month: at for at, month in enumerate(plan.month_starts)}
    rows: list[Row] = []
    split_rows: list[Row] = []
    for row, hospital in enumerate(arrests.hospitals):
        mix = draw_mix(plan, hospital)
        events = chance.multinomial(arrests.events[row], arrest_shares(mix))
        admissions = chance.multinomial(arrests.admissions[row], mix)
        for month, at in list(monthly.items())[: plan.months]:
            rows.append((hospital.ods_code, month, int(arrests.events[row, at]), int(arrests.admissions[row, at])))
        for period in by_fifth.periods(first=plan.first_month, last=plan.last_day):
            inside = [at for month, at in monthly.items() if period.start <= month <= period.end]
            sums = zip(LEVELS, events[inside].sum(axis=0), admissions[inside].sum(axis=0), strict=True)
            split_rows += [(hospital.ods_code, period.start, level, int(top), int(all_)) for level, top, all_ in sums]
    about = {"first": plan.first_month, "last": plan.last_day}
    return _pooled(MONTHLY, rows, **about), _pooled(by_fifth, split_rows, **about)


def test_intervals_hold_the_planted_truth_where_hospitals_serve_different_people() -> None:
    arrests = draw_arrests(SyntheticNetwork(seed=1))
    membership = Membership(
        members=tuple(
            Member(ods_code=one.ods_code, name=one.name, kind="hospital", region=one.region, joined=one.joined)
            for one in arrests.hospitals
        )
    )
    outcome, counted = _released(arrests, BY_FIFTH)
    panel = impact_panel(PROGRAMME, outcome=outcome, events=draw_adoptions(arrests), membership=membership)
    effect = estimate_effect(panel)
    assert isinstance(effect, Effect)
    found = groups_in_use(counted, panel, outcome.periods, membership=membership, published=given.PROVENANCE)
    assert isinstance(found, StatedGroups)
    planted = truth(arrests)["expected_avoided_by_deprivation"]
    assert isinstance(planted, dict)
    whole = sum(planted.values())
    avoided = Interval(estimate=effect.avoided.estimate, lower=effect.avoided.lower, upper=effect.avoided.upper)
    for level, part in _parts(found, avoided).items():
        assert part.share_lower <= planted[level] / whole <= part.share_upper
        assert part.gained_lower <= planted[level] <= part.gained_upper
        assert part.share_upper - part.share_lower < 0.2  # as wide as the world would hold any truth
    # What all hospitals had over all of the round does not hold it.
    _, everything = _released(arrests, replace(BY_FIFTH, grain=Grain.ALL))
    sums = totals(everything.cells, by=[str(Stratum.DEPRIVATION)])
    ends = (sums[f"numerator_{end}"].to_list() for end in ("lower", "upper"))
    of_all = {one.group: one for one in split(tuple(sums[str(Stratum.DEPRIVATION)]), *ends, CERTAIN)}
    assert any(not one.share_lower <= planted[level] / whole <= one.share_upper for level, one in of_all.items())

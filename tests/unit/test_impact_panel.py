"""What a round makes of its numbers and adoption dates before an effect is estimated from them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import reports_fixture as given

from rounds.centre.impact_panel import impact_panel
from rounds.centre.pooled_measure import PooledMeasure
from rounds.centre.pooling import totals
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import release
from rounds.learning.impact.effect import Panel
from rounds.learning.spread.adoption import AdoptionEvent, Stage
from rounds.measures.counts import Count, count_schema
from rounds.measures.periods import Grain, periods_between
from rounds.network.definition_changes import DefinitionChange
from rounds.network.members import Membership
from rounds.network.successions import Succession, Successions
from rounds.storage.round_files import Programme

YEAR = periods_between(grain=Grain.MONTH, first=date(2024, 1, 1), last=date(2024, 12, 31))
USER, OTHER, SILENT = given.CODES[:3]


def _event(stage: Stage, day: str, *, code: str = USER, innovation: str = "news2") -> AdoptionEvent:
    return AdoptionEvent(ods_code=code, innovation=innovation, stage=stage, day=date.fromisoformat(day))


def _panel(
    counts: dict[tuple[str, int], tuple[int, int]],
    *events: AdoptionEvent,
    successions: Sequence[Succession] = (),
    changes: Sequence[DefinitionChange] = (),
    joined: dict[str, date] | None = None,
) -> Panel:
    """The panel of two members with 20 of 400 in every month but those given, released under `hes`."""
    members = [replace(one, joined=(joined or {}).get(one.ods_code, one.joined)) for one in given.MEMBERSHIP.members]
    rows = [
        (code, period.start, *counts.get((code, month), (20, 400)))
        for code in (USER, OTHER)
        for month, period in enumerate(YEAR, start=1)
    ]
    measure = given.ARRESTS
    count = Count(measure=measure.ref, strata=(), cells=pl.DataFrame(rows, schema=count_schema(()), orient="row"))
    cells = release(count, terms=Terms(rule=Policy.HES), already_public=False).cells
    outcome = PooledMeasure(measure=measure, periods=YEAR, cells=cells, series=totals(cells, by=["member", "period"]))
    programme = Programme(innovation="news2", outcome=measure.id, stage=Stage.EMBEDDED)
    return impact_panel(
        programme,
        outcome=outcome,
        events=events,
        membership=Membership(members=tuple(members)),
        successions=Successions(all=tuple(successions)),
        changes=changes,
    )


def _states(panel: Panel, row: int) -> str:
    return "".join(
        "T" if treated else "x" if excluded else "."
        for treated, excluded in zip(panel.treated[row], panel.excluded[row], strict=True)
    )


def test_what_a_predecessor_used_is_not_taken_for_time_without_it() -> None:
    """`OLD` sent nothing. Its successor began on that day, and may have sent `OLD`'s counts; or it was there before."""
    became, day = [Succession(old_code="OLD", new_code=USER, day=date(2024, 7, 1))], {USER: date(2024, 7, 1)}
    recorded = (_event(Stage.LIVE, "2024-03-10", code="OLD"), _event(Stage.EMBEDDED, "2024-04-01", code="OLD"))
    assert _states(_panel({}, *recorded), 0) == "............"
    began = _panel({}, *recorded, successions=became, joined=day)
    assert (_states(began, 0), began.sites) == ("..xxxxTTTTTT", (USER, OTHER))
    ended = (*recorded, _event(Stage.STOPPED, "2024-05-01", code="OLD"))
    assert _states(_panel({}, *ended, successions=became, joined=day), 0) == "..xxxxxxxxxx"
    there = _panel({}, *recorded, successions=became)
    assert there.sites == (f"{USER} (to 2024-06-30)", f"{USER} (from 2024-07-01)", OTHER)
    assert (_states(there, 0), _states(there, 1)) == ("..xxxx......", "......xxxxxx")


def test_members_that_became_one_are_one_row_and_a_definition_that_changed_has_two() -> None:
    became = [Succession(old_code=OTHER, new_code=USER, day=date(2024, 7, 1))]
    events = [_event(Stage.EMBEDDED, f"2024-0{month}-01", code=code) for code, month in ((USER, 2), (OTHER, 4))]
    panel = _panel({(OTHER, month): (0, 0) for month in range(7, 13)}, *events, successions=became)
    assert panel.sites == (USER,)
    assert _states(panel, 0) == ".xxTTTTTTTTT"
    assert (panel.lower[0, 5], panel.upper[0, 5], panel.exposure[0, 5]) == (36, 44, 800)
    assert (panel.lower[0, 6], panel.upper[0, 6], panel.exposure[0, 6]) == (18, 22, 400)
    assert "one row all along" in panel.notes[0]
    assert given.MEMBERSHIP.name_of(OTHER) in panel.notes[0]
    change = DefinitionChange(measure="m", ods_code=USER, day=date(2024, 5, 15), reason="A new record system.")
    everywhere = replace(change, ods_code=None, day=date(2024, 9, 1))
    panel = _panel({}, *events, changes=[everywhere, change, replace(change, day=date(2024, 1, 1))])
    assert panel.sites == (
        f"{USER} (to 2024-05-14)",
        f"{USER} (2024-05-15 to 2024-08-31)",
        f"{USER} (from 2024-09-01)",
        f"{OTHER} (to 2024-08-31)",
        f"{OTHER} (from 2024-09-01)",
    )
    assert [int((~np.isnan(row)).sum()) for row in panel.lower] == [4, 3, 4, 8, 4]
    assert len(panel.notes) == 2
    assert "2024-05-15 (A new record system)" in panel.notes[0]
    assert "everywhere on 2024-09-01" in panel.notes[1]


def test_live_embedded_and_stopped_days_decide_what_each_month_is() -> None:
    panel = _panel(
        {},
        _event(Stage.LIVE, "2024-03-10"),
        _event(Stage.EMBEDDED, "2024-05-01"),
        _event(Stage.STOPPED, "2024-09-15"),
        _event(Stage.EMBEDDED, "2024-02-01", code=OTHER, innovation="another"),
        _event(Stage.EMBEDDED, "2024-02-01", code=SILENT),  # it sent no numbers
    )
    assert panel.sites == (USER, OTHER)
    assert (_states(panel, 0), _states(panel, 1)) == ("..xxTTTTxxxx", "............")


def test_bounds_go_in_as_they_are_and_a_month_without_a_denominator_stays_out() -> None:
    panel = _panel({(USER, 2): (3, 400), (USER, 3): (2, 6), (USER, 4): (0, 0), (OTHER, 5): (0, 400)})
    nan = np.nan
    assert np.array_equal(panel.lower[0, :5], [18, 1, nan, nan, 18], equal_nan=True)
    assert np.array_equal(panel.upper[0, :5], [22, 7, nan, nan, 22], equal_nan=True)
    assert np.array_equal(panel.exposure[0, :5], [400, 400, nan, nan, 400], equal_nan=True)
    assert (panel.lower[1, 4], panel.upper[1, 4]) == (0, 0)

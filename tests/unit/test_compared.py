"""What is said of members beside the funnel: what is believed of each, and who moved by more than chance."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from itertools import product

import numpy as np
import polars as pl
import pytest
import reports_fixture as given

from rounds.centre.compared import compared_insights
from rounds.centre.estimates import estimates_of
from rounds.centre.pooled_measure import PooledMeasure
from rounds.centre.pooling import totals
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import release
from rounds.learning.variation.between_sites.moved import BoundedTimes, Moved, moved
from rounds.learning.variation.between_sites.regression_to_mean import TwoTimes, regression_to_mean
from rounds.learning.variation.between_sites.shrunken import shrunken
from rounds.learning.variation.case_mix.families import Family
from rounds.measures.counts import Count, count_schema
from rounds.measures.periods import periods_between
from rounds.reports.charts.caterpillar import CaterpillarRow, caterpillar_chart
from rounds.reports.charts.render import SvgCache
from rounds.reports.charts.theme import MOBILE, WEB
from rounds.reports.content.since import Side, moved_since
from rounds.reports.insight import Insight

MEASURE = given.ARRESTS
LAST = date(2024, 12, 31)
Rate = Callable[[int, int], float]


def network(rate: Rate, *, policy: Policy, first: date = date(2023, 1, 1), names: int = 15) -> PooledMeasure:
    """Members of 400 to 1,800 admissions a month; `rate` is of a member's place and the month's."""
    draw = np.random.default_rng(3)
    periods = periods_between(grain=MEASURE.grain, first=first, last=LAST)
    rows = [
        (code, period.start, int(draw.binomial(400 + 100 * place, rate(place, month))), 400 + 100 * place)
        for place, code in enumerate(given.CODES[:names])
        for month, period in enumerate(periods)
    ]
    count = Count(measure=MEASURE.ref, strata=(), cells=pl.DataFrame(rows, schema=count_schema(()), orient="row"))
    released = release(count, terms=Terms(rule=policy), already_public=policy is Policy.OPEN).cells
    cells = released.with_columns(pl.col("member").alias("site"))
    return PooledMeasure(measure=MEASURE, periods=periods, cells=cells, series=totals(cells, by=["member", "period"]))


def said_of(found: PooledMeasure) -> dict[str, Insight]:
    insights = compared_insights(
        found,
        membership=given.MEMBERSHIP,
        provenance=given.PROVENANCE,
        estimates=estimates_of(found.cells, MEASURE),
    )
    return {
        insight.id.removeprefix("between-sites-cardiac-arrests-network").strip("-"): insight for insight in insights
    }


def halved(place: int, month: int) -> float:
    """The fifth and the eighth are high in the first year; the eighth is far lower in the second."""
    return 0.02 * (2.2 if place in {4, 7} else 1) * (0.4 if place == 7 and month >= 12 else 1)


@pytest.mark.parametrize("policy", [Policy.OPEN, Policy.HES])
def test_who_stood_out_and_moved_by_more_than_chance_is_told(policy: Policy) -> None:
    said = said_of(network(halved, policy=policy))
    assert list(said) == ["", "allowing-for-chance", "since"]
    since = said["since"]
    by_name = {row[0]: row for row in since.table.rows}
    assert set(by_name) == {"Kingsholm Royal", "Harrow Vale Hospital", "All that were higher"}
    assert by_name["Kingsholm Royal"][-1] != "more than chance alone explains"
    assert by_name["Harrow Vale Hospital"][-1] == "more than chance alone explains"
    lower, upper, now = (by_name["Harrow Vale Hospital"][at] for at in (6, 7, 9))
    assert now < lower < upper
    assert "2 organisations were higher than the limits over Jan 2023 to Dec 2023" in since.statement
    assert "chance alone would put them between" in since.statement
    assert "lower than chance alone explains" in since.statement
    assert since.statement in since.alt_text
    assert any("in part by chance" in note for note in since.notes)
    for profile in (WEB, MOBILE):
        assert "Since" in SvgCache().svg(since.chart, profile, key="c", name="n", description="d")


def test_one_year_is_compared_half_with_half_and_nothing_is_said_where_nobody_stood_out() -> None:
    year = network(lambda place, month: halved(place, 2 * month), policy=Policy.OPEN, first=date(2024, 1, 1))
    assert "over Jan 2024 to Jun 2024" in said_of(year)["since"].statement
    assert "since" not in said_of(network(lambda *_: 0.02, policy=Policy.OPEN))


def test_what_cannot_be_told_is_said_beside_the_funnel() -> None:
    """In the first year all counts are withheld and too few are shown to estimate them: there is no baseline."""
    found = network(lambda place, month: 0.0025 if month < 12 else halved(place, month), policy=Policy.HES)
    hidden = found.cells.with_columns(
        pl.when(pl.col("period") < date(2024, 1, 1))
        .then(pl.lit("withheld"))
        .otherwise("numerator_state")
        .alias("numerator_state"),
        pl.when(pl.col("period") < date(2024, 1, 1)).then(None).otherwise("numerator_value").alias("numerator_value"),
    )
    blind = replace(found, cells=hidden, series=totals(hidden, by=["member", "period"]))
    insights = compared_insights(blind, membership=given.MEMBERSHIP, provenance=given.PROVENANCE, estimates=None)
    assert [insight.id.rsplit("-", 1)[-1] for insight in insights] == ["network", "chance"]
    assert any(
        "stood out over Jan 2023 to Dec 2023" in note and "cannot be told: too much was withheld then." in note
        for note in insights[0].notes
    )


def test_too_few_others_are_a_reason_and_no_statement() -> None:
    bounds, _ = _times(np.random.default_rng(12))
    nearly_all = np.arange(12) > 1
    found = moved(bounds, picked=nearly_all)
    assert found.reason is not None
    assert found.reason.startswith("Fewer than 3 organisations were not picked")
    with pytest.raises(ValueError, match="what chance makes cannot be told"):
        moved_since(
            sides=(Side(higher=True, picked=nearly_all, moved=found),),
            members=given.CODES[:12],
            lost=(),
            then="2023",
            since="2024",
            measure=MEASURE,
            membership=given.MEMBERSHIP,
            provenance=given.PROVENANCE,
        )


def test_the_caterpillar_is_what_the_library_finds() -> None:
    found = network(halved, policy=Policy.OPEN)
    insight = said_of(found)["allowing-for-chance"]
    recent = totals(found.in_recent(found.series), by=["member"])
    tops, sizes = (recent[f"{name}_value"].to_numpy().astype(float) for name in ("numerator", "denominator"))
    fitted = shrunken(events_lower=tops, events_upper=tops, sizes=sizes, family=Family.BINOMIAL)
    rows = {row[1]: row for row in insight.table.rows}
    for at, code in enumerate(recent["member"]):
        expected = [1000 * float(part[at]) for part in (fitted.values, fitted.lower, fitted.upper)]
        assert list(rows[code][2:5]) == pytest.approx(expected, rel=1e-4)
    values = [row[2] for row in insight.table.rows]
    assert values == sorted(values, reverse=True)
    assert rows[given.CODES[4]][6] == "higher"
    assert "1 above (Kingsholm Royal)" in insight.statement
    assert "4 of 15 organisations differ from the typical" in insight.statement
    assert any("none lie outside the funnel" in note for note in insight.notes)
    assert insight.alt_text.startswith("Caterpillar plot of cardiac arrests in hospital for 15 organisations")
    assert "Kingsholm Royal" in SvgCache().svg(insight.chart, WEB, key="c", name="n", description="d")


def test_chance_alone_tells_nobody_apart_and_no_event_is_no_caterpillar() -> None:
    alike = said_of(network(lambda *_: 0.02, policy=Policy.OPEN))["allowing-for-chance"]
    assert "none of 15 organisations can be told apart from the typical" in alike.statement
    nothing = said_of(network(lambda *_: 0.0, policy=Policy.OPEN))
    assert "allowing-for-chance" not in nothing
    assert "since" not in nothing


def test_many_organisations_lie_side_by_side_without_names() -> None:
    rows = tuple(
        CaterpillarRow(name=f"Trust {at}", counted=5.0, value=4 + at / 50, lower=3.0, upper=7.0, apart=at > 55)
        for at in range(60)
    )
    drawn = SvgCache().svg(
        caterpillar_chart(rows=rows, typical=5.0, title="Rate"), WEB, key="c", name="n", description="d"
    )
    assert "Trust 7" not in drawn
    assert "Organisations, from the highest to the lowest" in drawn
    assert "Differs from the typical" in drawn


def _times(draw: np.random.Generator) -> tuple[BoundedTimes, np.ndarray]:
    sizes = draw.integers(300, 1500, 12).astype(float)
    true = 0.12 * np.exp(draw.normal(0, 0.3, 12))
    before, after = (draw.binomial(sizes.astype(int), true).astype(float) for _ in range(2))
    after = np.where(np.arange(12) % 3 == 0, after // 3, after)
    few = before <= 60
    bounds = BoundedTimes(
        before_lower=np.where(few, 1.0, before),
        before_upper=np.where(few, 60.0, before),
        sizes_before=sizes,
        after_lower=np.maximum(after - 1, 0),
        after_upper=after + 1,
        sizes_after=sizes,
        family=Family.BINOMIAL,
    )
    return bounds, np.argsort(before / sizes) >= 9


def _exactly(bounds: BoundedTimes, picked: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the plain test says of exact counts at the follow-up: below, and above, what chance alone gives."""
    before = shrunken(
        events_lower=bounds.before_lower,
        events_upper=bounds.before_upper,
        sizes=bounds.sizes_before,
        family=bounds.family,
    )
    times = TwoTimes(
        events_before=bounds.before_lower,
        sizes_before=bounds.sizes_before,
        events_after=after,
        sizes_after=bounds.sizes_after,
        family=bounds.family,
    )
    found = regression_to_mean(times, picked=picked, before=before)
    actual = np.append(found.actual, found.actual_picked)
    return (
        actual < np.append(found.lower, found.lower_picked),
        actual > np.append(found.upper, found.upper_picked),
    )


def test_a_verdict_holds_for_every_count_within_the_bounds() -> None:
    draw = np.random.default_rng(12)
    bounds, picked = _times(draw)
    found: Moved = moved(bounds, picked=picked)
    assert found.beyond.any()
    assert found.within.any()
    assert not (found.beyond & found.within).any()
    corners = [np.where(picked, a, b) for a, b in product((bounds.after_lower, bounds.after_upper), repeat=2)]
    inside = [draw.uniform(bounds.after_lower, bounds.after_upper) for _ in range(3)]
    for after in (*corners, *inside):
        below, above = _exactly(bounds, picked, after)
        assert (below | above)[found.beyond].all()
        assert not (below | above)[found.within].any()


def test_chance_alone_is_not_called_a_move() -> None:
    """Of 12 networks where nothing is done and small counts are withheld, hardly one is told to have moved."""
    draw = np.random.default_rng(13)
    claimed = 0
    for _ in range(12):
        sizes = draw.integers(100, 400, 40).astype(float)
        true = 0.1 * np.exp(draw.normal(0, 0.3, 40))
        before, after = (draw.binomial(sizes.astype(int), true).astype(float) for _ in range(2))
        lower, upper = ([np.where(count <= 7, end, count) for count in (before, after)] for end in (0.0, 7.0))
        bounds = BoundedTimes(
            before_lower=lower[0],
            before_upper=upper[0],
            sizes_before=sizes,
            after_lower=lower[1],
            after_upper=upper[1],
            sizes_after=sizes,
            family=Family.BINOMIAL,
        )
        claimed += bool(moved(bounds, picked=np.argsort(np.argsort(before / sizes)) >= 34).beyond[-1])
    assert claimed <= 2


def test_a_member_that_left_is_named() -> None:
    found = network(halved, policy=Policy.OPEN)
    left = pl.col("member").eq(given.CODES[4]) & (pl.col("period") >= date(2024, 1, 1))
    cells = found.cells.filter(~left)
    gone = replace(found, cells=cells, series=totals(cells, by=["member", "period"]))
    assert any("no numbers since: Kingsholm Royal" in note for note in said_of(gone)["since"].notes)

"""A budget of false discoveries over all charts of a round, and what it needs of each chart."""

from dataclasses import replace

import numpy as np
from reports_fixture import report

from rounds.learning.variation.over_time.discovery import latest_p_bounds, latest_p_values
from rounds.learning.variation.over_time.individuals import i_chart
from rounds.learning.variation.over_time.withheld import Known
from rounds.reports.charts.render import SvgCache
from rounds.reports.content.standing_out import RATE, standing_out
from rounds.reports.insight import Insight, LatestPoint
from rounds.reports.json_file import insights_json, read_insights
from rounds.reports.pages.plan import pages_of
from rounds.reports.pages.write import _environment

REPORT = report(6)
OVER_TIME = tuple(one for one in REPORT.insights if one.latest is not None and one.scope != "network")


def test_bounds_hold_every_p_value_between_them() -> None:
    rng = np.random.default_rng(7)
    for _ in range(15):
        low = rng.poisson(6, 14).astype(float)
        high = low + rng.integers(0, 5, 14) * (rng.random(14) < 0.4)
        known = Known(lower=low, upper=high, expected=(low + high) / 2, variance=(high - low) ** 2 / 12)
        ends = latest_p_bounds(i_chart(known))
        inside = rng.uniform(low, high, (200, 14))
        corners = np.where(rng.random((200, 14)) < 0.5, low, high)
        p_values = latest_p_values(np.vstack([inside, corners]))
        assert ends[0] - 1e-12 <= np.nanmin(p_values)
        assert np.nanmax(p_values) <= ends[1] + 1e-12


def test_exact_points_have_one_p_value_and_few_or_missing_ones_none() -> None:
    values = np.array([5.0, 6, 7, 5, 6, 9])
    assert latest_p_bounds(i_chart(values)) == (float(latest_p_values(values[None, :])[0]),) * 2
    for untested in (values[:3], np.where(values == 7, np.nan, values), np.full(6, 2.0)):
        assert np.isnan(latest_p_bounds(i_chart(untested))).all()


def charts(p_values: list[tuple[float, float]]) -> tuple[Insight, ...]:
    return tuple(
        replace(
            OVER_TIME[0],
            id=f"chart-{at}",
            latest=LatestPoint(p_lowest=low, p_highest=high, flagged=high < 0.01, false_alarms=0.018),
        )
        for at, (low, high) in enumerate(p_values)
    )


def test_the_budget_names_what_stands_out_among_all() -> None:
    found = standing_out(charts([(1e-6, 1e-6), (1e-6, 0.5), (0.04, 0.04)] + [(0.5, 0.5)] * 47))
    assert found is not None
    assert (found.certain, found.possible) == (("chart-0",), ("chart-1",))
    assert found.sentence.startswith(
        "Of 50 charts that can be tested, the rules flag the latest point of 1; chance alone would flag about 0.9"
    )
    assert (
        "Looked at together, each latest point against all before it, 1 stands out, of which at most 5%"
        in found.sentence
    )
    assert "and 1 may, which withheld numbers do not let be told" in found.sentence
    assert standing_out(charts([(1e-6, 1e-6)] * 4)) is None


def test_of_what_is_named_few_are_chance() -> None:
    """40 organisations x 5 measures, 30 of which changed: of those named at most 5 % did not, on average."""
    rng = np.random.default_rng(11)
    shares = []
    for _ in range(20):
        values = rng.normal(size=(200, 24))
        values[:30, -1] += 6
        p_values = latest_p_values(values).tolist()
        named = standing_out(charts(list(zip(p_values, p_values, strict=True))))
        assert named is not None
        false = sum(int(one.removeprefix("chart-")) >= 30 for one in named.certain)
        assert len(named.certain) - false > 20
        shares.append(false / max(len(named.certain), 1))
    assert np.mean(shares) <= RATE + 0.02  # 20 rounds: standard error 0.01


def test_files_carry_it() -> None:
    assert REPORT.standing_out is not None
    again = read_insights(insights_json(REPORT))
    assert again == REPORT.insights
    assert standing_out(again) == REPORT.standing_out


def test_a_page_marks_what_stands_out() -> None:
    latest = LatestPoint(p_lowest=1e-9, p_highest=1e-9, flagged=True, false_alarms=0.018)
    chosen = OVER_TIME[3].id
    told = replace(
        REPORT,
        insights=tuple(replace(one, latest=latest) if one.id == chosen else one for one in REPORT.insights),
    )
    assert told.standing_out is not None
    page = next(page for page in pages_of(told) if page.path == "service-manager.html")
    rendered = (
        _environment(told, SvgCache())
        .get_template(page.template)
        .render(root="", page=page, title=page.title, downloads=(), **page.context)
    )
    assert rendered.count('<span class="small">stands out</span>') == len(told.standing_out.certain)
    assert "Looked at together" in rendered

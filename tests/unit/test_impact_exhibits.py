"""The panel in words and charts: what a board reads, and what it does to the certainty."""

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import reports_fixture as given
from openpyxl import load_workbook

from rounds.centre.programmes import restarted_members
from rounds.learning.impact.effect import Panel
from rounds.learning.impact.panel.estimate import NoEstimate
from rounds.learning.impact.panel.pre_trend import Drift
from rounds.learning.impact.panel.run import DidItWork, Settings, did_it_work
from rounds.learning.spread.adoption import AdoptionEvent, Stage
from rounds.measures.definitions import Better
from rounds.reports.charts.forest import ticks
from rounds.reports.content.impact import Evaluation, impact
from rounds.reports.content.impact_words import Setting
from rounds.reports.content.panel import doubts_of, exhibits_of, support_of
from rounds.reports.content.reading import Reading, reading_of
from rounds.reports.excel import write_workbook
from rounds.reports.insight import Certainty, Insight
from rounds.reports.json_file import insights_json, read_insights
from rounds.reports.pages.write import write_pages
from rounds.storage.round_files import Programme

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from impact_coverage import draw
from impact_panel import drifting, fading

SETTING = Setting(subject="Arrests where it is live", better="lower is better", period="month")
SOUND = draw(1, mean=40.0).exact


def told(panel: Panel) -> DidItWork:
    found = did_it_work(panel, generator=np.random.default_rng(1), settings=Settings(runs=19, draws=4))
    assert isinstance(found, DidItWork)
    return found


@pytest.fixture(scope="module")
def sound() -> DidItWork:
    return told(SOUND)


def level(found: DidItWork, panel: Panel) -> Certainty:
    return read(found, panel).level


def because(found: DidItWork, panel: Panel) -> str:
    return read(found, panel).because


def read(found: DidItWork, panel: Panel) -> Reading:
    return reading_of(
        found.effect,
        found.placebo_in_time,
        panel,
        "where it is live",
        title="Arrests",
        better=Better.LOWER,
        beside=found,
    )


def test_agreement_is_said_and_keeps_the_certainty(sound: DidItWork) -> None:
    compared, before = exhibits_of(sound, SETTING)
    assert compared.title.startswith("5 estimators say between 5")
    assert compared.title.endswith("none disagrees with the leading one.")
    assert before.title == "Before adoption no difference was found; afterwards there is one in every step."
    assert support_of(sound) == "4 other estimators cannot be told apart from it"
    assert doubts_of(sound) == ()
    assert level(sound, SOUND) is Certainty.HIGH
    left_out = next(row for row in compared.table.rows if row[0] == "Sun-Abraham")
    assert str(left_out[-1]).startswith("does not apply: its errors take two sites")
    assert any("none of them looked as strong" in note for note in compared.notes)
    assert any("times the largest step seen before" in note for note in before.notes)


def test_what_could_not_be_looked_at_costs_certainty(sound: DidItWork) -> None:
    untold = replace(sound, drift="it takes two sites that never adopt")
    assert level(untold, SOUND) is Certainty.MODERATE
    assert "cannot be tested (it takes two sites" in because(untold, SOUND)
    once = replace(sound, effect=replace(sound.effect, treated_periods=sound.effect.treated_sites))
    assert level(once, SOUND) is Certainty.MODERATE
    assert "whether it lasts cannot be said" in because(once, SOUND)
    few = replace(sound, effect=replace(sound.effect, treated_sites=2))
    assert level(few, SOUND) is Certainty.MODERATE
    assert level(replace(few, drift=untold.drift), SOUND) is Certainty.MODERATE
    assert level(replace(few, drift=untold.drift, agreement=None), SOUND) is Certainty.LOW


def test_a_small_chance_is_not_said_to_be_none(sound: DidItWork) -> None:
    assert isinstance(sound.drift, Drift)
    for p_value, says in ((1e-9, "p < 0.01"), (0.034, "p = 0.03")):
        steep = replace(sound, drift=replace(sound.drift, p_value=p_value))
        assert any(f"; {says})." in note for note in exhibits_of(steep, SETTING)[1].notes)


def test_few_sites_are_said_not_to_show_how_rates_wander(sound: DidItWork) -> None:
    for only in (replace(sound.effect, treated_sites=1), replace(sound.effect, comparison_sites=2)):
        said = reading_of(
            only, sound.placebo_in_time, SOUND, "there", title="Arrests", better=Better.LOWER, beside=sound
        )
        assert said.level is Certainty.MODERATE
        assert "cannot be told how far their rates wander by themselves" in said.because


@pytest.mark.parametrize(
    ("make", "words", "expected"),
    [
        (lambda: fading(1), "other estimators disagree (Poisson, two-way effects)", Certainty.MODERATE),
        (lambda: drifting(1, per_month=-0.03), "moving apart from the others before they adopted", Certainty.LOW),
    ],
)
def test_what_speaks_against_it_is_said_and_costs_certainty(
    make: Callable[[], Panel], words: str, expected: Certainty
) -> None:
    panel = make()
    found = told(panel)
    assert any(words in doubt.words for doubt in doubts_of(found))
    assert support_of(found) is None or expected is Certainty.LOW
    assert level(found, panel) is expected


def test_a_panel_without_other_estimators_says_so(sound: DidItWork) -> None:
    bare = replace(
        sound,
        estimates=(sound.estimates[0], NoEstimate(name="Log rates, imputed", reason="too few sites")),
        agreement=None,
        event_study="too few sites adopt",
        together=None,
        drift="nobody never adopts",
        sensitivity="too few steps",
        placebo_in_space="there are too few sites",
        two_way=None,
    )
    (compared,) = exhibits_of(bare, SETTING)
    assert compared.title == "No other estimator can be put beside this one."
    assert any("No placebo in space: there are too few sites." in note for note in compared.notes)
    assert support_of(bare) is None
    beside = replace(bare, estimates=sound.estimates[:2])
    title = exhibits_of(beside, SETTING)[0].title
    assert title.startswith("2 estimators say between 5")
    assert title.endswith("too few sites have it to judge if they agree.")


@pytest.fixture(scope="module")
def insight(sound: DidItWork) -> Insight:
    panel = replace(SOUND, sites=given.CODES)
    found = replace(sound, influential=tuple(replace(one, site=given.CODES[0]) for one in sound.influential))
    return impact(
        evaluation=Evaluation(
            effect=found.effect,
            placebo=found.placebo_in_time,
            panel=panel,
            periods=given.PERIODS,
            beside=found,
            restarted=(given.CODES[3],),
        ),
        innovation=given.INNOVATION,
        stage=Stage.EMBEDDED,
        measure=given.ARRESTS,
        membership=given.MEMBERSHIP,
        provenance=given.PROVENANCE,
    )


def test_every_face_has_the_charts_and_their_numbers(insight: Insight, tmp_path: Path) -> None:
    report = replace(given.report(members=2), insights=(insight,), completeness=())
    assert read_insights(insights_json(report)) == (insight,)
    write_pages(tmp_path, report=report)
    page = (tmp_path / "measures" / "cardiac-arrests.html").read_text(encoding="utf-8")
    assert all(exhibit.title in page and exhibit.notes[0] in page for exhibit in insight.exhibits)
    policy = (tmp_path / "policy-maker.html").read_text(encoding="utf-8")
    assert "What the checks say" in policy
    assert insight.exhibits[1].title not in policy
    book = load_workbook(write_workbook(tmp_path / "insights.xlsx", report))
    assert [name for name in book.sheetnames if name.startswith(("estimators-card", "before-and-after-card"))] == [
        "estimators-cardiac-arrests-in-h",
        "before-and-after-cardiac-arrest",
    ]


def test_a_restart_is_named(insight: Insight) -> None:
    assert any(f"Stopped and started again: {given.NAMES[3]}" in note for note in insight.notes)
    days = {Stage.EMBEDDED: date(2024, 1, 1), Stage.STOPPED: date(2024, 6, 1)}
    events = tuple(
        AdoptionEvent(ods_code=code, innovation="news2", stage=stage, day=day)
        for code in ("RX1", "RX2")
        for stage, day in days.items()
    )
    again = AdoptionEvent(ods_code="RX2", innovation="news2", stage=Stage.EMBEDDED, day=date(2024, 9, 1))
    programme = Programme(innovation="news2", outcome="arrests", stage=Stage.EMBEDDED)
    assert restarted_members(programme, events, members=("RX1", "RX2")) == ()
    assert restarted_members(programme, (*events, again), members=("RX1", "RX2")) == ("RX2",)


def test_a_log_axis_has_few_labels() -> None:
    assert ticks(0.02, 3.0) == [0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0]

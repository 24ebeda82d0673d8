"""A round that asks for a score table: bands are asked for as measures, and figures come of what is released."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from log_stamps import no_standing

from rounds.centre.inputs import inputs_digest
from rounds.centre.plan import make_plan
from rounds.centre.report import make_report
from rounds.disclosure.policy import Policy, SitePolicy, Terms
from rounds.disclosure.release import release
from rounds.errors import DefinitionError
from rounds.exchange.messages import Reply
from rounds.exchange.tables import ReceivedTable
from rounds.learning.deterioration.discrimination import Auroc, auroc
from rounds.learning.deterioration.score_table import ScoreTable
from rounds.learning.deterioration.shares import Known
from rounds.measures.counts import Count, count_schema
from rounds.measures.score_levels import bands_of, level_bands, score_of
from rounds.reports.insight import Insight, Kind
from rounds.reports.pages.plan import pages_of
from rounds.reports.report import Report
from rounds.storage.library import read_library, shipped_library_folder
from rounds.storage.workspace import Workspace, read_workspace

LIBRARY = read_library(shipped_library_folder())
MEASURE = LIBRARY.measure("news2-before-death", 1)
BANDS = bands_of(MEASURE)
YEAR = date(2024, 1, 1)
SETS = np.array([4000, 6000, 5000, 3000, 2000, 1500, 1000, 800, 500, 400, 300])
MANY = np.rint(SETS * np.linspace(0.01, 0.25, 11)).astype(int)
FEW = np.array([0, 2, 2, 3, 5, 4, 6, 5, 9, 12, 20])
ROUND = """\
id: "2024"
title: A year
as_of: 2025-01-15
first: 2024-01-01
last: 2024-12-31
measures:
  - {id: in-hospital-deaths, version: 1}
score_tables:
  - {measure: news2-before-death, version: 1SITES}
"""


class Silent:
    """Progress that nobody looks at."""

    def step(self, title: str, total: int) -> None: ...

    def advance(self) -> None: ...


def network(folder: Path, *, asked: str = ROUND.replace("SITES", "")) -> Workspace:
    (folder / "rounds").mkdir(parents=True)
    (folder / "rounds" / "2024.yaml").write_text(asked)
    (folder / "network.yaml").write_text(
        "id: small\nname: Small\nsites: [{id: one, folder: sites/one}, {id: two, folder: sites/two}]\n"
    )
    (folder / "members.csv").write_text(
        "ods_code,name,kind,region,joined,left\nZZ1,First,acute hospital,East,2010-01-01,\n"
        "ZZ2,Second,acute hospital,East,2010-01-01,\n"
    )
    return read_workspace(folder)


def reply(site: str, member: str, deaths: np.ndarray, *, bands: int = 11) -> Reply:
    """Return what a site releases of the bands of a score by the usual policy."""
    tables = []
    for measure, dead, sets in zip(BANDS[:bands], deaths.tolist(), SETS.tolist(), strict=False):
        row = (member, YEAR, dead, sets, dead, sets)
        cells = pl.DataFrame([row], schema=count_schema((), measure.kind), orient="row")
        count = Count(measure=measure.ref, strata=(), cells=cells, kind=measure.kind)
        told = release(count, terms=Terms(rule=Policy.HES), already_public=False)
        tables.append(ReceivedTable(measure=measure.ref, policy=Policy.HES, strata=(), cells=told.cells))
    return Reply(
        round_id="2024",
        site=site,
        answers="0" * 64,
        issued=date(2025, 2, 1),
        tables=tuple(tables),
        log=no_standing(),
        digest="1" * 64,
    )


def reported(folder: Path, *replies: Reply) -> tuple[Report, list[Insight]]:
    workspace = network(folder)
    plan = make_plan(workspace, workspace.rounds[0])
    by_site: dict[str, Reply | None] = {"one": None, "two": None} | {one.site: one for one in replies}
    report = make_report(workspace, plan, by_site, progress=Silent())
    return report, [one for one in report.insights if one.kind is Kind.WARNING]


def test_every_band_is_asked_for_as_a_measure_of_its_own(tmp_path: Path) -> None:
    workspace = network(tmp_path / "all")
    plan = make_plan(workspace, workspace.rounds[0])
    asked = [ref.id for ref in plan.sites[0].question.measures]
    assert asked == ["in-hospital-deaths", *(f"news2-before-death-at-{low}" for low in (*range(10), 11))]
    # A site finds each in its own library, by the same meaning.
    assert [LIBRARY.measure(ref.id, ref.version).ref for ref in plan.sites[0].question.measures] == list(
        plan.sites[0].question.measures
    )
    one = network(tmp_path / "one", asked=ROUND.replace("SITES", ", sites: [two]"))
    sizes = {site.site: len(site.question.measures) for site in make_plan(one, one.rounds[0]).sites}
    assert sizes == {"one": 1, "two": 12}
    without = replace(workspace.rounds[0], score_tables=())
    other = replace(plan, declaration=without)
    assert inputs_digest(workspace, plan, ()) != inputs_digest(workspace, other, ())


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        (
            "news2-before-death",
            "cardiac-arrests",
            "score_tables: cardiac-arrests counts rows that are no sets of a score",
        ),
        ("news2-before-death", "news2-befor-death", "did you mean `news2-before-death`"),
        ("version: 1SITES", "version: 1, sites: [three]", "no site `three`"),
    ],
)
def test_what_is_no_score_table_is_refused(tmp_path: Path, was: str, becomes: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        network(tmp_path, asked=ROUND.replace(was, becomes).replace("SITES", ""))


def test_what_a_site_says_of_the_whole_holds_for_its_bands() -> None:
    never = Terms(rule=Policy.HES, never=True)
    policy = SitePolicy(
        name="own",
        terms=Terms(rule=Policy.HES),
        overrides={"news2-before-death": never},
        author="A",
        reviewer="B",
        next_review=date(2027, 1, 1),
    )
    assert policy.terms_of("news2-before-death-at-7") == never
    assert policy.terms_of("in-hospital-deaths") != never


def test_enough_deaths_give_four_figures_with_tables_and_words(tmp_path: Path) -> None:
    report, said = reported(tmp_path, reply("one", "ZZ1", MANY), reply("two", "ZZ2", 2 * MANY))
    assert [one.id for one in said] == [
        f"warning-news2-before-death-{name}-network" for name in ("area", "efficiency", "calibration", "benefit")
    ]
    score = score_of(MEASURE)
    lows = np.array([float(band.low) for band in level_bands(score)])
    true = auroc(ScoreTable(scores=lows, events=Known.exact(3.0 * MANY), others=Known.exact(2.0 * SETS - 3.0 * MANY)))
    assert isinstance(true, Auroc)
    for one in said:
        assert one.alt_text
        assert one.table.rows
        assert one.certainty.estimate.value == pytest.approx(true.value, abs=0.01)
        assert one.certainty.estimate.lower <= (true.value or 0) <= one.certainty.estimate.upper
        assert one.provenance.sites_in == ("one", "two")
    assert "Acting on NEWS2" in said[3].statement
    assert "9 stands for 9 to 10 and 11 stands for 11 to 20." in said[0].notes[1]
    # Nothing is said of a band by itself, and the measure's page holds all four.
    assert {one.measure for one in report.insights} == {str(MEASURE.ref)}
    pages = {page.path: page for page in pages_of(report)}
    assert [one.id.split("-")[-2] for one in pages["measures/news2-before-death.html"].context["network"]] == [
        "area",
        "benefit",
        "calibration",
        "efficiency",
    ]
    (section,) = [
        one for one in pages["researcher.html"].context["sections"] if one["section"].heading == "How well scores warn"
    ]
    assert len(section["insights"]) == 4


def test_withheld_deaths_give_bounds_and_no_line(tmp_path: Path) -> None:
    report, said = reported(tmp_path, reply("one", "ZZ1", FEW))
    assert [one.id.split("-")[-2] for one in said] == ["area", "efficiency", "calibration"]
    assert "is between 0." in said[0].statement
    assert said[0].certainty.estimate.value is None
    assert " to " in said[1].statement
    assert any("are withheld or depend on one that is. They are not zero" in note for note in said[0].notes)
    assert any(note.startswith("No foretold risk is drawn, and no net benefit.") for note in said[0].notes)
    assert said[0].provenance.sites_out == ("two",)
    assert report.provenance.withheld_cells > 0


def test_who_sent_some_bands_only_is_left_out_and_named(tmp_path: Path) -> None:
    whole, partial = reply("one", "ZZ1", MANY), reply("two", "ZZ2", MANY, bands=5)
    _, said = reported(tmp_path / "some", whole, partial)
    assert "Left out, because not every band of the score came from them: Second." in said[0].notes
    report, none = reported(tmp_path / "none", partial)
    assert not none
    assert any("no organisation has sent every band of the score" in silence for silence in report.silences)
    report, none = reported(tmp_path / "nobody", reply("one", "ZZ1", np.zeros(11, dtype=int)))
    assert not none
    assert any("fewer than two units with the outcome" in silence for silence in report.silences)

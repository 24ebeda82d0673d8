"""A synthetic network: the files hold the draw whose truth is known, and nothing a quality check would refuse."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rounds.errors import DefinitionError
from rounds.learning.spread.adoption import Stage
from rounds.measures.questions import RecordsQuestion
from rounds.records.omop import open_records
from rounds.records.synthetic import Arrests, SyntheticNetwork, draw_arrests, write_demo_network
from rounds.records.synthetic.areas import LEVELS, LOOK_UP, arrest_shares, draw_mix
from rounds.records.synthetic.network import INNOVATION, MEASURES, truth
from rounds.records.synthetic.tables import (
    BEDSIDE_REVIEW,
    CARDIAC_ARREST,
    INPATIENT_VISIT,
    RESPIRATORY_RATE,
    site_tables,
)
from rounds.storage.library import read_library, shipped_library_folder
from rounds.storage.workspace import read_workspace


class Watcher:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int]] = []
        self.advanced = 0

    def step(self, title: str, total: int) -> None:
        self.steps.append((title, total))

    def advance(self) -> None:
        self.advanced += 1


SMALL = SyntheticNetwork(seed=7, hospitals=3, adopters=2, months=24, admissions=(250, 400))


@pytest.fixture(scope="module")
def small() -> Arrests:
    return draw_arrests(SMALL)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "network"
    write_demo_network(folder, plan=SMALL, progress=Watcher())
    return folder


def read(network: Path, site: str, table: str) -> pl.DataFrame:
    return pl.read_parquet(network / "sites" / site / "records" / f"{table}.parquet")


def by_month(days: pl.Series, plan: SyntheticNetwork) -> list[int]:
    counted = days.dt.truncate("1mo").value_counts()
    found = dict(zip(counted.to_series(0).to_list(), counted["count"].to_list(), strict=True))
    return [found.get(month, 0) for month in plan.month_starts[:-1]]


def test_records_counted_are_the_arrays(network: Path, small: Arrests) -> None:
    for row, hospital in enumerate(small.hospitals):
        visits = read(network, hospital.site, "visit_occurrence")
        arrests = read(network, hospital.site, "condition_occurrence").select("person_id", "condition_start_date")
        during = visits.join(arrests, on="person_id").filter(
            pl.col("condition_start_date").is_between("visit_start_date", "visit_end_date")
        )
        with_arrest = during.unique("visit_occurrence_id")
        assert by_month(visits["visit_start_date"], SMALL) == small.admissions[row].tolist()
        assert by_month(with_arrest["visit_start_date"], SMALL) == small.events[row].tolist()


def test_the_thinning_starts_on_the_day_of_embedding(network: Path, small: Arrests) -> None:
    for row, hospital in enumerate(small.hospitals):
        if hospital.embedded is None:
            assert not small.admissions_after[row].any()
            continue
        starts = read(network, hospital.site, "visit_occurrence")["visit_start_date"]
        assert starts.filter(starts >= hospital.embedded).len() == small.admissions_after[row].sum()


def test_records_pass_every_quality_check(network: Path, small: Arrests) -> None:
    for hospital in small.hospitals:
        folder = network / "sites" / hospital.site / "records"
        assert open_records(folder, site=hospital.site, as_of=SMALL.last_day).quality.left_out == ()


def test_nobody_is_admitted_twice_at_a_time_or_after_death(network: Path, small: Arrests) -> None:
    for hospital in small.hospitals:
        visits = read(network, hospital.site, "visit_occurrence").sort("person_id", "visit_start_date")
        before = visits.with_columns(earlier_end=pl.col("visit_end_date").shift(1).over("person_id"))
        assert before.filter(pl.col("visit_start_date") <= pl.col("earlier_end")).is_empty()
        assert visits["person_id"].is_duplicated().any()
        deaths = read(network, hospital.site, "death")
        last = visits.group_by("person_id").agg(pl.col("visit_end_date").max())
        joined = deaths.join(last, on="person_id", how="left")
        assert (joined["death_date"] == joined["visit_end_date"]).all()
        observed = read(network, hospital.site, "observation_period").join(deaths, on="person_id")
        assert (observed["observation_period_end_date"] == observed["death_date"]).all()


def test_everybody_is_18_to_100(network: Path, small: Arrests) -> None:
    for hospital in small.hospitals:
        births = read(network, hospital.site, "person")["year_of_birth"]
        assert SMALL.first_month.year - births.max() >= 18
        assert SMALL.last_day.year - births.min() <= 100


def test_the_library_counts_what_is_written() -> None:
    library = read_library(shipped_library_folder())
    codes = {}
    for measure_id, version in MEASURES:
        question = library.measure(measure_id, version).question
        assert isinstance(question, RecordsQuestion)
        codes[measure_id] = {concept for found in question.code_lists for concept in found.concept_ids}
        assert INPATIENT_VISIT in codes[measure_id]
    assert CARDIAC_ARREST in codes["cardiac-arrests"]
    assert RESPIRATORY_RATE in codes["observations-on-admission"]
    assert BEDSIDE_REVIEW in codes["outreach-reviews"]
    assert library.innovation(INNOVATION).id == INNOVATION


def test_the_folder_is_a_network_that_can_be_read(network: Path, small: Arrests) -> None:
    workspace = read_workspace(network)
    assert [site.id for site in workspace.sites] == [hospital.site for hospital in small.hospitals]
    assert [member.ods_code for member in workspace.membership.members] == ["ZZ1", "ZZ2", "ZZ3"]
    assert workspace.rounds[0].first == SMALL.first_month
    dated = {(event.ods_code, event.stage): event.day for event in workspace.adoptions}
    for hospital in small.hospitals:
        assert dated.get((hospital.ods_code, Stage.LIVE)) == hospital.live
        assert dated.get((hospital.ods_code, Stage.EMBEDDED)) == hospital.embedded


def test_the_truth_is_written_and_adds_up(network: Path, small: Arrests) -> None:
    written = json.loads((network / "truth.json").read_text(encoding="utf-8"))
    assert written == truth(small)
    assert written["rate_ratio"] == 0.5
    assert written["realised_avoided"] == sum(site["realised_avoided"] for site in written["sites"]) > 0
    assert written["expected_avoided"] == pytest.approx(
        sum(site["expected_avoided"] for site in written["sites"]), abs=0.01
    )


def test_the_same_seed_is_the_same_network_and_another_is_not(small: Arrests) -> None:
    again, other = draw_arrests(SMALL), draw_arrests(replace(SMALL, seed=8))
    assert np.array_equal(again.events, small.events)
    assert not np.array_equal(other.events, small.events)
    for name, table in site_tables(again, hospital=1).items():
        assert table.equals(site_tables(small, hospital=1)[name])


def test_hospitals_can_be_written_in_any_order() -> None:
    plan = replace(SMALL, seed=3)
    one, another = draw_arrests(plan), draw_arrests(plan)
    last_first = [site_tables(one, hospital=number)["person"] for number in (2, 1, 0)]
    first_first = [site_tables(another, hospital=number)["person"] for number in (0, 1, 2)]
    assert all(a.equals(b) for a, b in zip(last_first, reversed(first_first), strict=True))


def test_a_full_network_keeps_to_its_plan() -> None:
    for seed in range(20):
        arrests = draw_arrests(SyntheticNetwork(seed=seed))
        assert sum(hospital.live is None for hospital in arrests.hospitals) == 3
        assert len({hospital.region for hospital in arrests.hospitals}) == 3
        for row, hospital in enumerate(arrests.hospitals):
            assert 1200 <= hospital.admissions_a_month <= 4000
            assert 4 <= hospital.arrests_per_1000 <= 10
            assert 3.9 <= hospital.admissions_a_month * hospital.arrests_per_1000 / 1000 <= 20.1
            assert hospital.joined < arrests.plan.first_month
            if hospital.live is None or hospital.embedded is None:
                assert not arrests.treated[row].any()
                assert not arrests.excluded[row].any()
                continue
            assert timedelta(days=60) <= hospital.embedded - hospital.live <= timedelta(days=121)
            assert arrests.treated[row].sum() >= 6
            assert (~arrests.treated[row] & ~arrests.excluded[row]).sum() >= 7


def test_the_drawn_truth_is_the_declared_one() -> None:
    """Sums over 300 networks lie within four standard errors of what the law says."""
    drawn = [draw_arrests(SyntheticNetwork(seed=seed)) for seed in range(300)]
    latent = sum(int(one.latent_after.sum()) for one in drawn)
    happened = sum(int(one.happened_after.sum()) for one in drawn)
    assert abs(happened / latent - 0.5) < 4 * np.sqrt(0.25 / latent)
    expected = sum(float(one.expected_avoided.sum()) for one in drawn)
    realised = sum(int(one.realised_avoided.sum()) for one in drawn)
    # Variance of a thinned, over-dispersed count: at most mean (1 + dispersion x the largest monthly mean of about 15).
    assert abs(realised - expected) < 4 * np.sqrt(expected * (1 + 0.02 * 15))


def test_observations_and_reviews_rise_on_going_live() -> None:
    plan = replace(SMALL, admissions=(1500, 2000))
    arrests = draw_arrests(plan)
    row, live = next((row, h.live) for row, h in enumerate(arrests.hospitals) if h.live is not None)
    tables = site_tables(arrests, hospital=row)
    visits = tables["visit_occurrence"].with_columns(live=pl.col("visit_start_date") >= live)
    for table, (before, after) in (("measurement", (0.82, 0.93)), ("procedure_occurrence", (0.025, 0.045))):
        seen = tables[table].select("visit_occurrence_id").with_columns(seen=pl.lit(value=True))
        share = (
            visits.join(seen, on="visit_occurrence_id", how="left")
            .group_by("live")
            .agg(pl.col("seen").count() / pl.len())
        )
        found = dict(share.iter_rows())
        assert found[False] == pytest.approx(before, abs=0.01)
        assert found[True] == pytest.approx(after, abs=0.01)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(DefinitionError, match="not empty"):
        write_demo_network(tmp_path, plan=SMALL, progress=Watcher())
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_progress_is_told_of_every_site(tmp_path: Path) -> None:
    watcher = Watcher()
    write_demo_network(tmp_path / "new", plan=SMALL, progress=watcher)
    assert (watcher.steps, watcher.advanced) == ([("Writing invented records", 3)], 3)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"hospitals": 21}, "names for 1 to 20"),
        ({"adopters": 4}, "cannot adopt"),
        ({"months": 12}, "24 months or more"),
        ({"rate_ratio": 1.5}, "at most 1"),
        ({"seed": -1}, "whole number"),
        ({"dispersion": 0.0}, "above 0"),
    ],
)
def test_an_impossible_plan_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        replace(SMALL, **change)


def test_arrests_are_of_each_fifth_as_it_was_planted(network: Path, small: Arrests) -> None:
    """Every address is in the site's look-up; what the truth says of fifths adds up to what it says of all."""
    told = truth(small)
    by_fifth = told["expected_avoided_by_deprivation"]
    assert isinstance(by_fifth, dict)
    assert sum(by_fifth.values()) == pytest.approx(told["expected_avoided"], abs=0.01)
    events, expected = np.zeros(len(LEVELS)), np.zeros(len(LEVELS))
    for row, hospital in enumerate(small.hospitals):
        look_up = pl.read_csv(network / "sites" / hospital.site / LOOK_UP)
        homes = (
            read(network, hospital.site, "person")
            .select("person_id", "location_id")
            .join(read(network, hospital.site, "location"), on="location_id", how="left")
            .join(look_up, left_on="location_source_value", right_on="value", how="left")
        )
        assert homes.filter(pl.col("location_id").is_not_null())["level"].null_count() == 0
        arrests = read(network, hospital.site, "condition_occurrence").join(homes, on="person_id")
        counted = dict(arrests["level"].drop_nulls().value_counts().iter_rows())
        events += [counted.get(level, 0) for level in LEVELS]
        expected += small.events[row].sum() * arrest_shares(draw_mix(small.plan, hospital))
    assert np.abs(events - expected).max() < 4 * np.sqrt(expected.max())

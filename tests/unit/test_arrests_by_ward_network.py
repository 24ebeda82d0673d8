"""Cardiac arrests by ward over an invented network's records: counted, released, and put to the days of going live."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import release
from rounds.engines import duck
from rounds.learning.deterioration.arrests import WardCounts, arrest_shares, for_impact
from rounds.learning.deterioration.shares import Known
from rounds.learning.impact.did import estimate_effect
from rounds.learning.impact.effect import Effect, NoEffect
from rounds.learning.impact.treatment import build_panel
from rounds.measures.periods import Grain, periods_between
from rounds.records.omop import open_records
from rounds.records.synthetic.arrests import Arrests, draw_arrests
from rounds.records.synthetic.plan import Hospital, SyntheticNetwork
from rounds.records.synthetic.tables import site_tables
from rounds.storage.library import read_library, shipped_library_folder

PLAN = SyntheticNetwork(seed=5, hospitals=6, adopters=4, admissions=(500, 900), arrests_per_1000=(10.0, 20.0))
WARDS = {"Ward A": "medical", "Ward B": "surgical"}
KINDS = tuple(WARDS.values())


def _write_records(folder: Path, tables: dict[str, pl.DataFrame]) -> None:
    """Write a hospital's records, in which every other admission is to the one ward and the rest to the other."""
    visits = tables["visit_occurrence"]
    tables["visit_detail"] = visits.select(
        pl.col("visit_occurrence_id").alias("visit_detail_id"),
        "person_id",
        pl.col("visit_concept_id").alias("visit_detail_concept_id"),
        pl.col("visit_start_date").alias("visit_detail_start_date"),
        pl.col("visit_end_date").alias("visit_detail_end_date"),
        pl.col("visit_type_concept_id").alias("visit_detail_type_concept_id"),
        (1 + pl.col("visit_occurrence_id") % 2).alias("care_site_id"),
        "visit_occurrence_id",
    )
    tables["care_site"] = pl.DataFrame({"care_site_id": [1, 2], "care_site_name": list(WARDS)})
    (folder / "records").mkdir(parents=True)
    for name, table in tables.items():
        table.write_parquet(folder / "records" / f"{name}.parquet")
    (folder / "groupings").mkdir()
    look_up = pl.DataFrame({"value": list(WARDS), "level": list(WARDS.values())})
    look_up.write_csv(folder / "groupings" / "kind-of-ward.csv")


def _cells(folder: Path, arrests: Arrests, hospital: Hospital) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return a hospital's exact cells, and those that the usual policy lets leave."""
    _write_records(folder, site_tables(arrests, hospital=hospital.number))
    library = read_library(shipped_library_folder(), look_ups=folder / "groupings")
    measure = library.measure("cardiac-arrests-by-ward", 1)
    records = open_records(folder / "records", site=hospital.site, as_of=PLAN.last_day, outside_observation="refuse")
    periods = periods_between(grain=Grain.MONTH, first=PLAN.first_month, last=PLAN.last_day)
    count = duck.count(measure, records, member=hospital.ods_code, periods=periods)
    return count.cells, release(count, terms=Terms(rule=Policy.HES), already_public=False).cells


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[Arrests, dict[str, tuple[pl.DataFrame, pl.DataFrame]]]:
    arrests = draw_arrests(PLAN)
    folder = tmp_path_factory.mktemp("network")
    return arrests, {one.ods_code: _cells(folder / one.site, arrests, one) for one in arrests.hospitals}


def _by_ward(of_each: dict[str, pl.DataFrame], known: Callable[[pl.DataFrame, str], Known]) -> WardCounts:
    """Return a row for each ward of each hospital."""
    wards = [cells.filter(pl.col("ward") == kind).sort("period") for cells in of_each.values() for kind in KINDS]
    numbers = [[known(ward, name) for ward in wards] for name in ("numerator", "denominator")]
    arrests, admissions = (
        Known(
            value=np.stack([one.value for one in each]),
            lower=np.stack([one.lower for one in each]),
            upper=np.stack([one.upper for one in each]),
        )
        for each in numbers
    )
    return WardCounts(
        wards=tuple(f"{member} {kind}" for member in of_each for kind in KINDS), arrests=arrests, admissions=admissions
    )


def _exact(cells: pl.DataFrame, name: str) -> Known:
    return Known.exact(cells[name].cast(pl.Float64).to_numpy())


def _released(cells: pl.DataFrame, name: str) -> Known:
    ends = [cells[f"{name}_{end}"].cast(pl.Float64).to_numpy() for end in ("lower", "upper")]
    value = cells[f"{name}_value"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return Known(value=np.where(ends[0] == ends[1], ends[0], value), lower=ends[0], upper=ends[1])


def _effect(counts: WardCounts, arrests: Arrests) -> Effect | NoEffect:
    lower, upper, exposure = for_impact(counts)
    of_ward = {f"{one.ods_code} {kind}": one for one in arrests.hospitals for kind in KINDS}
    periods = periods_between(grain=Grain.MONTH, first=PLAN.first_month, last=PLAN.last_day)
    return estimate_effect(
        build_panel(
            sites=counts.wards,
            periods=[(period.start, period.end) for period in periods],
            lower=lower,
            upper=upper,
            exposure=exposure,
            effective_from={ward: one.embedded for ward, one in of_ward.items() if one.embedded is not None},
            live_from={ward: one.live for ward, one in of_ward.items() if one.live is not None},
            stopped_on={},
        )
    )


def test_wards_of_exact_records_show_what_going_live_did(
    network: tuple[Arrests, dict[str, tuple[pl.DataFrame, pl.DataFrame]]],
) -> None:
    arrests, cells = network
    counts = _by_ward({member: exact for member, (exact, _) in cells.items()}, _exact)
    # The wards of a hospital add up to what was drawn for it, month by month.
    by_hospital = counts.arrests.value.reshape(PLAN.hospitals, len(KINDS), PLAN.months).sum(axis=1)
    assert by_hospital.tolist() == arrests.events.tolist()
    rates = [1000 * share.value for share in arrest_shares(counts) if share is not None and share.value is not None]
    assert len(rates) == 12
    assert 4 < min(rates) < max(rates) < 25
    found = _effect(counts, arrests)
    assert isinstance(found, Effect)
    assert found.rate_ratio.lower < PLAN.rate_ratio < found.rate_ratio.upper < 0.75
    assert found.rate_ratio.estimate == pytest.approx(PLAN.rate_ratio, rel=0.2)


def test_released_wards_give_bounds_that_hold_the_effect(
    network: tuple[Arrests, dict[str, tuple[pl.DataFrame, pl.DataFrame]]],
) -> None:
    arrests, cells = network
    exact = _by_ward({member: known for member, (known, _) in cells.items()}, _exact)
    told = _by_ward({member: released for member, (_, released) in cells.items()}, _released)
    assert told.arrests.withheld > 0
    for known, bounded in ((exact.arrests, told.arrests), (exact.admissions, told.admissions)):
        assert (bounded.lower <= known.value).all()
        assert (known.value <= bounded.upper).all()
    found = _effect(told, arrests)
    assert isinstance(found, Effect)
    assert found.rate_ratio.lower < PLAN.rate_ratio < found.rate_ratio.upper

"""The network of real samples: split by its rule, the parts add up to the published cohort counts."""

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from rounds.engines import duck
from rounds.engines.codes import prepare
from rounds.errors import DefinitionError
from rounds.measures.periods import periods_between
from rounds.records.omop import open_records
from rounds.storage.workspace import Workspace, read_workspace

HELD_AGAINST = (("A network of real samples", "published cohort counts", "exact"),)

ROOT = Path(__file__).resolve().parents[2]
GIBLEED = ROOT.parent / "shared" / "data" / "omop_gibleed"
SYNTHEA = ROOT.parent / "shared" / "data" / "omop_synthea_1k"

pytestmark = pytest.mark.skipif(
    not (GIBLEED.is_dir() and SYNTHEA.is_dir()), reason="needs the OMOP samples beside the repository"
)


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("real_records_example", ROOT / "examples" / "real_records.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def workspace(example: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    out = tmp_path_factory.mktemp("real") / "network"
    example.prepare(GIBLEED, SYNTHEA, out)
    return read_workspace(out)


def parts(workspace: Workspace) -> list[Path]:
    return [workspace.site_folder(site) / "records" for site in workspace.sites if site.id != "synthea"]


def test_every_row_goes_to_one_part_and_the_part_of_its_person(workspace: Workspace) -> None:
    for name in ("person", "observation_period", "drug_era", "measurement"):
        whole = pl.read_parquet(GIBLEED / f"{name}.parquet")
        split = [pl.read_parquet(folder / f"{name}.parquet") for folder in parts(workspace)]
        columns = [column for column in whole.columns if column.endswith("_id")]
        assert pl.concat(split).select(columns).sort(columns).equals(whole.select(columns).sort(columns))
        for number, table in enumerate(split):
            digests = (hashlib.sha256(str(person).encode()).hexdigest() for person in table["person_id"].unique())
            assert {int(digest[:8], 16) % 5 for digest in digests} == {number}


def test_the_vocabulary_is_whole_in_every_part(workspace: Workspace) -> None:
    for name in ("concept", "concept_ancestor"):
        for folder in parts(workspace):
            assert (folder / f"{name}.parquet").read_bytes() == (GIBLEED / f"{name}.parquet").read_bytes()


def test_every_site_can_answer_the_round_it_is_asked(workspace: Workspace) -> None:
    declared = workspace.rounds_to_run("years-1999-2018")[0]
    measures = {asked.id: (workspace.library.measure(asked.id, 1), asked.sites) for asked in declared.measures}
    for site in workspace.sites:
        folder = workspace.site_folder(site) / "records"
        records = open_records(folder, site=site.id, as_of=declared.as_of, outside_observation="exclude")
        with records.connect() as connection:
            prepare(connection, [measure for measure, sites in measures.values() if site.id in sites], records)


@pytest.mark.parametrize(("measure_id", "published"), [("celecoxib-ever", 1800), ("celecoxib-over-40-ever", 569)])
def test_the_parts_add_up_to_the_published_cohorts(workspace: Workspace, measure_id: str, published: int) -> None:
    declared = workspace.rounds_to_run("celecoxib-ever")[0]
    measure = workspace.library.measure(measure_id, 1)
    periods = periods_between(grain=measure.grain, first=declared.first, last=declared.last)
    total = 0
    for folder in parts(workspace):
        records = open_records(folder, site=folder.parent.name, as_of=declared.as_of, outside_observation="exclude")
        total += duck.count(measure, records, member="ZZ101", periods=periods).cells["numerator"].sum()
    assert total == published


def test_at_least_six_measures_are_asked_of_all_or_named_sites(workspace: Workspace) -> None:
    asked = {measure.id: measure.sites for measure in workspace.rounds_to_run("years-1999-2018")[0].measures}
    assert len(asked) >= 6
    assert sum(len(sites) == 6 for sites in asked.values()) >= 5
    assert "synthea" not in asked["celecoxib-new-users"]


def test_a_folder_without_the_sample_is_refused(example: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"holds no person\.parquet"):
        example.prepare(tmp_path, SYNTHEA, tmp_path / "out")
    assert not (tmp_path / "out").exists()

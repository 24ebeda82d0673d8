# ruff: noqa: S608  SQL is built from our own names only
"""A synthetic population: whole, the same for the same plan, laid out by blocks, and as it stood on a day."""

import hashlib
import json
import multiprocessing
from collections import namedtuple
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from rounds.errors import DefinitionError, RecordsError
from rounds.records.omop import open_records
from rounds.records.synthetic.population import PRESETS, Population, records_folder, write_population
from rounds.records.synthetic.population.block import block_roster, block_tables
from rounds.records.synthetic.population.concepts import ancestors, concepts
from rounds.records.synthetic.population.tables import SCHEMAS


class Watcher:
    """Counts what it was told."""

    def __init__(self, *, stop_at: int | None = None) -> None:
        self.total = 0
        self.advanced = 0
        self._stop_at = stop_at

    def step(self, title: str, total: int) -> None:  # noqa: ARG002 - as Progress has it
        self.total = total

    def advance(self) -> None:
        self.advanced += 1
        if self.advanced == self._stop_at:
            raise KeyboardInterrupt


PLAN = Population(seed=3, people=2_000, block_people=500)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def written(folder: Path, plan: Population) -> Path:
    write_population(folder, plan=plan, progress=Watcher(), workers=1)
    return folder


def tables(folder: Path, plan: Population, site: int = 0) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    records = records_folder(folder, plan, site)
    for path in records.iterdir():
        files = path if path.is_file() else path / "*.parquet"
        connection.execute(f"CREATE VIEW {path.stem} AS FROM '{files}'")
    return connection


def value(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    ((only,),) = connection.execute(sql).fetchall()
    return only


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("population") / "blocks", PLAN)


@pytest.fixture(scope="module")
def records(blocks: Path) -> duckdb.DuckDBPyConnection:
    return tables(blocks, PLAN)


def test_bytes_do_not_depend_on_the_workers(blocks: Path, tmp_path: Path) -> None:
    watcher = Watcher()
    outcome = write_population(tmp_path / "again", plan=PLAN, progress=watcher, workers=2)
    assert digests(tmp_path / "again") == digests(blocks)
    assert watcher.total == watcher.advanced == 4
    assert outcome.rows["person"] == 2_000


def test_another_seed_is_another_population(blocks: Path, tmp_path: Path) -> None:
    other = digests(written(tmp_path / "other", replace(PLAN, seed=4)))
    same = {path for path, digest in digests(blocks).items() if other[path] == digest}
    tables = {Path(path).name for path in same if path.endswith(".parquet")}
    assert tables == {"concept.parquet", "concept_ancestor.parquet", "care_site.parquet"}


def test_a_block_drawn_alone_is_the_block_on_disk(blocks: Path) -> None:
    block = PLAN.blocks(0)[2]
    folder = records_folder(blocks, PLAN, 0)
    for name, table in block_tables(PLAN, block_roster(PLAN, block)):
        assert table.equals(pl.read_parquet(folder / name / "block-0002.parquet"))
        assert table.schema == SCHEMAS[name]


def test_blocks_are_contiguous_ranges_of_ids_with_rows_by_person(blocks: Path) -> None:
    folder = records_folder(blocks, PLAN, 0)
    for number, block in enumerate(PLAN.blocks(0)):
        ids = range(block.first_person_id, block.first_person_id + block.people)
        for name in SCHEMAS:
            person = pl.read_parquet(folder / name / f"block-{number:04}.parquet")["person_id"]
            assert person.is_sorted()
            assert person.len() > 0
            assert person[0] >= ids.start
            assert person[-1] < ids.stop
        everybody = pl.read_parquet(folder / "person" / f"block-{number:04}.parquet")["person_id"]
        assert everybody.to_list() == list(ids)


def test_a_site_of_one_block_has_a_file_a_table_that_open_records_accepts(tmp_path: Path) -> None:
    plan = Population(seed=3, people=2_000)
    folder = records_folder(written(tmp_path / "one", plan), plan, 0)
    assert {path.name for path in folder.iterdir()} == {
        f"{name}.parquet" for name in (*SCHEMAS, "care_site", "location", "concept", "concept_ancestor")
    }
    assert open_records(folder, site="site-01", as_of=date(2025, 1, 1)).quality.left_out == ()


def test_row_ids_are_unique(records: duckdb.DuckDBPyConnection) -> None:
    for name in set(SCHEMAS) - {"death"}:
        assert value(records, f"SELECT count(*) - count(DISTINCT {name}_id) FROM {name}") == 0
    assert value(records, "SELECT count(*) - count(DISTINCT person_id) FROM death") == 0


def test_every_concept_is_named_and_its_own_ancestor(records: duckdb.DuckDBPyConnection) -> None:
    for name, schema in SCHEMAS.items():
        for column in schema:
            if column.endswith("concept_id"):
                missing = f"""SELECT count(*) FROM {name} WHERE {column} <> 0
                    AND {column} NOT IN (SELECT concept_id FROM concept)"""
                assert value(records, missing) == 0, (name, column)
    ids = [concept.concept_id for concept in concepts()]
    assert len(ids) == len(set(ids))
    pairs = [(above, below) for above, below, _ in ancestors()]
    assert len(pairs) == len(set(pairs))
    assert {(one, one) for one in ids} <= set(pairs)
    assert {one for pair in pairs for one in pair} == set(ids)


def test_links_lead_somewhere(records: duckdb.DuckDBPyConnection) -> None:
    for name in ("visit_detail", "condition_occurrence", "drug_exposure", "procedure_occurrence", "measurement"):
        assert value(records, f"SELECT count(visit_occurrence_id) FROM {name}") > 0
        astray = f"""SELECT count(*) FROM {name} t LEFT JOIN visit_occurrence v USING (visit_occurrence_id)
            WHERE t.visit_occurrence_id IS NOT NULL AND v.person_id IS DISTINCT FROM t.person_id"""
        assert value(records, astray) == 0
    for name in ("person", "visit_occurrence", "visit_detail"):
        astray = f"SELECT count(*) FROM {name} ANTI JOIN care_site USING (care_site_id) WHERE care_site_id IS NOT NULL"
        assert value(records, astray) == 0
    assert (
        value(records, "SELECT count(*) FROM person ANTI JOIN location USING (location_id) WHERE location_id > 0") == 0
    )


def test_everything_happens_while_the_person_is_observed(records: duckdb.DuckDBPyConnection) -> None:
    assert_observed(records)
    twice = "SELECT count(*) FROM (SELECT 1 FROM observation_period GROUP BY person_id HAVING count(*) = 2)"
    assert value(records, twice) > 20


def assert_observed(records: duckdb.DuckDBPyConnection) -> None:
    """Hold events to observation periods, those to each other and to the births."""
    backwards = (
        "SELECT count(*) FROM observation_period WHERE observation_period_end_date < observation_period_start_date"
    )
    assert value(records, backwards) == 0
    overlapping = """SELECT count(*) FROM observation_period a JOIN observation_period b USING (person_id)
        WHERE a.observation_period_id < b.observation_period_id
        AND a.observation_period_end_date >= b.observation_period_start_date"""
    assert value(records, overlapping) == 0
    for name, schema in SCHEMAS.items():
        days = [column for column in schema if column.endswith("_date") and not column.endswith("_end_date")]
        outside = f"""SELECT count(*) FROM {name} t WHERE NOT EXISTS (FROM observation_period o
            WHERE o.person_id = t.person_id AND t.{days[0] if days else "person_id"} BETWEEN
            observation_period_start_date AND observation_period_end_date)"""
        if days:
            assert value(records, outside) == 0, name
    born = "make_date(year_of_birth, month_of_birth, coalesce(day_of_birth, 1))"
    early = f"""SELECT count(*) FROM observation_period JOIN person USING (person_id)
        WHERE observation_period_start_date < {born}"""
    assert value(records, early) == 0


def test_nobody_is_in_two_stays_at_once_but_to_be_transferred(records: duckdb.DuckDBPyConnection) -> None:
    stays = """SELECT *, lag(visit_end_date) OVER w AS before, lag(care_site_id) OVER w AS from_site,
            lag(discharged_to_concept_id) OVER w AS sent_to FROM visit_occurrence WHERE visit_concept_id = 9201
            WINDOW w AS (PARTITION BY person_id ORDER BY visit_start_date, visit_occurrence_id)"""
    assert value(records, f"SELECT count(*) FROM ({stays}) WHERE visit_start_date < before") == 0
    overlap = f"SELECT count(*) FROM ({stays}) WHERE visit_start_date = before AND admitted_from_concept_id <> 8717"
    assert value(records, overlap) == 0
    transfers = f"SELECT count(*) FROM ({stays}) WHERE admitted_from_concept_id = 8717"
    assert value(records, transfers) > 10
    assert (
        value(records, f"{transfers} AND (visit_start_date <> before OR from_site = care_site_id OR sent_to <> 8717)")
        == 0
    )
    late = "SELECT count(*) FROM visit_occurrence WHERE visit_end_datetime < visit_start_datetime"
    assert value(records, late) == 0


def test_wards_follow_each_other_through_a_stay(records: duckdb.DuckDBPyConnection) -> None:
    chained = """SELECT v.visit_occurrence_id, any_value(visit_start_date) = min(visit_detail_start_date)
            AND any_value(visit_end_date) = max(visit_detail_end_date) AS whole, count(*) AS wards,
            sum(visit_detail_end_date - visit_detail_start_date) = any_value(visit_end_date - visit_start_date)
                AS tiled,
            count(DISTINCT d.care_site_id) AS places
        FROM visit_detail d JOIN visit_occurrence v USING (visit_occurrence_id) GROUP BY 1"""
    assert value(records, f"SELECT bool_and(whole AND tiled AND wards = places) FROM ({chained})")
    assert value(records, f"SELECT max(wards) FROM ({chained})") == 3
    stays = value(records, "SELECT count(*) FROM visit_occurrence WHERE visit_concept_id = 9201")
    assert value(records, f"SELECT count(*) FROM ({chained})") == stays


def test_codes_change_on_a_day(records: duckdb.DuckDBPyConnection, blocks: Path) -> None:
    truth = json.loads((blocks / "truth.json").read_text())
    for change in truth["coding_changes"]:
        name = "measurement" if change["name"] == "hba1c" else "condition"
        table = {"measurement": "measurement", "condition": "condition_occurrence"}[name]
        day = {"measurement": "measurement_date", "condition": "condition_start_date"}[name]
        for concept, before in ((change["before"], True), (change["after"], False)):
            found = f"""SELECT count(*), bool_and(({day} < DATE '{change["first_day"]}') = {before})
                FROM {table} WHERE {name}_concept_id = {concept}"""
            ((rows, right),) = records.execute(found).fetchall()
            assert rows > 10
            assert right


NETWORK = Population(seed=5, people=6_000, sites=3, block_people=1_000, known_elsewhere=0.1)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("population") / "network", NETWORK)


def test_some_people_are_known_at_two_sites_under_two_ids(network: Path) -> None:
    pairs = pl.read_parquet(network / "people_at_two_sites.parquet")
    truth = json.loads((network / "truth.json").read_text())
    expected = sum(block.visitors for site in range(3) for block in NETWORK.blocks(site))
    assert pairs.height == truth["known_at_two_sites"] == expected > 400
    people = pl.concat(
        pl.read_parquet(records_folder(network, NETWORK, site) / "person" / "*.parquet").with_columns(
            site=pl.lit(NETWORK.site_name(site))
        )
        for site in range(3)
    )
    assert people.height == 6_000 + pairs.height
    assert people["person_id"].n_unique() == people.height
    deaths = pl.concat(
        pl.read_parquet(records_folder(network, NETWORK, site) / "death" / "*.parquet") for site in range(3)
    )
    both = (
        pairs.join(people, left_on=["home_site", "home_person_id"], right_on=["site", "person_id"])
        .join(people, left_on=["other_site", "other_person_id"], right_on=["site", "person_id"], suffix="_other")
        .join(deaths, left_on="home_person_id", right_on="person_id", how="left")
        .join(deaths, left_on="other_person_id", right_on="person_id", how="left", suffix="_other")
    )
    assert both.height == pairs.height
    assert both.filter(pl.col("home_site") == pl.col("other_site")).is_empty()
    for column in ("year_of_birth", "month_of_birth"):
        assert both[column].equals(both[f"{column}_other"])
    known = both.filter((pl.col("gender_concept_id") > 0) & (pl.col("gender_concept_id_other") > 0))
    assert known["gender_concept_id"].equals(known["gender_concept_id_other"])
    dead = both.drop_nulls(["death_date", "death_date_other"])
    assert dead.height > 3
    assert dead["death_date"].equals(dead["death_date_other"])
    assert both["care_site_id"].null_count() == 0
    assert both["care_site_id_other"].null_count() == both.height


@pytest.mark.parametrize("site", range(3))
def test_visitors_too_are_observed_when_something_happens(network: Path, site: int) -> None:
    assert_observed(tables(network, NETWORK, site))


def test_sites_differ_in_size_and_add_up(network: Path) -> None:
    assert sum(NETWORK.residents) == 6_000
    assert len(set(NETWORK.residents)) == 3
    assert [one["residents"] for one in json.loads((network / "truth.json").read_text())["sites"]] == list(
        NETWORK.residents
    )


SETTLED = Population(seed=8, people=50_000)
TODAY = date(2022, 6, 30)

COLUMNS = ["measurement_id", "measurement_date", "value_as_number"]


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The same records twice: as of a day, and settled."""

    folders: tuple[Path, Path]
    then: duckdb.DuckDBPyConnection


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder = tmp_path_factory.mktemp("population")
    then = replace(SETTLED, as_of=TODAY)
    plans = {"then": then, "settled": SETTLED}
    folders = [records_folder(written(folder / name, plan), plan, 0) for name, plan in plans.items()]
    return Snapshot(folders=(folders[0], folders[1]), then=tables(folder / "then", then))


def test_nothing_is_known_of_what_comes_later(snapshot: Snapshot) -> None:
    for name, schema in SCHEMAS.items():
        for column in schema:
            planned = name in ("drug_exposure", "drug_era", "condition_occurrence", "condition_era") and "end" in column
            if column.endswith("_date") and not planned:
                assert value(snapshot.then, f"SELECT max({column}) FROM {name}") <= TODAY, (name, column)
    staying = f"""SELECT count(*) FROM visit_occurrence WHERE visit_end_date = DATE '{TODAY}'
        AND visit_concept_id = 9201 AND visit_end_datetime IS NULL"""
    assert value(snapshot.then, staying) > 0


def test_a_snapshot_passes_the_checks_of_the_records(tmp_path: Path) -> None:
    plan = replace(SETTLED, people=4_000, as_of=TODAY)
    folder = records_folder(written(tmp_path / "then", plan), plan, 0)
    assert open_records(folder, site="site-01", as_of=TODAY).quality.left_out == ()


def test_late_corrected_and_withdrawn_rows_have_their_shares(snapshot: Snapshot) -> None:
    """Of rows dated 29 to 4 days before: the late ones are not there yet, the wrong ones not yet corrected."""
    first, last = TODAY - timedelta(days=29), TODAY - timedelta(days=4)
    then, settled = (pl.read_parquet(folder / "measurement.parquet", columns=COLUMNS) for folder in snapshot.folders)
    recent = settled.filter(pl.col("measurement_date").is_between(first, last))
    seen = recent.join(then, on="measurement_id", suffix="_then")
    flaws = SETTLED.flaws
    assert_share(recent.height - seen.height, recent.height, flaws.late)
    numbered = seen.filter(pl.col("value_as_number") > 0)
    wrong = numbered.filter(pl.col("value_as_number") != pl.col("value_as_number_then"))
    assert_share(wrong.height, numbered.height, flaws.corrected)
    assert wrong["value_as_number_then"].to_list() == pytest.approx((wrong["value_as_number"] * 10).to_list())
    extra = then.join(settled, on="measurement_id", how="anti").filter(pl.col("measurement_date") >= first)
    assert_share(extra.height, seen.height, flaws.withdrawn)
    old = settled.filter(pl.col("measurement_date") < TODAY - timedelta(days=300))
    assert old.join(then, on=old.columns, how="anti", nulls_equal=True).is_empty()


def assert_share(events: int, rows: int, share: float) -> None:
    """Hold a count to four standard errors around its share of the rows."""
    assert rows * share > 4
    assert abs(events - rows * share) < 4 * (rows * share * (1 - share)) ** 0.5


def test_records_of_a_late_enough_day_are_settled(tmp_path: Path) -> None:
    plan = Population(seed=8, people=1_000)
    late = digests(written(tmp_path / "late", replace(plan, as_of=date(2026, 1, 1))))
    settled = digests(written(tmp_path / "settled", plan))
    assert late.keys() == settled.keys()
    assert {path for path in late if late[path] != settled[path]} == {"truth.json"}


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(DefinitionError, match="is not empty"):
        written(tmp_path, PLAN)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("workers", [1, 2])
def test_stopped_halfway_leaves_nothing(tmp_path: Path, workers: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_population(tmp_path / "new", plan=PLAN, progress=Watcher(stop_at=2), workers=workers)
    assert list(tmp_path.iterdir()) == []


def test_a_small_disk_is_refused_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**12, 10**12 - 10**9, 10**9))
    with pytest.raises(RecordsError, match=r"6,000,000 people need about 2\.41 GB, and 1\.00 GB are free") as refused:
        write_population(tmp_path / "deep" / "new", plan=Population(seed=1, people=6_000_000), progress=Watcher())
    assert "make room" in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_the_system_kills_is_told_plainly(tmp_path: Path) -> None:
    class Killer(Watcher):
        """Kills a worker once it has written something."""

        def advance(self) -> None:
            super().advance()
            for child in multiprocessing.active_children():
                child.kill()

    with pytest.raises(RecordsError, match="for want of memory; nothing was left behind"):
        write_population(tmp_path / "new", plan=replace(PLAN, people=10_000), progress=Killer(), workers=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seed": -1}, "a seed is a whole number"),
        ({"people": 99}, "ask for 100 or more, not 99"),
        ({"sites": 0}, "give 1 to 200 sites, not 0"),
        ({"people": 300, "sites": 4}, "ask for 400 or more, not 300"),
        ({"block_people": 10}, "a block has 100 to 200,000 people"),
        ({"known_elsewhere": 0.6}, "known elsewhere, not 0.6"),
        ({"as_of": date(2014, 12, 31)}, "nothing was recorded before 2015-01-01"),
        ({"people": 200_000, "block_people": 100}, "at most 1000 blocks"),
        ({"people": 1_500_000_000, "sites": 150, "block_people": 200_000}, "do not fit 32 bits"),
    ],
)
def test_impossible_plans_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Population(**{"seed": 1, "people": 10_000, **wrong})


def test_presets_grow() -> None:
    sizes = [preset.people for preset in PRESETS.values()]
    assert sizes == sorted(sizes)
    assert list(PRESETS) == ["tiny", "small", "town", "region", "nation"]
    for preset in PRESETS.values():
        plan = Population(seed=1, people=preset.people)
        blocks = plan.blocks(0)
        assert sum(block.people for block in blocks) == preset.people
        assert (len(blocks) == 1) == (preset.people <= 50_000)

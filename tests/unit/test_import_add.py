"""A month's extract is added to what is served: the same records as one import of everything, or nothing at all."""

import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest
from importing_job import job
from monthly_site import EVENT_TABLES, MonthlySite
from small_site import drug_event, people_measure, visits_measure

from rounds.engines import duck
from rounds.engines.asked import Asked
from rounds.engines.pack.carried import carry_pack
from rounds.engines.pack.layout import MANIFEST, digest_of
from rounds.errors import DefinitionError, RecordsError
from rounds.measures.events import EventTable
from rounds.measures.periods import Grain
from rounds.measures.strata import Stratum
from rounds.records.importing.erase import erase_rows, generations_with
from rounds.records.importing.generation import current_folder, generations
from rounds.records.importing.omop import import_omop
from rounds.records.importing.report import ImportReport
from rounds.records.importing.session import Job
from rounds.records.omop import Records, open_records
from rounds.site.counting import count_records
from rounds.site.importing import ImportRequest
from rounds.site.recounting import count_changed

TODAY = date(2023, 12, 31)
MEASURES = (
    people_measure(
        drug_event(table=EventTable.DRUG_EXPOSURE), grain=Grain.MONTH, strata=(Stratum.AGE_BAND, Stratum.SEX)
    ),
    visits_measure(drug_event(table=EventTable.CONDITION_OCCURRENCE), grain=Grain.MONTH, strata=(Stratum.SEX,)),
    people_measure(drug_event(table=EventTable.DEATH), grain=Grain.MONTH),
)
ASKED = tuple(
    Asked(measure=measure, periods=measure.periods(first=date(2023, 1, 1), last=date(2023, 3, 31)))
    for measure in MEASURES
)


def _open(folder: Path) -> Records:
    return open_records(folder, site="site-a", as_of=TODAY)


def _check(folder: Path) -> None:
    _open(folder)


def _job(records: Path) -> Job:
    return job(records, check=_check, carry=carry_pack)


def _add(source: Path, records: Path) -> ImportReport:
    return import_omop(source, _job(records), add=True)


@pytest.fixture(scope="module")
def january(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site's records, imported in January."""
    folder = tmp_path_factory.mktemp("january")
    import_omop(MonthlySite().export(folder / "january", 1), _job(folder / "records"))
    return folder / "records"


@pytest.fixture
def records(january: Path, tmp_path: Path) -> Path:
    """Where January is served."""
    return shutil.copytree(january, tmp_path / "records")


@pytest.fixture(scope="module")
def in_february(january: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ImportReport]:
    """The same site's records when February was added, and what was told then."""
    folder = tmp_path_factory.mktemp("february")
    records = shutil.copytree(january, folder / "records")
    return records, _add(MonthlySite().export(folder / "february", 2, since_last=True), records)


@pytest.fixture
def grown(in_february: tuple[Path, ImportReport], tmp_path: Path) -> Path:
    """Where January and February are served."""
    return shutil.copytree(in_february[0], tmp_path / "records", symlinks=True)


@pytest.fixture
def february(tmp_path: Path) -> Path:
    """What is new in February."""
    return MonthlySite().export(tmp_path / "february", 2, since_last=True)


def _rows(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table that is served, sorted."""
    opened = _open(folder)
    with duckdb.connect() as connection:
        return {
            source.table.name: sorted(connection.execute(f"FROM ({source.select})").fetchall(), key=repr)
            for source in opened.sources
        }


def _names(paths: Iterable[Path]) -> list[str]:
    return sorted(path.name for path in paths)


def _told(folder: Path) -> list[str]:
    """Return everything that lies in a site's records, and when the disk says that it was changed."""
    return sorted(
        f"{path.relative_to(folder)} {path.lstat().st_ctime_ns}" for path in folder.rglob("*") if path.is_file()
    )


def _whole(tmp_path: Path, month: int) -> Path:
    """Return records that were imported at once, with all that there is at the end of a month."""
    folder = tmp_path / f"whole-{month}"
    import_omop(MonthlySite().export(tmp_path / f"everything-{month}", month), _job(folder))
    return folder


def test_two_months_later_the_records_and_counts_are_those_of_one_import_of_everything(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rounds.engines.pack.growing.MOST_ADDED", 100.0)  # a month of three is more than a quarter
    told: list[str] = []
    periods = []
    for month in (1, 2, 3):
        if month > 1:
            _add(MonthlySite().export(tmp_path / f"new-{month}", month, since_last=True), records)
        opened = _open(records)
        from_pack = count_records(ASKED, opened, member="RX1", tell=told.append, least_rows=0)
        whole = _open(_whole(tmp_path, month)) if month > 1 else opened
        expected = duck.count_all(ASKED, whole, member="RX1")
        assert [one.cells.rows() for one in from_pack] == [one.cells.rows() for one in expected]
        again = count_changed(
            ASKED,
            opened,
            member="RX1",
            folder=tmp_path / "remembered",
            engine=lambda asked, needed: duck.count_all(asked, needed, member="RX1"),
        )
        assert [one.cells.rows() for one in again.counts] == [one.cells.rows() for one in expected]
        periods.append(again.counted)
    assert _without_places(_rows(records)) == _without_places(_rows(tmp_path / "whole-3"))
    (pack,) = (path for path in (current_folder(records) / "pack").iterdir() if path.is_dir())
    said = json.loads((pack / MANIFEST).read_bytes())["tables"]
    # The index has grown twice where rows came, and was read anew where some were replaced.
    segments = {
        name: len(said[name]["segments"]) for name in ("measurement", "condition_occurrence", "visit_occurrence")
    }
    assert segments == {"measurement": 3, "condition_occurrence": 3, "visit_occurrence": 1}
    assert not [line for line in told if "slower" in line]
    assert periods == [9, 4, 9]  # in March people moved, so that who they are is other than it was in every month


def _without_places(tables: dict[str, list[tuple[object, ...]]]) -> dict[str, list[tuple[object, ...]]]:
    return {name: sorted((row[:-1] for row in rows), key=repr) for name, rows in tables.items()}


def test_what_is_shared_is_not_changed_and_stays_until_nobody_links_to_it(
    records: Path, february: Path, tmp_path: Path
) -> None:
    before = _open(records)
    seen, known, rows = _told(before.folder), digest_of(before), _rows(records)
    _add(february, records)
    assert (_told(before.folder), digest_of(before)) == (seen, known)
    second = current_folder(records)
    shared = (second / "measurement" / "part-0001.parquet", second / "drug_exposure" / "part-0001.parquet")
    assert all(path.resolve().parent == before.folder for path in shared)
    assert not (second / "visit_occurrence" / "part-0001.parquet").is_symlink()  # a stay that went on has ended since
    _add(MonthlySite().export(tmp_path / "march", 3, since_last=True), records)
    assert _names(generations(records)) == ["generation-0001", "generation-0002", "generation-0003"]
    assert _names(before.folder.iterdir()) == [
        f"{name}.parquet"
        for name in (
            "care_site",  # of the second, which is kept for whoever was still reading it
            "concept",
            "concept_ancestor",
            "condition_occurrence",
            "death",
            "drug_exposure",
            "measurement",
            "person",  # those who were there in February were as they had been
        )
    ]
    assert _names((second / "person").iterdir()) == ["part-0001.parquet", "part-0002.parquet"]
    assert pl.read_parquet(second / "measurement" / "part-0001.parquet").height == len(rows["measurement"])
    assert len(_rows(records)["measurement"]) == 600
    for _ in range(2):  # of everything: afterwards nobody links to what the first wrote
        import_omop(MonthlySite().export(tmp_path / "january", 1), _job(records))
    assert _names(generations(records)) == ["generation-0004", "generation-0005"]
    assert _without_places(_rows(records)) == _without_places(rows)


def test_where_the_disk_knows_no_links_files_are_copied(
    records: Path, february: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    monkeypatch.setattr(os, "link", refuse)
    _add(february, records)
    assert not [path for path in current_folder(records).rglob("*") if path.is_symlink()]
    monkeypatch.undo()
    assert _without_places(_rows(records)) == _without_places(_rows(_whole(tmp_path, 2)))


def test_the_report_says_what_came(in_february: tuple[Path, ImportReport]) -> None:
    _, report = in_february
    outcomes = {(one.origin, one.outcome): one.number for one in report.outcomes}
    assert outcomes["measurement", "imported: new"] == 139
    assert outcomes["measurement", "there already, just so"] == 8
    assert outcomes["visit_occurrence", "imported in place of what was there"] == 9
    assert dict(report.rows)["measurement"] == 471
    assert "the OMOP tables in february, added to generation-0001, imported" in report.summary()
    assert "measurement: 8 not imported: there already, just so" in report.summary()
    assert "visit_occurrence 75 and 9 in place of what was there" in report.markdown()
    # In Fahrenheit, by the vocabulary that is served: the extract brings none.
    assert [(one.where, one.rows) for one in report.findings] == [("measurement, concept 3020891", 42)]


def _edit(source: Path, table: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    path = source / f"{table}.csv"
    change(pl.read_csv(path)).write_csv(path)


def _first(frame: pl.DataFrame, column: str, value: int | None) -> pl.DataFrame:
    """Return a table with another value in its first row."""
    return frame.with_columns(pl.when(pl.int_range(pl.len()) == 0).then(value).otherwise(column).alias(column))


def _take_ids_of_others(source: Path) -> None:
    _edit(
        source, "condition_occurrence", lambda frame: frame.with_columns(condition_occurrence_id=pl.int_range(pl.len()))
    )


DAMAGED: tuple[tuple[Callable[[Path], object], str], ...] = (
    (
        _take_ids_of_others,
        r"condition_occurrence\.csv: the `condition_occurrence_id` is there already, of another person: \d+ rows, the "
        r"first is row \d+; if the source numbers its rows anew in every export",
    ),
    (
        lambda source: _edit(source, "drug_exposure", lambda frame: pl.concat([frame, frame[4:5]])),
        r"drug_exposure\.csv: the same `drug_exposure_id` stands in more than one row: row 149; keep one",
    ),
    (
        lambda source: _edit(source, "drug_exposure", lambda frame: _first(frame, "drug_exposure_id", None)),
        r"drug_exposure\.csv: the `drug_exposure_id` is empty: row 1; fill it in",
    ),
    (
        lambda source: _edit(source, "measurement", lambda frame: frame.drop("measurement_id")),
        r"measurement\.csv: column `measurement_id` is missing, which the served table measurement has",
    ),
    (
        lambda source: _edit(source, "measurement", lambda frame: frame.with_columns(value_as_concept_id=7)),
        r"measurement\.csv, column `value_as_concept_id`: the served table measurement has no such column; import",
    ),
    (
        lambda source: (source / "procedure_occurrence.csv").write_text(
            "procedure_occurrence_id,person_id,procedure_concept_id,procedure_date\n1,1,11,2023-02-02\n"
        ),
        r"procedure_occurrence\.csv: the served records have no table procedure_occurrence: with it, earlier months",
    ),
    (
        lambda source: (source / "visit_occurrence.csv").unlink(),
        r"february: there is no table visit_occurrence, which the served records have, and it would look as if nothing",
    ),
    (
        lambda source: (source / "observation_period.csv").unlink(),
        r"february: there is no table observation_period, which says until when people are observed",
    ),
    (
        lambda source: _edit(source, "person", lambda frame: pl.concat([frame, frame[:1]])),
        r"person\.csv: the same `person_id` stands in more than one row: row 4; keep one",
    ),
    (
        lambda source: (source / "concept.csv").write_text("concept_id,concept_name\n11,a\n"),
        r"concept\.csv: it has 1 rows, and the served table concept 6: it takes that table's place, .*or leave it out",
    ),
)


def test_everything_that_is_wrong_with_a_month_is_told_at_once_and_nothing_changes(
    records: Path, february: Path
) -> None:
    before = _told(records)
    for damage, _ in DAMAGED:
        damage(february)
    with pytest.raises(RecordsError) as refused:
        _add(february, records)
    lines = str(refused.value).splitlines()
    assert [message for _, message in DAMAGED if not any(re.search(message, line) for line in lines)] == []
    assert len(lines) == len(DAMAGED)
    assert _told(records) == before


@pytest.mark.parametrize(
    ("table", "column", "message"),
    [
        (
            "drug_exposure",
            "person_id",
            r"drug_exposure, column `person_id`: a person who is not in the person table: row 1 of part-0002\.parquet; "
            r"(.|\n)*part-0002\.parquet of a table holds what came of the OMOP tables in february in its order, less",
        ),
        ("death", "death_date", r"death\.csv, column `death_date`: not a date \(YYYY-MM-DD, no time of day\): row 1"),
    ],
)
def test_a_month_that_no_import_would_take_changes_nothing(
    table: str, column: str, message: str, records: Path, february: Path
) -> None:
    before = _told(records)
    _edit(february, table, lambda frame: _first(frame, column, 999_999) if len(frame) else _one_death())
    with pytest.raises(RecordsError, match=message):
        _add(february, records)
    assert _told(records) == before


def _one_death() -> pl.DataFrame:
    return pl.DataFrame({"person_id": [1], "death_date": ["May"]})


def test_people_come_with_all_of_their_observation_periods(records: Path, february: Path) -> None:
    """Or the earlier ones would be gone, and with them all that happened in them."""
    later = pl.lit("2023-02-01").alias("observation_period_start_date")
    _edit(february, "observation_period", lambda frame: frame.with_columns(later))
    with pytest.raises(
        RecordsError,
        match=r"observation_period\.csv: people come without an observation period that they have: 54 rows, the first "
        r"is row 1; export all periods of each person",
    ):
        _add(february, records)


def test_a_month_is_added_once(grown: Path, february: Path, tmp_path: Path) -> None:
    before = _told(grown)
    with pytest.raises(RecordsError, match=r"february: the same rows were added before, as generation-0002; nothing"):
        _add(february, grown)
    _edit(february, "person", lambda frame: frame.with_columns(year_of_birth=1950))  # otherwise it is what it was
    with pytest.raises(RecordsError, match=r"nothing in it is new, and every row of events is served already; look"):
        _add(february, grown)
    assert _told(grown) == before
    _add(MonthlySite().export(tmp_path / "march", 3, since_last=True), grown)
    with pytest.raises(
        RecordsError,
        match=r"observation_period\.csv: of 57 people 57 are observed less long than in what is served, as in an "
        r"earlier export; add months in their order",
    ):
        _add(february, grown)


def test_a_table_of_which_nothing_comes_is_told(records: Path, february: Path) -> None:
    _edit(february, "drug_exposure", lambda frame: frame[:0])
    report = _add(february, records)
    assert "no rows came of drug_exposure" in report.notes
    assert dict(report.rows)["drug_exposure"] == 321
    kept = current_folder(records) / "drug_exposure.parquet"
    assert kept.resolve() == records / "generation-0001" / "drug_exposure.parquet"


def test_there_must_be_something_to_add_to(records: Path, february: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match=r"holds no imported records, so that there is nothing to add to; import ev"):
        _add(february, tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()
    shutil.copytree(current_folder(records), tmp_path / "by hand")
    with pytest.raises(RecordsError, match=r"holds no imported records, so that there is nothing to add to"):
        _add(february, tmp_path / "by hand")
    said = current_folder(records) / "import.json"
    made = json.loads(said.read_text())
    said.write_text(json.dumps({**made, "kind": "fhir"}))
    with pytest.raises(RecordsError, match=r"generation-0001 was made from fhir, with numbers of people and rows that"):
        _add(february, records)
    said.unlink()
    with pytest.raises(RecordsError, match=r"generation-0001 does not say how it was imported, for an earlier version"):
        _add(february, records)


@pytest.mark.parametrize("source", ["fhir", "extracts"])
def test_only_omop_is_added(source: str, tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"--add takes OMOP tables only .* export everything and leave --add out"):
        ImportRequest(**{source: tmp_path}, add=True)


def test_derived_observation_periods_are_derived_of_everything(tmp_path: Path) -> None:
    site, records = MonthlySite(), tmp_path / "records"
    without = ("observation_period",)
    import_omop(site.export(tmp_path / "january", 1, without=without), _job(records))
    _add(site.export(tmp_path / "february", 2, since_last=True, without=without), records)
    import_omop(site.export(tmp_path / "everything", 2, without=without), _job(tmp_path / "whole"))
    assert _without_places(_rows(records)) == _without_places(_rows(tmp_path / "whole"))
    with pytest.raises(RecordsError, match=r"the served observation periods were derived from everything else; leave"):
        _add(site.export(tmp_path / "march", 3, since_last=True), records)


def test_eras_come_whole(tmp_path: Path) -> None:
    site, records = MonthlySite(), tmp_path / "records"
    january, february = site.export(tmp_path / "january", 1), site.export(tmp_path / "february", 2, since_last=True)
    eras = "drug_era_id,person_id,drug_concept_id,drug_era_start_date,drug_era_end_date\n1,1,11,2023-01-02,{}\n"
    (january / "drug_era.csv").write_text(eras.format("2023-01-31"))
    import_omop(january, _job(records))
    with pytest.raises(RecordsError, match=r"there is no table drug_era, which .* export the whole table again"):
        _add(february, records)
    (february / "drug_era.csv").write_text(eras.format("2023-02-05"))
    _add(february, records)
    assert [row[3] for row in _rows(records)["drug_era"]] == [date(2023, 2, 5)]


def test_whoever_is_erased_is_in_no_shared_file(grown: Path, february: Path) -> None:
    assert len(generations_with(grown, 1)) == 2
    assert erase_rows(_job(grown), 1) > 0
    assert _names(generations(grown)) == ["generation-0003"]
    assert not [path for path in current_folder(grown).rglob("*") if path.is_symlink()]
    assert 1 not in {row[0] for row in _rows(grown)["person"]}
    _add_march = MonthlySite().export(february.parent / "march", 3, since_last=True)
    for name in (*EVENT_TABLES, "observation_period"):
        _edit(_add_march, name, lambda frame: frame.filter(pl.col("person_id") != 1))
    assert dict(_add(_add_march, grown).rows)["person"] == 59


@pytest.mark.parametrize("gone", ["generation-0001/measurement", "generation-0002/measurement/part-0001"])
def test_a_file_that_is_gone_is_named(gone: str, grown: Path, february: Path) -> None:
    """Such as a link that a copy of the disk left out. The other files of the table would be a table, too."""
    (grown / f"{gone}.parquet").unlink()
    with pytest.raises(
        RecordsError, match=r"measurement/part-0001\.parquet is missing from .*; restore it from a copy"
    ):
        _open(grown)
    with pytest.raises(
        RecordsError, match=r"measurement/part-0001\.parquet is missing from .*; restore it from a copy"
    ):
        _add(february, grown)


def test_a_full_disk_leaves_yesterday_serving(records: Path, february: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _told(records)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rounds.records.importing.adding.events.share", full)
    with pytest.raises(RecordsError, match="the disk is full; make room and import again"):
        _add(february, records)
    assert _told(records) == before

"""What a site remembers of its counts, and when it counts again."""

import json
import re
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from small_site import DRUG as DRUG_LIST
from small_site import INPATIENT, drug_event, open_site, parse_rows, people_measure, visits_measure, write_site

from rounds.engines import duck, reference
from rounds.engines.asked import Asked
from rounds.measures.choices import Choose, Covers
from rounds.measures.cohorts.circe import read_circe
from rounds.measures.cohorts.cohort import Cohort
from rounds.measures.counts import Count
from rounds.measures.criteria import Events, Has
from rounds.measures.definitions import Measure
from rounds.measures.events import Detail, EventTable
from rounds.measures.groupings import Attribute, Grouping
from rounds.measures.kinds import CountKind
from rounds.measures.periods import Grain
from rounds.measures.strata import Stratum
from rounds.measures.traits import Marked, Observed
from rounds.measures.windows import Anchor, Edge, Window
from rounds.records.exclusion import Exclusion
from rounds.records.fingerprints import EventParts, event_parts, together
from rounds.records.omop import Records, person_files
from rounds.site import count_keys
from rounds.site.recounting import Recounted, count_changed
from rounds.storage.count_store import _seal

DRUG = people_measure(drug_event(observed=False), grain=Grain.MONTH)
VISITS = visits_measure(drug_event(observed=False), grain=Grain.MONTH)
TABLES = {
    "person": "1 female 1950\n2 male 1980",
    "observation_period": "1 2023-01-01 2024-12-31\n2 2023-01-01 2024-12-31",
    "drug_era": "1 11 2024-02-10\n2 11 2024-04-10",
    "visit_occurrence": "1 1 9201 2024-02-09 2024-02-20\n2 2 9201 2024-04-01 2024-04-30",
}


class Site:
    """A site whose tables change, and its memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tables = dict(TABLES)
        self.generation = 0

    def records(self) -> Records:
        self.generation += 1
        return open_site(write_site(self.folder / str(self.generation), **self.tables))

    def count(
        self, measure: Measure, *, last: date = date(2024, 6, 30), keep: bool = True, records: Records | None = None
    ) -> tuple[Recounted, list[date]]:
        """Count January to `last`; return the counts and the periods that the engine was asked for."""
        there = records or self.records()
        asked = [Asked(measure=measure, periods=measure.periods(first=date(2024, 1, 1), last=last))]
        counted: list[date] = []

        def engine(wanted: Sequence[Asked], needed: Records) -> tuple[Count, ...]:
            counted.extend(period.start for one in wanted for period in one.periods)
            return duck.count_all(wanted, needed, member="RX1")

        memory = self.folder / "remembered"
        found = count_changed(asked, there, member="RX1", folder=memory, engine=engine, keep=keep)
        full = duck.count_all(asked, there, member="RX1")
        assert [one.cells.rows() for one in found.counts] == [one.cells.rows() for one in full]
        return found, counted


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def month(number: int) -> date:
    return date(2024, number, 1)


@pytest.mark.parametrize("measure", [DRUG, VISITS])
def test_the_next_month_is_counted_alone(site: Site, measure: Measure) -> None:
    _, first = site.count(measure, last=date(2024, 3, 31))
    assert len(first) == 3
    found, counted = site.count(measure, last=date(2024, 4, 30))
    assert counted == [month(4)]
    assert str(found) == "1 of 4 periods counted; the records of the others have not changed"


@pytest.mark.parametrize(("measure", "touched"), [(DRUG, [2]), (VISITS, [1, 2])])
def test_a_late_correction_touches_its_own_month(site: Site, measure: Measure, touched: list[int]) -> None:
    site.count(measure)
    site.tables["drug_era"] = site.tables["drug_era"].replace("2024-02-10", "2024-02-11")
    _, counted = site.count(measure)
    # The longest visit lasts 29 days: one that began in January may have reached that day.
    assert counted == [month(number) for number in touched]


def test_a_month_more_of_observation_touches_that_month(site: Site) -> None:
    site.tables["observation_period"] = "1 2023-01-01 2024-05-31\n2 2023-01-01 2024-05-31"
    site.count(DRUG)
    site.tables["observation_period"] = "1 2023-01-01 2024-06-30\n2 2023-01-01 2024-06-30"
    _, counted = site.count(DRUG)
    assert counted == [month(6)]


def test_somebody_new_touches_the_months_they_are_observed_in(site: Site) -> None:
    site.count(DRUG)
    site.tables["person"] += "\n3 female 1990"
    site.tables["observation_period"] += "\n3 2024-03-05 2024-04-02"
    _, counted = site.count(DRUG)
    assert counted == [month(3), month(4)]


def test_another_care_site_or_another_list_of_them_is_counted(site: Site) -> None:
    def by_care_site(*values: tuple[str, str]) -> Measure:
        grouping = Grouping(
            id="sites",
            version=1,
            title="Sites",
            by=Stratum.CARE_SITE,
            attribute=Attribute.CARE_SITE_NAME,
            named=("north", "south"),
            values=values,
            held_by_site=True,
        )
        return replace(VISITS, strata=(Stratum.CARE_SITE,), groupings=(grouping,))

    site.tables["care_site"] = "| care_site_id care_site_name\n1 A\n2 B"
    site.tables["visit_occurrence"] = (
        "| visit_occurrence_id person_id visit_concept_id visit_start_date visit_end_date care_site_id\n"
        "1 1 9201 2024-02-09 2024-02-20 1\n2 2 9201 2024-04-01 2024-04-30 2"
    )
    measure = by_care_site(("A", "north"), ("B", "south"))
    assert len(site.count(measure)[1]) == 6
    assert site.count(measure)[1] == []
    for table, before, after in (
        ("visit_occurrence", "2024-02-20 1", "2024-02-20 2"),
        ("care_site", "2 B", "2 A"),
    ):
        site.tables[table] = site.tables[table].replace(before, after)
        assert len(site.count(measure)[1]) == 6
    other = by_care_site(("A", "south"), ("B", "south"))
    assert other.digest == measure.digest
    assert len(site.count(other)[1]) == 6


def test_overlapping_observations_that_exchange_their_ends_are_told_apart(site: Site) -> None:
    """Every month is covered as before, and yet nobody is observed throughout who was, or the other way round."""
    since = Window(first=Edge(anchor=date(2023, 1, 10)), last=Edge(anchor=Anchor.END))
    throughout = people_measure(Observed(window=since, covers=Covers.EVERY_DAY), grain=Grain.MONTH)
    site.tables["observation_period"] = "1 2023-01-05 2024-02-10\n1 2023-01-20 2024-03-20\n2 2023-01-01 2024-12-31"
    site.count(throughout)
    site.tables["observation_period"] = "1 2023-01-05 2024-03-20\n1 2023-01-20 2024-02-10\n2 2023-01-01 2024-12-31"
    found, _ = site.count(throughout)
    (count,) = found.counts
    assert count.cells["numerator"].to_list() == [2, 2, 1, 1, 1, 1]


def test_another_sex_touches_the_months_of_the_visits(site: Site) -> None:
    site.count(VISITS)
    site.tables["person"] = site.tables["person"].replace("1 female", "1 unknown")
    _, counted = site.count(VISITS)
    assert counted == [month(2)]


def test_the_vocabulary_touches_everything(site: Site) -> None:
    site.tables |= {"concept": "11 Drug\n9201 Inpatient"}
    site.count(DRUG)
    site.tables["concept"] += "\n12 Other"
    _, counted = site.count(DRUG)
    assert len(counted) == 6


def test_another_program_counts_anew(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.count(DRUG)
    monkeypatch.setattr(count_keys, "_program", lambda: "another")
    _, counted = site.count(DRUG)
    assert len(counted) == 6


def test_visits_remembered_without_the_people_behind_them_are_counted_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(count_keys, "_program", lambda: "before people were counted")
        site.count(VISITS)
    path = site.folder / "remembered" / "counts.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        for key, rows in connection.execute("SELECT key, rows FROM counts").fetchall():
            text = json.dumps([row[:2] for row in json.loads(rows)])
            connection.execute("UPDATE counts SET rows = ?, seal = ? WHERE key = ?", [text, _seal(key, text), key])
    found, counted = site.count(VISITS)
    assert len(counted) == 6
    assert found.counts[0].kind is CountKind.PROPORTION_OF_ROWS


def test_a_visit_that_is_somebody_elses_is_counted_again(site: Site) -> None:
    site.tables["person"] = "1 female 1950\n2 female 1950"
    site.tables["visit_occurrence"] += "\n3 1 9201 2024-04-12 2024-04-14"
    found, _ = site.count(VISITS)
    assert found.counts[0].cells["denominator_people"].to_list() == [0, 1, 0, 2, 0, 0]
    site.tables["visit_occurrence"] = site.tables["visit_occurrence"].replace("3 1 9201", "3 2 9201")
    found, counted = site.count(VISITS)
    assert month(4) in counted
    assert found.counts[0].cells["denominator_people"].to_list() == [0, 1, 0, 1, 0, 0]


def test_another_measure_is_another_count(site: Site) -> None:
    site.count(DRUG)
    other = people_measure(drug_event(observed=False, table=EventTable.DRUG_ERA, age_min=40), grain=Grain.MONTH)
    _, counted = site.count(other)
    assert len(counted) == 6


def test_files_that_did_not_change_are_not_read_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    records = site.records()
    site.count(DRUG, records=records)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("read again")

    for name in ("event_parts", "observed_months", "table_digest"):
        monkeypatch.setattr(count_keys, name, refuse)
    _, counted = site.count(DRUG, records=records)
    assert counted == []


def _drugs(folder: Path, name: str, rows: str) -> None:
    parse_rows("drug_era", rows).write_parquet(folder / "drug_era" / f"{name}.parquet")


@pytest.fixture
def in_files(site: Site) -> Path:
    """A site whose drugs come month by month, as files of their own."""
    del site.tables["drug_era"]
    folder = write_site(site.folder / "records", **site.tables)
    (folder / "drug_era").mkdir()
    _drugs(folder, "february", "1 11 2024-02-10\n2 11 2024-02-11")
    _drugs(folder, "march", "2 11 2024-03-10")
    return folder


def test_of_a_table_in_files_only_new_ones_are_read(
    site: Site, in_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.count(DRUG, records=open_site(in_files))
    taken, read = count_keys.event_parts, []

    def watched(connection: object, table: EventTable, *, whose: bool, rows: str | None) -> EventParts:
        read.append((table, re.findall(r"(\w+)\.parquet", rows or "everything.parquet")))
        return taken(connection, table, whose=whose, rows=rows)  # type: ignore[arg-type]

    monkeypatch.setattr(count_keys, "event_parts", watched)
    _drugs(in_files, "april", "1 11 2024-04-10\n1 11 2024-02-12")
    _, counted = site.count(DRUG, records=open_site(in_files))
    assert (read.pop(), read) == ((EventTable.DRUG_ERA, ["april"]), [])
    assert month(4) in counted
    assert month(3) not in counted
    _drugs(in_files, "march", "1 11 2024-03-10")  # it was read together with february
    site.count(DRUG, records=open_site(in_files))
    assert (read.pop(), read) == ((EventTable.DRUG_ERA, ["february", "march"]), [])
    (in_files / "drug_era" / "april.parquet").unlink()
    site.count(DRUG, records=open_site(in_files))
    moved = shutil.move(in_files, in_files.with_name("another-generation"))
    _, counted = site.count(DRUG, records=open_site(moved))
    assert (read, counted) == ([], [])


@pytest.mark.parametrize("whose", [False, True])
def test_fingerprints_of_files_add_up_to_those_of_their_table(in_files: Path, whose: bool) -> None:
    records = open_site(in_files)
    nobody = Exclusion(person_ids=np.array([2], dtype=np.int64), files=person_files(records))
    for opened in (records, records.without(nobody)):
        with opened.connect() as connection:
            whole = event_parts(connection, EventTable.DRUG_ERA, whose=whose)
            files = [
                event_parts(
                    connection, EventTable.DRUG_ERA, whose=whose, rows=opened.rows_of_files("drug_era", [place])
                )
                for place in (0, 1)
            ]
        assert together(files) == whole
        assert len(whole.parts) == len(files[0].parts) + len(files[1].parts) > 0


def test_nothing_is_written_unless_it_may_be(site: Site) -> None:
    site.count(DRUG, keep=False)
    assert not (site.folder / "remembered").exists()


def test_only_the_owner_may_read_it(site: Site) -> None:
    site.count(DRUG)
    memory = site.folder / "remembered"
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in memory.iterdir()} == {
        "counts.sqlite": "0o600",
        "fingerprints.json": "0o600",
    }
    assert memory.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["counts.sqlite", "fingerprints.json"])
def test_a_damaged_memory_is_made_anew(site: Site, name: str) -> None:
    site.count(DRUG)
    (site.folder / "remembered" / name).write_bytes(b"not what it should be" * 100)
    site.count(DRUG)
    _, counted = site.count(DRUG)
    assert counted == []


def test_a_number_that_somebody_changed_is_not_believed(site: Site) -> None:
    site.count(DRUG)
    with sqlite3.connect(site.folder / "remembered" / "counts.sqlite") as connection:
        connection.execute("UPDATE counts SET rows = '[[99, 99]]' WHERE first = '2024-03-01'")
    connection.close()
    _, counted = site.count(DRUG)
    assert counted == [month(3)]


def test_what_was_written_while_it_was_counted_is_not_remembered(site: Site) -> None:
    records = site.records()
    asked = [Asked(measure=DRUG, periods=DRUG.periods(first=month(1), last=month(1) + timedelta(days=30)))]

    def engine(wanted: Sequence[Asked], needed: Records) -> tuple[Count, ...]:
        found = duck.count_all(wanted, records, member="RX1")
        write_site(records.folder, **site.tables)
        return found

    memory = site.folder / "remembered"
    for _ in range(2):
        found = count_changed(asked, records, member="RX1", folder=memory, engine=engine)
        assert found.counted == 1


def test_a_cohort_may_look_at_any_file(site: Site) -> None:
    """Cohorts look at columns that no other question does, so every file that is written since counts anew."""
    primary = {
        "CriteriaList": [{"VisitOccurrence": {}}],
        "ObservationWindow": {},
        "PrimaryCriteriaLimit": {"Type": "All"},
    }
    wanted = {"ConceptSets": [], "PrimaryCriteria": primary, "QualifiedLimit": {"Type": "All"}}
    definition = read_circe(json.dumps(wanted | {"ExpressionLimit": {"Type": "All"}}), name="visits")
    cohort = Cohort(id="visits", version=1, title="Visits", definition=definition)
    entries = Events(table=EventTable.COHORT, codes=cohort)
    measure = people_measure(Has(events=entries), grain=Grain.MONTH)
    records = site.records()
    site.count(measure, records=records)
    _, counted = site.count(measure, records=records)
    assert counted == []
    write_site(records.folder, **site.tables)
    _, counted = site.count(measure, records=records)
    assert len(counted) == 6


def test_of_rows_that_only_a_detail_tells_apart_the_last_in_the_file_is_chosen(site: Site) -> None:
    main = Marked(detail=Detail.STATUS, codes=INPATIENT)
    diagnoses = Events(table=EventTable.CONDITION_OCCURRENCE, codes=DRUG_LIST)
    measure = people_measure(Has(events=diagnoses, choose=Choose.FIRST, provided=main), grain=Grain.MONTH)
    columns = (
        "|person_id condition_concept_id condition_start_date condition_type_concept_id condition_status_concept_id"
    )
    first, second = "1 11 2024-02-10 0 9201", "1 11 2024-02-10 0 0"
    periods = measure.periods(first=month(2), last=date(2024, 2, 29))
    for rows, numerator in ([first, second], 0), ([second, first], 1):
        site.tables["condition_occurrence"] = "\n".join([columns, *rows])
        found, _ = site.count(measure)
        (february,) = [row for row in found.counts[0].cells.rows() if row[1] == month(2)]
        slow = reference.count(measure, site.records(), member="RX1", periods=periods)
        assert [february] == slow.cells.rows()
        assert february[2] == numerator

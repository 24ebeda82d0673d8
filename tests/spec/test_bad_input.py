"""Input that is wrong in ways people meet: it is refused by name or counted as if it were right, never half taken.

What concerns one module alone stands with it: wrong types, orphans and duplicated keys in test_records_refused.py, cut
NDJSON in test_import_fhir.py, disks and simultaneous imports in test_import_generations.py, windows of negative length
and code lists that exclude what they name in test_measure_errors.py, findings in test_records_quality.py.
"""

import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import polars as pl
import pytest
from importing_job import job
from small_site import AS_OF, drug_event, make_measure, open_site, people_measure, write_site, years

from rounds.engines import duck, pack, reference
from rounds.errors import RecordsError
from rounds.measures.codelists import CodeList
from rounds.measures.criteria import Events, Has, Scored, parts
from rounds.measures.events import EventTable
from rounds.measures.questions import People, RecordsQuestion
from rounds.measures.traits import Value
from rounds.records.importing import generation
from rounds.records.importing.omop import import_omop
from rounds.storage.library import read_library, shipped_library_folder

GOOD = {
    "person": "1 female 1951\n2 female 1951",
    "observation_period": "1 2020-01-01 2022-12-31\n2 2020-01-01 2022-12-31",
    "drug_era": "1 drug 2021-03-04\n2 drug 2021-03-04",
}


@pytest.mark.parametrize("table", ["drug_era", "condition_occurrence"])
def test_an_event_before_birth_is_refused(tmp_path: Path, table: str) -> None:
    write_site(tmp_path, **{**GOOD, table: "1 drug 2021-03-04\n2 drug 1950-03-04"})
    with pytest.raises(RecordsError, match="dated outside the person's observation periods: row 2"):
        open_site(tmp_path)


@pytest.mark.parametrize(
    "periods",
    [
        "1 2020-01-01 2021-06-30\n1 2021-01-01 2022-12-31",
        "1 2020-01-01 2022-12-31\n1 2020-01-01 2022-12-31",
        "1 2020-01-01 2022-12-31\n1 2021-03-01 2021-03-31",
    ],
)
def test_observation_periods_that_overlap_count_once(tmp_path: Path, periods: str) -> None:
    measure = people_measure(drug_event())
    whole = open_site(write_site(tmp_path / "whole", **GOOD))
    overlapping = {**GOOD, "observation_period": f"{periods}\n2 2020-01-01 2022-12-31"}
    records = open_site(write_site(tmp_path / "overlapping", **overlapping))
    for count in (duck.count, reference.count):
        expected = count(measure, whole, member="RX1", periods=years(2020, 2022))
        assert count(measure, records, member="RX1", periods=years(2020, 2022)).cells.equals(expected.cells)
        assert expected.cells["denominator"].to_list() == [2, 2, 2]


def test_a_code_list_that_a_sites_vocabulary_empties_is_refused(tmp_path: Path) -> None:
    """Every concept that is named is a descendant of one that is excluded; only the site can know."""
    codes = CodeList(
        id="drug", version=1, title="Drug", concepts=((11, "Drug"),), descendants=True, excluded=((10, "All drugs"),)
    )
    measure = make_measure(
        RecordsQuestion(unit=People(), who=None, numerator=Has(events=Events(table=EventTable.DRUG_ERA, codes=codes)))
    )
    ancestors = pl.DataFrame({"ancestor_concept_id": [10, 10, 11], "descendant_concept_id": [10, 11, 11]})
    records = open_site(write_site(tmp_path, **GOOD, concept_ancestor=ancestors))
    with pytest.raises(RecordsError, match="code list drug v1: every concept it means is among those it excludes"):
        duck.check([measure], records)
    with pytest.raises(RecordsError, match="every concept it means is among those it excludes"):
        duck.count(measure, records, member="RX1", periods=years(2021, 2021))


def test_an_exclusion_that_a_sites_vocabulary_does_not_know_is_refused(tmp_path: Path) -> None:
    """It would exclude nothing, so that too many would be counted and nobody would know."""
    codes = CodeList(
        id="drug", version=1, title="Drug", concepts=((11, "Drug"),), descendants=False, excluded=((12, "Other drg"),)
    )
    measure = make_measure(
        RecordsQuestion(unit=People(), who=None, numerator=Has(events=Events(table=EventTable.DRUG_ERA, codes=codes)))
    )
    for known, folder in (((11, "Drug"), (13, "Other drug")), "without"), (((11, "Drug"), (12, "Other drug")), "with"):
        records = open_site(write_site(tmp_path / folder, **GOOD, concept=known))
        for count in (duck.count, pack.count, reference.count):
            if folder == "with":
                assert count(measure, records, member="RX1", periods=years(2021, 2021)).cells["numerator"].item() == 2
                continue
            with pytest.raises(
                RecordsError, match=r"concept 12 \(Other drg\) is not in .* is Other drug \(13\); bring"
            ):
                count(measure, records, member="RX1", periods=years(2021, 2021))


def test_every_shipped_measure_and_score_names_the_units_it_compares() -> None:
    """Without units any unit is taken, so a site with mixed units would be counted wrongly and nobody would know."""
    library = read_library(shipped_library_folder())
    unnamed = []
    for measure in library.measures:
        if not isinstance(measure.question, RecordsQuestion):
            continue
        asked = [part.provided for part in measure.question.criteria if isinstance(part, Has)]
        asked += [events.where for events in measure.question.events]
        scored = [part.events for part in measure.question.criteria if isinstance(part, Has)]
        if any(isinstance(events, Scored) for events in scored):
            continue  # a score's points have no unit; its components are looked at below
        values = [part for criterion in asked for part in parts(criterion) if isinstance(part, Value)]
        unnamed += [str(measure.ref) for value in values if not value.units]
    unnamed += [
        f"{score.id}: {component.id}"
        for score in library.scores
        for component in score.components
        if component.steps and not component.units
    ]
    assert unnamed == []


def test_forty_gigabytes_on_a_small_disk_are_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = tmp_path / "export"
    export.mkdir()
    (export / "person.csv").write_text("person_id,gender_concept_id,year_of_birth\n1,8532,1950\n")
    with (export / "measurement.csv").open("wb") as stream:
        stream.truncate(40_000_000_000)  # a sparse file: it takes no room here
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(generation.shutil, "disk_usage", lambda _: usage(50_000_000_000, 0, 20_000_000_000))
    with pytest.raises(RecordsError, match=r"may need .* GB on this disk, and 20\.0 GB are free; make room"):
        import_omop(export, job(tmp_path / "records"))
    assert [path.name for path in (tmp_path / "records").iterdir()] == []


OPEN = """
import sys
from datetime import date
from pathlib import Path
from rounds.records import remembered
from rounds.records.omop import open_records
remembered._SETTLED_SECONDS = 0.0
folder = Path(sys.argv[1])
as_of = date.fromisoformat(sys.argv[2])
for _ in range(5):
    records = open_records(folder, site="site-a", as_of=as_of, checked=folder.parent / "checked.json", keep=True)
    (folder.parent / "checked.json").unlink(missing_ok=True)
print(records.quality.people)
"""


def test_two_processes_may_open_one_store_at_once(tmp_path: Path) -> None:
    folder = write_site(tmp_path / "records", **GOOD)
    command = [sys.executable, "-c", OPEN, str(folder), AS_OF.isoformat()]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=60)[0].strip() for process in both] == ["12", "12"]
    assert [process.returncode for process in both] == [0, 0]

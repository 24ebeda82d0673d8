"""The outside judge's FHIR cases arrive whole: every resource accounted for, every code of a value set mapped."""

from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from ecqm_cases import read_cases, write_code_map, write_export
from importing_job import SHARED, imported, job

from rounds.records.importing.build import CodeSources
from rounds.records.importing.fhir.load import import_fhir

HELD_AGAINST = (("FHIR import", "CMS test cases (QI-Core 2024)", "every resource accounted for"),)

CASES = SHARED / "ecqm_qicore2024"


@pytest.mark.skipif(not CASES.is_dir(), reason="the third-party data are not beside the checkout")
def test_every_case_arrives(tmp_path: Path) -> None:
    cases = list(read_cases(CASES))
    codes = write_code_map(CASES / "valuesets.parquet", tmp_path / "codes.csv", cases)
    export = write_export(cases, tmp_path / "export")
    report = import_fhir(export, job(tmp_path / "records"), codes=CodeSources(code_map=tmp_path / "codes.csv"))
    told: Counter[str] = Counter()
    for item in report.outcomes:
        told[item.origin] += item.number
    assert told == Counter(one["resourceType"] for case in cases for one in case.resources)
    # No id meets another any more, and every patient of every case is a person.
    assert not [item for item in report.outcomes if item.outcome == "a repeated or older copy"]
    numbers = pl.read_parquet(tmp_path / "records" / "identities" / "person.parquet")
    assert set(numbers["source_id"]) == {name for case in cases for name in case.patients}
    # What is not mapped is in no value set.
    listed = set(codes.select("system", "code").iter_rows())
    assert not [code for code in report.unmapped if (code.system, code.code) in listed]
    # Types of encounters are of the domain Visit, so that measures find visits by them.
    assert imported(tmp_path / "records", "visit_occurrence").filter(pl.col("visit_concept_id") > 2e9).height > 400
    # An inpatient stay ends somewhere, and where it does is a concept.
    stays = imported(tmp_path / "records", "visit_occurrence")
    assert stays.filter(pl.col("discharged_to_concept_id") > 0).height > 0
    mapped = imported(tmp_path / "records", "condition_occurrence").filter(pl.col("condition_concept_id") > 0)
    assert mapped.height > 0.5 * report.rows[[name for name, _ in report.rows].index("condition_occurrence")][1]

"""FHIR R4 becomes OMOP: every resource is a row, or counted with the reason why not."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from importing_job import SHARED, imported, job

from rounds.errors import RecordsError
from rounds.records.importing.build import CodeSources
from rounds.records.importing.fhir.load import import_fhir
from rounds.records.importing.report import ImportReport

LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
Resource = dict[str, Any]


def coded(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


def patient(name: str = "p1", **more: Any) -> Resource:
    return {"resourceType": "Patient", "id": name, "gender": "female", "birthDate": "1950-02-03", **more}


def encounter(name: str = "e1", **more: Any) -> Resource:
    period = {"start": "2024-05-01T10:15:00+01:00", "end": "2024-05-04T09:00:00+01:00"}
    about = {"subject": {"reference": "Patient/p1"}, "class": {"code": "IMP"}, "period": period}
    return {"resourceType": "Encounter", "id": name, "status": "finished", **about, **more}


def observation(name: str = "o1", **more: Any) -> Resource:
    about = {"subject": {"reference": "Patient/p1"}, "encounter": {"reference": "Encounter/e1"}}
    when = {"effectiveDateTime": "2024-05-02T23:30:00-05:00", "code": coded(LOINC, "8310-5")}
    return {"resourceType": "Observation", "id": name, "status": "final", **about, **when, **more}


def condition(name: str = "c1", **more: Any) -> Resource:
    about = {"subject": {"reference": "Patient/p1"}, "code": coded(SNOMED, "91302008")}
    return {"resourceType": "Condition", "id": name, "onsetDateTime": "2024-05-01", **about, **more}


def prescription(name: str = "m1", **more: Any) -> Resource:
    about = {"subject": {"reference": "Patient/p1"}, "medicationCodeableConcept": coded(SNOMED, "387517004")}
    state = {"status": "active", "intent": "order", "authoredOn": "2024-05-02"}
    return {"resourceType": "MedicationRequest", "id": name, **about, **state, **more}


def write(folder: Path, *resources: Resource) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    by_kind: dict[str, list[str]] = {}
    for one in resources:
        by_kind.setdefault(one["resourceType"], []).append(json.dumps(one))
    for kind, lines in by_kind.items():
        (folder / f"{kind}.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def run(tmp_path: Path, *resources: Resource, codes: CodeSources | None = None) -> ImportReport:
    return import_fhir(write(tmp_path / "fhir", *resources), job(tmp_path / "records"), codes=codes)


def outcomes(report: ImportReport, origin: str) -> dict[str, int]:
    return {item.outcome: item.number for item in report.outcomes if item.origin == origin}


def rows(tmp_path: Path, table: str, *columns: str) -> list[tuple[object, ...]]:
    """Return the columns of a table, ordered by its first columns."""
    found = imported(tmp_path / "records", table)
    return found.select(columns).sort(columns, descending=True, nulls_last=True).rows()


def code_map(tmp_path: Path, *lines: str) -> CodeSources:
    path = tmp_path / "codes.csv"
    path.write_text("\n".join(["source_system,source_code,concept_id", *lines]) + "\n", encoding="utf-8")
    return CodeSources(code_map=path)


def test_a_patient_a_visit_and_an_observation(tmp_path: Path) -> None:
    value = {"value": 98.6, "unit": "F", "system": "http://unitsofmeasure.org", "code": "[degF]"}
    disposition = {"dischargeDisposition": coded(SNOMED, "371827001")}
    codes = code_map(tmp_path, f"{LOINC},8310-5,3020891", f"{SNOMED},371827001,8536")
    report = run(
        tmp_path,
        patient(deceasedDateTime="2024-06-01T10:00:00Z", address=[{"postalCode": "AB1 2CD"}]),
        encounter(hospitalization=disposition),
        observation(valueQuantity=value),
        codes=codes,
    )
    assert rows(tmp_path, "person", "person_id", "gender_concept_id", "year_of_birth", "day_of_birth") == [
        (1, 8532, 1950, 3)
    ]
    ((start, end, kind, to),) = rows(
        tmp_path,
        "visit_occurrence",
        "visit_start_datetime",
        "visit_end_date",
        "visit_concept_id",
        "discharged_to_concept_id",
    )
    assert (str(start), str(end), kind, to) == ("2024-05-01 10:15:00", "2024-05-04", 9201, 8536)
    ((day, number, unit, was, visit),) = rows(
        tmp_path,
        "measurement",
        "measurement_date",
        "value_as_number",
        "unit_concept_id",
        "value_source_value",
        "visit_occurrence_id",
    )
    assert (str(day), number, unit, was) == ("2024-05-02", pytest.approx(37.0), 586323, "98.6 [degF]")
    assert [(visit,)] == rows(tmp_path, "visit_occurrence", "visit_occurrence_id")
    assert [str(day) for (day,) in rows(tmp_path, "death", "death_date")] == ["2024-06-01"]
    assert [tuple(map(str, row[2:4])) for row in imported(tmp_path / "records", "observation_period").rows()] == [
        ("2024-05-01", "2024-06-01")
    ]
    assert report.unmapped == ()


@pytest.mark.parametrize(
    ("resource", "why"),
    [
        (encounter("x", status="entered-in-error"), "status entered-in-error"),
        (encounter("x", status="planned"), "status planned"),
        (encounter("x", status="Smith, John"), "a status that FHIR does not know"),
        (encounter("x", period={"start": "2024-05"}), "the date has no day"),
        (encounter("x", period={"start": "2024-05-02", "end": "2024-05-01"}), "it ends before it starts"),
        (encounter("x", subject={"reference": "Patient/nobody"}), "its patient was not imported"),
        (encounter("x", subject=None), "without a patient"),
        (observation("x", status="cancelled"), "status cancelled"),
        (observation("x", status="preliminary"), "status preliminary"),
        (observation("x", effectiveDateTime=None), "without a date"),
        (observation("x", effectiveDateTime="2024-13-45"), "the date is no date"),
        (condition("x", verificationStatus=coded("v", "refuted")), "verification status refuted"),
        (condition("x", onsetDateTime=None), "without a date"),
        (prescription("x", intent="plan"), "its intent is not an order"),
        (prescription("x", doNotPerform=True), "imported as not done"),
        (prescription("x", status="draft"), "status draft"),
        (
            {"resourceType": "Procedure", "id": "x", "status": "not-done", "subject": {"reference": "Patient/p1"}},
            "status not-done",
        ),
        (patient("x", birthDate=None), "without a date of birth"),
        ({"resourceType": "Claim", "id": "x"}, "no table of OMOP is filled from it"),
    ],
)
def test_what_is_left_out_is_counted_with_the_reason(tmp_path: Path, resource: Resource, why: str) -> None:
    report = run(tmp_path, patient(), encounter(), observation(), condition(), prescription(), resource)
    kept = {} if resource["resourceType"] in ("Claim", "Procedure") else {"imported": 1}
    assert outcomes(report, resource["resourceType"]) == {**kept, why: 1}
    assert "Smith" not in report.markdown()


def test_values_of_every_kind(tmp_path: Path) -> None:
    lab = [coded("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory")]
    codes = code_map(tmp_path, f"{SNOMED},10828004,9191")
    run(
        tmp_path,
        patient(),
        observation("1", valueQuantity={"value": 7.5, "comparator": "<", "code": "mmol/L"}, category=lab),
        observation("2", valueCodeableConcept=coded(SNOMED, "10828004"), category=lab),
        observation("3", valueBoolean=True),
        observation("4", valueInteger=3),
        observation("5", valueString="a word"),
        observation("6", effectiveDateTime=None, effectivePeriod={"start": "2024-05-03"}),
        codes=codes,
    )
    lab_rows = rows(
        tmp_path, "measurement", "value_as_number", "operator_concept_id", "value_as_concept_id", "unit_source_value"
    )
    assert lab_rows == [(7.5, 4171756, None, "mmol/L"), (None, None, 9191, None)]
    seen = rows(tmp_path, "observation", "value_as_number", "value_as_concept_id", "value_as_string")
    assert seen == [(3.0, None, None), (None, 4188539, None), (None, None, "a word"), (None, None, None)]


def test_components_carry_a_panel(tmp_path: Path) -> None:
    parts = [
        {"code": coded(LOINC, code), "valueQuantity": {"value": value, "code": "mm[Hg]"}}
        for code, value in (("8480-6", 120), ("8462-4", 80))
    ]
    codes = code_map(tmp_path, f"{LOINC},8480-6,3004249", f"{LOINC},8462-4,3012888")
    report = run(tmp_path, patient(), observation(code=coded(LOINC, "85354-9"), component=parts), codes=codes)
    assert outcomes(report, "Observation") == {"imported through its components": 1}
    found = rows(tmp_path, "measurement", "measurement_concept_id", "value_as_number", "unit_concept_id")
    assert sorted(found) == [(3004249, 120.0, 8876), (3012888, 80.0, 8876)]
    assert len({number for (number,) in rows(tmp_path, "measurement", "measurement_id")}) == 2


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/p1",
        "urn:uuid:p1",
        "https://example.org/fhir/Patient/p1",
        "Patient/p1/_history/3",
        "Patient?identifier=x|p1",
    ],
)
def test_references_of_every_kind_mean_the_same(tmp_path: Path, reference: str) -> None:
    report = run(tmp_path, patient(), condition(subject={"reference": reference}))
    assert outcomes(report, "Condition") == {"imported": 1}


def test_a_diagnosis_of_an_encounter_links_dates_and_ranks_its_condition(tmp_path: Path) -> None:
    diagnosis = [
        {"condition": {"reference": "Condition/c1"}, "rank": 1},
        {"condition": {"reference": "Condition/c2"}, "use": coded("u", "AD")},
    ]
    run(tmp_path, patient(), encounter(diagnosis=diagnosis), condition("c1", onsetDateTime=None), condition("c2"))
    found = rows(
        tmp_path, "condition_occurrence", "condition_start_date", "condition_status_concept_id", "visit_occurrence_id"
    )
    ((visit,),) = rows(tmp_path, "visit_occurrence", "visit_occurrence_id")
    assert [(str(day), status, linked) for day, status, linked in found] == [
        ("2024-05-01", 32902, visit),
        ("2024-05-01", 32890, visit),
    ]


def test_drugs_may_stand_in_resources_of_their_own(tmp_path: Path) -> None:
    elsewhere = {"resourceType": "Medication", "id": "d1", "code": coded(SNOMED, "1")}
    inside = [{"resourceType": "Medication", "id": "d2", "code": coded(SNOMED, "2")}]
    discharge = [coded("http://terminology.hl7.org/CodeSystem/medicationrequest-category", "discharge")]
    without = {key: value for key, value in prescription().items() if key != "medicationCodeableConcept"}
    codes = code_map(tmp_path, f"{SNOMED},1,101", f"{SNOMED},2,102")
    report = run(
        tmp_path,
        patient(),
        elsewhere,
        {**without, "id": "m1", "medicationReference": {"reference": "Medication/d1"}},
        {
            **without,
            "id": "m2",
            "medicationReference": {"reference": "#d2"},
            "contained": inside,
            "category": discharge,
        },
        codes=codes,
    )
    found = rows(tmp_path, "drug_exposure", "drug_concept_id", "drug_type_concept_id")
    assert sorted(found) == [(101, 32838), (102, 32823)]
    assert outcomes(report, "Medication") == {"imported with what refers to it": 1}


def test_the_newest_copy_of_a_resource_counts_once(tmp_path: Path) -> None:
    def version(day: str, value: float) -> Resource:
        return observation(meta={"lastUpdated": day}, valueQuantity={"value": value, "code": "Cel"})

    report = run(
        tmp_path, patient(), patient(), version("2024-05-03", 1), version("2024-05-05", 2), version("2024-05-04", 3)
    )
    assert outcomes(report, "Observation") == {"imported": 1, "a repeated or older copy": 2}
    assert outcomes(report, "Patient") == {"imported": 1, "a repeated or older copy": 1}
    assert rows(tmp_path, "measurement", "value_as_number") == [(2.0,)]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("2024-05-05T10:00:00+02:00", "2024-05-05T09:00:00Z"),
        ("2024-05-05T10:00:00Z", "2024-05-05T10:00:00.5Z"),
    ],
)
@pytest.mark.parametrize("last", [0, 1])
def test_the_newest_copy_is_told_by_the_moment(tmp_path: Path, older: str, newer: str, last: int) -> None:
    copies = [
        encounter(meta={"lastUpdated": moment}, period={"start": "2024-05-01", "end": end})
        for moment, end in [(older, "2024-05-02"), (newer, "2024-05-03")]
    ]
    run(tmp_path, patient(), *(copies if last else reversed(copies)))
    ((end,),) = rows(tmp_path, "visit_occurrence", "visit_end_date")
    assert str(end) == "2024-05-03"


def test_the_components_of_an_older_copy_go_with_it(tmp_path: Path) -> None:
    def panel(day: str, *values: float) -> Resource:
        parts = [{"code": coded(LOINC, "8480-6"), "valueQuantity": {"value": value}} for value in values]
        return observation(meta={"lastUpdated": day}, component=parts)

    report = run(tmp_path, patient(), panel("2024-05-03", 1, 2, 3), panel("2024-05-05", 4), panel("2024-05-05", 4))
    assert outcomes(report, "Observation") == {"imported through its components": 1, "a repeated or older copy": 2}
    assert rows(tmp_path, "measurement", "value_as_number") == [(4.0,)]


def test_people_keep_their_number_in_every_import(tmp_path: Path) -> None:
    run(tmp_path, patient("b"), patient("c"))
    (tmp_path / "fhir" / "Patient.ndjson").unlink()
    run(tmp_path, patient("a", birthDate="1990"), patient("c", birthDate="1991"))
    assert sorted(rows(tmp_path, "person", "person_id", "year_of_birth")) == [(2, 1991), (3, 1990)]
    kept = tmp_path / "records" / "identities" / "person.parquet"
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_bytes(b"damaged")
    with pytest.raises(RecordsError, match=r"person\.parquet is damaged; restore it .*Do not delete it"):
        run(tmp_path, patient("a"))


def test_codes_map_through_the_vocabulary(tmp_path: Path) -> None:
    folder = tmp_path / "athena"
    folder.mkdir()
    (folder / "CONCEPT.csv").write_text(
        "concept_id\tconcept_name\tdomain_id\tvocabulary_id\tstandard_concept\tconcept_code\tinvalid_reason\n"
        '1\t"Sepsis" so-called\tCondition\tSNOMED\tS\t91302008\t\n'
        "2\tOld\tCondition\tICD10\t\tI21.9\t\n"
        "3\tInfarct\tCondition\tSNOMED\tS\t22298006\t\n"
        "4\tHistory of infarct\tObservation\tSNOMED\tS\t399211009\t\n",
        encoding="utf-8",
    )
    (folder / "CONCEPT_RELATIONSHIP.csv").write_text(
        "concept_id_1\tconcept_id_2\trelationship_id\tinvalid_reason\n2\t3\tMaps to\t\n2\t1\tMaps to\tD\n",
        encoding="utf-8",
    )
    icd = "http://hl7.org/fhir/sid/icd-10"
    several = {"coding": [{"system": "urn:local", "code": "7"}, {"system": SNOMED, "code": "22298006"}]}
    resources = (
        patient(),
        condition("1"),
        condition("2", code=coded(icd, "I219")),
        condition("3", code=several),
        condition("4", code=coded(SNOMED, "399211009")),
        condition("5", code=coded("urn:local", "8")),
    )
    report = run(tmp_path, *resources, codes=CodeSources(vocabulary=folder))
    found = rows(
        tmp_path,
        "condition_occurrence",
        "condition_concept_id",
        "condition_source_concept_id",
        "condition_source_value",
    )
    assert found == [(3, 3, "22298006"), (3, 2, "I219"), (1, 1, "91302008"), (0, 0, "8")]
    assert rows(tmp_path, "observation", "observation_concept_id") == [(4,)]
    assert [(code.origin, code.system, code.code, code.rows) for code in report.unmapped] == [
        ("Condition", "urn:local", "8", 1)
    ]
    # The vocabulary stays for the next import, and the site's own map goes before it.
    again = run(tmp_path, *resources, codes=code_map(tmp_path, "urn:local,8,3", f"{SNOMED},91302008,2000000001"))
    assert again.unmapped == ()
    found = rows(tmp_path, "condition_occurrence", "condition_concept_id")
    assert found == [(2_000_000_001,), (3,), (3,), (3,)]
    assert any("with a concept that the vocabulary does not know" in finding.what for finding in again.findings)


def test_unmapped_codes_are_reported_in_a_file_that_can_be_filled_in(tmp_path: Path) -> None:
    run(tmp_path, patient(), condition("1"), condition("2"), observation())
    folder = tmp_path / "records" / "generation-0001"
    lines = (folder / "unmapped-codes.csv").read_text(encoding="utf-8").splitlines()
    assert lines == [
        "source_system,source_code,concept_id,from,rows",
        f"{SNOMED},91302008,,Condition,2",
        f"{LOINC},8310-5,,Observation,1",
    ]
    assert "| Condition | http://snomed.info/sct | 91302008 | 2 |" in (folder / "import-report.md").read_text("utf-8")
    filled = tmp_path / "filled.csv"
    filled.write_text("\n".join(lines).replace("91302008,,", "91302008,132797,"), encoding="utf-8")
    report = run(tmp_path, patient(), condition("1"), observation(), codes=CodeSources(code_map=filled))
    assert [code.code for code in report.unmapped] == ["8310-5"]


def test_a_table_that_nothing_fills_is_missing_and_not_empty(tmp_path: Path) -> None:
    report = run(tmp_path, patient(), condition())
    assert [table for table, _ in report.rows] == [
        "person",
        "observation_period",
        "condition_occurrence",
        "death",
        "location",
    ]
    assert not (tmp_path / "records" / "generation-0001" / "measurement.parquet").exists()
    assert "measurement is not there, for nothing fills it: do not ask measures of it" in report.notes
    assert dict(run(tmp_path, patient(), observation(status="cancelled")).rows)["measurement"] == 0


def test_mixed_units_are_never_compared(tmp_path: Path) -> None:
    def weigh(name: str, value: float, **unit: str) -> Resource:
        return observation(name, code=coded(LOINC, "29463-7"), valueQuantity={"value": value, **unit})

    def other(name: str, unit: str) -> Resource:
        return observation(name, code=coded(LOINC, "1"), valueQuantity={"value": 5, "code": unit})

    codes = code_map(tmp_path, f"{LOINC},29463-7,3025315", f"{LOINC},1,77")
    report = run(
        tmp_path,
        patient(),
        weigh("1", 80, code="kg"),
        weigh("2", 10, code="[stone_av]"),
        weigh("3", 80, code="bananas"),
        weigh("4", 80),
        other("5", "a"),
        other("6", "a"),
        other("7", "b"),
        codes=codes,
    )
    found = rows(tmp_path, "measurement", "measurement_concept_id", "value_as_number", "value_source_value")
    assert found[:2] == [(3025315, 80.0, None), (3025315, pytest.approx(63.5029318), "10.0 [stone_av]")]
    assert found[2:4] == [(3025315, None, "80.0 bananas"), (3025315, None, "80.0")]
    assert found[4:] == [(77, 5.0, None), (77, 5.0, None), (77, None, "5.0 b")]
    said = [str(finding) for finding in report.findings if finding.where.startswith("concept")]
    assert len(said) == 4


def test_a_line_that_was_cut_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "fhir", patient(), *(condition(f"c{n}") for n in range(5000)))
    whole = (folder / "Condition.ndjson").read_bytes()
    (folder / "Condition.ndjson").write_bytes(whole[:-40])
    with pytest.raises(
        RecordsError, match=r"Condition\.ndjson, line 5000: the line is not whole JSON \(was the file cut"
    ):
        import_fhir(folder, job(tmp_path / "records"))
    (folder / "Condition.ndjson").unlink()
    (folder / "Condition.ndjson.gz").write_bytes(gzip.compress(whole)[:-40])
    with pytest.raises(RecordsError, match=r"Condition\.ndjson\.gz, line \d+: the line is not whole JSON"):
        import_fhir(folder, job(tmp_path / "records"))
    assert not (tmp_path / "records" / "CURRENT").exists()


def test_an_element_of_the_wrong_type_is_named_without_its_value(tmp_path: Path) -> None:
    wrong = observation("o2", valueQuantity={"value": "secret"})
    folder = write(tmp_path / "fhir", patient(), observation(), wrong)
    with pytest.raises(RecordsError, match=r"Observation\.ndjson, line 2: an element has a type") as refused:
        import_fhir(folder, job(tmp_path / "records"))
    assert "secret" not in str(refused.value)


def test_a_file_may_hold_more_than_its_first_line_says(tmp_path: Path) -> None:
    resources = [patient(), encounter(), observation("long", note=[{"text": "x" * 17_000_000}]), observation("o2")]
    apart = run(tmp_path / "apart", *resources[:2], *resources[3:], observation("long"))
    folder = tmp_path / "together"
    folder.mkdir()
    (folder / "Patient.ndjson").write_text("\n".join(map(json.dumps, resources)), encoding="utf-8")
    together = import_fhir(folder, job(tmp_path / "records"))
    assert (together.rows, together.outcomes) == (apart.rows, apart.outcomes)
    assert outcomes(together, "Observation") == {"imported": 2}


def test_files_as_windows_writes_them_and_lists_of_resources(tmp_path: Path) -> None:
    folder = write(tmp_path / "fhir", patient())
    first, second = json.dumps(observation("o1")), json.dumps(observation("o2"))
    (folder / "Observation.1.ndjson").write_bytes(b"\xef\xbb\xbf" + f"{first}\r\n{second}\r\n".encode())
    (folder / "Observation.2.ndjson").write_bytes(b"")
    (folder / "Observation.3.ndjson.gz").write_bytes(b"")
    (folder / "Observation.4.json").write_text(json.dumps([observation("o3"), observation("o4")]), encoding="utf-8")
    (folder / "log.json").write_text("{}", encoding="utf-8")
    report = import_fhir(folder, job(tmp_path / "records"))
    assert outcomes(report, "Observation") == {"imported": 4}
    empty = "files with no resource in them: Observation.2.ndjson, Observation.3.ndjson.gz, log.json"
    assert f"{empty}; look whether the export broke off" in report.notes


def test_an_export_without_patients_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="there are no patients in it; export them as well"):
        run(tmp_path, observation())


def test_bundles_mixed_files_and_bulk_files_say_the_same(tmp_path: Path) -> None:
    resources = [patient(), encounter(), observation(), condition(), {"resourceType": "Claim", "id": "1"}]
    bulk = import_fhir(write(tmp_path / "bulk", *resources), job(tmp_path / "a"))
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    (mixed / "everything.ndjson").write_text("\n".join(map(json.dumps, resources)), encoding="utf-8")
    (mixed / "log.ndjson").write_text('{"exportId": 1}\n', encoding="utf-8")
    bundles = tmp_path / "bundles"
    bundles.mkdir()
    entries = [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in resources]
    del entries[1]["resource"]["id"]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    (bundles / "one.json.gz").write_bytes(gzip.compress(json.dumps(bundle).encode()))
    for number, source in enumerate((mixed, bundles)):
        report = import_fhir(source, job(tmp_path / f"b{number}"))
        assert (report.rows, sorted(report.outcomes, key=str)) == (bulk.rows, sorted(bulk.outcomes, key=str))
        for table in ("person", "visit_occurrence", "condition_occurrence"):
            assert imported(tmp_path / f"b{number}", table).equals(imported(tmp_path / "a", table))
    (bundles / "one.json.gz").write_bytes(gzip.compress(json.dumps(bundle).encode()[:-30]))
    with pytest.raises(RecordsError, match=r"one\.json\.gz, line 1: this is not whole JSON"):
        import_fhir(bundles, job(tmp_path / "c"))


QICORE = "http://hl7.org/fhir/us/qicore/StructureDefinition/qicore"


def test_what_was_not_done_says_so_and_why(tmp_path: Path) -> None:
    about = {"subject": {"reference": "Patient/p1"}, "code": coded(SNOMED, "3")}
    declined = {"url": f"{QICORE}-notDoneReason", "valueCodeableConcept": coded(SNOMED, "9")}
    asked = observation("o1", status="cancelled", code=coded(LOINC, "1"), extension=[declined], issued="2024-05-03")
    del asked["effectiveDateTime"]
    cancelled = observation("o2", status="cancelled", code=coded(LOINC, "1"))
    procedure = {"resourceType": "Procedure", "id": "p", "status": "not-done", **about}
    procedure |= {"performedDateTime": "2024-05-02", "statusReason": coded(SNOMED, "9")}
    drug = prescription("m", doNotPerform=True, reasonCode=[coded(SNOMED, "9")])
    codes = code_map(tmp_path, f"{LOINC},1,101", f"{SNOMED},3,103", f"{SNOMED},9,109", f"{SNOMED},387517004,105")
    report = run(tmp_path, patient(), encounter(), asked, cancelled, procedure, drug, codes=codes)
    found = rows(
        tmp_path,
        "observation",
        "observation_date",
        "observation_concept_id",
        "value_as_concept_id",
        "qualifier_concept_id",
    )
    assert [(str(day), *others) for day, *others in found] == [
        ("2024-05-03", 2_000_400_021, 101, 109),
        ("2024-05-02", 2_000_400_021, 105, 109),
        ("2024-05-02", 2_000_400_021, 103, 109),
    ]
    assert outcomes(report, "Observation") == {"imported as not done": 1, "status cancelled": 1}
    assert outcomes(report, "Procedure") == {"imported as not done": 1}
    # Nothing of it is where what was done is.
    assert imported(tmp_path / "records", "procedure_occurrence").height == 0


def test_who_is_observed_long_after_their_death_is_told(tmp_path: Path) -> None:
    dead = [patient(name, deceasedDateTime="2024-05-01") for name in ("p1", "p2")]
    later = condition("c2", subject={"reference": "Patient/p2"}, onsetDateTime="2024-06-30")
    report = run(tmp_path, *dead, condition(onsetDateTime="2024-07-01"), later)
    said = "person: 1 row of people with something dated more than 60 days after their death: observed until then"
    assert said in [str(one) for one in report.findings]


def test_what_has_no_value_for_nobody_looked_was_not_done(tmp_path: Path) -> None:
    def absent(why: str) -> Resource:
        system = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
        return {"dataAbsentReason": coded(system, why)}

    weight = {"code": coded(LOINC, "29463-7"), "valueQuantity": {"value": 70, "code": "kg"}}
    parts = [weight, {"code": coded(LOINC, "8302-2"), **absent("not-performed")}]
    report = run(
        tmp_path,
        patient(),
        observation("o1", **absent("not-performed")),
        observation("o2", **absent("masked")),
        observation("o3", code=coded(LOINC, "35094-2"), component=parts),
    )
    counted = {"imported as not done": 1, "imported": 1, "imported through its components": 1}
    assert outcomes(report, "Observation") == counted
    said = rows(tmp_path, "observation", "observation_concept_id", "value_source_value", "qualifier_source_value")
    assert said == [(2_000_400_021, "8310-5", "not-performed"), (0, None, None)]
    assert rows(tmp_path, "measurement", "measurement_source_value") == [("29463-7",)]


def test_orders_of_devices_are_orders(tmp_path: Path) -> None:
    def order(name: str, **more: Any) -> Resource:
        about = {"subject": {"reference": "Patient/p1"}, "codeCodeableConcept": coded(SNOMED, "5")}
        state = {"status": "completed", "intent": "order", "authoredOn": "2024-05-02"}
        return {"resourceType": "DeviceRequest", "id": name, **about, **state, **more}

    refused = [{"url": f"{QICORE}-doNotPerform", "valueBoolean": True}]
    allowed = [{"url": f"{QICORE}-doNotPerform", "valueBoolean": False}]
    orders = (order("a"), order("b", modifierExtension=refused), order("c", modifierExtension=allowed))
    report = run(tmp_path, patient(), *orders, order("d", intent="plan"))
    assert outcomes(report, "DeviceRequest") == {
        "imported": 2,
        "an order not to do it": 1,
        "its intent is not an order": 1,
    }
    assert rows(tmp_path, "observation", "observation_type_concept_id") == [(32833,), (32833,)]


def test_a_condition_ends_when_it_is_over_and_stands_in_a_list(tmp_path: Path) -> None:
    def state(code: str) -> Resource:
        return {"clinicalStatus": {"coding": [{"code": code}]}}

    listed = {"category": [{"coding": [{"code": "problem-list-item"}]}]}
    met = {"category": [{"coding": [{"code": "encounter-diagnosis"}]}]}
    began = {"onsetPeriod": {"start": "2024-05-01", "end": "2024-05-02"}}
    run(
        tmp_path,
        patient(),
        condition("a", **state("active"), **listed),
        condition("b", **state("resolved"), **met),
        condition("c", **state("resolved"), abatementDateTime="2024-06-01"),
        condition("d", **state("recurrence"), **began) | {"onsetDateTime": None},
    )
    found = rows(tmp_path, "condition_occurrence", "condition_type_concept_id", "condition_end_date")
    assert sorted((kind, str(end)) for kind, end in found) == [
        (32817, "2024-06-01"),
        (32817, "None"),
        (32827, "2024-05-01"),
        (32840, "None"),
    ]


def test_a_body_site_is_part_of_the_code(tmp_path: Path) -> None:
    left = condition("a", bodySite=[coded(SNOMED, "7771000")])
    codes = code_map(tmp_path, f"{SNOMED},91302008,101", f"{SNOMED},91302008:363698007=7771000,102")
    run(tmp_path, patient(), left, condition("b"), condition("c", bodySite=[coded(SNOMED, "24028007")]), codes=codes)
    assert rows(tmp_path, "condition_occurrence", "condition_concept_id") == [(102,), (101,), (101,)]


def test_what_is_observed_over_days_has_a_last_day_and_issue_is_no_day_of_observation(tmp_path: Path) -> None:
    over = {"effectivePeriod": {"start": "2024-05-01", "end": "2024-05-03"}, "effectiveDateTime": None}
    within = {"effectivePeriod": {"start": "2024-05-01", "end": "2024-05-01"}, "effectiveDateTime": None}
    issued = observation("c", issued="2024-05-04T10:00:00Z") | {"effectiveDateTime": None}
    report = run(tmp_path, patient(), encounter(), observation("a") | over, observation("b") | within, issued)
    found = rows(tmp_path, "observation", "observation_date", "observation_end_date")
    assert [(str(first), str(last)) for first, last in found] == [("2024-05-01", "2024-05-03"), ("2024-05-01", "None")]
    assert outcomes(report, "Observation") == {"imported": 2, "without a date": 1}


def test_nothing_to_import_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecordsError, match="there are no FHIR resources; bulk files end in"):
        import_fhir(tmp_path / "empty", job(tmp_path / "records"))
    with pytest.raises(RecordsError, match="there is no"):
        import_fhir(tmp_path / "absent", job(tmp_path / "records"))


def _lines(folder: Path) -> Counter[str]:
    found: Counter[str] = Counter()
    for path in folder.glob("*.gz"):
        text = gzip.decompress(path.read_bytes()).decode()
        documents = [json.loads(text)] if path.name.endswith(".json.gz") else map(json.loads, text.splitlines())
        for document in documents:
            inside = [entry["resource"] for entry in document.get("entry", ())] if "entry" in document else [document]
            found.update(one["resourceType"] for one in inside if "resourceType" in one)
    return found


@pytest.mark.skipif(not SHARED.is_dir(), reason="the third-party data are not beside the checkout")
@pytest.mark.parametrize("name", ["fhir_pathling_ndjson", "fhir_pathling_bundles", "fhir_smart_bulk_10"])
def test_every_resource_of_real_exports_is_accounted_for(tmp_path: Path, name: str) -> None:
    report = import_fhir(SHARED / name, job(tmp_path))
    told: Counter[str] = Counter()
    for item in report.outcomes:
        told[item.origin] += item.number
    assert told == _lines(SHARED / name)
    tables = dict(report.rows)
    events = ("condition_occurrence", "drug_exposure", "procedure_occurrence", "measurement", "observation")
    unmapped = sum(imported(tmp_path, table).filter(pl.nth(2) == 0).height for table in events if tables.get(table))
    assert unmapped == report.unmapped_rows
    assert tables["person"] == sum(
        item.number for item in report.outcomes if (item.origin, item.outcome) == ("Patient", "imported")
    )

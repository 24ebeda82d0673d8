"""How fast FHIR NDJSON is flattened, and imported, in MB a second; and a plain Python loop over the same lines.

    python benchmarks/fhir_flatten.py [megabytes] [runs] [folder]

Writes its own seeded NDJSON (1,000 MB unless told otherwise) into a temporary folder, twice: resources of which OMOP
tables are filled, and the mix that Synthea exports, more than half of which are bills. Or it reads a folder of yours.
Takes the median. The Python loop reads a sample of 20 MB. The processor's own seconds are shown too, for a machine that
others use at the same time.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rounds.records.importing.fhir.load import flatten, import_fhir
from rounds.records.importing.session import Job, working
from rounds.records.omop import open_records

SEED = 20261
SAMPLE_BYTES = 20_000_000
MAPPED = {"Encounter": 12, "Observation": 60, "Condition": 8, "MedicationRequest": 10, "Procedure": 10}
SYNTHEA = {
    **{"Encounter": 6, "Observation": 26, "Condition": 3, "MedicationRequest": 3, "Procedure": 5},
    **{"ExplanationOfBenefit": 43, "Claim": 14},
}
"""Per cent of the bytes. Encounters come first: what refers to them must know how many there are."""
BLOCK, PATIENTS = 4_000, 400
VITALS = (
    ("8310-5", "Body temperature", "Cel"),
    ("9279-1", "Respiratory rate", "/min"),
    ("8867-4", "Heart rate", "/min"),
)


class Silent:
    """Nobody watches a benchmark."""

    def step(self, title: str, total: int) -> None:
        pass

    def advance(self) -> None:
        pass


def resource(kind: str, number: int, draw: np.random.Generator) -> dict[str, Any]:
    """Return one made-up resource with what servers send along: profiles, identifiers, narrative.

    An `@` stands for the copy of the block that it is in, and a `~` for the copy whose people and encounters it names.
    """
    encounter = number if kind == "Encounter" else int(draw.integers(BLOCK))
    day = f"20{int(draw.integers(10, 25)):02d}-{int(draw.integers(1, 13)):02d}-{int(draw.integers(1, 29)):02d}"
    moment = f"{day}T{int(draw.integers(24)):02d}:15:00+00:00"
    made: dict[str, Any] = {
        "resourceType": kind,
        "id": f"{kind.lower()}-@{number:06d}",
        "meta": {
            "versionId": "1",
            "lastUpdated": f"{day}T23:59:00.000+00:00",
            "profile": [f"http://hl7.org/fhir/us/core/StructureDefinition/us-core-{kind.lower()}"],
        },
        "identifier": [{"system": "https://example.org/records", "value": f"{number:012d}"}],
        "text": {"status": "generated", "div": "<div xmlns='http://www.w3.org/1999/xhtml'>Generated narrative</div>"},
        "subject": {"reference": f"Patient/patient-~{encounter % PATIENTS:06d}", "display": "A made-up name"},
        "encounter": {"reference": f"Encounter/encounter-~{encounter:06d}"},
    }
    return made | _PARTS[kind](moment, draw)


def coding(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def _observation(moment: str, draw: np.random.Generator) -> dict[str, Any]:
    code, display, unit = VITALS[int(draw.integers(len(VITALS)))]
    category = coding("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs", "Vital signs")
    value = {"value": round(float(draw.normal(50, 10)), 1), "unit": unit, "system": "http://unitsofmeasure.org"}
    made = {"status": "final", "category": [category], "effectiveDateTime": moment, "issued": moment}
    if draw.random() < 0.1:
        pressure = coding("http://loinc.org", "85354-9", "Blood pressure")
        parts = [
            {"code": coding("http://loinc.org", part, "Blood pressure"), "valueQuantity": value | {"code": "mm[Hg]"}}
            for part in ("8480-6", "8462-4")
        ]
        return made | {"code": pressure, "component": parts}
    return made | {"code": coding("http://loinc.org", code, display), "valueQuantity": value | {"code": unit}}


def _encounter(moment: str, draw: np.random.Generator) -> dict[str, Any]:
    return {
        "status": "finished",
        "class": {
            "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
            "code": ("IMP", "AMB")[int(draw.integers(2))],
        },
        "type": [coding("http://snomed.info/sct", "183452005", "Emergency hospital admission")],
        "period": {"start": moment, "end": moment},
        "location": [
            {"location": {"reference": f"Location/ward-{int(draw.integers(40))}"}, "period": {"start": moment}}
        ],
        "serviceProvider": {"reference": "Organization/hospital"},
    }


def _condition(moment: str, draw: np.random.Generator) -> dict[str, Any]:
    verified = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
    return {
        "clinicalStatus": coding("http://terminology.hl7.org/CodeSystem/condition-clinical", "active", "Active"),
        "verificationStatus": coding(verified, "confirmed", "Confirmed"),
        "code": coding("http://snomed.info/sct", str(10_000_000 + int(draw.integers(500))), "A condition"),
        "onsetDateTime": moment,
        "recordedDate": moment,
    }


def _medication(moment: str, draw: np.random.Generator) -> dict[str, Any]:
    drug = coding("http://www.nlm.nih.gov/research/umls/rxnorm", str(int(draw.integers(300_000, 300_400))), "A drug")
    dose = {"text": "Twice a day", "timing": {"repeat": {"frequency": 2, "period": 1.0, "periodUnit": "d"}}}
    return {
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": drug,
        "authoredOn": moment,
        "dosageInstruction": [dose],
    }


def _procedure(moment: str, draw: np.random.Generator) -> dict[str, Any]:
    return {
        "status": "completed",
        "code": coding("http://snomed.info/sct", str(70_000_000 + int(draw.integers(300))), "A procedure"),
        "performedPeriod": {"start": moment, "end": moment},
    }


def _bill(moment: str, draw: np.random.Generator) -> dict[str, Any]:
    item = {
        "productOrService": coding("http://snomed.info/sct", "430193006", "Medication reconciliation"),
        "servicedPeriod": {"start": moment, "end": moment},
        "locationCodeableConcept": coding("https://bluebutton.cms.gov/resources/place", "21", "Inpatient hospital"),
        "net": {"value": round(float(draw.gamma(2, 80)), 2), "currency": "USD"},
    }
    items = [{"sequence": place, **item} for place in range(1, int(draw.integers(2, 16)))]
    return {"status": "active", "use": "claim", "created": moment, "item": items}


_PARTS: dict[str, Callable[[str, np.random.Generator], dict[str, Any]]] = {
    "Observation": _observation,
    "Encounter": _encounter,
    "Condition": _condition,
    "MedicationRequest": _medication,
    "Procedure": _procedure,
    "ExplanationOfBenefit": _bill,
    "Claim": _bill,
}


def patient(number: int) -> dict[str, Any]:
    gender = ("female", "male")[number % 2]
    born = f"{1930 + number % 70}-04-0{1 + number % 9}"
    return {"resourceType": "Patient", "id": f"patient-@{number:06d}", "gender": gender, "birthDate": born}


def write_ndjson(folder: Path, megabytes: int, shares: dict[str, int]) -> None:
    """Write the resources. Blocks repeat with other ids, for Python makes few MB a second."""
    draw = np.random.default_rng(SEED)
    encounters = 1
    for kind, share in shares.items():
        block = "".join(
            json.dumps(resource(kind, number, draw), separators=(",", ":")) + "\n" for number in range(BLOCK)
        )
        copies = max(1, round(megabytes * 1_000_000 * share / sum(shares.values()) / len(block)))
        encounters = copies if kind == "Encounter" else encounters
        _write_copies(folder / f"{kind}.000.ndjson", block, copies, encounters)
    people = "".join(json.dumps(patient(number), separators=(",", ":")) + "\n" for number in range(PATIENTS))
    _write_copies(folder / "Patient.000.ndjson", people, encounters, encounters)


def _write_copies(path: Path, block: str, copies: int, encounters: int) -> None:
    with path.open("w", encoding="utf-8") as stream:
        for copy in range(copies):
            stream.write(block.replace("@", f"{copy}-").replace("~", f"{copy % encounters}-"))


def job_in(folder: Path) -> Job:
    return Job(site="bench", records=folder, today=date(2026, 1, 1), progress=Silent(), check=checked)


def checked(folder: Path) -> None:
    open_records(folder, site="bench", as_of=date(2026, 1, 1), outside_observation="exclude")


def flattened(source: Path, scratch: Path) -> None:
    scratch.mkdir()
    with working(scratch, job_in(scratch)) as session:
        flatten(session, source)


def imported(source: Path, scratch: Path) -> None:
    scratch.mkdir()
    import_fhir(source, job_in(scratch))


def timed(what: Callable[[], object]) -> tuple[float, float]:
    """Return how many seconds something takes, and how many of the processor's."""
    started, used = time.perf_counter(), time.process_time()
    what()
    return time.perf_counter() - started, time.process_time() - used


def python_loop(source: Path) -> float:
    """Return MB a second of the plain way: json.loads and a tuple for each line."""
    done, started, rows = 0, time.perf_counter(), []
    with (source / "Observation.000.ndjson").open("rb") as stream:
        for line in stream:
            one = json.loads(line)
            coded = one["code"]["coding"][0]
            value = one.get("valueQuantity") or {}
            values = [(coded["system"], coded["code"], value.get("value"), value.get("code"))]
            for part in one.get("component", ()):
                inner, value = part["code"]["coding"][0], part.get("valueQuantity") or {}
                values.append((inner["system"], inner["code"], value.get("value"), value.get("code")))
            person = one["subject"]["reference"].rpartition("/")[2]
            rows += [(one["id"], person, one["effectiveDateTime"][:10], *each) for each in values]
            done += len(line)
            if done > SAMPLE_BYTES:
                break
    return done / 1e6 / (time.perf_counter() - started)


def measure(source: Path, scratch: Path, runs: int) -> float:
    """Print how fast a folder is flattened and imported; return the MB a second that are flattened."""
    total = sum(path.stat().st_size for path in source.iterdir()) / 1e6
    print(f"{source.name:26s}{total:8,.0f} MB")
    speeds = []
    for name, way in (("flattened", flattened), ("imported and checked", imported)):
        found = [timed(partial(way, source, scratch / f"{name}-{run}")) for run in range(runs)]
        wall, processor = (statistics.median(total / run[which] for run in found) for which in (0, 1))
        best = max(total / seconds for seconds, _ in found)
        print(f"  {name:24s}{wall:8,.0f} MB/s (median of {runs}, two threads; best {best:,.0f})", end="")
        print(f", {processor:,.0f} MB a processor second")
        speeds.append(wall)
    return speeds[0]


def main() -> None:
    megabytes, runs = (int(word) for word in (sys.argv[1:3] + ["1000", "3"][len(sys.argv[1:3]) :]))
    with tempfile.TemporaryDirectory() as temporary:
        if len(sys.argv) > 3:
            measure(Path(sys.argv[3]), Path(temporary), runs)
            return
        for name, shares in (("mapped", MAPPED), ("synthea", SYNTHEA)):
            source, scratch = Path(temporary) / name, Path(temporary) / f"{name}-runs"
            source.mkdir()
            scratch.mkdir()
            write_ndjson(source, megabytes, shares)
            wall = measure(source, scratch, runs)
            if name == "mapped":
                plain = statistics.median(python_loop(source) for _ in range(3))
                print(
                    f"  plain Python            {plain:8,.0f} MB/s (Observation, one thread): ratio {wall / plain:.1f}"
                )


if __name__ == "__main__":
    main()

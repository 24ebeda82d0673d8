"""How fast FHIR NDJSON is flattened: MB a second against a plain Python loop over the same lines.

    python benchmarks/fhir_flatten.py [megabytes] [runs]

Writes its own seeded NDJSON (1,000 MB unless told otherwise) into a temporary folder, flattens it as an import does and
takes the median. The Python loop reads a sample of 20 MB. The processor's own seconds are shown too, for a machine that
others use at the same time.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from rounds.records.importing.fhir.files import find_resources
from rounds.records.importing.fhir.load import flatten
from rounds.records.importing.session import Job, working

SEED = 20261
SAMPLE_BYTES = 20_000_000
SHARES = {"Observation": 60, "Encounter": 12, "Condition": 8, "MedicationRequest": 10, "Procedure": 10}
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
    """Return one made-up resource with what servers send along: profiles, identifiers, narrative."""
    person = int(draw.integers(100_000))
    day = f"20{int(draw.integers(10, 25)):02d}-{int(draw.integers(1, 13)):02d}-{int(draw.integers(1, 29)):02d}"
    moment = f"{day}T{int(draw.integers(24)):02d}:15:00+00:00"
    made: dict[str, Any] = {
        "resourceType": kind,
        "id": f"{kind.lower()}-{number:09d}",
        "meta": {
            "versionId": "1",
            "lastUpdated": f"{day}T23:59:00.000+00:00",
            "profile": [f"http://hl7.org/fhir/us/core/StructureDefinition/us-core-{kind.lower()}"],
        },
        "identifier": [{"system": "https://example.org/records", "value": f"{number:012d}"}],
        "text": {"status": "generated", "div": "<div xmlns='http://www.w3.org/1999/xhtml'>Generated narrative</div>"},
        "subject": {"reference": f"Patient/patient-{person:07d}", "display": "A made-up name"},
        "encounter": {"reference": f"Encounter/encounter-{int(draw.integers(1_000_000)):09d}"},
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


_PARTS: dict[str, Callable[[str, np.random.Generator], dict[str, Any]]] = {
    "Observation": _observation,
    "Encounter": _encounter,
    "Condition": _condition,
    "MedicationRequest": _medication,
    "Procedure": _procedure,
}


def write_ndjson(folder: Path, megabytes: int) -> int:
    """Write the resources and return their bytes. Blocks repeat with other ids, for Python makes few MB a second."""
    draw = np.random.default_rng(SEED)
    total = 0
    for kind, share in SHARES.items():
        wanted = megabytes * 1_000_000 * share // sum(SHARES.values())
        block = [json.dumps(resource(kind, number, draw), separators=(",", ":")) + "\n" for number in range(4_000)]
        mark = f"{kind.lower()}-"
        with (folder / f"{kind}.000.ndjson").open("w", encoding="utf-8") as stream:
            written = copy = 0
            while written < wanted:
                text = "".join(block).replace(f'"id":"{mark}0', f'"id":"{mark}{copy}-0')
                stream.write(text)
                written += len(text)
                copy += 1
        total += written
    return total


def flattened(source: Path, scratch: Path) -> tuple[float, float]:
    """Return the seconds, and the processor's seconds, that flattening takes after the files were found."""
    scratch.mkdir()
    job = Job(site="bench", records=scratch, today=date(2026, 1, 1), progress=Silent(), check=lambda _: None)
    with working(scratch, job) as session:
        files = find_resources(session, source)
        started, used = time.perf_counter(), time.process_time()
        flatten(session, files)
        return time.perf_counter() - started, time.process_time() - used


def python_loop(source: Path) -> tuple[float, float]:
    """Return MB a second, and a processor's second, of the plain way: json.loads and a tuple for each line."""
    done, started, used, rows = 0, time.perf_counter(), time.process_time(), []
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
    return done / 1e6 / (time.perf_counter() - started), done / 1e6 / (time.process_time() - used)


def main() -> None:
    megabytes, runs = (int(word) for word in (sys.argv[1:] + ["1000", "3"][len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "fhir"
        source.mkdir()
        total = write_ndjson(source, megabytes) / 1e6
        measured = [flattened(source, Path(temporary) / f"run-{run}") for run in range(runs)]
        loops = [python_loop(source) for _ in range(3)]
        plain, plain_processor = (statistics.median(numbers) for numbers in zip(*loops, strict=True))
        wall = statistics.median(total / seconds for seconds, _ in measured)
        processor = statistics.median(total / used for _, used in measured)
        best, best_processor = (max(total / run[which] for run in measured) for which in (0, 1))
        shares = ", ".join(f"{kind} {share} %" for kind, share in SHARES.items())
        print(f"NDJSON                    {total:8,.0f} MB, {shares}")
        print(f"flattened                 {wall:8,.0f} MB/s (median of {runs}, two threads; best {best:,.0f})")
        print(f"per processor second      {processor:8,.0f} MB (best {best_processor:,.0f})")
        print(f"plain Python              {plain:8,.0f} MB/s (Observation, {SAMPLE_BYTES / 1e6:.0f} MB, one thread)")
        print(f"per processor second      {plain_processor:8,.0f} MB")
        print(f"ratio                     {wall / plain:8,.1f} ({processor / plain_processor:.1f} by processor second)")


if __name__ == "__main__":
    main()

"""The outside judge's FHIR cases as one export: every case's ids carry the case's name, so that none meets another."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

FIRST_OWN_CONCEPT = 2_000_000_001


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One patient, and what a measure should say of them."""

    measure: str
    name: str
    first: str
    last: str
    expected: tuple[dict[str, Any], ...]
    resources: tuple[dict[str, Any], ...]

    @property
    def patients(self) -> tuple[str, ...]:
        """The source ids of its patients, as they stand in `identities/person.parquet`."""
        return tuple(one["id"] for one in self.resources if one["resourceType"] == "Patient")


def read_cases(folder: Path) -> Iterator[Case]:
    """Yield every case of `ecqm_qicore2024`."""
    for path in sorted(folder.glob("*.cases.ndjson.gz")):
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            case = json.loads(line)
            prefix = f"{case['measure'][:8]}-{case['case']}-"
            yield Case(
                measure=case["measure"],
                name=case["case"],
                first=case["period"]["start"],
                last=case["period"]["end"],
                expected=tuple(case["expected"]),
                resources=tuple(_apart(resource, prefix) for resource in case["resources"]),
            )


def _apart(value: Any, prefix: str, *, inside: bool = False) -> Any:
    """Return a resource whose own id, and every reference in it, begin with a prefix."""
    if isinstance(value, list):
        return [_apart(item, prefix, inside=True) for item in value]
    if not isinstance(value, dict):
        return value
    made = {name: _apart(item, prefix, inside=True) for name, item in value.items()}
    if not inside:
        made["id"] = prefix + value["id"]
    reference = value.get("reference")
    if isinstance(reference, str) and "/" in reference:
        kind, _, name = reference.rpartition("/")
        made["reference"] = f"{kind}/{prefix}{name}"
    return made


def write_export(cases: list[Case], folder: Path) -> Path:
    """Write all cases as one bulk export, a file for each type."""
    folder.mkdir(parents=True)
    by_kind: dict[str, list[str]] = {}
    for case in cases:
        for resource in case.resources:
            by_kind.setdefault(resource["resourceType"], []).append(json.dumps(resource))
    for kind, lines in by_kind.items():
        (folder / f"{kind}.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def write_code_map(value_sets: Path, path: Path, cases: list[Case]) -> pl.DataFrame:
    """Give each code of the value sets a concept of our own, and return (system, code, concept_id).

    Codes that are types of encounters are of the domain Visit: a visit carries such a concept instead of its class.
    """
    types = {
        (coding.get("system"), coding.get("code"))
        for case in cases
        for resource in case.resources
        for kind in (resource.get("type", ()) if resource["resourceType"] == "Encounter" else ())
        for coding in kind.get("coding", ())
    }
    used = pl.DataFrame(sorted(types, key=str), schema=("system", "code"), orient="row").with_columns(
        pl.lit("Visit").alias("domain_id")
    )
    codes = pl.read_parquet(value_sets).select("system", "code").unique().sort("system", "code")
    codes = codes.with_row_index("concept_id", offset=FIRST_OWN_CONCEPT).select("system", "code", "concept_id")
    mapped = codes.join(used, on=["system", "code"], how="left", maintain_order="left")
    mapped.rename({"system": "source_system", "code": "source_code"}).write_csv(path)
    return codes

"""The outside judge's measures in our own language: their code lists from the judge's folder, and what they count."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from ecqm_cases import FIRST_OWN_CONCEPT, Case
from ruamel.yaml import YAML

from rounds.measures.codelists import CodeList
from rounds.measures.criteria import Has, parts
from rounds.measures.definitions import Measure
from rounds.measures.questions import RecordsQuestion
from rounds.measures.traits import Value
from rounds.storage.defined import Defined
from rounds.storage.library_files import MeasureFile
from rounds.storage.yaml_files import read_yaml

FOLDER = Path(__file__).resolve().parent / "reference" / "ecqm"
CPT = "http://www.ama-assn.org/go/cpt"
"""The judge's folder leaves the codes of this system out of its value sets."""

_SITE = ":363698007="
_ABOUT = {
    "version": 1,
    "per": 100,
    "better": "neither",
    "grain": "year",
    "author": "Rounds library authors",
    "reviewer": "Rounds clinical review",
    "next_review": "2027-06-30",
}
Code = tuple[str, str]
"""System and code."""


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load((FOLDER / name).read_text(encoding="utf-8"))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Our own concept for each code, and the code lists that measures name."""

    concepts: Mapping[Code, int]
    lists: Mapping[str, frozenset[Code]]
    defined: Defined
    absent: Mapping[str, frozenset[str]]
    """By list: its value sets that the judge's folder does not hold, though they hold more than CPT."""
    domains: Mapping[Code, str]


def read_vocabulary(value_sets: Path) -> Vocabulary:
    """Return the code lists of `code-lists.yaml`, made of the judge's value sets.

    Args:
        value_sets: the judge's valuesets.parquet.
    """
    by_set: dict[str, set[Code]] = {}
    for oid, system, code in pl.read_parquet(value_sets).select("oid", "system", "code").iter_rows():
        by_set.setdefault(oid, set()).add((system, code))
    declared = _read("code-lists.yaml")
    lists: dict[str, frozenset[Code]] = {}
    absent: dict[str, frozenset[str]] = {}
    domains: dict[Code, str] = {}
    for name, one in declared.items():
        assert not by_set.keys() & set(one.get("cpt_only", ())), f"{name}: a value set is not CPT only"
        named = one.get("value_sets", [])
        at_site = one.get("at_site")
        absent[name] = frozenset(
            oid for oid in [*named, *([at_site["value_set"]] if at_site else [])] if oid not in by_set
        )
        codes = {code for oid in named for code in by_set.get(oid, ())}
        codes |= {tuple(code.split("|")) for code in one.get("codes", ())}
        if at_site:
            codes |= {(system, f"{code}{_SITE}{at_site['site']}") for system, code in by_set[at_site["value_set"]]}
        lists[name] = frozenset(codes)
        domains |= dict.fromkeys(codes, one["domain"]) if "domain" in one else {}
    listed = sorted(
        {code for codes in by_set.values() for code in codes} | {code for codes in lists.values() for code in codes}
    )
    concepts = {code: FIRST_OWN_CONCEPT + number for number, code in enumerate(listed)}
    code_lists = tuple(
        CodeList(
            id=name,
            version=1,
            title=one["title"],
            concepts=tuple(sorted((concepts[code], code[1]) for code in lists[name])) or tuple(one["concepts"].items()),
            descendants=False,
        )
        for name, one in declared.items()
    )
    return Vocabulary(
        concepts=concepts, lists=lists, defined=Defined(code_lists=code_lists), absent=absent, domains=domains
    )


def write_map(vocabulary: Vocabulary, path: Path, cases: list[Case]) -> None:
    """Write the code map of a site that knows every code; types of encounters are of the domain Visit."""
    types = {
        (coding.get("system"), coding.get("code"))
        for case in cases
        for resource in case.resources
        for kind in (resource.get("type", ()) if resource["resourceType"] == "Encounter" else ())
        for coding in kind.get("coding", ())
    }
    rows = [
        (system, code, concept, "Visit" if (system, code) in types else vocabulary.domains.get((system, code)))
        for (system, code), concept in vocabulary.concepts.items()
    ]
    names = ("source_system", "source_code", "concept_id", "domain_id")
    pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None).write_csv(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One of the judge's measures as measures of ours: a measure counts one population within another."""

    name: str
    excluded: Measure
    """Of the initial population those that are excluded."""
    met: Measure
    """Of those that are left the numerator."""
    excepted: Measure | None
    """Of those that are left and not in the numerator the exceptions."""

    @property
    def measures(self) -> tuple[Measure, ...]:
        return tuple(one for one in (self.excluded, self.met, self.excepted) if one is not None)


def read_judged(name: str, vocabulary: Vocabulary, scratch: Path) -> Judged:
    """Return one of the measures beside `code-lists.yaml`."""
    said, shared = _read(f"{name}.yaml"), _read("shared.yaml")
    initial, excluded, met = (
        _taken_in(said[part], shared) for part in ("initial_population", "exclusions", "numerator")
    )
    left = [*initial, {"not": {"all": excluded}}]
    written = {
        "excluded": (initial, excluded),
        "met": (left, met),
    }
    if "exceptions" in said:
        written["excepted"] = ([*left, {"not": {"all": met}}], _taken_in(said["exceptions"], shared))
    made = {}
    for part, (who, numerator) in written.items():
        whole = {
            **_ABOUT,
            "id": f"{said['id']}-{part}",
            "title": f"{said['title']}: {part}",
            "description": said["description"].strip(),
            "unit": said["count"] if said["count"] == "people" else "visits",
            "count": said["count"],
            **({"events": said["events"]} if "events" in said else {}),
            "who": who,
            "numerator": numerator,
        }
        path = scratch / f"{part}.yaml"
        with path.open("w", encoding="utf-8") as stream:
            YAML().dump(whole, stream)
        made[part] = read_yaml(path, MeasureFile, context=vocabulary.defined).to_measure(vocabulary.defined)
    return Judged(name=name, excluded=made["excluded"], met=made["met"], excepted=made.get("excepted"))


def _taken_in(part: Any, shared: Mapping[str, Any]) -> Any:
    if isinstance(part, list):
        return [_taken_in(item, shared) for item in part]
    if not isinstance(part, dict):
        return part
    if set(part) == {"shared"}:
        return _taken_in(shared[part["shared"]], shared)
    return {name: _taken_in(item, shared) for name, item in part.items()}


def why_not_judged(case: Case, judged: Judged, vocabulary: Vocabulary) -> str | None:
    """Return why a case cannot be judged with what the judge's folder holds; nothing if it can.

    A case cannot be judged if the measure looks for a value set that the folder does not hold (but for sets of nothing
    but CPT codes); if something in the case has a CPT code and no code that a list of the measure holds, for whether it
    is in a value set is then unknown; or if the measure compares a number and the case holds something else instead.
    """
    questions = [one.question for one in judged.measures if isinstance(one.question, RecordsQuestion)]
    named = {codes.id for question in questions for codes in question.code_lists}
    if any(vocabulary.absent[name] for name in named):
        return "a value set of the measure is not in the folder"
    known = {code for name in named for code in vocabulary.lists[name]}
    for concept in _concepts(case.resources):
        codes = {(coding.get("system"), coding.get("code")) for coding in concept}
        if CPT in {system for system, _ in codes} and not codes & known:
            return "a code whose value sets the folder leaves out (CPT)"
    compared = {code for question in questions for name in _compared(question) for code in vocabulary.lists[name]}
    for resource in case.resources:
        if resource["resourceType"] == "Observation" and _codes(resource["code"]) & compared:
            others = [name for name in resource if name.startswith("value") and name != "valueQuantity"]
            if others:
                return "an answer where the measure compares a number"
    return None


def _compared(question: RecordsQuestion) -> Iterator[str]:
    for part in question.criteria:
        if isinstance(part, Has) and any(isinstance(inner, Value) for inner in parts(part.provided)):
            codes = getattr(part.events, "codes", None)
            if isinstance(codes, CodeList):
                yield codes.id


def _codes(concept: Mapping[str, Any]) -> set[Code]:
    return {(coding.get("system", ""), coding.get("code", "")) for coding in concept.get("coding", ())}


def _concepts(value: Any) -> Iterator[list[Mapping[str, Any]]]:
    if isinstance(value, dict):
        if isinstance(value.get("coding"), list):
            yield value["coding"]
        for inner in value.values():
            yield from _concepts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _concepts(inner)


def expected(case: Case) -> dict[str, int]:
    """Return the judge's count of each population."""
    return {one["code"]: one["count"] for group in case.expected for one in group["populations"]}


def days_of(case: Case) -> tuple[date, date]:
    """Return the first and the last day of the judge's period."""
    return date.fromisoformat(case.first), date.fromisoformat(case.last)

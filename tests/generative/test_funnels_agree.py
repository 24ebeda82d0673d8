"""Funnels from the pack give the counts of both cohort engines, for random trials at random sites."""

import json
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from generated_sites import Site, sites
from growing_site import grown_pack
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from rounds.engines.cohorts import duck, reference
from rounds.engines.cohorts.reference_events import omop_rows
from rounds.engines.funnels import open_funnels
from rounds.measures.cohorts.circe import read_circe

Json = dict[str, Any]
SETS = [
    {
        "id": number,
        "name": f"set {number}",
        "expression": {
            "items": [
                {
                    "concept": {"CONCEPT_ID": concept, "CONCEPT_NAME": "c"},
                    "includeDescendants": below,
                    "isExcluded": out,
                }
                for concept, below, out in items
            ]
        },
    }
    for number, items in enumerate(
        ([(11, False, False)], [(10, True, False)], [(10, True, False), (13, True, True)], [(12, False, False)])
    )
]
DOMAINS = (
    "ConditionOccurrence",
    "ConditionEra",
    "DrugEra",
    "DrugExposure",
    "ProcedureOccurrence",
    "DeviceExposure",
    "Measurement",
    "Observation",
    "VisitOccurrence",
    "VisitDetail",
    "Death",
)
WITH_ENDS = ("VisitOccurrence", "VisitDetail")
OPERATORS = ("lt", "lte", "eq", "gt", "gte", "bt")
REASONS = {"observation periods of a person overlap"}


def _number(rng: Random, *limits: float) -> Json:
    low, high = sorted(rng.sample(limits, 2))
    return {"Value": low, "Op": rng.choice(OPERATORS), "Extent": high}


def _range(rng: Random, *limits: float) -> Json:
    found = _number(rng, *limits)
    return found if found["Op"] == "bt" else {"Value": found["Value"], "Op": found["Op"]}


def _criterion(rng: Random, *, depth: int, ends: bool = False, met: Counter[str]) -> Json:
    domain = rng.choice(WITH_ENDS if ends else DOMAINS)
    asked: Json = {} if domain == "Death" or rng.random() < 0.1 else {"CodesetId": rng.randrange(len(SETS))}
    if not ends:
        if domain in ("Measurement", "Observation") and rng.random() < 0.5:
            asked["ValueAsNumber"] = _range(rng, 1.0, 6.5, 48.0, 48.1)
        if domain in ("Measurement", "Observation") and rng.random() < 0.3:
            asked["Unit"] = [{"CONCEPT_ID": concept} for concept in rng.choice(((8753,), (8753, 9529), (0,)))]
        if domain in ("Measurement", "Observation") and rng.random() < 0.2:
            asked["ValueAsConcept"] = [{"CONCEPT_ID": concept} for concept in rng.choice(((11,), (0, 13)))]
        if domain != "Death" and rng.random() < 0.2 and not {"ValueAsNumber", "Unit", "ValueAsConcept"} & set(asked):
            asked["First"] = True
    about_people = domain != "VisitDetail"  # ATLAS asks of these the age at their end
    if about_people and rng.random() < 0.2:
        asked["Age"] = _range(rng, 17, 18, 40, 41, 80)
    if about_people and rng.random() < 0.2:
        asked["Gender"] = [{"CONCEPT_ID": rng.choice((8507, 8532))}]
    if rng.random() < 0.2:
        named = {"VisitDetail": "VisitDetailStartDate", "ConditionEra": "EraStartDate", "DrugEra": "EraStartDate"}
        start = named.get(domain, "OccurrenceStartDate")
        asked[start] = {"Value": rng.choice(("2020-01-01", "2020-06-30")), "Op": rng.choice(("lt", "gte"))}
    if domain.endswith("Era"):
        asked = {("AgeAtStart" if name == "Age" else name): value for name, value in asked.items()}
    if depth > 0 and not ends and rng.random() < 0.2:
        asked["CorrelatedCriteria"] = _group(rng, depth=depth - 1, met=met)
        met["nested"] += 1
    met.update(list(asked))
    met[domain] += 1
    return {domain: asked}


def _edge(rng: Random, sign: int) -> Json:
    if rng.random() < 0.3:
        return {"Coeff": sign}
    return {"Days": rng.choice((0, 1, 30, 200)), "Coeff": rng.choice((-1, 1))}


def _window(rng: Random) -> Json:
    while True:
        start, end = _edge(rng, -1), _edge(rng, 1)
        if start.get("Days", 9999) * start["Coeff"] <= end.get("Days", 9999) * end["Coeff"]:
            return {"Start": start, "End": end}


def _correlated(rng: Random, *, depth: int, met: Counter[str]) -> Json:
    ends = rng.random() < 0.2
    asked: Json = {
        "Criteria": _criterion(rng, depth=depth, ends=ends, met=met),
        "StartWindow": _window(rng),
        "Occurrence": {"Type": rng.choice((0, 1, 2)), "Count": rng.choice((0, 1, 1, 2))},
    }
    if ends:
        asked["EndWindow"] = {**_window(rng), "UseEventEnd": True}
        met["end window"] += 1
    if rng.random() < 0.2:
        asked["IgnoreObservationPeriod"] = True
        met["ignores observation"] += 1
    met[f"occurrence {asked['Occurrence']['Type']}"] += 1
    return asked


def _group(rng: Random, *, depth: int, met: Counter[str]) -> Json:
    kind = rng.choice(("ALL", "ANY", "AT_LEAST", "AT_MOST"))
    group: Json = {
        "Type": kind,
        "CriteriaList": [_correlated(rng, depth=depth, met=met) for _ in range(rng.randint(1, 2))],
    }
    if kind.startswith("AT_"):
        group["Count"] = min(rng.randint(0, 2), len(group["CriteriaList"]))
    if rng.random() < 0.3:
        group["DemographicCriteriaList"] = [{"Age": _range(rng, 17, 18, 40, 41, 80)}]
        met["demographic"] += 1
    if depth > 0 and rng.random() < 0.3:
        group["Groups"] = [_group(rng, depth=depth - 1, met=met)]
        met["group in a group"] += 1
    met[kind] += 1
    return group


def _trial(rng: Random, met: Counter[str]) -> Json:
    limit = rng.choice(("All", "First", "Last"))
    trial: Json = {
        "ConceptSets": SETS,
        "PrimaryCriteria": {
            "CriteriaList": [_criterion(rng, depth=1, met=met) for _ in range(rng.randint(1, 2))],
            "ObservationWindow": {"PriorDays": rng.choice((0, 0, 10)), "PostDays": rng.choice((0, 0, 10))},
            "PrimaryCriteriaLimit": {"Type": limit},
        },
        "QualifiedLimit": {"Type": rng.choice(("All", "First", "Last"))},
        "ExpressionLimit": {"Type": "All"},
        "InclusionRules": [
            {"name": f"rule {number}", "expression": _group(rng, depth=1, met=met)}
            for number in range(rng.randint(0, 3))
        ],
    }
    if rng.random() < 0.4:
        trial["AdditionalCriteria"] = _group(rng, depth=1, met=met)
        met["additional"] += 1
    met[f"limit {limit}"] += 1
    return trial


SOUGHT = {
    *DOMAINS,
    "Age",
    "AgeAtStart",
    "Gender",
    "First",
    "Unit",
    "ValueAsConcept",
    "ValueAsNumber",
    "OccurrenceStartDate",
    "EraStartDate",
    "nested",
    "end window",
    "ignores observation",
    "demographic",
    "group in a group",
    "additional",
    *("ALL", "ANY", "AT_LEAST", "AT_MOST"),
    *(f"occurrence {kind}" for kind in (0, 1, 2)),
    *(f"limit {limit}" for limit in ("All", "First", "Last")),
    "somebody left",
    "nobody left",
}


def _apart(site: Site) -> Site:
    """Return a site without the observation periods that overlap an earlier one of the same person."""
    kept: list[Any] = []
    for person, first, last in sorted(site.observed):
        if all(who != person or until < first for who, _, until in kept):
            kept.append((person, first, last))
    return replace(site, observed=kept)


@pytest.mark.slow
def test_funnels_agree_and_everything_was_met() -> None:
    met: Counter[str] = Counter()
    left_to_sql: set[str] = set()

    @seed(7)
    @settings(max_examples=12, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(site=sites(), number=st.integers(0, 2**32))
    def agree(site: Site, number: int) -> None:
        rng = Random(number)  # noqa: S311
        site = site if number % 8 == 0 else _apart(site)
        with tempfile.TemporaryDirectory() as folder:
            records, pack = grown_pack(Path(folder), site, np.random.Generator(np.random.Philox(key=number)))
            with open_funnels(records, pack) as funnels:
                rows = omop_rows(funnels.connection)
                for place in range(30):
                    definition = read_circe(json.dumps(_trial(rng, met)), name=f"trial {place}")
                    found = funnels.funnel(definition)
                    again = funnels.funnel(definition)
                    slow = reference.find_cohort(rows, definition)
                    sql = duck.find_cohort(funnels.connection, definition, schema="omop")
                    assert found.rules == slow.inclusion_counts == sql.inclusion_counts, definition
                    assert found.qualifying_people == slow.qualifying_people == sql.qualifying_people, definition
                    assert again == found
                    left_to_sql.update([found.fell_back] if found.fell_back else [])
                    left = [rule.people_remaining for rule in found.rules]
                    met["somebody left" if left and left[-1] else "nobody left"] += 1

    agree()
    assert not SOUGHT - set(met)
    assert left_to_sql <= REASONS

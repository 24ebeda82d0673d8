# ruff: noqa: S608  SQL is built from our own names only
"""Random small sites and random cohort definitions as ATLAS writes them, for tests that compare engines."""

from datetime import date, timedelta
from random import Random
from typing import Any, Final

import duckdb

from rounds.measures.cohorts.attributes import ATTRIBUTES, DEMOGRAPHIC, SOURCE_CONCEPT, Attributes, Kind
from rounds.measures.cohorts.domains import TABLES, CountColumn, Domain, End
from rounds.records.omop_columns import OMOP_COLUMNS

Site = dict[str, list[dict[str, object]]]
Json = dict[str, Any]

PEOPLE: Final = (1, 2, 3, 4, 5, 6)
CONCEPTS: Final = (1, 2, 3, 4, 5)
NUMBERS: Final = (None, 0.0, 0.5, 1.0, 1.00005, 2.0, 10.0)
TEXTS: Final = (None, "", "alpha", "alphabet", "beta", "o'brien", "50%")
FIRST: Final = date(2020, 1, 1)
YEARS_OF_BIRTH: Final = (1950, 1980, 2000, 2018)
OBSERVED: Final = ((-400, 400), (0, 200), (30, 60), (-100, 20))
DOMAINS: Final = tuple(Domain)


def make_site(rng: Random, *, rows: int = 6, overlapping: bool = False) -> Site:
    """Return a site with rows in every table; days are few, so that events meet one another.

    Args:
        rng: seeded.
        rows: at most so many in each table.
        overlapping: whether observation periods of a person may overlap.
    """
    offsets = [rng.randrange(0, 120) for _ in range(5)] + [0, 30, 60]
    days = [FIRST + timedelta(days=offset) for offset in offsets]
    site: Site = {name: [] for name in OMOP_COLUMNS}
    site["person"] = [
        {
            "person_id": person,
            "gender_concept_id": rng.choice((1, 2, 0)),
            "year_of_birth": rng.choice(YEARS_OF_BIRTH),
            "race_concept_id": rng.choice((1, 2, None)),
            "ethnicity_concept_id": rng.choice((1, 3, None)),
            "location_id": 1,
        }
        for person in PEOPLE
        if rng.random() < 0.95
    ]
    site["observation_period"] = _observation_periods(rng, overlapping=overlapping)
    for name in OMOP_COLUMNS:
        if not site[name] and name not in ("person", "concept", "concept_ancestor", "concept_relationship"):
            site[name] = [_row(rng, name, number, days) for number in range(1, rng.randint(0, rows) + 1)]
    for row in site["location_history"]:
        row.update(rng.choice(({}, {"start_date": FIRST, "end_date": None})))
    site["death"] = list({row["person_id"]: row for row in site["death"]}.values())
    site["provider"] = [{"provider_id": n, "specialty_concept_id": rng.choice((None, 1, 2))} for n in (1, 2)]
    site["care_site"] = [
        {"care_site_id": n, "place_of_service_concept_id": rng.choice((None, 1, 2)), "location_id": n} for n in (1, 2)
    ]
    site["location"] = [{"location_id": n, "region_concept_id": rng.choice((None, 1, 2, 3))} for n in (1, 2)]
    site |= _vocabulary(rng)
    return site


def _observation_periods(rng: Random, *, overlapping: bool) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for person in PEOPLE:
        spans = [rng.choice(OBSERVED)]
        if rng.random() < 0.3:
            spans = [(-300, -1), (0, 45), (46, 300)]
        if overlapping and rng.random() < 0.5:
            spans.append((10, 90))
        for first, last in spans:
            rows.append(
                {
                    "observation_period_id": len(rows) + 1,
                    "person_id": person,
                    "period_type_concept_id": rng.choice((1, 2, None)),
                    "observation_period_start_date": FIRST + timedelta(days=first),
                    "observation_period_end_date": FIRST + timedelta(days=last),
                }
            )
    return rows


def _vocabulary(rng: Random) -> Site:
    return {
        "concept": [
            {"concept_id": n, "concept_name": f"c{n}", "invalid_reason": rng.choice((None, None, None, "D"))}
            for n in CONCEPTS[:-1]
        ],
        "concept_ancestor": [
            {"ancestor_concept_id": above, "descendant_concept_id": below}
            for above, below in ((1, 1), (1, 2), (1, 3), (2, 2), (3, 3), (4, 4), (4, 5))
        ],
        "concept_relationship": [
            {"concept_id_1": source, "concept_id_2": target, "relationship_id": kind, "invalid_reason": reason}
            for source, target, kind, reason in (
                (4, 1, "Maps to", None),
                (5, 2, "Maps to", None),
                (3, 4, "Maps to", "D"),
                (2, 3, "Is a", None),
            )
        ],
    }


def _row(rng: Random, name: str, number: int, days: list[date]) -> dict[str, object]:
    start = rng.choice(days)
    end = start + timedelta(days=rng.choice((0, 0, 1, 5, 40)))
    row: dict[str, object] = {}
    keys = {table.id for table in TABLES.values() if table.name == name}
    for column, kind in OMOP_COLUMNS[name].items():
        if column in keys and column != "person_id":
            row[column] = number
        elif column in ("person_id", "entity_id"):
            row[column] = rng.choice(PEOPLE)
        elif column in ("visit_occurrence_id", "provider_id", "care_site_id", "location_id"):
            row[column] = rng.choice((1, 2, 2 if column == "location_id" else None))
        elif kind == "DATE":
            row[column] = start if "end" not in column else rng.choice((end, end, end, None))
        elif kind == "DOUBLE":
            row[column] = rng.choice(NUMBERS)
        elif column == "domain_id":
            row[column] = rng.choice(("PERSON", "CARE_SITE"))
        elif kind == "VARCHAR":
            row[column] = rng.choice(TEXTS)
        elif column.endswith("concept_id"):
            row[column] = rng.choice((1, 2, 2, 3, 4, None, 0))
            if column == "value_as_concept_id" and rng.random() < 0.3:
                row[column] = 4155142
        else:
            row[column] = rng.choice((None, 0, 1, 2, 5))
    recorded = next((table for table in TABLES.values() if table.name == name and table.ends is End.RECORDED), None)
    if recorded is not None and recorded.end is not None and name != "visit_occurrence":
        row[recorded.end] = end
    return row


def load_site(connection: duckdb.DuckDBPyConnection, site: Site, *, schema: str = "main") -> None:
    """Make and fill the OMOP tables."""
    for name, columns in OMOP_COLUMNS.items():
        declared = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        connection.execute(f"CREATE OR REPLACE TABLE {schema}.{name} ({declared})")
        values = [[row.get(column) for column in columns] for row in site.get(name, [])]
        if values:
            connection.executemany(f"INSERT INTO {schema}.{name} VALUES ({', '.join('?' * len(columns))})", values)


def make_cohort(rng: Random, *, domain: Domain | None = None, attribute: str | None = None) -> Json:
    """Return a cohort as ATLAS writes it.

    Args:
        rng: seeded.
        domain: of the first primary criterion.
        attribute: that this criterion certainly has.
    """
    sets = [_concept_set(rng, number) for number in range(3)]
    primary = [_criterion(rng) for _ in range(rng.choice((0, 0, 1)))]
    primary.insert(0, _criterion(rng, domain=domain, attribute=attribute))
    cohort: Json = {
        "ConceptSets": sets,
        "PrimaryCriteria": {
            "CriteriaList": primary,
            "ObservationWindow": {"PriorDays": rng.choice((0, 0, 0, 10)), "PostDays": rng.choice((0, 0, 0, 5))},
            "PrimaryCriteriaLimit": {"Type": rng.choice(("All", "All", "First", "Last"))},
        },
        "QualifiedLimit": {"Type": rng.choice(("All", "First", "Last"))},
        "ExpressionLimit": {"Type": rng.choice(("All", "All", "First", "Last"))},
        "InclusionRules": [
            {"name": f"rule {n}", "expression": _group(rng, depth=1)} for n in range(rng.choice((0, 0, 1, 1, 2, 3)))
        ],
        "CensoringCriteria": [_criterion(rng, simple=True) for _ in range(rng.choice((0, 0, 0, 1)))],
        "CollapseSettings": {"CollapseType": "ERA", "EraPad": rng.choice((0, 0, 10, 60))},
        "CensorWindow": {},
        "cdmVersionRange": ">=5.0.0",
    }
    if attribute is not None and rng.random() < 0.6:
        # Nothing else that could leave nobody to tell a difference.
        cohort |= {"InclusionRules": [], "ExpressionLimit": {"Type": "All"}}
        cohort["PrimaryCriteria"] |= {"ObservationWindow": {"PriorDays": 0, "PostDays": 0}}
        return cohort
    if rng.random() < 0.3:
        cohort["AdditionalCriteria"] = _group(rng, depth=1)
    if rng.random() < 0.6:
        cohort["EndStrategy"] = _end_strategy(rng)
    if rng.random() < 0.25:
        cohort["CensorWindow"] = _period(rng)
    return cohort


def _concept_set(rng: Random, number: int) -> Json:
    items = [
        {
            "concept": {"CONCEPT_ID": rng.choice(CONCEPTS), "CONCEPT_NAME": "a concept"},
            "isExcluded": n > 0 and rng.random() < 0.3,
            "includeDescendants": rng.random() < 0.5,
            "includeMapped": rng.random() < 0.3,
        }
        for n in range(rng.choice((1, 2, 3) if number else (2, 3)))
    ]
    if number == 0:
        items.append(
            {
                "concept": {"CONCEPT_ID": 2},
                "isExcluded": False,
                "includeDescendants": True,
                "includeMapped": False,
            }
        )
    return {"id": number, "name": f"set {number}", "expression": {"items": items if rng.random() < 0.97 else []}}


def _end_strategy(rng: Random) -> Json:
    if rng.random() < 0.5:
        field = rng.choice(("StartDate", "EndDate"))
        return {"DateOffset": {"DateField": field, "Offset": rng.choice((0, 1, 7, 30, 60, -1))}}
    strategy: Json = {"DrugCodesetId": 0, "GapDays": rng.choice((0, 5, 30)), "Offset": rng.choice((0, 3))}
    if rng.random() < 0.3:
        strategy["DaysSupplyOverride"] = rng.choice((1, 10))
    return {"CustomEra": strategy}


def _day(rng: Random) -> str:
    return (FIRST + timedelta(days=rng.randrange(-20, 130))).isoformat()


def _period(rng: Random) -> Json:
    first, last = sorted((_day(rng), _day(rng)))
    period: Json = {"StartDate": first, "EndDate": last}
    if rng.random() < 0.4:
        del period[rng.choice(("StartDate", "EndDate"))]
    return period


def make_criterion(rng: Random, *, domain: Domain, attribute: str | None = None) -> Json:
    """Return a cohort of one criterion, without anything else.

    Args:
        rng: seeded.
        domain: of the criterion.
        attribute: that it certainly has.
    """
    return {
        "ConceptSets": [_concept_set(rng, number) for number in range(3)],
        "PrimaryCriteria": {
            "CriteriaList": [_criterion(rng, domain=domain, attribute=attribute, depth=2)],
            "ObservationWindow": {"PriorDays": 0, "PostDays": 0},
        },
    }


def make_exit_cohort(rng: Random) -> Json:
    """Return a cohort of everybody with one kind of event, with some way to leave."""
    cohort = make_criterion(rng, domain=Domain.VISIT_OCCURRENCE)
    cohort["PrimaryCriteria"] |= {
        "CriteriaList": [{rng.choice(("VisitOccurrence", "Measurement", "DrugExposure")): {}}],
        "PrimaryCriteriaLimit": {"Type": "All"},
    }
    cohort |= {
        "ExpressionLimit": {"Type": "All"},
        "EndStrategy": _end_strategy(rng),
        "CensoringCriteria": [_criterion(rng, simple=True) for _ in range(rng.choice((0, 0, 1)))],
        "CollapseSettings": {"CollapseType": "ERA", "EraPad": rng.choice((0, 0, 1, 10))},
        "CensorWindow": _period(rng) if rng.random() < 0.25 else {},
    }
    return cohort


def make_counting_cohort(rng: Random, *, domain: Domain, column: CountColumn) -> Json:
    """Return a cohort of observation periods around which different values of a column are counted."""
    cohort = make_cohort(rng, domain=Domain.OBSERVATION_PERIOD)
    counted = _correlated(rng, depth=2)
    counted["Criteria"] = {domain.value: {}}
    counted["Occurrence"] = {"Type": rng.choice((0, 1, 2)), "Count": rng.choice((1, 2)), "IsDistinct": True}
    counted["Occurrence"]["CountColumn"] = column.value
    rule = {"Type": "ALL", "CriteriaList": [counted], "DemographicCriteriaList": [], "Groups": []}
    cohort["InclusionRules"] = [{"name": "counted", "expression": rule}]
    return cohort


def _criterion(
    rng: Random, *, domain: Domain | None = None, attribute: str | None = None, simple: bool = False, depth: int = 0
) -> Json:
    chosen = domain or rng.choice(DOMAINS)
    table, body = TABLES[chosen], Json()
    if table.concept is not None and rng.random() < 0.5:
        body["CodesetId"] = rng.choice((0, 0, 1, 2))
    if chosen in SOURCE_CONCEPT and rng.random() < 0.12:
        body[SOURCE_CONCEPT[chosen]] = 0
    if table.has_first and rng.random() < 0.15:
        body["First"] = True
    if attribute is not None:
        _attributes(rng, body, {attribute: ATTRIBUTES[chosen][attribute]}, chance=1.0)
    _attributes(
        rng,
        body,
        ATTRIBUTES[chosen],
        chance=0.0 if simple or attribute is not None else min(0.5, 0.6 / len(ATTRIBUTES[chosen])),
    )
    if chosen in (Domain.OBSERVATION_PERIOD, Domain.PAYER_PLAN_PERIOD) and rng.random() < 0.2:
        body["UserDefinedPeriod"] = _period(rng)
    if rng.random() < 0.15:
        body["DateAdjustment"] = {
            "StartWith": rng.choice(("START_DATE", "START_DATE", "END_DATE")),
            "StartOffset": rng.choice((0, 3, -2)),
            "EndWith": rng.choice(("START_DATE", "END_DATE")),
            "EndOffset": rng.choice((0, 3, -2)),
        }
    if depth < 2 and rng.random() < 0.15:
        body["CorrelatedCriteria"] = _group(rng, depth=depth + 1)
    return {chosen.value: body}


def _attributes(rng: Random, body: Json, attributes: Attributes, *, chance: float) -> None:
    for name, attribute in attributes.items():
        if rng.random() >= chance:
            continue
        match attribute.kind:
            case Kind.DATE:
                body[name] = _range(rng, sorted((_day(rng), _day(rng))))
            case Kind.WHOLE:
                ages = name.startswith("Age")
                body[name] = _range(rng, sorted(rng.choice((0, 20, 40, 70) if ages else (0, 1, 2, 30)) for _ in "ab"))
            case Kind.NUMBER:
                body[name] = _range(rng, sorted(rng.choice((0, 0.5, 0.9, 1, 1.00004, 5)) for _ in "ab"))
            case Kind.TEXT:
                op = rng.choice(("eq", "startsWith", "endsWith", "contains"))
                body[name] = {"Text": rng.choice(("alpha", "a", "'", "", "%")), "Op": rng.choice(("", "!")) + op}
            case Kind.CONCEPTS:
                body[name] = [{"CONCEPT_ID": rng.choice((1, 2, 3))} for _ in range(rng.choice((0, 1, 2, 2)))]
                if attribute.exclude is not None:
                    body[attribute.exclude] = rng.random() < 0.3
            case Kind.CONCEPT_SET:
                body[name] = {"CodesetId": rng.choice((0, 0, 1, None)), "IsExclusion": rng.random() < 0.4}
            case Kind.CONCEPT_SET_ID | Kind.CARE_SITE_REGION:
                body[name] = 0
            case Kind.ABNORMAL:
                body[name] = rng.random() < 0.8
            case Kind.WITHOUT_EFFECT:
                body[name] = {"Value": "2020-01-01", "Op": "gt"}


def _range(rng: Random, ends: list[object] | list[str] | list[int] | list[float]) -> Json:
    op = rng.choice(("lt", "lte", "eq", "!eq", "gt", "gte", "bt", "bt", "!bt"))
    found: Json = {"Value": ends[0], "Op": op}
    if op.endswith("bt"):
        found["Extent"] = ends[1]
    return found


def _group(rng: Random, *, depth: int) -> Json:
    kind = rng.choice(("ALL", "ANY", "AT_LEAST", "AT_MOST"))
    group: Json = {
        "Type": kind,
        "CriteriaList": [_correlated(rng, depth=depth) for _ in range(rng.choice((0, 1, 1, 2)))],
        "DemographicCriteriaList": [_demographic(rng) for _ in range(rng.choice((0, 0, 0, 1)))],
        "Groups": [_group(rng, depth=depth + 1) for _ in range(rng.choice((0, 0, 0, 1)) if depth < 3 else 0)],
    }
    if kind.startswith("AT_"):
        # More than there are is refused, for it never holds.
        members = sum(len(group[key]) for key in ("CriteriaList", "DemographicCriteriaList", "Groups"))
        group["Count"] = min(rng.choice((0, 1, 1, 2)), members if kind == "AT_LEAST" and members else 2)
    return group


def _demographic(rng: Random) -> Json:
    body = Json()
    _attributes(rng, body, DEMOGRAPHIC, chance=0.25)
    return body


def _correlated(rng: Random, *, depth: int) -> Json:
    criterion = _criterion(rng, depth=depth)
    domain = Domain(next(iter(criterion)))
    occurrence: Json = {"Type": rng.choice((0, 1, 2, 2)), "Count": rng.choice((0, 1, 1, 2)), "IsDistinct": False}
    if rng.random() < 0.25:
        occurrence["IsDistinct"] = True
        if rng.random() < 0.8:
            occurrence["CountColumn"] = rng.choice(sorted(TABLES[domain].count_columns)).value
    correlated: Json = {
        "Criteria": criterion,
        "StartWindow": _window(rng),
        "Occurrence": occurrence,
        "RestrictVisit": rng.random() < 0.15,
        "IgnoreObservationPeriod": rng.random() < 0.3,
    }
    if rng.random() < 0.3:
        correlated["EndWindow"] = _window(rng)
    return correlated


def _window(rng: Random) -> Json:
    edges = sorted((rng.choice((-365, -30, -1, 0, 0, 1, 30, 180)), rng.choice((-30, 0, 0, 1, 30, 365))))
    first, last = (_edge(rng, days) for days in edges)
    if first.get("Days") is None:
        first["Coeff"] = rng.choice((-1, -1, -1, 1))
    if last.get("Days") is None:
        last["Coeff"] = rng.choice((1, 1, 1, -1))
    window: Json = {"Start": first, "End": last}
    if rng.random() < 0.5:
        window["UseIndexEnd"] = rng.random() < 0.5
    if rng.random() < 0.6:
        window["UseEventEnd"] = rng.random() < 0.5
    return window


def _edge(rng: Random, days: int) -> Json:
    return {"Days": None if rng.random() < 0.3 else abs(days), "Coeff": -1 if days < 0 else 1}

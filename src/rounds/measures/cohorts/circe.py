"""Reads ATLAS's cohort JSON (Circe expressions) into our definition.

Meaning follows OHDSI circe-be; the facts were taken from its SQL and from the issues in which its errors were put
right (the gap days of drug eras, race and ethnicity concept sets). What is not supported is refused by its JSON path.
"""

import json
from typing import Final

from rounds.errors import DefinitionError
from rounds.measures.cohorts.circe_criteria import read_criteria, read_group
from rounds.measures.cohorts.circe_filters import concept_set_id
from rounds.measures.cohorts.definition import (
    CohortDefinition,
    ConceptItem,
    ConceptSet,
    ContinuousExposure,
    DateOffset,
    EndStrategy,
    InclusionRule,
    Limit,
    ObservationEnd,
    PrimaryCriteria,
)
from rounds.measures.cohorts.json_node import Node

MAXIMUM_RULES: Final = 62
"""The rules met by an event are written as bits of one whole number."""


def read_circe(text: str, *, name: str) -> CohortDefinition:
    """Return the cohort that a JSON text defines, as exported by ATLAS, with or without the envelope of its WebAPI.

    Args:
        text: the JSON.
        name: what messages call the cohort.

    Raises:
        DefinitionError: one line for each problem, with the JSON path of the element, such as
            `PrimaryCriteria.CriteriaList[0].CustomEra`.

    Example:
        >>> from rounds.errors import DefinitionError
        >>> try:
        ...     read_circe('{"PrimaryCriteria": {"CriteriaList": []}}', name="example")
        ... except DefinitionError as problem:
        ...     print(str(problem).splitlines()[0])
        cohort example: PrimaryCriteria.CriteriaList: name at least one criterion
    """
    value = _loaded(text, name)
    problems: list[str] = []
    node = Node(value=value, path="", problems=problems)
    definition = _definition(node, name)
    if problems or definition is None:
        raise DefinitionError("\n".join(f"cohort {name}: {problem}" for problem in problems))
    return definition


def _loaded(text: str, name: str) -> dict[str, object]:
    try:
        value = json.loads(text)
        if isinstance(value, dict) and "PrimaryCriteria" not in value and "expression" in value:
            inner = value["expression"]
            value = json.loads(inner) if isinstance(inner, str) else inner
    except (ValueError, RecursionError) as problem:
        where = f" (line {problem.lineno})" if isinstance(problem, json.JSONDecodeError) else ""
        raise DefinitionError(f"cohort {name}: this is not JSON{where}; export it from ATLAS again") from None
    if not isinstance(value, dict):
        raise DefinitionError(f"cohort {name}: this is not a cohort expression; export it from ATLAS again")
    return value


def _definition(node: Node, name: str) -> CohortDefinition | None:
    for described in ("Title", "cdmVersionRange"):
        node.has(described)
    concept_sets = tuple(_concept_sets(node))
    known = frozenset(each.id for each in concept_sets)
    primary = _primary(node, known)
    additional = read_group(node, "AdditionalCriteria", known)
    qualified, expressed = _limit(node, "QualifiedLimit"), _limit(node, "ExpressionLimit")
    rules = _rules(node, known)
    end = _end_strategy(node, known)
    censoring = read_criteria(node, "CensoringCriteria", known)
    pad = _era_pad(node)
    window = node.child("CensorWindow")
    start, last = (None, None) if window is None else (window.day("StartDate"), window.day("EndDate"))
    if window is not None:
        window.refuse_rest()
        if start is not None and last is not None and last < start:
            window.refuse("EndDate", "the window ends before it starts; exchange its dates or correct them")
    node.refuse_rest()
    if primary is None:
        return None
    return CohortDefinition(
        name=name,
        concept_sets=concept_sets,
        primary=primary,
        additional=additional,
        qualified_limit=qualified,
        rules=rules,
        expression_limit=expressed,
        end=end,
        censoring=censoring,
        era_pad_days=pad,
        censor_start=start,
        censor_end=last,
    )


def _concept_sets(node: Node) -> list[ConceptSet]:
    sets: dict[int, ConceptSet] = {}
    for child in node.children("ConceptSets"):
        set_id, name = child.integer("id"), child.text("name", "") or ""
        expression = child.needed("expression")
        items = () if expression is None else tuple(_items(expression))
        if set_id is None:
            child.refuse("id", "this element is missing")
        elif set_id in sets:
            child.refuse("id", f"two concept sets have the id {set_id}")
        else:
            sets[set_id] = ConceptSet(id=set_id, name=name, items=items)
    return list(sets.values())


def _items(node: Node) -> list[ConceptItem]:
    items = []
    for child in node.children("items"):
        concept = child.needed("concept")
        concept_id = None if concept is None else concept.integer("CONCEPT_ID")
        if concept is not None and concept_id is None:
            concept.refuse("CONCEPT_ID", "write the concept's number")
        item = ConceptItem(
            concept_id=concept_id or 0,
            name="" if concept is None else concept.text("CONCEPT_NAME", "") or "",
            excluded=child.flag("isExcluded"),
            descendants=child.flag("includeDescendants"),
            mapped=child.flag("includeMapped"),
        )
        child.refuse_rest()
        items.append(item)
    return items


def _primary(node: Node, known: frozenset[int]) -> PrimaryCriteria | None:
    child = node.needed("PrimaryCriteria")
    if child is None:
        return None
    criteria = read_criteria(child, "CriteriaList", known)
    if not child.value.get("CriteriaList"):
        child.refuse("CriteriaList", "name at least one criterion")
    window = child.needed("ObservationWindow")
    prior, post = (None, None) if window is None else (window.days("PriorDays"), window.days("PostDays"))
    limit = _limit(child, "PrimaryCriteriaLimit")
    child.refuse_rest()
    return PrimaryCriteria(criteria=criteria, prior_days=prior or 0, post_days=post or 0, limit=limit)


def _limit(node: Node, key: str) -> Limit:
    """Return a limit, which is each person's first event if nothing is written."""
    child = node.child(key)
    text = "first" if child is None else child.text("Type", "first") or ""
    found = next((each for each in Limit if each == text.lower()), None)
    if child is not None and found is None:
        child.refuse("Type", f"write one of {', '.join(each.capitalize() for each in Limit)}")
    return found or Limit.FIRST


def _rules(node: Node, known: frozenset[int]) -> tuple[InclusionRule, ...]:
    rules = []
    for number, child in enumerate(node.children("InclusionRules"), start=1):
        child.text("description")
        name = child.text("name") or f"rule {number}"
        child.needed("expression")
        group = read_group(child, "expression", known)
        child.refuse_rest()
        if group is not None:
            rules.append(InclusionRule(name=name, group=group))
    if len(rules) > MAXIMUM_RULES:
        node.refuse("InclusionRules", f"there are {len(rules)} rules, and at most {MAXIMUM_RULES} are possible")
    return tuple(rules)


def _end_strategy(node: Node, known: frozenset[int]) -> EndStrategy:
    child = node.child("EndStrategy")
    if child is None:
        return ObservationEnd()
    offset, exposure = child.child("DateOffset"), child.child("CustomEra")
    child.refuse_rest()
    if (offset is None) == (exposure is None):
        node.refuse("EndStrategy", "write one of DateOffset, CustomEra")
    if offset is not None:
        field = offset.text("DateField", "StartDate")
        if field not in ("StartDate", "EndDate"):
            offset.refuse("DateField", "write one of StartDate, EndDate")
        days = offset.days("Offset") or 0
        offset.refuse_rest()
        return DateOffset(from_end=field == "EndDate", offset_days=days)
    return ObservationEnd() if exposure is None else _exposure(exposure, known)


def _exposure(node: Node, known: frozenset[int]) -> ContinuousExposure:
    concept_set = concept_set_id(node, "DrugCodesetId", known)
    if concept_set is None:
        node.refuse("DrugCodesetId", "this element is missing")
    strategy = ContinuousExposure(
        concept_set=concept_set or 0,
        gap_days=node.days("GapDays") or 0,
        offset_days=node.days("Offset") or 0,
        days_supply=node.days("DaysSupplyOverride"),
    )
    node.refuse_rest()
    return strategy


def _era_pad(node: Node) -> int:
    child = node.child("CollapseSettings")
    if child is None:
        return 0
    kind = child.text("CollapseType", "ERA")
    if kind != "ERA":
        child.refuse("CollapseType", "write ERA")
    pad = child.days("EraPad") or 0
    child.refuse_rest()
    return pad

"""Reads the attributes of a criterion into filters."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, TypeVar

from rounds.measures.cohorts.attributes import Attribute, Attributes, Kind
from rounds.measures.cohorts.filters import (
    AbnormalFilter,
    CareSiteRegionFilter,
    Comparison,
    ConceptFilter,
    ConceptSetFilter,
    DateFilter,
    Filter,
    NumberFilter,
    TextFilter,
)
from rounds.measures.cohorts.json_node import Node

_FOUR_PLACES: Final = Decimal("0.0001")
_End = TypeVar("_End", date, float)
_COMPARISONS: Final = ", ".join(Comparison)
_TEXT: Final = {"eq": "{}", "startsWith": "{}%", "endsWith": "%{}", "contains": "%{}%"}


def read_filters(node: Node, attributes: Attributes, known: frozenset[int]) -> tuple[Filter, ...]:
    """Return the filters that a criterion's attributes make, in the order of `attributes`.

    Args:
        node: the criterion.
        attributes: those its domain has.
        known: the ids of the definition's concept sets.
    """
    read = (_read(node, name, attribute, known) for name, attribute in attributes.items())
    return tuple(each for each in read if each is not None)


def concept_set_id(node: Node, key: str, known: frozenset[int]) -> int | None:
    """Return the id of a concept set, and note a problem if the definition has no such set."""
    found = node.integer(key)
    if found is not None and found not in known:
        node.refuse(key, f"the definition has no concept set {found}; add it, or nobody would be found")
    return found


def _read(node: Node, name: str, attribute: Attribute, known: frozenset[int]) -> Filter | None:
    exclude = attribute.exclude is not None and node.flag(attribute.exclude)
    if not node.has(name):
        return None
    operand = attribute.operand
    match attribute.kind:
        case Kind.DATE:
            return _date(node, name, attribute)
        case Kind.WHOLE | Kind.NUMBER:
            return _number(node, name, attribute)
        case Kind.TEXT:
            return _text(node, name, attribute)
        case Kind.CONCEPTS:
            concepts = _concepts(node, name)
            return ConceptFilter(operand=operand, concepts=concepts, exclude=exclude) if concepts else None
        case Kind.CONCEPT_SET:
            return _concept_set(node, name, attribute, known)
        case Kind.CONCEPT_SET_ID:
            found = concept_set_id(node, name, known)
            return None if found is None else ConceptSetFilter(operand=operand, concept_set=found)
        case Kind.ABNORMAL:
            return AbnormalFilter() if node.flag(name) else None
        case Kind.CARE_SITE_REGION:
            found = concept_set_id(node, name, known)
            return None if found is None else CareSiteRegionFilter(concept_set=found)
        case Kind.WITHOUT_EFFECT:
            return None


def _comparison(node: Node) -> Comparison | None:
    text = node.text("Op")
    if text is None:
        node.refuse("Op", f"this element is missing; write one of {_COMPARISONS}")
        return None
    try:
        return Comparison(text)
    except ValueError:
        node.refuse("Op", f"`{text}` is not one of {_COMPARISONS}")
        return None


def _date(node: Node, name: str, attribute: Attribute) -> DateFilter | None:
    child = node.child(name)
    if child is None:
        return None
    comparison, value = _comparison(child), child.day("Value")
    extent = child.day("Extent")
    child.refuse_rest()
    if _lacks(child, comparison, value, extent) or comparison is None or value is None:
        return None
    kept = extent if comparison.has_extent else None
    return DateFilter(operand=attribute.operand, comparison=comparison, value=value, extent=kept)


def _number(node: Node, name: str, attribute: Attribute) -> NumberFilter | None:
    child = node.child(name)
    if child is None:
        return None
    whole = attribute.kind is Kind.WHOLE
    comparison = _comparison(child)
    value = _rounded(child, "Value", whole=whole)
    extent = _rounded(child, "Extent", whole=whole)
    child.refuse_rest()
    if _lacks(child, comparison, value, extent) or comparison is None or value is None:
        return None
    kept = extent if comparison.has_extent else None
    return NumberFilter(operand=attribute.operand, comparison=comparison, value=value, extent=kept)


def _rounded(node: Node, key: str, *, whole: bool) -> float | None:
    number = node.integer(key) if whole else node.number(key)
    if number is None or isinstance(number, int):
        return None if number is None else float(number)
    return float(Decimal(repr(number)).quantize(_FOUR_PLACES, rounding=ROUND_HALF_UP))


def _lacks(node: Node, comparison: Comparison | None, value: _End | None, extent: _End | None) -> bool:
    """Say whether an end of the range is not there, or lies before the other, and note it."""
    missing = ["Value"] if value is None else []
    between = comparison is not None and comparison.has_extent
    if between and extent is None:
        missing.append("Extent")
    for key in missing:
        if node.value.get(key) is None:
            node.refuse(key, "this element is missing")
    if between and value is not None and extent is not None and extent < value:
        node.refuse("Extent", "the range ends before it starts; exchange Value and Extent, or correct them")
        return True
    return bool(missing)


def _text(node: Node, name: str, attribute: Attribute) -> TextFilter | None:
    child = node.child(name)
    if child is None:
        return None
    # ATLAS leaves an empty text out; any known text contains it.
    text, written = child.text("Text", "") or "", child.text("Op")
    child.refuse_rest()
    exclude = written is not None and written.startswith("!")
    pattern = _TEXT.get((written or "").removeprefix("!"))
    if pattern is None:
        child.refuse("Op", f"write one of {', '.join(_TEXT)}, each with or without ! before it")
        return None
    return TextFilter(operand=attribute.operand, pattern=pattern.format(text), exclude=exclude)


def _concepts(node: Node, name: str) -> tuple[int, ...]:
    found = []
    for concept in node.children(name):
        concept_id = concept.integer("CONCEPT_ID")
        if concept_id is None:
            concept.refuse("CONCEPT_ID", "write the concept's number")
        else:
            found.append(concept_id)
    return tuple(found)


def _concept_set(node: Node, name: str, attribute: Attribute, known: frozenset[int]) -> ConceptSetFilter | None:
    child = node.child(name)
    if child is None:
        return None
    found, exclude = concept_set_id(child, "CodesetId", known), child.flag("IsExclusion")
    child.refuse_rest()
    return ConceptSetFilter(operand=attribute.operand, concept_set=found, exclude=exclude)

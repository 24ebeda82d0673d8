"""The concept table of synthetic records and its hierarchy."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rounds.records.synthetic.population.rates import CONDITIONS, CONTACTS
from rounds.records.synthetic.population.vocabulary import (
    ALERT,
    BEDSIDE_REVIEW,
    CARDIAC_ARREST,
    CELSIUS,
    CHAPTER_IDS,
    CHAPTERS,
    CONFUSED,
    CONSCIOUSNESS,
    DIASTOLIC,
    FEMALE,
    FROM_RECORDS,
    GROUP_IDS,
    GROUPS_A_CHAPTER,
    HBA1C,
    HBA1C_ANY,
    HBA1C_BEFORE,
    HEART_FAILURE_BEFORE,
    HEART_RATE,
    INGREDIENT_IDS,
    INTENSIVE_CARE,
    KNOWN_CONDITIONS,
    KNOWN_INGREDIENTS,
    LITRES_PER_MINUTE,
    MALE,
    MMHG,
    MMOL_PER_LITRE,
    MMOL_PER_MOL,
    NOT_HISPANIC,
    OXYGEN_FLOW,
    OXYGEN_SATURATION,
    PER_CENT,
    PER_MINUTE,
    RESPIRATORY_RATE,
    SMOKING_STATUS,
    SYSTOLIC,
    TEMPERATURE,
    TO_PAIN,
    TO_VOICE,
    UNRESPONSIVE,
    chapter_of_condition,
    vocabulary,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Concept:
    """A row of the concept table."""

    concept_id: int
    name: str
    domain: str
    vocabulary: str


def concepts() -> Iterator[Concept]:
    """Yield every concept that synthetic records use, in no order."""
    for condition in CONDITIONS:
        name = condition.name.replace("-", " ").capitalize()
        yield Concept(concept_id=condition.concept_id, name=name, domain="Condition", vocabulary="SNOMED")
    for contact in CONTACTS:
        yield Concept(concept_id=contact.concept_id, name=contact.name.capitalize(), domain="Visit", vocabulary="Visit")
    for concept_id, name, domain, source in _SINGLE:
        yield Concept(concept_id=concept_id, name=name, domain=domain, vocabulary=source)
    yield from _acute_conditions()
    yield from _drugs()
    words = vocabulary()
    for kind, ids in (
        ("Procedure", words.procedures),
        ("Measurement", words.labs),
        ("Observation", words.observations[1:]),
    ):
        for concept_id in ids.tolist():
            yield _invented(concept_id, f"{kind} {concept_id % 100_000}", kind)


def _acute_conditions() -> Iterator[Concept]:
    for number, title in enumerate(CHAPTERS):
        yield _invented(CHAPTER_IDS + number, title, "Condition")
        for group in range(GROUPS_A_CHAPTER):
            yield _invented(_group_id(number, group), f"{title}, group {group + 1}", "Condition")
    for row, concept_id in enumerate(vocabulary().conditions.tolist()):
        if concept_id in KNOWN_CONDITIONS:
            name, _ = KNOWN_CONDITIONS[concept_id]
            yield Concept(concept_id=concept_id, name=name, domain="Condition", vocabulary="SNOMED")
        else:
            yield _invented(concept_id, f"{CHAPTERS[chapter_of_condition(row)]}, type {row}", "Condition")


def _drugs() -> Iterator[Concept]:
    words = vocabulary()
    names: dict[int, str] = {}
    for ingredient in dict.fromkeys(words.ingredient_of_drug.tolist()):
        names[ingredient] = KNOWN_INGREDIENTS.get(ingredient, f"ingredient {ingredient - INGREDIENT_IDS}")
        if ingredient in KNOWN_INGREDIENTS:
            yield Concept(concept_id=ingredient, name=names[ingredient], domain="Drug", vocabulary="RxNorm")
        else:
            yield _invented(ingredient, names[ingredient], "Drug")
    for drug, ingredient in zip(words.drugs.tolist(), words.ingredient_of_drug.tolist(), strict=True):
        yield _invented(drug, f"preparation {drug % 10_000} of {names[ingredient]}", "Drug")


def ancestors() -> Iterator[tuple[int, int, int]]:
    """Yield ancestor, descendant and the levels between them, each concept's being its own ancestor included."""
    words = vocabulary()
    for concept in concepts():
        yield concept.concept_id, concept.concept_id, 0
    for chapter in range(len(CHAPTERS)):
        for group in range(GROUPS_A_CHAPTER):
            yield CHAPTER_IDS + chapter, _group_id(chapter, group), 1
    for row, concept_id in enumerate(words.conditions.tolist()):
        chapter = chapter_of_condition(row)
        yield CHAPTER_IDS + chapter, concept_id, 2
        yield _group_id(chapter, row // len(CHAPTERS) % GROUPS_A_CHAPTER), concept_id, 1
    for drug, ingredient in zip(words.drugs.tolist(), words.ingredient_of_drug.tolist(), strict=True):
        yield ingredient, drug, 1
    yield 316139, HEART_FAILURE_BEFORE, 1
    yield HBA1C_ANY, HBA1C, 1
    yield HBA1C_ANY, HBA1C_BEFORE, 1


def _group_id(chapter: int, group: int) -> int:
    return GROUP_IDS + chapter * GROUPS_A_CHAPTER + group


def _invented(concept_id: int, name: str, domain: str) -> Concept:
    return Concept(concept_id=concept_id, name=name, domain=domain, vocabulary="Synthetic")


_SINGLE: Final = (
    (CARDIAC_ARREST, "Cardiac arrest", "Condition", "SNOMED"),
    (HEART_FAILURE_BEFORE, "Congestive heart failure", "Condition", "SNOMED"),
    (HBA1C, "Hemoglobin A1c/Hemoglobin.total in Blood", "Measurement", "LOINC"),
    (HBA1C_BEFORE, "Hemoglobin A1c/Hemoglobin.total in Blood by Electrophoresis", "Measurement", "LOINC"),
    (HBA1C_ANY, "Haemoglobin A1c by any method", "Measurement", "Synthetic"),
    (SYSTOLIC, "Systolic blood pressure", "Measurement", "LOINC"),
    (DIASTOLIC, "Diastolic blood pressure", "Measurement", "LOINC"),
    (RESPIRATORY_RATE, "Respiratory rate", "Measurement", "LOINC"),
    (OXYGEN_SATURATION, "Oxygen saturation in Arterial blood by Pulse oximetry", "Measurement", "LOINC"),
    (OXYGEN_FLOW, "Inhaled oxygen flow rate", "Measurement", "LOINC"),
    (HEART_RATE, "Heart rate", "Measurement", "LOINC"),
    (TEMPERATURE, "Body temperature", "Measurement", "LOINC"),
    (CONSCIOUSNESS, "Level of consciousness (ACVPU)", "Measurement", "Synthetic"),
    (ALERT, "Alert", "Meas Value", "Synthetic"),
    (CONFUSED, "New confusion", "Meas Value", "Synthetic"),
    (TO_VOICE, "Responds to voice", "Meas Value", "Synthetic"),
    (TO_PAIN, "Responds to pain", "Meas Value", "Synthetic"),
    (UNRESPONSIVE, "Unresponsive", "Meas Value", "Synthetic"),
    (BEDSIDE_REVIEW, "Brief general examination", "Procedure", "SNOMED"),
    (SMOKING_STATUS, "Tobacco smoking behavior", "Observation", "SNOMED"),
    (MMOL_PER_MOL, "millimole per mole", "Unit", "UCUM"),
    (PER_CENT, "percent", "Unit", "UCUM"),
    (MMHG, "millimeter mercury column", "Unit", "UCUM"),
    (PER_MINUTE, "per minute", "Unit", "UCUM"),
    (CELSIUS, "degree Celsius", "Unit", "UCUM"),
    (LITRES_PER_MINUTE, "liter per minute", "Unit", "UCUM"),
    (MMOL_PER_LITRE, "millimole per liter", "Unit", "UCUM"),
    (FROM_RECORDS, "EHR", "Type Concept", "Type Concept"),
    (FEMALE, "FEMALE", "Gender", "Gender"),
    (MALE, "MALE", "Gender", "Gender"),
    (8527, "White", "Race", "Race"),
    (8515, "Asian", "Race", "Race"),
    (8516, "Black or African American", "Race", "Race"),
    (8522, "Other Race", "Race", "Race"),
    (NOT_HISPANIC, "Not Hispanic or Latino", "Ethnicity", "Ethnicity"),
    (8536, "Home", "Visit", "Visit"),
    (8676, "Nursing Facility", "Visit", "Visit"),
    (8870, "Emergency Room - Hospital", "Visit", "Visit"),
    (8717, "Inpatient Hospital", "Visit", "Visit"),
    (8940, "Office", "Visit", "Visit"),
    (INTENSIVE_CARE, "Intensive Care", "Visit", "Visit"),
    (4216643, "Patient died", "Observation", "SNOMED"),
)

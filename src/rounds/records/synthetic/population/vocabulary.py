"""The concepts of synthetic records: some real ones that measures ask for, thousands invented, and a small hierarchy.

Invented concepts have ids from 2,000,000,000 on, as OMOP reserves for local ones. The vocabulary is the same for every
seed, so that a code list written for one population fits the next.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rounds.records.synthetic.population.plan import Ints
from rounds.records.synthetic.population.rates import AGE_GROUPS

CARDIAC_ARREST: Final = 321042
HBA1C: Final = 3004410
HBA1C_BEFORE: Final = 3003309
HBA1C_ANY: Final = 2_000_400_000
SYSTOLIC: Final = 3004249
DIASTOLIC: Final = 3012888
RESPIRATORY_RATE: Final = 3024171
OXYGEN_SATURATION: Final = 40762499
OXYGEN_FLOW: Final = 3005629
HEART_RATE: Final = 3027018
TEMPERATURE: Final = 3020891
CONSCIOUSNESS: Final = 2_000_400_001
ALERT, CONFUSED, TO_VOICE, TO_PAIN, UNRESPONSIVE = range(2_000_400_011, 2_000_400_016)
BEDSIDE_REVIEW: Final = 4037675
METFORMIN: Final = 1503297
HEART_FAILURE_BEFORE: Final = 319835
INTENSIVE_CARE: Final = 32037
SMOKING_STATUS: Final = 4275495

MMOL_PER_MOL: Final = 9579
PER_CENT: Final = 8554
MMHG: Final = 8876
PER_MINUTE: Final = 8541
CELSIUS: Final = 586323
LITRES_PER_MINUTE: Final = 8698
MMOL_PER_LITRE: Final = 8753

FROM_RECORDS: Final = 32817
FEMALE: Final = 8532
MALE: Final = 8507
ETHNIC_GROUPS: Final = ((8527, 0.82), (8515, 0.09), (8516, 0.04), (8522, 0.03))
"""race concepts and their shares; the others have another one or none"""
NOT_HISPANIC: Final = 38003564


@dataclass(frozen=True, slots=True, kw_only=True)
class CodingChange:
    """From a day on, another concept is recorded for the same thing; its descendants include the one before."""

    name: str
    before: int
    after: int
    day: int


CODING_CHANGES: Final = (
    CodingChange(
        name="heart-failure",
        before=HEART_FAILURE_BEFORE,
        after=316139,
        day=int(np.datetime64("2019-04-01").astype(int)),
    ),
    CodingChange(name="hba1c", before=HBA1C_BEFORE, after=HBA1C, day=int(np.datetime64("2017-10-01").astype(int))),
)

CHAPTERS: Final = (
    "Respiratory disorder",
    "Circulatory disorder",
    "Digestive disorder",
    "Musculoskeletal disorder",
    "Injury",
    "Skin disorder",
    "Mental disorder",
    "Neurological disorder",
    "Endocrine disorder",
    "Urinary disorder",
    "Infection",
    "Neoplasm",
    "Eye disorder",
    "Ear disorder",
    "Blood disorder",
    "Disorder of pregnancy",
    "Congenital disorder",
    "Poisoning",
    "Nutritional disorder",
    "Symptom",
)
_RESPIRATORY, _PREGNANCY = 0, 15
GROUPS_A_CHAPTER: Final = 10
_INVENTED: Final = 2_000_000_000
CHAPTER_IDS, GROUP_IDS, _CONDITION_IDS = _INVENTED, _INVENTED + 1_000, _INVENTED + 10_000
INGREDIENT_IDS, _DRUG_IDS = _INVENTED + 100_000, _INVENTED + 110_000
_PROCEDURE_IDS, _LAB_IDS, _OBSERVATION_IDS = _INVENTED + 200_000, _INVENTED + 300_000, _INVENTED + 500_000

KNOWN_CONDITIONS: Final = {
    40481087: ("Viral sinusitis", _RESPIRATORY),
    260139: ("Acute bronchitis", _RESPIRATORY),
    4112343: ("Acute viral pharyngitis", _RESPIRATORY),
    372328: ("Otitis media", 13),
    192671: ("Gastrointestinal hemorrhage", 2),
}
KNOWN_INGREDIENTS: Final = {
    METFORMIN: "metformin",
    1112807: "aspirin",
    1125315: "acetaminophen",
    1124300: "diclofenac",
    1118084: "celecoxib",
}
ACUTE_CONDITIONS: Final = 2_400
DRUGS: Final = 1_600
INGREDIENTS: Final = 400
PROCEDURES: Final = 900
LABS: Final = 300
OBSERVATIONS: Final = 80

_CELLS: Final = 2**16
Picker = NDArray[np.uint16]
"""For each of 65,536 equally likely numbers the row of a concept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What is recorded, and how often."""

    conditions: Ints
    drugs: Ints
    ingredient_of_drug: Ints
    """shape (drugs,)"""
    procedures: Ints
    labs: Ints
    lab_middle: NDArray[np.float32]
    lab_unit: Ints
    observations: Ints
    pick_condition: Picker
    """shape (2 sexes, age groups, not winter or winter, 65,536)"""
    pick_drug: Picker
    """shape (age groups, 65,536)"""
    pick_procedure: Picker
    pick_lab: Picker
    pick_observation: Picker


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """Return the concepts and how often each is recorded: by Zipf's law, changed by age, sex and season."""
    rng = np.random.Generator(np.random.Philox(key=5_4))
    conditions = np.array(
        [*KNOWN_CONDITIONS, *range(_CONDITION_IDS, _CONDITION_IDS + ACUTE_CONDITIONS)][:ACUTE_CONDITIONS]
    )
    ingredients = np.array([*KNOWN_INGREDIENTS, *range(INGREDIENT_IDS, INGREDIENT_IDS + INGREDIENTS)][:INGREDIENTS])
    ages = len(AGE_GROUPS)
    # Metformin is given to people with diabetes only, by a rate of its own.
    others = np.arange(DRUGS) % INGREDIENTS != 0
    drug_weights = np.stack([_zipf(DRUGS) * rng.lognormal(0, 0.7, DRUGS) * others for _ in range(ages)])
    return Vocabulary(
        conditions=conditions.astype(np.int32),
        drugs=np.arange(_DRUG_IDS, _DRUG_IDS + DRUGS, dtype=np.int32),
        ingredient_of_drug=ingredients[np.arange(DRUGS) % INGREDIENTS].astype(np.int32),
        procedures=np.arange(_PROCEDURE_IDS, _PROCEDURE_IDS + PROCEDURES, dtype=np.int32),
        labs=np.arange(_LAB_IDS, _LAB_IDS + LABS, dtype=np.int32),
        lab_middle=np.exp(rng.uniform(0, 6, LABS)).astype(np.float32),
        lab_unit=rng.choice([MMOL_PER_LITRE, PER_CENT, 0], LABS, p=[0.6, 0.2, 0.2]).astype(np.int32),
        observations=np.array(
            [SMOKING_STATUS, *range(_OBSERVATION_IDS, _OBSERVATION_IDS + OBSERVATIONS - 1)], np.int32
        ),
        pick_condition=_condition_pickers(rng),
        pick_drug=np.stack([_picker(weights) for weights in drug_weights]),
        pick_procedure=_picker(_zipf(PROCEDURES)),
        pick_lab=_picker(_zipf(LABS)),
        pick_observation=_picker(_zipf(OBSERVATIONS)),
    )


def chapter_of_condition(row: int) -> int:
    """Return the chapter of an acute condition, by its row."""
    known = list(KNOWN_CONDITIONS.values())
    return known[row][1] if row < len(known) else row % len(CHAPTERS)


def _zipf(size: int) -> NDArray[np.float64]:
    return 1 / (np.arange(size) + 3.0)


def _picker(weights: NDArray[np.float64]) -> Picker:
    edges = np.round(np.cumsum(weights) / weights.sum() * _CELLS).astype(int)
    return np.repeat(np.arange(len(weights), dtype=np.uint16), np.diff(edges, prepend=0))


def _condition_pickers(rng: np.random.Generator) -> Picker:
    chapters = np.array([chapter_of_condition(row) for row in range(ACUTE_CONDITIONS)])
    by_age = rng.lognormal(0, 0.8, (len(AGE_GROUPS), len(CHAPTERS)))
    by_age[(0, 3), _PREGNANCY] = 0.0
    winter = np.where(chapters == _RESPIRATORY, 1.7, 0.95)
    pickers = [
        _picker(
            _zipf(ACUTE_CONDITIONS)
            * by_age[age][chapters]
            * np.where((chapters == _PREGNANCY) & (sex == 0), 0.0, 1.0)
            * (winter if season else 1.0)
        )
        for sex in (0, 1)
        for age in range(len(AGE_GROUPS))
        for season in (0, 1)
    ]
    return np.stack(pickers).reshape(2, len(AGE_GROUPS), 2, _CELLS)

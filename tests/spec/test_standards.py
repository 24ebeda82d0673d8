"""Standard populations: what a file may not say, and what a measure must have to be standardised."""

from pathlib import Path

import pytest
from language_cases import CODE_LISTS

from rounds.errors import DefinitionError
from rounds.measures.definitions import Measure
from rounds.storage.defined import Defined
from rounds.storage.library import read_library, shipped_library_folder
from rounds.storage.library_files import MeasureFile
from rounds.storage.yaml_files import read_yaml

STANDARDS = read_library(shipped_library_folder()).standards
BANDS = '{"0-17": 2, "18-39": 3, "40-59": 3, "60-79": 2, "80+": 1}'
FILE = f"""\
id: small
version: 1
title: Small
female: {BANDS}
male: {BANDS}
author: A
reviewer: B
next_review: 2030-01-01
"""
MEASURE = """\
id: users
version: 1
title: Users
description: Who uses it.
count: people
numerator: {had: {event: drug_era, codes: aspirin}}
grain: year
strata: [age_band, sex]
standard: esp-2013
per: 1000
unit: people
better: lower
author: A
reviewer: B
next_review: 2030-01-01
"""


def _measure(folder: Path, text: str) -> Measure:
    (folder / "measure.yaml").write_text(text, encoding="utf-8")
    defined = Defined(code_lists=CODE_LISTS, standards=STANDARDS)
    return read_yaml(folder / "measure.yaml", MeasureFile, context=defined).to_measure(defined)


def test_the_shipped_standard_is_the_whole_european_one() -> None:
    (standard,) = STANDARDS
    assert str(standard) == "European standard population 2013 (version 1)"
    assert sum(number for _, number in standard.people) == 200_000


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        (
            FILE.replace('"80+": 1', '"80-": 1', 1),
            "line 4 column 1: `female`: it needs just the age bands 0-17, 18-39, 40-59, 60-79, 80+",
        ),
        (FILE.replace('"80+": 1', '"80+": 0', 1), "80+"),
        (
            FILE.replace("reviewer: B", "reviewer: A"),
            "line 7 column 1: `reviewer`: the reviewer must be somebody other than the author",
        ),
    ],
)
def test_what_a_standard_may_not_say(tmp_path: Path, text: str, refusal: str) -> None:
    (tmp_path / "library" / "standards").mkdir(parents=True)
    (tmp_path / "library" / "standards" / "small.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(DefinitionError) as caught:
        read_library(tmp_path / "library")
    assert refusal in str(caught.value)


def test_the_standard_is_part_of_what_a_measure_means(tmp_path: Path) -> None:
    with_one = _measure(tmp_path, MEASURE)
    without = _measure(tmp_path, MEASURE.replace("standard: esp-2013\n", ""))
    assert with_one.standard == STANDARDS[0]
    assert with_one.digest != without.digest


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        (
            MEASURE.replace("[age_band, sex]", "[sex]"),
            "line 9 column 1: `standard`: rates are standardised by age and sex",
        ),
        (
            MEASURE.replace("esp-2013", "esp-2103"),
            "there is no standard population `esp-2103`; did you mean `esp-2013`?",
        ),
    ],
)
def test_what_a_measure_must_have_to_be_standardised(tmp_path: Path, text: str, refusal: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        _measure(tmp_path, text)
    assert refusal in str(caught.value)

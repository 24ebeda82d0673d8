"""Real observations: the MIMIC-III demo, read by the example, with each unit as if it were a site."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from rounds.learning.deterioration.discrimination import Auroc, auroc
from rounds.learning.deterioration.score_table import add_tables
from rounds.learning.deterioration.sets import Take, chosen
from rounds.storage.library import read_library, shipped_library_folder

HELD_AGAINST = (
    ("Deterioration on real observations (MIMIC-III demo)", "pooled figures; three totals worked out by hand", "exact"),
)

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT.parent / "shared" / "data" / "obs_mimic3_demo"

pytestmark = pytest.mark.skipif(not DEMO.is_dir(), reason="the MIMIC-III demo is not beside this checkout")


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("deterioration_example", ROOT / "examples" / "deterioration.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def sets(example: ModuleType) -> Any:
    score = next(one for one in read_library(shipped_library_folder()).scores if one.id == "news2")
    return example.read_sets(DEMO, score)


def test_units_added_up_are_the_pooled_rows(example: ModuleType, sets: Any) -> None:
    rows = chosen(Take.EVERY_SET, stays=sets.stays, minutes=sets.minutes, totals=sets.scored.totals)
    tables = example.tables_by_unit(sets, rows)
    assert len(tables) == 5
    found = auroc(add_tables(list(tables.values())))
    assert isinstance(found, Auroc)
    died = sets.died
    pairs = mannwhitneyu(sets.scored.totals[died], sets.scored.totals[~died]).statistic
    assert found.value == pytest.approx(pairs / (died.sum() * (~died).sum()), abs=1e-12)
    assert found.value is not None
    assert 0.6 < found.value < 0.95  # a score that warns, in 98 patients


def test_the_first_sets_of_a_stay_as_worked_out_by_hand(sets: Any) -> None:
    """Stay 206504, 23 and 24 October 2164: consciousness is first charted at 23:00, so 22:40 is partial.

    23:00: pulse 99 (1), systolic 91 (2), rate 17, saturation 98, 99.6 F carried from 22:40, oriented and obeying.
    00:00: pulse 96 (1), systolic 111, rate 20. 01:00: pulse 95 (1), rate 23 (2), systolic 114, 97.5 F.
    """
    stay = sets.stays == 206504
    assert sets.scored.totals[stay][:3].tolist() == [3, 1, 3]
    assert sets.scored.highest[stay][:3].tolist() == [2, 1, 2]
    assert np.diff(sets.minutes[stay][:3]).tolist() == [60, 60]
    assert not sets.died[stay].any()


def test_what_is_printed_tells_what_was_assumed(example: ModuleType, sets: Any) -> None:
    (schedule,) = read_library(shipped_library_folder()).schedules
    text = "\n".join(example.describe(sets, example.read_lactates(DEMO), schedule))
    for words in (
        "are partial and have no score",
        "no air assumed",
        "allowing for several of one stay",
        "never; median",
    ):
        assert words in text
    assert "nan" not in text

"""Real observations: the MIMIC-III demo, read by the example, with each unit as if it were a site."""

import importlib.util
import sys
from datetime import UTC
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import mannwhitneyu

from rounds.analyst.early_warning import DeteriorationResult, deterioration
from rounds.learning.deterioration.discrimination import Auroc, auroc
from rounds.learning.deterioration.score_table import add_tables, count_scores
from rounds.learning.deterioration.sets import Take

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
def table(example: ModuleType) -> Any:
    return example.observations(DEMO)


@pytest.fixture(scope="module")
def result(table: Any) -> DeteriorationResult:
    return deterioration(table, blank_oxygen_is_air=True)


def test_units_added_up_are_the_pooled_rows(table: Any, result: DeteriorationResult) -> None:
    sets = result.sets
    assert sets.wards is not None
    assert result.warned is not None
    deaths = dict(
        table.filter(pl.col("death").is_not_null()).select(pl.col("stay").cast(pl.String), "death").iter_rows()
    )
    epoch = {stay: int(died.replace(tzinfo=UTC).timestamp()) // 60 for stay, died in deaths.items()}
    at = np.array([epoch.get(stay, np.iinfo(np.int64).max) for stay in sets.stays.cast(pl.String).to_list()])
    died = (at > sets.minutes) & (at - sets.minutes <= 24 * 60)  # what is taken at the minute was taken during it
    tables = [count_scores(sets.totals[sets.wards == unit], died[sets.wards == unit]) for unit in np.unique(sets.wards)]
    assert len(tables) == 5
    found = auroc(add_tables(tables))
    assert isinstance(found, Auroc)
    pairs = mannwhitneyu(sets.totals[died], sets.totals[~died]).statistic
    assert found.value == pytest.approx(pairs / (died.sum() * (~died).sum()), abs=1e-12)
    assert found.value is not None
    assert 0.6 < found.value < 0.95  # a score that warns, in 98 patients
    pooled = dict(result.warned.areas)[Take.EVERY_SET]
    assert isinstance(pooled, Auroc)
    assert pooled.value == pytest.approx(found.value, abs=1e-12)


def test_the_first_sets_of_a_stay_as_worked_out_by_hand(result: DeteriorationResult) -> None:
    """Stay 206504, 23 and 24 October 2164: consciousness is first charted at 23:00, so 22:40 is partial.

    23:00: pulse 99 (1), systolic 91 (2), rate 17, saturation 98, 99.6 F carried from 22:40, oriented and obeying.
    00:00: pulse 96 (1), systolic 111, rate 20. 01:00: pulse 95 (1), rate 23 (2), systolic 114, 97.5 F.
    """
    sets = result.sets
    stay = (sets.stays.cast(pl.String) == "206504").to_numpy()
    assert sets.totals[stay][:3].tolist() == [3, 1, 3]
    assert sets.highest[stay][:3].tolist() == [2, 1, 2]
    assert np.diff(sets.minutes[stay][:3]).tolist() == [60, 60]


def test_what_is_printed_tells_what_was_assumed(example: ModuleType, result: DeteriorationResult) -> None:
    said = [*result.sentences, *result.notes, *example.responses_to(result.sets, example.read_lactates(DEMO))]
    text = "\n".join(said)
    for words in (
        "Incomplete, and so without a score",
        "oxygen",
        "by patient",
        "never; median",
        "have not passed disclosure control",
    ):
        assert words in text, words
    assert "nan" not in text

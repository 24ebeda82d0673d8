"""Shrinkage against lme4 1.1."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from rounds.learning.variation.between_sites.shrunken import shrunken
from rounds.learning.variation.case_mix.families import Family

HELD_AGAINST = (("Shrunken proportions of organisations", "lme4 1.1, glmer with 25 nodes", "1e-4"),)

CASE = Path(__file__).resolve().parents[2].parent / "shared" / "oracles" / "meta" / "glmer_site_eb"


@pytest.mark.skipif(not CASE.is_dir(), reason="the reference results are kept outside the repository")
def test_forty_sites_as_lme4_shrinks_them() -> None:
    with (CASE / "input.csv").open(encoding="utf-8") as lines:
        table = list(csv.DictReader(lines))
    with (CASE / "expected_eb.csv").open(encoding="utf-8") as lines:
        expected = list(csv.DictReader(lines))
    events, sizes = (np.array([float(row[name]) for row in table]) for name in ("y", "n"))
    found = shrunken(events_lower=events, events_upper=events, sizes=sizes, family=Family.BINOMIAL)
    told = json.loads((CASE / "expected.json").read_text())["nAGQ25"]
    assert found.population.level == pytest.approx(told["b"], rel=1e-4)
    assert found.population.spread == pytest.approx(told["sd"], rel=1e-4)
    assert found.population.level_error == pytest.approx(told["se"], rel=1e-3)
    # Its optimiser stops some 2.5e-6 from the level of highest likelihood, beside a spread of 0.3.
    for ours, name in ((found.deviations, "eb"), (found.errors, "sd"), (found.values, "p_eb")):
        np.testing.assert_allclose(ours, [float(row[name]) for row in expected], rtol=1e-4, atol=5e-6)

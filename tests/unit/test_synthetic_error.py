"""The synthetic comparison's standard error: weights are fitted again for each left-out site, and intervals hold."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rounds.learning.impact.effect import Matrix, Panel, Vector
from rounds.learning.impact.identification import Mask
from rounds.learning.impact.panel.estimate import groups_of, jackknifed, left_out, merged
from rounds.learning.impact.panel.others import grouped
from rounds.learning.impact.panel.outcome import Design
from rounds.learning.impact.panel.synthetic import Contrasts, blocks_of, combined, contrasts, without

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from impact_coverage import RATE_RATIO, draw

T_OF_11 = 2.201


def fitted(panel: Panel, gone: Mask | None = None) -> list[Contrasts]:
    """Return the contrasts of all blocks, from the start, of a panel without some sites."""
    values: Matrix = np.log((panel.lower + 0.5) / panel.exposure)
    kept = np.ones(len(values), dtype=np.bool_) if gone is None else ~gone
    blocks = blocks_of(Design(untreated=~panel.treated, treated=panel.treated))
    return [
        contrasts(
            values,
            replace(
                block,
                rows=block.rows[kept[block.rows]],
                sizes=block.sizes[kept[block.rows]],
                controls=block.controls[kept[block.controls]],
            ),
        )
        for block in blocks
        if kept[block.rows].any()
    ]


def again(found: Sequence[Contrasts], gone: Mask) -> list[Contrasts]:
    return [left for one in found if (left := without(one, gone)) is not None]


@pytest.mark.parametrize("sites", [15, 50])
def test_without_a_site_weights_are_those_fitted_without_it_from_the_start(sites: int) -> None:
    panel = draw(1, mean=40.0, sites=sites).exact
    whole = fitted(panel)
    for site in (0, sites - 2, sites - 1):
        gone = np.arange(sites) == site
        for warm, cold in zip(again(whole, gone), fitted(panel, gone), strict=True):
            assert warm.change == pytest.approx(cold.change, abs=1e-7)
            assert warm.weights == pytest.approx(cold.weights, abs=1e-5)
            assert warm.of_periods == pytest.approx(cold.of_periods, abs=1e-5)


def test_a_block_without_a_side_is_left_out() -> None:
    panel = draw(1, mean=40.0).exact
    whole = fitted(panel)
    adopters = panel.treated.any(axis=1)
    assert combined(again(whole, adopters)) is None
    assert combined(again(whole, ~adopters)) is None
    assert again(whole, np.zeros(15, dtype=np.bool_)) == whole
    one_control = again(whole, np.arange(15) >= 13)
    assert all(one.weights == pytest.approx([1.0]) and np.isfinite(one.change) for one in one_control)


def test_intervals_hold_the_truth_where_three_sites_never_adopt() -> None:
    """With weights left as they were, three sites seem not to vary and 33 of these 40 intervals hold it."""
    held = 0
    for seed in range(40):
        whole = fitted(draw(seed, mean=40.0).exact)

        def left(rows: Mask, whole: list[Contrasts] = whole) -> Vector:
            return np.array([combined(again(whole, rows))])

        influence = jackknifed(left_out(left, groups_of(15), draws=1))
        value = combined(whole)
        assert influence is not None
        assert value is not None
        held += abs(value - np.log(RATE_RATIO)) < T_OF_11 * np.sqrt((influence**2).sum())
    assert held >= 37


def test_influences_of_50_groups_become_those_of_25() -> None:
    of_sites = np.random.default_rng(1).normal(size=120)
    fine, coarse = groups_of(120), groups_of(120, costly=True)
    assert (fine.max(), coarse.max()) == (49, 24)
    assert merged(grouped(of_sites, fine)[None], groups=25)[0] == pytest.approx(grouped(of_sites, coarse))
    assert (groups_of(50, costly=True) == groups_of(50)).all()

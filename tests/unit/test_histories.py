"""Mergers and changed definitions: what a panel is made of when a site's history breaks."""

from dataclasses import replace
from datetime import date
from itertools import product
from math import comb

import numpy as np
import pytest

from rounds.learning.bounded.counts import IntervalCounts, Part
from rounds.learning.impact.did import estimate_effect
from rounds.learning.impact.effect import Effect, NoEffect, Panel
from rounds.learning.impact.histories import Succession, merged, with_definitions

MONTHS = [(date(2024, m, 1), date(2024, m, d)) for m, d in ((1, 31), (2, 29), (3, 31), (4, 30), (5, 31), (6, 30))]
NAN = np.nan
MERGER = date(2024, 4, 1)


def panel_of(counts: dict[str, list[float]], treated: dict[str, str] | None = None) -> Panel:
    lower = np.array(list(counts.values()), dtype=np.float64)
    flags = [list((treated or {}).get(name, "......")) for name in counts]
    return Panel(
        sites=tuple(counts),
        lower=lower,
        upper=np.where(lower == 1, 7.0, lower),
        exposure=np.where(np.isnan(lower), NAN, 100.0),
        treated=np.array(flags) == "T",
        excluded=np.array(flags) == "x",
    )


MERGING = {"A": [10.0, 1, 12, NAN, NAN, NAN], "B": [20.0, 1, 22, NAN, NAN, NAN], "C": [NAN, NAN, NAN, 30, 31, 32]}
AB_TO_C = [Succession(old=old, new="C", day=MERGER) for old in "AB"]


def row(panel: Panel, name: str = "C") -> tuple[list[float], list[float], str]:
    at = panel.sites.index(name)
    flags = "".join("T" if t else "x" if x else "." for t, x in zip(panel.treated[at], panel.excluded[at], strict=True))
    return panel.lower[at].tolist(), panel.upper[at].tolist(), flags


def test_a_successors_history_is_the_sum_of_those_that_became_it() -> None:
    found = merged(panel_of({"D": [5.0] * 6} | MERGING), MONTHS, AB_TO_C, began={})
    assert found.sites == ("D", "C")
    assert row(found) == ([30, 2, 34, 30, 31, 32], [30, 14, 34, 30, 31, 32], "......")
    assert found.exposure[1].tolist() == [200, 200, 200, 100, 100, 100]
    assert list(found.parts) == [("C", 0), ("C", 1), ("C", 2)]
    assert "A and B became C on 2024-04-01" in found.notes[0]


@pytest.mark.parametrize(
    ("flags", "began", "expected"),
    [
        ({"A": ".TTTTT", "B": "..TTTT"}, {"A": date(2024, 2, 1), "B": date(2024, 3, 1)}, ".xTTTT"),
        ({"A": ".TTTTT"}, {"A": date(2024, 2, 1)}, ".xxxxx"),
        ({"A": ".TTTTT", "C": "....TT"}, {"A": date(2024, 2, 1), "C": date(2024, 5, 1)}, ".xxxTT"),
        ({"C": "....TT"}, {"C": date(2024, 5, 1)}, "....TT"),
    ],
)
def test_a_merged_site_has_the_innovation_where_all_of_it_has(
    flags: dict[str, str], began: dict[str, date], expected: str
) -> None:
    assert row(merged(panel_of(MERGING, flags), MONTHS, AB_TO_C, began=began))[2] == expected


def test_a_site_that_takes_another_over_goes_on_under_its_own_name() -> None:
    counts = {"A": [10.0, 11, 12, 30, 31, 32], "B": [20.0, 21, NAN, NAN, NAN, NAN]}
    found = merged(panel_of(counts), MONTHS, [Succession(old="B", new="A", day=date(2024, 4, 15))], began={})
    lower, _, _ = row(found, "A")
    assert lower[:2] == [30, 32]
    assert np.isnan(lower[2:4]).all()  # nothing from B, and the month of the merger
    assert lower[4:] == [31, 32]


def test_chains_are_followed_in_order_of_time() -> None:
    counts = {"A": [1.0, 2, *[NAN] * 4], "B": [10.0, 10, 11, 12, NAN, NAN], "C": [NAN] * 4 + [50.0, 60]}
    steps = [
        Succession(old="B", new="C", day=date(2024, 5, 1)),
        Succession(old="A", new="B", day=date(2024, 3, 1)),
    ]
    found = merged(panel_of(counts), MONTHS, steps, began={})
    assert found.sites == ("C",)
    assert row(found)[0] == [11, 12, 11, 12, 50, 60]
    assert len(found.notes) == 2


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([("A", "A")], "its own successor"),
        ([("A", "B"), ("B", "A")], "its own successor"),
        ([("A", "B"), ("A", "C")], "divided"),
    ],
)
def test_successions_that_cannot_be_are_refused(steps: list[tuple[str, str]], says: str) -> None:
    given = [Succession(old=old, new=new, day=MERGER) for old, new in steps]
    with pytest.raises(ValueError, match=says):
        merged(panel_of(MERGING), MONTHS, given, began={})


def test_what_parts_say_of_their_sum_is_the_chance_of_both() -> None:
    """Against adding up every pair: P(A in 1..7 and B in 1..7) for independent Poisson counts."""
    mean, share = 9.0, 0.25
    parts = {0: (Part(lower=1, upper=7, size=1.0), Part(lower=1, upper=7, size=3.0))}
    counts = IntervalCounts(np.array([2.0]), np.array([14.0]), parts=parts)
    weights = counts.log_weights(0.0)
    levels = [np.log(mean), np.log(4.0)]
    found = [counts.evaluate(np.array([level]), 0.0, weights).loglik for level in levels]

    def chance(mean: float) -> float:
        total = 0.0
        for a, b in product(range(1, 8), repeat=2):
            poisson = np.exp(-mean) * mean ** (a + b) / float(np.prod(np.arange(1, a + b + 1)))
            total += poisson * comb(a + b, a) * share**a * (1 - share) ** b
        return float(np.log(total))

    # up to a constant that does not depend on the mean
    assert found[0] - found[1] == pytest.approx(chance(mean) - chance(4.0), abs=1e-10)


def drawn(seed: int = 1) -> Panel:
    rng = np.random.default_rng(seed)
    treated = np.arange(24) >= np.array([10, 14, 99, 99])[:, None]
    counts = rng.poisson(np.where(treated, 50.0, 100.0)).astype(np.float64)
    return Panel(
        sites=("A", "B", "C", "D"),
        lower=counts,
        upper=counts,
        exposure=np.full(counts.shape, 100.0),
        treated=treated,
        excluded=np.zeros_like(treated),
    )


TWO_YEARS = [(date(2023 + m // 12, m % 12 + 1, 1), date(2023 + m // 12, m % 12 + 1, 28)) for m in range(24)]


def test_a_changed_definition_does_not_read_as_an_effect() -> None:
    """From period 7 on A and B count half as much again: before anything was adopted, and again it is no effect."""
    panel = drawn()
    counts = panel.lower.copy()
    counts[:2, 6:] = np.round(1.5 * counts[:2, 6:])
    shifted = replace(panel, lower=counts, upper=counts)
    changed = dict.fromkeys(("A", "B"), TWO_YEARS[6][0])
    naive, mended = estimate_effect(shifted), estimate_effect(with_definitions(shifted, TWO_YEARS, changed))
    assert isinstance(naive, Effect)
    assert isinstance(mended, Effect)
    assert naive.rate_ratio.lower > 0.53
    assert mended.rate_ratio.lower < 0.5 < mended.rate_ratio.upper
    assert "definition changed at A and B" in mended.notes[0]


def test_a_definition_that_changes_with_adoption_cannot_be_told_from_it() -> None:
    changed = {"A": TWO_YEARS[10][0], "B": TWO_YEARS[14][0]}
    found = estimate_effect(with_definitions(drawn(), TWO_YEARS, changed))
    assert isinstance(found, NoEffect)
    assert "compared with itself" in found.reason
    with pytest.raises(ValueError, match="at E, not in the panel"):
        with_definitions(drawn(), TWO_YEARS, {"E": date(2024, 1, 1)})

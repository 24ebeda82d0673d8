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
from rounds.learning.impact.histories import with_levels
from rounds.learning.impact.mergers import Before, Histories, Joined, joined
from rounds.network.successions import Succession, Successions

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
AB_TO_C = [Succession(old_code=old, new_code="C", day=MERGER) for old in "AB"]


def merge(
    panel: Panel,
    steps: list[Succession],
    *,
    was: Before = Before.NEW,
    effective: dict[str, date] | None = None,
    breaks: dict[str, list[date]] | None = None,
    stopped: dict[str, date] | None = None,
) -> Joined:
    known = Histories(before=lambda _code, _day: was, effective_from=effective or {}, stopped_on=stopped or {})
    return joined(panel, MONTHS, Successions(all=tuple(steps)), known, breaks=breaks)


def row(panel: Panel, name: str = "C") -> tuple[list[float], list[float], str]:
    at = panel.sites.index(name)
    flags = "".join("T" if t else "x" if x else "." for t, x in zip(panel.treated[at], panel.excluded[at], strict=True))
    return panel.lower[at].tolist(), panel.upper[at].tolist(), flags


def test_a_successors_history_is_the_sum_of_those_that_became_it() -> None:
    found = merge(panel_of({"D": [5.0] * 6} | MERGING), AB_TO_C)
    assert found.breaks == {}
    assert found.panel.sites == ("D", "C")
    assert row(found.panel) == ([30, 2, 34, 30, 31, 32], [30, 14, 34, 30, 31, 32], "......")
    assert found.panel.exposure[1].tolist() == [200, 200, 200, 100, 100, 100]
    assert [(key, [part.of for part in parts]) for key, parts in found.panel.parts.items()] == [
        (("C", month), ["A", "B"]) for month in range(3)
    ]
    assert "A and B became C on 2024-04-01: before that C is their sum, one row all along" in found.panel.notes[0]


@pytest.mark.parametrize(
    ("flags", "effective", "expected"),
    [
        ({"A": ".TTTTT", "B": "..TTTT"}, {"A": date(2024, 2, 1), "B": date(2024, 3, 1)}, ".xTTTT"),
        ({"A": ".TTTTT"}, {"A": date(2024, 2, 1)}, ".xxxxx"),
        ({"A": ".TTTTT", "C": "....TT"}, {"A": date(2024, 2, 1), "C": date(2024, 5, 1)}, ".xxxTT"),
        ({"C": "....TT"}, {"C": date(2024, 5, 1)}, "....TT"),
        ({"A": "TTTTTT", "B": "TTTTTT", "C": ".....T"}, {"C": date(2024, 6, 1)}, "TTTTTT"),
        ({"A": "Txxxxx", "B": "TTTTTT"}, {}, "Txxxxx"),
    ],
)
def test_a_merged_site_has_the_innovation_where_all_of_it_has(
    flags: dict[str, str], effective: dict[str, date], expected: str
) -> None:
    found = merge(panel_of(MERGING, flags), AB_TO_C, effective=effective).panel
    assert row(found)[2] == expected
    assert {name: "".join(".T"[int(with_it)] for with_it in mask) for name, mask in found.in_effect.items()} == {
        name: flags.get(name, "......")[:3].replace("x", ".") + "..." for name in "AB"
    }


def test_a_successor_that_stops_has_it_no_more() -> None:
    both = {"A": "TTTTTT", "B": "TTTTTT"}
    assert row(merge(panel_of(MERGING, both), AB_TO_C, stopped={"C": date(2024, 5, 10)}).panel)[2] == "TTTTxx"


def test_a_site_that_takes_another_over_goes_on_under_its_own_name() -> None:
    counts = {"A": [10.0, 11, 12, 30, 31, 32], "B": [20.0, 21, NAN, NAN, NAN, NAN]}
    steps = [Succession(old_code="B", new_code="A", day=date(2024, 4, 15))]
    found = merge(panel_of(counts), steps, was=Before.THERE)
    lower, _, _ = row(found.panel, "A")
    assert found.breaks == {}
    assert lower[:2] == [30, 32]
    assert np.isnan(lower[2:4]).all()  # nothing from B, and the month of the merger
    assert lower[4:] == [31, 32]


@pytest.mark.parametrize("silent", [False, True])
def test_chains_are_followed_in_order_of_time(silent: bool) -> None:
    counts = {"A": [1.0, 2, *[NAN] * 4], "B": [NAN, NAN, 11, 12, NAN, NAN], "C": [NAN] * 4 + [50.0, 60]}
    days = (date(2024, 3, 1), date(2024, 5, 1))
    if silent:  # only a step between two others, on the same day
        counts["A"][2:4], counts["B"] = [11.0, 12.0], [NAN] * 6
        days = (date(2024, 5, 1),) * 2
    steps = [
        Succession(old_code="B", new_code="C", day=days[1]),
        Succession(old_code="A", new_code="B", day=days[0]),
    ]
    found = merge(panel_of(counts, {"A": ".TTTTT"}), steps, effective={"A": date(2024, 2, 1)})
    assert row(found.panel) == ([1, 2, 11, 12, 50, 60], [7, 2, 11, 12, 50, 60], ".TTTTT")
    assert [parts[0].of for parts in found.panel.parts.values()] == (["A"] * 4 if silent else ["A", "A", "B", "B"])


@pytest.mark.parametrize(
    ("counts", "was", "steps", "levels", "says"),
    [
        ({"B": [NAN] * 6}, Before.NEW, "AB", {"C": (MERGER,)}, "no counts of before came from B"),
        ({"A": [NAN] * 6, "B": [NAN] * 6}, Before.NEW, "AB", {}, None),
        ({"A": [NAN] * 6, "B": [NAN] * 6, "C": [9.0] * 6}, Before.NEW, "AB", {}, "taken as one history"),
        ({"A": [NAN] * 6, "B": [NAN] * 6, "C": [9.0] * 6}, Before.THERE, "AB", {"C": (MERGER,)}, "came from A and B"),
        ({}, Before.UNKNOWN, "AB", {"C": (MERGER,)}, "what it was before is not known"),
        ({"C": [9.0] * 6}, Before.UNKNOWN, "AB", {"C": (MERGER,)}, "what it was before is not known"),
        ({"C": [NAN] * 6}, Before.NEW, "AB", {}, "sent no counts of since then"),
        ({"C": [9.0] * 6}, Before.NEW, "AB", None, "counts that C sent of before are left out"),
        ({"A": [10.0] * 6}, Before.NEW, "AB", None, "counts that A sent of the merger's period and later are left out"),
        ({}, Before.NEW, "ABsplit", {"C": (MERGER,)}, "one of them was divided"),
    ],
)
def test_rows_are_joined_only_where_they_are_the_sum(
    counts: dict[str, list[float]], was: Before, steps: str, levels: dict[str, object] | None, says: str | None
) -> None:
    """`levels` None: joined all the same."""
    given = {name: list(values) for name, values in (MERGING | counts).items()} | {"D": [NAN] * 6}
    split = [Succession(old_code="A", new_code="D", day=MERGER)] if steps.endswith("split") else []
    found = merge(panel_of(given), AB_TO_C + split, was=was)
    assert (dict(found.breaks) or {}) == (levels or {})
    assert ("A" in found.panel.sites) == (levels is not None)
    assert any(says in note for note in found.panel.notes) if says else not found.panel.notes
    if levels is None:
        assert row(found.panel)[0][3:] == given["C"][3:]
        assert row(found.panel)[0][0] == 30
    silent = [name for name in ("A", "B") if np.isnan(given[name]).all()]
    if was is Before.UNKNOWN and not silent:
        assert np.isnan(row(found.panel)[0][:3]).all(), "theirs and its own would count patients twice"


def test_days_from_which_counts_mean_something_else_go_on_with_the_row() -> None:
    given = {"A": [date(2024, 2, 1), date(2024, 5, 1)], "C": [date(2024, 3, 1), date(2024, 6, 1)]}
    found = merge(panel_of(MERGING), AB_TO_C, breaks=given)
    assert found.breaks == {"C": (date(2024, 2, 1), date(2024, 6, 1))}
    levels = with_levels(found.panel, MONTHS, found.breaks)
    assert levels.sites == ("C (to 2024-01-31)", "C (2024-02-01 to 2024-05-31)", "C (from 2024-06-01)")
    assert {levels.member_of(name) for name in levels.sites} == {"C"}
    assert list(levels.parts) == [(levels.sites[0], 0), (levels.sites[1], 1), (levels.sites[1], 2)]


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
    levels = with_levels(shifted, TWO_YEARS, {name: [day] for name, day in changed.items()})
    naive, mended = estimate_effect(shifted), estimate_effect(levels)
    assert isinstance(naive, Effect)
    assert isinstance(mended, Effect)
    assert naive.rate_ratio.lower > 0.53
    assert mended.rate_ratio.lower < 0.5 < mended.rate_ratio.upper


def test_a_definition_that_changes_with_adoption_cannot_be_told_from_it() -> None:
    changed = {"A": [TWO_YEARS[10][0]], "B": [TWO_YEARS[14][0]]}
    found = estimate_effect(with_levels(drawn(), TWO_YEARS, changed))
    assert isinstance(found, NoEffect)
    assert "compared with itself" in found.reason
    with pytest.raises(ValueError, match="at E, not in the panel"):
        with_levels(drawn(), TWO_YEARS, {"E": [date(2024, 1, 1)]})

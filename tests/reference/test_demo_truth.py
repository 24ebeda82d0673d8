"""The planted truth lies inside the intervals: in the network that `rounds demo` makes, and as often as it should.

`benchmarks/demo_truth.py` measures the same over 200 seeds and more.
"""

import sys
from pathlib import Path

import numpy as np
import polars as pl

from rounds.cli.demo import demo
from rounds.records.synthetic import SyntheticNetwork, draw_arrests
from rounds.records.synthetic.tables import site_tables

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import demo_means
import demo_truth

HELD_AGAINST = (
    ("A whole round of the demo network", "the planted truth", "inside its intervals, and as often as it should"),
)

DEFAULT_SEED = 1
SEEDS = 80
FEWEST_HELD = 70
"""Of 80 intervals that hold the truth with probability 0.95, fewer than 70 do so in 2 of 1,000 tries."""


def test_the_demo_as_it_is_made_holds_its_truth() -> None:
    assert demo.__defaults__ is not None
    assert DEFAULT_SEED in demo.__defaults__
    found = demo_truth.one_seed(DEFAULT_SEED)
    assert found.ratio_held
    assert found.avoided_held
    assert found.placebo_held


def test_intervals_hold_the_planted_truth_as_often_as_they_say() -> None:
    found = [demo_truth.one_seed(seed) for seed in range(100, 100 + SEEDS)]
    assert sum(one.ratio_held for one in found) >= FEWEST_HELD
    assert sum(one.avoided_held for one in found) >= FEWEST_HELD
    assert sum(one.placebo_held for one in found) >= FEWEST_HELD
    errors = np.array([one.log_ratio_error for one in found])
    assert abs(errors.mean()) < 3 * errors.std() / SEEDS**0.5


def test_a_network_with_late_sites_a_merger_and_a_new_definition_holds_its_truth() -> None:
    """Of 20 intervals that hold it with 0.95, fewer than 15 do so once in 3,000 times."""
    arrests = demo_means.network(DEFAULT_SEED, 8.0)
    panel, avoided = demo_means.broken(arrests)
    assert {"ZZ1", "ZZ2", "ZZ3"}.isdisjoint(panel.sites)
    assert demo_means.NEW in panel.sites
    assert [panel.member_of(row) for row in panel.sites].count("ZZ5") == 2, "a row by each definition"
    assert panel.parts
    assert 0 < avoided < arrests.expected_avoided.sum()
    found = [demo_means.one_seed((seed, 8.0, True)) for seed in range(1, 21)]
    assert sum(one is not None and one.ratio_held for one in found) >= 15
    assert sum(one is not None and one.avoided_held for one in found) >= 15


def test_nobody_is_admitted_twice_in_a_month() -> None:
    arrests = draw_arrests(SyntheticNetwork(seed=DEFAULT_SEED))
    visits = site_tables(arrests, hospital=0)["visit_occurrence"]
    months = visits.select("person_id", pl.col("visit_start_date").dt.truncate("1mo"))
    assert months.height > months["person_id"].n_unique(), "nobody comes back"
    assert not months.is_duplicated().any()


def test_the_truth_is_that_of_the_law() -> None:
    assert SyntheticNetwork(seed=DEFAULT_SEED).rate_ratio == 0.5

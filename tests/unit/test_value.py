"""Value: what is said of dominance and equal effects, draws and their ranges, budgets, and what is refused."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rounds.analyst import value
from rounds.analyst.frames import TableError
from rounds.learning.value.appraisal import break_even, swings, weigh
from rounds.learning.value.decision import curves, evppi, net_benefit
from rounds.learning.value.equity import equally_distributed, net_health, split
from rounds.learning.value.frontier import Place, frontier_of
from rounds.learning.value.inputs import Shape, Uncertain, draw
from rounds.learning.value.programme import RATE, rate_of
from rounds.learning.value.simulations import Interval, Simulations, Verdict, compare
from rounds.learning.value.years import discount_factors, present_value, repriced
from rounds.reports.content.value_words import comparison_words, step_words
from rounds.storage.value_files import read_declared

PLAIN = """\
id: plain
version: 1
title: Is it worth it?
problem: Something is wrong.
innovation: deterioration-programme
measure: cardiac-arrests
perspective: hospitals
currency: GBP
price_year: "2024/25"
sites_now: 1
plans: [{id: two, title: Two sites, sites: [2, 2]}]
costs:
  - {id: team, title: Team, kind: cost, per: site and year, amount: 100, price_year: "2024/25", source: ours}
  - {id: care, title: Care, kind: saving, per: event avoided, amount: 10, price_year: "2024/25", source: ours}
  - {id: start, title: Start, kind: cost, per: "site, once", amount: 50, price_year: "2024/25", source: ours}
health: {unit: QALY, per_event: 0.5, source: ours}
threshold: {worth: [100], source: ours}
discount: {costs_percent: 10, health_percent: 0, source: ours}
author: A
reviewer: B
next_review: 2027-01-01
"""


def options(costs: list[list[float]], effects: list[list[float]]) -> Simulations:
    names = ("old", "new", "third")[: len(costs[0])]
    return Simulations(options=names, costs=np.array(costs), effects=np.array(effects))


def fixed(events: float) -> Uncertain:
    return Uncertain(name=RATE, value=events, lower=events, upper=events, shape=Shape.FIXED)


@pytest.mark.parametrize(
    ("cost", "effect", "verdict", "said"),
    [
        (-5.0, 1.0, Verdict.DOMINATES, "dominates"),
        (0.0, 1.0, Verdict.DOMINATES, "dominates"),
        (5.0, -1.0, Verdict.DOMINATED, "is dominated"),
        (5.0, 1.0, Verdict.GAINS_FOR_MORE, "costs £5.00"),
        (-5.0, -1.0, Verdict.SAVES_FOR_LESS, "saves £5.00"),
        (5.0, 0.0, Verdict.DEARER_FOR_THE_SAME, "is not defined"),
        (-5.0, 0.0, Verdict.CHEAPER_FOR_THE_SAME, "is not defined"),
        (0.0, 0.0, Verdict.THE_SAME, "is not defined"),
    ],
)
def test_every_way_that_two_options_stand_to_each_other(
    cost: float, effect: float, verdict: Verdict, said: str
) -> None:
    found = compare(options([[7, 7 + cost]] * 3, [[2, 2 + effect]] * 3), "new", "old")
    assert found.verdict is verdict
    assert said in comparison_words(found, "QALY", "GBP")
    assert (found.icer is None) == (verdict not in {Verdict.GAINS_FOR_MORE, Verdict.SAVES_FOR_LESS})


def test_a_ratio_has_an_interval_only_where_nearly_every_simulation_gains() -> None:
    gains = [[0.0, one] for one in np.linspace(1, 2, 100)]
    sure = compare(options([[0.0, 10.0]] * 100, gains), "new", "old")
    assert sure.icer_interval == pytest.approx((10 / 2, 10 / 1), rel=0.05)
    some = [[0.0, one] for one in np.linspace(-0.1, 2, 100)]
    unsure = compare(options([[0.0, 10.0]] * 100, some), "new", "old")
    assert unsure.icer is not None
    assert unsure.icer_interval is None
    assert "gains nothing, at any price" in comparison_words(unsure, "QALY", "GBP")


def test_dominance_and_extended_dominance_are_told_apart_in_words() -> None:
    steps = frontier_of(("a", "b", "c", "d", "e"), (0.0, 9.0, 10.0, 12.0, 10.0), (0.0, 1.0, 2.0, 1.5, 2.0))
    places = {one.option: one for one in steps}
    assert places["b"].place is Place.EXTENDEDLY_DOMINATED
    assert places["b"].by == ("a", "c")
    assert places["d"].place is Place.DOMINATED
    assert places["e"].place is Place.THE_SAME
    assert places["c"].icer == 5.0
    assert "some of “a” and some of “c”" in step_words(places["b"], "QALY", "GBP")
    assert "“d” is dominated: “c”" in step_words(places["d"], "QALY", "GBP")


def test_ties_share_the_probability_of_being_best() -> None:
    found = curves(options([[1, 1, 5]] * 4, [[1, 1, 1]] * 4), [10.0])
    assert found.probability.tolist() == [[0.5, 0.5, 0.0]]
    assert found.evpi.tolist() == [0.0]


@pytest.mark.parametrize(
    ("shape", "value_", "low", "high"),
    [
        (Shape.NORMAL, 5.0, 1.0, 9.0),
        (Shape.NORMAL, 5.0, 4.0, 9.0),
        (Shape.LOGNORMAL, 0.6, 0.45, 0.83),
        (Shape.GAMMA, 100.0, 60.0, 140.0),
        (Shape.BETA, 0.3, 0.2, 0.4),
    ],
)
def test_what_is_drawn_has_the_stated_value_and_range(shape: Shape, value_: float, low: float, high: float) -> None:
    stated = Uncertain(name="x", value=value_, lower=low, upper=high, shape=shape)
    drawn = draw([stated], draws=20_000, seed=1)["x"]
    middle = np.median(drawn) if shape in {Shape.NORMAL, Shape.LOGNORMAL} else drawn.mean()
    assert middle == pytest.approx(value_, rel=0.02)
    ends = np.quantile(drawn, (0.025, 0.975))
    if shape in {Shape.GAMMA, Shape.BETA}:  # skewed: their range has the stated width, about another middle
        assert ends[1] - ends[0] == pytest.approx(high - low, rel=0.03)
    else:
        assert ends == pytest.approx((low, high), rel=0.05)
    assert (drawn == draw([stated], draws=20_000, seed=1)["x"]).all()
    assert (drawn != draw([stated], draws=20_000, seed=2)["x"]).any()


def test_a_ratio_and_what_it_avoids_are_drawn_together() -> None:
    ratio = Uncertain(name="ratio", value=0.6, lower=0.45, upper=0.8, shape=Shape.LOGNORMAL)
    avoided = Uncertain(name="avoided", value=40, lower=20, upper=60, shape=Shape.NORMAL)
    drawn = draw([ratio, avoided], draws=20_000, seed=1, correlations={("ratio", "avoided"): -0.9})
    assert np.corrcoef(np.log(drawn["ratio"]), drawn["avoided"])[0, 1] == pytest.approx(-0.9, abs=0.01)


def test_a_plan_is_added_up_year_by_year(tmp_path: Path) -> None:
    (tmp_path / "plain.yaml").write_text(PLAIN)
    declared = read_declared(tmp_path / "plain.yaml")
    found = weigh(declared, fixed(3.0), draws=10, seed=1).appraisals[0]
    # One site joins in year 1; two sites avoid three events each, at 10 saved and half a QALY worth 100 each.
    assert [one.estimate for one in found.spent_by_year] == pytest.approx([250, 200])
    assert [one.estimate for one in found.saved_by_year] == pytest.approx([60, 60])
    assert found.spent.estimate == pytest.approx(250 + 200 / 1.1)
    assert found.effect.estimate == pytest.approx(6.0)
    assert found.net_benefit[0].estimate == pytest.approx(600 - (190 + 140 / 1.1))
    assert found.returns is not None
    assert found.returns.money.estimate == pytest.approx((60 + 60 / 1.1) / (250 + 200 / 1.1) - 1)
    assert found.pays_back_in is None
    needed = break_even(declared, declared.plans[0], fixed(3.0), 100)
    assert needed is not None
    assert weigh(declared, fixed(needed), draws=10, seed=1).appraisals[0].net_benefit[0].estimate == pytest.approx(0)


def test_the_widest_swing_comes_first(tmp_path: Path) -> None:
    (tmp_path / "plain.yaml").write_text(PLAIN.replace("amount: 100,", "amount: 100, low: 90, high: 110,"))
    declared = read_declared(tmp_path / "plain.yaml")
    rate = Uncertain(name=RATE, value=3, lower=1, upper=5, shape=Shape.NORMAL)
    centre, found = swings(declared, declared.plans[0], rate, 100)
    assert [one.name for one in found] == [RATE, "Team"]
    assert found[0].at_lower < centre < found[0].at_upper
    assert found[1].at_lower > centre > found[1].at_upper


def test_withheld_groups_have_bounds_and_no_share() -> None:
    benefit = Interval(estimate=20.0, lower=10.0, upper=30.0)
    parts = split(("most", "least"), [40, 1], [40, 7], benefit)
    assert all(one.share is None for one in parts)
    assert parts[1].gained is None
    assert parts[0].share_lower < 40 / 47 < 40 / 41 < parts[0].share_upper
    exact = split(("most", "least"), [40, 10], [40, 10], benefit)
    assert [one.gained for one in exact] == [16.0, 4.0]


def test_health_forgone_is_taken_from_who_bears_it() -> None:
    found = net_health(np.array([[3.0, 1.0]]), np.array([40_000.0]), [0.25, 0.75], 20_000)
    assert found.tolist() == [[2.5, -0.5]]


TABLE = {"cost_old": [1.0, 2.0], "qaly_old": [1.0, 1.0], "cost_new": [5.0, 6.0], "qaly_new": [2.0, 3.0]}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({name: column[:1] for name, column in TABLE.items()}, "1 simulation tells nothing of how sure"),
        (TABLE | {"cost_new": [5.0, float("nan")]}, r"row 2, column cost_new: a simulation needs a number"),
        (TABLE | {"cost_new": ["5", "[c]"]}, r"row 2, column cost_new: a simulation needs a number"),
        (TABLE | {"cost_new": [5.0, float("inf")]}, "costs of new are missing or infinite in simulation 2"),
        ({"a": [1.0], "b": [2.0]}, "cannot be seen from their names"),
        ({name: column[:0] for name, column in TABLE.items()}, "there are no rows"),
    ],
)
def test_tables_that_cannot_be_valued(changes: dict[str, list[object]], said: str) -> None:
    with pytest.raises(TableError, match=said):
        value(pl.DataFrame(changes))


def test_a_table_tells_equal_effects_and_few_simulations() -> None:
    result = value(pl.DataFrame(TABLE | {"qaly_new": [1.0, 1.0]}))
    assert "with equal effects a cost per QALY is not defined" in str(result)
    assert any("2 simulations" in note for note in result.notes)


def test_a_table_is_written_with_its_charts(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    frame = pl.DataFrame(
        {name: rng.normal(at, 1, 200) for at, name in enumerate(("cost_old", "qaly_old", "cost_new", "qaly_new"))}
    )
    written = value(frame, per_people=1000).write(tmp_path)
    assert {path.name for path in written} == {
        "value.xlsx", "plane.svg", "plane.png", "acceptability.svg", "acceptability.png",
    }  # fmt: skip
    with pytest.raises(TableError, match=r"new has a column of costs or of effects, and needs both"):
        value(frame, costs={"old": "cost_old", "new": "cost_new"}, effects={"old": "qaly_old"})
    with pytest.raises(TableError, match="there is no column qaly_now"):
        value(frame, costs={"old": "cost_old", "new": "cost_new"}, effects={"old": "qaly_old", "new": "qaly_now"})


@pytest.mark.parametrize("worth", [-1.0, float("inf"), float("nan")])
def test_what_nothing_can_be_worth(worth: float) -> None:
    simulations = options([[0, 1]] * 2, [[0, 1]] * 2)
    with pytest.raises(ValueError, match="cannot be worth"):
        net_benefit(simulations, worth)
    with pytest.raises(TableError, match="cannot be worth"):
        value(pl.DataFrame(TABLE), worths=[worth])


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (lambda: options([[0, 1]] * 2, [[0, 1]] * 3), "2 simulations of costs and 3 of effects"),
        (lambda: options([[0, 1, 2]] * 2, [[0, 1]] * 2), "give a column for each of 3 options"),
        (lambda: options([[0]] * 2, [[0]] * 2), "give at least two"),
        (lambda: curves(options([[0, 1]] * 2, [[0, 1]] * 2), []), "at least one sum"),
        (lambda: compare(options([[0, 1]] * 2, [[0, 1]] * 2), "newer", "old"), "there is no option newer"),
        (lambda: evppi(options([[0, 1]] * 9, [[0, 1]] * 9), 1.0, np.ones(9)), "known already"),
        (lambda: evppi(options([[0, 1]] * 9, [[0, 1]] * 9), 1.0, np.arange(8.0)), "do not go with 9 simulations"),
        (lambda: discount_factors(5, 3.5), "write 0.035 for 3.5 %"),
        (lambda: discount_factors(5, -0.01), "not between 0 and 1"),
        (lambda: discount_factors(5, float("nan")), "not between 0 and 1"),
        (lambda: discount_factors(0, 0.035), "choose from 1 to 60"),
        (lambda: present_value([1.0, float("nan")], 0.035), "missing or infinite"),
        (lambda: repriced(1.0, from_year="2019", to_year="2024", index={"2019": 90.0}), "has no year 2024"),
        (lambda: repriced(1.0, from_year="2019", to_year="2024", index={"2019": 0.0, "2024": 1.0}), "above 0"),
        (lambda: Uncertain(name="x", value=1, lower=2, upper=3, shape=Shape.NORMAL), "does not lie in its range"),
        (lambda: Uncertain(name="x", value=1, lower=-1, upper=3, shape=Shape.GAMMA), "above 0"),
        (lambda: Uncertain(name="x", value=0.5, lower=0, upper=1.2, shape=Shape.BETA), "between 0 and 1"),
        (lambda: Uncertain(name="x", value=0.05, lower=0, upper=1, shape=Shape.BETA), "varies as widely"),
        (lambda: Uncertain(name="x", value=float("inf"), lower=0, upper=1, shape=Shape.NORMAL), "infinite"),
        (lambda: draw([fixed(1.0), fixed(2.0)], draws=10, seed=1), "the same name"),
        (lambda: draw([fixed(1.0)], draws=1, seed=1), "choose from 2"),
        (lambda: draw([fixed(1.0)], draws=9, seed=1, correlations={(RATE, "x"): 0.1}), "not two of the inputs"),
        (lambda: rate_of(1.0, 0.0, 2.0, site_years=0.0), "need time"),
        (lambda: rate_of(3.0, 0.0, 2.0, site_years=1.0), "do not lie between"),
        (lambda: split(("a",), [1], [0], Interval(estimate=1, lower=0, upper=2)), "impossible bounds"),
        (lambda: split(("a", "b"), [0, 0], [0, 0], Interval(estimate=1, lower=0, upper=2)), "no event in any group"),
        (lambda: net_health(np.ones((2, 2)), np.ones(2), [0.5, 0.6], 1.0), "add up to 1"),
        (lambda: equally_distributed([1.0, 0.0], [1.0, 1.0], 1.0), "not above 0"),
        (lambda: equally_distributed([1.0], [1.0], -1.0), "0 or more"),
    ],
)
def test_what_is_refused(attempt: object, said: str) -> None:
    assert callable(attempt)
    with pytest.raises(ValueError, match=said):
        attempt()

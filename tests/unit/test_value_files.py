"""Files of what programmes cost: read as they are meant, and refused by file and field where they are not."""

from pathlib import Path

import pytest
from test_value import PLAIN

from rounds.cli.demo import _business_case
from rounds.errors import DefinitionError
from rounds.learning.value.inputs import Shape
from rounds.records.synthetic.value import costs_yaml
from rounds.storage.value_files import read_declared


def read(folder: Path, text: str):
    path = folder / "costs.yaml"
    path.write_text(text)
    return read_declared(path)


def test_a_sum_is_brought_to_the_price_year(tmp_path: Path) -> None:
    text = PLAIN.replace('amount: 10, price_year: "2024/25"', 'amount: 10, low: 5, high: 20, price_year: "2019/20"')
    text += 'inflation: {index: {"2019/20": 80, "2024/25": 100}, source: an index}\n'
    care = read(tmp_path, text).costs[1]
    assert (care.amount.value, care.amount.lower, care.amount.upper) == (12.5, 6.25, 25.0)
    assert care.amount.shape is Shape.GAMMA
    assert care.saving
    assert care.stated == "GBP 10 (5 to 20), 2019/20 prices"


def test_a_rate_of_discount_that_nobody_states_is_that_of_the_green_book(tmp_path: Path) -> None:
    text = "\n".join(line for line in PLAIN.splitlines() if not line.startswith("discount"))
    found = read(tmp_path, text).discounting
    assert (found.costs, found.health) == (pytest.approx(0.035), pytest.approx(0.035))
    assert "Green Book" in found.source


def test_the_demo_says_that_its_costs_are_invented(tmp_path: Path) -> None:
    text = costs_yaml(
        innovation="a-programme", outcome="arrests", by_group="g", using=12, hospitals=15, day="2026-03-31"
    )
    found = read(tmp_path, text)
    assert all("invented" in one.source for one in found.costs)
    assert [plan.sites for plan in found.plans] == [(12,) * 5, (12, 14, 15, 15, 15)]
    assert _business_case(tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("amount: 100,", "amount: -100,", "kind: saving"),
        ("amount: 100,", "amount: 100, low: -5, high: 110,", "kind: saving"),
        ("amount: 100,", "amount: 100, low: 90,", "a range has two ends"),
        ("amount: 100,", "amount: 100, low: 110, high: 120,", "does not lie in its range"),
        ("amount: 100,", "amount: .nan,", "`.nan` is no number that counts"),
        ("amount: 100,", "", "`amount` is missing"),
        ('amount: 100, price_year: "2024/25",', "amount: 100,", "`price_year` is missing"),
        ('amount: 100, price_year: "2024/25"', 'amount: 100, price_year: "2019"', "give `inflation:`"),
        ('amount: 100, price_year: "2024/25"', 'amount: 100, price_year: "lately"', "is no price year"),
        ("per: site and year,", "", "`per` is missing"),
        ("per: site and year,", "per: patient,", "cannot be `patient`"),
        (", source: ours}\n  - {id: care", "}\n  - {id: care", "`source` is missing"),
        ("unit: QALY, ", "", "`unit` is missing"),
        ("costs_percent: 10", "costs_percent: 350", "or less, not 350"),
        ("costs_percent: 10", "costs_percent: 0.035", "is in per cent"),
        ("costs_percent: 10", "costs_percent: -1", "or more, not -1"),
        ("worth: [100]", "worth: [-100]", "or more, not -100"),
        ("sites: [2, 2]", "sites: [2, -2]", "must be 0 or more"),
        ("sites: [2, 2]", "sites: []", "is empty"),
        ("sites: [2, 2]}]", "sites: [2, 2]}, {id: one, title: One, sites: [1]}]", "the same number of years"),
        ("{id: care,", "{id: team,", "the same id"),
        ("reviewer: B", "reviewer: A", "somebody other than the author"),
        ('price_year: "2024/25"\nsites_now', "sites_now", "`price_year` is missing"),
        ("perspective: hospitals", "perspectives: hospitals", "unknown field `perspectives`"),
        ("author: A", "effect: {avoided: 9, low: 1, high: 5, site_years: 1, outcome: x, source: y}\nauthor: A",
         "does not lie between"),
        ("author: A", "groups: {by: fifth, events: {a: [5, 2], b: [1]}, source: y}\nauthor: A", "are impossible"),
        ("author: A", "distribution: {burden_percent: {a: 60, b: 50}, people: {a: 1, b: 1}, health_before: {a: 1, b: 1}"
         ", aversion: [1], source: y}\nauthor: A", "add up to 110, not 100"),
        ("author: A", "distribution: {burden_percent: {a: 50, b: 50}, people: {a: 1, c: 1}, health_before: {a: 1, b: 1}"
         ", aversion: [1], source: y}\nauthor: A", "the same groups"),
    ],
)  # fmt: skip
def test_what_is_refused_names_the_file_and_what_to_do(old: str, new: str, said: str, tmp_path: Path) -> None:
    assert PLAIN.count(old) >= 1
    with pytest.raises(DefinitionError, match=r"costs\.yaml") as refused:
        read(tmp_path, PLAIN.replace(old, new, 1))
    assert said in str(refused.value)

"""Policies as reviewed text: what may be written, what is refused, which is stricter, and what each lets leave."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rounds.disclosure.bounded import State, bounded_problem
from rounds.disclosure.budget import Budget, advantage, refuse_overspent
from rounds.disclosure.policy import Policy, SitePolicy, Terms, decode_policy, in_words
from rounds.disclosure.release import Released, release
from rounds.disclosure.screen import screened
from rounds.errors import DefinitionError, DisclosureRefusal
from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import MeasureRef
from rounds.measures.kinds import CountKind
from rounds.site.noise import draw
from rounds.site.policies import policy_words
from rounds.storage.library import read_library, shipped_library_folder
from rounds.storage.policy_files import read_policy

REF = MeasureRef(id="m", version=1, digest="0" * 64)
LIBRARY = read_library(shipped_library_folder())
BUDGET = Budget(rho_per_year=0.5, periods_per_year=4)
NOISE = Terms(rule=Policy.NOISE, budget=BUDGET)
HES, MIDPOINT6, OPEN = (Terms(rule=rule) for rule in (Policy.HES, Policy.MIDPOINT6, Policy.OPEN))
NEVER = Terms(rule=Policy.HES, never=True)
HEAD = "id: own\nversion: 1\ntitle: Ours\nsource: Board paper 12\n"
TAIL = "author: A\nreviewer: B\nnext_review: 2027-01-01\n"


def _count(numerators: list[int], denominator: int = 500) -> Count:
    cells = {
        "member": [f"M{row}" for row in range(len(numerators))],
        "period": [date(2025, 1, 1)] * len(numerators),
        "numerator": numerators,
        "denominator": [denominator] * len(numerators),
    }
    return Count(measure=REF, strata=(), cells=pl.DataFrame(cells, schema=count_schema(())))


def _release(numerators: list[int], terms: Terms) -> Released:
    return release(_count(numerators), terms=terms, already_public=terms.rule is Policy.OPEN, draw=draw)


# true count, value, lower, upper
MIDPOINTS = [
    (0, 0, 0, 0),
    (1, 3, 1, 6),
    (6, 3, 1, 6),
    (7, 9, 7, 12),
    (12, 9, 7, 12),
    (13, 15, 13, 18),
    (302, 303, 301, 306),
]


@pytest.mark.parametrize(("true", "value", "lower", "upper"), MIDPOINTS)
def test_midpoint_6_shows_the_middle_of_each_six(true: int, value: int, lower: int, upper: int) -> None:
    row = _release([true], MIDPOINT6).cells.row(0, named=True)
    assert (row["numerator_value"], row["numerator_lower"], row["numerator_upper"]) == (value, lower, upper)
    assert row["numerator_state"] == (State.ROUNDED if true else State.EXACT)


@given(st.lists(st.integers(0, 500), min_size=1, max_size=20))
def test_whatever_rule_the_table_is_bounded_and_holds_the_truth(numerators: list[int]) -> None:
    for terms in (HES, MIDPOINT6, OPEN, Terms(rule=Policy.HES, highest_withheld=10, round_to=7)):
        cells = _release(numerators, terms).cells
        assert bounded_problem(cells, ()) is None
        assert (cells["numerator_lower"] <= pl.Series(numerators)).all()
        assert (cells["numerator_upper"] >= pl.Series(numerators)).all()


def test_noise_has_the_standard_deviation_that_the_budget_gives() -> None:
    assert BUDGET.sigma == pytest.approx(
        (2 * 4 / (2 * 0.5)) ** 0.5
    )  # two draws a period, four periods, 1 / (2 sigma^2)
    cells = _release([100] * 4000, NOISE).cells
    assert set(cells["numerator_state"]) == {State.NOISY}
    noise = cells["numerator_value"] - 100
    assert abs(float(noise.mean())) < 4 * BUDGET.sigma / 4000**0.5  # type: ignore[arg-type]
    assert float(noise.std()) == pytest.approx(BUDGET.sigma, rel=0.06)  # type: ignore[arg-type]
    assert cells["numerator_lower"].le(100).all()
    assert cells["numerator_upper"].ge(100).mean() > 0.999  # type: ignore[operator]


def test_a_noisy_number_may_be_negative_and_its_bounds_are_not() -> None:
    released = release(_count([0]), terms=NOISE, already_public=False, draw=lambda _, many: [-5] * many)
    row = released.cells.row(0, named=True)
    assert (row["numerator_value"], row["numerator_lower"]) == (-5, 0)
    assert row["numerator_upper"] >= 0


def test_what_one_person_can_add_widens_the_noise() -> None:
    cells = {"member": ["A"], "period": [date(2025, 1, 1)], "numerator": [40], "denominator": [3_000]}
    people = {"numerator_people": [30], "denominator_people": [100], "numerator_most": [15], "denominator_most": [31]}
    frame = pl.DataFrame(cells | people, schema=count_schema((), CountKind.RATE))
    count = Count(measure=REF, strata=(), cells=frame, kind=CountKind.RATE)
    asked: list[float] = []
    release(count, terms=NOISE, already_public=False, draw=lambda sigma, many: asked.append(sigma) or [0] * many)
    assert asked == pytest.approx([15 * BUDGET.sigma, 31 * BUDGET.sigma])


def test_noise_without_a_source_of_chance_is_refused() -> None:
    with pytest.raises(DisclosureRefusal, match="needs a source of chance"):
        release(_count([9]), terms=NOISE, already_public=False)


def test_never_lets_nothing_leave() -> None:
    with pytest.raises(DisclosureRefusal, match="lets nothing of it leave"):
        _release([9], NEVER)


def test_what_left_before_leaves_again_as_it_was() -> None:
    before = _release([20, 3, 0], HES).cells
    after = release(_count([26, 12, 1]), terms=HES, already_public=False, stored=before)
    assert after.cells.equals(before)
    noisy = _release([20, 3, 0], NOISE).cells
    again = release(_count([26, 12, 1, 40]), terms=NOISE, already_public=False, stored=noisy, draw=draw)
    assert again.cells[:3].equals(noisy)


STRICTER = [
    (HES, OPEN, True),
    (OPEN, HES, False),
    (NEVER, HES, True),
    (HES, NEVER, False),
    (MIDPOINT6, HES, False),
    (HES, MIDPOINT6, False),
    (NOISE, HES, False),
    (Terms(rule=Policy.HES, highest_withheld=12), HES, True),
    (HES, Terms(rule=Policy.HES, highest_withheld=12), False),
    (Terms(rule=Policy.HES, round_to=15), HES, True),
    (Terms(rule=Policy.HES, highest_withheld=10, round_to=7), HES, False),  # 7 is coarser, and shows what 5 does not
    (Terms(rule=Policy.NOISE, budget=Budget(rho_per_year=0.25, periods_per_year=4)), NOISE, True),
    (Terms(rule=Policy.NOISE, budget=Budget(rho_per_year=0.5, periods_per_year=3)), NOISE, False),
    (Terms(rule=Policy.NOISE, budget=Budget(rho_per_year=1.0, periods_per_year=8)), NOISE, False),
]


@pytest.mark.parametrize(("one", "other", "expected"), STRICTER)
def test_which_is_stricter(one: Terms, other: Terms, expected: bool) -> None:
    assert one.at_least_as_strict_as(other) is expected
    assert one.at_least_as_strict_as(one)


REFUSED = {
    "": "field `rule` is missing; add it",
    "rule: hess\n": "there is no rule `hess`; did you mean `hes`",
    "rule: hes\nhighest_withheld: 5\n": "own.yaml line 6 column 1: `highest_withheld`: 5 is weaker than the rule `hes`",
    "rule: hes\nround_to: 4\n": "4 is no base to round to",
    "rule: hes\nround_to: 21\n": "7 cuts through numbers that are rounded to the same",
    "rule: midpoint6\nround_to: 15\n": "rule `midpoint6` withholds and rounds by itself",
    "rule: noise\n": "rule `noise`, and no other, has a budget",
    "rule: hes\nbudget: {rho_per_year: 1.0, periods_per_year: 4}\n": "rule `noise`, and no other, has a budget",
    "rule: noise\nbudget: {rho_per_year: 3.0, periods_per_year: 4}\n": "`rho_per_year` is above 0 and at most 2",
    "rule: noise\nbudget: {rho_per_year: 1.0, periods_per_year: 0}\n": "`periods_per_year` is 1 or more",
    "rule: hes\nhighest_withheld: 12\noverrides: {otitis-media: {highest_withheld: 7}}\n": "an override may only be",
    "rule: hes\noverrides: {otitis-media: {highest_withheld: 3}}\n": "3 is weaker than the rule `hes`",
    "rule: hes\nmost_epochs: 3\n": "1 to 2 epochs, not 3",
    "rule: hes\noverrides: {otitis-medi: {never: true}}\n": "no measure `otitis-medi` in the library; did you mean",
    "rule: hes\nsee_all: true\n": "see_all",
}


@pytest.mark.parametrize(("text", "said"), REFUSED.items())
def test_a_policy_that_is_wrong_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        _read(tmp_path, HEAD + text + TAIL)
    assert said in str(refused.value)
    assert "own.yaml" in str(refused.value)


def test_a_policy_needs_a_second_pair_of_eyes(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="the reviewer must be somebody other than the author"):
        _read(tmp_path, HEAD + "rule: hes\n" + TAIL.replace("B", "A"))


def test_a_policy_that_is_not_there_is_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"site.yaml: there is no policy `hess`; did you mean `hes`\?; without a"):
        read_policy("hess", own=None, library=LIBRARY, source="site.yaml")
    _write(tmp_path, HEAD.replace("own", "hes") + "rule: open\n" + TAIL)
    with pytest.raises(DefinitionError, match="give it an id of its own"):
        read_policy("hes", own=tmp_path, library=LIBRARY, source="site.yaml")


@pytest.mark.parametrize("name", ["hes", "midpoint6", "noise", "open"])
def test_a_shipped_policy_survives_being_kept(name: str) -> None:
    policy = read_policy(name, own=None, library=LIBRARY, source="site.yaml")
    assert decode_policy(policy.encode()) == policy
    assert decode_policy(policy.encode()).digest == policy.digest
    assert policy.weaker_than(policy) == ()


def test_a_policy_says_in_words_what_it_lets_leave_and_where_it_is_weaker(tmp_path: Path) -> None:
    strict = _read(
        tmp_path, HEAD + "rule: hes\nmost_epochs: 1\noverrides: {otitis-media: {never: true}, gi-haemorrhage: "
        "{highest_withheld: 22, round_to: 15}}\n" + TAIL
    )  # fmt: skip
    assert policy_words(strict) == (
        "own: 0 is shown, 1 to 7 are withheld, everything else is rounded to the nearest 5",
        "gi-haemorrhage: 0 is shown, 1 to 22 are withheld, everything else is rounded to the nearest 15",
        "otitis-media: nothing leaves",
        "a number is released once, and never revised",
    )
    plain = read_policy("hes", own=None, library=LIBRARY, source="site.yaml")
    said = plain.weaker_than(strict)
    assert [line.partition(" had ")[0] for line in said[:2]] == ["measure gi-haemorrhage", "measure otitis-media"]
    assert "could be revised 0 times and can be 1" in said[2]
    assert strict.weaker_than(plain) == ()
    noise = read_policy("noise", own=None, library=LIBRARY, source="site.yaml")
    assert "the rule for all measures was" in noise.weaker_than(plain)[0]
    assert "guesses right in 76 of 100 tries instead of 50" in in_words(noise.terms)


def test_what_a_budget_tells_of_one_person() -> None:
    # Theory for the Gaussian mechanism: mu = 1 / sigma for one draw, and mus add up as squares.
    assert advantage(1 / (2 * 2**2)) == pytest.approx(0.1974, abs=1e-4)  # 2 Phi(0.25) - 1, from a table of the normal
    assert advantage(12 / (2 * 2**2)) == pytest.approx(0.6135, abs=1e-3)  # 2 Phi(0.866) - 1
    assert advantage(0) == 0


def test_a_spent_budget_is_refused_and_a_draw_costs_each_time() -> None:
    months = [("d", f"2025-{month:02}-01", 1) for month in range(1, 13)]
    first = refuse_overspent({2025: months[:4]}, {}, BUDGET, measure="m v1")
    assert sum(first[2025].values()) == pytest.approx(BUDGET.rho_per_year)
    for again in (months[:1], months[4:5]):
        with pytest.raises(DisclosureRefusal, match=r"m v1: the budget of 2025 is spent: 1 more periods cost 0\.125"):
            refuse_overspent({2025: again}, first, BUDGET, measure="m v1")
    assert refuse_overspent({2026: [("d", "2026-01-01", 1)]}, first, BUDGET, measure="m v1")
    assert refuse_overspent({}, first, BUDGET, measure="m v1") == {}


def _read(folder: Path, text: str) -> SitePolicy:
    _write(folder, text)
    return read_policy("own", own=folder, library=LIBRARY, source="site.yaml")


def _write(folder: Path, text: str) -> None:
    (folder / "policies").mkdir()
    (folder / "policies" / "own.yaml").write_text(text)


def test_what_would_be_drawn_anew_each_time_is_not_shown_on_a_screen() -> None:
    with pytest.raises(DisclosureRefusal, match="has no rule for numbers on a screen"):
        screened((3, 40), terms=NOISE)
    with pytest.raises(DisclosureRefusal, match="only for data that are already public"):
        screened((3, 40), terms=OPEN)
    assert [str(one) for one in screened((0, 3), terms=HES)] == ["0", "withheld (1 to 7)"]

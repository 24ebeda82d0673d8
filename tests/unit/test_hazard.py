"""Who adopts when, who is slow, who is next, and whether it lasts."""

from dataclasses import replace

import numpy as np
import pytest

from rounds.learning.spread.expected import contributions, slow_members, soon
from rounds.learning.spread.hazard import NotFitted, Spells, exposure, fit_hazard, peers_alike
from rounds.learning.spread.sustaining import Use, decay_alarm, sustained
from rounds.learning.spread.who_next import Candidate, who_next
from rounds.reports.content.next_members import total_of


def network(seed: int, *, members: int = 200, size_effect: float = 0.8, peer_effect: float = 1.0) -> Spells:
    """Return members of ten regions that adopt over 24 periods, sooner if they are large and their peers have."""
    rng = np.random.default_rng(seed)
    regions = [f"region {at % 10}" for at in range(members)]
    size, peers = rng.standard_normal(members), peers_alike(regions)
    adopted, by = np.zeros(members), np.full(members, -1)
    for period in range(1, 25):
        linear = -3.5 + size_effect * size + peer_effect * (peers @ adopted) / peers.sum(axis=1)
        new = (by < 0) & (rng.random(members) < -np.expm1(-np.exp(linear)))
        by[new] = period
        adopted[new] = 1.0
    return Spells(
        members=tuple(f"R{at:03d}" for at in range(members)),
        entry=np.zeros(members, dtype=np.int64),
        after=np.where(by > 0, by - 1, 24),
        by=by,
        covariates=size[:, None],
        names=("size",),
        peers=peers,
    )


def test_planted_effects_are_found_inside_their_intervals() -> None:
    size, peer = 0, 0
    for seed in range(20):
        found = fit_hazard(network(seed), prior_deviation=None)
        half = 1.96 * found.standard_errors
        size += abs(found.coefficients[3] - 0.8) <= half[3]
        peer += abs(found.coefficients[4] - 1.0) <= half[4]
    assert size >= 17
    assert peer >= 17


def test_dates_known_to_half_a_year_give_the_same_answer_less_surely() -> None:
    exact = network(1)
    vague = replace(
        exact,
        after=np.where(exact.by > 0, (exact.by - 1) // 6 * 6, exact.after),
        by=np.where(exact.by > 0, (exact.by - 1) // 6 * 6 + 6, -1),
    )
    close, wide = fit_hazard(exact), fit_hazard(vague)
    assert wide.coefficients[3] == pytest.approx(close.coefficients[3], abs=0.15)
    assert wide.standard_errors[3] > close.standard_errors[3]


def test_a_covariate_that_separates_is_refused_or_held_by_the_penalty() -> None:
    base = network(2, members=40)
    split = replace(base, covariates=base.adopted.astype(float)[:, None], names=("adopter",))
    with pytest.raises(NotFitted, match="adopter separates"):
        fit_hazard(split, prior_deviation=None)
    held = fit_hazard(split)
    assert np.isfinite(held.ratios[2]).all()
    assert held.ratios[0][3] > 1


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"members": ("A",) * 40}, "member A comes twice"),
        ({"covariates": np.full((40, 1), np.nan)}, "member R000: size is missing"),
        ({"covariates": np.zeros((39, 1))}, "covariates have shape"),
        ({"entry": np.full(40, -1)}, "R000 joined before adoption became possible"),
        ({"by": np.zeros(40, dtype=np.int64)}, "adopted in a period that ends before it begins"),
        ({"entry": np.full(40, 25)}, "R000 was last seen without the innovation before it joined"),
        ({"peers": np.full((40, 40), -1.0)}, "peers need a number of 0 or more"),
    ],
)
def test_spells_that_cannot_be_are_refused(change: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        replace(network(2, members=40), **change)


def test_too_few_adopters_say_nothing() -> None:
    nobody = replace(network(2, members=40), by=np.full(40, -1), after=np.full(40, 24))
    with pytest.raises(NotFitted, match="0 adopters are too few"):
        fit_hazard(nobody)


def test_exposure_is_the_share_of_peers_at_the_end_of_the_period_before() -> None:
    spells = Spells(
        members=("A", "B", "C", "D"),
        entry=np.zeros(4, dtype=np.int64),
        after=np.array([0, 1, 4, 4]),
        by=np.array([1, 3, -1, -1]),
        covariates=np.zeros((4, 0)),
        names=(),
        peers=peers_alike(["north", "north", "north", "south"]),
    )
    # B adopted in period 2 or 3: half of it counts from the end of period 2. D has no peer.
    np.testing.assert_allclose(exposure(spells)[2], [0, 0.5, 0.75, 1.0, 1.0])
    np.testing.assert_allclose(exposure(spells)[3], 0)


def test_slow_members_are_those_that_were_expected() -> None:
    spells = network(4)
    large = spells.covariates[:, 0] == np.sort(spells.covariates[:, 0])[-1]
    held = replace(spells, by=np.where(large, -1, spells.by), after=np.where(large, 24, spells.after))
    fit = fit_hazard(held)
    found = slow_members(held, fit, generator=np.random.default_rng(1))
    assert found[0].member == held.members[int(np.argmax(large))]
    assert found[0].lower <= found[0].expected <= found[0].upper
    assert found[0].contributions[0].name == "size"
    assert found[0].contributions[0].ratio > 1
    assert all(one.expected >= 0.75 for one in found)
    average = replace(held, covariates=np.zeros_like(held.covariates))
    assert contributions(average, fit, 0)[-1].ratio == pytest.approx(1)


def test_how_likely_it_is_soon_grows_with_horizon_and_help() -> None:
    spells = network(4)
    fit = fit_hazard(spells)
    short, long = (soon(spells, fit, horizon=periods, generator=np.random.default_rng(1)) for periods in (6, 12))
    helped = soon(spells, fit, horizon=6, support=2.0, generator=np.random.default_rng(1))
    assert (short.probability < long.probability).all()
    np.testing.assert_allclose(helped.probability, long.probability)
    assert set(short.members).isdisjoint(np.array(spells.members)[spells.adopted])
    with pytest.raises(ValueError, match="one period ahead"):
        soon(spells, fit, horizon=0, generator=np.random.default_rng(1))


CHANCE = {"generator": np.random.default_rng(1)}


def candidates(*sizes: tuple[float, float]) -> list[Candidate]:
    return [Candidate(member=f"R{at}", eligible_lower=low, eligible_upper=high) for at, (low, high) in enumerate(sizes)]


def test_next_is_where_most_would_benefit_and_how_sure_that_is() -> None:
    rng = np.random.default_rng(1)
    draws = np.clip(0.4 + 0.02 * rng.standard_normal((2000, 4)), 0, 1)
    effect = 0.01 + 0.001 * rng.standard_normal(2000)
    told = {"probability": np.full(4, 0.4), "probability_draws": draws, "effect_draws": effect, "generator": rng}
    found = who_next(candidates((1000, 1000), (5000, 5000), (100, 100), (4000, 4000)), first=2, **told)
    assert [one.member for one in found.ranked] == ["R1", "R3", "R0", "R2"]
    assert found.certain
    assert found.ranked[0].patients == pytest.approx(0.4 * 5000 * effect.mean())
    assert found.ranked[0].lower < found.ranked[0].patients < found.ranked[0].upper
    both, low, high = total_of(found, np.array([1.0, 2.0, 3.0, 4.0]))
    assert (both, low, high) == pytest.approx((found.ranked[0].patients + found.ranked[1].patients, 1.075, 3.925))
    # What is withheld may be anything between its bounds: the same order, and no longer sure of it.
    vague = who_next(candidates((1, 2000), (4000, 6000), (1, 200), (1, 8000)), first=1, **told)
    assert vague.ranked[0].member == "R1"
    assert not vague.certain
    assert sum(one.first for one in vague.ranked) == pytest.approx(1)


def test_level_members_share_a_place_and_a_chance() -> None:
    told = {
        "probability": np.full(3, 0.5),
        "probability_draws": np.full((500, 3), 0.5),
        "effect_draws": np.ones(500),
    } | CHANCE
    found = who_next(candidates((100, 100), (100, 100), (10, 10)), first=1, **told)
    assert [(one.place, one.level) for one in found.ranked] == [(1, True), (1, True), (3, False)]
    assert found.ranked[0].first == pytest.approx(0.5, abs=0.1)
    assert not found.certain


def test_next_refuses_what_cannot_be_and_says_nothing_of_nobody() -> None:
    one = {
        "probability": np.array([0.5]),
        "probability_draws": np.full((9, 1), 0.5),
        "effect_draws": np.ones(9),
    } | CHANCE
    with pytest.raises(ValueError, match="R0: patients a year between 5 and 2"):
        who_next(candidates((5, 2)), **one)
    with pytest.raises(ValueError, match="not between 0 and 1"):
        who_next(candidates((1, 2)), **(one | {"probability": np.array([1.5])}))
    none = {"probability": np.empty(0), "probability_draws": np.empty((9, 0)), "effect_draws": np.ones(9)} | CHANCE
    assert who_next([], **none).ranked == ()


def test_sustaining_when_none_or_all_have_stopped() -> None:
    none = sustained([12.0] * 20, [False] * 20)
    share, low, high = none.at(6.0)
    assert (share, high) == (1.0, 1.0)
    assert 0.8 < low < 0.9
    gone = sustained([1.0, 2.0, 3.0], [True, True, True])
    assert gone.share.tolist() == pytest.approx([2 / 3, 1 / 3, 0.0])
    assert gone.lower[-1] == 0.0
    assert 0 < gone.upper[-1] < 1
    assert np.isnan(gone.at(4.0)[0])
    for durations in ([], [0.0], [np.nan], [-1.0]):
        with pytest.raises(ValueError, match="duration"):
            sustained(durations, [True] * len(durations))


def uses(rng: np.random.Generator, *, periods: int, share: float = 0.8, falls: bool = False) -> list[Use]:
    found = []
    for member in range(15):
        rate = np.full(periods, share)
        if falls and member == 0:
            rate[-4:] -= 0.25
        done = rng.binomial(120, rate).astype(float)
        found.append(Use(member=f"R{member}", done=done, done_upper=done, due=np.full(periods, 120.0)))
    return found


def test_the_alarm_sounds_as_rarely_as_it_says_and_finds_a_fall() -> None:
    """60 years of 15 members that change nothing, looked at every month: 0.5 false alarms a year are allowed."""
    rng = np.random.default_rng(7)
    false = 0
    for _ in range(60):
        year = uses(rng, periods=20)
        for month in range(9, 21):
            seen = [replace(u, done=u.done[:month], done_upper=u.done_upper[:month], due=u.due[:month]) for u in year]
            false += len(decay_alarm(seen, periods_a_year=12).members)
    assert false / 60 < 0.8
    found = [decay_alarm(uses(rng, periods=20, falls=True), periods_a_year=12).members for _ in range(20)]
    assert sum(any(one.member == "R0" and one.certain for one in alarms) for alarms in found) >= 19


def test_withheld_use_is_a_possible_fall_and_no_certain_one() -> None:
    done = np.array([90.0] * 9 + [0.0] * 3)
    use = Use(member="R1", done=done, done_upper=np.where(done > 0, done, 100.0), due=np.full(12, 100.0))
    (found,) = decay_alarm([use], periods_a_year=12).members
    assert not found.certain
    with pytest.raises(ValueError, match="more was done than due"):
        decay_alarm([replace(use, done_upper=np.full(12, 101.0))], periods_a_year=12)
    with pytest.raises(ValueError, match="sounds never"):
        decay_alarm([use], periods_a_year=12, false_alarms_a_year=0.0)

"""Observations on time, triggers and responses, score tables and arrests by ward: small cases worked out by hand."""

import math
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from rounds.errors import DefinitionError
from rounds.learning.deterioration.arrests import WardCounts, arrest_shares, count_by_ward, for_impact
from rounds.learning.deterioration.by_patient import cluster_sums
from rounds.learning.deterioration.calibration import fit_risk, observed_risks, recalibrate
from rounds.learning.deterioration.decision_curve import decision_curve
from rounds.learning.deterioration.discrimination import Auroc, auroc, compare_scores
from rounds.learning.deterioration.on_time import observations_on_time
from rounds.learning.deterioration.responses import Waits, responses, triggers, waits
from rounds.learning.deterioration.score_table import ScoreTable, add_tables, count_scores, table_of_released
from rounds.learning.deterioration.sets import Take, chosen, outcome_within
from rounds.learning.deterioration.shares import Amount, Known, NoAnswer, share
from rounds.learning.deterioration.thresholds import thresholds
from rounds.learning.impact.did import estimate_effect
from rounds.learning.impact.effect import Effect
from rounds.learning.impact.treatment import build_panel
from rounds.measures.schedules import Band, Schedule
from rounds.measures.score_sets import NO_TOTAL
from rounds.storage.library import read_library, shipped_library_folder


def _array(*values: float) -> np.ndarray:
    return np.array(values)


def _known(*cells: tuple[float, float]) -> Known:
    lower, upper = np.array(cells, dtype=float).T
    return Known(value=np.where(lower == upper, lower, np.nan), lower=lower, upper=upper)


@pytest.fixture(scope="module")
def schedule() -> Schedule:
    (found,) = read_library(shipped_library_folder()).schedules
    return found


@pytest.mark.parametrize(
    ("total", "highest", "minutes"),
    [(0, 0, 720), (1, 1, 360), (4, 2, 360), (3, 3, 60), (4, 3, 60), (5, 2, 60), (6, 3, 60), (7, 2, 30), (20, 3, 30)],
)
def test_when_the_next_set_is_due_by_chart_4(schedule: Schedule, total: int, highest: int, minutes: int) -> None:
    assert schedule.due_minutes(totals=_array(total), highest=_array(highest)).tolist() == [minutes]


def test_a_partial_set_calls_for_nothing(schedule: Schedule) -> None:
    with pytest.raises(ValueError, match="1 sets have no total"):
        schedule.due_minutes(totals=_array(NO_TOTAL, 3), highest=_array(0, 0))


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"bands": (Band(at_least=1, minutes=60),)}, "rise, from 0"),
        ({"bands": (Band(at_least=0, minutes=60), Band(at_least=3, minutes=90))}, "no later after a higher score"),
        ({"single": Band(at_least=0, minutes=60)}, "points are at least 1"),
    ],
)
def test_what_a_schedule_may_not_say(changed: dict[str, object], refusal: str) -> None:
    given = {"bands": (Band(at_least=0, minutes=60),), "single": Band(at_least=3, minutes=60)} | changed
    with pytest.raises(DefinitionError, match=refusal):
        Schedule(id="s", version=1, title="S", scores=("news2",), **given)


def test_a_schedule_names_scores_of_the_library(tmp_path: Path) -> None:
    text = (shipped_library_folder() / "schedules" / "news2.yaml").read_text(encoding="utf-8")
    (tmp_path / "schedules").mkdir()
    (tmp_path / "schedules" / "news2.yaml").write_text(text.replace("[news2,", "[news3,"), encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"line \d+ column \d+: `scores`: there is no score `news3`"):
        read_library(tmp_path)


def test_on_time_late_and_never_taken() -> None:
    # Stay 1: due at 60, taken at 60 (on time); due at 120, taken at 121 (late); then due at 181, gone at 181 (not due).
    # Stay 2: due at 60, still there at 500 without another (late).
    given = {
        "stays": _array(2, 1, 1, 1),
        "minutes": _array(0, 121, 60, 0),
        "due_within": _array(60, 60, 60, 60),
        "stay_ends": _array(500, 181, 181, 181),
    }
    (all_,) = observations_on_time(**given, groups=np.full(4, "ward"))
    assert (all_.due, all_.on_time, all_.late, all_.not_due) == (3, 1, 2, 1)
    assert all_.share is not None
    assert all_.share.value == pytest.approx(1 / 3)
    (patient,) = observations_on_time(**given, groups=np.full(4, "ward"), grace_minutes=1)
    assert patient.on_time == 2
    one, two = observations_on_time(**given, groups=np.array(["b", "a", "a", "a"]))
    assert (one.group, one.due, two.group, two.due) == ("a", 2, "b", 1)
    with pytest.raises(ValueError, match="1 sets stand at the same minute"):
        observations_on_time(**given | {"minutes": _array(0, 60, 60, 0)}, groups=np.full(4, "ward"))
    with pytest.raises(ValueError, match="after their stay had ended"):
        observations_on_time(**given | {"stay_ends": _array(500, 90, 90, 90)}, groups=np.full(4, "ward"))


def test_nobody_observed_is_no_group() -> None:
    empty = np.zeros(0)
    given = dict.fromkeys(("stays", "minutes", "due_within", "stay_ends", "groups"), empty)
    assert observations_on_time(**given) == ()


def test_outcomes_follow_a_set_within_the_hours() -> None:
    died = outcome_within(
        24,
        stays=_array(1, 1, 1, 1, 2, 3),
        minutes=_array(0, 60, 1499, 1500, 100, 100),
        event_stays=_array(3, 1, 1),
        event_minutes=_array(90, 5000, 1500),
    )
    # 1,500 minutes after the first; 1,440 after the second; the fourth stands at the event itself.
    assert died.tolist() == [False, True, True, False, False, False]


def test_one_set_of_each_stay() -> None:
    given = {"stays": _array(7, 7, 5, 7), "minutes": _array(30, 20, 1, 25), "totals": _array(4, 1, 2, 4)}
    assert chosen(Take.EVERY_SET, **given).tolist() == [0, 1, 2, 3]
    assert chosen(Take.FIRST_OF_STAY, **given).tolist() == [1, 2]
    assert chosen(Take.HIGHEST_OF_STAY, **given).tolist() == [2, 3]


def test_a_score_that_stays_high_triggers_once() -> None:
    at = triggers(stays=_array(1, 1, 1, 1, 2), minutes=_array(3, 1, 2, 4, 9), warns=_array(0, 1, 1, 1, 1) == 1)
    assert at.tolist() == [1, 3, 4]


def test_waits_end_at_the_first_response_or_with_the_stay() -> None:
    found = waits(
        stays=_array(1, 1, 2, 3),
        minutes=_array(10, 100, 10, 10),
        stay_ends=_array(200, 200, 70, 50),
        response_stays=_array(1, 1, 2, 1, 3),
        response_minutes=_array(9, 130, 71, 10, 20),
    )
    assert found.minutes.tolist() == [0, 30, 60, 10]
    assert found.answered.tolist() == [True, True, False, True]


def test_never_answered_is_not_left_out() -> None:
    found = Waits(minutes=_array(10, 20, 500, 500, 500), answered=_array(1, 1, 0, 0, 0) == 1)
    (one,) = responses(found, groups=np.full(5, "ward"), within_minutes=30)
    assert (one.triggers, one.never, one.median_minutes) == (5, 3, None)
    assert one.within == pytest.approx(0.4)
    (none,) = responses(found, groups=np.full(5, "ward"), within_minutes=5)
    # Of five none: Clopper and Pearson's limit is 1 - 0.025 ^ (1/5).
    assert (none.within, none.within_interval.lower) == (0.0, 0.0)
    assert none.within_interval.upper == pytest.approx(0.5218, abs=1e-4)
    quick = Waits(minutes=_array(1, 2, 3), answered=np.ones(3, dtype=bool))
    (every,) = responses(quick, groups=np.full(3, "ward"), within_minutes=5)
    assert (every.within, every.within_interval.upper) == (1.0, 1.0)
    assert every.within_interval.lower == pytest.approx(0.025 ** (1 / 3))


def test_a_withheld_cell_gives_bounds_and_no_number() -> None:
    exact = ScoreTable(
        scores=_array(0, 1, 2), events=_known((3, 3), (5, 5), (9, 9)), others=_known((90, 90), (40, 40), (9, 9))
    )
    hidden = ScoreTable(
        scores=_array(0, 1, 2), events=_known((0, 7), (0, 7), (9, 9)), others=_known((90, 90), (40, 40), (9, 9))
    )
    true, found = auroc(exact), auroc(hidden)
    assert isinstance(true, Auroc)
    assert isinstance(found, Auroc)
    assert found.value is None
    assert found.standard_error is None
    assert found.lower < (true.value or 0) < found.upper
    (first, *_) = observed_risks(hidden)
    assert first is not None
    assert (first.value, first.lower, first.upper) == (None, 0.0, 7 / 97)
    line = fit_risk(hidden)
    assert isinstance(line, NoAnswer)
    assert line.reason.startswith("2 of the table's cells are withheld")
    assert isinstance(recalibrate(hidden, _array(0.1, 0.2, 0.3)), NoAnswer)
    assert add_tables([exact, hidden]).withheld == 2
    assert thresholds(hidden)[2].alerts_per_event == Amount(value=2.0, lower=2.0, upper=2.0)


def test_too_few_is_said_in_words() -> None:
    table = ScoreTable(scores=_array(0, 1), events=_known((0, 7), (1, 1)), others=_known((5, 5), (5, 5)))
    found = auroc(table)
    assert isinstance(found, NoAnswer)
    assert "fewer than two units with the outcome" in found.reason
    nobody = ScoreTable(scores=_array(0, 1), events=_known((0, 7), (0, 7)), others=_known((0, 7), (0, 7)))
    assert isinstance(decision_curve(nobody, foretold=_array(0.1, 0.2), thresholds=_array(0.1)), NoAnswer)
    assert isinstance(compare_scores(np.eye(2), np.zeros((2, 2))), NoAnswer)


def test_perfect_separation_has_no_interval_and_no_fit() -> None:
    table = ScoreTable(scores=_array(0, 1), events=_known((0, 0), (9, 9)), others=_known((30, 30), (0, 0)))
    found = auroc(table)
    assert isinstance(found, Auroc)
    assert (found.value, found.interval, found.logit_interval) == (1.0, None, None)
    assert isinstance(fit_risk(table), NoAnswer)


def test_what_tables_do_not_take() -> None:
    with pytest.raises(ValueError, match="1 of 2 scores are not among the 21 levels"):
        count_scores(_array(3, NO_TOTAL), np.array([True, False]))
    with pytest.raises(ValueError, match="outcomes are int64"):
        count_scores(_array(3, 4), _array(1, 0))
    exact = count_scores(_array(1, 2), np.array([True, False]))
    with pytest.raises(ValueError, match="1 scores are not in the pooled table"):
        cluster_sums(exact, scores=_array(NO_TOTAL), outcomes=np.array([True]), patients=_array(1))
    with pytest.raises(ValueError, match="different scores"):
        _ = count_scores(_array(1), np.array([True])) + count_scores(_array(1), np.array([True]), levels=(0, 1))
    with pytest.raises(ValueError, match="no site sent one"):
        add_tables([])
    with pytest.raises(ValueError, match="cell 2 has its lower bound above"):
        Known(value=_array(1, 2), lower=_array(1, 3), upper=_array(1, 2))
    with pytest.raises(ValueError, match="withheld, yet its bounds are one number"):
        Known(value=_array(math.nan), lower=_array(3), upper=_array(3))
    rounded = ScoreTable(scores=_array(1), events=_known((3, 7)), others=_known((3, 3)))
    with pytest.raises(ValueError, match="exact table"):
        cluster_sums(rounded, scores=_array(1), outcomes=np.array([True]), patients=_array(1))


def test_those_without_are_the_difference_of_released_counts() -> None:
    numerators = Known(value=_array(10, math.nan), lower=_array(8, 0), upper=_array(12, 7))
    denominators = Known(value=_array(100, 20), lower=_array(98, 18), upper=_array(102, 22))
    others = table_of_released(scores=_array(0, 1), numerators=numerators, denominators=denominators).others
    assert (others.lower.tolist(), others.upper.tolist()) == ([86, 11], [94, 22])
    assert others.value[0] == 90
    assert math.isnan(others.value[1])


def test_a_share_of_nobody_is_none() -> None:
    none = Amount(value=0.0, lower=0.0, upper=0.0)
    assert share(none, none) is None
    perhaps = share(Amount(value=math.nan, lower=0.0, upper=7.0), Amount(value=0.0, lower=0.0, upper=0.0))
    assert perhaps is not None
    assert (perhaps.value, perhaps.lower, perhaps.upper) == (None, 0.0, 1.0)


def test_arrests_are_counted_by_ward_and_period() -> None:
    counts = count_by_ward(
        wards=("surgical", "medical"),
        period_starts=_array(0, 30, 60),
        admitted_to=np.array(["medical", "medical", "surgical", "other", "medical", "surgical"]),
        admitted_on=_array(0, 29, 30, 5, 60, -1),
        arrested=np.array([True, False, True, True, True, True]),
    )
    assert counts.admissions.value.tolist() == [[0, 1], [2, 0]]
    assert counts.arrests.value.tolist() == [[0, 1], [1, 0]]
    surgical, medical = arrest_shares(counts)
    assert surgical is not None
    assert medical is not None
    assert (surgical.value, medical.value) == (1.0, 0.5)
    lower, upper, exposure = for_impact(counts)
    np.testing.assert_array_equal(lower, [[math.nan, 1], [1, math.nan]])
    np.testing.assert_array_equal(upper, lower)
    np.testing.assert_array_equal(exposure, [[math.nan, 1], [2, math.nan]])
    with pytest.raises(ValueError, match="ward a, period 1 has more arrests than admissions"):
        WardCounts(wards=("a",), arrests=Known.exact(np.array([[3.0]])), admissions=Known.exact(np.array([[2.0]])))


def _effect_of_going_live(seed: int) -> Effect:
    """Return the effect found in 120,000 admissions, of which those to 16 of 24 wards come to 0.6 of their risk."""
    generator = np.random.default_rng(seed)
    wards = tuple(f"ward {number:02}" for number in range(24))
    starts = np.arange(0, 30 * 37, 30)
    live = {ward: int(starts[12 + number]) for number, ward in enumerate(wards) if number < 16}
    to = generator.integers(0, 24, 120_000)
    on = generator.integers(0, 30 * 36, 120_000)
    in_effect = on >= np.array([live.get(ward, 10**6) for ward in wards])[to]
    risk = 0.008 * np.exp(generator.normal(0, 0.3, 24))[to] * np.where(in_effect, 0.6, 1.0)
    counts = count_by_ward(
        wards=wards,
        period_starts=starts,
        admitted_to=np.array(wards)[to],
        admitted_on=on,
        arrested=generator.random(len(to)) < risk,
    )
    first = date(2022, 1, 1)
    days = [first + timedelta(days=int(start)) for start in starts]
    lower, upper, exposure = for_impact(counts)
    found = estimate_effect(
        build_panel(
            sites=wards,
            periods=[(begin, after - timedelta(days=1)) for begin, after in pairwise(days)],
            lower=lower,
            upper=upper,
            exposure=exposure,
            effective_from={ward: first + timedelta(days=start) for ward, start in live.items()},
            live_from={},
            stopped_on={},
        )
    )
    assert isinstance(found, Effect)
    return found


def test_go_live_by_ward_is_found_in_admissions_one_by_one() -> None:
    found = [_effect_of_going_live(seed) for seed in range(8)]
    logs = np.log([one.rate_ratio.estimate for one in found])
    # One estimate varies by 15 % (60 seeds: 14.8 %, bias 1 %), the mean of eight by 5.
    assert abs(logs.mean() - np.log(0.6)) < 0.15
    assert sum(one.rate_ratio.lower < 0.6 < one.rate_ratio.upper for one in found) >= 6
    assert all(one.treated_sites == 16 for one in found)

"""Score tables against pROC, dcurves, statsmodels, scipy and the formulas over rows; bounds against every filling."""

import csv
import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import mannwhitneyu
from statsmodels.duration.survfunc import SurvfuncRight

from rounds.learning.deterioration.by_patient import cluster_sums, clustered
from rounds.learning.deterioration.calibration import Line, Recalibration, fit_risk, recalibrate
from rounds.learning.deterioration.decision_curve import DecisionCurve, decision_curve
from rounds.learning.deterioration.discrimination import Auroc, Difference, auroc, compare_scores
from rounds.learning.deterioration.responses import Waits, responses
from rounds.learning.deterioration.score_table import ScoreTable, add_tables, count_scores
from rounds.learning.deterioration.shares import Interval, Known
from rounds.learning.deterioration.thresholds import thresholds

HELD_AGAINST = (
    ("AUROC, DeLong's intervals, thresholds, efficiency", "pROC 1.18.0; DeLong over all pairs", "1e-12"),
    ("Decision curves", "dcurves 0.5.1", "1e-12"),
    ("Calibration, times to response", "statsmodels (GLM, survival)", "1e-7 or better"),
)

ORACLES = Path(__file__).resolve().parents[3] / "shared" / "oracles" / "deterioration"
needs_oracles = pytest.mark.skipif(not ORACLES.is_dir(), reason="reference results are not beside this checkout")


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def _simulated(seed: int, number: int = 3_000) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    died = generator.random(number) < 0.06
    return np.clip(generator.poisson(np.where(died, 5.5, 2.2)), 0, 20), died


def _delong_of_rows(scores: np.ndarray, died: np.ndarray) -> tuple[float, float, np.ndarray, np.ndarray]:
    """Return area and variance from every pair of rows, as DeLong and others wrote it."""
    kernel = np.sign(scores[died][:, None] - scores[~died][None, :]) / 2 + 0.5
    of_events, of_others = kernel.mean(axis=1), kernel.mean(axis=0)
    variance = of_events.var(ddof=1) / len(of_events) + of_others.var(ddof=1) / len(of_others)
    return float(kernel.mean()), float(variance), of_events, of_others


@needs_oracles
def test_auroc_and_interval_as_proc_has_them() -> None:
    folder = ORACLES / "news_synthetic_nhsr"
    rows = _rows(folder / "input.csv")
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    table = count_scores(np.array([int(row["NEWS"]) for row in rows]), np.array([row["died"] == "1" for row in rows]))
    found = auroc(table)
    assert isinstance(found, Auroc)
    assert found.interval is not None
    np.testing.assert_allclose([found.interval.lower, found.value, found.interval.upper], expected["ci"], rtol=1e-12)
    by_score = {row.at_least: row for row in thresholds(table)}
    checked = 0
    for row in _rows(folder / "expected_thresholds.csv"):
        one = by_score[float(row["threshold"])]
        for share, column in (
            (one.sensitivity, "sens"),
            (one.specificity, "spec"),
            (one.ppv, "ppv"),
            (one.npv, "npv"),
        ):
            if row[column]:
                assert share is not None
                assert share.value == pytest.approx(float(row[column]), rel=1e-12)
                checked += 1
        assert one.triggering is not None
        assert 1000 * (one.triggering.value or 0) == pytest.approx(float(row["alerts_per_1000"]), rel=1e-12)
        if row["tp"] != "0":
            assert one.alerts_per_event is not None
            assert one.alerts_per_event.value == pytest.approx(float(row["workup_detection_ratio"]), rel=1e-12)
    assert checked > 50


@needs_oracles
@pytest.mark.parametrize(
    ("file", "prevalence"),
    [("expected_dca", None), ("expected_dca_prev10", 0.1), ("expected_interventions_avoided", None)],
)
def test_decision_curve_as_dcurves_has_it(file: str, prevalence: float | None) -> None:
    folder = ORACLES / "dcurves_binary"
    rows = _rows(folder / "input.csv")
    foretold = np.array([float(row["cancerpredmarker"]) for row in rows])
    levels = np.unique(foretold)
    table = count_scores(foretold, np.array([row["cancer"] == "TRUE" for row in rows]), levels=tuple(levels))
    expected = _rows(folder / f"{file}.csv")
    of = {name: [row for row in expected if row["variable"] == name] for name in ("cancerpredmarker", "all")}
    at = np.array([float(row["threshold"]) for row in of["all"]])
    found = decision_curve(table, foretold=levels, thresholds=at, prevalence=prevalence)
    assert isinstance(found, DecisionCurve)
    for benefit, name in ((found.by_score, "cancerpredmarker"), (found.for_all, "all")):
        np.testing.assert_allclose(benefit.value, [float(row["net_benefit"]) for row in of[name]], atol=1e-12)
    if "avoided" in file:
        told = [(found.avoided[i], row["net_intervention_avoided"]) for i, row in enumerate(of["cancerpredmarker"])]
        compared = [(ours, float(theirs)) for ours, theirs in told if theirs not in ("", "NA")]
        assert len(compared) > 40
        for ours, theirs in compared:
            assert ours == pytest.approx(theirs, abs=1e-10)


def test_tables_of_sites_say_what_the_pooled_rows_say() -> None:
    scores, died = _simulated(1)
    sites = np.random.default_rng(2).integers(0, 7, len(scores))
    table = add_tables([count_scores(scores[sites == site], died[sites == site]) for site in range(7)])
    area, variance, _, _ = _delong_of_rows(scores, died)
    found = auroc(table)
    assert isinstance(found, Auroc)
    assert found.value == pytest.approx(area, abs=1e-12)
    assert found.standard_error == pytest.approx(variance**0.5, abs=1e-12)
    assert found.value == pytest.approx(
        mannwhitneyu(scores[died], scores[~died]).statistic / (died.sum() * (~died).sum())
    )
    assert thresholds(table) == thresholds(count_scores(scores, died))


def test_risks_fitted_to_a_table_are_those_of_the_rows() -> None:
    scores, died = _simulated(3)
    table = count_scores(scores, died)
    line = fit_risk(table)
    assert isinstance(line, Line)
    judge = sm.GLM(died.astype(float), sm.add_constant(scores.astype(float)), family=sm.families.Binomial()).fit(
        tol=1e-14
    )
    np.testing.assert_allclose([line.intercept, line.slope], judge.params, rtol=1e-9)
    for interval, expected in zip((line.intercept_interval, line.slope_interval), judge.conf_int(), strict=True):
        np.testing.assert_allclose([interval.lower, interval.upper], expected, rtol=1e-7)


def test_recalibration_as_a_generalised_linear_model_has_it() -> None:
    scores, died = _simulated(4)
    foretold = 1 / (1 + np.exp(4.2 - 0.35 * np.arange(21.0)))
    found = recalibrate(count_scores(scores, died), foretold)
    assert isinstance(found, Recalibration)
    log_odds = np.log(foretold / (1 - foretold))[scores]
    family = sm.families.Binomial()
    judge = sm.GLM(died.astype(float), sm.add_constant(log_odds), family=family).fit(tol=1e-14)
    alone = sm.GLM(died.astype(float), np.ones(len(died)), family=family, offset=log_odds).fit(tol=1e-14)
    np.testing.assert_allclose([found.line.intercept, found.line.slope], judge.params, rtol=1e-8)
    assert found.in_the_large == pytest.approx(alone.params[0], rel=1e-8)
    ends = (found.in_the_large_interval.lower, found.in_the_large_interval.upper)
    np.testing.assert_allclose(ends, alone.conf_int()[0], rtol=1e-7)
    assert (found.observed, found.expected) == (died.sum(), pytest.approx(foretold[scores].sum()))


def test_two_scores_over_the_same_sets_as_delong_over_rows() -> None:
    generator = np.random.default_rng(5)
    first, died = _simulated(6, 1_500)
    second = np.clip(first // 2 + generator.integers(0, 3, len(first)), 0, 12)
    joint = [np.zeros((21, 13)), np.zeros((21, 13))]
    for counts, among in zip(joint, (died, ~died), strict=True):
        np.add.at(counts, (first[among], second[among]), 1)
    found = compare_scores(*joint)
    assert isinstance(found, Difference)
    one, two = _delong_of_rows(first, died), _delong_of_rows(second, died)
    variance = sum((a - b).var(ddof=1) / len(a) for a, b in zip(one[2:], two[2:], strict=True))
    assert found.difference == pytest.approx(one[0] - two[0], abs=1e-12)
    half = (found.interval.upper - found.interval.lower) / 2
    assert half == pytest.approx(1.959963984540054 * variance**0.5, abs=1e-12)


def test_one_set_of_each_patient_needs_no_other_interval() -> None:
    scores, died = _simulated(7)
    table = count_scores(scores, died)
    found = clustered(table, cluster_sums(table, scores=scores, outcomes=died, patients=np.arange(len(scores))))
    plain = auroc(table)
    assert isinstance(plain, Auroc)
    assert isinstance(found, Interval)
    assert plain.interval is not None
    assert found.lower == pytest.approx(plain.interval.lower, abs=1e-12)
    assert found.upper == pytest.approx(plain.interval.upper, abs=1e-12)


def _clustered_sample(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return 20 sets of each of 120 patients, who differ in their risk and in how high their score is in health."""
    patients = np.repeat(np.arange(120), 20)
    own, healthy = generator.normal(0, 1.5, 120)[patients], generator.normal(0, 1.5, 120)[patients]
    died = generator.random(len(patients)) < 1 / (1 + np.exp(3.0 - 0.8 * own))
    return (
        np.clip(np.round(4 + own + healthy + died + generator.normal(0, 1, len(patients))), 0, 20).astype(int),
        died,
        patients,
    )


def test_the_interval_by_patient_covers_where_delongs_does_not() -> None:
    generator = np.random.default_rng(8)
    areas, spread, plain = [], [], []
    for _ in range(300):
        scores, died, patients = _clustered_sample(generator)
        table = count_scores(scores, died)
        # Two sites that hold other patients: their sums add up.
        halves = [patients < 50, patients >= 50]
        sums = [
            cluster_sums(table, scores=scores[half], outcomes=died[half], patients=patients[half]) for half in halves
        ]
        interval, found = clustered(table, sums[0] + sums[1]), auroc(table)
        assert isinstance(interval, Interval)
        assert isinstance(found, Auroc)
        assert found.standard_error is not None
        areas.append(found.value)
        spread.append((interval.upper - interval.lower) / 2 / 1.959963984540054)
        plain.append(found.standard_error)
    true = float(np.std(areas))
    # The standard deviation of 300 areas is known to 4 %; the interval is asymptotic in 120 patients.
    assert np.mean(spread) == pytest.approx(true, rel=0.12)
    assert np.mean(plain) < 0.85 * true


@pytest.mark.parametrize(
    ("events", "samples", "plain", "on_log_odds"),
    [(200, 1_200, (0.93, 0.96), (0.93, 0.96)), (30, 600, (0.87, 0.94), (0.89, 0.96))],
)
def test_how_often_intervals_cover(
    events: int, samples: int, plain: tuple[float, float], on_log_odds: tuple[float, float]
) -> None:
    """With 200 events nearly 95 %; with 30 fewer, as the note and docs/statistics/deterioration.md say."""
    generator = np.random.default_rng(9)
    levels = np.arange(21)
    of_events = np.exp(-((levels - 6.0) ** 2) / 18)
    of_others = np.exp(-levels / 2.5)
    of_events, of_others = of_events / of_events.sum(), of_others / of_others.sum()
    true = float((of_events * (np.cumsum(of_others) - of_others / 2)).sum())
    assert true == pytest.approx(0.868, abs=5e-4)
    covered = np.zeros(2)
    for _ in range(samples):
        table = ScoreTable(
            scores=levels.astype(float),
            events=Known.exact(generator.multinomial(events, of_events).astype(float)),
            others=Known.exact(generator.multinomial(20 * events, of_others).astype(float)),
        )
        found = auroc(table)
        assert isinstance(found, Auroc)
        assert bool(found.notes) == (events < 100)
        for at, interval in enumerate((found.interval, found.logit_interval)):
            assert interval is not None
            covered[at] += interval.lower <= true <= interval.upper
    assert plain[0] < covered[0] / samples < plain[1]
    assert on_log_odds[0] < covered[1] / samples < on_log_odds[1]
    assert covered[1] >= covered[0]


def _with_bounds(events: list[tuple[int, int]], others: list[tuple[int, int]]) -> ScoreTable:
    def known(cells: list[tuple[int, int]]) -> Known:
        lower, upper = np.array(cells, dtype=float).T
        return Known(value=np.where(lower == upper, lower, np.nan), lower=lower, upper=upper)

    return ScoreTable(scores=np.arange(float(len(events))), events=known(events), others=known(others))


BOUNDED = [
    ([(3, 3), (0, 3), (1, 4)], [(9, 9), (2, 5), (0, 2)]),
    ([(1, 3), (1, 3), (0, 2)], [(1, 4), (4, 4), (1, 2)]),
    ([(2, 2), (0, 7), (2, 2), (1, 1)], [(5, 9), (3, 3), (2, 2), (0, 2)]),
]


@pytest.mark.parametrize(("events", "others"), BOUNDED)
def test_bounds_are_reached_and_never_crossed(events: list[tuple[int, int]], others: list[tuple[int, int]]) -> None:
    table = _with_bounds(events, others)
    found = auroc(table)
    assert isinstance(found, Auroc)
    assert found.value is None
    assert found.interval is not None
    foretold, at = np.linspace(0.1, 0.6, len(events)), np.array([0.05, 0.2, 0.4, 0.7])
    curve = decision_curve(table, foretold=foretold, thresholds=at)
    assert isinstance(curve, DecisionCurve)
    areas, nets, ppvs, limits = [], [], [], []
    cells = [range(low, high + 1) for low, high in (*events, *others)]
    for filling in product(*cells):
        exact = ScoreTable(
            scores=table.scores,
            events=Known.exact(np.array(filling[: len(events)], dtype=float)),
            others=Known.exact(np.array(filling[len(events) :], dtype=float)),
        )
        one = auroc(exact)
        assert isinstance(one, Auroc)
        areas.append(one.value)
        if one.interval is not None:
            limits.append((one.interval.lower, one.interval.upper))
        ppv = thresholds(exact)[1].ppv
        ppvs += [ppv.value] if ppv is not None else []
        its = decision_curve(exact, foretold=foretold, thresholds=at)
        assert isinstance(its, DecisionCurve)
        nets.append(its.by_score.value)
    assert (found.lower, found.upper) == (pytest.approx(min(areas)), pytest.approx(max(areas)))
    # The limits are looked for from the tables with extreme areas by steps; no other filling may reach further.
    assert found.interval.lower <= min(low for low, _ in limits) + 1e-12
    assert found.interval.upper >= max(high for _, high in limits) - 1e-12
    bounded = thresholds(table)[1].ppv
    assert bounded is not None
    assert (bounded.lower, bounded.upper) == (pytest.approx(min(ppvs)), pytest.approx(max(ppvs)))
    np.testing.assert_allclose(curve.by_score.lower, np.min(nets, axis=0), atol=1e-12)
    np.testing.assert_allclose(curve.by_score.upper, np.max(nets, axis=0), atol=1e-12)


def test_no_filling_of_a_large_table_has_a_limit_beyond_the_interval() -> None:
    """Steps from cell to cell are needed: where only tables with extreme areas are looked at, some go 0.004 further."""
    generator = np.random.default_rng(1)
    levels, tried = np.arange(21), 0
    for _ in range(20):
        events = generator.poisson(6 * np.exp(-((levels - 8) ** 2) / generator.uniform(10, 60)))
        others = generator.poisson(generator.choice([50, 400]) * np.exp(-levels / 3))
        cells = [
            [(0, 7) if 0 < count <= 7 else (max(int(count) - 2, 0), int(count) + 2) for count in counts]
            for counts in (events, others)
        ]
        table = _with_bounds(*cells)
        found = auroc(table)
        if not isinstance(found, Auroc) or found.interval is None:
            continue
        for share in generator.choice([0.1, 0.5, 0.9], 40):
            lower, upper = (
                np.concatenate([getattr(of, end) for of in (table.events, table.others)]) for end in ("lower", "upper")
            )
            filling = np.where(generator.random(42) < share, upper, lower)
            one = auroc(
                ScoreTable(scores=table.scores, events=Known.exact(filling[:21]), others=Known.exact(filling[21:]))
            )
            assert isinstance(one, Auroc)
            assert one.interval is not None
            assert found.interval.lower <= one.interval.lower + 1e-12
            assert found.interval.upper >= one.interval.upper - 1e-12
            tried += 1
    assert tried > 300


def test_the_variance_of_a_net_benefit_is_what_repeated_samples_show() -> None:
    generator = np.random.default_rng(11)
    chance = np.array([0.02, 0.02, 0.06, 0.5, 0.3, 0.1])
    foretold, at = np.array([0.02, 0.1, 0.4]), np.array([0.05, 0.2])
    nets, halves = [], []
    for counts in generator.multinomial(500, chance, size=600).astype(float):
        table = ScoreTable(scores=np.arange(3.0), events=Known.exact(counts[:3]), others=Known.exact(counts[3:]))
        found = decision_curve(table, foretold=foretold, thresholds=at)
        assert isinstance(found, DecisionCurve)
        nets.append(found.by_score.value)
        halves.append((found.by_score.upper95 - found.by_score.lower95) / 2 / 1.959963984540054)
    np.testing.assert_allclose(np.mean(halves, axis=0), np.std(nets, axis=0), rtol=0.08)


def test_waits_as_statsmodels_has_them() -> None:
    generator = np.random.default_rng(12)
    true, end = np.ceil(generator.exponential(50, 153)), np.ceil(generator.uniform(5, 300, 153))
    answered = true <= end
    waits = Waits(minutes=np.minimum(true, end), answered=answered)
    (found,) = responses(waits, groups=np.full(153, "ward"), within_minutes=60)
    judge = SurvfuncRight(waits.minutes, answered.astype(float))
    assert found.median_minutes == judge.quantile(0.5)
    assert found.median_interval == judge.quantile_ci(0.5, method="cloglog")
    at = np.searchsorted(judge.surv_times, 60, side="right") - 1
    assert found.within == pytest.approx(1 - judge.surv_prob[at])
    spread = judge.surv_prob_se[at] / judge.surv_prob[at] / abs(np.log(judge.surv_prob[at]))
    ends = judge.surv_prob[at] ** np.exp(1.959963984540054 * np.array([-spread, spread]))
    np.testing.assert_allclose([found.within_interval.lower, found.within_interval.upper], 1 - ends, rtol=1e-9)
    assert (found.triggers, found.answered, found.never) == (153, answered.sum(), (~answered).sum())

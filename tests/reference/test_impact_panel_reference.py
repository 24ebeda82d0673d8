"""The panel's estimators against other software: bacondecomp, fixest, synthdid, did (through diff-diff), HonestDiD.

Numbers of diff-diff 3.13.0 and moderndid 0.2.0 stand here because those two with what they need take some 550 MB:
`CallawaySantAnna(control_group="not_yet_treated", base_period="universal")` and `ImputationDiD()`, both
`.fit(mpdta, outcome="lemp", unit="countyreal", time="year", first_treat="first.treat")`; of moderndid
`create_sensitivity_results_sm` and `_rm` with the steps and covariance below.
"""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray

from rounds.learning.impact.panel.bacon import goodman_bacon
from rounds.learning.impact.panel.event_study import EventStudy, event_study
from rounds.learning.impact.panel.linear import callaway_santanna_weights, imputation_weights, two_way_weights
from rounds.learning.impact.panel.outcome import Design, Outcome
from rounds.learning.impact.panel.poisson import poisson_two_way
from rounds.learning.impact.panel.sensitivity import relative_magnitudes, smoothness
from rounds.learning.impact.panel.sun_abraham import SunAbraham, sun_abraham
from rounds.learning.impact.panel.synthetic import blocks_of, combined, contrasts
from rounds.learning.impact.scale import Scale

SHARED = Path(__file__).resolve().parents[3] / "shared"
ORACLES, DATA = SHARED / "oracles" / "impact", SHARED / "data" / "impact_did"
needs_shared = pytest.mark.skipif(
    not (ORACLES.is_dir() and DATA.is_dir()), reason="reference results and data are not beside this checkout"
)

HELD_AGAINST = (
    ("Goodman-Bacon decomposition", "bacondecomp 0.1.3", "1e-8"),
    ("Sun-Abraham, independent and clustered errors", "fixest 0.13.2", "1e-8"),
    ("Callaway-Sant'Anna, its event study, imputation of rates", "did and diff-diff 3.13.0 on mpdta", "1e-10"),
    ("Synthetic difference-in-differences", "synthdid on Proposition 99", "-15.605 for -15.604 (it stops early)"),
    ("Sensitivity, smoothness", "HonestDiD (moderndid 0.2.0)", "1e-4"),
    ("Poisson, two-way effects", "statsmodels (Poisson GLM)", "1e-7"),
)

Array = NDArray[np.float64]


def wide(frame: pl.DataFrame, row: str, column: str, value: str) -> Array:
    found = frame.pivot(on=column, index=row, values=value).sort(row)
    years = sorted((name for name in found.columns if name != row), key=int)
    return found.select(years).to_numpy().astype(np.float64)


def mpdta() -> tuple[Array, Design, Array]:
    frame = pl.read_csv(DATA / "mpdta.csv")
    first = frame.unique("countyreal").sort("countyreal")["first.treat"].to_numpy()
    start = np.where(first > 0, first - 2003, 5)
    treated = np.arange(5) >= start[:, None]
    return wide(frame, "countyreal", "year", "lemp"), Design(untreated=~treated, treated=treated), start


@needs_shared
def test_the_decomposition_is_that_of_bacondecomp() -> None:
    frame = pl.read_csv(ORACLES / "bacon_castle" / "input.csv", infer_schema_length=None)
    treated = wide(frame, "sid", "year", "post") > 0
    start = np.where(treated.any(axis=1), treated.argmax(axis=1), treated.shape[1])
    found = goodman_bacon(wide(frame, "sid", "year", "l_homicide"), start)
    told = pl.read_csv(ORACLES / "bacon_castle" / "expected.csv").to_dicts()

    def column(year: object) -> int:
        return treated.shape[1] if str(year) == "Inf" else int(str(year)) - 2000

    assert len(found) == len(told) == 25
    ours = {(one.treated, one.untreated): one for one in found}
    for row in told:
        one = ours[column(row["treated"]), column(row["untreated"])]
        assert one.kind == row["type"]
        assert one.estimate == pytest.approx(float(row["estimate"]), rel=1e-8)
        assert one.weight == pytest.approx(float(row["weight"]), rel=1e-8)
    assert sum(one.weight * one.estimate for one in found) == pytest.approx(0.0818116169306475, rel=1e-8)


def told_of(name: str, what: str) -> dict[str, tuple[float, float]]:
    rows = pl.read_csv(ORACLES / name / "expected.csv").filter(pl.col("what") == what)
    return {row["term"]: (float(row["estimate"]), float(row["se"])) for row in rows.iter_rows(named=True)}


def agrees(found: SunAbraham, name: str) -> None:
    told = told_of(name, "event")
    assert (found.effect, found.standard_error) == pytest.approx(told_of(name, "att")["ATT"], rel=1e-8)
    compared = 0
    for time, value, error in zip(found.event_times, found.by_event_time, found.errors, strict=True):
        if f"year::{time}" in told:
            assert (value, error) == pytest.approx(told[f"year::{time}"], rel=1e-8, abs=1e-11)
            compared += 1
    assert compared == sum(term.startswith("year::") for term in told)


@needs_shared
def test_sun_and_abraham_with_a_covariate_is_that_of_fixest() -> None:
    frame = pl.read_csv(ORACLES / "sunab_base_stagg" / "input.csv")
    first = frame.unique("id").sort("id")["year_treated"].to_numpy()
    values, covariate = wide(frame, "id", "year", "y"), wide(frame, "id", "year", "x1")
    start = np.minimum(first - 1, values.shape[1])
    found = sun_abraham(values, start, clustered=False, covariates=covariate[None])
    agrees(found, "sunab_base_stagg")
    assert (found.covariates[0], found.covariate_errors[0]) == pytest.approx(
        told_of("sunab_base_stagg", "att")["x1"], rel=1e-8
    )
    clustered = sun_abraham(values, start, clustered=True, covariates=covariate[None])
    assert clustered.standard_error == pytest.approx(0.205070493761526, rel=1e-8)


@needs_shared
def test_sun_and_abraham_with_clusters_is_that_of_fixest() -> None:
    values, _, start = mpdta()
    agrees(sun_abraham(values, start, clustered=True), "sunab_twfe_mpdta")


@needs_shared
def test_estimators_that_weigh_rates_are_those_of_did() -> None:
    values, design, _ = mpdta()
    told = (
        (callaway_santanna_weights(design), -0.0397636256230441),
        (imputation_weights([design])[0], -0.04770991827781741),
        (two_way_weights(design), -0.0365489366740666),
    )
    for weights, expected in told:
        assert weights is not None
        assert float((weights * values).sum()) == pytest.approx(expected, rel=1e-10)


@needs_shared
def test_steps_of_one_period_are_the_event_study_of_did() -> None:
    values, design, _ = mpdta()
    outcome = Outcome(
        design=design,
        values=values[None],
        scale=Scale.UNITS,
        counts=None,
        exposure=np.ones_like(values),
        too_sparse=None,
    )
    found = event_study(outcome, generator=np.random.default_rng(1), width=1)
    assert isinstance(found, EventStudy)
    told = {
        -4: (0.0033063566925127, 0.0244518729),
        -3: (0.0269565876588680, 0.0175796683),
        -2: (0.0242689034145075, 0.0144636817),
        0: (-0.0189221990834253, 0.0120445687),
    }
    assert [step.first for step in found.steps] == list(told)
    for step in found.steps:
        value, error = told[step.first]
        assert step.value == pytest.approx(value, rel=1e-10)
        # the jackknife of 50 groups is off by a tenth, one time in three
        assert step.standard_error == pytest.approx(error, rel=0.25)


@needs_shared
def test_synthetic_differences_find_what_proposition_99_did() -> None:
    """synthdid prints -15.604. Its weights stop an iteration early; ours are the minimum."""
    frame = pl.read_csv(DATA / "california_prop99.csv", separator=";")
    values, treated = wide(frame, "State", "Year", "PacksPerCapita"), wide(frame, "State", "Year", "treated") > 0
    design = Design(untreated=~treated, treated=treated)
    (block,) = blocks_of(design)
    found = contrasts(values, block)
    assert combined((found,)) == pytest.approx(-15.603827872733838, abs=0.002)
    assert np.sort(found.weights)[::-1][:5] == pytest.approx([0.124, 0.105, 0.078, 0.070, 0.057], abs=6e-4)


STEPS = np.array([-0.11, 0.08, 0.01, -0.11, -0.87, -0.91, -0.93, -0.85, -0.84])


def steps_covariance() -> Array:
    root = np.random.default_rng(1).normal(size=(9, 15))
    return root @ root.T / 15 * 0.02 + np.eye(9) * 0.005


@pytest.mark.parametrize(
    ("allowed", "told"),
    [(0.0, (-1.119301, -0.713426)), (0.02, (-1.304864, -0.522403)), (0.05, (-1.616531, -0.200603))],
)
def test_smoothness_is_that_of_honestdid(allowed: float, told: tuple[float, float]) -> None:
    found = smoothness(STEPS, steps_covariance(), before=4, allowed=allowed)
    assert (found.lower, found.upper) == pytest.approx(told, abs=1e-4)


@pytest.mark.parametrize(("allowed", "told"), [(0.5, (-1.608597, -0.212261)), (1.0, (-2.284788, 0.457169))])
def test_relative_magnitudes_hold_those_of_honestdid_and_are_a_third_wider_at_most(
    allowed: float, told: tuple[float, float]
) -> None:
    """Ours are a union of intervals, theirs the conditional and least-favourable hybrid, which is shorter."""
    found = relative_magnitudes(STEPS, steps_covariance(), before=4, allowed=allowed)
    assert found.lower <= told[0] < told[1] <= found.upper
    assert found.upper - found.lower <= 4 / 3 * (told[1] - told[0])


def test_poisson_two_way_effects_are_a_regression_with_dummies() -> None:
    generator = np.random.default_rng(3)
    exposure = generator.uniform(50, 150, (8, 12))
    treated = np.arange(12) >= np.array([3, 5, 5, 7, 9, 99, 99, 99])[:, None]
    counts = generator.poisson(exposure * 0.2 * np.where(treated, 0.7, 1.0)).astype(np.float64)
    found = poisson_two_way(counts, exposure, Design(untreated=~treated, treated=treated))
    row, column = np.indices(counts.shape)
    dummies = [treated.ravel(), *(row.ravel() == at for at in range(8)), *(column.ravel() == at for at in range(1, 12))]
    model = sm.GLM(
        counts.ravel(),
        np.stack(dummies, axis=1).astype(np.float64),
        family=sm.families.Poisson(),
        offset=np.log(exposure.ravel()),
    )
    fitted = model.fit(tol=1e-12, cov_type="cluster", cov_kwds={"groups": row.ravel(), "use_correction": False})
    assert found.log_ratio == pytest.approx(fitted.params[0], abs=1e-7)
    assert np.sqrt((found.influence**2).sum()) == pytest.approx(fitted.bse[0], rel=1e-6)

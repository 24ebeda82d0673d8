"""Models fitted from sums of sites equal those that R fits to all records together."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rounds.learning.variation.case_mix.families import Family
from rounds.learning.variation.case_mix.newton import CaseMix, Descent, added, fit_across, newton_step
from rounds.learning.variation.case_mix.once import averaged, surrogate
from rounds.learning.variation.case_mix.site_sums import Design, site_sums

HELD_AGAINST = (
    ("Case-mix models from sums of sites, and each of their steps", "R's glm and lm on all records", "1e-9, 1e-8"),
    ("Case-mix models from one answer of sites", "the published formulas (ODAL1)", "1e-5"),
)

ORACLES = Path(__file__).resolve().parents[2].parent / "shared" / "oracles"
pytestmark = pytest.mark.skipif(
    not ORACLES.is_dir(), reason="the reference results are kept outside the repository, and are not here"
)
Vector = NDArray[np.float64]


def rows(name: str) -> list[dict[str, str]]:
    with (ORACLES / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def column(table: list[dict[str, str]], name: str) -> Vector:
    return np.array([float(row[name]) for row in table])


def designs(table: list[dict[str, str]], response: str, names: list[str], family: Family) -> list[Design]:
    """Return one design a site, with an intercept."""
    found = []
    for site in sorted({row["site"] for row in table}):
        own = [row for row in table if row["site"] == site]
        columns = np.column_stack([np.ones(len(own)), *(column(own, name) for name in names)])
        found.append(
            Design(names=("(Intercept)", *names), columns=columns, response=column(own, response), family=family)
        )
    return found


def fit(parts: list[Design]) -> CaseMix:
    return fit_across([lambda at, own=own: site_sums(own, at) for own in parts])


def together(parts: list[Design]) -> Design:
    return Design(
        names=parts[0].names,
        columns=np.vstack([part.columns for part in parts]),
        response=np.concatenate([part.response for part in parts]),
        family=parts[0].family,
    )


PIMA = ["npreg", "glu", "bp", "bmi", "ped", "age"]


def test_logistic() -> None:
    parts = designs(rows("meta/fed_glm_logit/input.csv"), "y", PIMA, Family.BINOMIAL)
    found = fit(parts)
    assert (found.reason, found.rows) == (None, 532)
    expected = rows("meta/fed_glm_logit/expected_coef.csv")
    assert [row["term"] for row in expected] == list(found.names)
    np.testing.assert_allclose(found.coefficients, column(expected, "coef"), rtol=1e-9)
    np.testing.assert_allclose(
        found.standard_errors, column(expected, "se"), rtol=1e-6
    )  # R's are those one step before
    told = json.loads((ORACLES / "meta" / "fed_glm_logit" / "expected.json").read_text())
    assert (found.deviance, found.loglik) == pytest.approx((told["deviance"], told["loglik"]), rel=1e-9)
    np.testing.assert_allclose(found.coefficients, fit([together(parts)]).coefficients, rtol=1e-12)


def test_logistic_with_an_effect_of_each_site() -> None:
    table = rows("meta/fed_glm_logit/input.csv")
    expected = rows("meta/fed_glm_logit/expected_coef_sitefe.csv")
    sites = sorted({row["site"] for row in table})
    parts = [
        Design(
            names=(*part.names, *(f"site{site}" for site in sites[1:])),
            columns=np.hstack(
                [part.columns, np.tile([float(site == other) for other in sites[1:]], (len(part.response), 1))]
            ),
            response=part.response,
            family=part.family,
        )
        for site, part in zip(sites, designs(table, "y", PIMA, Family.BINOMIAL), strict=True)
    ]
    found = fit(parts)
    by_name = dict(zip(found.names, found.coefficients, strict=True))
    compared = 0
    for row in expected:
        if row["term"] in by_name:
            assert by_name[row["term"]] == pytest.approx(float(row["coef"]), rel=1e-9)
            compared += 1
    assert compared == len(expected) == 12


def test_every_step_is_that_of_the_pooled_records() -> None:
    parts = designs(rows("meta/fed_glm_logit/input.csv"), "y", PIMA, Family.BINOMIAL)
    zero = np.zeros(7)
    descent = Descent(coefficients=zero)
    for row in rows("meta/fed_glm_logit/expected_newton_path.csv"):
        descent = newton_step(descent, added([site_sums(part, descent.coefficients) for part in parts]))
        assert descent.coefficients is not None
        np.testing.assert_allclose(descent.coefficients, [float(row[f"V{at}"]) for at in range(2, 9)], rtol=1e-8)


def test_least_squares() -> None:
    table = rows("meta/fed_lm/input.csv")
    names = ["age", "glu", "npreg"]
    parts = designs(table, "bmi", names, Family.GAUSSIAN)
    found = fit(parts)
    expected = rows("meta/fed_lm/expected_coef.csv")
    assert [row["term"] for row in expected] == list(found.names)
    np.testing.assert_allclose(found.coefficients, column(expected, "coef"), rtol=1e-8)
    np.testing.assert_allclose(found.standard_errors, column(expected, "se"), rtol=1e-8)
    told = json.loads((ORACLES / "meta" / "fed_lm" / "expected.json").read_text())
    assert np.sqrt(found.dispersion) == pytest.approx(told["sigma"], rel=1e-8)
    assert found.asked == 2  # once for the sums, once for the residuals
    for part, row in zip(parts, rows("meta/fed_lm/expected_site_aggregates.csv"), strict=True):
        sums = site_sums(part, None)
        numbers = [float(row[f"V{at}"]) for at in range(2, 22)]
        np.testing.assert_allclose(sums.information.ravel(), numbers[:16], rtol=1e-8)
        np.testing.assert_allclose(sums.gradient, numbers[16:], rtol=1e-8)


def _before(parts: list[Design]) -> Vector:
    """Return the coefficients of the last step but one, by R's rule: a relative change of deviance below 1e-8."""
    descent, deviances, path = Descent(), [np.inf], []
    while len(deviances) < 3 or abs(deviances[-1] - deviances[-2]) / (abs(deviances[-1]) + 0.1) >= 1e-8:
        descent = newton_step(descent, added([site_sums(part, descent.coefficients) for part in parts]))
        assert descent.coefficients is not None
        path.append(descent.coefficients)
        total = added([site_sums(part, descent.coefficients) for part in parts])
        deviances.append(2 * (total.saturated - total.loglik))
    return path[-2]


def test_poisson_model_of_length_of_stay() -> None:
    table = rows("funnel/medpar_glm/input.csv")
    names = ["hmo", "died", "age80", "type2", "type3"]
    expected = rows("funnel/medpar_glm/expected_coef.csv")
    aliases = {"factor(type)2": "type2", "factor(type)3": "type3"}
    terms = [aliases.get(row["term"], row["term"]) for row in expected]
    names = [term for term in terms if term != "(Intercept)"]
    for row in table:
        row["site"] = row["provnum"]
    parts = designs(table, "los", names, Family.POISSON)
    found = fit(parts)
    np.testing.assert_allclose(found.coefficients, column(expected, "estimate"), rtol=1e-8)
    # R stops as soon as the deviance hardly changes, and gives the standard errors of the step before.
    step_before = _before(parts)
    before = added([site_sums(part, step_before) for part in parts]).information
    np.testing.assert_allclose(np.sqrt(np.diag(np.linalg.inv(before))), column(expected, "se"), rtol=1e-8)
    np.testing.assert_allclose(found.standard_errors, column(expected, "se"), rtol=1e-5)
    told = json.loads((ORACLES / "funnel" / "medpar_glm" / "expected.json").read_text())
    every = together(parts)
    weights, means = (np.exp(every.linear(at)) for at in (step_before, found.coefficients))
    pearson = (weights * (every.response / means - 1) ** 2).sum() / told["df"]
    assert pearson == pytest.approx(told["dispersion_pearson"], rel=1e-8)  # R weighs by the step before here as well
    assert found.dispersion == pytest.approx(told["dispersion_pearson"], rel=1e-5)
    assert (found.deviance, found.loglik) == pytest.approx((told["deviance"], told["logLik"]), rel=1e-8)
    predicted = np.exp(together(parts).linear(found.coefficients))
    np.testing.assert_allclose(np.sort(predicted), np.sort(column(table, "prds")), rtol=1e-8)
    np.testing.assert_allclose(found.coefficients, fit([together(parts)]).coefficients, rtol=1e-12)


def test_asked_once() -> None:
    parts = designs(rows("meta/fed_oneshot_odal/input.csv"), "y", ["glu", "bmi", "age"], Family.BINOMIAL)
    expected = rows("meta/fed_oneshot_odal/expected.csv")
    mean = averaged([fit([part]) for part in parts])
    np.testing.assert_allclose(mean, column(expected, "ivw"), rtol=1e-6)
    tilted = surrogate(parts[0], mean, [site_sums(part, mean) for part in parts])
    np.testing.assert_allclose(tilted, column(expected, "odal1"), rtol=1e-5)
    whole = fit(parts).coefficients
    np.testing.assert_allclose(whole, column(expected, "pooled"), rtol=1e-8)
    np.testing.assert_allclose(fit(parts[:1]).coefficients, column(expected, "local"), rtol=1e-8)
    assert np.abs(tilted - whole)[1:].max() < np.abs(fit(parts[:1]).coefficients - whole)[1:].max()

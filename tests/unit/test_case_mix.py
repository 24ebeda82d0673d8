"""What the reference cases do not say of case-mix models: refusals, steps that are halved, bounds, what stays."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from statsmodels.genmod import families  # type: ignore[import-untyped]
from statsmodels.genmod.generalized_linear_model import GLM  # type: ignore[import-untyped]

from rounds.learning.variation.case_mix.families import Family, mean
from rounds.learning.variation.case_mix.grouped import GroupedCounts, GroupedFit, fit_grouped
from rounds.learning.variation.case_mix.newton import CaseMix, Descent, added, fit_across, newton_step, result
from rounds.learning.variation.case_mix.site_sums import Design, reasons_to_stay, site_sums

Vector = NDArray[np.float64]


def design(seed: int, family: Family, rows: int = 200, shift: float = 0.0) -> Design:
    draw = np.random.default_rng(seed)
    columns = np.column_stack([np.ones(rows), draw.normal(60, 15, rows), draw.random(rows) < 0.4])
    linear = columns @ np.array([-2.0 + shift, 0.02, 0.5])
    trials = draw.integers(1, 6, rows).astype(float)
    response = {
        Family.BINOMIAL: lambda: draw.binomial(trials.astype(int), mean(Family.BINOMIAL, linear, np.ones(rows))),
        Family.POISSON: lambda: draw.poisson(trials * np.exp(linear)),
        Family.GAUSSIAN: lambda: linear + draw.normal(0, 1, rows),
    }[family]()
    return Design(
        names=("all", "age", "emergency"),
        columns=columns,
        response=np.asarray(response, dtype=np.float64),
        family=family,
        trials=trials if family is Family.BINOMIAL else None,
        offset=np.log(trials) if family is Family.POISSON else None,
    )


def pooled(parts: list[Design]) -> Design:
    def joined(one: list[Vector | None]) -> Vector | None:
        return None if one[0] is None else np.concatenate([part for part in one if part is not None])

    return Design(
        names=parts[0].names,
        columns=np.vstack([part.columns for part in parts]),
        response=np.concatenate([part.response for part in parts]),
        family=parts[0].family,
        trials=joined([part.trials for part in parts]),
        offset=joined([part.offset for part in parts]),
    )


def fit(parts: list[Design]) -> CaseMix:
    return fit_across([lambda at, own=own: site_sums(own, at) for own in parts])


@pytest.mark.parametrize("family", list(Family))
def test_sums_of_sites_give_the_model_of_all_records(family: Family) -> None:
    """Against statsmodels on all records, and against our own on one site, to 1e-12."""
    parts = [design(seed, family, rows=40 + 60 * seed, shift=0.1 * seed) for seed in range(6)]
    found, every = fit(parts), pooled(parts)
    np.testing.assert_allclose(found.coefficients, fit([every]).coefficients, rtol=1e-12)
    np.testing.assert_allclose(found.standard_errors, fit([every]).standard_errors, rtol=1e-12)
    response = every.response
    if family is Family.BINOMIAL:
        response = np.column_stack([response, every.every_trial - response])
    model = {
        Family.BINOMIAL: lambda: GLM(response, every.columns, families.Binomial()),
        Family.POISSON: lambda: GLM(response, every.columns, families.Poisson(), offset=every.offset),
        Family.GAUSSIAN: lambda: GLM(response, every.columns),
    }[family]()
    theirs = model.fit(tol=1e-14, tol_criterion="params")
    np.testing.assert_allclose(found.coefficients, theirs.params, rtol=1e-11)
    np.testing.assert_allclose(found.standard_errors, theirs.bse, rtol=1e-9)
    assert found.dispersion == pytest.approx(theirs.pearson_chi2 / theirs.df_resid, rel=1e-9)
    if family.counts:
        assert (found.loglik, found.deviance) == pytest.approx((theirs.llf, theirs.deviance), rel=1e-10)


def test_events_told_apart_are_named() -> None:
    own = design(1, Family.BINOMIAL)
    apart = replace(own, response=own.columns[:, 2] * own.every_trial)
    found = fit([apart])
    assert found.reason is not None
    assert "emergency" in found.reason
    assert "age" not in found.reason
    assert np.isnan(found.coefficients).all()


def test_a_group_without_any_event_is_named() -> None:
    own = design(1, Family.POISSON)
    found = fit([replace(own, response=own.response * (1 - own.columns[:, 2]))])
    assert found.reason is not None
    assert "emergency" in found.reason


def test_rare_events_are_no_separation() -> None:
    draw = np.random.default_rng(4)
    older = (draw.random(20_000) < 0.5).astype(float)
    own = Design(
        names=("all", "older"),
        columns=np.column_stack([np.ones(20_000), older]),
        response=(draw.random(20_000) < 0.0008 * (1 + older)).astype(float),
        family=Family.BINOMIAL,
    )
    assert fit([own]).reason is None


def test_a_column_that_others_make_up_is_named() -> None:
    own = design(1, Family.BINOMIAL)
    twice = replace(own, names=(*own.names, "planned"), columns=np.column_stack([own.columns, 1 - own.columns[:, 2]]))
    assert fit([twice]).reason == "planned says nothing that the columns before it do not say together: leave it out."
    empty = replace(own, columns=own.columns * np.array([1.0, 1, 0]))
    assert fit([empty]).reason == "emergency is 0 in every row of every site: leave it out."


def test_a_site_without_a_characteristic_is_no_problem() -> None:
    first, second = design(1, Family.BINOMIAL), design(2, Family.BINOMIAL)
    second = replace(second, columns=second.columns * np.array([1.0, 1, 0]))
    assert fit([first, second]).reason is None


def test_a_step_too_far_is_halved() -> None:
    own = design(3, Family.POISSON)
    far = Descent(coefficients=np.array([-6.0, 0.0, 0.0]))
    asked = newton_step(far, site_sums(own, far.coefficients))
    steps = 0
    while not asked.finished:
        assert asked.reason is None
        asked = newton_step(asked, site_sums(own, asked.coefficients))
        steps += 1
    np.testing.assert_allclose(result(asked).coefficients, fit([own]).coefficients, rtol=1e-10)
    assert steps < 60


def test_impossible_rows_and_sums_are_refused() -> None:
    own = design(1, Family.BINOMIAL)
    for change, problem in (
        ({"response": own.response * np.nan}, "the response has a missing or infinite number in row 1"),
        ({"response": own.response - 9}, "counts below 0"),
        ({"response": own.response + 9}, "more events than trials"),
        ({"names": ("all",)}, "columns named"),
        ({"trials": own.every_trial[:3]}, "not one number a row"),
    ):
        with pytest.raises(ValueError, match=problem):
            replace(own, **change)
    sums = site_sums(own, None)
    for others, problem in (
        ([], "no site"),
        ([sums, replace(sums, names=("a", "b", "c"))], "site 2 looks at other columns"),
        ([sums, replace(sums, gradient=sums.gradient * np.inf)], "site 2 has sent sums that are not finite"),
    ):
        with pytest.raises(ValueError, match=problem):
            added(others)
    with pytest.raises(ValueError, match="not ended"):
        result(Descent())


def test_what_would_tell_of_few_stays() -> None:
    many = design(1, Family.BINOMIAL)
    assert reasons_to_stay(many) == ()
    few = design(2, Family.BINOMIAL, rows=12)
    assert any("rows more than coefficients" in reason for reason in reasons_to_stay(few))
    rare = replace(many, columns=np.column_stack([many.columns[:, :2], np.arange(200) < 3]))
    (reason,) = [one for one in reasons_to_stay(rare) if one.startswith("emergency:")]
    assert "fewer than 8" in reason
    both = np.column_stack([many.columns[:, 0], np.arange(200) < 100, np.arange(200) < 104]).astype(float)
    pair = replace(many, columns=both)
    assert any(reason.startswith("age and emergency:") for reason in reasons_to_stay(pair))


def grouped(seed: int, family: Family) -> tuple[GroupedCounts, Vector]:
    """Return exact counts of 30 sites by three ages and two sexes, and the events."""
    draw = np.random.default_rng(seed)
    site, age, sex = (part.ravel() for part in np.indices((30, 3, 2)))
    columns = np.column_stack([np.ones(len(site)), age == 1, age == 2, sex]).astype(float)
    size = draw.integers(40, 400, len(site)).astype(float)
    linear = columns @ np.array([-3.2, 0.4, 0.9, -0.3])
    if family is Family.BINOMIAL:
        events = draw.binomial(size.astype(int), 1 / (1 + np.exp(-linear))).astype(float)
    else:
        events = draw.poisson(size * np.exp(linear)).astype(float)
    counts = GroupedCounts(
        names=("all", "65 to 79", "80 and over", "male"),
        columns=columns,
        events_lower=events,
        events_upper=events,
        size_lower=size,
        size_upper=size,
        family=family,
    )
    return counts, events


def released(counts: GroupedCounts, events: Vector) -> GroupedCounts:
    """Return counts by NHS England's rule: 1 to 7 withheld, else the nearest 5."""
    nearest = 5 * np.round(events / 5)
    hidden = (events > 0) & (events < 8)
    lower = np.where(hidden, 1, np.where(events > 0, np.maximum(nearest - 2, 8), 0))
    upper = np.where(hidden, 7, np.where(events > 0, nearest + 2, 0))
    return replace(counts, events_lower=lower, events_upper=upper)


@pytest.mark.parametrize("family", [Family.BINOMIAL, Family.POISSON])
def test_withheld_counts_are_estimated_not_filled_in(family: Family) -> None:
    truth = np.array([-3.2, 0.4, 0.9, -0.3])
    inside, off, zeroed = 0, [], []
    for seed in range(25):
        counts, events = grouped(seed, family)
        found = fit_grouped(released(counts, events))
        assert found.model.reason is None
        inside += int((np.abs(found.model.coefficients - truth) < 1.96 * found.model.standard_errors).sum())
        off.append(found.model.coefficients - truth)
        shown = np.where((events > 0) & (events < 8), 0.0, events)
        zeroed.append(fit_grouped(replace(counts, events_lower=shown, events_upper=shown)).model.coefficients - truth)
    assert 90 <= inside <= 100  # 95 expected of 100; 5 below or above are 2.3 standard errors
    assert np.abs(np.mean(off, axis=0)).max() < 0.03
    assert np.abs(np.mean(zeroed, axis=0)).max() > 0.2


def test_exact_groups_are_the_model_of_single_records() -> None:
    counts, events = grouped(1, Family.BINOMIAL)
    found = fit_grouped(counts)
    people = counts.size_lower.astype(int)
    single = Design(
        names=counts.names,
        columns=np.repeat(counts.columns, people, axis=0),
        response=np.concatenate([np.arange(size) < top for size, top in zip(people, events, strict=True)]).astype(
            float
        ),
        family=Family.BINOMIAL,
    )
    np.testing.assert_allclose(found.model.coefficients, fit([single]).coefficients, rtol=1e-10)
    assert found.expected.sum() == pytest.approx(events.sum(), rel=1e-12)
    assert found.notes == ()


def test_withheld_sizes_are_left_out_in_words() -> None:
    counts, _ = grouped(1, Family.BINOMIAL)
    lower = counts.size_lower.copy()
    lower[:3] = 1
    found: GroupedFit = fit_grouped(
        replace(counts, size_lower=lower, events_lower=np.minimum(counts.events_lower, lower))
    )
    assert found.left_out.tolist() == [True] * 3 + [False] * 177
    assert np.isnan(found.expected[:3]).all()
    assert found.notes[0] == "3 of 180 cells are left out, because their size is withheld or 0."
    with pytest.raises(ValueError, match="no cell has a size"):
        fit_grouped(replace(counts, size_lower=counts.size_lower * 0))
    with pytest.raises(ValueError, match="cell 1 has bounds of its events that are impossible"):
        fit_grouped(replace(counts, events_lower=counts.events_lower - 1000))

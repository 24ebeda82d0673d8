"""Effects on means: what is left out and said, in a panel, in a round and from an analyst's table."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import reports_fixture as given

from rounds.analyst import impact, its, power
from rounds.analyst.columns import Reading
from rounds.analyst.frames import TableError
from rounds.centre.benefit_statements import NOT_OF_A_MEAN, statement_of
from rounds.centre.programmes import Evaluated, impact_insight
from rounds.learning.impact.effect import MeanEffect, MeanOf, NoEffect, Panel
from rounds.learning.impact.mean_power import MeanPower
from rounds.learning.impact.panel.means import estimate_mean_effect
from rounds.learning.impact.panel.run import DidItWork, Settings, did_it_work
from rounds.learning.impact.scale import Scale
from rounds.learning.impact.single_site.means import InterruptedMean, interrupted_mean
from rounds.reports.insight import Direction, Mark

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import mean_impact

DRAWN = mean_impact.draw(mean_impact.CASES[0], 1)
PANEL = mean_impact.panel_of(mean_impact.CASES[0], DRAWN)
RELEASED = mean_impact.panel_of(mean_impact.CASES[1], DRAWN)


def at(panel: Panel, site: int, period: int, *, lower: float, exposure: float) -> Panel:
    low, high, size = panel.lower.copy(), panel.upper.copy(), panel.exposure.copy()
    low[site, period] = high[site, period] = lower
    size[site, period] = exposure
    return replace(panel, lower=low, upper=high, exposure=size)


def told(panel: Panel) -> MeanEffect:
    found = estimate_mean_effect(panel)
    assert isinstance(found, MeanEffect), found
    return found


def test_a_withheld_mean_is_missing_and_counted_and_never_0() -> None:
    size = float(PANEL.exposure[2, 3])
    withheld = told(at(PANEL, 2, 3, lower=np.nan, exposure=size))
    missing = told(at(PANEL, 2, 3, lower=np.nan, exposure=np.nan))
    as_zero = told(at(PANEL, 2, 3, lower=0.0, exposure=size))
    assert withheld.difference == missing.difference != as_zero.difference
    assert withheld.withheld_share == pytest.approx(1 / PANEL.lower.size)
    assert any("1 of 540 means were withheld" in note and "never taken as 0" in note for note in withheld.notes)
    assert missing.withheld_share == 0.0
    assert not missing.notes


def test_rounded_means_have_the_effect_in_their_interval_and_say_what_rounding_can_do() -> None:
    exact, rounded = told(PANEL), told(RELEASED)
    assert rounded.rounding > 0.5 > exact.rounding == 0.0
    assert rounded.difference.lower < DRAWN.truth < rounded.difference.upper
    assert rounded.share is not None
    assert rounded.share.lower < DRAWN.share < rounded.share.upper


def test_sites_whose_rounding_hides_their_means_are_left_out_and_named() -> None:
    tiny = mean_impact.Case(name="", stays=(60, 900), policy=mean_impact.Policy.HES)
    found = told(mean_impact.panel_of(tiny, mean_impact.draw(tiny, 1)))
    assert any("rounded to steps so wide that they hide a change: RX" in note for note in found.notes)
    all_tiny = mean_impact.Case(name="", stays=(60, 80), policy=mean_impact.Policy.HES)
    none = estimate_mean_effect(mean_impact.panel_of(all_tiny, mean_impact.draw(all_tiny, 1)))
    assert isinstance(none, NoEffect)
    assert "rounding of means hides them" in none.reason
    alone = interrupted_mean(mean_impact.panel_of(all_tiny, mean_impact.draw(all_tiny, 1)), "RX01")
    assert isinstance(alone, NoEffect)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sites_that_became_one_have_the_mean_of_both_all_along(seed: int) -> None:
    case = mean_impact.Case(name="", merger=True)
    drawn = mean_impact.draw(case, seed)
    panel = mean_impact.panel_of(case, drawn)
    assert len(panel.sites) == mean_impact.SITES - 1
    assert not set(panel.sites) & set(mean_impact.CODES[:2])
    assert any("is their sum, one row all along" in note for note in panel.notes)
    row = panel.sites.index(mean_impact.NEW)
    np.testing.assert_array_equal(panel.lower[row], drawn.nights[:2].sum(axis=0))
    np.testing.assert_array_equal(panel.exposure[row], drawn.stays[:2].sum(axis=0))
    apart = mean_impact.panel_of(mean_impact.CASES[0], drawn)
    columns = ("lower", "upper", "exposure", "treated", "excluded")
    rows = {name: np.vstack([getattr(panel, name)[row], getattr(apart, name)[2:]]) for name in columns}
    one_all_along = replace(apart, **rows, sites=(mean_impact.NEW, *apart.sites[2:]))
    found, whole = told(panel), told(one_all_along)
    assert found.difference.estimate == pytest.approx(whole.difference.estimate, abs=1e-10)
    assert found.difference.lower == pytest.approx(whole.difference.lower, abs=1e-10)
    rounded = told(mean_impact.panel_of(replace(case, policy=mean_impact.Policy.HES), drawn))
    assert rounded.difference.lower < drawn.truth < rounded.difference.upper


def test_means_below_0_have_a_difference_and_no_share() -> None:
    lower = told(replace(PANEL, lower=PANEL.lower - 9 * PANEL.exposure, upper=PANEL.upper - 9 * PANEL.exposure))
    assert lower.difference.estimate == pytest.approx(told(PANEL).difference.estimate)
    assert lower.share is None
    in_steps = replace(PANEL, mean_of=MeanOf(low=2.0, step=0.5))
    assert told(in_steps).difference.estimate == pytest.approx(told(PANEL).difference.estimate / 2)
    assert told(in_steps).expected == pytest.approx(2 + told(PANEL).expected / 2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda panel: replace(panel, treated=np.zeros_like(panel.treated)), "At no site was the innovation"),
        (lambda panel: replace(panel, treated=np.ones_like(panel.treated)), "no counts from periods without"),
        (lambda panel: replace(panel, treated=np.tile(np.arange(36) > 20, (15, 1))), "all adopted at once"),
        (lambda panel: replace(panel, treated=panel.treated & (np.arange(15) == 1)[:, None]), "two sites with"),
        (lambda panel: replace(panel, lower=4.0 * panel.exposure, upper=4.0 * panel.exposure), "exactly the same"),
    ],
)
def test_what_cannot_be_said_of_a_mean_is_said(change: object, words: str) -> None:
    found = estimate_mean_effect(change(PANEL))  # type: ignore[operator]  # a function of a panel
    assert isinstance(found, NoEffect)
    assert words in found.reason


@pytest.mark.parametrize("wrong", [np.inf, -np.inf])
def test_a_mean_that_is_not_finite_is_refused_with_its_place(wrong: float) -> None:
    with pytest.raises(ValueError, match="site RX02, period 4 has a bound that is not finite"):
        estimate_mean_effect(at(PANEL, 2, 3, lower=wrong, exposure=10.0))


def test_the_whole_panel_of_a_mean_is_in_its_units() -> None:
    found = did_it_work(PANEL, generator=np.random.default_rng(1), settings=Settings(runs=19))
    assert isinstance(found, DidItWork)
    assert found.scale is Scale.UNITS
    names = [one.name for one in found.estimates]
    assert names[0] == "Means, imputed"
    assert "Poisson, two-way effects" not in names
    applied = [one for one in found.estimates if hasattr(one, "effect")]
    assert len(applied) >= 4
    assert all(-0.8 < one.effect.estimate < -0.2 for one in applied)
    assert found.agreement is not None
    assert not found.agreement.flagged
    assert isinstance(found.placebo_in_time, MeanEffect)
    assert found.placebo_in_time.difference.lower < 0 < found.placebo_in_time.difference.upper
    assert not isinstance(found.event_study, str)
    assert np.mean([step.value for step in found.event_study.steps if step.first >= 0]) == pytest.approx(-0.5, abs=0.15)
    assert all(-0.7 < one.effect < -0.3 for one in found.influential)
    assert found.two_way is not None
    assert found.two_way.effect == pytest.approx(-0.5, abs=0.15)


def test_a_round_says_what_it_did_to_a_mean_and_claims_no_patients() -> None:
    outcome = mean_impact.outcome_of(mean_impact.CASES[1], DRAWN)
    found = did_it_work(RELEASED, generator=np.random.default_rng(1), settings=Settings(runs=0))
    assert isinstance(found, DidItWork)
    evaluated = Evaluated(
        programme=mean_impact.PROGRAMME,
        innovation=given.INNOVATION,
        outcome=outcome,
        panel=RELEASED,
        effect=found.effect,
        placebo=found.placebo_in_time,
        beside=found,
    )
    provenance = given.PROVENANCE
    insight = impact_insight(evaluated, membership=mean_impact.MEMBERS, provenance=provenance)
    assert insight.statement.startswith("Length of stay fell by 0.")
    assert "nights (95% CI" in insight.statement
    assert insight.direction is Direction.NEUTRAL
    assert insight.benefit is None
    assert insight.certainty.estimate.unit == "difference, nights (0 is no change)"
    assert any("How many patients benefited is not said" in note for note in insight.notes)
    assert insight.table.rows[0][0] == "Difference, nights"
    assert Mark.NOT_AVAILABLE not in insight.table.rows[0]
    assert [exhibit.table.columns[1] for exhibit in insight.exhibits] == ["Difference, nights"] * 2
    statement = statement_of(
        evaluated,
        network="n",
        round_id="r",
        data_as_of=mean_impact.LAST,
        events=mean_impact.events_of(mean_impact.CASES[0], DRAWN),
    )
    assert statement.why_none == NOT_OF_A_MEAN
    assert statement.entries
    assert all(entry.avoided is None and entry.reached.upper > 0 for entry in statement.entries)


def table(cell: tuple[int, str] | None = None, column: str = "nights") -> pl.DataFrame:
    rows = []
    for row, site in enumerate(PANEL.sites):
        first = int(PANEL.treated[row].argmax()) if PANEL.treated[row].any() else None
        day = None if first is None else f"{2022 + first // 12}-{first % 12 + 1:02}-01"
        for month in range(36):
            when = f"{2022 + month // 12}-{month % 12 + 1:02}"
            rows.append((site, when, f"{PANEL.means[row, month]:.3f}", f"{PANEL.exposure[row, month]:.0f}", day))
    found = pl.DataFrame(rows, schema=["site", "month", "nights", "stays", "adopted"], orient="row")
    if cell is None:
        return found
    cells = found[column].to_list()
    cells[cell[0]] = cell[1]
    return found.with_columns(pl.Series(column, cells))


TABLE = table()
MEANS = {"value": "nights", "denominator": "stays", "shown_in": "nights"}


def test_an_analysts_means_are_those_of_the_panel() -> None:
    found = impact(TABLE, placebos=0, **MEANS)
    assert not isinstance(found.found, NoEffect)
    assert isinstance(found.found.effect, MeanEffect)
    assert found.found.effect.difference.estimate == pytest.approx(told(PANEL).difference.estimate, abs=2e-3)
    assert "difference" in found.estimates().columns
    assert found.table()["expected"].drop_nulls().is_between(2, 6).all()
    rounded = impact(TABLE, placebos=0, rounded_to=0.1, **MEANS)
    assert any("every one of them were off the same wrong way" in note for note in rounded.notes)
    alike = impact(TABLE, placebos=0, value="nights")
    assert any("all count alike" in note for note in alike.notes)
    hidden = impact(table((7, "[c]")), placebos=0, **MEANS)
    assert any("1 of 540 means were withheld" in note for note in hidden.notes)


def test_one_sites_mean_before_and_after_and_beside_others() -> None:
    site = next(name for name, row in zip(PANEL.sites, PANEL.treated, strict=True) if 15 < row.argmax() < 24)
    start = int(PANEL.treated[PANEL.sites.index(site)].argmax())
    asked = {"of": site, "since": f"{2022 + start // 12}-{start % 12 + 1:02}"} | MEANS
    never = [name for name, row in zip(PANEL.sites, PANEL.treated, strict=True) if not row.any()]
    alone, beside = its(TABLE, **asked), its(TABLE, beside=never, drift=False, **asked)
    assert isinstance(alone.found, InterruptedMean)
    assert isinstance(beside.found, InterruptedMean)
    assert beside.found.difference.lower < DRAWN.truth < beside.found.difference.upper < 0
    assert "nights lower" in beside.sentences[0]
    assert beside.summary()["what"].to_list() == ["level", "slope", "difference"]
    assert alone.table()["value"].null_count() == 0
    assert any("No other site is compared with" in note for note in alone.notes)
    own = TABLE.filter(pl.col("site") == site).drop("site", "adopted")
    unnamed = its(own, **{name: asked[name] for name in asked if name != "of"})
    assert unnamed.name == "nights"
    assert unnamed.summary().equals(alone.summary())


def test_what_a_rollout_could_find_in_a_mean() -> None:
    past = TABLE.filter(pl.col("month") < "2022-10")
    plan = {site: "2022-10-01" if at < 6 else "2023-04-01" for at, site in enumerate(PANEL.sites[:10])}
    found = power(past, plan, ahead=12, difference=-0.3, **MEANS)
    assert isinstance(found.found, MeanPower)
    assert found.found.power > 0.8
    assert found.found.treated_sites == 10
    assert found.sentences[0].startswith("If the innovation makes the mean 0.30 nights lower, 10 sites")
    assert found.table()["smallest_difference"][0] < 0.3
    at_once = power(past, dict.fromkeys(PANEL.sites, "2022-10-01"), ahead=12, difference=-0.3, **MEANS)
    assert "nothing is left to compare with" in at_once.sentences[0]


@pytest.mark.parametrize(
    ("cell", "column", "words"),
    [
        ((5, "inf"), "nights", "neither a number nor a mark"),
        ((5, "many"), "nights", "neither a number nor a mark"),
        ((5, "1e15"), "nights", "too far from 0"),
        ((5, "-3"), "stays", "line 7, column stays: the number is below 0"),
        ((5, "0"), "stays", "line 7, column stays: there is a mean, and it is of nobody"),
        ((5, ""), "stays", "there is a mean, and it is of nobody"),
    ],
)
def test_cells_that_cannot_be_are_refused_with_their_place(
    cell: tuple[int, str], column: str, words: str, tmp_path: Path
) -> None:
    table(cell, column).write_csv(tmp_path / "t.csv")
    with pytest.raises(TableError, match=words):
        impact(tmp_path / "t.csv", placebos=0, **MEANS)
    with pytest.raises(TableError, match=words):
        its(tmp_path / "t.csv", of="RX01", since="2023-01", reading=Reading(), **MEANS)


def test_options_of_counts_and_of_means_are_kept_apart() -> None:
    plan = {"RX01": "2025-01-01"}
    for call, words in (
        (lambda: impact(TABLE, value="nights", numerator="stays"), "either events"),
        (lambda: impact(TABLE, numerator="nights", denominator="stays", shown_in="nights"), "are about means"),
        (lambda: impact(TABLE, rounded_to=-1.0, **MEANS), "above 0"),
        (lambda: its(TABLE, since="2023-01", of="RX01", family="poisson", **MEANS), "about events"),
        (lambda: its(TABLE, since="2023-01", of="RX01", numerator="stays", shown_in="nights"), "about means"),
        (lambda: power(TABLE, plan, ahead=6, ratio=0.8, **MEANS), "--difference"),
        (lambda: power(TABLE, plan, ahead=6, difference=-1, withheld=(1, 7), **MEANS), "about counts"),
        (lambda: power(TABLE, plan, ahead=6, numerator="stays"), "--ratio"),
        (lambda: power(TABLE, plan, ahead=6, difference=0.0, **MEANS), "other than 0"),
    ):
        with pytest.raises(TableError, match=words):
            call()

"""Members against what is expected of their patients: from the strata they sent, exact, rounded and withheld."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl
import pytest
import reports_fixture as given
from small_site import drug_event, people_measure
from test_gradient import YEAR

from rounds.centre.case_mix import case_mix_insights
from rounds.centre.pooled_measure import PooledMeasure
from rounds.centre.pooling import totals
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import release
from rounds.learning.variation.case_mix.families import Family
from rounds.learning.variation.case_mix.newton import fit_across
from rounds.learning.variation.case_mix.site_sums import Design, site_sums
from rounds.measures.counts import Count, count_schema
from rounds.measures.periods import Grain, periods_between
from rounds.measures.strata import AGE_BANDS, Stratum
from rounds.reports.insight import Insight, Mark

BANDS = tuple(label for label, _, _ in AGE_BANDS)
RATES = np.array([0.01, 0.02, 0.04, 0.08, 0.16])
MEMBERS = given.CODES[:10]
OLD, YOUNG = np.array([100, 300, 600, 1500, 1500]), np.array([1200, 1500, 800, 400, 100])


def counts(ratios: Mapping[str, float] | None = None, *, size: float = 1.0) -> pl.DataFrame:
    """Members with old and with young patients, by turns, all with the same rate of each age but some."""
    rows = []
    for at, member in enumerate(MEMBERS):
        people = np.rint((OLD if at % 2 else YOUNG) * size).astype(int)
        tops = np.rint(people * RATES * (ratios or {}).get(member, 1.0)).astype(int)
        rows += [(member, YEAR[0], band, top, of) for band, top, of in zip(BANDS, tops, people, strict=True)]
    return pl.DataFrame(rows, schema=["member", "period", "age_band", "numerator", "denominator"], orient="row")


def told(frame: pl.DataFrame, policy: Policy = Policy.OPEN) -> tuple[tuple[Insight, ...], tuple[str, ...]]:
    measure = replace(people_measure(drug_event()), strata=(Stratum.AGE_BAND,), grain=Grain.YEAR)
    schema = count_schema(measure.strata)
    count = Count(measure=measure.ref, strata=measure.strata, cells=frame.select(list(schema)).cast(dict(schema)))
    released = release(count, terms=Terms(rule=policy), already_public=policy is Policy.OPEN)
    cells = released.cells.with_columns(site=pl.col("member"))
    pooled = PooledMeasure(
        measure=measure,
        periods=periods_between(grain=measure.grain, first=YEAR[0], last=YEAR[1]),
        cells=cells,
        series=totals(cells, by=["member", "period"]),
    )
    return case_mix_insights(pooled, membership=given.MEMBERSHIP, provenance=given.PROVENANCE)


def rows_of(insight: Insight) -> dict[str, dict[str, object]]:
    return {str(row[1]): dict(zip(insight.table.columns, row, strict=True)) for row in insight.table.rows}


def test_who_has_older_patients_is_no_outlier_and_who_has_more_events_is() -> None:
    (insight, believed), silent = told(counts({"RX03": 2.0}))
    assert silent == ()
    assert insight.statement.startswith(f"{insight.measure_title}, allowing for age band: more than expected at ")
    rows = rows_of(insight)
    assert {code for code, row in rows.items() if row["Outside the limits"] == "certain"} == {"RX03"}
    crude = counts({"RX03": 2.0}).group_by("member").agg(pl.col("numerator").sum() / pl.col("denominator").sum())
    assert crude["numerator"].max() > 3 * crude["numerator"].min()  # which is age alone
    assert any("nothing else leaves a site for it" in note for note in insight.notes)
    assert "allowing for age band and chance: 1 of 10 organisations differs from the typical" in believed.statement
    assert believed.table.rows[0][1] == "RX03"


def test_expected_events_are_those_of_the_federated_model_of_single_records() -> None:
    """The same model, by Newton steps from sums of each member's own rows, as if each row were in a record."""
    frame = counts({"RX03": 2.0})
    (insight, _), _ = told(frame)
    bands = np.array([BANDS.index(band) for band in frame["age_band"]])
    columns = np.column_stack([np.ones(len(bands)), *(bands == at for at in (0, 1, 2, 4))]).astype(float)
    tops, sizes = (frame[name].to_numpy().astype(float) for name in ("numerator", "denominator"))

    def site(member: str) -> Design:
        mine = (frame["member"] == member).to_numpy()
        return Design(
            names=("level", *BANDS[:3], BANDS[4]),
            columns=columns[mine],
            response=tops[mine],
            family=Family.BINOMIAL,
            trials=sizes[mine],
        )

    model = fit_across([partial(site_sums, site(member)) for member in MEMBERS])
    expected = sizes / (1 + np.exp(-(columns @ model.coefficients)))
    for member, row in rows_of(insight).items():
        mine = (frame["member"] == member).to_numpy()
        assert row["Events expected"] == pytest.approx(expected[mine].sum(), rel=1e-5)  # six digits are shown


def test_what_is_certain_under_disclosure_control_holds_for_the_true_counts() -> None:
    frame = counts({"RX03": 2.5, "RX06": 0.4}, size=0.5)
    (true, _), _ = told(frame)
    (held, believed), _ = told(frame, Policy.HES)
    exact, bounded = rows_of(true), rows_of(held)
    hidden = 0
    for code, row in bounded.items():
        hidden += row["Observed over expected"] is Mark.WITHHELD
        assert row["Events expected"] == pytest.approx(exact[code]["Events expected"], rel=0.05)
        if row["Outside the limits"] == "certain":
            assert exact[code]["Outside the limits"] == "certain"
        if row["Outside the limits"] == "no":
            assert exact[code]["Outside the limits"] == "no"
    assert hidden
    assert bounded["RX03"]["Outside the limits"] == "certain"
    assert any("likelihood of their bounds" in note for note in held.notes)
    assert any("of which only the bounds are used" in note for note in believed.notes)


def test_where_there_is_no_model_it_is_said_and_plain_measures_have_none() -> None:
    said, silent = told(counts().with_columns(numerator=pl.lit(0)))
    assert said == ()
    assert silent[0].endswith(".")
    assert "allowing for age band is not told: " in silent[0]
    tiny = counts().with_columns(numerator=pl.col("numerator") // 100, denominator=pl.col("denominator") // 100)
    assert "is withheld or too small to be told from its rounding" in told(tiny, Policy.HES)[1][0]
    few = counts().filter(pl.col("member").is_in(MEMBERS[:2]))
    assert told(few) == ((), ())

"""Need less use in a round, and a published index of deprivation as a site's look-up."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import reports_fixture as given
from log_stamps import no_standing
from test_gradient import FIFTHS, SIZES, YEAR, measure_by
from test_score_table_round import LIBRARY, Silent, network

from rounds.centre.need import need_insights
from rounds.centre.plan import make_plan
from rounds.centre.pooled_measure import PooledMeasure
from rounds.centre.pooling import totals
from rounds.centre.report import make_report
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import release
from rounds.errors import DefinitionError
from rounds.exchange.messages import Reply
from rounds.exchange.tables import ReceivedTable
from rounds.learning.variation.between_groups.gaps import GroupBounds
from rounds.learning.variation.between_groups.unmet import unmet_priority
from rounds.measures.counts import Count, count_schema
from rounds.measures.periods import periods_between
from rounds.reports.insight import Insight, Mark
from rounds.reports.pages.plan import pages_of
from rounds.storage.deprivation_files import deprivation_groups

NEEDING = (900, 700, 560, 450, 370)
USING = (400, 420, 400, 380, 340)


def pooled(
    events: Sequence[int], *, name: str, title: str, policy: Policy = Policy.OPEN, sizes: Sequence[int] = SIZES
) -> PooledMeasure:
    measure = replace(measure_by(), id=name, title=title)
    stratum = measure.strata[0]
    rows = [
        (member, YEAR[0], level, top, size)
        for member in ("RX01", "RX02")
        for level, top, size in zip((*FIFTHS, "unknown"), (*events, 40), (*sizes, 900), strict=True)
    ]
    schema = count_schema(measure.strata)
    frame = pl.DataFrame(rows, schema=["member", "period", str(stratum), "numerator", "denominator"], orient="row")
    count = Count(measure=measure.ref, strata=measure.strata, cells=frame.select(list(schema)).cast(dict(schema)))
    released = release(count, terms=Terms(rule=policy), already_public=policy is Policy.OPEN)
    cells = released.cells.with_columns(site=pl.col("member"))
    return PooledMeasure(
        measure=measure,
        periods=periods_between(grain=measure.grain, first=YEAR[0], last=YEAR[1]),
        cells=cells,
        series=totals(cells, by=["member", "period"]),
    )


def told(
    needing: Sequence[int] = NEEDING, using: Sequence[int] = USING, *, policy: Policy = Policy.OPEN
) -> tuple[tuple[Insight, ...], tuple[str, ...]]:
    return need_insights(
        pooled(needing, name="diagnosed", title="Heart failure diagnosed", policy=policy),
        pooled(using, name="treated", title="Treated for heart failure", policy=policy),
        membership=given.MEMBERSHIP,
        provenance=given.PROVENANCE,
    )


def test_need_less_use_by_organisation_and_deprivation() -> None:
    (by_member, by_fifth), silent = told()
    assert silent == ()
    assert len(by_member.table.rows) == 2
    assert by_fifth.statement.startswith(
        "Heart failure diagnosed against treated for heart failure, across 14 of 15 sites asked, by deprivation: most "
        "is unmet for 1 most deprived (5.0"
    )
    columns = by_fifth.table.columns
    rows = {row[0]: dict(zip(columns, row, strict=True)) for row in by_fifth.table.rows}
    worst = rows["1 most deprived"]
    assert worst["Need less use"] == pytest.approx(100 * 500 / 9_000, rel=1e-4)
    assert worst["95% interval, lower"] < worst["Need less use"] < worst["95% interval, upper"]
    assert worst["People without, lower"] < 1000 < worst["People without, upper"]
    assert worst["Chance that it is among the first 2 (%)"] > 99
    assert rows["unknown"]["Rank, best case"] is Mark.NOT_APPLICABLE
    note = next(note for note in by_fifth.notes if note.startswith("Where most people may go without"))
    assert "% sure to be among the first 2)" in note
    assert told()[0] == (by_member, by_fifth)  # the same answers make the same list


def test_under_disclosure_control_intervals_widen_and_hold_the_true_difference() -> None:
    exact, rounded = (
        told((90, 70, 56, 12, 5), (40, 42, 40, 9, 3)),
        told((90, 70, 56, 12, 5), (40, 42, 40, 9, 3), policy=Policy.HES),
    )
    true, held = ({row[0]: row for row in found[0][1].table.rows} for found in (exact, rounded))
    columns = exact[0][1].table.columns
    value, low, high = (columns.index(one) for one in ("Need less use", "95% interval, lower", "95% interval, upper"))
    for level in FIFTHS:
        assert held[level][low] <= true[level][low] + 1e-9
        assert held[level][high] >= true[level][high] - 1e-9
        assert held[level][low] <= true[level][value] <= held[level][high]
    assert held["5 least deprived"][value] is Mark.WITHHELD
    assert any("withheld to protect patients" in note for note in rounded[0][1].notes)


def test_where_use_is_above_need_nothing_is_unmet_and_other_people_are_refused() -> None:
    (_, by_fifth), _ = told(USING, NEEDING)
    assert by_fifth.statement.endswith("no group has more need than use beyond chance.")
    other = pooled(USING, name="treated", title="Treated", sizes=[size // 2 for size in SIZES])
    need = pooled(NEEDING, name="diagnosed", title="Diagnosed")
    said, silent = need_insights(need, other, membership=given.MEMBERSHIP, provenance=given.PROVENANCE)
    assert said == ()
    assert "not of the same people: the denominators for" in silent[0]


def test_chance_alone_puts_no_group_first_for_sure() -> None:
    sizes = np.full(6, 400.0)
    need, use = (
        GroupBounds(events_lower=tops, events_upper=tops, size_lower=sizes, size_upper=sizes)
        for tops in (np.array([40.0, 42, 38, 41, 39, 40]), np.array([30.0, 31, 29, 30, 30, 28]))
    )
    found = unmet_priority(need, use, top=2, generator=np.random.default_rng(1))
    assert found is not None
    assert not found.sure.any()
    none = GroupBounds(events_lower=0 * sizes, events_upper=0 * sizes, size_lower=sizes, size_upper=sizes)
    assert unmet_priority(none, use, top=2, generator=np.random.default_rng(1)) is None


def areas(count: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "LSOA code (2011)": [f"E01{at:06}" for at in range(count)],
            "Index of Multiple Deprivation (IMD) Rank": range(1, count + 1),
            "Income Decile": [10] * count,
        }
    )


def test_a_published_index_is_cut_into_groups(tmp_path: Path) -> None:
    path = tmp_path / "imd.csv"
    areas(200).write_csv(path)
    found = deprivation_groups(path, groups=5, error=DefinitionError)
    assert [found[f"E01{at:06}"] for at in (0, 39, 40, 199)] == [1, 1, 2, 5]
    deciles = areas(3).select("LSOA code (2011)", imd_decile=pl.Series([1, 4, 10]), imd_rank=pl.Series([9, 8, 7]))
    deciles.write_parquet(tmp_path / "imd.parquet")
    some = deprivation_groups(tmp_path / "imd.parquet", groups=5, error=DefinitionError)
    assert list(some.values()) == [1, 2, 5]
    scores = areas(200).select("LSOA code (2011)", score=pl.Series(range(200)))
    scores.write_csv(path)
    assert deprivation_groups(path, groups=5, error=DefinitionError)["E01000199"] == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"imd_decile": ["1", "11", "3"]}, "line 3, column imd_decile: a decile is 1 to 10"),
        ({"imd_decile": ["1", "", "3"]}, "line 3, column imd_decile: it is no number"),
        ({"imd_decile": ["1", "inf", "3"]}, "line 3, column imd_decile: it is no number"),
        ({"imd_rank": ["1", "2", "7"]}, "not those of all areas"),
        ({"imd_score": ["1", "2", "7"]}, "3 areas are too few"),
        ({"income_decile": ["1", "2", "3"]}, "no column is the decile, the rank or the score"),
        ({"area": ["E01000001", "E01000001", "E01000003"]}, "line 2, column area: the area is listed twice"),
        ({"area": ["E01000001", "SW1A 1AA", "E01000003"]}, "line 3, column area: it is no area code"),
        ({"area": ["a", "b", "c"]}, "no column holds codes of small areas"),
    ],
)
def test_what_is_no_index_is_refused(tmp_path: Path, change: dict[str, list[str]], says: str) -> None:
    path = tmp_path / "imd.csv"
    good = {"area": ["E01000001", "E01000002", "E01000003"]}
    extra = {} if set(change) - {"area"} else {"imd_decile": ["1", "2", "3"]}
    pl.DataFrame({**good, **extra, **change}).write_csv(path)
    with pytest.raises(DefinitionError, match=says) as caught:
        deprivation_groups(path, groups=5, error=DefinitionError)
    assert "SW1A" not in str(caught.value)


ROUND = """\
id: "2024"
title: A year
as_of: 2025-01-15
first: 2024-01-01
last: 2024-12-31
measures:
  - {id: viral-sinusitis, version: 1}
  - {id: otitis-media, version: 1}
  - {id: cardiac-arrests, version: 1}
needs:
  - {need: NEED, use: USE}
"""


def reply(site: str, member: str) -> Reply:
    tables = []
    for name, tops in (("viral-sinusitis", (90, 60)), ("otitis-media", (40, 6))):
        measure = LIBRARY.measure(name, 1)
        schema = count_schema(measure.strata)
        rows = [
            {"member": member, "period": YEAR[0], "age_band": "40-59", "sex": sex, "numerator": top, "denominator": 900}
            for sex, top in zip(("female", "male"), tops, strict=True)
        ]
        cells = pl.DataFrame(rows).select(list(schema)).cast(dict(schema))
        count = Count(measure=measure.ref, strata=measure.strata, cells=cells)
        released = release(count, terms=Terms(rule=Policy.HES), already_public=False)
        tables.append(
            ReceivedTable(measure=measure.ref, policy=Policy.HES, strata=measure.strata, cells=released.cells)
        )
    return Reply(
        round_id="2024",
        site=site,
        answers="0" * 64,
        issued=date(2025, 2, 1),
        tables=tuple(tables),
        log=no_standing(),
        digest="1" * 64,
    )


def test_a_round_says_need_less_use(tmp_path: Path) -> None:
    asked = ROUND.replace("NEED", "viral-sinusitis").replace("USE", "otitis-media")
    workspace = network(tmp_path, asked=asked)
    plan = make_plan(workspace, workspace.rounds[0])
    replies: dict[str, Reply | None] = {"one": reply("one", "ZZ1"), "two": reply("two", "ZZ2")}
    report = make_report(workspace, plan, replies, progress=Silent())
    said = [one for one in report.insights if "less" in one.id]
    assert [one.table.columns[0] for one in said] == ["Organisation", "Sex"]
    assert said[0].scope == "network"
    rows = {row[0]: row for row in said[1].table.rows}
    assert said[1].table.columns[7] == "Need less use"
    per = LIBRARY.measure("viral-sinusitis", 1).per
    assert rows["female"][7] == pytest.approx(per * 50 / 900, rel=0.08)  # rounded to 5
    page = next(page for page in pages_of(report) if page.path == "measures/viral-sinusitis.html")
    assert {one.id for one in said} <= {one.id for one in page.context["network"]}


@pytest.mark.parametrize(
    ("need", "use", "says"),
    [
        ("viral-sinusitis", "otitis", "does not ask for `otitis` in the site lane; did you mean"),
        ("viral-sinusitis", "viral-sinusitis", "need and use are one measure"),
        ("viral-sinusitis", "cardiac-arrests", "they differ in what they are of"),
    ],
)
def test_needs_that_cannot_be_are_refused(tmp_path: Path, need: str, use: str, says: str) -> None:
    with pytest.raises(DefinitionError, match=says):
        network(tmp_path, asked=ROUND.replace("NEED", need).replace("USE", use))

"""An analyst's table before and after a change, and before a rollout."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from rounds.analyst import its, power
from rounds.analyst.frames import TableError
from rounds.cli.app import app
from rounds.learning.impact.effect import NoEffect
from rounds.learning.impact.power import Power
from rounds.learning.impact.single_site.interrupted import Interrupted
from rounds.reports.insight import Certainty

TODAY = date(2026, 1, 1)
WAYS = ("synthetic control", "structural time series")
MONTHS = [f"{2021 + month // 12}-{month % 12 + 1:02}" for month in range(48)]


def falls(*, sites: int = 6, hidden: bool = False) -> pl.DataFrame:
    rng = np.random.default_rng(4)
    rows = []
    for site in range(sites):
        for place, month in enumerate(MONTHS):
            fewer = 0.6 if site == 2 and place >= 30 else 1.0
            count = int(rng.poisson((10 + 3 * site) * np.exp(0.15 * np.cos(np.pi * place / 6)) * fewer))
            shown = str(count)
            if hidden:
                shown = "[c]" if 1 <= count <= 7 else str((count + 2) // 5 * 5)
            rows.append((f"Site {site + 1}", month, shown, 1000))
    return pl.DataFrame(rows, schema=["trust", "month", "falls", "bed_days"], orient="row")


def test_a_change_is_told_in_words_with_its_line_and_band() -> None:
    result = its(falls(), since="2023-07", of="site 3", beside="all", today=TODAY)
    assert isinstance(result.found, Interrupted)
    assert result.found.rate_ratio.upper < 1
    assert "Site 3: from Jul 2023 on there were" in result.sentences[0]
    assert "fewer events" in result.sentences[0]
    assert "5 others" in result.sentences[0]
    table = result.table()
    assert table["expected_without"].null_count() == 30
    assert (table["expected_lower95"] < table["expected_without"]).drop_nulls().all()
    assert any(note.startswith("Assumed:") for note in result.notes)
    others = {f"{what}, {way}" for what in ("rate_ratio", "avoided") for way in WAYS}
    assert set(result.summary()["what"]) == {"level", "slope", "rate_ratio", "avoided"} | others
    assert table["expected_mixture"].null_count() == table["expected_wandering"].null_count() == 30


def test_two_other_ways_stand_beside_it_with_how_sure_that_is() -> None:
    result = its(falls(), since="2023-07", of="Site 3", beside="all", today=TODAY)
    said = " ".join(result.sentences)
    assert "Beside the mixture of others nearest before (41% Site 2, 41% Site 4" in said
    assert "By a level that wanders" in said
    assert "All three agree within chance." in said
    assert result.certainty is Certainty.MODERATE
    assert "one organisation changed" in result.because
    assert any("the smallest there can be is 0.17" in note for note in result.notes)
    assert result.mixture()["weight"].sum() == pytest.approx(1)
    ratios = result.summary().filter(pl.col("what").str.starts_with("rate_ratio"))
    assert ratios.height == 3
    assert (ratios["upper95"] < 1).all()
    alone = its(falls(), since="2023-07", of="Site 3", today=TODAY)
    assert alone.beside is None
    assert alone.certainty is Certainty.LOW
    assert "nobody is compared with" in alone.because
    one = its(falls(), since="2023-07", of="Site 3", beside="Site 1", today=TODAY)
    assert "Synthetic control says nothing: a mixture needs two other sites or more." in one.sentences
    assert "its own past and 1 other" in one.sentences[0]
    assert "Interrupted time series and structural time series agree within chance." in one.sentences
    assert one.mixture().height == 0


def with_likeness(older: object = 50.0) -> pl.DataFrame:
    number = pl.col("trust").str.slice(-1).cast(pl.Float64)
    table = falls().with_columns(older=40 + 2 * number, beds=number * 100)
    return table.with_columns(pl.Series("older", [older, *table["older"][1:]], strict=False))


def test_the_mixture_may_be_like_it_in_what_columns_say() -> None:
    plain = its(falls(), since="2023-07", of="Site 3", beside="all", today=TODAY)
    like = its(with_likeness(), since="2023-07", of="Site 3", beside="all", match=("older", "beds"), today=TODAY)
    assert plain.mixture().to_dicts() != like.mixture().to_dicts()
    assert like.beside is not None
    assert like.beside.mixture is not None
    assert [name for name, _ in like.beside.mixture.importance] == ["older", "beds", "mean rate before"]
    assert sum(share for _, share in like.beside.mixture.importance) == pytest.approx(1)
    assert any("The mixture matches, by importance: " in note for note in like.notes)
    assert plain.summary()["estimate"][:4].to_list() == like.summary()["estimate"][:4].to_list()


@pytest.mark.parametrize(
    ("table", "given", "says"),
    [
        (falls(), {"beside": "all", "match": "older"}, "no column older"),
        (with_likeness(), {"match": "older"}, "say with --beside"),
        (with_likeness("many"), {"beside": "all", "match": "older"}, "row 1, column older: .* this is none"),
        (with_likeness("inf"), {"beside": "all", "match": "older"}, "row 1, column older: .* this is none"),
        (
            with_likeness().with_columns(older=pl.when(pl.col("trust") != "Site 1").then("older")),
            {"beside": "all", "match": "older"},
            "Site 1 has no older before the change",
        ),
    ],
)
def test_likeness_that_cannot_be_is_asked(table: pl.DataFrame, given: dict[str, str], says: str) -> None:
    with pytest.raises(TableError, match=says):
        its(table, since="2023-07", of="Site 3", today=TODAY, **given)


def test_withheld_and_rounded_counts_go_in_between_their_bounds(tmp_path: Path) -> None:
    from rounds.analyst.columns import Reading

    with pytest.raises(TableError, match="withheld, and leaving them out would mislead"):
        its(falls(hidden=True), since="2023-07", of="Site 1", today=TODAY)
    result = its(
        falls(hidden=True),
        since="2023-07",
        of="Site 3",
        beside=("Site 4", "Site 5"),
        reading=Reading(withheld_range=(1, 7)),
        rounded_to=5,
        today=TODAY,
    )
    assert isinstance(result.found, Interrupted)
    assert result.found.withheld_share > 0.9
    assert any("10 sets of counts were drawn from between their bounds" in note for note in result.notes)
    ends = {(point.bounds[1] - point.bounds[0]) * 10 for point in result.points if point.bounds}
    assert {round(end) for end in ends} <= {2, 4, 6}  # 8 to 12 or 13 to 17, and 1 to 7
    written = result.write(tmp_path / "out")
    assert [path.name for path in written] == ["its.xlsx", "its.svg", "its.png"]
    with pytest.raises(TableError, match="no multiples of 10"):
        its(
            falls(hidden=True),
            since="2023-07",
            of="Site 3",
            reading=Reading(withheld_range=(1, 7)),
            rounded_to=10,
            today=TODAY,
        )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"since": "2023-07"}, "say with --of"),
        ({"since": "nonsense", "of": "Site 1"}, "no period of the table"),
        ({"since": "2023-07", "of": "Site 99"}, "no series Site 99"),
        ({"since": "2023-07", "of": "Site 1", "beside": "site 1"}, "compared with itself"),
        ({"since": "2023-07", "of": "Site 1", "live": "2024-01"}, "--live"),
        ({"since": "2023-07", "of": "Site 1", "stopped": "2022-01"}, "--stopped"),
        ({"since": "2023-07", "of": "Site 1", "family": "normal"}, "family is"),
    ],
)
def test_what_cannot_be_meant_is_asked(given: dict[str, str], says: str) -> None:
    with pytest.raises(TableError, match=says):
        its(falls(), today=TODAY, **given)


@pytest.mark.parametrize(
    ("cell", "says"), [("-3", "below 0"), ("2.5", "no counts"), ("many", "neither a number nor a mark")]
)
def test_numbers_that_are_no_counts_are_refused(cell: str, says: str) -> None:
    table = falls().with_columns(falls=pl.Series([cell, *falls()["falls"][1:]]))
    with pytest.raises(TableError, match=says):
        its(table, since="2023-07", of="Site 1", today=TODAY)


def test_a_period_twice_is_refused_and_a_gap_is_said() -> None:
    one = falls(sites=1)
    with pytest.raises(TableError, match="one date and one series"):
        its(pl.concat([one, one[:1]]), since="2023-07", numerator="falls", denominator="bed_days", today=TODAY)
    result = its(one.filter(pl.col("month") != "2022-02"), since="2023-07", today=TODAY)
    assert any("1 period without a count was left out" in note for note in result.notes)


def test_an_interval_that_leaves_everything_open_is_no_moderate_certainty() -> None:
    hidden = falls().with_columns(falls=pl.lit("1-7"))
    result = its(hidden, since="2023-07", of="Site 3", beside="all", today=TODAY)
    assert "no change can be told" in result.sentences[0]
    assert result.certainty is Certainty.LOW
    assert "leaves both no change and a large one open" in result.because


def test_a_change_outside_the_table_is_said() -> None:
    for since, says in (("2030-01", "never in effect"), ("2020-01", "before its first count")):
        result = its(falls(), since=since, of="Site 1", today=TODAY)
        assert isinstance(result.found, NoEffect)
        assert says in result.sentences[0]
        assert result.summary().height == 0
        assert result.certainty is Certainty.LOW
        assert its(falls(), since=since, of="Site 1", beside="all", today=TODAY).sentences == result.sentences


PLAN = {f"Site {number}": f"2025-{2 + number:02}-01" for number in range(1, 5)}


def test_a_rollout_is_told_what_it_could_find() -> None:
    exact = power(falls(), PLAN, ratio=0.8, ahead=24, today=TODAY)
    hidden = power(falls(), PLAN, ratio=0.8, ahead=24, withheld=(1, 7), rounded_to=5, today=TODAY)
    longer = power(falls(), PLAN, ratio=0.8, ahead=48, today=TODAY)
    powers = [one.found.power for one in (hidden, exact, longer) if isinstance(one.found, Power)]
    assert len(powers) == 3
    assert powers == sorted(powers)
    assert "20.0% fewer events, 4 sites and 24 months" in exact.sentences[0]
    assert exact.table().height == 1


def test_plans_that_cannot_be_are_refused(tmp_path: Path) -> None:
    plan = tmp_path / "plan.csv"
    plan.write_text("trust,from\nSite 1,2025-03-01\nSite 1,2025-04-01\n")
    with pytest.raises(TableError, match="line 3: Site 1 stands twice"):
        power(falls(), plan, ratio=0.8, ahead=24, today=TODAY)
    plan.write_text("trust,area\nSite 1,north\n")
    with pytest.raises(TableError, match="one column of organisations and one of dates"):
        power(falls(), plan, ratio=0.8, ahead=24, today=TODAY)
    with pytest.raises(TableError, match="before anybody begins"):
        power(falls(), {"Site 1": "2024-01-01"}, ratio=0.8, ahead=24, today=TODAY)
    with pytest.raises(TableError, match="other than 1"):
        power(falls(), PLAN, ratio=1.0, ahead=24, today=TODAY)
    at_once = dict.fromkeys((f"Site {number}" for number in range(1, 7)), "2025-03-01")
    assert "nothing is left to compare with" in str(power(falls(), at_once, ratio=0.8, ahead=24, today=TODAY))


def test_the_commands(tmp_path: Path) -> None:
    table, plan = tmp_path / "falls.csv", tmp_path / "plan.csv"
    falls().write_csv(table)
    plan.write_text("trust,from\nSite 1,2025-03-01\nSite 2,2025-05-01\n")
    runner = CliRunner()
    done = runner.invoke(
        app, ["its", str(table), "--since", "2023-07", "--of", "Site 3", "--out", str(tmp_path / "out")]
    )
    assert done.exit_code == 0, done.output
    assert "fewer events" in done.stdout
    assert "Low certainty: nobody is compared with" in done.stdout
    done = runner.invoke(
        app, ["power", str(table), "--plan", str(plan), "--ratio", "0.7", "--ahead", "18", "--withheld", "1-7"]
    )
    assert done.exit_code == 0, done.output
    assert "with a chance of" in done.stdout

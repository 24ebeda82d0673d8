"""An analyst's tables with withheld counts: certain, possible or no at every door, and no limits from guesses."""

from datetime import date
from pathlib import Path

import numpy as np
import openpyxl
import polars as pl
import pytest

from rounds.analyst import funnel, spc
from rounds.analyst.columns import Reading
from rounds.analyst.frames import TableError
from rounds.learning.variation.over_time.asked import NEEDS
from rounds.learning.variation.over_time.chart import Kind

TODAY = date(2026, 1, 31)
ONE_TO_SEVEN = Reading(withheld_range=(1, 7))
MONTHS = 24
SITES = 12


def hidden(count: int) -> str:
    return "[c]" if 1 <= count <= 7 else str(count)


def counts(mean: float, *, seed: int = 3) -> np.ndarray:
    """Deaths by site and month; the first site has three times as many."""
    rates = np.full(SITES, mean)
    rates[0] *= 3
    return np.random.default_rng(seed).poisson(rates[:, None], (SITES, MONTHS))


def deaths(exact: np.ndarray, *, withheld: bool = True) -> pl.DataFrame:
    months = [f"{2023 + at // 12}-{at % 12 + 1:02}" for at in range(MONTHS)]
    return pl.DataFrame(
        {
            "site": np.repeat([f"S{at:02}" for at in range(SITES)], MONTHS),
            "month": months * SITES,
            "deaths": [hidden(int(one)) if withheld else str(one) for one in exact.ravel()],
            "admissions": [1000] * (SITES * MONTHS),
        }
    )


def test_what_is_certain_in_a_funnel_holds_for_the_true_counts(tmp_path: Path) -> None:
    """The centre is near the true one, and nobody is judged certain, or inside, who is otherwise with true counts."""
    exact = counts(9.0)
    result = funnel(deaths(exact), reading=ONE_TO_SEVEN)
    plot, true = result.plots[0], funnel(deaths(exact, withheld=False)).plots[0]
    assert plot.funnel.estimated
    assert plot.funnel.centre == pytest.approx(true.funnel.centre, rel=0.02)
    for mine, theirs in zip(plot.verdicts, true.verdicts, strict=True):
        if mine.certain:
            assert mine.status is theirs.status
    said = result.table()
    assert said.row(0, named=True)["outside"] == "certain"
    assert {"certain", "possible"} <= set(said["outside"])
    known = said.filter(pl.col("numerator").is_null())
    assert known.height >= SITES - 2
    assert (known["lowest"] < known["highest"]).all()
    assert known["value"].is_null().all()
    assert "possibly outside, which cannot be told because counts are withheld" in plot.sentence
    assert any("no value is written in for them" in note for note in plot.notes)
    assert plot.caterpillar is not None
    result.write(tmp_path)
    cells = [cell for row in openpyxl.load_workbook(tmp_path / "funnel.xlsx")["organisations"].values for cell in row]
    assert "[c]" in cells


def test_ratios_are_judged_by_their_bounds() -> None:
    """Of 9 expected fewer than 4.1 are low, by the exact limit of a Poisson count; of 4 fewer than 1.1."""
    table = pl.DataFrame(
        {
            "trust": [f"T{at}" for at in range(12)],
            "deaths": ["40", "9", "11", "10", "12", "8", "10", "11", "9", "10", "<5", "<5"],
            "expected": [10.0] * 10 + [9.0, 4.0],
        }
    )
    result = funnel(table, numerator="deaths", expected="expected", overdispersion=False)
    told = dict(result.table().select("organisation", "outside").iter_rows())
    assert (told["T0"], told["T1"], told["T10"], told["T11"]) == ("certain", "no", "certain", "possible")


def test_too_much_withheld_is_left_out_with_a_warning() -> None:
    """Three of six, each with one number: nothing tells what they are, and the rest is not all."""
    table = pl.DataFrame(
        {"site": list("ABCDEF"), "deaths": ["30", "33", "28", "<8", "<8", "<8"], "admissions": [1000] * 6}
    )
    plot = funnel(table).plots[0]
    assert plot.organisations == ("A", "B", "C")
    assert plot.left_out[0] == ("D", "between bounds")
    assert any("centre and the limits are likely to be too high" in note for note in plot.notes)
    with pytest.raises(TableError, match="--withheld-range"):
        funnel(table.with_columns(deaths=pl.Series(["30", "[c]", "[c]", "[c]", "[c]", "[c]"])))


def test_no_chart_over_time_has_limits_of_what_is_shown_alone() -> None:
    """What is withheld is small: limits and medians of the rest would be too high."""
    exact = counts(9.0)[1]
    table = pl.DataFrame(
        {
            "month": [f"{2023 + at // 12}-{at % 12 + 1:02}" for at in range(MONTHS)],
            "falls": [hidden(int(one)) for one in exact],
            "days": [1000] * MONTHS,
        }
    )
    bounded = {Kind.XMR, Kind.I, Kind.RUN, Kind.P, Kind.P_PRIME, Kind.U, Kind.U_PRIME, Kind.C}
    for kind in NEEDS:
        if "groups" in NEEDS[kind]:
            several = pl.concat([table, table.with_columns(falls=pl.lit("9"))])
            with pytest.raises(TableError, match="are withheld, and a"):
                spc(several, chart=kind, value="falls", today=TODAY, reading=ONE_TO_SEVEN)
            continue
        unsaid = spc(table, chart=kind, today=TODAY).series[0].chart
        assert unsaid.no_limits is not None
        assert "withheld" in unsaid.no_limits
        assert np.isnan(unsaid.centre_line).all()
        said = spc(table, chart=kind, today=TODAY, reading=ONE_TO_SEVEN).series[0].chart
        assert (said.mean is not None) is (kind in bounded), kind
        if said.mean is not None:
            per_cent = 1 if kind is Kind.C else 10
            assert per_cent * said.mean == pytest.approx(exact.mean(), rel=0.12)

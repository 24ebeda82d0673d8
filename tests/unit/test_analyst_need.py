"""An analyst's need less use: by place and by fifth of deprivation, between bounds, and what is refused."""

import doctest
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import rounds.analyst.needs
from rounds.analyst import need_less_use
from rounds.analyst.columns import Reading
from rounds.analyst.frames import TableError
from rounds.analyst.needs import UNKNOWN
from rounds.cli.app import app
from rounds.learning.variation.between_groups.gaps import GroupBounds, unmet_need
from rounds.learning.variation.between_groups.slope_bounds import SlopeWithin, slope_within

AREAS = 100


def areas(*, withheld: bool = False) -> pl.DataFrame:
    """A hundred areas, in order of deprivation: need falls along it, use does not."""
    rng = np.random.default_rng(4)
    need = rng.poisson(np.linspace(60, 30, AREAS))
    use = rng.poisson(25, AREAS)
    return pl.DataFrame(
        {
            "lsoa": [f"E01{at:06}" for at in range(AREAS)],
            "diagnosed": [str(one) for one in need],
            "treated": ["[c]" if withheld and at % 3 == 0 else str(one) for at, one in enumerate(use)],
            "people": [1500] * AREAS,
        }
    )


@pytest.fixture
def imd(tmp_path: Path) -> Path:
    path = tmp_path / "imd.csv"
    known = areas()["lsoa"][: AREAS - 4]
    deciles = [1 + at * 10 // AREAS for at in range(len(known))]
    pl.DataFrame({"lsoa11_code": known, "IMD_decile": deciles}).write_csv(path)
    return path


def test_by_fifth_of_deprivation(imd: Path, tmp_path: Path) -> None:
    result = need_less_use(areas(), need="diagnosed", use="treated", people="people", place="lsoa", imd=imd)
    assert result.groups == ("1 most deprived", "2", "3", "4", "5 least deprived", UNKNOWN)
    assert result.sentences[0].startswith("6 groups: diagnosed less treated is largest at 1 most deprived (")
    named = [getattr(result.need, end)[:5] for end in ("events_lower", "events_upper", "size_lower", "size_upper")]
    slope = slope_within(
        GroupBounds(**dict(zip(("events_lower", "events_upper", "size_lower", "size_upper"), named, strict=True)))
    )
    assert isinstance(slope, SlopeWithin)
    factor = f"{slope.rii.least:.2f} (95% interval {slope.rii.lower:.2f} to {slope.rii.upper:.2f})."
    assert result.sentences[1] == f"From the most to the least deprived diagnosed changes by the factor {factor}"
    assert "treated changes by the factor" in result.sentences[2]
    assert "% sure" in result.sentences[3]
    assert any(note == "4 places of the table are not in the index." for note in result.notes)
    table = result.table()
    assert table.filter(pl.col("group") == UNKNOWN)["rank_best"].to_list() == [None]
    assert table["chance_of_first_2"][0] > 0.99
    expected = unmet_need(result.need, result.use)
    assert table["unmet_percent_lower_95"].to_list() == (100 * expected.lower).tolist()
    assert result.need.events_lower[0] == areas()["diagnosed"][:20].cast(pl.Float64).sum()
    assert [path.name for path in result.write(tmp_path / "out")] == ["need.xlsx", "need.svg", "need.png"]


def test_withheld_counts_widen_and_hold_the_exact_interval() -> None:
    given = {"need": "diagnosed", "use": "treated", "people": "people", "place": "lsoa"}
    exact = need_less_use(areas(), **given)  # type: ignore[arg-type]
    hidden = need_less_use(areas(withheld=True), **given, reading=Reading(withheld_range=(1, 60)))  # type: ignore[arg-type]
    assert (hidden.unmet.lower <= exact.unmet.lower + 1e-12).all()
    assert (hidden.unmet.upper >= exact.unmet.upper - 1e-12).all()
    without = need_less_use(areas(withheld=True), **given)  # type: ignore[arg-type]
    assert len(without.groups) < AREAS  # nobody says what theirs can be


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        (pl.lit("2000").alias("treated"), {}, "has more counted than people"),
        (pl.lit("[c]").alias("treated"), {}, "no place has people and counts of both"),
        (pl.lit("-1").alias("diagnosed"), {}, "the count is below 0"),
        (pl.lit("inf").alias("diagnosed"), {}, "the cell is neither a number nor a mark|it does not hold numbers"),
        (pl.col("lsoa"), {"use": "treatment"}, "there is no column treatment; did you mean"),
        (pl.lit("here").alias("lsoa"), {}, "are of one place and would be added up"),
        (pl.concat_str(pl.lit("X"), "lsoa").alias("lsoa"), {"imd": True}, "none of its places is in imd.csv"),
    ],
)
def test_what_is_wrong_is_refused(change: pl.Expr, options: dict[str, object], says: str, imd: Path) -> None:
    asked = {"need": "diagnosed", "use": "treated", "people": "people", "place": "lsoa", **options}
    if "imd" in asked:
        asked["imd"] = imd
    with pytest.raises(TableError, match=says):
        need_less_use(areas().with_columns(change), **asked)  # type: ignore[arg-type]


def test_one_place_is_compared_with_nobody() -> None:
    with pytest.raises(TableError, match="there is one group"):
        need_less_use(areas().head(1), need="diagnosed", use="treated", place="lsoa")


def test_the_command(imd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(imd.parent)
    areas().write_csv("a.csv")
    command = ["need", "a.csv", "--need", "diagnosed", "--use", "treated", "--imd", "imd.csv"]
    shown = CliRunner().invoke(app, command, catch_exceptions=False)
    assert "diagnosed less treated is largest at 1 most deprived" in shown.stdout
    assert (imd.parent / "a-need" / "need.png").exists()


def test_examples_run() -> None:
    assert doctest.testmod(rounds.analyst.needs).failed == 0

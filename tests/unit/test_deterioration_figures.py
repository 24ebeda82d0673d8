"""Figures of how a score warns: what is drawn, what is said, and that nothing withheld is drawn as a number."""

import json
import re

import numpy as np
import pytest
import vl_convert

from rounds.learning.deterioration.decision_curve import DecisionCurve, decision_curve
from rounds.learning.deterioration.discrimination import Auroc, auroc
from rounds.learning.deterioration.score_table import ScoreTable
from rounds.learning.deterioration.shares import Known
from rounds.reports.charts import theme
from rounds.reports.charts.theme import MOBILE, WEB, WITHHELD_LABEL, sized
from rounds.reports.content.deterioration import (
    Figure,
    calibration_figure,
    decision_figure,
    efficiency_figure,
    roc_figure,
)

PALETTE = {theme.GREY, theme.BLUE, theme.ORANGE, theme.INK, theme.PALE, "#e8edee"}
SCORES = np.arange(9.0)
EVENTS = np.array([10, 9, 12, 8, 15, 22, 3, 30, 5], dtype=float)
OTHERS = np.array([900, 700, 500, 300, 200, 100, 60, 30, 2], dtype=float)
FORETOLD = np.linspace(0.01, 0.6, 9)


def _withheld(counts: np.ndarray) -> Known:
    small = (counts > 0) & (counts <= 7)
    lower, upper = np.where(small, 1, counts), np.where(small, 7, counts)
    return Known(value=np.where(small, np.nan, counts), lower=lower, upper=upper)


def _figures(*, withheld: bool) -> dict[str, Figure]:
    kind = _withheld if withheld else Known.exact
    table = ScoreTable(scores=SCORES, events=kind(EVENTS), others=kind(OTHERS))
    area, curve = auroc(table), decision_curve(table, foretold=FORETOLD, thresholds=np.array([0.02, 0.05, 0.1, 0.3]))
    assert isinstance(area, Auroc)
    assert isinstance(curve, DecisionCurve)
    named = {"score": "NEWS2", "outcome": "death within 24 hours"}
    return {
        "roc": roc_figure(table, area, **named),
        "efficiency": efficiency_figure(table, **named),
        "calibration": calibration_figure(table, FORETOLD, **named),
        "decision": decision_figure(curve, **named),
    }


@pytest.mark.parametrize("withheld", [False, True])
@pytest.mark.parametrize("name", ["roc", "efficiency", "calibration", "decision"])
def test_every_figure_can_be_drawn_read_and_heard(name: str, withheld: bool) -> None:
    figure = _figures(withheld=withheld)[name]
    for profile in (WEB, MOBILE):
        svg = vl_convert.vegalite_to_svg(sized(figure.chart, profile), allowed_base_urls=[])
        assert "NaN" not in svg
    text = json.dumps(figure.chart, allow_nan=False)
    assert set(re.findall(r"#[0-9a-fA-F]{6}", text)) <= PALETTE
    assert (WITHHELD_LABEL in text) == (withheld and name != "decision")
    assert "death within 24 hours" in figure.alt_text
    assert figure.alt_text.endswith(".")
    assert len(figure.table.rows) == (4 if name == "decision" else 9)
    assert not any(str(cell) in ("nan", "inf", "None") for row in figure.table.rows for cell in row)


def test_what_a_curve_says() -> None:
    figures = _figures(withheld=False)
    (row,) = [row for row in figures["roc"].table.rows if row[0] == "7"]
    # 35 of 114 events and 32 of 2,792 others are at 7 or above.
    assert row == ("7", "30.7", "98.9", "52.2", "97.2", "2.3", "1.9")
    assert "At 7 or above 2.3% of all trigger and 30.7% are found." in figures["roc"].alt_text
    points = next(layer for layer in figures["roc"].chart["layer"] if layer["mark"]["type"] == "point")
    seventh = points["data"]["values"][7]
    assert (round(seventh["x"], 1), round(seventh["y"], 1)) == (1.1, 30.7)


def test_a_withheld_number_is_a_range_everywhere() -> None:
    figures = _figures(withheld=True)
    assert "between" in figures["roc"].alt_text
    rows = {row[0]: row for row in figures["calibration"].table.rows}
    assert rows["6"][2] == "1.6 to 10.4"
    drawn = next(layer for layer in figures["calibration"].chart["layer"] if layer["mark"]["type"] == "point")
    assert {point["x"] for point in drawn["data"]["values"]} == {0, 1, 2, 3, 4, 5, 7}
    assert [row[1] for row in figures["decision"].table.rows] == ["withheld"] * 4
    bands = next(layer for layer in figures["decision"].chart["layer"] if layer["mark"]["type"] == "area")
    assert len(bands["data"]["values"]) == 8
    lines = next(layer for layer in figures["decision"].chart["layer"] if layer["mark"]["type"] == "line")
    assert {row["kind"] for row in lines["data"]["values"]} == {"Acting on nobody"}


def test_it_says_where_acting_on_the_score_helps() -> None:
    """Worked out by hand: of 2,906 sets 114 have the outcome.

    At 5 % scores from 1 up are acted on: 104 / 2,906 - 1,892 / 2,906 x 1 / 19 = 0.0015. At 10 % from 2 up: -0.013.
    """
    figure = _figures(withheld=False)["decision"]
    assert figure.alt_text.endswith("does more good than acting on everybody or on nobody from 2% to 5%.")
    assert [row[1] for row in figure.table.rows] == ["22.5", "1.5", "-12.9", "-32.0"]

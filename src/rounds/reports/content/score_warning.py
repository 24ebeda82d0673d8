"""How well a score warned, in the network: statements with their figures, and why one is missing."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from rounds.learning.deterioration.calibration import fit_risk
from rounds.learning.deterioration.decision_curve import decision_curve
from rounds.learning.deterioration.discrimination import Auroc, auroc
from rounds.learning.deterioration.score_table import ScoreTable
from rounds.learning.deterioration.shares import NoAnswer
from rounds.measures.definitions import Measure
from rounds.measures.score_levels import LevelBand
from rounds.network.members import Membership
from rounds.reports.content.deterioration import (
    Figure,
    calibration_figure,
    decision_figure,
    efficiency_figure,
    roc_figure,
)
from rounds.reports.content.wording import NETWORK, inline, listing, plural, slug
from rounds.reports.insight import Certainty, Confidence, Direction, Estimate, Insight, Kind, Provenance

THRESHOLDS: Final = np.arange(1, 21) / 100
"""Risks at which net benefit is shown."""
_FEW: Final = 100
_DEPENDENT: Final = (
    "Sets of one patient are taken for independent of one another, which they are not: intervals are too narrow."
)


def score_warning(
    table: ScoreTable,
    *,
    measure: Measure,
    score: str,
    bands: Sequence[LevelBand],
    members: Sequence[str],
    left_out: Sequence[str],
    membership: Membership,
    provenance: Provenance,
) -> tuple[Insight, ...] | NoAnswer:
    """Return what a score table says, or why it says nothing.

    Args:
        table: of all members together; cells may be withheld, and figures then lie between bounds.
        measure: whose bands it is made of.
        score: its name.
        bands: of the table, in its order.
        members: ODS codes of those in it.
        left_out: of those who sent some bands only.
        membership: to name them.
        provenance: where the numbers come from.
    """
    area = auroc(table)
    if isinstance(area, NoAnswer):
        return area
    outcome = inline(measure.title)
    line = fit_risk(table)
    foretold = None if isinstance(line, NoAnswer) else line.risks(table.scores)
    figures = [
        ("area", roc_figure(table, area, score=score, outcome=outcome)),
        ("efficiency", efficiency_figure(table, score=score, outcome=outcome)),
        ("calibration", calibration_figure(table, foretold, score=score, outcome=outcome)),
    ]
    missing: list[str] = []
    if isinstance(line, NoAnswer):
        missing.append(f"No foretold risk is drawn, and no net benefit. {line.reason}")
    elif foretold is None or line.slope <= 0:
        missing.append("No net benefit is told: the risk does not rise with the score.")
    else:
        curve = decision_curve(table, foretold=foretold, thresholds=THRESHOLDS)
        if isinstance(curve, NoAnswer):
            missing.append(curve.reason)
        else:
            figures.append(("benefit", decision_figure(curve, score=score, outcome=outcome)))
            missing.append("Foretold risks are fitted to the same counts; net benefit is by them.")
    notes = (
        f"{plural(len(members), 'organisation')} together: {listing([membership.name_of(code) for code in members])}.",
        *_wide(bands),
        *_withheld(table),
        _DEPENDENT,
        *area.notes,
        *missing,
        *_without(left_out, membership),
    )
    return tuple(_insight(name, figure, area, table, measure, notes, provenance) for name, figure in figures)


def _insight(
    name: str,
    figure: Figure,
    area: Auroc,
    table: ScoreTable,
    measure: Measure,
    notes: tuple[str, ...],
    provenance: Provenance,
) -> Insight:
    ends = (area.lower, area.upper) if area.interval is None else (area.interval.lower, area.interval.upper)
    few = area.events.lower < _FEW
    return Insight(
        id=slug(Kind.WARNING, measure.id, name, NETWORK),
        kind=Kind.WARNING,
        statement=figure.statement,
        direction=Direction.NEUTRAL,
        scope=NETWORK,
        scope_name="the network",
        measure=str(measure.ref),
        measure_title=measure.title,
        innovation=None,
        certainty=Confidence(
            level=Certainty.LOW if table.withheld or few else Certainty.MODERATE,
            because=(
                f"{table.withheld} of {2 * len(table.scores)} counts are withheld; intervals hold whatever they are, "
                "but several sets of one patient are not independent."
            ),
            estimate=Estimate(
                value=area.value,
                lower=ends[0],
                upper=ends[1],
                interval="95% interval over what withheld counts can be",
                unit="area under the ROC curve",
            ),
            method=area.method,
        ),
        comparator=None,
        benefit=None,
        chart=figure.chart,
        alt_text=figure.alt_text,
        table=figure.table,
        action=None,
        provenance=provenance,
        notes=notes,
    )


def _wide(bands: Sequence[LevelBand]) -> tuple[str, ...]:
    wide = [f"{band.low:g} stands for {band}" for band in bands if band.high > band.low]
    return (f"Scores that few sets have are counted together: {listing(wide)}.",) if wide else ()


def _withheld(table: ScoreTable) -> tuple[str, ...]:
    if not table.withheld:
        return ()
    return (
        f"{table.withheld} of {2 * len(table.scores)} counts are withheld or depend on one that is. They are not zero: "
        "what rests on them is given between the least and the most it can be.",
    )


def _without(left_out: Sequence[str], membership: Membership) -> tuple[str, ...]:
    if not left_out:
        return ()
    names = listing([membership.name_of(code) for code in left_out])
    return (f"Left out, because not every band of the score came from them: {names}.",)

"""How well a score warned of events: its area, thresholds, risks and net benefit over a site's own sets."""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rounds.analyst.names import rank
from rounds.analyst.observation_sets import Events, ObservationSets, numbered
from rounds.learning.deterioration.by_patient import cluster_sums, clustered
from rounds.learning.deterioration.calibration import Line, Recalibration, fit_risk, recalibrate
from rounds.learning.deterioration.decision_curve import DecisionCurve, decision_curve
from rounds.learning.deterioration.discrimination import Auroc, auroc
from rounds.learning.deterioration.score_table import ScoreTable, add_tables, count_scores
from rounds.learning.deterioration.sets import Take, chosen
from rounds.learning.deterioration.shares import Interval, NoAnswer
from rounds.reports.content.deterioration import (
    Figure,
    calibration_figure,
    decision_figure,
    efficiency_figure,
    roc_figure,
)

SCORE: Final = "NEWS2"
_BY_PATIENT: Final = (
    "DeLong's interval takes sets for independent of one another, which several of one patient are not. The interval "
    "by patient allows for that, and is the one in the figure. Intervals of thresholds and risks do not."
)
_OUTCOMES: Final = (("death", ("death", "died", "deathtime", "dod")), ("cardiac arrest", ("arrest",)))
_STEPS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
_MOST_STEPS = 50
_ENOUGH = 20
"""Sets at a score from which on its risk is worth drawing a decision at."""
_FEWEST_EVENTS = 10
"""Sets with the outcome in a ward, and in all others, from which on one is held against the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """How well the score warned of an event."""

    outcome: str
    """such as "death within 24 hours\""""
    table: ScoreTable = field(repr=False)
    areas: tuple[tuple[Take, Auroc | NoAnswer], ...]
    by_patient: Interval | NoAnswer
    """of the area over every set, allowing for several of one patient"""
    line: Line | NoAnswer
    """the risk at each score, fitted to the same sets"""
    held_against: tuple[str, Recalibration | NoAnswer] | None
    """the ward with the most events, against risks fitted in all others; None where there are too few"""
    curve: DecisionCurve | NoAnswer
    figures: tuple[tuple[str, Figure], ...] = field(repr=False)
    """each with its name"""


def outcome_called(named: str) -> str:
    """Return what happened, by what a column or file of events is called."""
    return next((word for word, hints in _OUTCOMES if rank(named, hints) is not None), "the event")


def warned_of(sets: ObservationSets, events: Events, *, within: float, outcome: str) -> tuple[Warned, list[str]]:
    """Return how well the score warned of events, and what is assumed or could not be told.

    Args:
        sets: complete sets of observations.
        events: what is foretold.
        within: hours after a set within which an event counts as following it.
        outcome: what the event is called.
    """
    followed = sets.followed(events, hours=within)
    table = count_scores(sets.totals, followed)
    said = f"{outcome} within {within:g} hours"
    stays = sets.stay_numbers
    areas = []
    for take in Take:
        rows = chosen(take, stays=stays, minutes=sets.minutes, totals=sets.totals)
        areas.append((take, auroc(count_scores(sets.totals[rows], followed[rows]))))
    area = areas[0][1]
    by_patient: Interval | NoAnswer = NoAnswer(reason="")
    if isinstance(area, Auroc):
        patients = numbered(sets.patients)[0]
        by_patient = clustered(table, cluster_sums(table, scores=sets.totals, outcomes=followed, patients=patients))
    line = fit_risk(table)
    curve = _curve(table, line)
    notes = [] if isinstance(area, NoAnswer) else [_BY_PATIENT, *area.notes]
    notes += [found.reason for found in (area, line, curve) if isinstance(found, NoAnswer)]
    if isinstance(line, Line):
        notes.append(
            "Foretold risks are a straight line in log odds, fitted to these same sets: that they lie near the "
            "observed ones shows that the line fits, not that they hold elsewhere. Net benefit is by these risks."
        )
    warned = Warned(
        outcome=said,
        table=table,
        areas=tuple(areas),
        by_patient=by_patient,
        line=line,
        held_against=_held_against(sets, followed),
        curve=curve,
        figures=tuple(_figures(table, _honest(area, by_patient), line, curve, said)),
    )
    return warned, list(dict.fromkeys(notes))


def _honest(area: Auroc | NoAnswer, by_patient: Interval | NoAnswer) -> Auroc | NoAnswer:
    """Return the area with the interval by patient where there is one: patients have several sets each."""
    if isinstance(area, NoAnswer) or isinstance(by_patient, NoAnswer):
        return area
    return replace(area, interval=by_patient)


def _curve(table: ScoreTable, line: Line | NoAnswer) -> DecisionCurve | NoAnswer:
    """Return the decision curve at round thresholds up to the highest risk that was no rarity."""
    if isinstance(line, NoAnswer):
        return line
    if line.slope <= 0:
        return NoAnswer(reason="The risk does not rise with the score, so there is nothing to decide by it.")
    foretold = line.risks(table.scores)
    often = np.flatnonzero(table.events.value + table.others.value >= _ENOUGH)
    top = float(foretold[often[-1]]) if len(often) else float(foretold[-1])
    step = next((one for one in _STEPS if top / one <= _MOST_STEPS), _STEPS[-1])
    marks = np.asarray(np.arange(1, max(2, int(top / step)) + 1) * step, dtype=np.float64)
    return decision_curve(table, foretold=foretold, thresholds=marks[marks < 1])


def _held_against(sets: ObservationSets, followed: NDArray[np.bool_]) -> tuple[str, Recalibration | NoAnswer] | None:
    """Return how risks fitted in all other wards fit the ward with the most events."""
    if sets.wards is None:
        return None
    tables = {
        str(ward): count_scores(sets.totals[sets.wards == ward], followed[sets.wards == ward])
        for ward in np.unique(sets.wards)
    }
    events = {ward: float(table.events.value.sum()) for ward, table in tables.items()}
    most = max(events, key=lambda ward: events[ward])
    if min(events[most], sum(events.values()) - events[most]) < _FEWEST_EVENTS:
        return None
    line = fit_risk(add_tables([table for ward, table in tables.items() if ward != most]))
    if isinstance(line, NoAnswer):
        return most, line
    return most, recalibrate(tables[most], line.risks(tables[most].scores))


def _figures(
    table: ScoreTable, area: Auroc | NoAnswer, line: Line | NoAnswer, curve: DecisionCurve | NoAnswer, outcome: str
) -> list[tuple[str, Figure]]:
    if isinstance(area, NoAnswer):
        return []
    foretold = None if isinstance(line, NoAnswer) else line.risks(table.scores)
    found = [
        ("roc", roc_figure(table, area, score=SCORE, outcome=outcome)),
        ("efficiency", efficiency_figure(table, score=SCORE, outcome=outcome)),
        ("calibration", calibration_figure(table, foretold, score=SCORE, outcome=outcome)),
    ]
    if isinstance(curve, DecisionCurve) and (curve.by_score.upper > 0).any():
        found.append(("decision", decision_figure(curve, score=SCORE, outcome=outcome)))
    return found

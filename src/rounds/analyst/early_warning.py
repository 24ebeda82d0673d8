"""How well an early-warning score warns, and whether observations are on time, from a table of observations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from markupsafe import Markup
from numpy.typing import NDArray

from rounds.analyst.columns import Guess
from rounds.analyst.deterioration_words import of_sets, of_times, of_warnings
from rounds.analyst.frames import TableError, table_of
from rounds.analyst.observation_columns import ObservationColumns, observation_columns
from rounds.analyst.observation_sets import ObservationSets, events_in, events_of, observation_sets
from rounds.analyst.shown import charts_as_html
from rounds.analyst.warned import Warned, outcome_called, warned_of
from rounds.learning.deterioration.calibration import observed_risks
from rounds.learning.deterioration.decision_curve import DecisionCurve
from rounds.learning.deterioration.discrimination import Auroc
from rounds.learning.deterioration.on_time import OnTime, observations_on_time
from rounds.learning.deterioration.sets import Take
from rounds.learning.deterioration.shares import Interval, NoAnswer, Share
from rounds.learning.deterioration.thresholds import thresholds
from rounds.measures.definitions import Better
from rounds.measures.schedules import Schedule
from rounds.measures.scores import Score
from rounds.storage.library import read_library, shipped_library_folder

INSIDE: Final = (
    "These are exact counts for use inside the site. They have not passed disclosure control: do not publish them or "
    "send them on as they are."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeteriorationResult:
    """What a table of observations says of its score. Shows itself in a notebook; `write` makes files of it.

    Counts are exact, for use inside the site.
    """

    source: str
    guesses: tuple[Guess, ...]
    sets: ObservationSets = field(repr=False)
    by_score: tuple[OnTime, ...]
    """observations on time by how soon they were due"""
    by_ward: tuple[OnTime, ...]
    warned: Warned | None
    """None where nobody said when events were"""
    schedule: str
    notes: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """What there is to say, for a clinician."""
        return (
            *of_sets(self.sets),
            *(() if self.warned is None else of_warnings(self.warned)),
            *of_times(self.by_score, self.by_ward, self.schedule),
        )

    def thresholds(self) -> pl.DataFrame:
        """Return what each score would find as a threshold, in percent with 95 % limits."""
        rows = [] if self.warned is None else thresholds(self.warned.table)
        return pl.DataFrame(
            [
                {
                    "at_or_above": one.at_least,
                    **_percents("sensitivity", one.sensitivity),
                    **_percents("specificity", one.specificity),
                    **_percents("ppv", one.ppv),
                    **_percents("npv", one.npv),
                    **_percents("triggering", one.triggering),
                    "alerts_per_event": None
                    if one.alerts_per_event is None or not np.isfinite(one.alerts_per_event.value)
                    else one.alerts_per_event.value,
                }
                for one in rows
            ],
            infer_schema_length=None,
        )

    def scores(self) -> pl.DataFrame:
        """Return how many sets had each score, and the risk of the outcome at it in percent."""
        totals = np.bincount(self.sets.totals, minlength=21)
        rows = pl.DataFrame({"score": np.arange(len(totals)), "sets": totals})
        if self.warned is None:
            return rows
        risks = [_percents("risk", risk) for risk in observed_risks(self.warned.table)]
        line = self.warned.line
        fitted = (
            [None] * len(totals)
            if isinstance(line, NoAnswer)
            else (100 * line.risks(self.warned.table.scores)).tolist()
        )
        return rows.with_columns(
            pl.Series("with_outcome", self.warned.table.events.value.astype(np.int64)),
            *(pl.Series(name, [risk[name] for risk in risks], dtype=pl.Float64) for name in risks[0]),
            pl.Series("risk_fitted_percent", fitted, dtype=pl.Float64),
        )

    def areas(self) -> pl.DataFrame:
        """Return the area under the ROC curve by what is taken of each stay, with its intervals."""
        rows = []
        for take, found in () if self.warned is None else self.warned.areas:
            of_all = self.warned.by_patient if self.warned is not None and take is Take.EVERY_SET else None
            by_patient = of_all if isinstance(of_all, Interval) else None
            told = found if isinstance(found, Auroc) else None
            rows.append(
                {
                    "of": str(take),
                    "with_outcome": None if told is None else told.events.value,
                    "without": None if told is None else told.others.value,
                    "area": None if told is None else told.value,
                    **_ends("delong", None if told is None else told.interval),
                    **_ends("log_odds", None if told is None else told.logit_interval),
                    **_ends("by_patient", by_patient),
                    "why_not": found.reason if isinstance(found, NoAnswer) else "",
                }
            )
        return pl.DataFrame(rows, infer_schema_length=None)

    def on_time(self) -> pl.DataFrame:
        """Return observations on time, by how soon they were due and by ward."""
        return pl.DataFrame(
            [
                {
                    "by": by,
                    "group": one.group,
                    "due": one.due,
                    "on_time": one.on_time,
                    "late": one.late,
                    "not_due": one.not_due,
                    **_percents("on_time", one.share),
                }
                for by, found in (("time allowed", self.by_score), ("ward", self.by_ward))
                for one in found
            ],
            infer_schema_length=None,
        )

    def decisions(self) -> pl.DataFrame:
        """Return net benefit for 1,000 sets at each threshold of risk."""
        curve = None if self.warned is None else self.warned.curve
        if not isinstance(curve, DecisionCurve):
            return pl.DataFrame()
        return pl.DataFrame(
            {
                "threshold_percent": 100 * curve.thresholds,
                "by_score": 1000 * curve.by_score.value,
                "by_score_lower_95": 1000 * curve.by_score.lower95,
                "by_score_upper_95": 1000 * curve.by_score.upper95,
                "for_everybody": 1000 * curve.for_all.value,
                "avoided": 1000 * curve.avoided,
            }
        )

    def summary(self) -> dict[str, Any]:
        """Return everything as plain values, for programs."""
        return {
            "sentences": list(self.sentences),
            "areas": self.areas().to_dicts(),
            "thresholds": self.thresholds().to_dicts(),
            "scores": self.scores().to_dicts(),
            "on_time": self.on_time().to_dicts(),
            "decisions": self.decisions().to_dicts(),
            "notes": list(self.notes),
        }

    def write(
        self, folder: str | Path, *, pictures: int = 4, done: Callable[[], None] = lambda: None
    ) -> tuple[Path, ...]:
        """Write a workbook of aggregates, and an SVG and a PNG of each figure; arguments as of `SpcResult.write`."""
        from rounds.analyst.files import write_deterioration

        return write_deterioration(self, Path(folder), pictures=pictures, done=done)

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    def _repr_html_(self) -> str:
        """Return the sentences and the figures, for a notebook."""
        figures = () if self.warned is None else self.warned.figures
        said = Markup("").join(Markup("<p>{}</p>").format(sentence) for sentence in (*self.sentences, INSIDE))
        return str(said) + charts_as_html(
            [(name, figure.statement, figure.chart, figure.alt_text, ()) for name, figure in figures], Better.NEITHER
        )


def deterioration(
    data: Any,
    *,
    columns: ObservationColumns | None = None,
    events: Any = None,
    within: float = 24,
    outcome: str | None = None,
    blank_oxygen_is_air: bool = False,
    dates: str | None = None,
    where: Mapping[str, Any] | None = None,
) -> DeteriorationResult:
    """Return how well NEWS2 warns of an event, and whether observations are on time.

    Sets are scored by the library's table; one that lacks a sign has no total. They stay where they are: the result
    tells counts, which are exact and for use inside the site.

    Args:
        data: as in `spc`; one row a set of observations.
        columns: which column holds what; what is left out is guessed from names, and said.
        events: a table of events of their own, as `data`; else `columns.event` of the observations is taken.
        within: after how many hours at the latest an event counts as following a set.
        outcome: what is foretold, in a few words; of a column called death or arrest that.
        blank_oxygen_is_air: whether an empty cell of oxygen means that none was given; else it was not recorded.
        dates: how dates are written, as in "%d/%m/%Y", where the columns cannot tell.
        where: as in `spc`.

    Raises:
        TableError: names file, line and column, and what to do.

    Source: see `rounds.learning.deterioration`.
    """
    if not within > 0:
        raise TableError(f"an event follows within more than 0 hours, not {within:g}")
    table = table_of(data, where=where)
    found, guesses = observation_columns(table, columns or ObservationColumns(), event_elsewhere=events is not None)
    scores, schedule = _declared()
    sets = observation_sets(
        table,
        found,
        score=scores["news2"],
        score_2=scores["news2-scale-2"],
        dates=dates,
        blank_oxygen_is_air=blank_oxygen_is_air,
    )
    if not len(sets.totals):
        lacking = ", ".join(f"{name} in {number:,}" for name, number in sets.lacking.items())
        raise TableError(
            f"{table.name}: not one of {sets.partial:,} sets is complete, so none has a score; lacking: {lacking}"
        )
    happened, named = None, ""
    if events is not None:
        other = table_of(events)
        happened, named = events_of(other, found, dates, known=sets), f"{found.event or ''} {other.name}"
    elif found.event is not None:
        happened, named = events_in(table, found, dates), found.event
    warned, notes = None, list(sets.read_as)
    if happened is not None:
        warned, more = warned_of(sets, happened, within=within, outcome=outcome or outcome_called(named))
        notes += more
    due = schedule.due_minutes(totals=sets.totals, highest=sets.highest)
    return DeteriorationResult(
        source=table.name,
        guesses=guesses,
        sets=sets,
        by_score=_on_time(sets, due, np.array([f"due in {minutes / 60:g} h" for minutes in due])),
        by_ward=() if sets.wards is None else _on_time(sets, due, sets.wards),
        warned=warned,
        schedule=schedule.title,
        notes=(*notes, INSIDE),
    )


@cache
def _declared() -> tuple[dict[str, Score], Schedule]:
    """Return the library's scores by id, and when observations are due by NEWS2."""
    library = read_library(shipped_library_folder())
    return {one.id: one for one in library.scores}, next(one for one in library.schedules if "news2" in one.scores)


def _on_time(sets: ObservationSets, due: NDArray[np.int64], groups: NDArray[Any]) -> tuple[OnTime, ...]:
    return observations_on_time(
        stays=sets.stay_numbers, minutes=sets.minutes, due_within=due, stay_ends=sets.ends, groups=groups
    )


def _percents(name: str, found: Share | None) -> dict[str, float | None]:
    value, ends = (None, None) if found is None else (found.value, found.interval)
    return {
        f"{name}_percent": None if value is None else 100 * value,
        f"{name}_lower_95": None if ends is None else 100 * ends.lower,
        f"{name}_upper_95": None if ends is None else 100 * ends.upper,
    }


def _ends(name: str, found: Interval | NoAnswer | None) -> dict[str, float | None]:
    told = found if isinstance(found, Interval) else None
    return {
        f"{name}_lower_95": None if told is None else told.lower,
        f"{name}_upper_95": None if told is None else told.upper,
    }

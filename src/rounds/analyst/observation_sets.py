"""Sets of observations with their scores, from an analyst's table; and the events that followed them."""

from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rounds.analyst.frames import Table, TableError
from rounds.analyst.moments import minutes_in
from rounds.analyst.observation_columns import ObservationColumns, guessed
from rounds.analyst.vital_signs import VitalSigns, vital_signs
from rounds.learning.deterioration.sets import outcome_within
from rounds.measures.score_sets import NO_TOTAL, score_sets
from rounds.measures.scores import Score
from rounds.reports.content.wording import plural

NO_WARD: Final = "ward not recorded"
_MOST_WARDS = 0.5
"""Of stays: a column with more different cells than that names no wards."""
_FEW = 5

Minutes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """When what is foretold came about. Both have shape (events,)."""

    stays: pl.Series = field(repr=False)
    minutes: Minutes = field(repr=False)
    by_patient: bool = False
    """whether `stays` are patients, as the table of events knows no stays"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationSets:
    """Complete sets of observations, in the order of the table. Arrays have shape (sets,); minutes are from 1970."""

    stays: pl.Series = field(repr=False)
    patients: pl.Series = field(repr=False)
    """the stays where no column names patients"""
    minutes: Minutes = field(repr=False)
    ends: Minutes = field(repr=False)
    """when the stay ended; its last set where no column says"""
    wards: NDArray[Any] | None = field(repr=False)
    totals: NDArray[np.int16] = field(repr=False)
    highest: NDArray[np.int16] = field(repr=False)
    partial: int
    """sets without a total"""
    lacking: dict[str, int]
    """of all sets, how many lack each sign"""
    by_scale_2: int
    """sets whose saturation is scored by scale 2"""
    read_as: tuple[str, ...]

    @property
    def number_of_stays(self) -> int:
        return self.stays.n_unique()

    @property
    def stay_numbers(self) -> NDArray[np.int64]:
        """The stays as numbers, which sort faster."""
        return numbered(self.stays)[0]

    def followed(self, events: Events, *, hours: float) -> NDArray[np.bool_]:
        """Return whether an event followed each set in so many hours; see `outcome_within`."""
        stays, event_stays = numbered(self.patients if events.by_patient else self.stays, events.stays)
        return outcome_within(
            hours, stays=stays, minutes=self.minutes, event_stays=event_stays, event_minutes=events.minutes
        )


def numbered(*names: pl.Series) -> list[NDArray[np.int64]]:
    """Return names as numbers, one name the same number in all."""
    codes = pl.concat([one.rename("name") for one in names]).cast(pl.Categorical).to_physical().cast(pl.Int64)
    ends = np.cumsum([len(one) for one in names])
    return np.split(codes.to_numpy(), ends[:-1])


def observation_sets(
    table: Table,
    columns: ObservationColumns,
    *,
    score: Score,
    score_2: Score,
    dates: str | None,
    blank_oxygen_is_air: bool,
) -> ObservationSets:
    """Return the sets of a table that have a score, and how many have none.

    Rows of one stay at one minute are one set, if no two of them say different things.

    Args:
        table: one row a set, or several with a part of it each.
        columns: which column holds what.
        score: of most sets.
        score_2: of those whose saturation is scored by scale 2.
        dates: how dates are written, where the columns cannot tell.
        blank_oxygen_is_air: see `vital_signs`.

    Raises:
        TableError: names file, line and column, never a cell.
    """
    stays = named_cells(table, str(columns.stay))
    minutes = minutes_in(table, str(columns.time), written=dates, may_be_empty=False)
    table, kept, merged = _one_row_a_set(table, columns, stays, minutes)
    stays, minutes = stays.gather(kept), minutes.gather(kept)
    read = vital_signs(table, columns, score, blank_oxygen_is_air=blank_oxygen_is_air)
    totals, highest, lacking = _scored(read, score, score_2)
    ends, said = _ends(table, columns, stays, minutes, dates)
    patients = stays if columns.patient is None else named_cells(table, columns.patient)
    complete = totals != NO_TOTAL
    joined = (f"{plural(merged, 'row')} went into a set of the same stay and minute.",) if merged else ()
    wards = None if columns.ward is None else _wards(table, columns.ward, stays)
    return ObservationSets(
        stays=stays.filter(pl.Series(complete)),
        patients=patients.filter(pl.Series(complete)),
        minutes=minutes.to_numpy()[complete],
        ends=ends[complete],
        wards=None if wards is None else wards[complete],
        totals=totals[complete],
        highest=highest[complete],
        partial=int((~complete).sum()),
        lacking=lacking,
        by_scale_2=int(read.by_scale_2[complete].sum()),
        read_as=(*read.read_as, *joined, *said),
    )


def events_in(table: Table, columns: ObservationColumns, dates: str | None) -> Events:
    """Return the events that a column of the observations' table says: of a stay's many rows each one once."""
    return _distinct(
        named_cells(table, str(columns.stay)),
        minutes_in(table, str(columns.event), written=dates, may_be_empty=True),
        by_patient=False,
    )


def events_of(table: Table, columns: ObservationColumns, dates: str | None, *, known: ObservationSets) -> Events:
    """Return the events of a table of their own: one row each, of a stay or else of a patient.

    Raises:
        TableError: if it names neither as the observations do, or not one of its stays has observations.
    """
    names = table.frame.columns
    by_patient = str(columns.stay) not in names and columns.patient in names
    key = str(columns.patient) if by_patient else str(columns.stay)
    if key not in names:
        raise TableError(
            f"{table.name}: it has no column {key}, as the observations have ({', '.join(names)}); call it the same"
        )
    rest = [name for name in names if name != key]
    time = columns.event or guessed(table, "event", rest) or guessed(table, "time", rest)
    if time is None or time not in names:
        raise TableError(f"{table.name}: no column is called after the time of an event; name it with --event")
    found = _distinct(
        named_cells(table, key), minutes_in(table, time, written=dates, may_be_empty=True), by_patient=by_patient
    )
    observed = known.patients if by_patient else known.stays
    if len(found.stays) and not np.isin(found.stays.to_numpy(), observed.unique().to_numpy()).any():
        raise TableError(
            f"{table.name}, column {key}: not one of its cells is in the same column of the observations; write both "
            "alike"
        )
    return found


def named_cells(table: Table, name: str) -> pl.Series:
    """Return a column of names as text; none of them may be empty."""
    cells = table.frame[name].cast(pl.String).str.strip_chars()
    empty = (cells.is_null() | (cells == "")).arg_true()
    if len(empty):
        raise TableError(f"{table.name}, {table.place(int(empty[0]))}, column {name}: the cell is empty; fill it in")
    return cells


def _distinct(stays: pl.Series, minutes: pl.Series, *, by_patient: bool) -> Events:
    rows = pl.DataFrame({"stay": stays, "minute": minutes}).drop_nulls().unique(maintain_order=True)
    return Events(
        stays=rows["stay"],
        minutes=rows["minute"].cast(pl.Int64).to_numpy(),
        by_patient=by_patient,
    )


def _one_row_a_set(
    table: Table, columns: ObservationColumns, stays: pl.Series, minutes: pl.Series
) -> tuple[Table, pl.Series, int]:
    """Return a table with one row for each stay and minute, which rows it keeps, and how many went into others."""
    rows = pl.DataFrame({"_stay": stays, "_minute": minutes}).with_row_index("_at")
    many = rows.filter(pl.struct("_stay", "_minute").is_duplicated())
    if not many.height:
        return table, rows["_at"], 0
    used = dict.fromkeys(
        name for name in columns.named if name not in (columns.time, columns.stay) and name in table.frame.columns
    )
    whole = many.hstack(table.frame[many["_at"]].select(_blank_as_null(table.frame, list(used))))
    each = whole.group_by("_stay", "_minute", maintain_order=True)
    for name in used:
        unlike = each.agg(pl.col(name).drop_nulls().n_unique().alias("kinds"), pl.col("_at").get(1).alias("second"))
        unlike = unlike.filter(pl.col("kinds") > 1)
        if unlike.height:
            raise TableError(
                f"{table.name}, {table.place(int(unlike['second'].min()))}, column {name}: another row of this stay at "  # type: ignore[arg-type]  # an integer
                "this minute says something else; make one set of them"
            )
    joined = each.agg(pl.col("_at").first(), *(pl.col(name).drop_nulls().first() for name in used))
    frame = (
        table.frame.with_row_index("_at")
        .join(many.select("_at"), on="_at", how="anti")
        .with_columns(_blank_as_null(table.frame, list(used)))
    )
    frame = pl.concat([frame, joined.drop("_stay", "_minute")], how="diagonal_relaxed").sort("_at")
    kept = frame["_at"]
    return (
        replace(table, frame=frame.drop("_at"), lines=table.lines.gather(kept)),
        kept,
        many.height - joined.height,
    )


def _blank_as_null(frame: pl.DataFrame, names: list[str]) -> list[pl.Expr]:
    return [
        pl.when(pl.col(name).str.strip_chars() != "").then(pl.col(name)).alias(name)
        if frame[name].dtype == pl.String
        else pl.col(name)
        for name in names
    ]


def _scored(
    read: VitalSigns, score: Score, score_2: Score
) -> tuple[NDArray[np.int16], NDArray[np.int16], dict[str, int]]:
    found = score_sets(score, read.columns)
    totals, highest = found.totals, found.highest
    if read.by_scale_2.any():
        other = score_sets(score_2, read.columns)
        totals = np.where(read.by_scale_2, other.totals, totals)
        highest = np.where(read.by_scale_2, other.highest, highest)
    return totals, highest, {name: number for name, number in found.lacking.items() if number}


def _ends(
    table: Table, columns: ObservationColumns, stays: pl.Series, minutes: pl.Series, dates: str | None
) -> tuple[Minutes, tuple[str, ...]]:
    """Return when each set's stay ended, never before its last set."""
    rows = pl.DataFrame({"stay": stays, "minute": minutes})
    rows = rows.with_columns(pl.col("minute").max().over("stay").alias("last"))
    if columns.stay_end is None:
        return rows["last"].to_numpy(), (
            "No column says when stays end: each was taken to end with its last set, so none that was due after it is "
            "late.",
        )
    ends = minutes_in(table, columns.stay_end, written=dates, may_be_empty=True)
    rows = rows.with_columns(ends.alias("end")).with_columns(pl.col("end").max().over("stay"))
    early = rows.filter(pl.col("end") < pl.col("last"))["stay"].n_unique()
    said = (f"{plural(early, 'stay')} had a set after the end: the last set was taken for it.",) if early else ()
    return rows.select(pl.max_horizontal("end", "last").alias("end"))["end"].to_numpy(), said


def _wards(table: Table, name: str, stays: pl.Series) -> NDArray[Any]:
    cells = table.frame[name].cast(pl.String).str.strip_chars()
    wards = pl.select(pl.when(cells != "").then(cells).otherwise(None)).to_series().fill_null(NO_WARD)
    different = wards.n_unique()
    if different > max(_FEW, _MOST_WARDS * stays.n_unique()):
        raise TableError(
            f"{table.name}, column {name}: it has {different:,} different cells for {stays.n_unique():,} stays, so it "
            "names no wards; name another with --ward"
        )
    return np.asarray(wards.to_numpy())

"""When each organisation adopted, read out of a column of an analyst's table."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import polars as pl

from rounds.analyst.columns import Guess, Reading
from rounds.analyst.dates import dates_in
from rounds.analyst.frames import Table, TableError
from rounds.analyst.names import best, rank
from rounds.storage.suggestions import nearest

_ADOPTED: Final = (
    "adopted",
    "adoption",
    "embedded",
    "go_live",
    "golive",
    "live",
    "implemented",
    "introduced",
    "intervention",
)
_STOPPED: Final = ("stopped", "withdrawn", "ended")
_MOST_TRIED: Final = 1_000
_NEVER: Final = ("", "never", "not yet", "none", "no", "na", "n/a", "-", "[x]", "[z]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """Adoption and stopping by row, and the table without these columns."""

    rest: Table
    adopted_name: str
    adopted: pl.Series
    """a day or null, shape (rows,)"""
    stopped_name: str | None
    stopped: pl.Series | None
    guesses: tuple[Guess, ...]

    @property
    def never(self) -> bool:
        """Whether a cell is empty."""
        return bool(self.adopted.is_null().any())

    def days_of(self, organisations: pl.Series) -> tuple[dict[str, date], dict[str, date]]:
        """Return when each organisation adopted and stopped.

        Raises:
            TableError: if rows of one organisation give different days, as where it stopped and started again.
        """
        started = self._one_each(organisations, self.adopted, self.adopted_name)
        if self.stopped is None or self.stopped_name is None:
            return started, {}
        stopped = self._one_each(organisations, self.stopped, self.stopped_name)
        for row, site in enumerate(organisations):
            if site in stopped and site not in started:
                raise TableError(
                    f"{self.rest.name}, {self.rest.place(row)}: there is a day in column {self.stopped_name} and none "
                    f"in column {self.adopted_name}; say when it adopted, or leave both empty if it never did"
                )
        return started, stopped

    def _one_each(self, organisations: pl.Series, days: pl.Series, name: str) -> dict[str, date]:
        first: dict[str, tuple[date | None, int]] = {}
        for row, (site, day) in enumerate(zip(organisations, days, strict=True)):
            known = first.setdefault(site, (day, row))
            if known[0] != day:
                table = self.rest
                raise TableError(
                    f"{table.name}, {table.place(known[1])} and {table.place(row)}, column {name}: two different days "
                    "for one organisation. If it stopped and started again, give the first day, and the day that it "
                    "stopped in a column of its own (--stopped): what comes after cannot be judged"
                )
        return {site: day for site, (day, _) in first.items() if day is not None}


def adoption_of(
    table: Table, *, adopted: str | None, stopped: str | None, taken: Sequence[str | None], reading: Reading
) -> Adoption:
    """Return the adoption dates of a table.

    Args:
        table: with a column of days.
        adopted: the column, or None to guess it by its name.
        stopped: the column of when it stopped, if there is one.
        taken: columns that are named for something else.
        reading: how dates are written.

    Raises:
        TableError: if there is no such column, or it does not read as dates.
    """
    names = table.frame.columns
    for name in (adopted, stopped):
        if name is not None and name not in names:
            raise TableError(f"{table.name}: there is no column {name}{nearest(name, names)}")
    guesses = []
    free = [name for name in names if name not in taken]
    if adopted is None:
        adopted = best([name for name in free if rank(name, _STOPPED) is None], _ADOPTED)
        if adopted is None:
            raise TableError(
                f"{table.name}: no column says when each organisation adopted ({', '.join(free)}); name it with "
                "--adopted"
            )
        guesses.append(Guess(role="adopted", column=adopted, because="its name"))
    if stopped is None:
        stopped = best([name for name in free if name != adopted], _STOPPED)
        if stopped is not None:
            guesses.append(Guess(role="stopped", column=stopped, because="its name"))
    gone = [name for name in (adopted, stopped) if name is not None]
    return Adoption(
        rest=replace(table, frame=table.frame.drop(gone)),
        adopted_name=adopted,
        adopted=_days(table, adopted, reading),
        stopped_name=stopped,
        stopped=None if stopped is None else _days(table, stopped, reading),
        guesses=tuple(guesses),
    )


def _days(table: Table, name: str, reading: Reading) -> pl.Series:
    column = table.frame[name]
    if column.dtype == pl.String:
        folded = column.str.strip_chars().str.to_lowercase()
        column = pl.select(pl.when(folded.is_in(_NEVER)).then(None).otherwise(column)).to_series().alias(name)
    if column.is_null().all():
        return pl.repeat(None, len(column), dtype=pl.Date, eager=True)
    dates = dates_in(column, named_so=True, written=None, of_periods=False)
    if dates is None and reading.dates is not None:
        dates = dates_in(column, named_so=True, written=reading.dates, of_periods=False)
    if dates is None:
        raise TableError(
            f"{table.name}{_odd_one(table, column)}, column {name}: not all cells are dates written in one way; "
            "correct them, leave cells of organisations that never adopted empty, or say how dates are written, as in "
            '--dates "%d/%m/%Y"'
        )
    return dates.days


def _odd_one(table: Table, column: pl.Series) -> str:
    """Return where the first cell stands without which the others read as dates; nothing where no one cell is odd."""
    cells = column.drop_nulls().unique(maintain_order=True)
    for cell in cells.head(_MOST_TRIED) if column.dtype == pl.String and len(cells) > 1 else ():
        others = column.filter(column != cell)
        if dates_in(others, named_so=True, written=None, of_periods=False) is not None:
            return f", {table.place(int((column == cell).arg_true()[0]))}"
    return ""

"""Which column is what: named by the analyst, or guessed from names and contents, and always said."""

from dataclasses import dataclass, field, replace
from typing import Final

import polars as pl

from rounds.analyst.dates import Dates, dates_in
from rounds.analyst.frames import Table, TableError
from rounds.analyst.names import best, order, rank
from rounds.analyst.numbers import Numbers, numbers_in
from rounds.storage.suggestions import nearest

_WHEN: Final = ("period", "month", "date", "week", "quarter", "year", "time", "day", "start")
_SERIES: Final = (
    "organisation",
    "organization",
    "org",
    "trust",
    "hospital",
    "site",
    "practice",
    "provider",
    "ward",
    "icb",
    "ccg",
    "region",
    "unit",
    "team",
    "area",
    "measure",
    "indicator",
    "metric",
    "series",
    "group",
    "name",
    "code",
    "type",
)
_NUMERATOR: Final = (
    "numerator",
    "num",
    "events",
    "deaths",
    "breaches",
    "cases",
    "arrests",
    "falls",
    "infections",
    "readmissions",
    "complications",
    "observed",
    "admitted",
    "yes",
    "count",
    "n",
)
_DENOMINATOR: Final = (
    "denominator",
    "denom",
    "den",
    "population",
    "attendances",
    "admissions",
    "discharges",
    "patients",
    "bed_days",
    "beddays",
    "occupied",
    "eligible",
    "operations",
    "procedures",
    "spells",
    "total",
    "at_risk",
    "exposure",
    "n",
)
_VALUE: Final = ("value", "rate", "percentage", "percent", "pct", "proportion", "mean", "average", "median", "score")
_TARGET: Final = ("target", "standard", "threshold", "goal")
_MOST_SERIES_SHARE: Final = 0.5
"""A column whose cells are nearly all different tells rows apart and no series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column holds what; None and () where there is none, or where it is to be guessed."""

    when: str | None = None
    series: tuple[str, ...] = ()
    """a series for each combination of what these hold"""
    numerator: str | None = None
    denominator: str | None = None
    value: str | None = None
    target: str | None = None

    @property
    def named(self) -> tuple[str, ...]:
        single = (self.when, self.numerator, self.denominator, self.value, self.target)
        return (*self.series, *(name for name in single if name is not None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How numbers and dates are to be read, where the table cannot tell."""

    dates: str | None = None
    """a format of `strptime`"""
    withheld_range: tuple[int, int] | None = None
    withheld_marks: tuple[str, ...] = ()
    missing_marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """One thing that was read out of a table without being told."""

    role: str
    column: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """A table whose columns are known."""

    table: Table
    columns: Columns
    guesses: tuple[Guess, ...]
    dates: Dates | None
    numbers: dict[str, Numbers]
    """of numerator, denominator, value and target"""
    left_out: tuple[str, ...] = field(default=())
    """columns that were not used"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wants:
    """What is to be made of a table."""

    dates: bool = False
    """a column of dates must be there"""
    several: bool = False
    """rows of one date need not be told apart: they are a subgroup"""


def understand(table: Table, given: Columns, *, reading: Reading, wants: Wants) -> Understood:
    """Return what each column of a table is.

    Args:
        table: the table.
        given: columns that the analyst named; the rest is guessed.
        reading: how to read numbers and dates.
        wants: what is to be made of it.

    Raises:
        TableError: if a named column is not there or cannot be read, or a guess would be one of several.
    """
    frame = table.frame
    for name in given.named:
        if name not in frame.columns:
            raise TableError(f"{table.name}: there is no column {name}{nearest(name, frame.columns)}")
    guesses: list[Guess] = []
    when, dates = _when(table, given, reading, guesses, needed=wants.dates)
    numbers: dict[str, Numbers] = {}
    for name in frame.columns:
        if name != when and name not in given.series:
            found = numbers_in(
                frame[name],
                withheld_range=reading.withheld_range,
                withheld_marks=reading.withheld_marks,
                missing_marks=reading.missing_marks,
            )
            if found is not None:
                numbers[name] = found
    columns = _quantities(table, replace(given, when=when), numbers, guesses)
    if not (given.series or wants.several):
        columns = replace(columns, series=_series(table, columns, dates, numbers, guesses))
    for drawn in (columns.numerator, columns.denominator, columns.value, columns.target):
        if drawn is not None:
            _readable(table, drawn, numbers.get(drawn))
            _finite(table, drawn, numbers[drawn])
    return Understood(
        table=table,
        columns=columns,
        guesses=tuple(guesses),
        dates=dates,
        numbers=numbers,
        left_out=tuple(name for name in frame.columns if name not in columns.named),
    )


def _readable(table: Table, name: str, found: Numbers | None) -> None:
    if found is None:
        raise TableError(f"{table.name}, column {name}: it does not hold numbers; name another column")
    if found.unreadable is not None:
        raise TableError(
            f"{table.name}, {table.place(found.unreadable)}, column {name}: the cell is neither a number nor a mark "
            "that is known; correct it, or say what the mark means with --withheld-mark or --missing-mark"
        )


def _finite(table: Table, name: str, found: Numbers) -> None:
    infinite = found.values.is_infinite().fill_null(value=False).arg_true()
    if len(infinite):
        raise TableError(
            f"{table.name}, {table.place(int(infinite[0]))}, column {name}: the number is infinite; correct it, or "
            "leave the cell empty"
        )


def _when(
    table: Table, given: Columns, reading: Reading, guesses: list[Guess], *, needed: bool
) -> tuple[str | None, Dates | None]:
    frame = table.frame
    if given.when is not None:
        dates = dates_in(frame[given.when], named_so=True, written=reading.dates)
        if dates is None:
            raise TableError(
                f"{table.name}, column {given.when}: not all cells are dates written in one way; correct them, or say "
                'how they are written, as in --dates "%d/%m/%Y"'
            )
        return given.when, _without_gaps(table, given.when, dates)
    rest = [name for name in frame.columns if name not in given.named]
    found: dict[str, Dates] = {}
    for name in rest:
        dates = dates_in(frame[name], named_so=rank(name, _WHEN) is not None, written=reading.dates)
        if dates is not None:
            found[name] = dates
    if not found:
        if needed:
            raise TableError(
                f"{table.name}: no column reads as dates ({', '.join(rest)}); name it with --when, and say how it is "
                'written with --dates if it is unusual, as in --dates "%d/%m/%Y"'
            )
        return None, None
    best = min(found, key=lambda name: (order(name, _WHEN), rest.index(name)))
    also = f"; also dates: {', '.join(name for name in found if name != best)}" if len(found) > 1 else ""
    guesses.append(Guess(role="period", column=best, because=f"every cell is a date ({found[best].written}){also}"))
    return best, _without_gaps(table, best, found[best])


def _without_gaps(table: Table, name: str, dates: Dates) -> Dates:
    empty = dates.days.is_null().arg_true()
    if len(empty):
        raise TableError(f"{table.name}, {table.place(int(empty[0]))}, column {name}: the date is empty; fill it in")
    return dates


def _quantities(table: Table, columns: Columns, numbers: dict[str, Numbers], guesses: list[Guess]) -> Columns:
    """Return the columns with a value, or with a numerator and a denominator."""
    free = [name for name in numbers if name not in columns.named and _is_measured(name)]
    if columns.target is None and (targets := [name for name in free if rank(name, _TARGET) is not None]):
        columns = replace(columns, target=targets[0])
        guesses.append(Guess(role="target", column=targets[0], because="its name"))
        free.remove(targets[0])
    if columns.value is not None:
        return columns
    if columns.numerator is None and columns.denominator is None:
        values = [name for name in free if rank(name, _VALUE) is not None]
        tops = [name for name in free if rank(name, _NUMERATOR) is not None]
        bottoms = [name for name in free if rank(name, _DENOMINATOR) is not None]
        if not (tops and [name for name in bottoms if name != tops[0]]):
            if len(values) == 1 or len(free) == 1:
                chosen = values[0] if len(values) == 1 else free[0]
                because = "its name" if len(values) == 1 else "the only column of numbers"
                guesses.append(Guess(role="value", column=chosen, because=because))
                return replace(columns, value=chosen)
            if len(free) == 2 and (pair := _by_size(free, numbers)):
                for role, name in zip(("numerator", "denominator"), pair, strict=True):
                    guesses.append(
                        Guess(
                            role=role,
                            column=name,
                            because="never more than the other" if role == "numerator" else "never less than the other",
                        )
                    )
                return replace(columns, numerator=pair[0], denominator=pair[1])
    return _top_and_bottom(table, columns, free, guesses)


def _top_and_bottom(table: Table, columns: Columns, free: list[str], guesses: list[Guess]) -> Columns:
    top, bottom = columns.numerator, columns.denominator
    if top is None:
        top = best([name for name in free if name != bottom], _NUMERATOR)
        if top is not None:
            guesses.append(Guess(role="numerator", column=top, because="its name"))
    if bottom is None and top is not None:
        bottom = best([name for name in free if name != top], _DENOMINATOR)
        if bottom is not None:
            guesses.append(Guess(role="denominator", column=bottom, because="its name"))
    if top is None or (bottom is None and columns.numerator is None):
        listed = f"columns of numbers: {', '.join(free)}" if free else "no column holds numbers"
        raise TableError(
            f"{table.name}: it cannot be guessed what is to be drawn ({listed}); name it with --value, or with "
            "--numerator and --denominator"
        )
    if bottom is None:
        return replace(columns, numerator=None, value=top)
    return replace(columns, numerator=top, denominator=bottom)


def _is_measured(name: str) -> bool:
    """Return whether a column of numbers may be a quantity: codes that happen to be digits are not."""
    return (
        rank(name, ("code", "id", "ods", "postcode", "line", "index", "rank")) is None
        or rank(name, (*_NUMERATOR, *_DENOMINATOR, *_VALUE)) is not None
    )


def _by_size(names: list[str], numbers: dict[str, Numbers]) -> tuple[str, str] | None:
    first, second = (numbers[name].values for name in names)
    if (first <= second).all() and not (first == second).all():
        return names[0], names[1]
    if (second <= first).all() and not (first == second).all():
        return names[1], names[0]
    return None


def _series(
    table: Table, columns: Columns, dates: Dates | None, numbers: dict[str, Numbers], guesses: list[Guess]
) -> tuple[str, ...]:
    """Return the fewest columns that, with the date, tell all rows apart, those with telling names first."""
    frame = table.frame
    when = pl.repeat(0, frame.height, eager=True) if dates is None else dates.days
    keys = pl.DataFrame({"_when": when})
    texts = [
        name
        for name in frame.columns
        if name not in columns.named and (name not in numbers or rank(name, _SERIES) is not None)
    ]
    texts.sort(key=lambda name: (order(name, _SERIES), frame.columns.index(name)))
    chosen: list[str] = []
    seen = keys.n_unique()
    for name in texts:
        if seen == frame.height:
            break
        more = keys.hstack([frame[one].cast(pl.String).rename(one) for one in (*chosen, name)]).n_unique()
        if more > seen:
            chosen.append(name)
            seen = more
    if chosen:
        chosen = _shortest(keys, frame, chosen)
        count = frame.select(chosen).n_unique()
        because = f"tells rows of one {'date' if dates is not None else 'table'} apart; {count:,} series"
        guesses.append(Guess(role="series", column=" and ".join(chosen), because=because))
    return tuple(chosen)


def _shortest(keys: pl.DataFrame, frame: pl.DataFrame, chosen: list[str]) -> list[str]:
    """Leave out columns that the others make needless."""
    whole = keys.hstack([frame[one].cast(pl.String).rename(one) for one in chosen]).n_unique()
    for name in reversed(chosen):
        rest = [one for one in chosen if one != name]
        if rest and keys.hstack([frame[one].cast(pl.String).rename(one) for one in rest]).n_unique() == whole:
            chosen = rest
    return chosen

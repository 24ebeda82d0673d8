"""The words a criterion chooses among: how an age is reckoned, how a row lies in a window, which row is looked at."""

from datetime import date
from enum import StrEnum


class AgeBy(StrEnum):
    """How an age is reckoned."""

    YEAR = "year"
    """Calendar year less year of birth, the OHDSI convention."""
    BIRTHDAY = "birthday"
    """Completed years. An unknown month of birth is taken as July, an unknown day as the first."""


class Covers(StrEnum):
    """How much of a window an observation period must cover. One period does it; two that meet are not joined."""

    ANY_DAY = "any day"
    EVERY_DAY = "every day"


class Touches(StrEnum):
    """How a row that lasts from day to day lies in a window."""

    STARTS = "starts"
    ENDS = "ends"
    OVERLAPS = "overlaps"
    INSIDE = "inside"
    """It starts and ends in the window."""

    def holds(self, row: tuple[date, date], window: tuple[date, date]) -> bool:
        """Say whether a row lies so in a window; both are a first and a last day."""
        first, last = window
        if first > last:
            return False
        match self:
            case Touches.STARTS:
                return first <= row[0] <= last
            case Touches.ENDS:
                return first <= row[1] <= last
            case Touches.OVERLAPS:
                return row[0] <= last and row[1] >= first
            case Touches.INSIDE:
                return first <= row[0] and row[1] <= last


class Extent(StrEnum):
    """How long a row lasts whose end is not recorded."""

    FIRST_DAY = "first day"
    ON_AND_ON = "on and on"


class Choose(StrEnum):
    """Which of a person's rows in a window are looked at.

    The first is the earliest by day and time of day, the last the latest. Of several at the same moment the one with
    the highest value stands for all, then the one that ends last; of rows alike, the last in the site's file.
    """

    ANY = "any"
    FIRST = "first"
    LAST = "last"


class Stands(StrEnum):
    """Which row is the first or the last of several."""

    AT_THE_MOMENT = "at the moment"
    """Of the rows at the same day and time of day the one with the highest value."""
    LOWEST_OF_THE_DAY = "lowest of the day"
    """Of the rows on the same day, whatever the time, the one with the lowest value; one without a value only if no
    other is there."""


class Distinct(StrEnum):
    """What `at_least` counts."""

    ROWS = "rows"
    DAYS = "days"
    CODES = "codes"


class Statistic(StrEnum):
    """What is made of several values."""

    MEAN = "mean"
    SUM = "sum"
    LOWEST = "lowest"
    HIGHEST = "highest"

"""When something was, as people write it in a tracker: a day, a month, a quarter, a tick, or that nobody knows yet."""

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

FIRST_YEAR: Final = 1990
LAST_YEAR: Final = 2079
"""Years outside are slips: 2204 for 2024."""


class Mark(StrEnum):
    """What stands in the place of a date and is none."""

    YES = "yes"
    """it happened; nobody says when"""
    NO = "no"
    UNKNOWN = "unknown"
    """to be confirmed, not known"""
    CROSS = "cross"
    """an x, which some put for yes and some for no"""


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """A stretch of days within which something was; of one day if it is known."""

    earliest: date | None
    """None: at any time up to `latest`"""
    latest: date
    note: str = ""
    """how it was read, where that was a choice"""


_MONTHS: Final = {name.lower(): number for number, name in enumerate(calendar.month_name) if name} | {
    name.lower(): number for number, name in enumerate(calendar.month_abbr) if name
} | {"sept": 9}  # fmt: skip
_MONTH: Final = "|".join(sorted(_MONTHS, key=len, reverse=True))
_YEAR: Final = r"(?:19|20)\d\d|'?\d\d"
_YES: Final = frozenset({"yes", "y", "✓", "✔", "☑", "√", "true", "done", "ü", "1"})
_NO: Final = frozenset({"no", "n", "✗", "✘", "☒", "false", "not started", "no plans", "none", "declined", "0"})
_UNKNOWN: Final = frozenset(
    {
        "tbc", "tbd", "tba", "?", "??", "-", "--", "–", "—", "n/a", "na", "not known", "unknown", "ongoing",
        "not yet", "nyk", "awaiting", "awaiting date", "date tbc", "to be confirmed", "to be agreed",
        "pending", "x?",
    }
)  # fmt: skip
_CROSS: Final = frozenset({"x", "xx"})
_EXCEL_DAYS: Final = (32874, 65745)
"""Excel's numbers of 1 January 1990 and 31 December 2079."""

_ISO: Final = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ]\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?)?")
_NUMBERS: Final = re.compile(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4}|\d\d)(?: \d{1,2}:\d\d(?::\d\d)?)?")
_DAY_NAMED: Final = re.compile(
    r"(?:[a-z]+day,? |(?:mon|tue|wed|thu|fri|sat|sun),? )?"
    rf"(\d{{1,2}})(?:st|nd|rd|th)?[- ](?:of )?({_MONTH})\.?,?[- ]({_YEAR})"
)
_AMERICAN_NAMED: Final = re.compile(rf"({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?,? ((?:19|20)\d\d)")
_MONTH_NAMED: Final = re.compile(
    rf"(?:(early|mid|middle of|late|end|end of|beginning of|start of)[- ])?({_MONTH})\.?[-/ ,]*({_YEAR})"
)
_MONTH_NUMBER: Final = re.compile(r"(\d{1,2})[/-]((?:19|20)\d\d)|((?:19|20)\d\d)[/-](\d{1,2})")
_FINANCIAL: Final = r"(?:fy ?)?((?:20)?\d\d) ?[/-] ?((?:20)?\d\d)"
_QUARTER: Final = re.compile(
    rf"(?:q(?:uarter|tr)? ?([1-4])[ ,/-]*(?:of )?(?:{_FINANCIAL})|(?:{_FINANCIAL})[ ,-]*q(?:uarter|tr)? ?([1-4]))"
)
_QUARTER_OF_YEAR: Final = re.compile(
    r"(?:q(?:uarter|tr)? ?([1-4])[ ,/-]*((?:19|20)\d\d)|((?:19|20)\d\d)[ ,/-]*q(?:uarter|tr)? ?([1-4]))"
)
_WHOLE_FINANCIAL: Final = re.compile(rf"{_FINANCIAL}")
_ONLY_YEAR: Final = re.compile(r"((?:19|20)\d\d)(?:\.0)?")
_SEASON: Final = re.compile(r"(spring|summer|autumn) ((?:19|20)\d\d)")
_BY: Final = re.compile(r"(by|up to|until|before|pre|prior to)[- ](?:end of |the end of |end )?(.+)")
_BETWEEN: Final = re.compile(r"(.+?) ?(?: to | and |[–—]| - ) ?(.+)")
_SEASONS: Final = {"spring": (3, 5), "summer": (6, 8), "autumn": (9, 11)}
_THIRDS: Final = {
    "early": (1, 10),
    "beginning": (1, 10),
    "start": (1, 10),
    "mid": (11, 20),
    "middle": (11, 20),
    "late": (21, 31),
    "end": (21, 31),
}


def read_moment(cell: object, *, day_first: bool = True) -> When | Mark | None:
    """Return when a cell says that something was, or the mark that stands there; None if it cannot be read.

    Args:
        cell: a date, a number, a tick or a text such as "Q2 23/24", "Mar-24", "w/c 3 June 2024", "by May 2024", "TBC".
        day_first: whether 03/04/2024 is in April.

    >>> read_moment("Q2 23/24") == When(earliest=date(2023, 7, 1), latest=date(2023, 9, 30))
    True
    >>> read_moment("TBC")
    <Mark.UNKNOWN: 'unknown'>
    """
    match cell:
        case bool():
            return Mark.YES if cell else Mark.NO
        case date():
            return _sane(cell, cell)
        case float() | int():
            return _number(float(cell))
        case str():
            return _text(cell, day_first=day_first)
        case _:
            return None


def _number(number: float) -> When | Mark | None:
    if number in (0, 1):
        return Mark.YES if number else Mark.NO
    if number.is_integer() and FIRST_YEAR <= number <= LAST_YEAR:
        return _text(str(int(number)), day_first=True)
    if _EXCEL_DAYS[0] <= number <= _EXCEL_DAYS[1]:
        day = date(1899, 12, 30) + timedelta(days=int(number))
        return _sane(day, day, note="a number, read as Excel's number of a day")
    return None


def _text(written: str, *, day_first: bool) -> When | Mark | None:
    text = " ".join(written.replace("\u2019", "'").split()).strip(" .;").lower()
    for marks, mark in ((_YES, Mark.YES), (_NO, Mark.NO), (_UNKNOWN, Mark.UNKNOWN), (_CROSS, Mark.CROSS)):
        if text in marks or written.strip() in marks:
            return mark
    try:
        return _stretch(text, day_first=day_first)
    except ValueError:
        return None


def _stretch(text: str, *, day_first: bool) -> When | None:
    """Return the stretch a text means. Raises ValueError of a day that is not in the calendar."""
    text = re.sub(
        r"^(?:w/c|wc|week commencing) ", "week ", re.sub(r"^(?:c\.|circa|approx\.?|around|about|est\.?|~) ?", "", text)
    )
    if text.startswith("week "):
        first = _stretch(text.removeprefix("week "), day_first=day_first)
        return None if first is None else When(earliest=first.earliest, latest=first.latest + timedelta(days=6))
    if found := _ISO.fullmatch(text):
        return _exact(int(found[1]), int(found[2]), int(found[3]))
    if found := _NUMBERS.fullmatch(text):
        day, month = (int(found[1]), int(found[2])) if day_first else (int(found[2]), int(found[1]))
        return _exact(_year(found[3]), month, day)
    if found := _DAY_NAMED.fullmatch(text):
        return _exact(_year(found[3]), _MONTHS[found[2]], int(found[1]))
    if found := _AMERICAN_NAMED.fullmatch(text):
        return _exact(int(found[3]), _MONTHS[found[1]], int(found[2]))
    if found := _MONTH_NAMED.fullmatch(text):
        return _month(_year(found[3]), _MONTHS[found[2]], third=(found[1] or "").split(" ")[0])
    if (found := _WHOLE_FINANCIAL.fullmatch(text)) and _is_financial(found[1], found[2]):
        return _months(_financial_year(found[1], found[2]), 4, 12)  # of 2011/12, December 2011 lies in it too
    if found := _MONTH_NUMBER.fullmatch(text):
        return _month(int(found[2] or found[3]), int(found[1] or found[4]))
    return _longer(text, day_first=day_first)


def _longer(text: str, *, day_first: bool) -> When | None:
    if found := _QUARTER.fullmatch(text):
        first, second = (found[2], found[3]) if found[1] else (found[4], found[5])
        return _months(_financial_year(first, second), 1 + 3 * int(found[1] or found[6]), 3)
    if found := _QUARTER_OF_YEAR.fullmatch(text):
        year, quarter = int(found[2] or found[3]), int(found[1] or found[4])
        calendar_one, financial = _months(year, 3 * quarter - 2, 3), _months(year, 3 * quarter + 1, 3)
        note = "a quarter without a financial year, read as either that of the calendar or that of April to March"
        return When(earliest=calendar_one.earliest, latest=financial.latest, note=note)
    if found := _SEASON.fullmatch(text):
        first, last = _SEASONS[found[1]]
        return _months(int(found[2]), first, last - first + 1)
    if found := _ONLY_YEAR.fullmatch(text):
        return _months(int(found[1]), 1, 12)
    if found := _BY.fullmatch(text):
        until = _stretch(found[2], day_first=day_first)
        if until is None or until.earliest is None:
            return None
        latest = until.latest if found[1] in ("by", "up to", "until") else until.earliest - timedelta(days=1)
        return When(earliest=None, latest=latest)
    if found := _BETWEEN.fullmatch(text):
        first_one, last_one = (_stretch(part.strip(), day_first=day_first) for part in found.groups())
        if first_one and last_one and first_one.earliest and first_one.earliest <= last_one.latest:
            return When(earliest=first_one.earliest, latest=last_one.latest)
    return None


def _exact(year: int, month: int, day: int) -> When | None:
    found = date(year, month, day)
    return _sane(found, found)


def _month(year: int, month: int, *, third: str = "") -> When | None:
    last = calendar.monthrange(year, month)[1] if 1 <= month <= 12 else 0
    first_day, last_day = _THIRDS.get(third, (1, 31))
    return _sane(date(year, month, first_day), date(year, month, min(last_day, last)))


def _months(year: int, month: int, count: int) -> When:
    """Return `count` months from one on; month 13 is January of the year after."""
    after = month + count - 1
    end = date(year + after // 12, after % 12 + 1, 1) - timedelta(days=1)
    return When(earliest=date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1), latest=end)


def _financial_year(first: str, second: str) -> int:
    if not _is_financial(first, second):
        raise ValueError("not a financial year")
    return _year(first)


def _is_financial(first: str, second: str) -> bool:
    return (_year(first) + 1) % 100 == int(second[-2:])


def _year(text: str) -> int:
    digits = text.removeprefix("'")
    return int(digits) if len(digits) == 4 else 2000 + int(digits)


def _sane(earliest: date, latest: date, note: str = "") -> When | None:
    if not (earliest.year >= FIRST_YEAR and latest.year <= LAST_YEAR):
        return None
    return When(earliest=earliest, latest=latest, note=note)

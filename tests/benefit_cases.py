"""Small benefit ledgers to count with. For tests only."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from rounds.learning.benefit.entries import Avoided, Counted, Entry, Reached, Statement
from rounds.learning.benefit.rules import RuleBook
from rounds.learning.benefit.totals import Quarter, latest
from rounds.network.members import Member, Membership
from rounds.reports.content.benefit_return import Asked, QuarterlyReturn, network_return

FIRST, LAST = date(2024, 1, 1), date(2024, 12, 31)
LAST_QUARTER = Quarter(year=2024, number=4)


def months(year: int = 2024) -> list[tuple[date, date]]:
    starts = [date(year, month, 1) for month in range(1, 13)] + [date(year + 1, 1, 1)]
    return [(start, end - timedelta(days=1)) for start, end in pairwise(starts)]


def avoided(value: float, *, slopes: tuple[tuple[int, float], ...] = (), own: float = 1.0) -> Avoided:
    return Avoided(value=value, slopes=slopes, own_variance=own)


def entry(
    member: str,
    start: date,
    end: date,
    value: float | None = 1.0,
    *,
    since: date = date(2023, 6, 1),
    reached: tuple[int, int] = (100, 104),
    own: float = 1.0,
    slopes: tuple[tuple[int, float], ...] = (),
) -> Entry:
    return Entry(
        member=member,
        start=start,
        end=end,
        since=since,
        reached=Reached(lower=reached[0], upper=reached[1]),
        avoided=None if value is None else avoided(value, slopes=slopes, own=own),
    )


def statement(
    entries: list[Entry],
    *,
    innovation: str = "news2",
    measure: str = "cardiac-arrests v1",
    round_id: str = "2024",
    network: str = "three-rivers",
    data_as_of: date = date(2025, 1, 14),
    members: tuple[str, ...] | None = None,
    first: date = FIRST,
    last: date = LAST,
    sources: int = 1,
    gained: bool = False,
    counted: Counted = Counted.EVENTS,
) -> Statement:
    return Statement(
        network=network,
        round_id=round_id,
        data_as_of=data_as_of,
        innovation=innovation,
        innovation_title=innovation.upper(),
        measure=measure,
        measure_title="Cardiac arrests in hospital",
        gained=gained,
        counted=counted,
        reached_unit="people" if counted is Counted.PEOPLE else "admissions",
        reached_counted=counted,
        members=members or tuple(sorted({one.member for one in entries})),
        first=first,
        last=last,
        method="test@1",
        why_none="",
        sources=np.eye(sources),
        entries=tuple(entries),
    )


def membership(*codes: str, left: dict[str, date] | None = None) -> Membership:
    return Membership(
        members=tuple(
            Member(
                ods_code=code,
                name=f"{code} Hospital",
                kind="hospital",
                region=("North", "South")[index % 2],
                joined=date(2020, 1, 1),
                left=(left or {}).get(code),
            )
            for index, code in enumerate(codes)
        )
    )


def year_of(member: str, value: float = 1.4, **about: Any) -> list[Entry]:
    """One entry for each month of 2024."""
    return [entry(member, *month, value, **about) for month in months()]


def made(
    *statements: Statement,
    quarter: Quarter = LAST_QUARTER,
    as_of: date = date(2025, 1, 14),
    book: RuleBook | None = None,
    left: dict[str, date] | None = None,
    codes: tuple[str, ...] = ("X1", "X2", "X3"),
    **about: Any,
) -> QuarterlyReturn:
    """Return a network's return from statements, the latest in force."""
    asked = Asked(
        network_id="three-rivers",
        network_name="Three Rivers",
        membership=membership(*codes, left=left),
        quarter=quarter,
        as_of=as_of,
    )
    return network_return(asked, statements=latest(statements), book=book or RuleBook(), **about)

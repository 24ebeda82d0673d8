"""Rounds of invented counts, released through a site's ledger one after the other."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl

from rounds.disclosure.budget import Budget
from rounds.disclosure.policy import Policy, SitePolicy, Terms
from rounds.disclosure.release import Released
from rounds.disclosure.rules import Draw
from rounds.exchange.question import Question
from rounds.measures.completeness import Share
from rounds.measures.counts import Count, count_schema
from rounds.measures.criteria import AllOf, Events, Has
from rounds.measures.definitions import Better, Measure
from rounds.measures.events import EventTable
from rounds.measures.periods import Grain, Period
from rounds.measures.questions import People, RecordsQuestion
from rounds.measures.strata import Stratum
from rounds.site.noise import draw
from rounds.site.releasing import Counted, Rules, keep, prepare, told_of
from rounds.storage.kept_shares import mark_shares_left
from rounds.storage.library import Library
from rounds.storage.opt_out_ways import keep_way
from rounds.storage.release_store import RELEASE_SCHEMA, mark_left
from rounds.storage.sqlite_file import transaction

HES = SitePolicy(name="hes", terms=Terms(rule=Policy.HES), author="A", reviewer="B", next_review=date(2027, 1, 1))
NOISE = replace(HES, name="noise", terms=Terms(rule=Policy.NOISE, budget=Budget(rho_per_year=0.5, periods_per_year=2)))
SEXES = (Stratum.SEX,)
TODAY = date(2025, 3, 1)


def measure_of(*, id: str = "falls", version: int = 1, grain: Grain = Grain.MONTH, more: bool = False) -> Measure:  # noqa: A002
    """Return a measure of people by sex; with `more`, of the same people something that implies it."""
    died, visited = (
        Has(events=Events(table=table, codes=None)) for table in (EventTable.DEATH, EventTable.CONDITION_OCCURRENCE)
    )
    return Measure(
        id=id,
        version=version,
        title="Who fell",
        description="Invented.",
        grain=grain,
        strata=SEXES,
        per=100,
        question=RecordsQuestion(unit=People(), numerator=died if not more else AllOf(of=(died, visited))),
        unit="people",
        better=Better.LOWER,
        author="A",
        reviewer="B",
        next_review=date(2030, 1, 1),
    )


FALLS = measure_of()
REF = FALLS.ref
FEWER = measure_of(id="fell-on-a-visit", more=True)
EVERYBODY = replace(FALLS, id="falls-of-everybody", strata=())


def counted_of(
    *numerators: int,
    months: tuple[int, ...] = (1,),
    measure: Measure = FALLS,
    denominators: tuple[int, ...] = (500, 500),
    days: tuple[date, date] = (date(2025, 1, 1), date(2025, 12, 31)),
    missing: int | None = None,
) -> tuple[Counted, ...]:
    """Return counts by sex: the numerators of women and of men, the same in each month.

    Of `missing` in 200 people the sex is not known; if it is None nothing is said of that.
    """
    starts = [days[0]] if measure.grain in (Grain.ALL, Grain.YEAR) else [date(2025, month, 1) for month in months]
    rows = [
        ("RX1", start, sex, *numbers)
        for start in starts
        for sex, *numbers in zip(("female", "male", "unknown"), (*numerators, 0), (*denominators, 0), strict=True)
    ]
    frame = pl.DataFrame(rows, schema=count_schema(SEXES), orient="row")
    periods = tuple(one for one in measure.periods(first=days[0], last=days[1]) if one.start in starts)
    count = Count(measure=measure.ref, strata=SEXES, cells=frame)
    shares = () if missing is None else (Share(name="sex", filled=200 - missing, of=200),)
    return (Counted(measure=measure, periods=periods, count=count, completeness=shares),)


def question_of(*, epoch: int = 1, as_of: date = date(2026, 1, 1)) -> Question:
    first, last = date(2025, 1, 1), date(2025, 12, 31)
    return Question(first=first, last=last, as_of=as_of, measures=(), members=(), epoch=epoch)


def rules_of(
    policy: SitePolicy, counted: tuple[Counted, ...], source: Draw, *more: Measure, opt_outs: str = ""
) -> Rules:
    """Return the rules of a site whose library knows these measures."""
    measures = tuple({one.ref: one for one in (*(each.measure for each in counted), FALLS, *more)}.values())
    library = Library(
        measures=measures, code_lists=(), groupings=(), standards=(), scores=(), person_scores=(), innovations=()
    )
    return Rules(policy=policy, library=library, already_public=False, opt_outs=opt_outs, draw=source)


def answer_in(
    ledger: Path,
    counted: tuple[Counted, ...],
    *,
    policy: SitePolicy = HES,
    epoch: int = 1,
    as_of: date = date(2026, 1, 1),
    round_id: str = "r",
    left: bool = True,
    source: Draw = draw,
    opt_outs: str = "",
    known: tuple[Measure, ...] = (),
) -> tuple[Released, ...]:
    question = question_of(epoch=epoch, as_of=as_of)
    rules = rules_of(policy, counted, source, *known, opt_outs=opt_outs)
    with transaction(ledger, schema=RELEASE_SCHEMA) as connection:
        prepared, _ = prepare(connection, rules, counted, question=question)
        released = keep(connection, prepared, rules, question=question, round_id=round_id)
        if left:
            periods = [(one.kept_as.digest, period.start) for one in counted for period in one.periods]
            for way in mark_left(connection, periods, epoch=epoch):
                keep_way(connection, opt_outs=way, last=max(counted[0].periods, key=_end).end, day=TODAY)
            for one in counted:
                mark_shares_left(connection, told_of(one.measure.ref, question))
        return released


def _end(period: Period) -> date:
    return period.end


def one_cell(measure: Measure, *numbers: int, start: date = date(2025, 1, 1), end: date | None = None) -> Counted:
    """Return a count of one cell: numerator, denominator and what else its kind has."""
    periods = measure.periods(first=start, last=end or date(2025, 12, 31))[:1]
    rows = [("RX1", periods[0].start, *numbers)]
    cells = pl.DataFrame(rows, schema=count_schema((), measure.kind), orient="row")
    count = Count(measure=measure.ref, strata=(), cells=cells, kind=measure.kind)
    return Counted(measure=measure, periods=periods, count=count, completeness=())

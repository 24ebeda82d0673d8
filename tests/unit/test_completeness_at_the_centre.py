"""What the centre makes of how complete sites say their records are."""

import importlib.util
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from log_stamps import no_standing

from rounds.centre.answers import check_answer
from rounds.centre.completeness import completeness_lines, flagged
from rounds.disclosure.completeness import BoundedShare
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import release
from rounds.errors import MessageError
from rounds.exchange.messages import Reply
from rounds.exchange.question import Question
from rounds.exchange.tables import ReceivedTable
from rounds.measures.completeness import Need
from rounds.measures.counts import Count, count_schema
from rounds.measures.strata import Stratum
from rounds.reports.completeness import Met
from rounds.reports.content.wording import NETWORK
from rounds.storage.library import read_library, shipped_library_folder

_PATH = Path(__file__).with_name("reports_fixture.py")
_SPEC = importlib.util.spec_from_file_location("reports_fixture_of_completeness", _PATH)
assert _SPEC is not None
assert _SPEC.loader is not None
fixture = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fixture)

MEASURE = read_library(shipped_library_folder()).measure("people-admitted", 1)
MONTH = date(2024, 1, 1)


def _reply(site: str, member: str, *completeness: BoundedShare) -> Reply:
    import polars as pl

    levels = [(band, sex) for band in MEASURE.levels(Stratum.AGE_BAND) for sex in MEASURE.levels(Stratum.SEX)]
    rows = [(member, MONTH, *level, 20, 400) for level in levels]
    cells = pl.DataFrame(rows, schema=count_schema(MEASURE.strata), orient="row")
    count = Count(measure=MEASURE.ref, strata=MEASURE.strata, cells=cells)
    released = release(count, terms=Terms(rule=Policy.HES), already_public=False)
    table = ReceivedTable(
        measure=MEASURE.ref,
        policy=Policy.HES,
        strata=MEASURE.strata,
        cells=released.cells,
        completeness=completeness,
    )
    return Reply(
        round_id="r",
        site=site,
        answers="0" * 64,
        issued=date(2025, 5, 1),
        tables=(table,),
        log=no_standing(),
        digest="1" * 64,
    )


def _check(reply: Reply) -> None:
    question = Question(
        first=MONTH, last=date(2024, 12, 31), as_of=date(2025, 1, 1), measures=(MEASURE.ref,), members=("ZZ1",)
    )
    check_answer(reply, question=question, measures=[MEASURE], source="s.json")


def test_a_site_speaks_only_of_what_the_measure_looks_at() -> None:
    periods = MEASURE.periods(first=MONTH, last=date(2024, 12, 31))
    assert len(periods) == 1, "the reply above has one period"
    _check(_reply("one", "ZZ1"))
    _check(_reply("one", "ZZ1", BoundedShare(name="sex", lower=95, upper=100)))
    with pytest.raises(MessageError, match="does not look at"):
        _check(_reply("one", "ZZ1", BoundedShare(name="value of secrets", lower=95, upper=100)))
    with pytest.raises(MessageError, match="does not look at"):
        _check(_reply("one", "ZZ1", *[BoundedShare(name="sex", lower=95, upper=100)] * 2))


def test_insights_of_organisations_whose_records_lack_something_say_so() -> None:
    insights = [one for one in fixture.insights() if one.measure_title == fixture.ADMITTED.title]
    codes = sorted({one.scope for one in insights if one.scope != NETWORK})[:3]
    measure = replace(MEASURE, id=fixture.ADMITTED.id, version=fixture.ADMITTED.version)
    shares = [(95, 100), (80, 85), (0, 100)]
    replies = [
        _reply(f"site-{code}", code, BoundedShare(name="sex", lower=lower, upper=upper))
        for code, (lower, upper) in zip(codes, shares, strict=True)
    ]
    replies = [replace(one, tables=(replace(one.tables[0], measure=measure.ref),)) for one in replies]
    lines = completeness_lines(replies, [measure], fixture.MEMBERSHIP)
    assert [(line.scope, line.met) for line in lines] == list(zip(codes, (Met.YES, Met.NO, Met.NOT_KNOWN), strict=True))
    named = tuple(replace(one, measure=str(measure.ref)) for one in insights)
    said = {
        one.scope
        for one, before in zip(flagged(named, lines), named, strict=True)
        if len(one.notes) > len(before.notes)
    }
    assert said == {codes[1], NETWORK} & {one.scope for one in named}
    # A measure that needs nothing is told of and flags nobody.
    lines = completeness_lines(replies, [replace(measure, needs=())], fixture.MEMBERSHIP)
    assert [line.met for line in lines] == [Met.NOTHING_NEEDED] * 3
    assert flagged(named, lines) == named


def test_a_site_that_says_nothing_of_what_is_needed_is_shown_as_not_known() -> None:
    code = next(one.scope for one in fixture.insights() if one.scope != NETWORK)
    needing, content = (replace(MEASURE, needs=needs) for needs in ((Need(name="sex", at_least=95),), ()))
    lines = completeness_lines([_reply("one", code)], [needing], fixture.MEMBERSHIP)
    assert [(line.name, line.words, line.met) for line in lines] == [("sex", "not told", Met.NOT_KNOWN)]
    assert not completeness_lines([_reply("one", code)], [content], fixture.MEMBERSHIP)

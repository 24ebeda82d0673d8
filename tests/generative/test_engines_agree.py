"""The engines give the same counts on generated sites and measures, and everything a measure can say was generated."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from every_engine import LEFT_TO_SQL
from generated_sites import ANY_DAY, PEOPLE, STRANGER, Site, measures, periods_of, sites, write_generated
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from question_choices import everything, said
from small_site import open_site

from rounds.engines import duck, pack, reference
from rounds.engines.asked import Asked
from rounds.errors import RecordsError
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.measures.groupings import GROUPED
from rounds.measures.kinds import CountKind
from rounds.measures.periods import Period
from rounds.measures.questions import RecordsQuestion
from rounds.measures.strata import Stratum
from rounds.measures.traits import InGroup


@settings(max_examples=10)
@given(site=sites(), start=ANY_DAY, visit=st.booleans())
def test_nobody_born_in_an_impossible_year_is_in_a_denominator(site: Site, start: date, visit: bool) -> None:
    if visit:
        stay = {"person": STRANGER, "concept": 11, "span": [start, start], "lasting": True, "minute": None, "visit": 1}
        visits = [*site.events[EventTable.VISIT_OCCURRENCE], stay]
        asked = replace(site, events=site.events | {EventTable.VISIT_OCCURRENCE: visits})
    else:
        asked = replace(site, observed=[*site.observed, (STRANGER, start, start)])
    with tempfile.TemporaryDirectory() as folder:
        write_generated(Path(folder), asked)
        with pytest.raises(RecordsError, match=r"person\.parquet, column `year_of_birth`: a year of birth outside"):
            open_site(Path(folder), outside="exclude")


@pytest.mark.slow
def test_engines_agree_and_everything_was_met() -> None:
    met: Counter[str] = Counter()
    counted = 0
    # The pack covers all else; impossible dates, too, would be left to SQL.
    sought = (everything(RecordsQuestion) - REFUSED) | SHAPES | LEFT_TO_SQL
    runs = 0  # one over everything, and more for those questions alone that say what none has said yet

    @settings(
        max_examples=30,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # a smaller example takes minutes to find; the message names the question
    )
    @given(site=sites(), asked=st.lists(measures(), min_size=25, max_size=25))
    def agree(site: Site, asked: list[Measure]) -> None:
        nonlocal counted
        missing = sought - set(met)
        if runs > 1 and missing - LEFT_TO_SQL:
            # What no word of a question says, how rows lie, may be met by any.
            asked = [one for one in asked if missing & set(said(one.question))] or asked[: 4 if missing & SHAPES else 0]
        if not asked or (runs > 1 and not missing):
            return
        with tempfile.TemporaryDirectory() as folder:
            write_generated(Path(folder), site)
            records = open_site(Path(folder), outside="exclude")
            batch = [Asked(measure=one, periods=periods_of(one)) for one in asked]
            fast = duck.count_all(batch, records, member="RX1")
            packed = pack.count_saying_how(batch, records, member="RX1")
            reasons = {one.reason for one in packed.fell_back}
            assert reasons <= LEFT_TO_SQL
            met.update(reasons)
            judged = reference.count_all(batch, records, member="RX1")
            for one, slow, found, faster in zip(batch, judged, fast, packed.counts, strict=True):
                assert found.cells.rows() == slow.cells.rows(), one.measure.question
                assert faster.cells.rows() == slow.cells.rows(), one.measure.question
                counted += 1
                met.update(said(one.measure.question))
                met.update(f"{by} in a criterion" for by in _asked_groups(one.measure))
                met.update(f"{stratum} in the strata" for stratum in one.measure.strata)
                met.update(_happened(slow.cells["numerator"].to_list(), slow.cells["denominator"].to_list()))
                met.update(_behind(one.measure, slow.cells))
                met.update(_shapes(site, one.periods))

    while runs < 9 and (runs == 0 or not sought <= set(met)):
        runs += 1
        seed(10 + runs)(agree)()
    lacking = sorted(sought - set(met))
    assert not lacking, lacking
    assert counted >= 30 * 25


def _asked_groups(measure: Measure) -> set[Stratum]:
    question = measure.question
    assert isinstance(question, RecordsQuestion)
    return {part.grouping.by for part in question.criteria if isinstance(part, InGroup)}


REFUSED = {"Scored.where: Answer", "Scored.where: Marked", "Scored.where: Result"}
"""What the types allow and the definition refuses: a set of observations has a score and nothing else."""

SHAPES = {
    *(f"{by} in a criterion" for by in GROUPED),
    *(f"{stratum} in the strata" for stratum in Stratum),
    "a numerator above 0",
    "a numerator below its denominator",
    "several rows of one person in a denominator",
    "somebody with rows in a denominator alone",
    "an event outside observation",
    "two rows of a person on one day",
    "two observations of a person in one period",
    "a person never observed",
}


def _happened(numerators: list[int], denominators: list[int]) -> Iterator[str]:
    both = list(zip(numerators, denominators, strict=True))
    if any(above for above, _ in both):
        yield "a numerator above 0"
    if any(above < below for above, below in both):
        yield "a numerator below its denominator"


def _behind(measure: Measure, cells: pl.DataFrame) -> Iterator[str]:
    if measure.kind is not CountKind.PROPORTION_OF_ROWS:
        return
    if (cells["denominator"] > cells["denominator_people"]).any():
        yield "several rows of one person in a denominator"
    if (cells["numerator_people"] < cells["denominator_people"]).any():
        yield "somebody with rows in a denominator alone"


def _shapes(site: Site, periods: tuple[Period, ...]) -> Iterator[str]:
    events = [(row["person"], row["span"][0]) for rows in site.events.values() for row in rows]
    if not all(any(who == person and lo <= day <= hi for who, lo, hi in site.observed) for person, day in events):
        yield "an event outside observation"
    for rows in site.events.values():
        if any(n > 1 for n in Counter((row["person"], row["span"][0]) for row in rows).values()):
            yield "two rows of a person on one day"
    touched = Counter(
        (person, period)
        for person, lo, hi in site.observed
        for period in periods
        if lo <= period.end and hi >= period.start
    )
    if any(n > 1 for n in touched.values()):
        yield "two observations of a person in one period"
    if len({person for person, _, _ in site.observed}) < len(PEOPLE):
        yield "a person never observed"

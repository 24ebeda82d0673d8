"""What a round says of how adoption goes on: forecast, who is next and slow, falling use; and when it cannot say."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
import reports_fixture as given

from rounds.centre.pooled_measure import PooledMeasure
from rounds.centre.pooling import totals
from rounds.centre.programmes import evaluate
from rounds.centre.spreading import spread_insights
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import release
from rounds.learning.impact.effect import Effect, NoEffect
from rounds.learning.spread.adoption import AdoptionEvent, Stage, read_fidelity
from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import Measure
from rounds.measures.periods import periods_between
from rounds.network.members import Membership
from rounds.reports.insight import Insight
from rounds.storage.round_files import Programme

MONTHS = periods_between(grain=given.ARRESTS.grain, first=date(2022, 1, 1), last=date(2024, 12, 31))
AS_OF = date(2025, 1, 31)
PROGRAMME = Programme(
    innovation=given.INNOVATION.id,
    outcome=given.ARRESTS.id,
    stage=Stage.LIVE,
    improves=(given.OBSERVATIONS.id,),
)
BEGAN = {code: date(2023, 2 + at, 5) for at, code in enumerate(given.CODES[:9])}


def events(**days: date) -> tuple[AdoptionEvent, ...]:
    return tuple(
        AdoptionEvent(ods_code=code, innovation=given.INNOVATION.id, stage=Stage.LIVE, day=day)
        for code, day in days.items()
    )


def counted(measure: Measure, rows: list[tuple[str, date, int, int]]) -> PooledMeasure:
    cells = pl.DataFrame(rows, schema=count_schema(()), orient="row")
    count = Count(measure=measure.ref, strata=(), cells=cells)
    received = release(count, terms=Terms(rule=Policy.OPEN), already_public=True).cells
    return PooledMeasure(
        measure=measure, periods=MONTHS, cells=received, series=totals(received, by=["member", "period"])
    )


def measures(*, works: float = 0.5, falling: str | None = None) -> dict[str, PooledMeasure]:
    """Return arrests, halved where it is live, and observations, recorded less and less at one member."""
    rng = np.random.default_rng(4)
    arrests, recorded = [], []
    for at, code in enumerate(given.CODES):
        size = 2000 + 500 * at
        for number, month in enumerate(MONTHS):
            live = code in BEGAN and BEGAN[code] <= month.start
            arrests.append((code, month.start, int(rng.poisson(0.01 * size * (works if live else 1.0))), size))
            share = 0.6 if code == falling and number > 32 else 0.9
            recorded.append((code, month.start, int(rng.binomial(size, share)), size))
    return {
        given.ARRESTS.id: counted(given.ARRESTS, arrests),
        given.OBSERVATIONS.id: counted(given.OBSERVATIONS, recorded),
    }


def told(
    of: tuple[AdoptionEvent, ...],
    found: dict[str, PooledMeasure],
    as_of: date = AS_OF,
    membership: Membership = given.MEMBERSHIP,
) -> tuple[Insight, ...]:
    outcome = found.get(PROGRAMME.outcome)
    effect: Effect | NoEffect = NoEffect(reason="nothing was counted")
    if outcome is not None:
        effect = evaluate(PROGRAMME, given.INNOVATION, outcome=outcome, events=of, membership=membership).effect
    return spread_insights(
        PROGRAMME,
        given.INNOVATION,
        events=of,
        days=tuple(month.end for month in MONTHS),
        as_of=as_of,
        counted=found,
        effect=effect,
        membership=membership,
        provenance=given.PROVENANCE,
    )


def test_a_round_says_how_it_goes_on_and_who_is_next() -> None:
    falling = given.CODES[2]
    here, after = told(events(**BEGAN), measures(falling=falling))
    assert here.statement.startswith("9 of 15 hospitals use “Recognise and respond to deterioration”")
    notes = " ".join(here.notes)
    assert "Forecast: " in notes
    assert "of 15 hospitals by January 2027 (95% interval" in notes
    assert "A year after they began, 100% still use it" in notes
    assert f"has fallen at {given.MEMBERSHIP.name_of(falling)} (from 90% to 60%) since it was new" in notes
    assert here.table.columns[-1] == "Forecast, upper 95%"
    days = [row[0] for row in here.table.rows]
    assert days == sorted(days)
    # Six have not: the three largest of them are named, and all six are in the table, each once.
    assert after.statement.startswith("By helping with “Recognise and respond to deterioration” next, most cardiac")
    assert {row[1] for row in after.table.rows} == {given.MEMBERSHIP.name_of(code) for code in given.CODES[9:]}
    assert "rate ratio 0.5" in after.certainty.because
    first = [row[-2] for row in after.table.rows]
    assert sum(one for one in first if isinstance(one, float)) == pytest.approx(300, abs=1)
    assert 0 <= after.certainty.estimate.lower <= after.certainty.estimate.upper
    # What the forecast expects and what is said of each member is one story.
    chances = [float(row[5]) / 100 for row in after.table.rows if isinstance(row[5], float)]
    upper = next(row for row in here.table.rows if row[0] >= date(2026, 1, 1))[-1]
    assert 9 + sum(chances) <= float(upper)  # type: ignore[arg-type]  # a number


def test_who_stopped_is_listed_apart_with_its_reason_and_never_ranked() -> None:
    used, planned = given.CODES[4], given.CODES[12]
    stopped = tuple(
        AdoptionEvent(
            ods_code=code,
            innovation=given.INNOVATION.id,
            stage=stage,
            day=day,
            reason="no staff" if stage is Stage.STOPPED else "",
        )
        for code, stage, day in (
            (used, Stage.STOPPED, date(2024, 8, 1)),
            (planned, Stage.PLANNED, date(2023, 1, 9)),
            (planned, Stage.STOPPED, date(2023, 5, 1)),
        )
    )
    here, after = told((*events(**BEGAN), *stopped), measures())
    name = given.MEMBERSHIP.name_of
    ranked = {row[1] for row in after.table.rows}
    assert ranked == {name(code) for code in given.CODES[9:] if code != planned}
    for page in (here, after):
        (apart,) = [note for note in page.notes if note.startswith("Stopped, and so not among those to win over")]
        assert f"{name(used)} on 1 August 2024 (live from 5 June 2023), saying “no staff”" in apart
        assert f"{name(planned)} on 1 May 2023 (planned from 9 January 2023), saying “no staff”" in apart
    (missing,) = [note for note in here.notes if note.startswith("Not there yet: ")]
    assert name(planned) not in missing
    assert name(used) not in missing
    assert here.action is not None
    assert name(planned) not in here.action.text


def test_who_merged_away_is_no_candidate_and_its_successor_is() -> None:
    """The ninth and tenth to wait come together in January, into one that has had numbers since then alone."""
    gone, new = given.CODES[9:11], "RNEW"
    merged = date(2024, 10, 1)
    members = [replace(one, left=merged) if one.ods_code in gone else one for one in given.MEMBERSHIP.members]
    joined = replace(given.MEMBERSHIP.members[0], ods_code=new, name="Newly Merged", joined=merged, earlier=())
    rows = [
        (new if code in gone and month.start >= merged else code, month.start, 10 + at % 3, 2000)
        for at, code in enumerate(given.CODES)
        for month in MONTHS
    ]
    summed: dict[tuple[str, date], tuple[int, int]] = {}
    for code, start, events_, size in rows:
        before = summed.get((code, start), (0, 0))
        summed[code, start] = before[0] + events_, before[1] + size
    found = {PROGRAMME.outcome: counted(given.ARRESTS, [(*key, *numbers) for key, numbers in summed.items()])}
    _, after = told(events(**BEGAN), found, membership=Membership(members=(*members, joined)))
    ranked = {row[1]: row for row in after.table.rows}
    assert {given.MEMBERSHIP.name_of(code) for code in gone}.isdisjoint(ranked)
    # Twice the patients of one of the two, of a whole year although it has been there for three months.
    (successor,) = [row for name, row in ranked.items() if name == "Newly Merged"]
    assert successor[6] == successor[7] == pytest.approx(48_000, rel=0.02)
    # On the eve, the two were.
    _, eve = told(events(**BEGAN), found, merged - timedelta(days=1), Membership(members=(*members, joined)))
    assert {given.MEMBERSHIP.name_of(code) for code in gone} <= {row[1] for row in eve.table.rows}
    assert "Newly Merged" not in {row[1] for row in eve.table.rows}


def test_falling_fidelity_is_decay_of_a_member_that_still_counts() -> None:
    one, two = given.CODES[:2]
    read = tuple(
        AdoptionEvent(
            ods_code=code,
            innovation=given.INNOVATION.id,
            stage=Stage.LIVE,
            day=day,
            fidelity=read_fidelity(text),
        )
        for code, day, text in (
            (one, date(2023, 9, 1), "90% of wards"),
            (one, date(2024, 10, 1), "55% of wards"),
            (two, date(2024, 10, 1), "low"),
        )
    )
    here, *_ = told((*events(**BEGAN), *read), {})
    assert here.statement.startswith("9 of 15 hospitals use")
    notes, name = " ".join(here.notes), given.MEMBERSHIP.name_of
    assert f"{name(one)} uses it less fully than it did: 90% of wards in September 2023, 55% of wards in Oct" in notes
    assert f"Low, and not known to have been better: {name(two)}." in notes
    assert "known of 2 of 9; never recorded at" in notes


def test_without_a_known_effect_patients_are_reached_and_not_benefited() -> None:
    _, after = told(events(**BEGAN), measures(works=1.0))
    assert "most admissions could be reached" in after.statement
    assert "so patients reached are counted, not benefited" in after.certainty.because


def test_what_cannot_be_said_is_not_said() -> None:
    (nothing,) = told((), {})
    assert nothing.statement.startswith("0 of 15 hospitals use")
    assert not any("Forecast" in note for note in nothing.notes)
    (few,) = told(events(**{code: BEGAN[code] for code in given.CODES[:3]}), measures())
    assert any("No forecast: 3 adopters are too few" in note for note in few.notes)
    assert any("Who is slow cannot be told: 3 adopters are too few" in note for note in few.notes)
    (at_once,) = told(events(**dict.fromkeys(given.CODES[:8], date(2023, 6, 1))), {})
    assert any("All adoptions may have been at one time" in note for note in at_once.notes)
    (everybody,) = told(events(**dict.fromkeys(given.CODES, date(2023, 6, 1))), measures())
    assert any("All members have adopted" in note for note in everybody.notes)
    (uncounted,) = told(events(**BEGAN), {})
    assert any(note.startswith("Forecast: ") for note in uncounted.notes)

"""What a round says of how adoption goes on: forecast, who is next and slow, falling use; and when it cannot say."""

from datetime import date

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
from rounds.learning.spread.adoption import AdoptionEvent, Stage
from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import Measure
from rounds.measures.periods import periods_between
from rounds.reports.insight import Insight
from rounds.storage.workspace import Programme

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


def told(of: tuple[AdoptionEvent, ...], found: dict[str, PooledMeasure], as_of: date = AS_OF) -> tuple[Insight, ...]:
    outcome = found.get(PROGRAMME.outcome)
    effect: Effect | NoEffect = NoEffect(reason="nothing was counted")
    if outcome is not None:
        effect = evaluate(PROGRAMME, given.INNOVATION, outcome=outcome, events=of, membership=given.MEMBERSHIP).effect
    return spread_insights(
        PROGRAMME,
        given.INNOVATION,
        events=of,
        days=tuple(month.end for month in MONTHS),
        as_of=as_of,
        counted=found,
        effect=effect,
        membership=given.MEMBERSHIP,
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

"""From a round's panel and its effect to what the benefit ledger says of a programme."""

from datetime import date

import numpy as np

from rounds.centre.programmes import Evaluated
from rounds.learning.benefit.attribution import Attribution, EstimatedCells, attribute
from rounds.learning.benefit.entries import Counted, Entry, Matrix, Reached, Statement
from rounds.learning.impact.effect import Effect, NoEffect, Panel
from rounds.learning.spread.adoption import AdoptionEvent
from rounds.learning.spread.coverage import first_reached
from rounds.measures.definitions import Better, Measure
from rounds.measures.kinds import CountKind

NO_METHOD = "none"
_NO_SOURCES: Matrix = np.zeros((1, 1))


def statement_of(
    found: Evaluated, *, network: str, round_id: str, data_as_of: date, events: tuple[AdoptionEvent, ...]
) -> Statement:
    """Return what a round says of the benefit of one of its programmes.

    Everybody is reached who is in the denominator of a period throughout which the innovation was in effect; whether
    they benefited is told where something can be expected without it.

    Args:
        found: the programme, its panel and its effect.
        network: the network's id.
        round_id: the round's.
        data_as_of: the day as of which its numbers were asked.
        events: everybody's adoption events.
    """
    measure, panel, effect = found.outcome.measure, found.panel, found.effect
    better_more = measure.better is Better.HIGHER
    parts = _attributed(panel, effect, gained=better_more)
    since = first_reached(events, found.innovation.id, found.programme.stage)
    row_of = {code: row for row, code in enumerate(panel.sites)}
    column_of = {period.start: column for column, period in enumerate(found.outcome.periods)}
    entries = []
    for cell in found.outcome.series.sort("member", "period").iter_rows(named=True):
        member, start = cell["member"], cell["period"]
        at = row_of[member], column_of[start]
        if panel.treated[at]:
            entries.append(
                Entry(
                    member=member,
                    start=start,
                    end=found.outcome.periods[at[1]].end,
                    since=since[member],
                    reached=Reached(lower=cell["denominator_lower"], upper=cell["denominator_upper"]),
                    avoided=parts.cells.get(at),
                )
            )
    return Statement(
        network=network,
        round_id=round_id,
        data_as_of=data_as_of,
        innovation=found.innovation.id,
        innovation_title=found.innovation.title,
        measure=str(measure.ref),
        measure_title=measure.title,
        gained=better_more,
        counted=counted_of(measure),
        reached_unit=measure.denominator_unit,
        reached_counted=counted_of(measure),
        members=panel.sites,
        first=found.outcome.periods[0].start,
        last=found.outcome.periods[-1].end,
        method=effect.method if isinstance(effect, Effect) else NO_METHOD,
        why_none=effect.reason if isinstance(effect, NoEffect) else "",
        sources=parts.sources,
        entries=tuple(entries),
    )


def counted_of(measure: Measure) -> Counted:
    """Return whether a measure's numbers are of people or of events; of published ones only their words say."""
    return Counted.PEOPLE if measure.kind is CountKind.PROPORTION and measure.unit == "people" else Counted.EVENTS


def _attributed(panel: Panel, effect: Effect | NoEffect, *, gained: bool) -> Attribution:
    if isinstance(effect, NoEffect) or effect.baseline is None:
        return Attribution(sources=_NO_SOURCES, cells={})
    found = EstimatedCells(
        lower=panel.lower,
        upper=panel.upper,
        exposure=panel.exposure,
        treated=panel.treated & np.isfinite(effect.counterfactual),
        counterfactual=effect.counterfactual,
        baseline=effect.baseline,
        log_ratio=float(np.log(effect.rate_ratio.estimate)),
        half_width=(effect.avoided.upper - effect.avoided.lower) / 2.0,
        noisy=panel.noisy,
        sigma=panel.sigma,
    )
    return attribute(found, gained=gained)

"""From a round's panel and its effect to what the benefit ledger says of a programme."""

from datetime import date
from typing import NamedTuple

import numpy as np

from rounds.centre.programmes import Evaluated
from rounds.learning.benefit.attribution import Attribution, EstimatedCells, attribute
from rounds.learning.benefit.entries import Avoided, Counted, Entry, Matrix, Reached, Statement
from rounds.learning.impact.effect import Effect, MeanEffect, NoEffect, Panel
from rounds.learning.spread.adoption import AdoptionEvent
from rounds.learning.spread.coverage import first_reached
from rounds.measures.definitions import Better, Measure
from rounds.measures.kinds import CountKind

NO_METHOD = "none"
NOT_OF_A_MEAN = (
    "The outcome is a mean. It moves by few people far or by many a little, so nobody can be counted as having "
    "benefited; who was reached is counted."
)
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
        events: everybody's adoption events, those taken over from others too.
    """
    measure, panel, effect = found.outcome.measure, found.panel, found.effect
    better_more = measure.better is Better.HIGHER
    parts = _attributed(panel, effect, gained=better_more)
    since = first_reached(events, found.innovation.id, found.programme.stage)
    place_of = places(panel)
    column_of = {period.start: column for column, period in enumerate(found.outcome.periods)}
    entries = []
    for cell in found.outcome.series.sort("member", "period").iter_rows(named=True):
        member, start = cell["member"], cell["period"]
        column = column_of[start]
        place = place_of.get((member, column))
        itself = panel.in_effect.get(member)
        with_it = place is not None and bool(panel.treated[place.row, column])
        if with_it or (itself is not None and itself[column]):
            entries.append(
                Entry(
                    member=member,
                    start=start,
                    end=found.outcome.periods[column].end,
                    since=min(since.get(member, start), start),
                    reached=Reached(lower=cell["denominator_lower"], upper=cell["denominator_upper"]),
                    avoided=_avoided(parts, place, column) if place is not None and with_it else None,
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
        members=tuple(sorted(set(found.outcome.series["member"]))),
        first=found.outcome.periods[0].start,
        last=found.outcome.periods[-1].end,
        method=effect.method if isinstance(effect, Effect) else NO_METHOD,
        why_none=_why_none(effect),
        sources=parts.sources,
        entries=tuple(entries),
    )


class Place(NamedTuple):
    """Where a member's count of a period is in a panel."""

    row: int
    part: int | None
    """which of the counts that its cell is the sum of"""


def places(panel: Panel) -> dict[tuple[str, int], Place]:
    """Return where each member's count of each period is; where it is missing it may be nowhere."""
    found: dict[tuple[str, int], Place] = {}
    for row, name in enumerate(panel.sites):
        for column in range(panel.lower.shape[1]):
            several = panel.parts.get((name, column), ())
            for at, part in enumerate(several):
                found[part.of, column] = Place(row, at)
            if not several and (panel.treated[row, column] or not np.isnan(panel.lower[row, column])):
                found[panel.member_of(name), column] = Place(row, None)
    return found


def _avoided(parts: Attribution, place: Place, column: int) -> Avoided | None:
    if place.part is None:
        return parts.cells.get((place.row, column))
    several = parts.parts.get((place.row, column))
    return None if several is None else several[place.part]


def counted_of(measure: Measure) -> Counted:
    """Return whether a measure's numbers are of people or of events; of published ones only their words say."""
    return Counted.PEOPLE if measure.kind is CountKind.PROPORTION and measure.unit == "people" else Counted.EVENTS


def _why_none(effect: Effect | MeanEffect | NoEffect) -> str:
    match effect:
        case Effect():
            return ""
        case MeanEffect():
            return NOT_OF_A_MEAN
        case NoEffect():
            return effect.reason


def _attributed(panel: Panel, effect: Effect | MeanEffect | NoEffect, *, gained: bool) -> Attribution:
    if not isinstance(effect, Effect) or effect.baseline is None:
        return Attribution(sources=_NO_SOURCES, cells={})
    row_of = {name: row for row, name in enumerate(panel.sites)}
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
        parts={(row_of[name], column): parts for (name, column), parts in panel.parts.items()},
    )
    return attribute(found, gained=gained)

"""What a threshold finds and what it costs: sensitivity, predictive value, alerts per event, the efficiency curve."""

from dataclasses import dataclass

from rounds.learning.deterioration.score_table import ScoreTable
from rounds.learning.deterioration.shares import Amount, Share, inverse, share


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """What comes of calling for a review at a score or above. A share of nobody is None."""

    at_least: float
    sensitivity: Share | None
    """of units with the outcome, those that trigger"""
    specificity: Share | None
    """of units without it, those that do not"""
    ppv: Share | None
    """of units that trigger, those with the outcome"""
    npv: Share | None
    """of units that do not, those without it"""
    triggering: Share | None
    """of all units, those that trigger"""
    alerts_per_event: Amount | None
    """units that trigger for each of them with the outcome; infinite where none has it"""


def thresholds(table: ScoreTable) -> tuple[Threshold, ...]:
    """Return what each score would find as a threshold, the lowest first.

    Each figure has the bounds it can reach and a 95 % interval over them (Wilson's).

    Args:
        table: of one site, or of several added up; cells may be withheld or rounded.

    Source: Prytherch and others (2010), Resuscitation 81:932-937, for the efficiency curve: `triggering` across and
        `sensitivity` upwards, a point each score.
    """
    found = []
    for at, score in enumerate(table.scores):
        hit, missed = table.events.total(slice(at, None)), table.events.total(slice(at))
        alarm, quiet = table.others.total(slice(at, None)), table.others.total(slice(at))
        ppv = share(hit, alarm)
        found.append(
            Threshold(
                at_least=float(score),
                sensitivity=share(hit, missed),
                specificity=share(quiet, alarm),
                ppv=ppv,
                npv=share(quiet, missed),
                triggering=share(hit + alarm, missed + quiet),
                alerts_per_event=inverse(ppv),
            )
        )
    return tuple(found)

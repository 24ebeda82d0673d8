"""What a business case rests on: an effect that a round found, or one that somebody states, and who had the events."""

from dataclasses import dataclass

from rounds.learning.value.equity import Part, split
from rounds.learning.value.inputs import Shape, Uncertain
from rounds.learning.value.programme import RATE, Stated, StatedGroups, rate_of
from rounds.learning.value.simulations import Interval
from rounds.reports.content.wording import inline, plural
from rounds.reports.insight import Certainty, Direction, Estimate, Insight, Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The effect of an innovation on one outcome, and how sure it is."""

    statement: str
    outcome: str
    """as in a sentence: "cardiac arrests\""""
    certainty: Certainty
    because: str
    ratio: Estimate | None
    """the rate ratio, or what else the effect was estimated as; None if there is none"""
    avoided: Estimate | None
    """events avoided, or gained where more are better; None where no benefit was found, and then nothing is worth
    anything"""
    site_years: float | None
    """sites times years that `avoided` is of"""
    comparator: str
    source: str
    """the round, its sites and what is withheld; or who says so"""
    provenance: Provenance | None
    """None of what is only stated"""
    groups: StatedGroups | str
    """or why there are none"""

    def __post_init__(self) -> None:
        if (self.avoided is None) != (self.site_years is None):
            raise ValueError("events avoided need the time in which they were avoided, and only they do")

    @property
    def found(self) -> bool:
        """Whether there is a benefit that may be valued."""
        return self.avoided is not None

    def rate(self) -> Uncertain:
        """Return the events avoided per site and year; 0 where no benefit was found."""
        if self.avoided is None or self.site_years is None:
            return Uncertain(name=RATE, value=0.0, lower=0.0, upper=0.0, shape=Shape.FIXED)
        value, lower, upper = rate_of(
            self.avoided.value or 0.0, self.avoided.lower, self.avoided.upper, site_years=self.site_years
        )
        return Uncertain(name=RATE, value=value, lower=lower, upper=upper, shape=Shape.NORMAL)

    def parts(self) -> tuple[Part, ...] | str:
        """Return how the events avoided split over groups, or why that cannot be said."""
        if self.avoided is None:
            return "no benefit was found that could be split"
        if isinstance(self.groups, str):
            return self.groups
        benefit = Interval(estimate=self.avoided.value or 0.0, lower=self.avoided.lower, upper=self.avoided.upper)
        return split(self.groups.names, self.groups.lower, self.groups.upper, benefit, values=self.groups.values)


def evidence_of(insight: Insight, *, period_years: float, groups: StatedGroups | str) -> Evidence:
    """Return the evidence that an insight about impact holds.

    Args:
        insight: of `Kind.IMPACT`.
        period_years: how long one of its periods is, in years.
        groups: events by group, or why there are none.
    """
    benefit = insight.benefit if insight.direction is Direction.BETTER else None
    periods = None if benefit is None else benefit.site_periods
    known = benefit is not None and periods is not None and benefit.patients.value is not None
    ratio = insight.certainty.estimate
    return Evidence(
        statement=insight.statement,
        outcome=inline(insight.measure_title),
        certainty=insight.certainty.level,
        because=insight.certainty.because,
        ratio=ratio if ratio.value is not None else None,
        avoided=benefit.patients if benefit is not None and known else None,
        site_years=periods * period_years if periods is not None and known else None,
        comparator=insight.comparator or "Nothing could be compared.",
        source=source_words(insight.provenance),
        provenance=insight.provenance,
        groups=groups,
    )


def stated_evidence(stated: Stated, *, author: str, groups: StatedGroups | None) -> Evidence:
    """Return the evidence that somebody states, whose certainty is low whatever the source: no round has found it.

    Args:
        stated: the effect.
        author: who states it.
        groups: events by group; None if nobody says.
    """
    interval = Estimate(
        value=stated.avoided,
        lower=stated.lower,
        upper=stated.upper,
        interval="95% interval as stated",
        unit=f"{stated.outcome} avoided",
    )
    return Evidence(
        statement=f"{author} states that it avoids {stated.outcome}.",
        outcome=stated.outcome,
        certainty=Certainty.LOW,
        because="the effect was stated, and no round of this network has found it",
        ratio=None,
        avoided=interval,
        site_years=stated.site_years,
        comparator=f"As in the source: {stated.source}.",
        source=f"Effect as stated by {author} ({stated.source})",
        provenance=None,
        groups="nobody stated who had the events" if groups is None else groups,
    )


def source_words(provenance: Provenance) -> str:
    """Return where a number comes from, in a line."""
    sites = len(provenance.sites_in) + len(provenance.sites_out)
    return (
        f"Round {provenance.round_id}, {len(provenance.sites_in)} of {plural(sites, 'site')}, "
        f"{provenance.withheld_cells:,} of {provenance.total_cells:,} numbers withheld, data as of "
        f"{provenance.data_as_of.isoformat()}"
    )

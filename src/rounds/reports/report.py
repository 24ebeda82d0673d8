"""The report: everything one round has to say, and nothing about how it is shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from rounds.errors import RoundsError
from rounds.measures.definitions import Measure
from rounds.network.members import Membership
from rounds.reports.completeness import CompletenessLine
from rounds.reports.content.benefit_return import QuarterlyReturn
from rounds.reports.content.standing_out import StandingOut, standing_out
from rounds.reports.insight import Insight, Provenance

GLOSSARY: tuple[tuple[str, str], ...] = (
    (
        "Benefited",
        "Events expected without an innovation less events counted with it. Not the number who were reached by it.",
    ),
    ("Bounds", "The lowest and the highest value that a number can have, given what is withheld or rounded."),
    (
        "Caterpillar plot",
        "Organisations in order, each drawn towards the mean of all by as much as chance makes likely.",
    ),
    (
        "Confidence interval",
        "A range made by a method that holds the true value 95 times in 100, if its assumptions hold.",
    ),
    ("Control chart (SPC)", "A chart over time whose limits show how far a stable process moves by chance."),
    ("Embedded", "An innovation is part of everyday work, not only switched on."),
    (
        "Funnel plot",
        "Organisations against their size, with limits that show how far chance and ordinary differences move them.",
    ),
    (
        "Measure",
        "A numerator over a denominator, defined once, reviewed and versioned, and counted the same way at every site.",
    ),
    ("Member", "An organisation that belongs to the network."),
    ("Placebo", "The same analysis where no effect can be; finding one there casts doubt on the real one."),
    (
        "Reached",
        "Those in a measure's denominator in periods throughout which an innovation was in effect, better off or not.",
    ),
    (
        "Regression to the mean",
        "Those that stand out do so in part by chance, and move back on average without anything being done.",
    ),
    ("Round", "One turn of the learning cycle: count at each site, protect, pool, learn, feed back."),
    ("Site", "A member's secure data facility. Records never leave it."),
    ("Withheld", "A count too small to show without risk to a patient. It is not zero, and its bounds are given."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One round's insights with what is needed to name and explain them."""

    network_name: str
    round_id: str
    round_title: str
    as_of: date
    insights: tuple[Insight, ...]
    membership: Membership
    provenance: Provenance
    measures: tuple[Measure, ...] = ()
    """definitions of the measures the insights are about"""
    silences: tuple[str, ...] = ()
    """a sentence for each thing the round was asked and cannot speak of, such as a measure without numbers"""
    completeness: tuple[CompletenessLine, ...] = ()
    """how complete the records are behind the measures, by measure and organisation"""
    quarterly_return: QuarterlyReturn | None = None
    """who was reached and benefited, from the benefit ledger; None if the round has no programme in effect"""
    glossary: tuple[tuple[str, str], ...] = GLOSSARY
    """(term, meaning), sorted"""
    standing_out: StandingOut | None = field(init=False)
    """which control charts stand out among all of the round; None where there are few"""
    _by_name: Mapping[str, Measure] = field(init=False, repr=False, compare=False)
    """the definitions by what insights call them; a measure's name takes the digest of all that it counts"""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {str(measure.ref): measure for measure in self.measures})
        object.__setattr__(self, "standing_out", standing_out(self.insights))
        seen: set[str] = set()
        for insight in self.insights:
            if insight.id in seen:
                raise RoundsError(f"insight {insight.id} is in round {self.round_id} twice; an id names one statement")
            seen.add(insight.id)
            if insight.provenance.round_id != self.round_id:
                raise RoundsError(
                    f"insight {insight.id} belongs to round {insight.provenance.round_id}, not to {self.round_id}"
                )

    def measure_of(self, insight: Insight) -> Measure | None:
        """Return the definition behind an insight; None for one about spread alone."""
        return self._by_name.get(insight.measure)

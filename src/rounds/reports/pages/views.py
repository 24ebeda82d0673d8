"""What each audience first sees, as readable data."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from rounds.reports.content.wording import NETWORK
from rounds.reports.insight import Audience, Certainty, Direction, Insight, Kind


class Layout(StrEnum):
    """How a section shows its insights."""

    CARDS = "cards"
    """each with its chart"""
    LINES = "lines"
    """each as one sentence that links to its card"""
    ICON_TABLE = "icon-table"
    """organisations x measures, an icon a cell"""
    ORGANISATIONS = "organisations"
    """links to every organisation's own page"""
    ACTIONS = "actions"
    REGIONS = "regions"
    METHODS = "methods"
    DOWNLOADS = "downloads"


class Reach(StrEnum):
    """Whose insights a section takes."""

    NETWORK = "network"
    MEMBERS = "members"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of a page: which insights, in what order, how many and how."""

    heading: str
    layout: Layout
    kinds: tuple[Kind, ...] = ()
    """in the order shown"""
    reach: Reach = Reach.NETWORK
    only: frozenset[Direction] = frozenset(Direction)
    limit: int | None = None
    empty: str = "This round has nothing to say here."


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """An audience's page."""

    audience: Audience
    title: str
    question: str
    """what the page answers"""
    sections: tuple[Section, ...]


CHANGES = frozenset({Direction.BETTER, Direction.WORSE})
NO_CHANGES = "No service has a clear change this round. That is a finding too: nothing needs explaining."
NO_PROGRAMME = "This round follows no programme, so there is no spread to show."
NO_EFFECT = "This round has no effect of a programme to report."
NO_BENEFIT = "No programme was in effect throughout a period, so nobody is counted as reached."

VIEWS: tuple[View, ...] = (
    View(
        audience=Audience.PRACTITIONER,
        title="NHS practitioners",
        question="What changed in my service, who does better, and what can I do?",
        sections=(
            Section(heading="Find your service", layout=Layout.ORGANISATIONS),
            Section(
                heading="Clearest changes in the network",
                layout=Layout.CARDS,
                kinds=(Kind.OVER_TIME,),
                reach=Reach.MEMBERS,
                only=CHANGES,
                limit=3,
                empty=NO_CHANGES,
            ),
        ),
    ),
    View(
        audience=Audience.SERVICE_MANAGER,
        title="Service managers",
        question="Where do my measures stand, and which actions are due?",
        sections=(
            Section(
                heading="All measures, all organisations",
                layout=Layout.ICON_TABLE,
                kinds=(Kind.OVER_TIME,),
                reach=Reach.MEMBERS,
            ),
            Section(
                heading="Actions",
                layout=Layout.ACTIONS,
                kinds=(Kind.OVER_TIME,),
                reach=Reach.MEMBERS,
                only=frozenset({Direction.WORSE}),
                limit=40,
                empty="No measure got worse, so no action is asked for.",
            ),
        ),
    ),
    View(
        audience=Audience.COMMISSIONER,
        title="Commissioners",
        question="How far has it spread, and how many patients benefited?",
        sections=(
            Section(heading="Did it work", layout=Layout.CARDS, kinds=(Kind.IMPACT,), empty=NO_EFFECT, limit=4),
            Section(
                heading="Reached and benefited",
                layout=Layout.CARDS,
                kinds=(Kind.BENEFIT,),
                empty=NO_BENEFIT,
                limit=8,
            ),
            Section(heading="Spread", layout=Layout.CARDS, kinds=(Kind.SPREAD,), empty=NO_PROGRAMME, limit=4),
            Section(
                heading="What comes next",
                layout=Layout.CARDS,
                kinds=(Kind.PIPELINE,),
                empty="No pipeline of innovations is recorded.",
            ),
            Section(heading="The network as a whole", layout=Layout.LINES, kinds=(Kind.OVER_TIME,)),
        ),
    ),
    View(
        audience=Audience.PUBLIC_HEALTH,
        title="Public health professionals",
        question="Where and for whom does care differ?",
        sections=(
            Section(
                heading="Between groups of people",
                layout=Layout.CARDS,
                kinds=(Kind.EQUITY,),
                limit=6,
                empty="No measure of this round is counted by age band or sex.",
            ),
            Section(heading="Between organisations", layout=Layout.CARDS, kinds=(Kind.BETWEEN_SITES,), limit=16),
            Section(heading="By region", layout=Layout.REGIONS, kinds=(Kind.OVER_TIME,), reach=Reach.MEMBERS),
        ),
    ),
    View(
        audience=Audience.LOCAL_AUTHORITY,
        title="Local authority planners",
        question="How are services in each area doing, in plain words?",
        sections=(
            Section(heading="By region", layout=Layout.REGIONS, kinds=(Kind.OVER_TIME,), reach=Reach.MEMBERS),
            Section(
                heading="What is being spread",
                layout=Layout.LINES,
                kinds=(Kind.SPREAD, Kind.IMPACT),
                empty=NO_PROGRAMME,
            ),
            Section(heading="The network as a whole", layout=Layout.CARDS, kinds=(Kind.OVER_TIME,), limit=6),
        ),
    ),
    View(
        audience=Audience.RESEARCHER,
        title="Researchers",
        question="What was measured, how, and what can be reused?",
        sections=(
            Section(heading="Estimates", layout=Layout.CARDS, kinds=(Kind.IMPACT,), empty=NO_EFFECT, limit=4),
            Section(
                heading="How well scores warn",
                layout=Layout.CARDS,
                kinds=(Kind.WARNING,),
                empty="This round asks for no score table.",
            ),
            Section(heading="Measures and methods", layout=Layout.METHODS),
            Section(heading="Data", layout=Layout.DOWNLOADS),
            Section(
                heading="All statements about the network",
                layout=Layout.LINES,
                kinds=(
                    Kind.SPREAD,
                    Kind.PIPELINE,
                    Kind.BENEFIT,
                    Kind.BETWEEN_SITES,
                    Kind.EQUITY,
                    Kind.WARNING,
                    Kind.OVER_TIME,
                ),
            ),
        ),
    ),
    View(
        audience=Audience.POLICY_MAKER,
        title="Policy makers",
        question="What spread, did it work, and how sure are we?",
        sections=(
            Section(heading="Did it work", layout=Layout.CARDS, kinds=(Kind.IMPACT,), empty=NO_EFFECT, limit=1),
            Section(heading="For how many", layout=Layout.CARDS, kinds=(Kind.BENEFIT,), empty=NO_BENEFIT, limit=2),
            Section(heading="What spread", layout=Layout.CARDS, kinds=(Kind.SPREAD,), empty=NO_PROGRAMME, limit=1),
        ),
    ),
)


def audience_path(audience: Audience) -> str:
    return f"{audience}.html"


_DIRECTIONS = (Direction.WORSE, Direction.BETTER, Direction.NEUTRAL, Direction.NO_CHANGE)
_CERTAINTIES = tuple(Certainty)


def rank(insight: Insight) -> tuple[int, int, bool, str]:
    """Return where an insight stands among others: worse first, then the surest, then those that offer a peer."""
    return (
        _DIRECTIONS.index(insight.direction),
        _CERTAINTIES.index(insight.certainty.level),
        insight.comparator is None,
        insight.id,
    )


def selected(section: Section, insights: tuple[Insight, ...]) -> tuple[Insight, ...]:
    """Return a section's insights in the order shown."""
    reaches: dict[Reach, Callable[[str], bool]] = {
        Reach.NETWORK: lambda scope: scope == NETWORK,
        Reach.MEMBERS: lambda scope: scope != NETWORK,
    }
    found = [
        insight
        for insight in insights
        if insight.kind in section.kinds and insight.direction in section.only and reaches[section.reach](insight.scope)
    ]
    found.sort(key=lambda insight: (section.kinds.index(insight.kind), rank(insight)))
    return tuple(found[: section.limit])

"""Need less use, by organisation or group of people: what is not met, how sure it is, and where to look first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rounds.learning.variation.between_groups.gaps import UnmetNeed
from rounds.measures.definitions import Measure
from rounds.reports.charts.interval import IntervalRow, interval_chart
from rounds.reports.content.cells import tidy, withheld_note
from rounds.reports.content.gradient import First
from rounds.reports.content.observed import Observed
from rounds.reports.content.wording import (
    NETWORK,
    across,
    inline,
    listing,
    number,
    plural,
    rate_range,
    rate_unit,
    slug,
)
from rounds.reports.insight import (
    Cell,
    Certainty,
    Confidence,
    Direction,
    Estimate,
    Insight,
    Kind,
    Mark,
    Provenance,
    Table,
)

METHOD = "need-less-use-newcombe@1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """An organisation or a group of people."""

    level: str
    name: str
    need: Observed
    use: Observed

    @property
    def withheld(self) -> bool:
        return self.need.withheld or self.use.withheld

    @property
    def value(self) -> float | None:
        """Need less use, per 1; None where either is withheld."""
        one, two = self.need.rate(1), self.use.rate(1)
        return None if one is None or two is None else one - two


def need_less_use(
    *,
    groups: Sequence[Group],
    unmet: UnmetNeed,
    first: First | None,
    by: str,
    over: str,
    need: Measure,
    use: Measure,
    provenance: Provenance,
) -> Insight:
    """Return how much more each group needs something than has it.

    Args:
        groups: in the order shown; at least one.
        unmet: need less use of each, in that order.
        first: where to look first, of the groups that are known; None where that cannot be told.
        by: what groups are of, in words: "organisation", "deprivation".
        over: the time covered, in words.
        need: the measure of who needs it.
        use: of who has it.
        provenance: where the numbers come from.
    """
    per = need.scale
    intervals = [(per * float(low), per * float(high)) for low, high in zip(unmet.lower, unmet.upper, strict=True)]
    sure = [at for at, (low, _) in enumerate(intervals) if low > 0]
    hidden = sum(group.withheld for group in groups)
    statement = _statement(groups, intervals, sure, by, need, use, provenance)
    lowest, highest = min(low for low, _ in intervals), max(high for _, high in intervals)
    title = f"{need.title} less {inline(use.title)}"
    return Insight(
        id=slug(Kind.EQUITY, need.id, "less", use.id, by),
        kind=Kind.EQUITY,
        statement=statement,
        direction=Direction.NEUTRAL,
        scope=NETWORK,
        scope_name="the network",
        measure=str(need.ref),
        measure_title=need.title,
        innovation=None,
        certainty=Confidence(
            level=Certainty.LOW if hidden or not sure else Certainty.MODERATE,
            because=(
                f"of {plural(len(groups), 'group')} {len(sure)} {'has' if len(sure) == 1 else 'have'} more need than "
                f"use beyond chance; {f'{hidden} with withheld counts; ' if hidden else ''}those who use need not be "
                "those who need."
            ),
            estimate=Estimate(
                value=None,
                lower=lowest,
                upper=highest,
                interval="95% intervals of all groups reach from",
                unit=rate_unit(need),
            ),
            method=METHOD,
        ),
        comparator=f"{need.title} is compared with {inline(use.title)} of the same {need.unit} over {over}.",
        benefit=None,
        chart=interval_chart(
            rows=tuple(
                IntervalRow(
                    label=group.name,
                    value=None if group.value is None else per * group.value,
                    lower=low,
                    upper=high,
                    withheld=group.withheld,
                )
                for group, (low, high) in zip(groups, intervals, strict=True)
            ),
            title=f"{title}, {rate_unit(need)}, by {by} (less is better)",
        ),
        alt_text=f"{title} by {by}, with 95% intervals. {statement}",
        table=Table(
            columns=(
                by.capitalize(),
                *(f"{one}{what}" for one in ("Need", "Use") for what in _ENDS),
                "Need less use",
                "95% interval, lower",
                "95% interval, upper",
                f"{need.unit.capitalize()} without, lower",
                f"{need.unit.capitalize()} without, upper",
                *(_first_columns(first) if first else ()),
            ),
            rows=tuple(
                (
                    group.name,
                    *_ends(group.need, per),
                    *_ends(group.use, per),
                    Mark.WITHHELD if group.value is None else tidy(per * group.value),
                    *(tidy(end) for end in intervals[at]),
                    tidy(round(float(unmet.people_lower[at]), 1)),
                    tidy(round(float(unmet.people_upper[at]), 1)),
                    *(_sure_cells(first, group.level) if first else ()),
                )
                for at, group in enumerate(groups)
            ),
        ),
        action=None,
        provenance=provenance,
        notes=(
            f"Rates are {rate_unit(need)}. Intervals are 95% (Newcombe's hybrid score) and cover every value that "
            "withheld and rounded counts allow; need and use are taken as independent, which makes them wide where "
            "they go together. Where use is above need the difference is below 0: those who use need not be those who "
            "need.",
            *(_first_notes(first, {group.level: group.name for group in groups}, need) if first else ()),
            *withheld_note(tuple(one for group in groups for one in (group.need, group.use)), "number"),
        ),
    )


_ENDS = ("", ", lowest possible", ", highest possible")


def _ends(one: Observed, per: float) -> tuple[Cell, Cell, Cell]:
    rate, (low, high) = one.rate(per), one.rate_bounds(per)
    return Mark.WITHHELD if rate is None else tidy(rate), tidy(low), tidy(high)


def _statement(
    groups: Sequence[Group],
    intervals: list[tuple[float, float]],
    sure: list[int],
    by: str,
    need: Measure,
    use: Measure,
    provenance: Provenance,
) -> str:
    title = f"{need.title} against {inline(use.title)}, {across(provenance)}, by {by}"
    if not sure:
        return f"{title}: no group has more need than use beyond chance."
    most = max(range(len(groups)), key=lambda at: intervals[at][0])
    least = min(range(len(groups)), key=lambda at: intervals[at][1])
    words = f"{groups[most].name} ({rate_range(*intervals[most], need)})"
    if intervals[most][0] > intervals[least][1]:
        less = f"{groups[least].name} ({rate_range(*intervals[least], need)})"
        return f"{title}: most is unmet for {words}, and less for {less}."
    some = f"{len(sure)} of {plural(len(groups), 'group')} have more need than use"
    return f"{title}: {some}, with no clear difference between them; {words}."


def _first_columns(first: First) -> tuple[str, ...]:
    return f"Chance that it is among the first {first.top} (%)", "Rank, best case", "Rank, worst case"


def _sure_cells(first: First, level: str) -> tuple[Cell, ...]:
    if level not in first.levels:
        return (Mark.NOT_APPLICABLE,) * 3
    at, ranked = first.levels.index(level), first.ranked
    return tidy(round(100 * float(ranked.chance_of_top[at]), 1)), int(ranked.rank_lower[at]), int(ranked.rank_upper[at])


def _first_notes(first: First, names: Mapping[str, str], need: Measure) -> tuple[str, ...]:
    """Return where most people with unmet need may be, and how sure that is."""
    ranked = first.ranked
    chosen = [at for at in ranked.order.tolist()[: first.top] if ranked.expected[at] > 0]
    if not chosen:
        return ("No group is expected to have more need than use.",)
    named = [
        f"{names[first.levels[at]]} ({number(float(ranked.expected[at]))} {need.unit}; "
        f"{100 * float(ranked.chance_of_top[at]):.0f}% sure to be among the first {first.top})"
        for at in chosen
    ]
    return (
        f"Where most {need.unit} may go without: {listing(named)}. {ranked.notes[0].replace('places', 'groups')} Need "
        "and use of each group are drawn towards the mean first, as the first of many by chance are those that chance "
        "favours; larger groups have more to meet.",
    )

"""What is said beside rates by group: the gradient over groups in order, and where most could be gained."""

from dataclasses import dataclass

from rounds.learning.variation.between_groups.priority import Priority
from rounds.learning.variation.between_groups.slope_bounds import SlopeWithin, Span
from rounds.measures.definitions import Better, Measure
from rounds.reports.content.cells import tidy
from rounds.reports.content.wording import listing, number, rate_noun, rate_unit
from rounds.reports.insight import Cell, Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """Groups by what could be gained at the rate of all together."""

    levels: tuple[str, ...]
    """in the order of the list's arrays"""
    top: int
    """how many are looked at first"""
    ranked: Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class Gradient:
    """What is known beside the rates of groups."""

    slope: SlopeWithin | str | None = None
    """along levels in an order, or why there is none; None of levels without an order"""
    first: First | None = None
    """where most could be gained, and how sure that is"""


NOTHING_BESIDE = Gradient()


def slope_words(slope: SlopeWithin, measure: Measure, ends: tuple[str, str]) -> str:
    """Return the relative index with its interval, as part of a sentence; `ends` are the first and the last level."""
    interval = f"95% interval {number(slope.rii.lower)} to {number(slope.rii.upper)}"
    told = "" if slope.certain else ", which chance or withheld counts could make"
    return (
        f"along the line from {ends[0]} to {ends[1]} the {rate_noun(measure)} changes by the factor "
        f"{_between(slope.rii)} ({interval}){told}"
    )


def _between(span: Span, per: float = 1.0) -> str:
    least, most = number(per * span.least), number(per * span.most)
    return least if least == most else f"{least} to {most}"


def slope_notes(slope: SlopeWithin | str | None, measure: Measure) -> tuple[str, ...]:
    """Return both indices of inequality and what they are, or why they cannot be told."""
    if slope is None:
        return ()
    if isinstance(slope, str):
        return (f"No slope index of inequality: {slope}.",)
    per = measure.scale
    return (
        f"Slope index of inequality, the {rate_noun(measure)} at the last end of the line less that at the first: "
        f"{_between(slope.sii, per)} (95% interval {number(per * slope.sii.lower)} to "
        f"{number(per * slope.sii.upper)}) {rate_unit(measure)}. Relative index, the one over the other: "
        f"{_between(slope.rii)} ({number(slope.rii.lower)} to {number(slope.rii.upper)}). Both hold for every count "
        "within the bounds; people whose group is not known are not on the line.",
        *slope.notes,
    )


def first_columns(first: First, measure: Measure) -> tuple[str, ...]:
    """Return the headings of `first_cells`."""
    what = "fewer" if measure.better is Better.LOWER else "more"
    return (
        f"Events {what} at the rate of all together",
        f"Chance that it is among the first {first.top} (%)",
        "Rank, best case",
        "Rank, worst case",
    )


def first_cells(first: First, level: str) -> tuple[Cell, ...]:
    """Return what one group could gain, and how sure its place on the list is."""
    if level not in first.levels:
        return (Mark.NOT_APPLICABLE,) * 4
    at, ranked = first.levels.index(level), first.ranked
    return (
        tidy(round(float(ranked.expected[at]), 1)),
        tidy(round(100 * float(ranked.chance_of_top[at]), 1)),
        int(ranked.rank_lower[at]),
        int(ranked.rank_upper[at]),
    )


def first_notes(first: First, measure: Measure) -> tuple[str, ...]:
    """Return where to look first, and how sure that is."""
    ranked = first.ranked
    chosen = [at for at in ranked.order.tolist()[: first.top] if ranked.expected[at] > 0]
    if not chosen:
        return ("Nowhere is anything to be gained at the rate of all together: chance alone tells the groups apart.",)
    gains, chances = ranked.expected.tolist(), (100 * ranked.chance_of_top).tolist()
    named = [
        f"{first.levels[at]} ({number(gains[at])} events; {chances[at]:.0f}% sure to be among the first {first.top})"
        for at in chosen
    ]
    way = "avoided" if measure.better is Better.LOWER else "gained"
    return (
        f"Where most events could be {way} at the rate of all together: {listing(named)}. "
        + ranked.notes[0].replace("places", "groups")
        + " Each group's rate is drawn towards the mean first, as the first of many by chance are those that chance "
        "favours; larger groups have more to gain.",
    )

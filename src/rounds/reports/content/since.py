"""Have those that stood out moved since by more than chance moves them? Regression to the mean, told by default."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rounds.learning.variation.between_sites.moved import Moved, Range
from rounds.learning.variation.over_time.chart import Told
from rounds.measures.definitions import Measure
from rounds.network.members import Membership
from rounds.reports.charts.moved import MovedRow, moved_chart
from rounds.reports.content.cells import tidy
from rounds.reports.content.wording import (
    NETWORK,
    better_words,
    listing,
    plural,
    rate_between,
    rate_noun,
    rate_unit,
    sites_out_words,
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

MOST_ROWS = 15
"""Of organisations on one side in the chart; the table has all."""

EXPLAINED = {
    Told.CERTAIN: "more than chance alone explains",
    Told.POSSIBLE: "cannot be told from chance because counts are withheld or rounded",
    Told.NO: "no more than chance alone explains",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Those that stood out on one side of the limits, and what they did."""

    higher: bool
    picked: NDArray[np.bool_]
    """shape (organisations,)"""
    moved: Moved

    def told(self, at: int) -> Told:
        """Return whether one moved by more than chance; -1 is all of the side together."""
        if self.moved.beyond[at]:
            return Told.CERTAIN
        return Told.NO if self.moved.within[at] else Told.POSSIBLE

    @property
    def word(self) -> str:
        return "higher" if self.higher else "lower"


def moved_since(
    *,
    sides: tuple[Side, ...],
    members: tuple[str, ...],
    lost: tuple[str, ...],
    then: str,
    since: str,
    measure: Measure,
    membership: Membership,
    provenance: Provenance,
) -> Insight:
    """Return how much of the move of those that stood out at a baseline is what chance alone makes.

    Args:
        sides: those above and those below the limits then, in that order; one may be absent. Rates per 1.
        members: ODS codes, in the order of the organisations.
        lost: ODS codes of those that stood out then and have no numbers since.
        then: the baseline, in words.
        since: the time after it, in words.
        measure: what is counted.
        membership: to name the members.
        provenance: where the numbers come from.

    Raises:
        ValueError: if there is no side, or one of them has a reason in place of numbers.
    """
    if not sides or any(side.moved.reason is not None for side in sides):
        raise ValueError(f"{measure.id}: nobody stood out, or what chance makes cannot be told")
    names = [membership.name_of(code) for code in members]
    said = [
        _side_words(side, names, *((f" over {then}", f" over {since}") if side is sides[0] else ("", "")), measure)
        for side in sides
    ]
    statement = f"{measure.title}: {'; '.join(said)}."
    first = sides[0].moved
    unsure = any(side.told(-1) is Told.POSSIBLE for side in sides)
    return Insight(
        id=slug(Kind.BETWEEN_SITES, measure.id, NETWORK, "since"),
        kind=Kind.BETWEEN_SITES,
        statement=statement,
        direction=Direction.NEUTRAL,
        scope=NETWORK,
        scope_name="the network",
        measure=str(measure.ref),
        measure_title=measure.title,
        innovation=None,
        certainty=Confidence(
            level=Certainty.LOW if unsure else Certainty.MODERATE,
            because="; ".join(
                (
                    "the test allows for regression to the mean, for how all others moved and for withheld and rounded "
                    "counts",
                    *([sites_out_words(provenance)] if provenance.sites_out else ()),
                    "it takes organisations to differ by as much, and in the same order, at both times but for chance.",
                )
            ),
            estimate=Estimate(
                value=measure.scale * float(first.expected[-1]),
                lower=measure.scale * float(first.chance.lower[-1]),
                upper=measure.scale * float(first.chance.upper[-1]),
                interval=f"where chance alone puts those that were {sides[0].word}, 95%",
                unit=rate_unit(measure),
            ),
            method="regression-to-mean@1",
        ),
        comparator=(
            f"Organisations outside the 95% limits over {then} are compared, over {since}, with what chance alone and "
            "the move of all others let expect."
        ),
        benefit=None,
        chart=moved_chart(
            rows=tuple(row for side in sides for row in _rows(side, names, measure)),
            title=f"{measure.title}, {rate_unit(measure)}: {then} and since ({better_words(measure.better)})",
        ),
        alt_text=(
            f"{measure.title} of those outside the limits over {then}: a point for {then}, a bar for where chance "
            f"alone puts each over {since}, and a point for where it is. {statement}"
        ),
        table=_table(sides, names, members, then, since, measure),
        action=None,
        provenance=provenance,
        notes=(
            "Who stood out did so in part by chance, which does not come twice: without anything being done they move "
            "back towards the others on average. Only a move beyond that is news.",
            "What is left beside that may still be other than what was done for them.",
            *_lost_note(lost, membership),
        ),
    )


def _lost_note(lost: tuple[str, ...], membership: Membership) -> tuple[str, ...]:
    if not lost:
        return ()
    return (f"Stood out then, and has no numbers since: {listing([membership.name_of(code) for code in lost])}.",)


def _side_words(side: Side, names: list[str], then: str, since: str, measure: Measure) -> str:
    chosen = [name for name, picked in zip(names, side.picked, strict=True) if picked]
    found, per, one = side.moved, measure.scale, len(chosen) == 1

    def rates(ends: Range) -> str:
        return rate_between(per * float(ends.lower[-1]), per * float(ends.upper[-1]), measure)

    told = side.told(-1)
    if told is Told.CERTAIN:
        below = found.actual.upper[-1] < found.chance.lower[-1]
        judged = f"{'lower' if below else 'higher'} than chance alone explains"
    else:
        judged = "which chance alone explains" if told is Told.NO else f"which {EXPLAINED[told]}"
    return (
        f"{plural(len(chosen), 'organisation')} {'was' if one else 'were'} {side.word} than the limits{then} "
        f"({listing(chosen, limit=3)}): {rates(found.baseline)}{'' if one else ' together'}; chance alone would put "
        f"{'it' if one else 'them'} {rates(found.chance)}{since}, and the {rate_noun(measure)} is "
        f"{rates(found.actual)}, {judged}"
    )


def _rows(side: Side, names: list[str], measure: Measure) -> list[MovedRow]:
    places = _places(side)
    kept = places[:MOST_ROWS] + ([places[-1]] if len(places) > MOST_ROWS else [])

    def ends(lower: NDArray[np.float64], upper: NDArray[np.float64], at: int) -> tuple[float, float]:
        return measure.scale * float(lower[at]), measure.scale * float(upper[at])

    return [
        MovedRow(
            name=_name(side, names, at),
            then=ends(side.moved.baseline.lower, side.moved.baseline.upper, at),
            chance=ends(side.moved.chance.lower, side.moved.chance.upper, at),
            since=ends(side.moved.actual.lower, side.moved.actual.upper, at),
        )
        for at in kept
    ]


def _places(side: Side) -> list[int]:
    """Return the places of those picked, furthest out first, and of all together where there are several."""
    middle = side.moved.baseline.lower + side.moved.baseline.upper
    chosen = sorted(
        np.flatnonzero(side.picked).tolist(), key=lambda at: float(-middle[at] if side.higher else middle[at])
    )
    return [*chosen, -1] if len(chosen) > 1 else chosen


def _name(side: Side, names: list[str], at: int) -> str:
    return f"All that were {side.word}" if at < 0 else names[at]


def _table(
    sides: tuple[Side, ...], names: list[str], members: tuple[str, ...], then: str, since: str, measure: Measure
) -> Table:
    unit = rate_unit(measure)

    def row(side: Side, at: int) -> tuple[Cell, ...]:
        found = side.moved
        numbers = (
            found.baseline.lower,
            found.baseline.upper,
            found.expected,
            found.chance.lower,
            found.chance.upper,
            found.actual.lower,
            found.actual.upper,
        )
        return (
            _name(side, names, at),
            members[at] if at >= 0 else Mark.NOT_APPLICABLE,
            f"{side.word} than the limits",
            *(tidy(measure.scale * float(one[at])) for one in numbers),
            EXPLAINED[side.told(at)],
        )

    return Table(
        columns=(
            "Organisation",
            "ODS code",
            f"Over {then}",
            f"{then} ({unit}), lowest possible",
            f"{then} ({unit}), highest possible",
            f"{since}, expected by chance alone",
            "Chance alone, lower 95%",
            "Chance alone, upper 95%",
            f"{since} ({unit}), lowest possible",
            f"{since} ({unit}), highest possible",
            "Its move is",
        ),
        rows=tuple(row(side, at) for side in sides for at in _places(side)),
    )

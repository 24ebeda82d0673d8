"""Who gains, in a business case: events avoided by group, and what is left of health when money is taken elsewhere."""

from collections.abc import Sequence

import numpy as np

from rounds.learning.value.equity import Net, Part, equity_impact, net_by_group
from rounds.learning.value.programme import Declared, Distribution, StatedGroups
from rounds.learning.value.simulations import Vector
from rounds.reports.charts.interval import IntervalRow, interval_chart
from rounds.reports.content.cells import tidy
from rounds.reports.content.document import Block, Drawn, Section, Tabled, bullets, paragraph
from rounds.reports.content.value_evidence import Evidence
from rounds.reports.content.value_words import money, signed
from rounds.reports.content.wording import listing, number
from rounds.reports.insight import Cell, Mark, Table

_HEADING = "Who gains"


def equity_section(declared: Declared, evidence: Evidence, effects: Vector, costs: Vector, source: str) -> Section:
    """Return who gains, or why that cannot be said.

    Args:
        declared: what was stated of groups.
        evidence: the effect, and who had the events.
        effects: of the plan that is proposed, simulated, as present value, shape (draws,).
        costs: its net costs, the same.
        source: where simulated numbers are from.
    """
    parts = evidence.parts()
    if isinstance(parts, str) or isinstance(evidence.groups, str):
        return Section(id="equity", heading=_HEADING, blocks=(paragraph(f"This cannot be said: {parts}."),))
    most = max(parts, key=lambda one: one.share_lower)
    blocks: list[Block] = [
        paragraph(
            f"If it changes everybody's risk by the same factor, each group by {evidence.groups.by} gains as it has "
            f"events {evidence.groups.where}: {most.group} has {number(100 * most.share_lower)}% to "
            f"{number(100 * most.share_upper)}% of them (95% interval). Whether it works equally well in every group "
            "has not been shown."
        ),
        *([paragraph(evidence.groups.left_out)] if evidence.groups.left_out else []),
        *_withheld(evidence.groups),
        _drawn(parts, evidence.groups, evidence.outcome),
        Tabled(
            name="who-gains",
            caption=f"Events, shares of them and events avoided so far, by {evidence.groups.by} (95% intervals)",
            table=_groups_table(parts, evidence.groups),
            source=evidence.groups.source,
        ),
    ]
    if declared.distribution is not None:
        blocks += _inequality(declared, declared.distribution, evidence.groups, parts, (effects, costs), source)
    return Section(id="equity", heading=_HEADING, blocks=tuple(blocks))


def _withheld(groups: StatedGroups) -> list[Block]:
    names = [name for name, value in zip(groups.names, groups.values, strict=True) if value is None]
    if not names:
        return []
    return [
        paragraph(
            f"Withheld to protect patients, which is not zero: {listing(names)}. What is there lies within bounds, and "
            "so does every share; a share is only given as a number where no group is withheld."
        )
    ]


def _drawn(parts: Sequence[Part], groups: StatedGroups, outcome: str) -> Drawn:
    rows = tuple(
        IntervalRow(
            label=one.group,
            value=None if one.gained is None else tidy(one.gained),
            lower=tidy(one.gained_lower),
            upper=tidy(one.gained_upper),
            withheld=value is None,
        )
        for one, value in zip(parts, groups.values, strict=True)
    )
    words = listing([f"{one.label} {number(one.lower)} to {number(one.upper)}" for one in rows])
    return Drawn(
        key="who-gains",
        title=f"Who gains: events avoided by {groups.by}",
        spec=interval_chart(
            rows=rows,
            title=f"{outcome[0].upper()}{outcome[1:]} avoided so far, by {groups.by}",
            shown="95% interval",
            hidden="Withheld: interval",
        ),
        alt_text=f"Intervals of events avoided by {groups.by}: {words}.",
    )


def _inequality(
    declared: Declared,
    stated: Distribution,
    groups: StatedGroups,
    parts: tuple[Part, ...],
    simulated: tuple[Vector, Vector],
    source: str,
) -> list[Block]:
    if declared.health is None or declared.threshold is None:
        return [paragraph("Net health by group is not told: it needs health for each event, and what it is worth.")]
    if set(stated.names) != set(groups.names):
        return [
            paragraph(
                f"Net health by group is not told: events are counted by {listing(groups.names)}, and the distribution "
                f"is stated for {listing(stated.names)}."
            )
        ]
    at = [stated.names.index(name) for name in groups.names]
    burden, people, before = (np.array(one)[at] for one in (stated.burden, stated.people, stated.before))
    worth = declared.threshold.worths[0]
    found = net_by_group(parts, *simulated, burden, worth)
    lines = [
        f"Health gained less what the money would have bought elsewhere, at {money(worth, declared.currency)} for each "
        f"{declared.unit}; who forgoes it is stated: {stated.source}."
    ]
    changes = [one.net for one in found if one.net is not None]
    if len(changes) < len(found):
        lines.append("What inequality makes of it is not told, because some counts are withheld.")
    else:
        for aversion in stated.aversions:
            impact = equity_impact(before, changes, people, aversion)
            lines.append(
                f"With an aversion to inequality of {number(aversion)} (Atkinson) it is worth as much as "
                f"{signed(impact.equivalent)} {declared.units} spread evenly, against {signed(impact.total)} in all; "
                f"inequality makes {signed(impact.for_equality)} of that."
            )
    return [
        bullets(*lines),
        Tabled(
            name="net-health",
            caption=f"Net health by {groups.by}, {declared.units}",
            table=_net_table(found, groups.by, burden),
            source=f"{source} Stated: {stated.source}",
        ),
    ]


def _net_table(found: Sequence[Net], by: str, burden: Vector) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for one, part in zip(found, burden, strict=True):
        net: Cell = Mark.WITHHELD if one.net is None else tidy(one.net)
        rows.append((one.group, tidy(100 * float(part)), net, tidy(one.lower), tidy(one.upper)))
    columns = ("Forgoes, % of all", "Net health, mean", "95% interval, lower", "95% interval, upper")
    return Table(columns=(by.capitalize(), *columns), rows=tuple(rows))


def _groups_table(parts: Sequence[Part], groups: StatedGroups) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for one, value, low, high in zip(parts, groups.values, groups.lower, groups.upper, strict=True):
        hidden = Mark.WITHHELD if value is None else Mark.NOT_AVAILABLE
        share: Cell = hidden if one.share is None else tidy(100 * one.share)
        gained: Cell = hidden if one.gained is None else tidy(one.gained)
        rows.append(
            (
                one.group,
                Mark.WITHHELD if value is None else tidy(value),
                tidy(low),
                tidy(high),
                share,
                tidy(100 * one.share_lower),
                tidy(100 * one.share_upper),
                gained,
                tidy(one.gained_lower),
                tidy(one.gained_upper),
            )
        )
    return Table(
        columns=(
            groups.by.capitalize(),
            "Events",
            "Events, least",
            "Events, most",
            "Share, %",
            "Share, lower",
            "Share, upper",
            "Avoided",
            "Avoided, lower",
            "Avoided, upper",
        ),
        rows=tuple(rows),
    )

"""How complete the records are that a round's numbers rest on, and a word of it with every number it concerns."""

from collections.abc import Sequence
from dataclasses import replace

from rounds.exchange.messages import Reply
from rounds.measures.definitions import Measure
from rounds.network.members import Membership
from rounds.reports.completeness import CompletenessLine, Met, shortfall
from rounds.reports.content.wording import NETWORK
from rounds.reports.insight import Insight


def completeness_lines(
    replies: Sequence[Reply], measures: Sequence[Measure], membership: Membership
) -> tuple[CompletenessLine, ...]:
    """Return what the sites said of how complete their records are, by measure and organisation."""
    lines = []
    for measure in measures:
        needs = {need.name: need.at_least for need in measure.needs}
        for reply in replies:
            for table in reply.tables:
                if table.measure != measure.ref or not (table.completeness or needs):
                    continue
                (member,) = table.cells["member"].unique().to_list()
                said = [(share.name, share.lower, share.upper, True) for share in table.completeness]
                if not said:  # a site that counts in its database does not say; that is no completeness
                    said = [(name, 0, 100, False) for name in needs]
                lines += [
                    CompletenessLine(
                        measure=str(measure.ref),
                        measure_title=measure.title,
                        scope=member,
                        scope_name=membership.name_of(member),
                        name=name,
                        lower=lower,
                        upper=upper,
                        need=needs.get(name),
                        told=told,
                    )
                    for name, lower, upper, told in said
                ]
    return tuple(lines)


def flagged(insights: Sequence[Insight], lines: Sequence[CompletenessLine]) -> tuple[Insight, ...]:
    """Return the insights, each with a note on what the records behind it lack that their measure needs."""
    short = [line for line in lines if line.met is Met.NO]
    return tuple(replace(one, notes=(*one.notes, *_notes(one, short))) for one in insights)


def _notes(insight: Insight, short: Sequence[CompletenessLine]) -> tuple[str, ...]:
    own = [line for line in short if line.measure == insight.measure]
    if insight.scope != NETWORK:
        return tuple(shortfall(line) for line in own if line.scope == insight.scope)
    scopes = {line.scope: line for line in own}
    if len(scopes) <= 1:
        return tuple(shortfall(line) for line in own)
    names = " and ".join(sorted({line.name for line in own}))
    return (
        f"At {len(scopes)} organisations the records are less complete than this measure needs ({names}); the "
        "measure's page says where.",
    )

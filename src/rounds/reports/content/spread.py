"""How far has an innovation spread? Coverage now, a year ago, and along the curve."""

from datetime import date, timedelta

from rounds.learning.spread.adoption import AdoptionCurve, Coverage, Stage
from rounds.learning.spread.coverage import Stopped
from rounds.network.innovations import Innovation
from rounds.network.members import Membership
from rounds.reports.charts.adoption import CoveragePoint, adoption_chart
from rounds.reports.content.outlook import (
    Outlook,
    forecast_words,
    lasting_words,
    rows_ahead,
    slow_words,
    table_cells,
)
from rounds.reports.content.stopped import stopped_words
from rounds.reports.content.wording import NETWORK, listing, quoted, slug
from rounds.reports.insight import (
    Action,
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

HALF_A_QUARTER = timedelta(days=46)

STAGE_WORDS = {
    Stage.AWARE: "know of",
    Stage.PLANNED: "plan",
    Stage.IN_PROGRESS: "are introducing",
    Stage.LIVE: "use",
    Stage.EMBEDDED: "have embedded",
    Stage.STOPPED: "have stopped",
}


def spread(
    *,
    curve: AdoptionCurve,
    now: Coverage,
    innovation: Innovation,
    member_noun: str,
    membership: Membership,
    provenance: Provenance,
    outlook: Outlook | None = None,
    stopped: tuple[Stopped, ...] = (),
) -> Insight:
    """Return how many members are at a stage of an innovation or beyond, who is not, and how it may go on.

    Args:
        curve: coverage at the end of each period, in order.
        now: coverage on the day the statement is about.
        innovation: what spreads; its title is quoted.
        member_noun: what the members are, in the plural: "hospitals".
        membership: to name those not there yet.
        provenance: where the numbers come from.
        outlook: how adoption goes on; None where nobody has looked.
        stopped: members that began and stopped; they are told apart from those that never did.
    """
    title = quoted(innovation.title)
    before = _a_year_before(curve, now.day)
    done = STAGE_WORDS[curve.stage]
    change, direction = _change(before, now)
    statement = f"{now.adopted} of {now.members} {member_noun} {done} {title}{change}."
    apart = {one.member for one in stopped}
    missing = [membership.name_of(code) for code in now.not_yet if code not in apart]
    unit = f"{member_noun} that {done} it"
    ahead = forecast_words(outlook, member_noun) if outlook else ()
    return Insight(
        id=slug(Kind.SPREAD, curve.innovation, curve.stage, NETWORK),
        kind=Kind.SPREAD,
        statement=statement,
        direction=direction,
        scope=NETWORK,
        scope_name="the network",
        measure=curve.innovation,
        measure_title=innovation.title,
        innovation=curve.innovation,
        certainty=Confidence(
            level=Certainty.HIGH,
            because=(
                f"counted from dated adoption records against the membership on {_day(now.day)}, not "
                f"estimated. A member without a "
                "record counts as not there yet; how fully it is used is told below, where anybody has recorded it."
            ),
            estimate=Estimate(
                value=now.adopted, lower=now.adopted, upper=now.adopted, interval="complete count", unit=unit
            ),
            method="coverage@1",
        ),
        comparator=f"A year before: {before.adopted} of {before.members}." if before else None,
        benefit=None,
        chart=adoption_chart(
            points=tuple(
                CoveragePoint(day=point.day, adopted=point.adopted, members=point.members) for point in curve.points
            ),
            adopted_label=f"{member_noun} that {done} it",
            members_label=f"all {member_noun}",
            title=f"{member_noun.capitalize()} that {done} {title}",
            expected=outlook.expected if outlook else (),
        ),
        alt_text=(
            f"Step chart of the number of {member_noun} that {done} {title} out of all {member_noun}, from "
            f"{_day(curve.points[0].day)} to {_day(curve.points[-1].day)}. {statement}{f' {ahead[0]}' if ahead else ''}"
        ),
        table=_table(curve, outlook, now, (f"{member_noun.capitalize()} that {done} it", f"All {member_noun}")),
        action=Action(text=f"Offer help with {title} to {listing(missing)}.", owner_role="Programme manager")
        if missing
        else None,
        provenance=provenance,
        notes=(
            f"Not there yet: {', '.join(missing) if missing else 'nobody'}.",
            f'Counts members at stage "{curve.stage.replace("_", " ")}" or beyond on each day; one that has '
            f"stopped is not counted.",
            *stopped_words(stopped, membership),
            *ahead,
            *(slow_words(outlook.slow, membership) if outlook else ()),
            *(lasting_words(outlook, membership, member_noun) if outlook else ()),
        ),
    )


def _table(curve: AdoptionCurve, outlook: Outlook | None, now: Coverage, names: tuple[str, str]) -> Table:
    """Return the curve day by day, and days to come with their intervals where there is a forecast."""
    counted = [
        (
            point.day,
            point.adopted,
            point.members,
            round(100 * point.adopted / point.members, 1) if point.members else 0.0,
        )
        for point in curve.points
    ]
    ahead = rows_ahead(outlook) if outlook else ()
    if not ahead:
        return Table(columns=("Day", *names, "Per cent"), rows=tuple(counted))
    return Table(
        columns=("Day", *names, "Per cent", "Forecast, lower 95%", "Forecast, upper 95%"),
        rows=(
            *((*row, Mark.NOT_APPLICABLE, Mark.NOT_APPLICABLE) for row in counted),
            *(table_cells(row, now.members) for row in ahead),
        ),
    )


def _a_year_before(curve: AdoptionCurve, day: date) -> Coverage | None:
    """Return the point of the curve nearest to a year earlier, if one is near: a curve may be monthly or quarterly."""
    then = date(day.year - 1, day.month, 28 if (day.month, day.day) == (2, 29) else day.day)
    nearest = min(curve.points, key=lambda point: abs(point.day - then), default=None)
    return nearest if nearest is not None and abs(nearest.day - then) <= HALF_A_QUARTER else None


def _change(before: Coverage | None, now: Coverage) -> tuple[str, Direction]:
    if before is None:
        return "", Direction.NEUTRAL
    base = f"{before.adopted}" if before.members == now.members else f"{before.adopted} of {before.members}"
    if now.adopted > before.adopted:
        return f", up from {base} a year ago", Direction.BETTER
    if now.adopted < before.adopted:
        return f", down from {base} a year ago", Direction.WORSE
    return ", the same number as a year ago", Direction.NO_CHANGE


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"

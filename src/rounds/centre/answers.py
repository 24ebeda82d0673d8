"""Does a verified reply answer what was asked? Signed by the right site is not yet right."""

from collections.abc import Sequence

import polars as pl

from rounds.errors import MessageError
from rounds.exchange.messages import Reply
from rounds.exchange.question import Question
from rounds.exchange.tables import ReceivedTable
from rounds.measures.completeness import looked_at
from rounds.measures.definitions import Measure
from rounds.measures.questions import PublishedQuestion
from rounds.network.members import Membership


def check_answer(reply: Reply, *, question: Question, measures: Sequence[Measure], source: str) -> None:
    """Raise unless a reply holds just the tables, strata, levels and periods that were asked for.

    A site of records answers for its one member, every period and level, zeros included. Published data may have gaps
    and be about many members, under whatever policy.

    Args:
        reply: verified.
        question: what the site was asked.
        measures: the round's measures.
        source: the file's name, for the message.

    Raises:
        MessageError: naming site, measure and what does not fit.
    """
    if reply.shares:
        raise MessageError(f"{source}: {reply.site} has sent masked numbers where tables were asked for; refuse it")
    answered = tuple(table.measure for table in reply.tables)
    if answered != question.measures:
        raise MessageError(
            f"{source}: {reply.site} was asked for {', '.join(map(str, question.measures))} and answered "
            f"{', '.join(map(str, answered)) or 'nothing'}; let the site answer again"
        )
    by_ref = {measure.ref: measure for measure in measures}
    for table in reply.tables:
        problem = _problem(table, by_ref[table.measure], question)
        if problem:
            raise MessageError(f"{source}: {table.measure}: {problem}; refuse it and ask {reply.site} to answer again")


def _problem(table: ReceivedTable, measure: Measure, question: Question) -> str | None:
    cells = table.cells
    if table.strata != measure.strata:
        return f"split by {', '.join(table.strata) or 'nothing'} instead of {', '.join(measure.strata) or 'nothing'}"
    for stratum in measure.strata:
        unknown = set(cells[str(stratum)]) - set(measure.levels(stratum))
        if unknown:
            return f"{stratum} has levels that are not registered"
    periods = {period.start for period in measure.periods(first=question.first, last=question.last)}
    if set(cells["period"]) - periods:
        return "it holds periods that were not asked for"
    if measure.kind.is_proportion and cells.filter(pl.col("numerator_lower") > pl.col("denominator_upper")).height:
        return "a numerator is above its denominator, whatever was withheld"
    most = measure.amount.steps if measure.amount is not None else None
    if most is not None and cells.filter(pl.col("numerator_lower") > most * pl.col("denominator_upper")).height:
        return "a sum is above what its units can add up to, whatever was withheld"
    names = [one.name for one in looked_at(measure.question, measure.strata)]
    if [share.name for share in table.completeness] not in ([], names):
        return "it says how complete something is that the measure does not look at"
    levels = 1
    for stratum in measure.strata:
        levels *= len(measure.levels(stratum))
    grid = len(periods) * levels
    from_records = not isinstance(measure.question, PublishedQuestion)
    if from_records and cells["member"].value_counts()["count"].to_list() != [grid]:
        return f"it is not about one member with just the {grid} rows of periods and levels that were asked for"
    return None


def check_members(replies: Sequence[Reply], membership: Membership) -> None:
    """Raise if a site speaks for somebody who is no member, or two sites speak for the same member.

    Raises:
        MessageError: naming the sites, the measure and the member.
    """
    known = {member.ods_code for member in membership.members}
    spoken_for: dict[tuple[str, str], str] = {}
    for reply in replies:
        for table in reply.tables:
            for member in table.cells["member"].unique(maintain_order=True):
                if member not in known:
                    raise MessageError(
                        f"site {reply.site}, measure {table.measure}: it answers for {member}, which is not in "
                        "members.csv; add the member or correct the site's settings"
                    )
                other = spoken_for.setdefault((table.measure.id, member), reply.site)
                if other != reply.site:
                    raise MessageError(
                        f"sites {other} and {reply.site} both answer for member {member} on {table.measure}; "
                        "only one site may speak for a member"
                    )

"""What the centre keeps on record of a round, from its plan and its post."""

from collections.abc import Mapping
from datetime import date

from rounds import __version__
from rounds.centre.plan import Plan
from rounds.exchange.messages import Reply
from rounds.reports.crate.record import AnswerRecord, RoundRecord, SiteRecord
from rounds.storage.workspace import Workspace


def round_record(
    workspace: Workspace, plan: Plan, replies: Mapping[str, Reply | None], *, asked: Mapping[str, date], inputs: str
) -> RoundRecord:
    """Return what is on record of a round. Every day in it is that of a message.

    Args:
        workspace: the network.
        plan: of the round.
        replies: by site; None where no answer is in.
        asked: the day on which each site was asked.
        inputs: the digest of everything that decides what is published.
    """
    declared = plan.declaration
    return RoundRecord(
        network_id=workspace.id,
        network_name=workspace.name,
        membership=workspace.membership,
        round_id=plan.round_id,
        title=declared.title,
        asked_by=declared.asked_by,
        first=declared.first,
        last=declared.last,
        as_of=declared.as_of,
        measures=plan.measures,
        plan=plan.content,
        inputs=inputs,
        sites=tuple(
            SiteRecord(site=site.site, asked=asked[site.site], answer=_answer(replies[site.site]))
            for site in plan.sites
        ),
        code_version=__version__,
    )


def _answer(reply: Reply | None) -> AnswerRecord | None:
    if reply is None:
        return None
    rules = tuple((table.measure, table.policy) for table in reply.tables)
    return AnswerRecord(issued=reply.issued, digest=reply.digest, rules=rules)

"""How far a round has come."""

from dataclasses import dataclass

from rounds.centre.attempts import current_attempt, received_path, waited_for
from rounds.centre.plan import Plan, make_plan
from rounds.centre.post import Desk, refusals
from rounds.disclosure.attempt import Attempt
from rounds.exchange.folder import ExchangeFolder
from rounds.storage.round_files import RoundDeclaration
from rounds.storage.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundStatus:
    """Where every site of a round is."""

    round_id: str
    published: bool
    sites: tuple[tuple[str, str], ...]
    """(site id, "not asked" | "asked" | "answered" | "received" | "refused: " with the reason)"""

    @property
    def summary(self) -> str:
        received = sum(where == "received" for _, where in self.sites)
        return f"{received} of {len(self.sites)} sites received, {'published' if self.published else 'not published'}"


def _of_the_sums(desk: Desk, plan: Plan, attempt: Attempt | None, site: str) -> str:
    """Return where a site is that is only asked for sums over all sites."""
    if attempt is None or site not in attempt.sites:
        return "not asked"
    if received_path(desk, plan, attempt, site).exists():
        return "received"
    return "asked" if site in waited_for(desk, plan, attempt) else "answered"


def round_status(workspace: Workspace, declaration: RoundDeclaration) -> RoundStatus:
    """Return where a round stands, from what lies in the folders. Writes nothing."""
    plan = make_plan(workspace, declaration)
    desk = Desk(folder=workspace.centre, exchange=ExchangeFolder(path=workspace.exchange))

    attempt = current_attempt(desk, plan)
    alone = {site.site for site in plan.sites}
    refused = refusals(desk, plan)

    def where(site: str) -> str:
        if site not in alone:
            return _of_the_sums(desk, plan, attempt, site)
        if desk.received_path(plan.round_id, site).exists():
            return "received"
        if site in refused:
            return f"refused: {refused[site]}"
        if desk.exchange.reply_path(plan.round_id, site).exists():
            return "answered"
        return "asked" if desk.asked_path(plan.round_id, site).exists() else "not asked"

    return RoundStatus(
        round_id=plan.round_id,
        published=workspace.outputs(plan.round_id).is_dir(),
        sites=tuple((site.site, where(site.site)) for site in plan.asked),
    )
